"""Rows of a list that may have hundreds, made as they come into view. GUI thread.

What is below is a button that says how many there are, and is pressed by being seen.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.slices import Slices
from app.gui.widgets.buttons import TextButton

Maker: TypeAlias = Callable[[], QWidget]
FIRST = 8
AT_ONCE = 2
"""So few are made before the window has its turn: a row takes some milliseconds."""
STEP = 4
PRESSED = 12


class Feed(QFrame):
    """A card of rows with lines between. `made` holds the rows there are, in order, by place."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self.setAccessibleName(name)
        self.made: dict[int, QWidget] = {}
        self._makers: Sequence[Maker] = ()
        self._framed: dict[int, _Framed] = {}
        self._order: list[int] = []
        self._changed: set[int] = set()
        self._wanted: list[int] = []
        self._n_shown = FIRST
        self._making = Slices((), self)
        self._more = _More()
        self._more.clicked.connect(partial(self.show_more, PRESSED))
        self._more.seen.connect(self.show_more)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(
            theme.SPACE_16, theme.SPACE_4, theme.SPACE_16, theme.SPACE_4
        )
        self._column.setSpacing(0)
        self._column.addWidget(self._more)

    @property
    def is_complete(self) -> bool:
        """Whether every row that is wanted exists."""
        return self._making.is_done and self._n_shown >= len(self._wanted)

    @property
    def is_settled(self) -> bool:
        """Whether no row is on its way."""
        return self._making.is_done

    def show_rows(
        self,
        makers: Sequence[Maker],
        before: Mapping[int, int] = MappingProxyType({}),
        changed: Collection[int] = (),
    ) -> None:
        """Show other rows in place of those before; they come a few at a time.

        `before` says of a place where its row stood before: it stays, and so does what was scrolled
        to. The `changed` of them stay until they are made anew.
        """
        made, framed = self.made, self._framed
        kept = {now: then for now, then in before.items() if then in framed}
        self.made = {now: made[then] for now, then in kept.items()}
        self._framed = {now: framed[then] for now, then in kept.items()}
        self._changed = set(changed).intersection(kept)
        for then in framed.keys() - set(kept.values()):
            self._drop(framed[then])
        self._order = sorted(kept)
        for place, now in enumerate(self._order):
            self._column.insertWidget(place, self._framed[now])
        self._makers = makers
        self.narrow(lambda _: True, is_as_long=bool(kept))

    def narrow(self, is_wanted: Callable[[int], bool], *, is_as_long: bool = False) -> int:
        """Show only the rows whose place is wanted; how many these are."""
        self._wanted = [at for at in range(len(self._makers)) if is_wanted(at)]
        if not is_as_long:
            self._n_shown = FIRST
        self._place()
        return len(self._wanted)

    def show_more(self, n_rows: int = STEP) -> None:
        """Make the next few rows."""
        self._n_shown += n_rows
        self._place()

    def show_up_to(self, at: int, *, now: bool = True) -> None:
        """Have the rows up to this place, at once or a few at a time."""
        self._n_shown = max(self._n_shown, at + 1)
        for place in self._wanted[: at + 1] if now else ():
            if self._is_missing(place):
                self._make(place)
        self._place()

    def _place(self) -> None:
        """Show what is wanted as far as it exists, make the next few, and so on."""
        shown = self._wanted[: self._n_shown]
        missing = [at for at in shown if self._is_missing(at)]
        if self._making.is_done:
            for at in missing[:AT_ONCE]:
                self._make(at)
            missing = missing[AT_ONCE:]
            if missing:
                self._making.add(self._place)
        wanted = set(shown)
        for at, framed in self._framed.items():
            framed.line.setVisible(bool(shown) and at != shown[0])
            framed.setVisible(at in wanted)
        # Below rows that are still to come it would be seen, and ask for more than has room.
        is_short = any(at not in self._framed for at in missing)
        is_seen_too_soon = is_short and not self._more.hasFocus()
        n_left = 0 if is_seen_too_soon else len(self._wanted) - len(shown)
        self._more.show_count(n_left)
        self.setVisible(bool(shown))

    def _is_missing(self, at: int) -> bool:
        return at not in self._framed or at in self._changed

    def _make(self, at: int) -> None:
        row = self._makers[at]()
        framed = _Framed(row)
        if at in self._framed:
            self._changed.discard(at)
            self._drop(self._framed[at])
        else:
            self._order.insert(bisect(self._order, at), at)
        self._column.insertWidget(self._order.index(at), framed)
        self._framed[at] = framed
        self.made = dict(sorted({**self.made, at: row}.items()))

    def _drop(self, framed: QWidget) -> None:
        self._column.removeWidget(framed)
        framed.hide()
        framed.deleteLater()


class _Framed(QWidget):
    """A row with the line above it."""

    def __init__(self, row: QWidget) -> None:
        super().__init__()
        self.line = QFrame()
        self.line.setProperty("kind", "line")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.line)
        column.addWidget(row)


class _More(TextButton):
    """`seen` once it is drawn, which is when somebody has come near it."""

    seen = Signal()

    def __init__(self) -> None:
        super().__init__("", "link")
        self._is_told = False
        self.hide()

    def show_count(self, n_left: int) -> None:
        """Say how many more there are; hidden where there are none."""
        words = self.tr("Show %n more", "", n_left).replace("%n", str(n_left))
        self.setText(words)
        self.setAccessibleName(words)
        self.setVisible(n_left > 0)
        self._is_told = False

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._is_told:
            self._is_told = True
            QTimer.singleShot(0, self.seen.emit)
