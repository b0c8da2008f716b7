"""Every memory of a plan as a bar of its own, with the exact numbers of what is pointed at.

GUI thread. Bars stay the same widgets while sliders move, so that the focus stays too.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.models.memory_bar import MemoryBar
from app.gui.models.parts import Filling, fillings_of, over_words
from app.gui.models.words import pool_words
from app.gui.widgets.plain import PlainLabel
from app.hardware.profile import MachineProfile, known
from app.planner.plan import Plan, Share


class MemoryView(QFrame):
    """A card with one bar for each memory."""

    def __init__(self, machine: MachineProfile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        devices = known(machine.devices, ())
        self._devices = {device.name: device.description or device.name for device in devices}
        self.setProperty("kind", "card")
        self.setAccessibleName(self.tr("Memory"))
        self.bars: dict[str, MemoryBar] = {}
        self.exact = PlainLabel(role="secondary")
        self._totals: dict[str, PlainLabel] = {}
        self._rows: dict[str, QWidget] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(*(theme.SPACE_16,) * 4)
        self._column.setSpacing(theme.SPACE_16)
        self._column.addWidget(self.exact)
        self._say("", "")

    def show_plan(self, plan: Plan) -> None:
        """Draw the memories of this plan."""
        names = {share.pool.name for share in plan.memory}
        for name, row in self._rows.items():
            row.setVisible(name in names)
        fillings = fillings_of(plan)
        for share in plan.memory:
            if share.pool.name not in self.bars:
                self._add(share)
            filling = fillings[share.pool.name]
            self.bars[share.pool.name].show_filling(filling)
            self._show_total(self._totals[share.pool.name], filling)

    def _add(self, share: Share) -> None:
        name = share.pool.name
        words = pool_words(name, self._devices.get(name, name), shares_main=share.pool.shares_main)
        bar = MemoryBar(words)
        total = PlainLabel(role="secondary", wrap=False)
        self.bars[name], self._totals[name] = bar, total
        bar.pointed.connect(partial(self._say, words))
        head = QHBoxLayout()
        head.addWidget(PlainLabel(words, "strong"), 1)
        head.addWidget(total)
        row = QWidget()
        column = QVBoxLayout(row)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_4)
        column.addLayout(head)
        column.addWidget(bar)
        self._rows[name] = row
        self._column.insertWidget(len(self._rows) - 1, row)

    def _show_total(self, label: PlainLabel, filling: Filling) -> None:
        words = self.tr("{size} in all").format(size=bytes_text(filling.total_bytes))
        label.setText(over_words(filling) if filling.over_bytes else words)
        label.set_role("danger" if filling.over_bytes else "secondary")

    def _say(self, memory: str, text: str) -> None:
        """Below all bars, which must not move while they are pointed at."""
        hint = self.tr("Point at a part, or use the arrow keys, for its exact size.")
        self.exact.setText(f"{memory}. {text}" if text else hint)
