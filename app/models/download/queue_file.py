"""The list of downloads on disk, so that they go on after a restart.

Several processes may keep theirs in one file: each writes what is its own and leaves the rest.
Waits for the disk; never the window's thread. What cannot be read is left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast, get_args

from app.foundation.atomic import write_atomically
from app.foundation.errors import HearthError
from app.foundation.locks import alone
from app.models.download.asking import SHA256, check
from app.models.download.entry import Entry
from app.models.download.partial import Expected
from app.models.download.places import WORKSHOP
from app.models.wanted import Part, Role, State, Wanted

log = logging.getLogger(__name__)

FORMAT: Final = 1
MOST_BYTES: Final = 8 << 20
MOST_LEFT: Final = 100
NOTE: Final = "wanted.json"
_LOCK_WAIT_S: Final = 2.0

Json = dict[str, Any]


class QueueFile:
    """One file of a profile."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[Entry]:
        """What was not over when it was written, in order."""
        found = []
        for item in self._items():
            entry = entry_of(item)
            if entry is not None:
                found.append(entry)
        return found

    def save(self, own: Mapping[str, Json | None]) -> None:
        """Write these by their key, remove those that are None. A list that makes no sense is kept
        aside. Raises OSError, also where there is a list that cannot be read now."""
        with alone(self._path.with_suffix(".lock"), _LOCK_WAIT_S):
            found = self._read()
            if found is None:
                self._path.replace(self._path.with_name(f"{self._path.stem}-unread.json"))
            items = [item for item in found or [] if _key_of(item) not in own]
            items += [item for item in own.values() if item is not None]
            said = json.dumps({"downloads": FORMAT, "items": items}, indent=1)
            write_atomically(self._path, said.encode("ascii") + b"\n")

    def _items(self) -> list[Json]:
        try:
            return self._read() or []
        except OSError as error:
            log.warning("downloads: the list was not read: %s", error)
            return []

    def _read(self) -> list[Json] | None:
        """None where what is there makes no sense. Raises OSError."""
        try:
            with self._path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise ValueError("far too large")
            document = json.loads(content)
            if document["downloads"] != FORMAT:
                raise ValueError("of another version")
            items = document["items"]
            return [item for item in items if isinstance(item, dict)]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("downloads: the list makes no sense: %s", error)
            return None


def leave_note(shop: Path, entry: Entry) -> None:
    """Say beside the partial files what they are, for when the list is lost. Raises OSError."""
    path = shop / NOTE
    if not path.exists():
        write_atomically(path, json.dumps(item_of(entry)).encode("ascii"))


def left_behind(folder: Path) -> list[Entry]:
    """What lies half done in a models folder, as its notes say; all of it paused."""
    found = []
    for path in sorted(folder.glob(f"{WORKSHOP}/*/{NOTE}"))[:MOST_LEFT]:
        if not path.is_file():
            continue  # a pipe of that name would never answer
        try:
            with path.open("rb") as file:
                item = json.loads(file.read(MOST_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            log.warning("downloads: %s was not read: %s", path.parent.name, error)
            continue
        entry = entry_of(item) if isinstance(item, dict) else None
        if entry is not None and entry.key == path.parent.name:
            entry.state, entry.error, entry.folder = "paused", None, str(folder)
            found.append(entry)
    return found


def item_of(entry: Entry) -> Json | None:
    """What is kept of it; None of one that is over."""
    if entry.state == "done":
        return None
    wanted = entry.wanted
    item = {
        "repo": wanted.repo,
        "revision": wanted.revision,
        "name": wanted.name,
        "quant": wanted.quant,
        "entry_id": wanted.entry_id,
        "parts": [[part.name, part.bytes, part.sha256, part.role] for part in wanted.parts],
        "state": entry.state if entry.state in ("paused", "failed") else "queued",
        "error": None if entry.error is None else entry.error.as_dict(),
        "commit": entry.commit,
        "folder": entry.folder,
        "expected": {str(at): [one.sha256, one.bytes] for at, one in entry.expected.items()},
    }
    return sealed(item)


def sealed(item: Json) -> Json:
    """With a mark of what it says: a bit that the disk lost would make it another model, or one
    that no hub has."""
    said = json.dumps({key: item[key] for key in sorted(item) if key != "seal"})
    return {**item, "seal": hashlib.sha256(said.encode("ascii")).hexdigest()[:16]}


def entry_of(item: Json) -> Entry | None:
    """The download that was kept, or None where it makes no sense."""
    try:
        if item != sealed(item):
            raise ValueError("it is not as it was written")
        wanted = _wanted_of(item)
        check(wanted)
        state = cast("State", item["state"])
        if state not in ("queued", "paused", "failed"):
            raise ValueError(state)
        entry = Entry(wanted, state, commit=str(item["commit"]), folder=str(item["folder"]))
        entry.error = None if item["error"] is None else _error_of(item["error"])
        for at, (sha256, n_bytes) in item["expected"].items():
            if not SHA256.match(sha256) or type(n_bytes) is not int or n_bytes <= 0:
                raise ValueError("no hash")
            entry.expected[int(at)] = Expected(sha256, n_bytes)
        if len(entry.expected) == len(wanted.parts):
            entry.total_bytes = sum(one.bytes for one in entry.expected.values())
    except (KeyError, TypeError, ValueError, AttributeError, HearthError) as error:
        log.warning("downloads: one was left out of the list: %s", error)
        return None
    return entry


def _wanted_of(item: Json) -> Wanted:
    parts = []
    for name, n_bytes, sha256, role in item["parts"]:
        if role not in get_args(Role) or type(n_bytes) is not int:
            raise ValueError("no part")
        parts.append(Part(_text(name), n_bytes, _text(sha256), role))
    texts = {key: _text(item[key]) for key in ("repo", "revision", "name", "quant", "entry_id")}
    return Wanted(parts=tuple(parts), **texts)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _error_of(fields: Json) -> HearthError:
    return HearthError(*(str(fields.get(key, "")) for key in ("title", "detail", "remedy")))


def _key_of(item: Json) -> str:
    try:
        return _wanted_of(item).key
    except (KeyError, TypeError, ValueError):
        return ""
