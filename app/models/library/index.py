"""What the library remembers between looks, in `state/library.json`: what was there, where it came
from, and which files were read whole and found good.

Written whole and atomically, by one process at a time. A damaged one is kept aside and begun anew;
one that cannot be read just now is not written over. Thread-safe.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from app.foundation.atomic import write_atomically
from app.foundation.errors import StorageError
from app.foundation.locks import alone
from app.foundation.paths import storage_error
from app.models.library.kept import Kept, Source, State, Verified

LIMIT_BYTES: Final = 64 << 20
MOST_MODELS: Final = 4000
MOST_FILES: Final = 20_000
FORGET_AFTER_S: Final = 30 * 86_400.0
"""What others removed is shown as gone for this long."""
_FORMAT: Final = 1
_LOCK_WAIT_S: Final = 5.0
_PATHS: Final = frozenset({"path", "projector"})
_PATH_LISTS: Final = frozenset({"parts", "adapters", "also_at"})

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read whole: how it was then, its SHA-256, and whether that was right."""

    bytes: int
    mtime_ns: int
    sha256: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file was downloaded or copied from, by whoever put it there through Hearth."""

    sha256: str = ""
    repo: str = ""
    revision: str = ""
    name: str = ""
    quant: str = ""


@dataclass(frozen=True)
class Memory:
    """Everything, by path or by id, the longest unchanged first. Never changed in place."""

    known: dict[str, Kept]
    checked: dict[str, Checked]
    origins: dict[str, Origin]
    opened: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()

    @staticmethod
    def empty() -> Memory:
        return Memory({}, {}, {})


class Index:
    """The file. Reading never fails; writing raises StorageError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._stamp: tuple[int, ...] | None = None
        self._memory = Memory.empty()
        self._is_sound = True

    def read(self) -> Memory:
        """What is remembered; read again where the file changed since."""
        with self._lock:
            try:
                self._refresh()
            except OSError as error:
                _log.warning("library: what is remembered cannot be read now: %s", error)
            return self._memory

    def change(self, step: Callable[[Memory], Memory]) -> Memory:
        """Apply `step` to what is on disk now and write that, if anything changed."""
        with self._lock:
            before = self.read()
            after = _bounded(step(before))
            if after == before:
                return before
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with alone(self._path.with_suffix(".lock"), _LOCK_WAIT_S):
                    self._refresh()
                    after, content = _fitted(_bounded(step(self._memory)))
                    if not self._is_sound:
                        self._path.replace(self._path.with_name(f"{self._path.stem}-unread.json"))
                    write_atomically(self._path, content)
                    self._stamp, self._is_sound = self._stamped(), True
            except OSError as error:
                raise storage_error(error, self._path) from error
            finally:
                self._memory = after
            return after

    def try_change(self, step: Callable[[Memory], Memory]) -> None:
        """The same where what cannot be written may be lost."""
        try:
            self.change(step)
        except StorageError as error:
            _log.warning("library: not remembered: %s", error)

    def _refresh(self) -> None:
        """Raises OSError where there is something that cannot be read."""
        stamp = self._stamped()
        if stamp != self._stamp:
            found = None if stamp is None else _read(self._path)
            self._is_sound = stamp is None or found is not None
            self._memory, self._stamp = found or Memory.empty(), stamp

    def _stamped(self) -> tuple[int, ...] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_size, status.st_mtime_ns, status.st_ino


def with_checked(memory: Memory, found: Iterable[tuple[Path, Checked]]) -> Memory:
    """With what was just read whole."""
    checked = dict(memory.checked)
    for path, entry in found:
        checked.pop(str(path), None)
        checked[str(path)] = entry
    return replace(memory, checked=checked)


def with_origins(memory: Memory, found: Iterable[tuple[Path, Origin]]) -> Memory:
    """With where files came from."""
    origins = dict(memory.origins)
    for path, entry in found:
        origins.pop(str(path), None)
        origins[str(path)] = entry
    return replace(memory, origins=origins)


def moved(
    memory: Memory, old: Path, new: Path, stays: Callable[[Path], bool] = lambda path: False
) -> Memory:
    """With every path below `old` now below `new`, but for those that stay."""

    def at(path: str) -> str:
        place = Path(path)
        is_moved = place.is_relative_to(old) and not stays(place)
        return str(new / place.relative_to(old)) if is_moved else path

    known = {
        key: replace(
            kept,
            path=Path(at(str(kept.path))),
            parts=tuple(Path(at(str(part))) for part in kept.parts),
            projector=Path(at(str(kept.projector))) if kept.projector else None,
            adapters=tuple(Path(at(str(path))) for path in kept.adapters),
        )
        for key, kept in memory.known.items()
    }
    return replace(
        memory,
        known=known,
        checked={at(path): entry for path, entry in memory.checked.items()},
        origins={at(path): entry for path, entry in memory.origins.items()},
        opened=tuple(at(path) for path in memory.opened),
    )


def without(memory: Memory, kept: Kept, files: Iterable[Path], *, hide: bool) -> Memory:
    """Without a model and its files; with `hide` also when it is found again."""
    names = {str(path) for path in files}
    return Memory(
        known={key: entry for key, entry in memory.known.items() if key != kept.id},
        checked={path: entry for path, entry in memory.checked.items() if path not in names},
        origins={path: entry for path, entry in memory.origins.items() if path not in names},
        opened=tuple(path for path in memory.opened if path not in names),
        hidden=memory.hidden | {kept.id} if hide else memory.hidden - {kept.id},
    )


