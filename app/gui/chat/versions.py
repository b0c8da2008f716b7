"""Stepping through the versions of a turn, and what followed each. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject

from app.conversations.records import Turn
from app.gui.bridge import Bridge
from app.gui.chat.exchange import Exchange
from app.gui.services import GuiServices


class Versions(QObject):
    """Chooses among siblings in the repository and shows the path that is active then."""

    def __init__(
        self, services: GuiServices, bridge: Bridge, exchange: Exchange, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._repository = services.repository
        self._bridge = bridge
        self._exchange = exchange

    def step(self, turn: Turn, by: int) -> None:
        """Show the version before (-1) or after (1) a turn; not while an answer is written."""
        if self._exchange.live is None:
            future = self._repository.siblings(turn.id)
            self._bridge.watch(future, partial(self._choose, turn, by))

    def _choose(self, turn: Turn, by: int, versions: Sequence[Turn]) -> None:
        ids = [version.id for version in versions]
        if turn.id not in ids or turn.conversation_id != self._exchange.conversation_id:
            return
        wanted = ids[max(0, min(len(ids) - 1, ids.index(turn.id) + by))]
        future = self._repository.choose(turn.conversation_id, wanted)
        self._bridge.watch(future, partial(self._chosen, turn.conversation_id, wanted))

    def _chosen(self, conversation_id: str, turn_id: str, turns: Sequence[Turn]) -> None:
        exchange = self._exchange
        if conversation_id == exchange.conversation_id and exchange.live is None:
            exchange.path.show(turns)
            exchange.path.reveal(turn_id)
            exchange.changed.emit()
