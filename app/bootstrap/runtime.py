"""The services that every face shares, each built when first asked for, closed in reverse order."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from app.bootstrap.late import LateAftermath, LatePlacing, LatePreflight, LateRendering
from app.bootstrap.once import once
from app.foundation.paths import Profile, native_runtime
from app.foundation.sentinel import Sentinels
from app.inference.advice import Adviser
from app.inference.host import ModelHost
from app.inference.service import InferenceService
from app.inference.starter import StarterModel
from app.metrics.recorder import Recorder
from app.settings.file import SettingsFile
from app.settings.folders import models_folder
from app.settings.schema import DOWNLOADS_FOLDER

if TYPE_CHECKING:
    from app.engine.client import EngineClient
    from app.hardware.profile import MachineProfile, Unknown
    from app.inference.aftermath import MeasuredAftermath
    from app.inference.planning import Planning
    from app.inference.preflight import Preflight
    from app.models.library.library import Library
    from app.models.library.rechecking import Rechecking
    from app.models.wanted import Wanted

CLOSE_S = 5.0
LOADING = "load"
_NAMES = ("HEARTH_CPU_VARIANT", "HEARTH_GPU_MODULES")
_NAMED_BY_PERSON = frozenset(name for name in _NAMES if name in os.environ)


def _nothing_to_hold(_why: str) -> AbstractContextManager[None]:
    return nullcontext()


class Runtime:
    """One profile's services. `safe_mode` keeps models on the processor.

    `sentinels` notes what may end the process. The window has one; commands run beside it and
    end for many reasons, none of which is to put the next window into safe mode.
    """

    def __init__(
        self, profile: Profile, *, sentinels: Sentinels | None = None, safe_mode: bool = False
    ) -> None:
        self.profile = profile
        self.safe_mode = safe_mode
        self.recorder = Recorder()
        self.sentinels = sentinels or Sentinels(None)
        self.adviser = Adviser()
        self.hold_downloads: Callable[[str], AbstractContextManager[None]] = _nothing_to_hold
        self._is_window = sentinels is not None
        self._rechecking: Rechecking | None = None
        self._building = threading.RLock()

    @once
    def settings(self) -> SettingsFile:
        return SettingsFile(self.profile.settings, is_owner=self._is_window)

    @once
    def starter(self) -> StarterModel:
        return StarterModel()

    @once
    def planning(self) -> Planning:
        from app.inference.planning import Planning

        return Planning(
            self.profile, self.settings, safe_mode=self.safe_mode, find=self._find_machine
        )

    @once
    def library(self) -> Library:
        """The models on this computer. Nothing is read before it is asked."""
        from app.models.library.library import Library

        library = Library(
            self.profile,
            self.settings,
            self.models_folder,
            self._use_models_folder,
            hold=self._hold_downloads,
            moved=self._model_moved,
            letting_go=self._letting_go,
        )
        if self._is_window:
            from app.models.library.rechecking import Rechecking

            self._rechecking = Rechecking(library.verify)
            library.listen(self._rechecking.take)
        return library

    def close_library(self, deadline_s: float) -> bool:
        """Stop reading models that changed."""
        return self._rechecking is None or self._rechecking.close(deadline_s)

    def record_download(
        self, wanted: Wanted, paths: tuple[Path, ...], sha256s: tuple[str, ...]
    ) -> None:
        """Have the library know what was downloaded, and that it was checked."""
        self.library.record_download(wanted, paths, sha256s)

    def models_folder(self) -> Path:
        """Where Hearth keeps models of its own."""
        return models_folder(self.profile, self.settings)

    def _use_models_folder(self, folder: Path) -> None:
        """Raises StorageError where that cannot be remembered."""
        self.settings.set(DOWNLOADS_FOLDER, str(folder)).result(CLOSE_S)

    def _hold_downloads(self, why: str) -> AbstractContextManager[None]:
        return self.hold_downloads(why)  # asked each time: the window sets it later

    def _model_moved(self, old: Path, new: Path) -> None:
        """What was set for one model follows its file."""
        pins = self.planning.pins
        if values := pins.of(old):
            pins.set(new, values)

    def _letting_go(self, paths: Sequence[Path]) -> AbstractContextManager[None]:
        """Nothing is in memory before somebody has asked for it."""
        is_built = "inference" in self.__dict__
        return self.inference.letting_go(paths) if is_built else nullcontext()

    @once
    def preflight(self) -> Preflight:
        from app.inference.preflight import Preflight

        return Preflight(self.profile, sentinels=self.sentinels)

    @once
    def _aftermath(self) -> MeasuredAftermath:
        from app.inference.aftermath import MeasuredAftermath

        return MeasuredAftermath(self.planning.learning, lambda: self.planning, self.adviser)

    @once
    def host(self) -> ModelHost:
        return ModelHost(
            self._new_engine,
            LatePlacing(lambda: self.planning),
            LatePreflight(lambda: self.preflight),
            self.starter,
            guard=self._loading,
            aftermath=LateAftermath(lambda: self._aftermath),
        )

    @once
    def inference(self) -> InferenceService:
        return InferenceService(self.host, LateRendering(), self.recorder)

    def close(self, deadline_s: float = CLOSE_S) -> bool:
        """Close what was built; True if all of it ended in time."""
        ended = True
        if "inference" in self.__dict__:
            ended = self.inference.close(deadline_s)
        if "settings" in self.__dict__:
            ended = self.settings.close(deadline_s) and ended
        return self.close_pins(deadline_s) and ended

    def close_pins(self, deadline_s: float) -> bool:
        """Wait until what was pinned for single models is on disk."""
        ended = True
        if "planning" in self.__dict__:
            ended = self.planning.pins.close(deadline_s)
        return ended

    def choose_hardware(self) -> None:
        """Name what computes, for this process and its children. May take a second once.

        What a person named in the environment stands. Does nothing in the plain build.
        """
        if native_runtime() is None:
            return
        from app.hardware.probe import chosen

        choice = chosen(self.profile.root)
        if self.safe_mode:
            choice = dataclasses.replace(choice, modules=())
        for name, value in choice.environment().items():
            if name not in _NAMED_BY_PERSON:
                os.environ[name] = value

    def _find_machine(self, folder: Path, not_asked: Unknown | None) -> MachineProfile:
        """Probe, and let the engine have what the probe found good."""
        from app.inference.planning import find_machine

        found = find_machine(folder, not_asked)
        self.choose_hardware()
        return found

    def _new_engine(self) -> EngineClient:
        from app.engine.client import EngineClient

        self.choose_hardware()
        return EngineClient(self.profile.native_abort)

    @contextmanager
    def _loading(self, _path: str) -> Iterator[None]:
        """A note on disk while native code loads: a start that finds it goes into safe mode."""
        with self.sentinels.during(LOADING):
            yield
