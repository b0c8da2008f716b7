"""What a model on this computer can be made into, and the making, over the places. GUI thread.

Sizes and quality first, with how each would run here; then one button, and how far it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.errors import HearthError
from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.bridge import Bridge
from app.gui.models.desk import Desk
from app.gui.models.files import FileLine, FilesCard
from app.gui.models.latest import Latest
from app.gui.models.situation import Situation
from app.gui.models.smaller.model import SmallerModel
from app.gui.models.smaller.progress import MakingCard
from app.gui.models.smaller.words import line_of, room_words, source_words
from app.gui.models.subjects import Model, Variant
from app.gui.models.words import quality_words, sentence_of, verdict_of
from app.gui.notify import Notifier
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import PlainLabel
from app.inference.quantizing import Offer, Target
from app.inference.smaller_files import Job
from app.planner.plan import Plan
from app.planner.quality import quality_of


@dataclass(frozen=True, slots=True)
class Prospect:
    """What can be made, how each would run here (nothing for what is not for chats), which suits
    best, and what is free on the disk."""

    offer: Offer
    plans: tuple[Plan, ...]
    best: int | None
    free_bytes: int | None


def look(smaller: SmallerModel, desk: Desk, source: str) -> Prospect:
    """Any thread but the window's."""
    offer, free_bytes = smaller.look(source)
    if not offer.targets or offer.targets[0].facts.kind != "chat":
        return Prospect(offer, (), None, free_bytes)
    model = Model(offer.name, tuple(_variant(target) for target in offer.targets))
    best, plans = desk.best_of(model)
    return Prospect(offer, plans, best if plans[best].fits != "no" else None, free_bytes)


