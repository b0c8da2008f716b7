"""Every memory of a plan as a bar of its own, with the exact numbers of what is pointed at.

GUI thread. Bars stay the same widgets while sliders move, so that the focus stays too.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.models.memory_bar import MemoryBar
from app.gui.models.parts import Filling, filling_of, over_words
from app.gui.models.words import place_words
from app.gui.widgets.plain import PlainLabel
from app.planner.plan import Plan, Share


class MemoryView(QFrame):
    """A card with one bar for each memory."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self.setAccessibleName(self.tr("Memory"))
        self.bars: dict[str, MemoryBar] = {}
        self._lines: dict[str, PlainLabel] = {}
        self._rows: dict[str, QWidget] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(*(theme.SPACE_16,) * 4)
        self._column.setSpacing(theme.SPACE_16)

    def show_plan(self, plan: Plan) -> None:
        """Draw the memories of this plan."""
        names = {share.pool.name for share in plan.memory}
        for name, row in self._rows.items():
            row.setVisible(name in names)
        for share in plan.memory:
            if share.pool.name not in self.bars:
                self._add(share)
            self.bars[share.pool.name].show_filling(filling_of(share))
            if self.bars[share.pool.name].part_at is None:
                self._say(share.pool.name, "")

    def _add(self, share: Share) -> None:
        name = share.pool.name
        bar = MemoryBar(place_words(share))
        line = PlainLabel(role="secondary", wrap=False)
        self.bars[name], self._lines[name] = bar, line
        bar.pointed.connect(partial(self._say, name))
        head = QHBoxLayout()
        head.addWidget(PlainLabel(place_words(share), "strong", wrap=False))
        head.addStretch(1)
        head.addWidget(line)
        row = QWidget()
        column = QVBoxLayout(row)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_4)
        column.addLayout(head)
        column.addWidget(bar)
        self._rows[name] = row
        self._column.addWidget(row)

    def _say(self, name: str, text: str) -> None:
        line = self._lines[name]
        filling = self.bars[name].filling
        line.setText(text or self._usual(filling))
        line.set_role("danger" if filling.over_bytes and not text else "secondary")

    def _usual(self, filling: Filling) -> str:
        if filling.over_bytes:
            return over_words(filling)
        return self.tr("{size} in all").format(size=bytes_text(filling.total_bytes))
