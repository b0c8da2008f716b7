"""A header put together from its two ends: its numbers from the front, its tensors from the back.

Between them stands the vocabulary, megabytes that no plan needs. Pure; trusts no byte: what is
put together is read like any other header, and has to fit the file's length.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.foundation.errors import HearthError
from app.gguf.header import Header
from app.gguf.reader import MAX_KEY_BYTES, MAX_KEYS, MAX_NAME_BYTES, MAX_TENSORS, header_from
from app.gguf.types import ARRAY, NUMBERS, TENSOR_TYPES, TEXT

ROW_BYTES = 96
"""More than a row of a tensor table takes in any known model: 30 bytes and a name."""
_FIXED_BYTES = 24
_TOKENS = b"tokenizer.ggml.tokens"
_ROW_START = re.compile(rb"[\x01-\x3f]\x00{7}(?=[ -~])")


class _Beyond(Exception):
    """The bytes at hand end here."""


@dataclass(frozen=True, slots=True)
class Front:
    """The keys that are whole at the start of a header, less long lists of text.

    `n_tokens` is the length of the vocabulary where that list begins in the bytes at hand.
    """

    n_tensors: int
    n_keys: int
    keys: tuple[bytes, ...]
    n_tokens: int
    architecture: str

    @property
    def needs_table(self) -> bool:
        """Whether enough was seen to go on with the table alone."""
        return bool(self.architecture and self.n_tokens and 0 < self.n_tensors <= MAX_TENSORS)


def front_of(data: bytes) -> Front | None:
    """What the first bytes of a file say; None where they begin no GGUF that is understood."""
    if len(data) < _FIXED_BYTES or data[:4] != b"GGUF":
        return None
    version, n_tensors, n_keys = struct.unpack_from("<IQQ", data, 4)
    if version not in (2, 3) or n_keys > MAX_KEYS or n_tensors > MAX_TENSORS:
        return None
    at, keys, n_tokens, architecture = _FIXED_BYTES, [], 0, ""
    try:
        for _ in range(n_keys):
            key, value_at, end = _key(data, at)
            if end is None:
                if key == _TOKENS:
                    n_tokens = struct.unpack_from("<Q", data, value_at + 8)[0]
                break
            if key == b"general.architecture":
                architecture = data[value_at + 12 : end].decode("ascii", "replace")
            keys.append(data[at:end])
            at = end
    except (_Beyond, struct.error):
        pass
    return Front(n_tensors, n_keys, tuple(keys), n_tokens, architecture)


def joined(front: Front, tail: bytes, path: str, file_bytes: int, tail_at: int) -> Header | None:
    """The header of the file, its vocabulary a number; None where `tail` holds no whole table.

    `tail` are the bytes from `tail_at` on. Weights must end where the file ends.
    """
    size = f"{front.architecture}.vocab_size".encode("ascii", "replace")
    keys = [key for key in front.keys if key[8 : 8 + len(size)] != size]
    keys.append(_text(size) + struct.pack("<II", 4, min(front.n_tokens, 0xFFFFFFFF)))
    start = b"GGUF" + struct.pack("<IQQ", 3, front.n_tensors, len(keys)) + b"".join(keys)
    for table, end in _tables(tail, front.n_tensors):
        data = start + table
        try:
            header = header_from(io.BytesIO(data), path, file_bytes)
        except HearthError:
            continue
        at = tail_at + end
        data_offset = -(-at // header.alignment) * header.alignment
        weights = header.tensors[-1].offset + header.tensors[-1].n_bytes
        if 0 <= file_bytes - data_offset - weights < header.alignment:
            return replace(header, data_offset=data_offset)
    return None


def _key(data: bytes, at: int) -> tuple[bytes, int, int | None]:
    """A key, where its value begins, and where it ends; None for a long list of text."""
    (length,) = struct.unpack_from("<Q", data, at)
    value_at = at + 8 + length
    if not 1 <= length <= MAX_KEY_BYTES or value_at + 4 > len(data):
        raise _Beyond
    (kind,) = struct.unpack_from("<I", data, value_at)
    end: int | None
    if kind in NUMBERS:
        end = value_at + 4 + NUMBERS[kind][2]
    elif kind == TEXT:
        end = value_at + 12 + int(struct.unpack_from("<Q", data, value_at + 4)[0])
    elif kind == ARRAY:
        inner, count = struct.unpack_from("<IQ", data, value_at + 4)
        if inner == TEXT:
            return data[at + 8 : value_at], value_at, _texts_end(data, value_at + 16, count)
        if inner not in NUMBERS:
            raise _Beyond
        end = value_at + 16 + count * NUMBERS[inner][2]
    else:
        raise _Beyond
    if end > len(data):
        raise _Beyond
    return data[at + 8 : value_at], value_at, end


def _texts_end(data: bytes, at: int, count: int) -> int | None:
    """Where a short list of text ends; None for one of more than a few, or not all here."""
    if count > 64:
        return None
    for _ in range(count):
        (length,) = struct.unpack_from("<Q", data, at)
        at += 8 + length
        if at > len(data):
            raise _Beyond
    return at


def _tables(tail: bytes, n_tensors: int) -> Iterator[tuple[bytes, int]]:
    """Every run of `n_tensors` rows in `tail`, and where it ends; only the first row of a table
    has offset 0, so few places are tried."""
    for found in _ROW_START.finditer(tail):
        at: int | None = found.start()
        for index in range(n_tensors):
            row_at = at
            assert row_at is not None
            at = _row_end(tail, row_at, is_first=index == 0)
            if at is None:
                break
        else:
            assert at is not None
            yield tail[found.start() : at], at


def _row_end(tail: bytes, at: int, *, is_first: bool) -> int | None:
    try:
        (length,) = struct.unpack_from("<Q", tail, at)
        if not 1 <= length <= MAX_NAME_BYTES:
            return None
        (n_dims,) = struct.unpack_from("<I", tail, at + 8 + length)
        if not 1 <= n_dims <= 4:
            return None
        end = at + 12 + length + 8 * n_dims
        kind, offset = struct.unpack_from("<IQ", tail, end)
    except struct.error:
        return None
    if kind not in TENSOR_TYPES or (offset == 0) != is_first:
        return None
    return int(end + 12)


def _text(raw: bytes) -> bytes:
    return struct.pack("<Q", len(raw)) + raw
