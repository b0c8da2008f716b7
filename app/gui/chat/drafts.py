"""What is written but not sent, one draft a conversation, and the message being changed.

GUI thread; kept for as long as the window lives.
"""

from __future__ import annotations

from app.gui.chat.composer import Composer
from app.gui.chat.pasted import Pasted

_EMPTY = Pasted("", ())


class Drafts:
    """Puts the right draft into the composer. `editing` is the turn being changed, if any."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._kept: dict[str | None, Pasted] = {}
        self._open: str | None = None
        self._before: Pasted | None = None
        self.editing: str | None = None

    def change(self, conversation_id: str | None) -> None:
        """Another conversation is open."""
        self.cancel_edit()
        content = self._composer.content
        if content == _EMPTY:
            self._kept.pop(self._open, None)
        else:
            self._kept[self._open] = content
        self._open = conversation_id
        self._composer.put(self._kept.pop(conversation_id, _EMPTY))

    def rename_open(self, conversation_id: str) -> None:
        """The conversation that did not exist yet has an id now."""
        if self._open is None:
            self._open = conversation_id

    def begin_edit(self, turn_id: str, text: str) -> None:
        """Change an earlier message; the draft comes back afterwards."""
        if self._before is None:
            self._before = self._composer.content
        self.editing = turn_id
        self._composer.put_text(text)
        self._composer.set_editing(True)

    def cancel_edit(self) -> None:
        """Leave the earlier message as it was."""
        if self.editing is not None:
            self._end_edit()

    def sent(self) -> None:
        """What was written has been taken over."""
        if self.editing is not None:
            self._end_edit()
        else:
            self._composer.take()

    def _end_edit(self) -> None:
        before, self._before = self._before, None
        self.editing = None
        self._composer.set_editing(False)
        self._composer.put(before or _EMPTY)
