"""The models on this computer: what is there, whether it is right, and what may be done with it.

Any thread but the window's, several at once; looks, moves and copies go one after the other.
Nothing of another program is ever written, moved or deleted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

from app.foundation.cancellation import Cancellation
from app.foundation.errors import ModelNotFound
from app.foundation.paths import Profile, person_path
from app.models.adopt.surroundings import Surroundings, here
from app.models.library import index, removing, use
from app.models.library.assemble import Model, models_of
from app.models.library.header_facts import FactsCache
from app.models.library.importing import copy_in, examined
from app.models.library.index import Checked, Index, Memory, Origin
from app.models.library.kept import DiskUse, Kept, Shelf
from app.models.library.moving import Moving
from app.models.library.patience import Patience
from app.models.library.recalled import gone_of, present_of
from app.models.library.scan import Look, Place, Seen, look_at, places_of_hearth, places_of_others
from app.models.library.verifying import checked_now
from app.models.library.whole import (
    Progress,
    Steps,
    Stopped,
    file_error,
    free_bytes,
)
from app.models.wanted import Wanted
from app.protocol.model_ref import BUILT_IN
from app.settings.file import SettingsFile
from app.settings.schema import ADOPT, LIBRARY_FOLDERS, MODEL_PATH

FILE: Final = "library.json"
T = TypeVar("T")
LettingGo: TypeAlias = Callable[[Sequence[Path]], AbstractContextManager[None]]


def named_folders(text: str) -> tuple[Path, ...]:
    """The folders of the setting `library.folders`: one a line, whole paths, each once."""
    lines = (line.strip().strip('"') for line in text.splitlines())
    paths = (person_path(line) for line in lines if line and "\0" not in line)
    return tuple(dict.fromkeys(path for path in paths if path.is_absolute()))


class Library:
    """One profile's library."""

    def __init__(
        self,
        profile: Profile,
        settings: SettingsFile,
        folder: Callable[[], Path],
        use_folder: Callable[[Path], None],
        *,
        hold: Callable[[str], AbstractContextManager[None]] = lambda why: nullcontext(),
        moved: Callable[[Path, Path], None] = lambda old, new: None,
        letting_go: LettingGo = lambda paths: nullcontext(),
        surroundings: Surroundings | None = None,
        patience: Patience[Seen | str] | None = None,
    ) -> None:
        """`folder` is where Hearth's own models are; `use_folder` makes another one that, and has
        it on disk when it returns. `hold` keeps downloads from writing there, and is told why;
        `moved` is told of each model that has a new path; `letting_go` keeps files out of memory
        while they are removed. Nothing is read yet.
        """
        self._profile = profile
        self._settings = settings
        self._folder = folder
        self._use_folder = use_folder
        self._hold = hold
        self._moved = moved
        self._letting_go = letting_go
        self._surroundings = surroundings
        self._patience: Patience[Seen | str] = patience or Patience()
        self._asking: Patience[Place] = Patience()
        self._measuring: Patience[int | None] = Patience()
        self._index = Index(profile.state / FILE)
        self._cache = FactsCache(profile.cache / FILE)
        self._moving = Moving(profile.state / "library-move.json")
        self._turn = threading.RLock()
        self._copying = threading.Lock()  # before the turn: looks go on meanwhile
        self._models: tuple[Model, ...] = ()
        self._shelf: Shelf | None = None
        self._callbacks: list[Callable[[Shelf], None]] = []

    def listen(self, callback: Callable[[Shelf], None]) -> Callable[[], None]:
        """Call with what is known after each look and each change; the result ends that.

        On whichever thread made the change, never for long.
        """
        self._callbacks = [*self._callbacks, callback]

        def unlisten() -> None:
            self._callbacks = [one for one in self._callbacks if one is not callback]

        return unlisten

    def look(self, cancellation: Cancellation | None = None) -> Shelf:
        """Look at every place now. May take seconds, and minutes the first time on slow disks."""
        with self._turn:
            own = self._folder()
            self._moving.carry_on(own)
            memory = self._index.read()
            named = named_folders(self._settings.get(LIBRARY_FOLDERS))
            places = places_of_hearth(own, named)
            if self._settings.get(ADOPT):
                places += places_of_others(self._surroundings or here(), self._asking)
            found = look_at(places, self._opened(memory), self._cache, self._patience, cancellation)
            if cancellation is not None and cancellation.is_set:
                return self._shelf or Shelf()
            return self._put(found, memory, named)

    def shelf(self) -> Shelf:
        """What the last look brought; before the first, that look."""
        shelf = self._shelf
        return shelf if shelf is not None else self.look()

    def find(self, word: str) -> Kept | None:
        """The model of that id, name, file name or path, whatever the case; usable ones first."""
        return use.find(self.shelf().models, word)

    def get(self, model_id: str) -> Kept:
        """The model with that id. Raises ModelNotFound."""
        kept = self.shelf().of(model_id)
        if kept is None:
            raise ModelNotFound(
                "This model is not in the library any more.",
                f"Nothing is known of “{model_id[:60]}”.",
                "Look again; it may have been moved or removed.",
            )
        return kept

    def verify(
        self,
        model_id: str,
        cancellation: Cancellation | None = None,
        progress: Progress | None = None,
    ) -> Kept:
        """Read a model whole and say what it is now; as it was, when cancelled.

        Raises ModelNotFound where it is not there, StorageError where it cannot be read.
        """
        kept = self.get(model_id)
        memory = self._index.read()
        results: list[tuple[Path, Checked]] = []
        try:
            sizes = [path.stat().st_size for path in kept.files]
            steps = Steps(sum(sizes), cancellation, progress)
            for path in kept.files:
                content = _content_of(self._models, kept, path)
                results.append((path, checked_now(path, content, memory, steps)))
        except Stopped:
            return kept
        except OSError as error:
            raise file_error(error, kept.path) from error
        self._index.try_change(lambda memory: index.with_checked(memory, results))
        return self._again(kept)

    def forget(self, model_id: str) -> None:
        """Take a model off the list. Its files stay; opening it brings it back.

        Raises InvalidInput for one of Hearth's own that is there: it would go on taking space.
        """
        with self._turn:
            kept = self.get(model_id)
            removing.check_forgettable(kept)
            is_there = kept.state != "gone"
            files = (*kept.files, *kept.also_at)
            self._index.change(lambda memory: index.without(memory, kept, files, hide=is_there))
            self._without(kept)

    def remove(self, model_id: str) -> bool:
        """Move one of Hearth's own models to the trash; whether it was the one in use.

        It is taken out of memory first, and the built-in model is used in its place.
        Raises InvalidInput for a model of others, StorageError where the trash does not take it.
        """
        with self._copying, self._turn:
            kept = self.get(model_id)
            theirs = self._theirs()
            removing.check_ours(kept, theirs)
            others = (other for other in self.shelf().models if other.id != kept.id)
            shared = [path for other in others for path in other.files]
            shared += [path for path in kept.files if theirs(path)]
            with self._letting_go(kept.files):
                gone = removing.remove_files(kept, shared, self._folder())
                if was_in_use := Path(self._settings.get(MODEL_PATH)) in gone:
                    self._settings.set(MODEL_PATH, BUILT_IN)
            self._index.try_change(lambda memory: index.without(memory, kept, gone, hide=False))
            self.look()
            return was_in_use

    def import_file(
        self,
        path: Path,
        how: Literal["link", "copy"] = "link",
        cancellation: Cancellation | None = None,
        progress: Progress | None = None,
    ) -> Kept | None:
        """Take in a file: remember where it is, or copy it; None when cancelled.

        Raises ModelNotFound, ModelFileInvalid, ModelUnsupported, InvalidInput, StorageError.
        """
        with self._copying:
            model = examined(path.absolute(), self._cache)
            target = model.kept.path
            if how == "copy" and not target.is_relative_to(self._folder()):
                try:
                    arrived = copy_in(model, self._folder(), cancellation, progress)
                except Stopped:
                    return None
                self._record([(at, origin, checked) for at, checked, origin in arrived])
                target = arrived[0][0]
            model_id = model.kept.id
            self._index.try_change(lambda memory: _opened_too(memory, target, model_id, how))
            self.look()
            return self.get(model_id)

    def record_download(
        self, wanted: Wanted, paths: Sequence[Path], sha256s: Sequence[str]
    ) -> None:
        """Remember where files came from that were just downloaded and checked."""
        entries: list[tuple[Path, Origin, Checked]] = []
        for path, sha256 in zip(paths, sha256s, strict=True):
            origin = Origin(sha256, wanted.repo, wanted.revision, wanted.name, wanted.quant)
            try:
                status = path.stat()
            except OSError as error:
                raise file_error(error, path) from error
            checked = Checked(status.st_size, status.st_mtime_ns, sha256, is_good=True)
            entries.append((path, origin, checked))
        self._record(entries)

    def move_folder(
        self,
        to: Path,
        cancellation: Cancellation | None = None,
        progress: Progress | None = None,
    ) -> bool:
        """Move Hearth's own models to another folder; False when cancelled. See `moving`.

        What another program keeps in the same folder stays, and so does what is no model.
        Raises InvalidInput, StorageError and kin; then, and when the program ends meanwhile, the
        old folder is still in use and whole.
        """
        with self._copying:
            old = self._folder()
            theirs = self._theirs()
            try:
                with self._hold("Hearth's models are being moved."):
                    self._moving.move(
                        old,
                        to,
                        lambda new: self._switch(old, new),
                        lambda total: Steps(total, cancellation, progress),
                        theirs,
                    )
            except Stopped:
                return False
            self.look()
            return True

    def disk_use(self) -> DiskUse:
        """Bytes on disk of what the last look brought, each file once."""
        self.shelf()
        folder = self._folder()
        free, _ = self._measuring.ask("free", lambda _beat, add: add(free_bytes(folder)))
        return use.disk_use(self._models, free[0] if free else None)

    def _opened(self, memory: Memory) -> list[Path]:
        """Single files: those a person opened, and the one in use."""
        opened = [Path(path) for path in memory.opened]
        in_use = self._settings.get(MODEL_PATH)
        if in_use and in_use != BUILT_IN and Path(in_use).is_absolute():
            opened.append(Path(in_use))
        return list(dict.fromkeys(opened))

    def _put(self, found: Look, memory: Memory, named: Iterable[Path]) -> Shelf:
        models = [
            present_of(model, memory, index.now_s())
            for model in models_of(found.seen)
            if model.kept.id not in memory.hidden
        ]
        present = [model.kept for model in models]
        gone = gone_of(memory, found, present)
        self._index.try_change(
            lambda memory: index.with_known(memory, present, now_s=index.now_s())
        )
        self._models = tuple(models)
        notes = (*found.notes, *use.absent_notes(found, named))
        return self._show(Shelf((*present, *gone), notes))

    def _show(self, shelf: Shelf) -> Shelf:
        self._shelf = shelf
        for callback in self._callbacks:
            callback(shelf)
        return shelf

    def _record(self, entries: list[tuple[Path, Origin, Checked]]) -> None:
        def step(memory: Memory) -> Memory:
            memory = index.with_origins(memory, [(path, origin) for path, origin, _ in entries])
            return index.with_checked(memory, [(path, checked) for path, _, checked in entries])

        self._index.try_change(step)

    def _again(self, kept: Kept) -> Kept:
        """The model after what is remembered of it changed."""
        with self._turn:
            memory = self._index.read()
            self._models = tuple(
                present_of(model, memory, index.now_s()) if model.kept.id == kept.id else model
                for model in self._models
            )
            fresh = {model.kept.id: model.kept for model in self._models}
            models = tuple(fresh.get(one.id, one) for one in self.shelf().models)
            self._show(replace(self.shelf(), models=models))
            return fresh.get(kept.id, kept)

    def _without(self, kept: Kept) -> None:
        self._models = tuple(model for model in self._models if model.kept.id != kept.id)
        shelf = self.shelf()
        self._show(replace(shelf, models=tuple(m for m in shelf.models if m.id != kept.id)))

    def _theirs(self) -> Callable[[Path], bool]:
        """Asked whether or not these programs' models are to be shown."""
        places = places_of_others(self._surroundings or here(), self._asking)
        return removing.theirs((place.path for place in places), self._index.read().origins)

    def _switch(self, old: Path, new: Path) -> None:
        """Use the new folder, and have everything that names the old one follow."""

        def stays(path: Path) -> bool:
            is_new = os.path.lexists(new / path.relative_to(old))
            return not is_new and os.path.lexists(path)

        self._use_folder(new)
        self._index.try_change(lambda memory: index.moved(memory, old, new, stays))
        in_use = Path(self._settings.get(MODEL_PATH))
        if in_use.is_absolute() and in_use.is_relative_to(old) and not stays(in_use):
            self._settings.set(MODEL_PATH, str(new / in_use.relative_to(old)))
        for model in self._models:
            path = model.kept.path
            if path.is_relative_to(old) and not stays(path):
                self._moved(path, new / path.relative_to(old))


def _content_of(models: Iterable[Model], kept: Kept, path: Path) -> str:
    """What a place says a file should be: only of a model's first file is that known."""
    if path != kept.path:
        return ""
    return next((model.content for model in models if model.kept.id == kept.id), "")


def _opened_too(memory: Memory, target: Path, model_id: str, how: str) -> Memory:
    if how == "link":
        return index.with_opened(memory, target, model_id)
    return replace(memory, hidden=memory.hidden - {model_id})
