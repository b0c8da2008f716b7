"""The checks of a catalogue file: every key known, every value in its type and bounds.

Pure. Says in a sentence which model and which key is wrong; knows no meaning of the values.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from app.foundation.errors import CatalogueInvalid

Table: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

ID = re.compile(r"[a-z0-9][a-z0-9.\-]{0,63}\Z")
REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,95}/[A-Za-z0-9][A-Za-z0-9._\-]{0,95}\Z")
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
REVISION = re.compile(r"[0-9a-f]{40}\Z")
LABEL = re.compile(r"[A-Z0-9][A-Z0-9_\-]{0,31}\Z")
TIER = re.compile(r"[A-F]\Z")
#: A path inside a repository: no way out of it, and nothing that a system reads otherwise.
FILE_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._\-]*/){0,4}[A-Za-z0-9][A-Za-z0-9._\-]*\.gguf\Z")


class Reader:
    """One table of the file. `where` names it in sentences; `done` refuses keys nobody read."""

    def __init__(self, source: str, where: str, table: object) -> None:
        self.source = source
        self.where = where
        if not isinstance(table, Mapping):
            raise self.wrong("is not a table")
        self._table: Table = table
        self._read: set[str] = set()

    def wrong(self, what: str) -> CatalogueInvalid:
        """The error that says what is wrong with this table."""
        return CatalogueInvalid(
            "The catalogue of models cannot be used.",
            f"{self.source}: {self.where} {what}.",
            "Correct it there, or take the file away; app/models/README.md names every key.",
        )

    def has(self, key: str) -> bool:
        return key in self._table

    def text(self, key: str, pattern: re.Pattern[str] | None = None, default: str = "\0") -> str:
        """A text of 1 to 400 characters in one line; `default` where the key may be missing."""
        value = self._value(key, None if default == "\0" else default)
        if value == default:
            return default
        if not isinstance(value, str) or not 0 < len(value.strip()) <= 400 or "\n" in value:
            raise self.wrong(f"has a {key} that is not one line of text")
        if pattern is not None and not pattern.match(value):
            raise self.wrong(f"has the {key} “{value[:80]}”, which is not of that form")
        return value

    def whole(self, key: str, least: int, most: int, default: int | None = None) -> int:
        value = self._value(key, default)
        if type(value) is not int or not (least <= value <= most or value == default):
            raise self.wrong(f"has a {key} that is not a whole number from {least} to {most:,}")
        return value

    def real(self, key: str, least: float, most: float) -> float | None:
        if not self.has(key):
            return None
        value = self._value(key, None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(f"has a {key} that is not a number")
        if not least <= value <= most:
            raise self.wrong(f"has a {key} that is not from {least:g} to {most:g}")
        return float(value)

    def switch(self, key: str, default: bool | None = None) -> bool:
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self.wrong(f"has a {key} that is neither true nor false")
        return value

    def texts(self, key: str, allowed: Iterable[str] | None = None) -> tuple[str, ...]:
        """A list of different words; empty where the key is missing."""
        value = self._value(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(f"has {key} that are not a list of words")
        if len(set(value)) != len(value):
            raise self.wrong(f"names something twice in {key}")
        unknown = [] if allowed is None else [item for item in value if item not in set(allowed)]
        if unknown:
            raise self.wrong(f"has “{unknown[0][:40]}” in {key}, which is not known")
        return tuple(value)

    def prefix(self, key: str) -> str:
        """What stands in front of a text, spaces and line ends included; "" where missing."""
        value = self._value(key, "")
        if not isinstance(value, str) or len(value) > 200 or "\0" in value:
            raise self.wrong(f"has a {key} that is not a text of at most 200 characters")
        return value

    def tables(self, key: str, noun: str) -> list[Reader]:
        """The tables of an array, each named by its number."""
        value = self._value(key, [])
        if not isinstance(value, list) or len(value) > 5000:
            raise self.wrong(f"has {key} that are not a list")
        return [
            Reader(self.source, f"{noun} {number} of {self.where}", entry)
            for number, entry in enumerate(value, 1)
        ]

    def table(self, key: str, noun: str) -> Reader | None:
        """A table in this one; None where it is missing."""
        if not self.has(key):
            return None
        return Reader(self.source, f"the {noun} of {self.where}", self._value(key, None))

    def words(self, key: str, allowed: Iterable[str]) -> dict[str, str]:
        """A table of words whose values are among `allowed`."""
        value = self._value(key, {})
        known = set(allowed)
        if not isinstance(value, Mapping) or not all(item in known for item in value.values()):
            raise self.wrong(f"has {key} that are not known")
        return dict(value)

    def flat(self) -> dict[str, Any]:
        """All of this table with dotted keys: whole numbers, and lists of one kind, as arrays."""
        found: dict[str, Any] = {}
        self._flatten("", self._table, found)
        self._read = set(self._table)
        return found

    def done(self) -> None:
        """Raise where a key was not asked for: a typing error must not pass for a default."""
        unknown = sorted(set(self._table) - self._read)
        if unknown:
            raise self.wrong(f"has the key “{unknown[0][:60]}”, which is not known")

    def _value(self, key: str, default: object) -> Any:
        self._read.add(key)
        if key in self._table:
            return self._table[key]
        if default is None:
            raise self.wrong(f"has no {key}")
        return default

    def _flatten(self, prefix: str, table: Table, found: dict[str, Any]) -> None:
        for key, value in table.items():
            if isinstance(value, Mapping) and len(prefix) < 100:
                self._flatten(f"{prefix}{key}.", value, found)
            elif type(value) is int and 0 <= value < 1 << 32:
                found[prefix + key] = value
            elif isinstance(value, list) and 0 < len(value) <= 512:
                found[prefix + key] = self._array(prefix + key, value)
            else:
                raise self.wrong(f"has a {prefix}{key} that no header could have")

    def _array(self, key: str, values: list[Any]) -> array[int]:
        if all(isinstance(value, bool) for value in values):
            return array("B", values)
        if all(type(value) is int and 0 <= value < 1 << 31 for value in values):
            return array("i", values)
        raise self.wrong(f"has a list {key} that is neither of whole numbers nor of true and false")
