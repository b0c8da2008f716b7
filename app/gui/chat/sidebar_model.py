"""The conversations as rows under headings by day. Pure list work on the GUI thread.

Knows neither storage nor looks: it is handed records, and asks for a new title by a signal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QCoreApplication,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from app.conversations.records import Conversation

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class Role(IntEnum):
    """What a view may ask of a row beside its text."""

    ID = Qt.ItemDataRole.UserRole
    HEADING = Qt.ItemDataRole.UserRole + 1
    OPEN = Qt.ItemDataRole.UserRole + 2
    ANSWERING = Qt.ItemDataRole.UserRole + 3


def untitled() -> str:
    """The name of a chat that has none yet."""
    return QCoreApplication.translate("Sidebar", "New chat")


def day_group(day: date, today: date, locale: QLocale) -> str:
    """The heading a day stands under: Today, Yesterday, …, else the month."""
    age = (today - day).days
    if age <= 0:
        return QCoreApplication.translate("Sidebar", "Today")
    if age == 1:
        return QCoreApplication.translate("Sidebar", "Yesterday")
    if age < 7:
        return QCoreApplication.translate("Sidebar", "Last 7 days")
    if age < 30:
        return QCoreApplication.translate("Sidebar", "Last 30 days")
    month = locale.standaloneMonthName(day.month)
    return month if day.year == today.year else f"{month} {day.year}"


class ConversationModel(QAbstractListModel):
    """Rows are headings (text) and conversations, newest first."""

    title_given = Signal(str, str)

    def __init__(self, is_answering: Callable[[str], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_answering = is_answering
        self._rows: list[Conversation | str] = []
        self._row_of: dict[str, int] = {}
        self._open_id: str | None = None
        self._day = date.today()

    def replace(self, conversations: Sequence[Conversation]) -> None:
        """Show these. Rows that stay where they were are only repainted."""
        self._day = date.today()
        rows = self._with_headings(conversations)
        row_of = {row.id: at for at, row in enumerate(rows) if isinstance(row, Conversation)}
        same = row_of == self._row_of and len(rows) == len(self._rows)
        if same:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows, self._row_of = rows, row_of
        self.endResetModel()

    def set_open(self, conversation_id: str | None) -> None:
        """Mark the conversation that the page shows."""
        before, self._open_id = self._open_id, conversation_id
        for each in (before, conversation_id):
            index = self.index_of(each)
            if index.isValid():
                self.dataChanged.emit(index, index)

    @property
    def is_of_today(self) -> bool:
        """False once the headings are a day old."""
        return self._day == date.today()

    def conversation(self, index: Index) -> Conversation | None:
        """The record of a row; None for a heading or no row."""
        row = self._rows[index.row()] if 0 <= index.row() < len(self._rows) else None
        return row if isinstance(row, Conversation) else None

    def index_of(self, conversation_id: str | None) -> QModelIndex:
        """Where a conversation stands; an invalid index if it is not listed."""
        row = self._row_of.get(conversation_id) if conversation_id is not None else None
        return QModelIndex() if row is None else self.index(row)

    def neighbour(self, conversation_id: str) -> str | None:
        """The conversation below, else above: what to mark when this one goes."""
        at = self._row_of.get(conversation_id)
        if at is None:
            return None
        for rows in (self._rows[at + 1 :], reversed(self._rows[:at])):
            for row in rows:
                if isinstance(row, Conversation):
                    return row.id
        return None

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.conversation(index) is None:
            return Qt.ItemFlag.ItemNeverHasChildren
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsEditable
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        if isinstance(row, str):
            return row if role in _TEXT_ROLES else (True if role == Role.HEADING else None)
        if role in _TEXT_ROLES:
            return row.title or untitled()
        if role == Qt.ItemDataRole.EditRole:
            return row.title
        if role == Role.ID:
            return row.id
        if role == Role.OPEN:
            return row.id == self._open_id
        if role == Role.ANSWERING:
            return self._is_answering(row.id)
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """A title typed in place. The row changes when the new title is stored."""
        row = self.conversation(index)
        title = " ".join(str(value).split())
        if row is None or role != Qt.ItemDataRole.EditRole or not title:
            return False
        if title != row.title:
            self.title_given.emit(row.id, title)
        return True

    def _with_headings(self, conversations: Sequence[Conversation]) -> list[Conversation | str]:
        locale = QLocale()
        rows: list[Conversation | str] = []
        heading = ""
        bound = _Bound()
        for each in conversations:
            if not bound.holds(each.updated_at):
                day = datetime.fromtimestamp(each.updated_at).date()
                bound = _Bound.of(day)
                group = day_group(day, self._day, locale)
                if group != heading:
                    heading = group
                    rows.append(group)
            rows.append(each)
        return rows


class _Bound:
    """The seconds of one local day, so that a day's worth of rows is grouped by comparing."""

    def __init__(self, start: float = 0.0, end: float = 0.0) -> None:
        self._start, self._end = start, end

    @classmethod
    def of(cls, day: date) -> _Bound:
        midnight = datetime(day.year, day.month, day.day)
        return cls(midnight.timestamp(), (midnight + timedelta(days=1)).timestamp())

    def holds(self, time: float) -> bool:
        return self._start <= time < self._end


_TEXT_ROLES = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
