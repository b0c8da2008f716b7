"""How a row of the conversation list looks, and the field a title is typed into. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.gui import theme
from app.gui.chat.sidebar_model import Role

Index = QModelIndex | QPersistentModelIndex
_DOT_PX = 6


class ConversationRow(QStyledItemDelegate):
    """One line a conversation: its title, and a dot while it is being answered."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, theme.current().px("body") + 20)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        look = theme.current()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box: QRect = option.rect.adjusted(theme.SPACE_8, 1, -theme.SPACE_8, -1)
        inner = box.adjusted(theme.SPACE_8, 0, -theme.SPACE_8, 0)
        if index.data(Role.HEADING):
            painter.setFont(look.font("secondary"))
            painter.setPen(look.color("secondary"))
            bottom = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft
            painter.drawText(inner.adjusted(0, 0, 0, -4), bottom, index.data())
        else:
            self._paint_ground(painter, option, index, box)
            self._paint_title(painter, index, inner)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        field = QLineEdit(parent)
        field.setAccessibleName(self.tr("Title of the chat"))
        field.setMaxLength(200)
        return field

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        editor.setGeometry(option.rect.adjusted(theme.SPACE_8, 0, -theme.SPACE_8, 0))

    def _paint_ground(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, box: QRect
    ) -> None:
        look = theme.current()
        state = option.state
        token = ""
        if index.data(Role.OPEN):
            token = "accent_soft"
        elif state & QStyle.StateFlag.State_MouseOver:
            token = "hover"
        radius = theme.RADIUS_BUTTON
        if token:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color(token))
            painter.drawRoundedRect(box, radius, radius)
        if state & QStyle.StateFlag.State_HasFocus and getattr(option.widget, "shows_ring", True):
            painter.setPen(QPen(look.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(box).adjusted(1, 1, -1, -1), radius, radius)

    def _paint_title(self, painter: QPainter, index: Index, inner: QRect) -> None:
        look = theme.current()
        if index.data(Role.ANSWERING):
            dot = QRect(0, 0, _DOT_PX, _DOT_PX)
            dot.moveCenter(inner.center())
            dot.moveRight(inner.right())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("accent"))
            painter.drawEllipse(dot)
            inner = inner.adjusted(0, 0, -_DOT_PX - theme.SPACE_8, 0)
        font = look.font("body")
        painter.setFont(font)
        painter.setPen(look.color("text"))
        metrics = QFontMetrics(font)
        text = metrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, inner.width())
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(inner, middle | Qt.TextFlag.TextSingleLine, text)
