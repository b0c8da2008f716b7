"""How fast the profile's disk reads, past the system's cache. The body of the child "disk".

Writes a small file of noise (a disk that compresses gains nothing), reads it directly, and
removes it. Says why where the cache cannot be avoided, rather than measure memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.foundation.errors import NotPossibleHere
from app.foundation.units import MIB

JsonObject = dict[str, Any]

FILE_BYTES = 48 * MIB
_PIECE_BYTES = 4 * MIB
_BUDGET_S = 0.5
_SPARE_BYTES = 20 * FILE_BYTES
_PREFIX = ".speed-"
_IN_MEMORY = ("tmpfs", "ramfs")


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`request["folder"]`; answers `read_bytes_per_s`. Raises NotPossibleHere with the reason."""
    return {"read_bytes_per_s": read_speed(Path(request["folder"]))}


def read_speed(folder: Path, *, n_bytes: int = FILE_BYTES) -> float:
    """Bytes a second of one direct read from front to back, for at most half a second."""
    if (kind := file_system_of(folder, _mounts())) in _IN_MEMORY:
        raise NotPossibleHere("The disk cannot be timed.", f"the folder is in memory ({kind})")
    try:
        with _noise(folder, n_bytes) as path:
            return _read_directly(path, n_bytes)
    except OSError as error:
        why = f"the system does not read past its cache here ({error.strerror or error})"
        raise NotPossibleHere("The disk cannot be timed.", why) from error


def file_system_of(folder: Path, mounts: str) -> str:
    """The kind of the file system that holds a folder, from /proc/mounts; "" if it is not told."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = folder == Path(point) or Path(point) in folder.parents
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


@contextlib.contextmanager
def _noise(folder: Path, n_bytes: int) -> Iterator[Path]:
    """A file that is on the disk and, as far as can be asked for, nowhere else."""
    import psutil

    if psutil.disk_usage(str(folder)).free < _SPARE_BYTES:
        raise NotPossibleHere("The disk cannot be timed.", "it is nearly full")
    for left in folder.glob(f"{_PREFIX}*"):  # of one that was ended on the way
        left.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for _ in range(n_bytes // _PIECE_BYTES):
                file.write(os.urandom(_PIECE_BYTES))
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "linux":
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _read_directly(path: Path, n_bytes: int) -> float:
    # Direct reads want a buffer that starts on a page.
    with mmap.mmap(-1, _PIECE_BYTES) as buffer, _opened(path) as read:
        n_read, began_s = 0, time.perf_counter()
        while n_read < n_bytes and time.perf_counter() - began_s < _BUDGET_S:
            got = read(buffer)
            if got <= 0:
                break
            n_read += got
        took_s = time.perf_counter() - began_s
    if n_read == 0:
        raise OSError(0, "nothing was read")
    return n_read / max(took_s, 1e-9)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Callable[[mmap.mmap], int]]:
    """A function that reads the next piece past the cache. Raises OSError where none can."""
    if sys.platform == "win32":
        with _windows(path) as read:
            yield read
    else:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECT", 0))
        try:
            if sys.platform == "darwin":
                import fcntl

                fcntl.fcntl(descriptor, fcntl.F_NOCACHE, 1)
            yield lambda buffer: os.readv(descriptor, [buffer])
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _windows(path: Path) -> Iterator[Callable[[mmap.mmap], int]]:
    """CreateFileW with FILE_FLAG_NO_BUFFERING, and ReadFile."""
    if sys.platform != "win32":
        raise OSError(0, "this is not Windows")
    else:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateFileW.restype = ctypes.c_void_p
        kernel.ReadFile.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        kernel.CloseHandle.argtypes = [ctypes.c_void_p]
        read_access, share_all, existing, unbuffered = 0x80000000, 7, 3, 0x20000000
        handle = kernel.CreateFileW(
            str(path), read_access, share_all, None, existing, unbuffered, None
        )
        if handle in (None, ctypes.c_void_p(-1).value):
            raise ctypes.WinError(ctypes.get_last_error())

        def read(buffer: mmap.mmap) -> int:
            got = ctypes.c_uint32(0)
            address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
            if not kernel.ReadFile(handle, address, len(buffer), ctypes.byref(got), None):
                raise ctypes.WinError(ctypes.get_last_error())
            return int(got.value)

        try:
            yield read
        finally:
            kernel.CloseHandle(handle)


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text("utf-8", "replace")
    except OSError:
        return ""
