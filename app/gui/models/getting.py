"""How to get a model that is not here: where it is, how large, and what to do with it.

GUI thread. Opens nothing and downloads nothing: it says, and what it says can be copied.
"""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.models.subjects import Model, Variant
from app.gui.widgets.cards import Card
from app.gui.widgets.plain import ElidedLabel, PlainLabel


class Getting(Card):
    """The steps for one variant."""

    def __init__(self, model: Model, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("How to get it"))
        self._steps = PlainLabel()
        self._steps.setContentsMargins(0, theme.SPACE_8, 0, theme.SPACE_4)
        self.address = ElidedLabel(role="mono")
        self.address.setAccessibleName(self.tr("Address of the file"))
        self.address.setContentsMargins(0, 0, 0, theme.SPACE_8)
        self._licence = PlainLabel(role="secondary")
        self._licence.setContentsMargins(0, 0, 0, theme.SPACE_8)
        licence = self.tr("Licence: {licence}").format(licence=model.licence)
        self._licence.setText(licence)
        self._licence.setVisible(bool(model.licence))
        inner = self.layout()
        assert inner is not None
        for label in (self._steps, self.address, self._licence):
            inner.addWidget(label)

    def show_variant(self, variant: Variant) -> None:
        """Say it for this file."""
        self._steps.setText(
            self.tr(
                "Hearth does not download by itself yet. Copy the address, open it in your "
                "browser and save the file ({size}); then drag it onto this window."
            ).format(size=bytes_text(variant.facts.file_bytes))
        )
        self.address.set_whole(variant.address)
