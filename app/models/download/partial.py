"""A file that is not whole yet, and the journal of what is known to be right of it.

`NN.part` grows from the front; `NN.journal` holds the SHA-256 of each block, taken on arrival,
before the disk had it. Whoever holds the download's claim uses this, one thread at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FORMAT: Final = 1
LARGEST_BLOCK_BYTES: Final = 8 << 20
SMALLEST_BLOCK_BYTES: Final = 1 << 10
SYNC_BYTES: Final = 64 << 20
"""After so many bytes the disk is asked to keep them: more than that no power cut takes."""
_READ_BYTES: Final = 1 << 20
_LINE: Final = re.compile(rb"[0-9a-f]{64}\n")
_TAIL: Final = re.compile(rb"([0-9a-f]{64}) ([0-9]{1,8})\n\Z")
_LINE_BYTES: Final = 65
_MOST_HEAD_BYTES: Final = 16 * 1024
_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)

Tick = Callable[[int], None]
"""Called with the number of bytes looked at so far; may raise to stop."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the whole must be."""

    sha256: str
    bytes: int

    @property
    def block_bytes(self) -> int:
        """Below 1 % of all but the smallest files, and at most 8 MiB."""
        block = SMALLEST_BLOCK_BYTES
        while block < LARGEST_BLOCK_BYTES and block * 256 <= self.bytes:
            block *= 2
        return block


