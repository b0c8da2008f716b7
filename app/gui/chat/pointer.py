"""What the mouse does in the transcript: select, follow links, open folds, scroll code.

GUI thread. Opens nothing itself: a link is only reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QMouseEvent, QWheelEvent

from app.gui.chat.box import Box
from app.gui.chat.selection import Place

if TYPE_CHECKING:
    from app.gui.chat.transcript import Transcript

_EDGE_SCROLL_MS = 40
_EDGE_STEP_PX = 24


class Spot:
    """A box under a point, and the point from the box's corner."""

    def __init__(self, place: Place, box: Box, at: QPointF, *, inside: bool) -> None:
        self.place = place
        self.box = box
        self.at = at
        self.inside = inside


class Pointer(QObject):
    """One for a transcript."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._view = transcript
        self._is_selecting = False
        self._pressed: QPoint | None = None
        self._clicks = 0
        self._dragged_bar: tuple[Box, float, int] | None = None
        self._last = QPoint()
        self._edge = QTimer(self)
        self._edge.setInterval(_EDGE_SCROLL_MS)
        self._edge.timeout.connect(self._scroll_at_edge)
        self._last_press_ms = 0

    def handle(self, event: QEvent) -> bool:
        """Take an event of the viewport; False leaves it to Qt."""
        kind = event.type()
        if kind == QEvent.Type.MouseMove:
            self._moved(cast(QMouseEvent, event))
            return True
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            return self._press(cast(QMouseEvent, event))
        if kind == QEvent.Type.MouseButtonRelease:
            return self._release(cast(QMouseEvent, event))
        if kind == QEvent.Type.Leave:
            self._view.hovered.emit(-1)
        return False

    def spot(self, point: QPointF) -> Spot | None:
        """The box under a point, or the nearest one above it."""
        view = self._view
        column = view.column
        number, top = view.flow.message_at(point.y())
        if number < 0:
            return None
        message = view.flow.messages[number]
        left = column.left() + message.text_left(column.width())
        nearest: Spot | None = None
        for placed in message.visible(-top, view.flow.height - top):
            at = QPointF(point.x() - left, point.y() - top - placed.y)
            if nearest is not None and at.y() < 0:
                break
            inside = 0 <= at.y() < placed.box.height and 0 <= at.x() <= max(
                placed.box.width, message.text_width(column.width())
            )
            offset = (
                placed.box.hit(at.x(), at.y())
                if at.y() < placed.box.height
                else (placed.box.length)
            )
            place = Place(number, placed.part, placed.index, offset)
            nearest = Spot(place, placed.box, at, inside=inside)
        return nearest

    def _moved(self, event: QMouseEvent) -> None:
        point = event.position()
        self._last = point.toPoint()
        if self._dragged_bar is not None:
            self._drag_bar(point.x())
        elif self._is_selecting:
            self._extend(point)
        else:
            number, _ = self._view.flow.message_at(point.y())
            self._view.hovered.emit(number)
            self._show_cursor(point)

    def _show_cursor(self, point: QPointF) -> None:
        spot = self.spot(point)
        shape = Qt.CursorShape.ArrowCursor
        if spot is not None and spot.inside:
            if spot.box.is_fold or spot.box.link_at(spot.at.x(), spot.at.y()):
                shape = Qt.CursorShape.PointingHandCursor
            elif spot.box.is_text(spot.at.x(), spot.at.y()):
                shape = Qt.CursorShape.IBeamCursor
        viewport = self._view.viewport()
        if viewport.cursor().shape() != shape:
            viewport.setCursor(shape)

    def _press(self, event: QMouseEvent) -> bool:
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        point = event.position()
        hints = QGuiApplication.styleHints()
        is_double = event.type() == QEvent.Type.MouseButtonDblClick
        since_ms = event.timestamp() - self._last_press_ms
        self._last_press_ms = event.timestamp()
        is_triple = self._clicks == 2 and since_ms < hints.mouseDoubleClickInterval()
        self._clicks = 2 if is_double else 3 if is_triple else 1
        self._pressed = point.toPoint()
        self._view.setFocus(Qt.FocusReason.MouseFocusReason)
        self._view.viewport().update()
        spot = self.spot(point)
        if spot is None:
            self._view.selection.clear()
            return True
        if self._grab_bar(spot, point):
            return True
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._clicks == 1:
            self._view.selection.move(spot.place)
        elif self._clicks == 1:
            self._view.selection.begin(spot.place)
        else:
            self._choose(spot)
        self._is_selecting = self._clicks == 1
        return True

    def _choose(self, spot: Spot) -> None:
        """A word on the second click, the whole block on the third."""
        start, end = (
            spot.box.word_at(spot.place.offset)
            if self._clicks == 2
            else (
                0,
                spot.box.length,
            )
        )
        self._view.selection.choose(_with(spot.place, start), _with(spot.place, end))

    def _extend(self, point: QPointF) -> None:
        spot = self.spot(point)
        if spot is not None:
            self._view.selection.move(spot.place)
            self._view.viewport().update()
        outside = not 0 <= point.y() <= self._view.viewport().height()
        if outside and not self._edge.isActive():
            self._edge.start()
        elif not outside:
            self._edge.stop()

    def _scroll_at_edge(self) -> None:
        bar = self._view.verticalScrollBar()
        bar.setValue(bar.value() + (_EDGE_STEP_PX if self._last.y() > 0 else -_EDGE_STEP_PX))
        self._extend(QPointF(self._last))

    def _release(self, event: QMouseEvent) -> bool:
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        self._edge.stop()
        was_drag = self._dragged_bar is not None
        self._is_selecting = False
        self._dragged_bar = None
        pressed, self._pressed = self._pressed, None
        is_click = (
            pressed is not None
            and not was_drag
            and self._clicks == 1
            and (event.position().toPoint() - pressed).manhattanLength() < 4
        )
        if is_click:
            self._click(event.position())
        return True

    def _click(self, point: QPointF) -> None:
        spot = self.spot(point)
        if spot is None or not spot.inside:
            return
        view = self._view
        link = spot.box.link_at(spot.at.x(), spot.at.y())
        if link:
            view.link_chosen.emit(link, point.toPoint())
            return
        body = view.flow.messages[spot.place.message].body
        if body.toggle(spot.place.part, spot.place.box):
            view.flow.sticks = False
            view.selection.clear()
            view.relayout()

    # Sideways.

    def wheel(self, event: QWheelEvent) -> bool:
        """Scroll code or a table sideways; False leaves the wheel to the page."""
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 2
        sideways = delta.x()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not sideways:
            sideways = delta.y()
        if abs(sideways) <= abs(delta.y()) and not (
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            return False
        spot = self.spot(event.position())
        if spot is None or not spot.inside or not spot.box.scroll_range:
            return False
        self._scroll_box(spot.box, spot.box.scroll.x - sideways)
        event.accept()
        return True

    def _scroll_box(self, box: Box, x: float) -> None:
        box.scroll.x = round(max(0.0, min(float(box.scroll_range), x)))
        self._view.viewport().update()

    def _grab_bar(self, spot: Spot, point: QPointF) -> bool:
        box = spot.box
        if not box.scroll_range:
            return False
        handle = box.bar_rect(0, 0).adjusted(-4, -5, 4, 4)
        if not handle.contains(spot.at):
            return False
        self._dragged_bar = (box, point.x(), box.scroll.x)
        return True

    def _drag_bar(self, x: float) -> None:
        if self._dragged_bar is not None:
            box, start, before = self._dragged_bar
            whole = box.width + box.scroll_range
            self._scroll_box(box, before + (x - start) * whole / max(1, box.width))

    def select_message(self, number: int) -> None:
        """Select all of one message."""
        view = self._view
        if number < len(view.flow.messages):
            far = 1 << 30
            view.selection.choose(Place(number, 0, 0, 0), Place(number, far, far, far))
            view.viewport().update()


def _with(place: Place, offset: int) -> Place:
    return Place(place.message, place.part, place.box, offset)
