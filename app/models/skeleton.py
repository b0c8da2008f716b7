"""A file that stands in for a model: its header, and as many bytes as it has, none of them there.

llama.cpp counts memory from it without reading weights (`no_alloc`). Written and removed on any
thread but the window's. Holds no weights: loading it for real would compute with zeros.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from app.foundation.errors import StorageError
from app.foundation.paths import storage_error
from app.gguf.header import Header, Strings, Value
from app.gguf.types import ARRAY, NUMBERS, TENSOR_TYPES, TEXT

_LEAST_ROOM_BYTES: Final = 64 * 1024 * 1024
_TRIED_BYTES: Final = 4 * 1024 * 1024
"""A hole this small costs nothing where it is filled."""
_LEFT_BEHIND_S: Final = 3600
_VALUE_TYPES = {name: number for number, (name, _, _) in NUMBERS.items()} | {"text": TEXT}
_CODES = {name: code for name, code, _ in NUMBERS.values()}
_TENSOR_NUMBERS = {entry.name: number for number, entry in TENSOR_TYPES.items()}
#: Types of values in a header that was made, not read: by Python type and array code.
_MADE_TYPES = {bool: "bool", int: "u32", float: "f32", str: "text"}
_MADE_ARRAYS = {"B": "[bool]", "i": "[i32]", "I": "[u32]", "f": "[f32]"}


@contextlib.contextmanager
def skeleton(header: Header, folder: Path) -> Iterator[Path]:
    """A file of this header in `folder`, of its true length and no real size; removed at the end.

    Raises StorageError (its kin) where it cannot be written, or where the disk would fill it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        handle, name = tempfile.mkstemp(prefix="skeleton-", suffix=".gguf", dir=folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            try:
                _write(header, file)
            except OSError as error:
                raise storage_error(error, folder) from error
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def header_of_bytes(header: Header) -> bytes:
    """The header as it stands at the start of a file, padded to where the weights begin."""
    names = [tensor.name.encode("ascii") for tensor in header.tensors]
    parts = [
        b"GGUF",
        struct.pack("<IQQ", 3, len(header.tensors), len(header.metadata)),
    ]
    for key, value in header.metadata.items():
        parts.append(_text(key.encode("ascii")))
        parts.append(_value(value, header.types.get(key) or _made_type(value)))
    offset = 0
    for name, tensor in zip(names, header.tensors, strict=True):
        parts.append(_text(name) + struct.pack("<I", len(tensor.shape)))
        parts.append(struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape))
        parts.append(struct.pack("<IQ", _TENSOR_NUMBERS[tensor.type_name], offset))
        offset += _aligned(tensor.n_bytes, header.alignment)
    written = b"".join(parts)
    return written.ljust(_aligned(len(written), header.alignment), b"\0")


def _sweep(folder: Path) -> None:
    """Remove what a process that was killed left behind."""
    for path in folder.glob("skeleton-*.gguf"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFT_BEHIND_S:
                path.unlink()


def _write(header: Header, file: BinaryIO) -> None:
    data = sum(_aligned(tensor.n_bytes, header.alignment) for tensor in header.tensors)
    _make_sparse(file)
    written = header_of_bytes(header)
    if data > _LEAST_ROOM_BYTES:
        file.truncate(_TRIED_BYTES)
        _check_holes(file, _TRIED_BYTES // 2)
        file.truncate(0)
    file.write(written)
    file.flush()
    file.truncate(len(written) + data)
    file.flush()
    _check_holes(file, len(written) + _LEAST_ROOM_BYTES)


def _check_holes(file: BinaryIO, most_bytes: int) -> None:
    """Raise StorageError where more than `most_bytes` of the disk were taken."""
    if getattr(os.fstat(file.fileno()), "st_blocks", 0) * 512 > most_bytes:
        raise StorageError(
            "This disk cannot hold an empty file.",
            "It would fill every byte of a file that stands for a model, to no use.",
            "Nothing is wrong with the model: the plan is calculated instead.",
        )


def _make_sparse(file: BinaryIO) -> None:
    """Elsewhere a hole is a hole; NTFS keeps room for it unless told (FSCTL_SET_SPARSE)."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt
        from ctypes import wintypes

        control = ctypes.WinDLL("kernel32", use_last_error=True).DeviceIoControl
        control.argtypes = [
            *(wintypes.HANDLE, wintypes.DWORD, wintypes.LPVOID, wintypes.DWORD, wintypes.LPVOID),
            *(wintypes.DWORD, ctypes.POINTER(wintypes.DWORD), wintypes.LPVOID),
        ]
        handle, done = msvcrt.get_osfhandle(file.fileno()), wintypes.DWORD()
        if not control(handle, 0x000900C4, None, 0, None, 0, ctypes.byref(done), None):
            raise ctypes.WinError(ctypes.get_last_error())


def _made_type(value: Value) -> str:
    if isinstance(value, array):
        return _MADE_ARRAYS[value.typecode]
    return "[text]" if isinstance(value, Strings) else _MADE_TYPES[type(value)]


def _value(value: Value, kind: str) -> bytes:
    if not kind.startswith("["):
        return struct.pack("<I", _VALUE_TYPES[kind]) + _single(value, kind)
    inner = kind[1:-1]
    if isinstance(value, Strings):
        body = b"".join(map(_text, value.raw))
    else:
        assert isinstance(value, array)
        body = struct.pack(f"<{len(value)}{_CODES[inner]}", *value)
    return struct.pack("<IIQ", ARRAY, _VALUE_TYPES[inner], len(value)) + body


def _single(value: Value, kind: str) -> bytes:
    if isinstance(value, str):
        return _text(value.encode("utf-8"))
    return struct.pack("<" + ("B" if kind == "bool" else _CODES[kind]), value)


def _text(raw: bytes) -> bytes:
    return struct.pack("<Q", len(raw)) + raw


def _aligned(n_bytes: int, alignment: int) -> int:
    return -(-n_bytes // alignment) * alignment
