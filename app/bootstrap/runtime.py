"""The services that every face shares, each built when first asked for, closed in reverse order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from app.engine.client import EngineClient
from app.foundation.paths import Profile
from app.foundation.sentinel import Sentinels
from app.inference.host import ModelHost
from app.inference.planning import Planning
from app.inference.preflight import Preflight
from app.inference.service import InferenceService
from app.inference.starter import StarterModel
from app.metrics.recorder import Recorder
from app.settings.file import SettingsFile
from app.templates.render import Renderer

CLOSE_S = 5.0
LOADING = "load"


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
        self._is_window = sentinels is not None

    @cached_property
    def settings(self) -> SettingsFile:
        return SettingsFile(self.profile.settings, is_owner=self._is_window)

    @cached_property
    def starter(self) -> StarterModel:
        return StarterModel()

    @cached_property
    def planning(self) -> Planning:
        return Planning(self.profile, self.settings, safe_mode=self.safe_mode)

    @cached_property
    def inference(self) -> InferenceService:
        host = ModelHost(
            self._new_engine,
            self.planning,
            Preflight(self.profile, sentinels=self.sentinels),
            self.starter,
            guard=self._loading,
        )
        return InferenceService(host, Renderer(), self.recorder)

    def close(self, deadline_s: float = CLOSE_S) -> bool:
        """Close what was built; True if all of it ended in time."""
        ended = True
        if "inference" in self.__dict__:
            ended = self.inference.close(deadline_s)
        if "settings" in self.__dict__:
            ended = self.settings.close(deadline_s) and ended
        return ended

    def _new_engine(self) -> EngineClient:
        return EngineClient(self.profile.native_abort)

    @contextmanager
    def _loading(self, _path: str) -> Iterator[None]:
        """A note on disk while native code loads: a start that finds it goes into safe mode."""
        with self.sentinels.during(LOADING):
            yield
