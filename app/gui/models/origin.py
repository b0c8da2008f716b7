"""Where a model would come from: its repository, its licence, its address to copy. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.models.subjects import Model, Variant
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import ElidedLabel, PlainLabel


class Origin(FoldingRow):
    """`copy_asked` follows its button."""

    copy_asked = Signal()

    def __init__(self, model: Model, parent: QWidget | None = None) -> None:
        super().__init__(parent, tight=True)
        self.address = ElidedLabel(role="secondary")
        self.address.setAccessibleName(self.tr("Address of the file"))
        self._beside = PlainLabel(role="secondary")
        licence = PlainLabel(role="secondary")
        copy = TextButton(self.tr("Copy the address"), "quiet", icon="copy")
        copy.clicked.connect(self.copy_asked)
        if model.licence:
            note = f" ({model.licence_note})" if model.licence_note else ""
            words = self.tr("Licence: {licence}").format(licence=model.licence + note)
            licence.setText(one_line(words, 300))
        else:
            licence.hide()
        texts = QVBoxLayout()
        texts.setSpacing(theme.SPACE_4)
        for label in (self.address, self._beside, licence):
            texts.addWidget(label)
        self.words.addLayout(texts)
        self.side.addWidget(copy)

    def show_variant(self, variant: Variant) -> None:
        """Say it for this file."""
        self.address.set_whole(one_line(variant.address, 300))
        wanted = variant.wanted
        beside = [part for part in wanted.parts if part.role == "projector"] if wanted else []
        size = bytes_text(beside[0].bytes) if beside and beside[0].bytes else ""
        words = self.tr("With it comes the part that sees pictures (projector).")
        if size:
            words = self.tr(
                "With it comes the part that sees pictures (projector, {size})."
            ).format(size=size)
        self._beside.setText(words)
        self._beside.setVisible(bool(beside))
