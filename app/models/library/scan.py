"""One look at every place that may hold models: which files are there, and what they are.

Runs on threads of its own, one place after the other; a place that does not answer costs its
patience once and a sentence, never the rest.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from app.foundation.cancellation import Cancellation
from app.models.adopt import folders
from app.models.adopt.found import Found, Store
from app.models.adopt.stores import STORES
from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk
from app.models.library.header_facts import Facts, FactsCache
from app.models.library.kept import SOURCE_WORDS, Source
from app.models.library.names import beside
from app.models.library.patience import Ended, Patience

MOST_FOLDERS: Final = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder to look into, and how. `path` is told apart by its spelling alone: whether two are
    the same folder only the disk knows, and it may not answer."""

    source: Source
    path: Path
    look: Callable[[Path, Walk], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class OnDisk:
    """One file as it was seen. `identity` is the same for all names of one file on a disk."""

    path: Path
    bytes: int
    mtime_ns: int
    identity: tuple[int, int]
    facts: Facts


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that a place named, with those that the place says belong to it."""

    found: Found
    file: OnDisk
    projectors: tuple[OnDisk, ...] = ()
    adapters: tuple[OnDisk, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a look brought. `ended` says of each place how far it came: "absent" is no folder."""

    seen: tuple[Seen, ...]
    ended: dict[Place, Ended | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def place_of(self, source: Source, path: Path) -> Place | None:
        """The place of that source which the path lies in, if it was looked at."""
        return next(
            (
                place
                for place in self.ended
                if place.source == source and path.is_relative_to(place.path)
            ),
            None,
        )


def places_of_hearth(own: Path, named: Iterable[Path]) -> list[Place]:
    """Hearth's own folder, and those a person named."""
    places = [Place("hearth", own, partial(folders.look_by_owner, source="hearth"))]
    return places + [Place("folder", path, folders.look) for path in list(named)[:MOST_FOLDERS]]


def places_of_others(surroundings: Surroundings, patience: Patience[Place]) -> list[Place]:
    """The folders of other programs, as far as their settings can be read."""

    def work(store: Store, beat: Callable[[], None], add: Callable[[Place], None]) -> None:
        for path in store.places(surroundings):
            add(Place(store.source, path, store.look))

    places: list[Place] = []
    for store in STORES:
        try:
            places += patience.ask(store.source, partial(work, store))[0]
        except (OSError, ValueError):
            _log.exception("library: the places of %s", store.source)
    return places


def look_at(
    places: Iterable[Place],
    opened: Iterable[Path],
    cache: FactsCache,
    patience: Patience[Seen | str],
    cancellation: Cancellation | None = None,
) -> Look:
    """Look at all places, and at single files that were opened by name."""
    seen: list[Seen] = []
    ended: dict[Place, Ended | str] = {}
    notes: list[str] = []
    for place in places:
        if cancellation is not None and cancellation.is_set:
            break
        pieces, how = patience.ask(
            f"{place.source} {place.path}", partial(_look_into, place, cache), cancellation
        )
        seen += [piece for piece in pieces if isinstance(piece, Seen)]
        marks = {piece for piece in pieces if isinstance(piece, str)}
        ended[place] = "absent" if "absent" in marks else how
        note = _note(place, how, marks)
        if note:
            notes.append(note)
    for path in opened:
        pieces, how = patience.ask(
            f"opened {path}", partial(_look_opened, path, cache), cancellation
        )
        seen += [piece for piece in pieces if isinstance(piece, Seen)]
        ended[Place("opened", path, folders.look)] = how
    cache.save()
    return Look(tuple(seen), ended, tuple(notes))


def _note(place: Place, how: Ended, marks: set[str]) -> str:
    where = f"{place.path} ({SOURCE_WORDS[place.source]})"
    if how == "silent":
        return f"{where} does not answer, so its models are not shown. Check the disk or network."
    if how == "slow" or "cut" in marks:
        return f"{where} holds more than could be looked at; the rest comes with the next look."
    if "unreadable" in marks:
        return f"{where} cannot be read. Check that you may open the folder."
    return ""


def _look_into(
    place: Place,
    cache: FactsCache,
    beat: Callable[[], None],
    add: Callable[[Seen | str], None],
) -> None:
    try:
        if not stat.S_ISDIR(os.stat(place.path).st_mode):
            raise NotADirectoryError
        if not os.access(place.path, os.R_OK | os.X_OK):
            # What other programs keep for themselves is theirs; only a named folder is missed.
            add("unreadable" if place.source in ("folder", "hearth") else "absent")
            return
    except PermissionError:
        add("unreadable" if place.source in ("folder", "hearth") else "absent")
        return
    except (OSError, ValueError):
        add("absent")
        return
    walk = Walk(beat)
    for found in place.look(place.path, walk):
        _look_one(found, cache, beat, add)
    if walk.is_cut:
        add("cut")


def _look_opened(
    path: Path,
    cache: FactsCache,
    beat: Callable[[], None],
    add: Callable[[Seen | str], None],
) -> None:
    for found in opened_with(path, Walk(beat)):
        _look_one(found, cache, beat, add)


def opened_with(path: Path, walk: Walk) -> list[Found]:
    """A file that was opened by name, with what lies beside it and may belong to it."""
    entries = {entry.name: entry for entry in walk.entries(path.parent)}
    names = set(entries)
    others = [name for name in beside(path.name, entries) if walk.is_model(entries[name], names)]
    return [Found(path.with_name(name), "opened") for name in (path.name, *others)]


def _look_one(
    found: Found,
    cache: FactsCache,
    beat: Callable[[], None],
    add: Callable[[Seen | str], None],
) -> None:
    file = on_disk(found.path, cache, beat)
    if file is not None:
        add(
            Seen(
                found,
                file,
                _present(found.projectors, cache, beat),
                _present(found.adapters, cache, beat),
            )
        )


def _present(
    paths: tuple[Path, ...], cache: FactsCache, beat: Callable[[], None]
) -> tuple[OnDisk, ...]:
    files = (on_disk(path, cache, beat) for path in paths)
    return tuple(file for file in files if file is not None)


def on_disk(path: Path, cache: FactsCache, beat: Callable[[], None]) -> OnDisk | None:
    """The file there, read as far as needed; None where there is none that may be read."""
    beat()
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return None
        facts = cache.of(path, status)
    except (OSError, ValueError):
        return None
    beat()
    identity = (status.st_dev, status.st_ino)
    return OnDisk(path, status.st_size, status.st_mtime_ns, identity, facts)
