"""What is on this computer, as the page lists it. Any thread but the window's.

Asks the library; without one, the files that were opened lately. Knows no widget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from app.foundation.cancellation import Cancellation
from app.gui.model_names import RECENT_FILE, display_name, read_recent
from app.gui.services import GuiServices
from app.models.library.kept import DiskUse, Kept, Shelf
from app.models.wanted import Wanted
from app.protocol.model_ref import BUILT_IN, ModelRef
from app.settings.schema import MODEL_PATH


class Librarian(Protocol):
    """What the page needs of `app.models.library`. Every call may wait for a disk."""

    def look(self) -> Shelf: ...

    def disk_use(self) -> DiskUse: ...

    def verify(
        self, model_id: str, cancellation: Cancellation, progress: Callable[[float], None]
    ) -> Any: ...

    def forget(self, model_id: str) -> Any: ...

    def remove(self, model_id: str) -> bool: ...

    def import_file(
        self,
        path: Path,
        how: Any,
        cancellation: Cancellation,
        progress: Callable[[float], None],
    ) -> Any: ...


@dataclass(frozen=True, slots=True)
class Item:
    """One model of the list; `kept` is None for the Guide and where there is no library."""

    choice: str
    name: str
    kept: Kept | None = None

    @property
    def is_built_in(self) -> bool:
        return self.choice == BUILT_IN

    @property
    def is_usable(self) -> bool:
        return self.kept is None or self.kept.is_usable


@dataclass(frozen=True, slots=True)
class Stock:
    """All of them, the one in use first; `notes` say what could not be looked at."""

    items: tuple[Item, ...] = ()
    in_use: str = BUILT_IN
    use: DiskUse | None = None
    notes: tuple[str, ...] = ()

    def place_of(self, wanted: Wanted | None) -> str:
        """Where the same model is on this computer, or ""."""
        if wanted is None or not wanted.parts:
            return ""
        first = wanted.parts[0]
        name = first.name.rpartition("/")[2].casefold()
        for item in self.items:
            kept = item.kept
            if kept is None or not kept.is_usable:
                continue
            if kept.sha256 and first.sha256:
                if kept.sha256 == first.sha256:
                    return item.choice
                continue
            is_named = kept.path.name.casefold() == name
            is_from = kept.repo.casefold() == wanted.repo.casefold()
            if is_named and (is_from or (not kept.repo and _is_as_large(kept, wanted))):
                return item.choice
        return ""


class Stocking:
    """Looks for the page. Thread-safe: it keeps nothing but what it was made with."""

    def __init__(self, services: GuiServices) -> None:
        self._services = services

    @property
    def librarian(self) -> Librarian | None:
        build = self._services.library
        return build() if build is not None else None

    def how_used(self, kept: Kept) -> Literal["", "open", "answering"]:
        """Whether it is in memory now, and at work. At once, on any thread."""
        now = self._services.inference.snapshot()
        names = {str(path) for path in (*kept.files, *kept.also_at)}
        is_open = now.model is not None and now.model.path in names
        if not is_open and (now.ref is None or now.ref.name not in names):
            return ""
        return "answering" if now.active else "open"

    def look(self) -> Stock:
        """Everything that is here."""
        in_use = self._services.settings.get(MODEL_PATH)
        librarian = self.librarian
        if librarian is None:
            return Stock(self._recent(in_use), in_use)
        shelf = librarian.look()
        items = [_item(kept) for kept in shelf.models]
        items.sort(key=lambda item: (not item.is_usable, item.name.casefold(), item.choice))
        guide = Item(BUILT_IN, display_name(ModelRef(BUILT_IN)))
        items.insert(0, guide)
        chosen = [item for item in items if _is_choice(item, in_use)]
        rest = [item for item in items if item not in chosen]
        return Stock((*chosen, *rest), in_use, librarian.disk_use(), shelf.notes)

    def _recent(self, in_use: str) -> tuple[Item, ...]:
        recent = read_recent(self._services.profile.state / RECENT_FILE)
        names = dict.fromkeys([in_use, *recent, BUILT_IN])
        return tuple(Item(name, display_name(ModelRef(name))) for name in names)


def _item(kept: Kept) -> Item:
    """Without when it was seen last: nothing is made anew because of that."""
    return Item(str(kept.path), kept.name or kept.path.stem, replace(kept, seen_at=0.0))


def _is_choice(item: Item, choice: str) -> bool:
    if item.choice == choice:
        return True
    kept = item.kept
    return kept is not None and any(str(path) == choice for path in kept.also_at)


def _is_as_large(kept: Kept, wanted: Wanted) -> bool:
    models = [part.bytes for part in wanted.parts if part.role == "model"]
    return all(models) and kept.bytes >= sum(models)
