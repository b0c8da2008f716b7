"""Services behind their protocols, imported when first needed: no paint waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.foundation.cancellation import Cancellation
from app.inference.placement import Aftermath, Placement, Tried

if TYPE_CHECKING:
    from app.engine.messages import LoadSettings
    from app.gguf.header import Header
    from app.inference.planning import Planning
    from app.inference.preflight import Preflight
    from app.protocol.chat import Message
    from app.protocol.generation import Finished
    from app.templates.render import Rendered, Renderer


class LatePlacing:
    """The planner behind its protocol, imported with the first model: no paint waits for it."""

    def __init__(self, planning: Callable[[], Planning]) -> None:
        self._planning = planning

    def terms(self, path: Path) -> Hashable:
        return self._planning().terms(path)

    def step_up(self, path: Path) -> None:
        self._planning().step_up(path)

    def place(self, path: Path, header: Header, cancellation: Cancellation) -> Placement:
        return self._planning().place(path, header, cancellation)


class LatePreflight:
    """The trial behind its protocol, imported with the first model of the person's own."""

    def __init__(self, preflight: Callable[[], Preflight]) -> None:
        self._preflight = preflight

    def check(
        self, settings: LoadSettings, cancellation: Cancellation, *, tune_threads: bool = False
    ) -> Tried:
        return self._preflight().check(settings, cancellation, tune_threads=tune_threads)


class LateAftermath:
    """What is learnt, behind its protocol, imported with the first load."""

    def __init__(self, aftermath: Callable[[], Aftermath]) -> None:
        self._aftermath = aftermath

    def tried(self, placement: Placement, measured: Mapping[str, Any]) -> None:
        self._aftermath().tried(placement, measured)

    def begins(self, placement: Placement) -> None:
        self._aftermath().begins(placement)

    def loaded(
        self,
        placement: Placement,
        free_bytes: Mapping[str, int],
        *,
        may_step_down: bool = True,
    ) -> str | None:
        return self._aftermath().loaded(placement, free_bytes, may_step_down=may_step_down)

    def answered(self, placement: Placement, event: Finished, *, undisturbed: bool) -> None:
        self._aftermath().answered(placement, event, undisturbed=undisturbed)


class LateRendering:
    """The renderer behind its protocol, imported with the first prompt."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Renderer | None = None
        self._is_closed = False

    def render(self, messages: Sequence[Message], template: str | None, **about: Any) -> Rendered:
        return self._renderer().render(messages, template, **about)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._made is not None:
                self._made.close()

    def _renderer(self) -> Renderer:
        from app.templates.render import Renderer

        with self._lock:
            if self._made is None:
                self._made = Renderer()
                if self._is_closed:
                    self._made.close()
            return self._made
