"""The card of the first start: what is recommended for this computer, and its one button.

GUI thread. What it offers is worked out elsewhere; a download goes on whatever is shown.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.chat.first_look import AlreadyHere, Recommended
from app.gui.downloads.bar import ShareBar
from app.gui.downloads.model import DownloadsModel
from app.gui.downloads.words import line_of, reason_of, share_of
from app.gui.plan_words import capital, speed_words
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import PlainLabel
from app.models.wanted import Progress

_LINES = 13


class FirstOffer(QFrame):
    """`use_asked(path)` for a model that is here, `guide_asked` for none, else `models_asked`."""

    use_asked = Signal(str)
    guide_asked = Signal()
    models_asked = Signal()

    def __init__(self, downloads: DownloadsModel | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._downloads = downloads
        self._offer: Recommended | None = None
        self._here: AlreadyHere | None = None
        self._is_offline = False
        self.setProperty("kind", "card")
        self._here_title = PlainLabel(role="strong")
        self._here_words = PlainLabel(role="secondary")
        self.use_button = TextButton("", "primary")
        self._here_box = QWidget()
        self._line = QFrame()
        self._label = PlainLabel(self.tr("For this computer"), "secondary")
        self.name = PlainLabel(role="strong")
        self.about = PlainLabel()
        self.speed = PlainLabel(role="secondary")
        self.progress = PlainLabel(role="secondary")
        self.bar = ShareBar()
        self.download_button = TextButton("", "primary")
        self._lighter_words = PlainLabel(role="secondary")
        self.lighter_button = TextButton("", "link")
        self._lighter_box = QWidget()
        self.guide_button = TextButton(self.tr("Start with the built-in guide"))
        self.models_button = TextButton(self.tr("Other models"), "link")
        self._arrange()
        self._connect()

    def show_looking(self) -> None:
        """While it is worked out what suits."""
        self.name.setText(self.tr("Working out what suits this computer…"))
        # Room for what will be said, so that nothing moves when it comes.
        self.setMinimumHeight(_LINES * theme.current().px("body"))
        self._show()

    def show_offer(self, offer: Recommended | None) -> None:
        """Show what is recommended, or that nothing of the list runs here."""
        self.setMinimumHeight(0)
        self._offer = offer
        if offer is None:
            self._label.setText("")
            self.name.setText(self.tr("No model of the list fits on this computer."))
            self.about.setText(
                self.tr("The built-in guide does. You can also open a model file (Ctrl+O).")
            )
        else:
            self.name.setText(offer.wanted.name)
            self._label.setText(self.tr("Recommended for this computer"))
            self.about.setText(offer.sentence)
            self.speed.setText(_speed_line(self, offer))
            self._say_lighter(offer.lighter)
        self._show()

    def _say_lighter(self, lighter: Recommended | None) -> None:
        if lighter is None:
            return
        speed = speed_words(lighter.plan.expected.generated_tokens_per_second)
        words = self.tr("Here sooner, and less able: {name}. It {speed}.")
        self._lighter_words.setText(words.format(name=lighter.wanted.name, speed=speed))
        size = self.tr("Download ({size})").format(size=bytes_text(lighter.wanted.bytes))
        self.lighter_button.setText(size)
        self.lighter_button.setAccessibleName(f"{size}: {lighter.wanted.name}")

    def show_here(self, here: AlreadyHere | None) -> None:
        """Show that there is a model to use without any download."""
        self._here = here
        if here is not None:
            self._here_title.setText(self.tr("{name} is already here").format(name=here.name))
            self._here_words.setText(_here_line(self, here))
            self.use_button.setText(self.tr("Chat with it"))
        self._show()

    def set_offline(self, is_offline: bool) -> None:
        """While offline nothing can be downloaded, and it says so instead of trying."""
        self._is_offline = is_offline
        self._show()

    @property
    def offer(self) -> Recommended | None:
        return self._offer

    def _arrange(self) -> None:
        self._line.setProperty("kind", "line")
        here = QHBoxLayout(self._here_box)
        here.setContentsMargins(0, 0, 0, theme.SPACE_4)
        here.setSpacing(theme.SPACE_12)
        words = QVBoxLayout()
        words.setSpacing(theme.SPACE_4)
        words.addWidget(self._here_title)
        words.addWidget(self._here_words)
        here.addLayout(words, 1)
        here.addWidget(self.use_button, 0, Qt.AlignmentFlag.AlignVCenter)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_8)
        buttons.addWidget(self.download_button)
        buttons.addWidget(self.guide_button)
        buttons.addStretch(1)
        head = QHBoxLayout()
        head.addWidget(self._label, 1)
        head.addWidget(self.models_button)
        lighter = QHBoxLayout(self._lighter_box)
        lighter.setContentsMargins(0, theme.SPACE_8, 0, 0)
        lighter.setSpacing(theme.SPACE_12)
        lighter.addWidget(self._lighter_words, 1)
        lighter.addWidget(self.lighter_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_16, theme.SPACE_12)
        column.setSpacing(theme.SPACE_4)
        column.addWidget(self._here_box)
        column.addWidget(self._line)
        column.addSpacing(theme.SPACE_4)
        column.addLayout(head)
        for label in (self.name, self.about, self.speed, self.progress):
            column.addWidget(label)
        column.addStretch(1)
        column.addSpacing(theme.SPACE_4)
        column.addWidget(self.bar)
        column.addSpacing(theme.SPACE_4)
        column.addLayout(buttons)
        column.addWidget(self._lighter_box)

    def _connect(self) -> None:
        self.download_button.clicked.connect(self._download)
        self.lighter_button.clicked.connect(self._take_lighter)
        self.use_button.clicked.connect(self._use)
        self.guide_button.clicked.connect(self.guide_asked)
        self.models_button.clicked.connect(self.models_asked)
        if self._downloads is not None:
            self._downloads.refreshed.connect(self._show)

    def _progress(self) -> Progress | None:
        if self._offer is None or self._downloads is None:
            return None
        return self._downloads.of(self._offer.wanted)

    def _show(self) -> None:
        progress = self._progress()
        state = progress.state if progress is not None else ""
        self._here_box.setVisible(self._here is not None)
        self._line.setVisible(self._here is not None)
        for label in (self.about, self.speed):
            label.setVisible(bool(label.text()))
        self.bar.setVisible(bool(state) and state not in ("done", "failed"))
        if progress is not None:
            said = [line_of(progress), reason_of(progress)]
            self.progress.setText(". ".join(part for part in said if part))
            self.bar.show_share(share_of(progress), moves=state != "paused")
        elif self._is_offline and self._offer is not None:
            self.progress.setText(
                self.tr(
                    "Hearth is set to stay offline, so it downloads nothing. You can change that "
                    "in the settings, under Privacy, or open a model file you have (Ctrl+O)."
                )
            )
        else:
            self.progress.setText("")
        self.progress.setVisible(bool(self.progress.text()))
        self._show_button(progress)

    def _show_button(self, progress: Progress | None) -> None:
        """The one button: to download, to try again, or to chat with what has come."""
        button, state = self.download_button, progress.state if progress is not None else ""
        downloads, offer = self._downloads, self._offer
        can_ask = downloads is not None and downloads.is_available and not self._is_offline
        lighter = offer is not None and offer.lighter is not None and not state
        self._lighter_box.setVisible(lighter and can_ask)
        words = {"done": self.tr("Chat with it"), "failed": self.tr("Try again")}.get(state, "")
        if not state and offer is not None:
            size = bytes_text(offer.wanted.bytes)
            words = self.tr("Download ({size})").format(size=size)
        button.setVisible(bool(words) and (can_ask or state == "done"))
        button.setText(words)
        name = offer.wanted.name if offer is not None else ""
        button.setAccessibleName(f"{words}: {name}")
        _set_kind(button, "plain" if self._here is not None and state != "done" else "primary")

    def _download(self) -> None:
        progress = self._progress()
        if self._offer is None or self._downloads is None:
            return
        if progress is not None and progress.path is not None:
            self.use_asked.emit(str(progress.path))
        elif progress is not None and progress.state == "failed":
            self._downloads.resume(progress.key)
        else:
            self._downloads.add(self._offer.wanted)

    def _take_lighter(self) -> None:
        lighter = self._offer.lighter if self._offer is not None else None
        if lighter is not None and self._downloads is not None:
            self.show_offer(lighter)
            self._downloads.add(lighter.wanted)

    def _use(self) -> None:
        if self._here is not None:
            self.use_asked.emit(self._here.path)


def _here_line(widget: QWidget, here: AlreadyHere) -> str:
    words = widget.tr("From {sources}, and used where it is. It {speed}.")
    if here.n_models > 1:
        words = widget.tr("One of {n} models from {sources}; used where they are. It {speed}.")
    return words.format(
        n=here.n_models,
        sources=", ".join(here.sources),
        speed=speed_words(here.plan.expected.generated_tokens_per_second),
    )


def _speed_line(widget: QWidget, offer: Recommended) -> str:
    plan = offer.plan
    return widget.tr("{speed}, and needs {need} of {free} free memory. Licence: {licence}.").format(
        speed=capital(speed_words(plan.expected.generated_tokens_per_second)),
        need=bytes_text(plan.needed_bytes),
        free=bytes_text(plan.free_bytes),
        licence=offer.licence,
    )


def _set_kind(button: TextButton, kind: str) -> None:
    if button.property("kind") != kind:
        button.setProperty("kind", kind)
        button.style().unpolish(button)
        button.style().polish(button)
