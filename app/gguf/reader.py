"""Reads a GGUF header, trusting none of it: every length is checked against the file first.

Runs on any thread but the window's; reads in blocks, so a file that shrinks meanwhile is an
error, not a fault. Knows the container only, not what its keys and tensors mean.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import sys
from array import array
from pathlib import Path
from typing import BinaryIO

from app.foundation.errors import ModelFileInvalid, ModelNotFound, ModelUnsupported
from app.gguf.header import Header, Strings, TensorInfo, Value
from app.gguf.types import ARRAY, NUMBERS, TENSOR_TYPES, TEXT

MAX_HEADER_BYTES = 512 * 1024 * 1024
MAX_KEYS = 65_536
MAX_TENSORS = 131_072
MAX_KEY_BYTES = 1024
MAX_NAME_BYTES = 63  # GGML_MAX_NAME is 64 with its closing zero
MAX_TEXT_BYTES = 64 * 1024 * 1024
MAX_STRINGS = 1 << 22  # in all arrays of the header together
MAX_ELEMENTS = 1 << 26  # in one array of numbers
MAX_ALIGNMENT = 1 << 16
DOWNLOAD_AGAIN = "Download the file again, or from another source."

_BLOCK_BYTES = 1 << 20
_KEY = re.compile(rb"[!-~]+\Z")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


def invalid(path: str, detail: str, remedy: str = DOWNLOAD_AGAIN) -> ModelFileInvalid:
    """The error for a file that is not what it should be; `detail` is a sentence."""
    return ModelFileInvalid(f"{Path(path).name} is damaged or not a model.", detail, remedy)


def read_header(path: str | Path) -> Header:
    """Read the header of a GGUF file, version 2 or 3, little-endian.

    Raises ModelNotFound, ModelFileInvalid, or ModelUnsupported (a format newer than this).
    Never reads more than the header and never holds more than a small multiple of it.
    """
    path = str(path)
    try:
        _check_ordinary(path)
        with open(path, "rb") as file:
            file_bytes = file.seek(0, 2)
            file.seek(0)
            return _Reader(path, file, file_bytes).header()
    except FileNotFoundError:
        raise ModelNotFound(
            "There is no such model file.", f"Nothing was found at {path}.", "Check the path."
        ) from None
    except (IsADirectoryError, NotADirectoryError):
        raise ModelNotFound(
            "This is a folder, not a model file.", f"{path} is a folder.", "Choose a .gguf file."
        ) from None
    except OSError as error:
        raise ModelNotFound(
            "The model file cannot be read.",
            f"{path}: {error.strerror or error}.",
            "Check that the file is still there and that you may read it.",
        ) from error


def _check_ordinary(path: str) -> None:
    """A pipe would never answer, and a device never end. Raises ModelNotFound, OSError."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ModelNotFound(
            "This is not a model file.",
            f"{path} is no ordinary file, but a pipe, a socket or a device.",
            "Choose a .gguf file.",
        )


def header_from(file: BinaryIO, path: str, file_bytes: int) -> Header:
    """The header of a GGUF whose bytes come from `file`, in order and as they are asked for.

    `path` names it in errors, `file_bytes` is the length of the whole file. What `file.read`
    raises goes through. Raises ModelFileInvalid or ModelUnsupported.
    """
    return _Reader(path, file, file_bytes).header()


