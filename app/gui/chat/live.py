"""An answer under way, whether or not its conversation is on the screen. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.conversations.records import Turn


@dataclass(slots=True)
class Live:
    """`question` is what the person wrote while it is not stored; `parent_id` the turn under
    which question or answer will stand."""

    question: str = ""
    parent_id: str | None = None
    answer: Turn | None = None
    progress: str = ""
    is_stopped: bool = False
    _parts: list[str] = field(default_factory=list)

    def begin(self, turn: Turn) -> None:
        """The model has begun to write `turn`."""
        self.answer = turn
        self._parts = [turn.text]
        self.progress = ""

    def grow(self, text: str) -> None:
        self._parts.append(text)

    @property
    def text(self) -> str:
        """All of the answer so far."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""
