"""The messages of a conversation, each made from its turn when it is first looked at.

GUI thread. Opening a chat of 10,000 messages makes the few that are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from app.gui.chat.ink import Ink
    from app.gui.chat.message import Message


class HasText(Protocol):
    """What a message is made from: a stored turn."""

    @property
    def role(self) -> str: ...

    @property
    def text(self) -> str: ...


T = TypeVar("T", bound=HasText)


class MessageList(Sequence["Message"]):
    """Looks like a list of messages; `made` are those that exist."""

    def __init__(
        self, sources: Sequence[T] = (), make: Callable[[T], Message] | None = None
    ) -> None:
        self._sources: list[HasText | None] = list(sources)
        self._make: Callable[[T], Message] | None = make
        self._made: dict[int, Message] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def __getitem__(self, index: int) -> Message:  # type: ignore[override]
        at = index + len(self._sources) if index < 0 else index
        message = self._made.get(at)
        if message is None:
            source = self._sources[at]
            if source is None or self._make is None:
                raise IndexError(index)
            message = self._make(source)  # type: ignore[arg-type]
            self._made[at] = message
        return message

    def append(self, message: Message) -> None:
        self._made[len(self._sources)] = message
        self._sources.append(None)

    def pop(self) -> None:
        """Forget the last one."""
        self._sources.pop()
        self._made.pop(len(self._sources), None)

    @property
    def made(self) -> Sequence[Message]:
        """Those that have been looked at."""
        return list(self._made.values())

    def heights(self, width: int, ink: Ink) -> Iterator[int]:
        """An estimate for each, from counts alone; nothing is made for it."""
        if not self._sources:
            return
        from app.gui.chat.message import estimated_message_height

        made = self._made
        for at, source in enumerate(self._sources):
            message = made.get(at)
            if message is not None:
                yield message.estimate(width, ink)
            elif source is not None:
                yield estimated_message_height(source.role == "user", source.text, width, ink)
