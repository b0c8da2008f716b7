"""What was measured of a model's last load, beside what had been predicted. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.foundation.units import bytes_text, rate_text
from app.gui import theme
from app.gui.models.words import pool_words
from app.gui.widgets.cards import Card
from app.gui.widgets.plain import LabelRole, PlainLabel
from app.inference.learning import LoadRecord, Measured


class MeasuredView(Card):
    """A small table: what, predicted, measured."""

    def __init__(self, record: LoadRecord, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Measured"))
        self.labels: list[PlainLabel] = []
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, theme.SPACE_12, 0, theme.SPACE_12)
        self._grid.setHorizontalSpacing(theme.SPACE_16)
        self._grid.setVerticalSpacing(theme.SPACE_8)
        self._grid.setColumnStretch(0, 1)
        self._row(("", self.tr("predicted"), self.tr("measured")), "secondary")
        for entry in record.memory:
            self._measured(pool_words(entry.name), entry, is_memory=True)
        names = {"generated": self.tr("Writing"), "prompt": self.tr("Reading")}
        for entry in record.speeds:
            self._measured(names.get(entry.name, entry.name), entry, is_memory=False)
        self.add_layout(self._grid)

    @property
    def text(self) -> str:
        """All that is shown."""
        return " ".join(label.text() for label in self.labels)

    def _measured(self, name: str, entry: Measured, *, is_memory: bool) -> None:
        if entry.newest is None:
            return
        say = _bytes if is_memory else rate_text
        off = difference(entry.said, entry.newest, self.locale())
        measured = f"{say(entry.newest)} ({off})" if off else say(entry.newest)
        self._row((name, say(entry.said), measured), "body")

    def _row(self, texts: tuple[str, str, str], role: LabelRole) -> None:
        row = self._grid.rowCount()
        for column, text in enumerate(texts):
            label = PlainLabel(text, role)
            if column:
                label.setAlignment(Qt.AlignmentFlag.AlignRight)
            self.labels.append(label)
            self._grid.addWidget(label, row, column)


def has_values(record: LoadRecord | None) -> bool:
    """Whether anything was measured."""
    return record is not None and any(
        entry.newest is not None for entry in (*record.memory, *record.speeds)
    )


def difference(said: float, newest: float, locale: QLocale) -> str:
    """How far the measured is from the predicted: "+3 %"; empty where nothing was predicted."""
    if said <= 0:
        return ""
    percent = round(100 * (newest / said - 1))
    sign = "+" if percent > 0 else "−" if percent < 0 else "±"
    return f"{sign}{locale.toString(abs(percent))} %"


def _bytes(value: float) -> str:
    return bytes_text(round(value))
