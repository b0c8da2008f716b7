"""What a file on the hub is made of: bytes at hand, or bytes that a function makes when asked.

A sown file of any size takes no room: a real GGUF header, then noise that only its seed and place
decide.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Protocol

from tests.fixtures.tiny_models import make_header

PIECE_BYTES = 64 * 1024
_LAYERS, _WIDTH = 4, 256
_BYTES_OF_ONE_FF = _LAYERS * 3 * _WIDTH * 2


class Content(Protocol):
    """Bytes that can be read from any place."""

    @property
    def bytes(self) -> int: ...

    @property
    def sha256(self) -> str: ...

    def read(self, first: int, n_bytes: int) -> bytes: ...


class Held:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.bytes = len(data)

    @classmethod
    def of(cls, path: Path) -> Held:
        return cls(path.read_bytes())

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def read(self, first: int, n_bytes: int) -> bytes:
        return self.data[first : first + n_bytes]


class Sown:
    """A header, then noise up to `n_bytes`. Every piece of the noise differs from all others."""

    def __init__(self, header: bytes, n_bytes: int, seed: int = 0) -> None:
        self.bytes = n_bytes
        self._header = header
        self._noise = random.Random(seed).randbytes(PIECE_BYTES - 16)
        self._seed = seed

    @cached_property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in pieces(self, 0, self.bytes):
            digest.update(piece)
        return digest.hexdigest()

    def read(self, first: int, n_bytes: int) -> bytes:
        last = min(first + n_bytes, self.bytes)
        if first >= last:
            return b""
        begins, ends = first // PIECE_BYTES, (last - 1) // PIECE_BYTES
        data = b"".join(self._piece(index) for index in range(begins, ends + 1))
        offset = begins * PIECE_BYTES
        data = data[first - offset : last - offset]
        if first < len(self._header):
            front = self._header[first:last]
            data = front + data[len(front) :]
        return data

    def _piece(self, index: int) -> bytes:
        return b"%8d%8d" % (self._seed % 10**8, index) + self._noise


def pieces(content: Content, first: int, n_bytes: int) -> Iterator[bytes]:
    """The bytes from `first` on, in pieces."""
    end = min(first + n_bytes, content.bytes)
    while first < end:
        piece = content.read(first, min(PIECE_BYTES, end - first))
        yield piece
        first += len(piece)


def sown_model(n_bytes: int, seed: int = 0) -> Sown:
    """A file of about `n_bytes` (2 MB or more) whose header is that of a real llama."""
    n_ff = max(256, n_bytes // _BYTES_OF_ONE_FF // 32 * 32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "header.gguf"
        whole = make_header(
            "llama", path, n_layer=_LAYERS, n_embd=_WIDTH, n_ff=n_ff, name=f"Sown {seed}"
        )
        return Sown(path.read_bytes(), whole, seed)