class Partial:
    """One file on its way. Open it, write to it, close it; `done_bytes` are there and counted."""

    def __init__(self, folder: Path, index: int, expected: Expected) -> None:
        self.path = folder / f"{index:02d}.part"
        self.expected = expected
        self.done_bytes = 0
        self._journal_path = folder / f"{index:02d}.journal"
        self._head = _head(expected)
        self._file = -1
        self._journal = -1
        self._block = hashlib.sha256()
        self._unsynced_bytes = 0
        self._trusted: tuple[int, ...] = ()
        self._sound: tuple[int, ...] = ()

    @property
    def is_open(self) -> bool:
        return self._file >= 0

    @property
    def is_whole(self) -> bool:
        return self.done_bytes == self.expected.bytes

    def open(self, tick: Tick) -> None:
        """Go on from the last byte whose block still has the hash that it arrived with.

        What was verified by this object and did not change since is not read again. Raises OSError.
        """
        self.close()
        try:
            self._file = os.open(self.path, _FLAGS, 0o666)
            self._journal = os.open(self._journal_path, _FLAGS, 0o666)
            self._take_up(tick)
        except BaseException:
            self._close_files()
            raise

    def write(self, data: bytes) -> None:
        """Append; what reached the file before an OSError counts."""
        block_bytes = self.expected.block_bytes
        view = memoryview(data)
        while view:
            room = block_bytes - self.done_bytes % block_bytes
            written = os.write(self._file, view[:room])
            self._block.update(view[:written])
            self.done_bytes += written
            self._unsynced_bytes += written
            view = view[written:]
            if self.done_bytes % block_bytes == 0 or self.is_whole:
                self._note_block()
        if self._unsynced_bytes >= SYNC_BYTES:
            self._sync()

    def close(self) -> None:
        """Note the block that is under way too, so that not a byte is fetched twice."""
        if self._file < 0:
            return
        try:
            tail = self.done_bytes % self.expected.block_bytes
            if tail and not self.is_whole:
                _write_all(self._journal, f"{self._block.hexdigest()} {tail}\n".encode())
            self._trusted = (*_stamp(os.fstat(self._file)), *_stamp(os.fstat(self._journal)))
        except OSError:
            # The journal then says less than is there; the next start finds that out.
            self._trusted = ()
        finally:
            self._close_files()

    def discard(self) -> None:
        """Remove both files: nothing of them is good."""
        self._close_files()
        self._trusted, self._sound, self.done_bytes = (), (), 0
        for path in (self._journal_path, self.path):
            path.unlink(missing_ok=True)

    def is_in_place(self) -> bool:
        """Whether what is written still goes to the file of that name. Raises OSError where there
        is none."""
        return os.fstat(self._file).st_size == self.path.stat().st_size

    def digest(self, tick: Tick) -> str:
        """SHA-256 of the file as the disk has it."""
        with open(self.path, "r+b", buffering=0) as file:
            os.fsync(file.fileno())
            _forget_cached(file.fileno())
            return digest_of(file.fileno(), tick)

    def vouch(self) -> None:
        """Its digest is the expected one: that holds as long as nobody touches the file."""
        self._sound = _stamp(self.path.stat())

    def is_sound(self) -> bool:
        """Whether it was vouched for and was not touched since."""
        if not self._sound:
            return False
        try:
            return _stamp(self.path.stat()) == self._sound
        except FileNotFoundError:
            return False

    def here_bytes(self) -> int:
        """How many bytes are here; before it was opened, what its size says."""
        if self.is_open or self._trusted or self.done_bytes:
            return self.done_bytes
        try:
            return min(self.path.stat().st_size, self.expected.bytes)
        except OSError:
            return 0

    def _take_up(self, tick: Tick) -> None:
        known = _journalled(self._journal, self._head, self.expected)
        is_trusted = self._trusted == (
            *_stamp(os.fstat(self._file)),
            *_stamp(os.fstat(self._journal)),
        )
        if known is None:
            self._begin_anew()
            return
        n_blocks, done = self._verified(known, tick, is_trusted=is_trusted)
        os.ftruncate(self._journal, len(self._head) + n_blocks * _LINE_BYTES)
        os.lseek(self._journal, 0, os.SEEK_END)
        if os.fstat(self._file).st_size != done:
            os.ftruncate(self._file, done)
        os.lseek(self._file, done, os.SEEK_SET)
        self.done_bytes = done

    def _begin_anew(self) -> None:
        os.ftruncate(self._file, 0)
        os.ftruncate(self._journal, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        os.lseek(self._journal, 0, os.SEEK_SET)
        _write_all(self._journal, self._head)
        self.done_bytes = 0
        self._block = hashlib.sha256()

    def _verified(self, known: _Known, tick: Tick, *, is_trusted: bool) -> tuple[int, int]:
        """How many whole blocks hold, and how many bytes with what lies behind them."""
        block_bytes, total = self.expected.block_bytes, self.expected.bytes
        n_good, done = 0, 0
        for digest in known.blocks:
            length = min(block_bytes, total - done)
            if not is_trusted and _hash_at(self._file, done, length).hexdigest() != digest:
                break
            n_good, done = n_good + 1, done + length
            tick(done)
        self._block = hashlib.sha256()
        if n_good == len(known.blocks) and 0 < known.tail_bytes < min(block_bytes, total - done):
            tail = _hash_at(self._file, done, known.tail_bytes)
            if tail.hexdigest() == known.tail:
                self._block, done = tail, done + known.tail_bytes
        return n_good, done

    def _note_block(self) -> None:
        _write_all(self._journal, f"{self._block.hexdigest()}\n".encode())
        self._block = hashlib.sha256()

    def _sync(self) -> None:
        os.fsync(self._file)
        os.fsync(self._journal)
        self._unsynced_bytes = 0

    def _close_files(self) -> None:
        for descriptor in (self._file, self._journal):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._file = self._journal = -1


@dataclass(frozen=True, slots=True)
class _Known:
    blocks: list[str]
    tail: str = ""
    tail_bytes: int = 0


def part_bytes(folder: Path) -> int:
    """How much lies half done in a folder, by the size of its files."""
    n_bytes = 0
    with contextlib.suppress(OSError):
        for path in folder.glob("*.part"):
            n_bytes += path.stat().st_size
    return n_bytes


def digest_of(descriptor: int, tick: Tick) -> str:
    """SHA-256 of an open file from where it stands to its end."""
    found, done = hashlib.sha256(), 0
    while data := os.read(descriptor, _READ_BYTES):
        found.update(data)
        done += len(data)
        tick(done)
    return found.hexdigest()


def _head(expected: Expected) -> bytes:
    said = {
        "journal": FORMAT,
        "bytes": expected.bytes,
        "sha256": expected.sha256,
        "block_bytes": expected.block_bytes,
    }
    return json.dumps(said).encode("ascii") + b"\n"


def _journalled(descriptor: int, head: bytes, expected: Expected) -> _Known | None:
    """What the journal says; None where it is another file's, or none at all."""
    n_blocks = -(-expected.bytes // expected.block_bytes)
    os.lseek(descriptor, 0, os.SEEK_SET)
    content = _read_all(descriptor, len(head) + (n_blocks + 2) * _LINE_BYTES + _MOST_HEAD_BYTES)
    if not content.startswith(head):
        return None
    at = len(head)
    blocks: list[str] = []
    while len(blocks) < n_blocks and _LINE.fullmatch(content, at, at + _LINE_BYTES):
        blocks.append(content[at : at + _LINE_BYTES - 1].decode("ascii"))
        at += _LINE_BYTES
    tail = _TAIL.match(content, at)
    if tail is None:
        return _Known(blocks)
    return _Known(blocks, tail[1].decode("ascii"), int(tail[2]))


def _hash_at(descriptor: int, at: int, length: int) -> hashlib._Hash:
    found = hashlib.sha256()
    os.lseek(descriptor, at, os.SEEK_SET)
    while length and (data := os.read(descriptor, min(length, _READ_BYTES))):
        found.update(data)
        length -= len(data)
    # What is shorter than it was has another hash than the one that was noted.
    return found


def _read_all(descriptor: int, most: int) -> bytes:
    found = bytearray()
    while len(found) < most and (data := os.read(descriptor, most - len(found))):
        found += data
    return bytes(found)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _stamp(stat: os.stat_result) -> tuple[int, ...]:
    # Not its number, which some network and removable disks give anew each time.
    return (stat.st_size, stat.st_mtime_ns)


def _forget_cached(descriptor: int) -> None:
    """What is read next should come from the disk, where the system can be asked for that."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
