"""Reads what a Linux program or library asks of the system: libraries, and versions of symbols.

Reads the dynamic section alone, by the offsets in the file; knows nothing of any bundle.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS, _SONAME, _RPATH, _RUNPATH = 1, 5, 14, 15, 29
_VERSIONS_NEEDED, _N_VERSIONS_NEEDED = 0x6FFFFFFE, 0x6FFFFFFF
_MAGIC = b"\x7fELF"


@dataclass(frozen=True)
class Needs:
    """What a file asks for. `versions` are names such as GLIBC_2.34, of whatever library."""

    libraries: tuple[str, ...] = ()
    soname: str = ""
    search: tuple[str, ...] = ()
    versions: frozenset[str] = field(default_factory=frozenset)

    def newest(self, family: str) -> tuple[int, ...]:
        """The newest version of a family such as GLIBC that is asked for; () if none is."""
        return max(
            (
                tuple(map(int, number.split(".")))
                for name, _, number in (version.partition("_") for version in self.versions)
                if name == family and number.replace(".", "").isdigit()
            ),
            default=(),
        )


class NotElf(ValueError):
    """A file that is no ELF file of 64 bits, or one that is cut short."""


def is_elf(path: Path) -> bool:
    """Whether a file begins as an ELF file does."""
    with path.open("rb") as file:
        return file.read(4) == _MAGIC


def needs(path: Path) -> Needs:
    """What this file asks for. Raises NotElf."""
    try:
        return _Reader(path.read_bytes()).needs()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise NotElf(f"{path.name} is cut short ({error})") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        if data[:4] != _MAGIC or len(data) < 64 or data[4] != 2 or data[5] not in (1, 2):
            raise NotElf("not an ELF file of 64 bits")
        self._data = data
        self._order = "<" if data[5] == 1 else ">"
        self._segments = list(self._read_segments())
        self._entries = list(self._read_dynamic())

    def needs(self) -> Needs:
        strings = self._value(_STRINGS)
        if strings is None:  # linked statically
            return Needs()
        texts = {
            tag: [self._text(strings, value) for found, value in self._entries if found == tag]
            for tag in (_NEEDED, _SONAME, _RPATH, _RUNPATH)
        }
        search = [*texts[_RPATH], *texts[_RUNPATH]]
        return Needs(
            tuple(texts[_NEEDED]),
            next(iter(texts[_SONAME]), ""),
            tuple(place for places in search for place in places.split(":")),
            frozenset(self._versions(strings)),
        )

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + form, self._data, at)

    def _read_segments(self) -> Iterator[tuple[int, int, int, int]]:
        (table,) = self._unpack("Q", 32)
        size, count = self._unpack("HH", 54)
        for number in range(count):
            kind, _, offset, address, _, in_file = self._unpack("IIQQQQ", table + number * size)
            yield kind, offset, address, in_file

    def _read_dynamic(self) -> Iterator[tuple[int, int]]:
        for kind, offset, _, in_file in self._segments:
            if kind != _DYNAMIC:
                continue
            for at in range(offset, offset + in_file, 16):
                tag, value = self._unpack("QQ", at)
                if tag == 0:
                    return
                yield tag, value

    def _value(self, tag: int) -> int | None:
        return next((value for found, value in self._entries if found == tag), None)

    def _offset(self, address: int) -> int:
        for kind, offset, start, in_file in self._segments:
            if kind == _LOAD and start <= address < start + in_file:
                return address - start + offset
        raise NotElf("an address outside the file")

    def _text(self, strings: int, at: int) -> str:
        start = self._offset(strings + at)
        return self._data[start : self._data.index(b"\0", start)].decode()

    def _versions(self, strings: int) -> Iterator[str]:
        table, count = self._value(_VERSIONS_NEEDED), self._value(_N_VERSIONS_NEEDED)
        if table is None or count is None:
            return
        at = self._offset(table)
        for _ in range(count):
            _, n_names, _, first, following = self._unpack("HHIII", at)
            name_at = at + first
            for _ in range(n_names):
                _, _, _, name, step = self._unpack("IHHII", name_at)
                yield self._text(strings, name)
                name_at += step
            at += following
