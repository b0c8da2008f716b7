"""The list of conversations: new, search, open, rename, delete with undo. GUI thread.

Reads and writes through the repository's futures. Knows nothing of what a conversation says.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from app.conversations.records import Conversation
from app.gui import icons, theme
from app.gui.bridge import Bridge
from app.gui.chat.sidebar_model import ConversationModel, untitled
from app.gui.chat.sidebar_row import ConversationRow
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import PlainLabel

SEARCH_DELAY_MS = 120
_SHORT_TITLE = 40


class ConversationView(QListView):
    """The rows. A click or Enter opens; F2, Delete and the menu do the rest.

    The focus stays here after a click, so that Delete means the row; text that is typed is
    for the message (`typed`). The focus ring shows only to those who use the keyboard.
    """

    opened = Signal(QModelIndex)
    rename_asked = Signal(QModelIndex)
    delete_asked = Signal(QModelIndex)
    typed = Signal(str)

    def __init__(self, model: ConversationModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Chats"))
        self.setModel(model)
        self.setItemDelegate(ConversationRow(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.shows_ring = False
        self.clicked.connect(self._clicked)
        theme.current().changed.connect(self.scheduleDelayedItemsLayout)

    @property
    def is_editing(self) -> bool:
        return self.state() == QAbstractItemView.State.EditingState

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.shows_ring = True
        index = self.currentIndex()
        keys = {
            Qt.Key.Key_Return: self.opened,
            Qt.Key.Key_Enter: self.opened,
            Qt.Key.Key_F2: self.rename_asked,
            Qt.Key.Key_Delete: self.delete_asked,
        }
        asked = keys.get(Qt.Key(event.key()))
        if asked is not None and index.isValid() and not self.is_editing:
            asked.emit(index)
        elif event.text().isprintable() and event.text().strip() and not self.is_editing:
            self.typed.emit(event.text())
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.shows_ring = False
        super().mousePressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.shows_ring = event.reason() != Qt.FocusReason.MouseFocusReason
        super().focusInEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        at = event.pos()
        index = self.indexAt(at)
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            at = self.visualRect(index).center()
        if index.isValid() and index.flags() & Qt.ItemFlag.ItemIsEnabled:
            self._show_menu(index, self.viewport().mapToGlobal(at))

    def _show_menu(self, index: QModelIndex, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        entries = (
            ("message-square", self.tr("Open"), "", self.opened),
            ("pencil", self.tr("Rename"), "F2", self.rename_asked),
            ("trash-2", self.tr("Delete"), "Del", self.delete_asked),
        )
        for icon, text, key, signal in entries:
            action = menu.addAction(f"{text}\t{key}" if key else text)
            icons.bind(action, icon)
            action.triggered.connect(partial(signal.emit, index))
        menu.popup(at)

    def _clicked(self, index: QModelIndex) -> None:
        if index.flags() & Qt.ItemFlag.ItemIsEnabled:
            self.opened.emit(index)


class Sidebar(QWidget):
    """`opened(id, by_key)` asks the window to show a conversation, `new_asked` for an empty one.

    `typed(text)`: something was typed on the list that is meant for the message.
    """

    opened = Signal(str, bool)
    typed = Signal(str)
    new_asked = Signal()
    listed = Signal()
    deleted = Signal(str)

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._repository = services.repository
        self._chat = services.chat
        self._bridge = bridge
        self._notify = notify
        self._asked = 0
        self._trash: list[str] = []
        self._open_id: str | None = None
        self._reload_waits = False
        self.model = ConversationModel(self._chat.is_answering, self)
        self.view = ConversationView(self.model)
        self.search = QLineEdit()
        self._empty = PlainLabel(role="muted")
        self._search_timer = QTimer(self)
        self._search_timer.setSingleShot(True)
        self._search_timer.setInterval(SEARCH_DELAY_MS)
        self._arrange()
        self._connect()

    def reload(self) -> None:
        """Read the list anew; while a title is being typed, afterwards."""
        if self.view.is_editing:
            self._reload_waits = True
            return
        self._reload_waits = False
        self._asked += 1
        listed = self._repository.list(self.search.text().strip())
        self._bridge.watch(listed, partial(self._listed, self._asked))

    def reload_if_older_than_today(self) -> None:
        """After midnight, move yesterday's chats under Yesterday."""
        if not self.model.is_of_today:
            self.reload()

    def set_open(self, conversation_id: str | None) -> None:
        """Mark the conversation the page shows and bring it into view."""
        self._open_id = conversation_id
        self.model.set_open(conversation_id)
        index = self.model.index_of(conversation_id)
        if index.isValid():
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.view.selectionModel().setCurrentIndex(index, flag)
            self.view.scrollTo(index)
        else:
            self.view.selectionModel().clear()

    @property
    def sentence(self) -> str:
        """What stands in place of the list; empty while there is one."""
        return "" if self._empty.isHidden() else self._empty.text()

    def title_of(self, conversation_id: str | None) -> str:
        """The title of a listed conversation; empty for one that is not."""
        record = self.model.conversation(self.model.index_of(conversation_id))
        return record.title if record is not None else ""

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def rename(self, conversation_id: str) -> None:
        """Let the title be typed in place."""
        index = self.model.index_of(conversation_id)
        if index.isValid():
            self.view.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self._edit(index)

    def delete(self, conversation_id: str) -> None:
        """Put a conversation into the trash and offer to bring it back."""
        title = self.title_of(conversation_id)
        self._chat.stop(conversation_id)
        gone = self._repository.delete(conversation_id)
        self._bridge.watch(gone, partial(self._deleted, conversation_id, title))

    def undo_delete(self) -> None:
        """Bring back what was deleted last; again for the one before."""
        if self._trash:
            self._restore(self._trash[-1])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        in_search = self.search.hasFocus()
        if in_search and event.key() == Qt.Key.Key_Down and self.model.rowCount():
            self.view.setFocus(Qt.FocusReason.ShortcutFocusReason)
            if not self.view.currentIndex().isValid():
                self.view.setCurrentIndex(self.model.index(min(1, self.model.rowCount() - 1)))
            return
        if event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
            return
        super().keyPressEvent(event)

    def _arrange(self) -> None:
        self.new_button = TextButton(self.tr("New chat"), "row", icon="square-pen")
        self.new_button.setToolTip("Ctrl+N")
        self.search.setPlaceholderText(self.tr("Search chats"))
        self.search.setAccessibleName(self.tr("Search the titles of chats"))
        self.search.setProperty("kind", "search")
        icons.lead(self.search, "search")
        self._clear = icons.trail(self.search, "x", self.tr("Clear the search"))
        self._clear.setVisible(False)
        self._clear.triggered.connect(self.search.clear)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._empty.setContentsMargins(*(theme.SPACE_16,) * 4)
        self._empty.hide()
        top = QVBoxLayout()
        top.setContentsMargins(theme.SPACE_8, theme.SPACE_8, theme.SPACE_8, theme.SPACE_4)
        top.setSpacing(theme.SPACE_8)
        top.addWidget(self.new_button)
        top.addWidget(self.search)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._empty)
        column.addWidget(self.view, 1)

    def _connect(self) -> None:
        self.new_button.clicked.connect(self.new_asked)
        self.search.textChanged.connect(self._searched)
        self._search_timer.timeout.connect(self.reload)
        self.view.opened.connect(self._open)
        self.view.typed.connect(self.typed)
        self.view.rename_asked.connect(self._edit)
        self.view.delete_asked.connect(self._delete_row)
        self.view.itemDelegate().closeEditor.connect(self._edited)
        self.model.title_given.connect(self._rename)

    def _listed(self, asked: int, conversations: Sequence[Conversation]) -> None:
        if asked != self._asked:
            return
        if self.view.is_editing:
            self._reload_waits = True
            return
        current = self.model.conversation(self.view.currentIndex())
        self.model.replace(conversations)
        for wanted in (current.id if current is not None else None, self._open_id):
            index = self.model.index_of(wanted)
            if index.isValid():
                self.view.setCurrentIndex(index)
                break
        self.listed.emit()
        if conversations:
            self._empty.hide()
        else:
            searched = bool(self.search.text().strip())
            self._empty.setText(
                self.tr("No chat has this in its title.")
                if searched
                else self.tr("Your chats will be listed here.")
            )
            self._empty.show()

    def _searched(self, text: str) -> None:
        self._clear.setVisible(bool(text))
        self._search_timer.start()

    def _open(self, index: QModelIndex) -> None:
        record = self.model.conversation(index)
        if record is not None:
            self.opened.emit(record.id, self.view.shows_ring)

    def _edit(self, index: QModelIndex) -> None:
        self.view.setCurrentIndex(index)
        self.view.edit(index)

    def _edited(self) -> None:
        if self._reload_waits:
            QTimer.singleShot(0, self, self.reload)

    def _rename(self, conversation_id: str, title: str) -> None:
        renamed = self._repository.rename(conversation_id, title)
        self._bridge.watch(renamed, self._changed)

    def _changed(self, _: object) -> None:
        self.reload()

    def _delete_row(self, index: QModelIndex) -> None:
        record = self.model.conversation(index)
        if record is not None:
            self.delete(record.id)

    def _deleted(self, conversation_id: str, title: str, _: object) -> None:
        neighbour = self.model.index_of(self.model.neighbour(conversation_id))
        if neighbour.isValid():
            self.view.setCurrentIndex(neighbour)
        self._trash.append(conversation_id)
        self.deleted.emit(conversation_id)
        self.reload()
        name = title or untitled()
        short = name if len(name) <= _SHORT_TITLE else name[: _SHORT_TITLE - 1] + "…"
        self._notify.offer(
            self.tr("“{title}” was deleted.").format(title=short),
            self.tr("Undo"),
            partial(self._restore, conversation_id),
        )

    def _restore(self, conversation_id: str) -> None:
        if conversation_id in self._trash:
            self._trash.remove(conversation_id)
        self._notify.withdraw()
        restored = self._repository.restore(conversation_id)
        self._bridge.watch(restored, partial(self._restored, conversation_id))

    def _restored(self, conversation_id: str, _: object) -> None:
        self.reload()
        self.opened.emit(conversation_id, True)
