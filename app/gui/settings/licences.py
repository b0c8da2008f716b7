"""What this build is made of, and the licences of its parts: listed, and read in place.

GUI thread; the files are read on others. From a checkout there is no list: says where they are.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QVBoxLayout, QWidget

from app.foundation import build
from app.foundation.build import Build, Part
from app.foundation.paths import resource
from app.gui import theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.services import Fact
from app.gui.settings.rows import FactRows
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel

_TEXT_PX = 280
_SEPARATOR = "\n\n" + "─" * 40 + "\n\n"


class LicencesRow(QWidget):
    """`open_folder(path)` shows a folder in the file manager, or says that it cannot."""

    def __init__(
        self,
        bridge: Bridge,
        open_folder: Callable[[str], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._open_folder = open_folder
        self._parts: Sequence[Part] = ()
        self._wanted: Part | None = None
        self.facts = FactRows("")
        self.facts.hide()
        self.words = PlainLabel("", "secondary")
        self.button = TextButton(self.tr("Read them"))
        self.button.setEnabled(False)
        self.choice = QComboBox()
        self.choice.setAccessibleName(self.tr("Part"))
        self.choice.view().setAccessibleName(self.tr("Parts"))
        # Some name many licences; that must not widen the page.
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.choice.setMinimumContentsLength(12)
        self.choice.currentIndexChanged.connect(self._read)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(self.tr("Licence"))
        self.text.setMinimumHeight(_TEXT_PX)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self._inside = QWidget()
        self._arrange()
        if build.is_bundle():
            self.button.clicked.connect(self._unfold)
            bridge.watch(aside(_look), self._found)
        else:
            self._say_where()

    def _arrange(self) -> None:
        row = FoldingRow()
        row.words.addWidget(PlainLabel(self.tr("Licences of everything inside")))
        row.words.addWidget(self.words)
        row.side.addWidget(self.button)
        inside = QVBoxLayout(self._inside)
        inside.setContentsMargins(0, 0, 0, theme.SPACE_12)
        inside.setSpacing(theme.SPACE_8)
        inside.addWidget(self.choice)
        inside.addWidget(self.text)
        self._inside.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for each in (self.facts, row, self._inside):
            column.addWidget(each)

    def _say_where(self) -> None:
        packages = sysconfig.get_path("purelib")
        self.words.setText(
            self.tr(
                "This Hearth runs from its source. Its own licence is the file LICENSE, that of "
                "the icons is in “{icons}”, and those of the packages it uses are beside them "
                "in “{packages}”."
            ).format(icons=resource("icons"), packages=packages)
        )
        self.button.setText(self.tr("Open the folder"))
        self.button.setEnabled(True)
        self.button.clicked.connect(partial(self._open_folder, packages))

    def _found(self, found: tuple[Build | None, Sequence[Part]]) -> None:
        told, self._parts = found
        if told is not None:
            self.facts.show_facts(self._facts_of(told))
            self.facts.show()
        if not self._parts:
            self.words.setText(
                self.tr("Their list is missing: this Hearth is not whole. Install it again.")
            )
            return
        count = self.locale().toString(len(self._parts))
        self.words.setText(
            self.tr(
                "{count} parts. Qt is under the LGPL: its libraries are files of their own, which "
                "may be exchanged for others of the same version."
            ).format(count=count)
        )
        self.choice.blockSignals(True)
        for part in self._parts:
            name = " ".join(word for word in (part.name, part.version) if word)
            self.choice.addItem(f"{name} — {part.licence}")
        self.choice.blockSignals(False)
        self.button.setEnabled(True)

    def _facts_of(self, told: Build) -> list[Fact]:
        built = self.tr("on {day} from {commit}, for {system} {machine}").format(
            day=told.day, commit=told.commit[:12], system=told.system, machine=told.machine
        )
        runtime = self.tr("llama-cpp-python {version}, build {key}").format(
            version=told.llama_cpp, key=told.runtime
        )
        return [Fact(self.tr("Built"), built), Fact(self.tr("Runtime inside"), runtime)]

    def _unfold(self) -> None:
        is_shown = self._inside.isHidden()
        self._inside.setVisible(is_shown)
        self.button.setText(self.tr("Fold") if is_shown else self.tr("Read them"))
        if is_shown:
            self._read()
            self.choice.setFocus(Qt.FocusReason.OtherFocusReason)

    def _read(self) -> None:
        part = self._parts[max(0, self.choice.currentIndex())]
        self._wanted = part
        self._bridge.watch(
            aside(partial(_texts, part)),
            partial(self._show, part),
            partial(self._unreadable, part),
        )

    def _show(self, part: Part, text: str) -> None:
        if part is self._wanted:
            self.text.setPlainText(text)

    def _unreadable(self, part: Part, error: BaseException) -> None:
        sentence = self.tr("This text cannot be read ({reason}). Install Hearth again.")
        reason = getattr(error, "strerror", None) or error
        self._show(part, sentence.format(reason=reason))


def _look() -> tuple[Build | None, Sequence[Part]]:
    return build.build(), build.licences()


def _texts(part: Part) -> str:
    return _SEPARATOR.join(path.read_text("utf-8", "replace").strip() for path in part.texts)
