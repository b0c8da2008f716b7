"""Rows read straight from the pages of a database file, past whatever is broken in it.

Pure reading of bytes, never through SQLite: it neither trusts the file nor changes it. Layout
from https://www.sqlite.org/fileformat2.html. Does not know what rows mean.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from app.database.header import MAGIC, committed_pages, logged_page_bytes

Value = None | int | float | str | bytes

_INTERIOR_TABLE = 0x05
_LEAF_TABLE = 0x0D
_USUAL_PAGE_BYTES = 4096
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_ROW_LIMIT_BYTES = 1 << 30


class _Broken(Exception):
    """This cell or page makes no sense."""


@dataclass(frozen=True, slots=True)
class Row:
    """The values of one row, in the order of the columns; those past the damage are missing."""

    rowid: int
    values: list[Value]


@dataclass(slots=True)
class RawFile:
    """The pages of a database, those in its write-ahead log laid over those in the file."""

    path: Path
    wal: Path | None = None
    page_bytes: int = _USUAL_PAGE_BYTES
    n_pages: int = 0
    n_broken: int = 0
    visited: set[int] = field(default_factory=set)
    _usable_bytes: int = 0
    _free: set[int] = field(default_factory=set)
    _in_log: dict[int, int] = field(default_factory=dict)
    _file: BinaryIO | None = None
    _log: BinaryIO | None = None

    def __enter__(self) -> RawFile:
        self._file = self.path.open("rb") if self.path.exists() else io.BytesIO()
        size_bytes = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        first = self._file.read(100)
        reserved = 0
        if first.startswith(MAGIC) and _is_page_size(size := _page_size(first[16:18])):
            self.page_bytes, reserved = size, min(first[20], size - 480)
        elif self.wal is not None and _is_page_size(size := logged_page_bytes(self.wal)):
            self.page_bytes = size
        self._usable_bytes = self.page_bytes - reserved
        self.n_pages = -(-size_bytes // self.page_bytes)
        if self.wal is not None and self.wal.exists():
            self._in_log = committed_pages(self.wal, self.page_bytes)
            self._log = self.wal.open("rb")
        self.n_pages = max(self.n_pages, *self._in_log, 0)
        self._free = self._free_pages()
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._file, self._log):
            if file is not None:
                file.close()

    def roots(self) -> dict[str, int]:
        """Root page by table, as far as the first page and those below it can be read."""
        found: dict[str, int] = {}
        for row in self.table(1):
            kind, name, _, root = (*row.values, None, None, None, None)[:4]
            if kind == "table" and isinstance(name, str) and isinstance(root, int):
                found[name] = root
        return found

    def table(self, root: int) -> Iterator[Row]:
        """Every row that can be reached from a table's root page."""
        waiting = [root]
        while waiting:
            number = waiting.pop()
            if number in self.visited or not 1 <= number <= self.n_pages:
                continue
            self.visited.add(number)
            page = self._page(number)
            start = 100 if number == 1 else 0
            if page[start] == _LEAF_TABLE:
                yield from self._rows(page, start)
            elif page[start] == _INTERIOR_TABLE:
                waiting += reversed(self._children(page, start))
            else:
                self.n_broken += 1

    def strays(self) -> Iterator[Row]:
        """Every row of the pages in use that `table` never reached."""
        for number in range(2, self.n_pages + 1):
            if number not in self.visited and number not in self._free:
                page = self._page(number)
                if page[0] == _LEAF_TABLE:
                    yield from self._rows(page, 0)

    def _page(self, number: int) -> bytes:
        if self._log is not None and number in self._in_log:
            self._log.seek(self._in_log[number])
            page = self._log.read(self.page_bytes)
        else:
            assert self._file is not None
            self._file.seek((number - 1) * self.page_bytes)
            page = self._file.read(self.page_bytes)
        return page.ljust(self.page_bytes, b"\0")

    def _free_pages(self) -> set[int]:
        """Pages that hold nothing any more, so that what was deleted stays deleted."""
        free: set[int] = set()
        trunk = int.from_bytes(self._page(1)[32:36])
        while 1 < trunk <= self.n_pages and trunk not in free:
            free.add(trunk)
            page = self._page(trunk)
            following, count = struct.unpack(">II", page[:8])
            count = min(count, self._usable_bytes // 4 - 2)
            free.update(struct.unpack(f">{count}I", page[8 : 8 + 4 * count]))
            trunk = following
        return free

    def _children(self, page: bytes, start: int) -> list[int]:
        pointers = self._cell_pointers(page, start, 12)
        children = [int.from_bytes(page[at : at + 4]) for at in pointers]
        return [*children, int.from_bytes(page[start + 8 : start + 12])]

    def _rows(self, page: bytes, start: int) -> Iterator[Row]:
        for at in self._cell_pointers(page, start, 8):
            try:
                yield self._row(page, at)
            except (_Broken, IndexError, struct.error):
                self.n_broken += 1

    def _cell_pointers(self, page: bytes, start: int, header_bytes: int) -> list[int]:
        count = int.from_bytes(page[start + 3 : start + 5])
        first = start + header_bytes
        count = min(count, (len(page) - first) // 2)
        pointers = struct.unpack_from(f">{count}H", page, first)
        sound = [at for at in pointers if first + 2 * count <= at < len(page) - 3]
        self.n_broken += len(pointers) - len(sound)
        return sound

    def _row(self, page: bytes, at: int) -> Row:
        n_bytes, at = _varint(page, at)
        rowid, at = _varint(page, at)
        if not 0 < n_bytes < _ROW_LIMIT_BYTES:
            raise _Broken
        local = self._local_bytes(n_bytes)
        payload = page[at : at + local]
        if local < n_bytes:
            following = int.from_bytes(page[at + local : at + local + 4])
            payload = self._with_overflow(payload, n_bytes, following)
        if len(payload) < n_bytes:
            self.n_broken += 1
        return Row(rowid - (1 << 64) if rowid >> 63 else rowid, _values(payload))

    def _local_bytes(self, n_bytes: int) -> int:
        """How much of a row is in its cell; the rest is in overflow pages (section 1.6)."""
        usable = self._usable_bytes
        most = usable - 35
        if n_bytes <= most:
            return n_bytes
        least = (usable - 12) * 32 // 255 - 23
        fitting = least + (n_bytes - least) % (usable - 4)
        return fitting if fitting <= most else least

    def _with_overflow(self, payload: bytes, n_bytes: int, number: int) -> bytes:
        pieces, missing = [payload], n_bytes - len(payload)
        seen: set[int] = set()
        while missing > 0 and 1 < number <= self.n_pages and number not in seen:
            seen.add(number)
            page = self._page(number)
            # A page that was overwritten with nothing would read as a row full of NULs.
            if not any(page):
                break
            piece = page[4 : 4 + min(missing, self._usable_bytes - 4)]
            pieces.append(piece)
            missing -= len(piece)
            number = int.from_bytes(page[:4])
        return b"".join(pieces)


def _page_size(field_bytes: bytes) -> int:
    size = int.from_bytes(field_bytes)
    return 65536 if size == 1 else size


def _is_page_size(size: int) -> bool:
    return 512 <= size <= 65536 and size & (size - 1) == 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(9):
        byte = data[at + n]
        if n == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    raise _Broken


def _values(payload: bytes) -> list[Value]:
    """The columns of a record (section 2.1); shorter where the payload ends early."""
    header_bytes, at = _varint(payload, 0)
    if not at <= header_bytes <= len(payload):
        raise _Broken
    kinds: list[int] = []
    while at < header_bytes:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        n_bytes = _INTEGER_BYTES[kind] if kind < 7 else 8 if kind == 7 else max(0, kind - 12) // 2
        field_bytes = payload[at : at + n_bytes]
        at += n_bytes
        if kind in (10, 11):
            raise _Broken
        if len(field_bytes) < n_bytes and not (kind >= 12 and field_bytes):
            break
        values.append(_value(kind, field_bytes))
    return values


def _value(kind: int, data: bytes) -> Value:
    if kind == 0:
        return None
    if kind < 7:
        return int.from_bytes(data, signed=True)
    if kind == 7:
        number = float(struct.unpack(">d", data)[0])
        return None if number != number else number
    if kind < 10:
        return kind - 8
    return data if kind % 2 == 0 else data.decode("utf-8", "replace")