class _Reader:
    """A cursor over the header bytes read so far; `_need` reads on and checks the bounds."""

    def __init__(self, path: str, file: BinaryIO, file_bytes: int) -> None:
        self._path = path
        self._file = file
        self._file_bytes = file_bytes
        self._data = bytearray()
        self._at = 0
        self._n_strings = 0

    def header(self) -> Header:
        version = self._version()
        n_tensors = self._count("tensors", MAX_TENSORS)
        n_keys = self._count("keys", MAX_KEYS)
        metadata: dict[str, Value] = {}
        types: dict[str, str] = {}
        for _ in range(n_keys):
            key = self._key()
            if key in metadata:
                raise self._bad(f"The key {key} appears twice in its header.")
            metadata[key], types[key] = self._value(key)
        alignment = self._alignment(metadata, types)
        raw = [self._tensor() for _ in range(n_tensors)]
        data_offset = -(-self._at // alignment) * alignment if raw else self._at
        tensors = self._placed(raw, alignment, data_offset)
        return Header(
            path=self._path,
            version=version,
            metadata=metadata,
            types=types,
            tensors=tensors,
            alignment=alignment,
            data_offset=data_offset,
            file_bytes=self._file_bytes,
        )

    def _bad(self, detail: str) -> ModelFileInvalid:
        return invalid(self._path, detail)

    def _need(self, n_bytes: int) -> int:
        """Make the next `n_bytes` available and step over them; returns where they start."""
        start, end = self._at, self._at + n_bytes
        if end > self._file_bytes:
            raise self._bad("The file ends in the middle of its header: it was cut off.")
        if end > MAX_HEADER_BYTES:
            raise self._bad("Its header is larger than 512 MB, which no model needs.")
        while len(self._data) < end:
            block = self._file.read(max(_BLOCK_BYTES, end - len(self._data)))
            if not block:
                raise self._bad("The file became shorter while it was read.")
            self._data += block
        self._at = end
        return start

    def _u32(self) -> int:
        start = self._need(4)
        return int(_U32.unpack_from(self._data, start)[0])

    def _u64(self) -> int:
        start = self._need(8)
        return int(_U64.unpack_from(self._data, start)[0])

    def _version(self) -> int:
        if self._file_bytes < 24:
            raise self._bad(f"It has only {self._file_bytes} bytes.")
        magic = bytes(self._data[(start := self._need(4)) : start + 4])
        if magic != b"GGUF":
            raise self._bad(_not_gguf(magic))
        version = self._u32()
        if version in (2, 3):
            return version
        if version and version & 0xFFFF == 0:
            raise invalid(
                self._path,
                "It was written for big-endian computers, which this is not.",
                "Download the usual little-endian file of this model.",
            )
        if version == 1 or version == 0:
            raise invalid(
                self._path,
                f"It has version {version} of the format, which no current program reads.",
                "Download a newer conversion of this model.",
            )
        raise ModelUnsupported(
            "This model file is newer than this version of Hearth.",
            f"It has version {version} of the GGUF format; versions 2 and 3 are understood.",
            "Update Hearth, or choose another file of this model.",
        )

    def _count(self, what: str, most: int) -> int:
        count = self._u64()
        if count > most:
            raise self._bad(f"Its header claims {count:,} {what}; at most {most:,} make sense.")
        return count

    def _key(self) -> str:
        length = self._u64()
        if not 1 <= length <= MAX_KEY_BYTES:
            raise self._bad(f"A key in its header is {length:,} bytes long.")
        start = self._need(length)
        raw = bytes(self._data[start : start + length])
        if not _KEY.match(raw):
            raise self._bad("A key in its header has characters that keys cannot have.")
        return raw.decode("ascii")

    def _text(self, what: str, most: int = MAX_TEXT_BYTES) -> bytes:
        length = self._u64()
        if length > most:
            raise self._bad(f"{what} claims to be {length:,} bytes long.")
        start = self._need(length)
        return bytes(self._data[start : start + length])

    def _value(self, key: str) -> tuple[Value, str]:
        kind = self._u32()
        if kind == TEXT:
            return self._text(f"The text of {key}").decode("utf-8", "replace"), "text"
        if kind == ARRAY:
            return self._array(key)
        if kind not in NUMBERS:
            raise self._bad(f"The value of {key} has the unknown type {kind}.")
        name, code, n_bytes = NUMBERS[kind]
        start = self._need(n_bytes)
        value = struct.unpack_from("<" + code, self._data, start)[0]
        return (bool(value) if name == "bool" else value), name

    def _array(self, key: str) -> tuple[Value, str]:
        kind, count = self._u32(), self._u64()
        if kind == TEXT:
            return self._strings(key, count), "[text]"
        if kind not in NUMBERS:
            raise self._bad(f"The list {key} has elements of the unknown type {kind}.")
        name, code, n_bytes = NUMBERS[kind]
        if count > MAX_ELEMENTS:
            raise self._bad(f"The list {key} claims {count:,} elements.")
        start = self._need(count * n_bytes)
        values: array[int] | array[float] = array(code)
        values.frombytes(self._data[start : start + count * n_bytes])
        if sys.byteorder == "big":
            values.byteswap()
        return values, f"[{name}]"

    def _strings(self, key: str, count: int) -> Strings:
        """The hot loop: a vocabulary has some 150,000 tokens and as many merges."""
        self._n_strings += count
        if count * 8 > self._file_bytes - self._at:
            raise self._bad(f"The list {key} claims {count:,} elements, more than the file holds.")
        if self._n_strings > MAX_STRINGS:
            raise self._bad(f"The lists in its header claim {self._n_strings:,} texts.")
        items: list[bytes] = []
        add, unpack = items.append, _U64.unpack_from
        data, at, available = self._data, self._at, len(self._data)
        for _ in range(count):
            text = at + 8
            if text > available:
                self._at = at
                self._need(8)
                available = len(data)
            length = unpack(data, at)[0]
            end = text + length
            if end > available:
                if length > MAX_TEXT_BYTES:
                    raise self._bad(f"A text in {key} claims to be {length:,} bytes long.")
                self._at = text
                self._need(length)
                available = len(data)
            add(bytes(data[text:end]))
            at = end
        self._at = at
        return Strings(items)

    def _alignment(self, metadata: dict[str, Value], types: dict[str, str]) -> int:
        value = metadata.get("general.alignment", 32)
        if types.get("general.alignment", "u32") != "u32" or not isinstance(value, int):
            raise self._bad("Its alignment is not a whole number.")
        if not 1 <= value <= MAX_ALIGNMENT or value & (value - 1):
            raise self._bad(f"Its alignment is {value}, which is not a usable power of two.")
        return value

    def _tensor(self) -> tuple[str, int, tuple[int, ...], int]:
        """One row of the table: name, type number, shape, offset."""
        raw = self._text("The name of a tensor", MAX_NAME_BYTES)
        if not raw or any(byte < 0x20 or byte > 0x7E for byte in raw):
            raise self._bad("A tensor has no name, or one with characters names cannot have.")
        name = raw.decode("ascii")
        n_dims = self._u32()
        if n_dims > 4:
            raise self._bad(f"The tensor {name} has {n_dims} dimensions; at most 4 are possible.")
        shape = tuple(self._u64() for _ in range(n_dims)) or (1,)
        return name, self._u32(), shape, self._u64()

    def _placed(
        self, raw: list[tuple[str, int, tuple[int, ...], int]], alignment: int, data_offset: int
    ) -> tuple[TensorInfo, ...]:
        """Sizes from types and shapes; each must start where the one before it ends."""
        tensors: list[TensorInfo] = []
        names: set[str] = set()
        expected = 0
        for name, number, shape, offset in raw:
            n_bytes = self._size(name, number, shape)
            if name in names:
                raise self._bad(f"The tensor {name} appears twice.")
            if offset != expected:
                raise self._bad(
                    f"The tensor {name} starts at byte {offset:,} of the data, not at "
                    f"{expected:,}, where the one before it ends."
                )
            if data_offset + offset + n_bytes > self._file_bytes:
                missing = data_offset + offset + n_bytes - self._file_bytes
                raise self._bad(
                    f"The tensor {name} reaches {missing:,} bytes past the end of the file: "
                    "it was cut off."
                )
            names.add(name)
            tensors.append(TensorInfo(name, TENSOR_TYPES[number].name, shape, offset, n_bytes))
            expected = -(-(offset + n_bytes) // alignment) * alignment
        return tuple(tensors)

    def _size(self, name: str, number: int, shape: tuple[int, ...]) -> int:
        if number not in TENSOR_TYPES:
            raise self._bad(f"The tensor {name} has the unknown type {number}.")
        kind = TENSOR_TYPES[number]
        n_elements = 1
        for size in shape:
            if not 1 <= size < 1 << 40:
                raise self._bad(f"The tensor {name} has a dimension of {size:,}.")
            n_elements *= size
        if n_elements >= 1 << 52:
            raise self._bad(f"The tensor {name} claims {n_elements:,} elements.")
        if shape[0] % kind.block:
            raise self._bad(
                f"The rows of the tensor {name} have {shape[0]:,} elements, which is not a "
                f"multiple of {kind.block} as its type {kind.name} needs."
            )
        return n_elements // kind.block * kind.block_bytes


def _not_gguf(magic: bytes) -> str:
    """What the first four bytes look like instead."""
    if magic[:2] == b"PK":
        return "It is a zip archive (perhaps a PyTorch checkpoint), not a GGUF file."
    if magic in (b"ggml", b"lmgg", b"ggjt", b"tjgg", b"fmgg"):
        return "It has the old GGML format, which no current program reads."
    if magic.lstrip()[:1] == b"<":
        return "It is a web page: the download brought an error page instead of the model."
    if magic[:2] in (b"ve", b"ht"):
        return "It is a text file that stands for a larger one, not the model itself."
    if magic == b"\0\0\0\0":
        return "It begins with zeros: the download was never finished."
    return "It does not begin with the letters GGUF."