def with_opened(memory: Memory, path: Path, model_id: str) -> Memory:
    """With a file that a person opened; what was hidden shows again."""
    others = tuple(entry for entry in memory.opened if entry != str(path))
    return replace(memory, opened=(*others, str(path)), hidden=memory.hidden - {model_id})


def with_known(memory: Memory, present: Iterable[Kept], *, now_s: float) -> Memory:
    """With what is there now. When it was seen is written once a day at most."""
    known = dict(memory.known)
    paths = {str(kept.path): kept.id for kept in present}
    for key, old in list(known.items()):
        is_replaced = paths.get(str(old.path), key) != key
        is_old = not old.is_ours and now_s - old.seen_at > FORGET_AFTER_S
        if is_replaced or is_old:
            del known[key]
    for kept in present:
        old_one = known.get(kept.id)
        is_same = old_one is not None and replace(kept, seen_at=old_one.seen_at) == old_one
        if is_same and old_one is not None and now_s - old_one.seen_at < 86_400.0:
            continue
        known.pop(kept.id, None)
        known[kept.id] = replace(kept, seen_at=now_s)
    return replace(memory, known=known)


def now_s() -> float:
    """Seconds since 1970; a clock that is wrong spoils no more than what is shown."""
    return time.time()


def _bounded(memory: Memory) -> Memory:
    return replace(
        memory,
        known=_last(memory.known, MOST_MODELS),
        checked=_last(memory.checked, MOST_FILES),
        origins=_last(memory.origins, MOST_FILES),
        opened=memory.opened[-MOST_MODELS:],
        hidden=frozenset(sorted(memory.hidden)[:MOST_MODELS]),
    )


def _last(entries: dict[str, T], most: int) -> dict[str, T]:
    return entries if len(entries) <= most else dict(list(entries.items())[-most:])


def _fitted(memory: Memory) -> tuple[Memory, bytes]:
    """As much as can be read again, and how it is written; the oldest of what is most goes."""
    content = _written(memory)
    while len(content) > LIMIT_BYTES:
        tables = {name: getattr(memory, name) for name in ("checked", "known", "origins")}
        name, table = max(tables.items(), key=lambda entry: len(entry[1]))
        if not table:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        changed: dict[str, Any] = {name: _last(table, len(table) // 2) if len(table) > 1 else {}}
        memory = replace(memory, **changed)
        content = _written(memory)
    return memory, content


def _written(memory: Memory) -> bytes:
    document = {
        "format": _FORMAT,
        "known": {key: _flat(kept) for key, kept in memory.known.items()},
        "checked": {path: asdict(entry) for path, entry in memory.checked.items()},
        "origins": {path: asdict(entry) for path, entry in memory.origins.items()},
        "opened": list(memory.opened),
        "hidden": sorted(memory.hidden),
    }
    return json.dumps(document, indent=1).encode("ascii")


def _flat(kept: Kept) -> dict[str, Any]:
    flat = asdict(kept)
    for name in _PATHS:
        flat[name] = str(flat[name]) if flat[name] is not None else None
    for name in _PATH_LISTS:
        flat[name] = [str(path) for path in flat[name]]
    return flat


def _read(path: Path) -> Memory | None:
    """What is in the file; None where that makes no sense. Raises OSError."""
    with path.open("rb") as file:
        content = file.read(LIMIT_BYTES + 1)
    try:
        document = json.loads(content) if len(content) <= LIMIT_BYTES else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        return None
    return Memory(
        known=_each(document.get("known"), _kept_of),
        checked=_each(document.get("checked"), lambda entry: Checked(**_typed(Checked, entry))),
        origins=_each(document.get("origins"), lambda entry: Origin(**_typed(Origin, entry))),
        opened=tuple(_texts(document.get("opened"))),
        hidden=frozenset(_texts(document.get("hidden"))),
    )


def _each(table: Any, make: Callable[[Any], T]) -> dict[str, T]:
    """What can be read of a table; the rest is as if it were not there."""
    found: dict[str, T] = {}
    for key, entry in table.items() if isinstance(table, dict) else ():
        try:
            found[key] = make(entry)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


def _texts(listed: Any) -> list[str]:
    entries = listed if isinstance(listed, list) else []
    return [entry for entry in entries if isinstance(entry, str) and "\0" not in entry]


_SIMPLE: Final = {"str": str, "int": int, "bool": bool, "float": float}


def _typed(kind: type[Any], entry: Any) -> dict[str, Any]:
    """The entry, if every field has its type. Raises ValueError, TypeError or KeyError."""
    for one in fields(kind):
        expected = _SIMPLE.get(str(one.type))
        if expected is not None and one.name in entry and type(entry[one.name]) is not expected:
            raise ValueError(one.name)
    return dict(entry)


def _kept_of(entry: Any) -> Kept:
    values = _typed(Kept, entry)
    for name in _PATHS:
        values[name] = Path(values[name]) if values[name] is not None else None
    for name in _PATH_LISTS:
        values[name] = tuple(Path(path) for path in values[name])
    values["also_named"] = tuple(_texts(values["also_named"]))
    kept = Kept(**values)
    if (
        kept.source not in get_args(Source)
        or kept.state not in get_args(State)
        or kept.verified not in get_args(Verified)
        or not kept.id
        or kept.path is None
        or not kept.parts
    ):
        raise ValueError("not a model")
    return kept