class SmallerView(QWidget):
    """`use_asked(path)` follows the button of a file that was made."""

    use_asked = Signal(str)

    def __init__(
        self,
        source: str,
        smaller: SmallerModel,
        desk: Desk,
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.source = source
        self._smaller = smaller
        self._desk = desk
        self._notify = notify
        self._look: Latest[Prospect] = Latest(bridge, self._found, self._not_found, self)
        self.prospect: Prospect | None = None
        self.situation = Situation()
        self.about = PlainLabel(role="muted")
        self.warning = QFrame()
        self._warned = PlainLabel()
        self._files_title = PlainLabel(self.tr("What it can become"), "heading")
        self.files = FilesCard()
        self.sentence = PlainLabel()
        self.room = PlainLabel(role="secondary")
        self.make = TextButton("", "primary")
        self.ended = PlainLabel(selectable=True)
        self.chat = TextButton(self.tr("Chat"), "primary")
        self.making = MakingCard()
        self._stays = PlainLabel(
            self.tr("It goes on while you do something else here. Quitting Hearth stops it."),
            "secondary",
        )
        self._arrange()
        self._connect()
        self.ask()

    def ask(self) -> None:
        """Look at the file, and at what it can become."""
        for each in self._content:
            each.hide()
        self.situation.show_busy(self.tr("Looking at what can be made of it…"))
        self._look.ask(partial(look, self._smaller, self._desk, self.source))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._smaller.watched.add(self.source)

    def hideEvent(self, event: QHideEvent) -> None:
        self._smaller.watched.discard(self.source)
        super().hideEvent(event)

    @property
    def target(self) -> Target | None:
        """The one that is marked."""
        targets = self.prospect.offer.targets if self.prospect is not None else ()
        return targets[self.files.at] if targets else None

    @property
    def _content(self) -> Sequence[QWidget]:
        return (
            *(self.about, self.warning, self.files, self.sentence, self.room, self.make),
            *(self.ended, self.chat, self.making, self._stays, self._files_title),
        )

    def _arrange(self) -> None:
        self.files.setAccessibleName(self.tr("What can be made of it"))
        self.warning.setProperty("kind", "banner")
        warned = QVBoxLayout(self.warning)
        warned.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_16, theme.SPACE_12)
        warned.addWidget(self._warned)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_8)
        buttons.addWidget(self.make)
        buttons.addWidget(self.chat)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_12)
        for each in (self.situation, self.about, self.warning, self.sentence, self.room):
            column.addWidget(each)
        column.addWidget(self.ended)
        column.addLayout(buttons)
        for each in (self.making, self._stays, self._files_title, self.files):
            column.addWidget(each)

    def _connect(self) -> None:
        self.situation.acted.connect(self.ask)
        self.files.chosen.connect(self._chosen)
        self.make.clicked.connect(self._begin)
        self.chat.clicked.connect(self._use)
        self.making.stop.clicked.connect(self._smaller.stop)
        self._smaller.changed.connect(self._show_job)

    def _found(self, prospect: Prospect) -> None:
        self.prospect = prospect
        offer = prospect.offer
        if not offer.targets:
            self.situation.show_words(
                "check",
                self.tr("It is as small as it gets."),
                self.tr("Nothing smaller that is any good can be made of this file."),
            )
            return
        self.situation.hide()
        self.about.setText(source_words(offer))
        self.about.show()
        self._warned.setText(offer.warning)
        self.warning.setVisible(bool(offer.warning))
        job = self._smaller.of(self.source)
        quants = [target.quant for target in offer.targets]
        at = prospect.best or 0
        if job is not None and job.quant in quants:
            at = quants.index(job.quant)
        # Nothing is recommended that is warned of.
        recommended = None if offer.warning else prospect.best
        self.files.show_files(_lines(prospect), at, recommended)
        self.files.show()
        self._files_title.show()
        self._chosen(at)

    def _not_found(self, error: BaseException) -> None:
        if isinstance(error, HearthError):
            self.situation.show_error(error, self.tr("Look again"))
        else:
            self._notify.error(error)

    def _chosen(self, at: int) -> None:
        prospect = self.prospect
        if prospect is None:
            return
        plans = prospect.plans
        self.sentence.setText(sentence_of(plans[at]) if plans else "")
        self._show_job()

    def _show_job(self) -> None:
        prospect, target = self.prospect, self.target
        if prospect is None or target is None:
            return
        job = self._smaller.job
        mine = self._smaller.of(self.source)
        is_under_way = job is not None and job.is_under_way
        is_mine = mine is not None and mine.quant == target.quant and not is_under_way
        had_focus = self.make.hasFocus() or self.making.stop.hasFocus()
        self.making.show_job(job)
        self._stays.setVisible(is_under_way)
        self.room.setText(room_words(target, prospect.free_bytes))
        is_done = is_mine and mine is not None and mine.state == "done"
        self.sentence.setVisible(bool(prospect.plans) and not is_under_way)
        self.room.setVisible(not is_under_way and not is_done)
        self._show_ended(mine if is_mine else None)
        size = bytes_text(target.bytes)
        words = self.tr("Make {quant}, {size}") if not prospect.offer.warning else ""
        words = words or self.tr("Make {quant} all the same, {size}")
        text = words.format(quant=target.quant, size=size)
        self.make.setText(text)
        self.make.setAccessibleName(text)
        has_room = prospect.free_bytes is None or target.room_bytes <= prospect.free_bytes
        self.room.set_role("secondary" if has_room else "small warning")
        self.make.setEnabled(has_room)
        self.make.setVisible(not is_under_way and not is_done)
        if had_focus:
            self._take_focus()

    def _show_ended(self, job: Job | None) -> None:
        is_told = job is not None
        self.ended.setVisible(is_told)
        self.chat.setVisible(job is not None and job.made is not None and self._is_for_chats)
        if job is not None:
            self.ended.setText(line_of(job))
            roles = {"failed": "danger", "done": "good"}
            self.ended.set_role(roles.get(job.state, "muted"))  # type: ignore[arg-type]

    @property
    def _is_for_chats(self) -> bool:
        return self.prospect is not None and bool(self.prospect.plans)

    def _take_focus(self) -> None:
        """Who came by keyboard finds the button that took the place of the one pressed."""
        for button in (self.making.stop, self.chat, self.make):
            if button.isVisible() and button.isEnabled():
                button.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def _begin(self) -> None:
        target = self.target
        if self.prospect is not None and target is not None:
            self._smaller.begin(self.prospect.offer, target.quant)

    def _use(self) -> None:
        job = self._smaller.of(self.source)
        if job is not None and job.made is not None:
            self.use_asked.emit(str(job.made.path))


def _variant(target: Target) -> Variant:
    facts = target.facts
    quality = quality_of(facts.quant, n_params=facts.n_params, override=target.tier)
    return Variant(facts, quality)


def _lines(prospect: Prospect) -> list[FileLine]:
    plans = prospect.plans
    at_best = "{quality}"
    if prospect.offer.warning:
        at_best = QCoreApplication.translate("Models", "at best {quality}")
    return [
        FileLine(
            target.quant,
            target.bytes,
            at_best.format(quality=quality_words(target.tier)),
            verdict_of(plans[at]) if plans else None,
        )
        for at, target in enumerate(prospect.offer.targets)
    ]
