"""The connections as a list: two lines each, and only what is visible is laid out. GUI thread.

Knows no file: it is handed records, newest last, and shows the newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QDateTime,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    Qt,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.plan_words import capital
from app.network.connections import CUT_OFF, Connection

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
translate = QCoreApplication.translate


class Role(IntEnum):
    """What the row's drawing asks for beside the purpose."""

    PLACE = Qt.ItemDataRole.UserRole
    SIZES = Qt.ItemDataRole.UserRole + 1
    OUTCOME = Qt.ItemDataRole.UserRole + 2
    WENT_WRONG = Qt.ItemDataRole.UserRole + 3


@dataclass(frozen=True, slots=True)
class Sum:
    """What the rows that are shown come to."""

    n: int
    sent_bytes: int
    received_bytes: int


class ConnectionModel(QAbstractTableModel):
    """One row a connection that holds the words searched for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: tuple[Connection, ...] = ()
        self._searched: list[str] = []
        self._rows: list[Connection] = []
        self._words = ""
        self._sum = Sum(0, 0, 0)

    def replace(self, connections: Sequence[Connection], searched: Sequence[str]) -> None:
        """Show these; `searched` is what `searched_text` makes of each, in the same order."""
        self._all = tuple(connections)
        self._searched = list(searched)
        self._show()

    def search(self, words: str) -> None:
        """Show only what holds each of these words."""
        if words != self._words:
            self._words = words
            self._show()

    @property
    def n_all(self) -> int:
        return len(self._all)

    def everything(self) -> tuple[Connection, ...]:
        """All, searched for or not, oldest first."""
        return self._all

    def sum(self) -> Sum:
        """Of the rows that are shown."""
        return self._sum

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return capital(row.purpose)
        if role == Role.PLACE:
            return f"{row.host} · {when_words(row.at)}"
        if role == Role.SIZES:
            return sizes_words(row)
        if role == Role.OUTCOME:
            return outcome_words(row.outcome)
        if role == Role.WENT_WRONG:
            return went_wrong(row.outcome)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (row.purpose, row.host, when_words(row.at), sizes_words(row))
            return ", ".join(part for part in (*parts, outcome_words(row.outcome)) if part)
        return None

    def _show(self) -> None:
        texts = self._searched
        places: Sequence[int] = range(len(self._all))
        for word in self._words.casefold().split():
            places = [place for place in places if word in texts[place]]
        self.beginResetModel()
        self._rows = [self._all[place] for place in reversed(places)]
        self.endResetModel()
        sizes = [(row.sent_bytes, row.received_bytes) for row in self._rows]
        self._sum = Sum(len(sizes), sum(s for s, _ in sizes), sum(r for _, r in sizes))


class ConnectionRow(QStyledItemDelegate):
    """Why and how much on the first line; to whom, when and how it ended on the second."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        look = theme.current()
        painter.save()
        self._paint_ground(painter, option)
        box: QRect = option.rect.adjusted(theme.SPACE_16, 0, -theme.SPACE_16, 0)
        high, low = look.px("body") + 6, look.px("secondary") + 6
        top = box.top() + (box.height() - high - low) // 2
        first = QRect(box.left(), top, box.width(), high)
        second = QRect(box.left(), top + high, box.width(), low)
        secondary = look.font("secondary")
        left = _right(painter, first, index.data(Role.SIZES), secondary, "secondary")
        _left(painter, left, index.data(), look.font("body"), "text")
        token = "warning" if index.data(Role.WENT_WRONG) else "secondary"
        left = _right(painter, second, index.data(Role.OUTCOME), secondary, token)
        _left(painter, left, index.data(Role.PLACE), secondary, "secondary")
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        look = theme.current()
        painter.setPen(look.color("border"))
        line = option.rect
        painter.drawLine(
            line.left() + theme.SPACE_16,
            line.bottom(),
            line.right() - theme.SPACE_16,
            line.bottom(),
        )
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(look.color("accent"), 2))
            ring = QRectF(line).adjusted(3, 1, -3, -2)
            painter.drawRoundedRect(ring, theme.RADIUS_BUTTON, theme.RADIUS_BUTTON)


class ConnectionView(QTableView):
    """One column of rows of one height, read with the arrow keys."""

    def __init__(self, model: ConnectionModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Connections"))
        self.setModel(model)
        self.setItemDelegate(ConnectionRow(self))
        self.setShowGrid(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.horizontalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        theme.current().changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        look = theme.current()
        lines_px = look.px("body") + look.px("secondary") + 12
        self.verticalHeader().setDefaultSectionSize(lines_px + theme.SPACE_16)


def searched_text(connection: Connection) -> str:
    """What a search of a row looks through. Any thread."""
    parts = (connection.purpose, connection.host, outcome_words(connection.outcome), connection.at)
    return " ".join((*parts, connection.outcome)).casefold()


def when_words(at: str) -> str:
    """A recorded moment in this place's time and the person's way of writing it."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return translate("Connections", "at a time that was not recorded")
    local = QDateTime.fromMSecsSinceEpoch(round(moment.timestamp() * 1000))
    return QLocale().toString(local, QLocale.FormatType.ShortFormat)


def sizes_words(connection: Connection) -> str:
    """What came and what went; nothing while that is not recorded."""
    if connection.outcome == CUT_OFF and not connection.received_bytes:
        return ""
    return translate("Connections", "{received} received, {sent} sent").format(
        received=bytes_text(connection.received_bytes), sent=bytes_text(connection.sent_bytes)
    )


def outcome_words(outcome: str) -> str:
    """How it ended, in words with the number beside them."""
    if outcome == CUT_OFF:
        return translate("Connections", "under way, or cut off")
    if outcome == "timed out":
        return translate("Connections", "no answer in time")
    if outcome.isdigit():
        words = {
            "2": translate("Connections", "answered"),
            "3": translate("Connections", "sent on"),
            "4": translate("Connections", "refused"),
            "5": translate("Connections", "trouble at the other end"),
        }.get(outcome[0], translate("Connections", "answered"))
        return f"{words} ({outcome})"
    if outcome.startswith("stopped"):
        return translate("Connections", "stopped")
    if outcome.startswith("failed"):
        return translate("Connections", "failed")
    return outcome


def went_wrong(outcome: str) -> bool:
    """Whether it ended otherwise than asked. What was stopped by the person did not."""
    if outcome.isdigit():
        return outcome[0] in "45"
    return outcome == "timed out" or outcome.startswith("failed")


def _right(painter: QPainter, box: QRect, text: str, font: QFont, token: str) -> QRect:
    """Draw at the right; what is left of the box for the rest."""
    width = QFontMetrics(font).horizontalAdvance(text)
    painter.setFont(font)
    painter.setPen(theme.current().color(token))
    middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    painter.drawText(box, middle | Qt.TextFlag.TextSingleLine, text)
    return box.adjusted(0, 0, -width - theme.SPACE_16, 0)


def _left(painter: QPainter, box: QRect, text: str, font: QFont, token: str) -> None:
    painter.setFont(font)
    painter.setPen(theme.current().color(token))
    shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideMiddle, box.width())
    middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    painter.drawText(box, middle | Qt.TextFlag.TextSingleLine, shown)
