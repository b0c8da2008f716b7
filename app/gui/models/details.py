"""One model in full: what it comes to, its memory, the sliders, the reasons, what else there is.

GUI thread. Plans come from the desk on other threads: at once by formula while a slider moves,
and counted by llama.cpp a moment after it rests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.foundation.cancellation import Cancellation
from app.gui import theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.models.desk import Desk
from app.gui.models.files import FileLine, FilesCard
from app.gui.models.latest import Latest
from app.gui.models.measured_view import MeasuredView, has_values
from app.gui.models.memory_view import MemoryView
from app.gui.models.origin import Origin
from app.gui.models.sentences import Sentences
from app.gui.models.subjects import Opening, Pins, Reached, Variant
from app.gui.models.summary import Summary
from app.gui.models.values_card import ValuesCard
from app.gui.models.words import quality_words, verdict_of
from app.gui.notify import Notifier
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.planner.plan import Plan

REST_MS = 500
N_ALTERNATIVES = 2


class Details(QWidget):
    """`use_asked(choice)` asks the window to use the model; its pins are kept by then."""

    use_asked = Signal(str)

    def __init__(
        self,
        desk: Desk,
        bridge: Bridge,
        notify: Notifier,
        opening: Opening,
        parent: QWidget,
        *,
        downloads: DownloadsModel | None = None,
        place_of: Callable[[Variant], str] = lambda _: "",
    ) -> None:
        """`place_of` says where a file is on this computer, or ""."""
        super().__init__(parent)
        self._desk = desk
        self._place_of = place_of
        self._bridge = bridge
        self._notify = notify
        self._machine = opening.machine
        self.model = opening.outlook.model
        self.at = opening.outlook.at
        self.pins = opening.pins
        self.plan = opening.outlook.plan
        self._plans = opening.plans
        self._chosen = (self.at, opening.outlook.rejected)
        self.summary = Summary(self.model, downloads)
        has_choice = not self.model.is_here and len(self.model.variants) > 1
        self.files = FilesCard() if has_choice else None
        self.memory = MemoryView(self._machine)
        self.values = ValuesCard(self.model, self.at, self._machine)
        self.origin = PlainLabel(role="secondary")
        self.where = None if self.model.is_here else Origin(self.model)
        self.look = TextButton(self.tr("Look at the file itself"))
        self._said = ""
        self._seen: set[int] = set()
        self.reasons = Sentences()
        self.alternatives = Sentences()
        self._alternatives_title = self._title(self.tr("What else would do"))
        record = opening.measured
        self.measured = MeasuredView(record) if record and has_values(record) else None
        self._planner: Latest[Plan] = Latest(bridge, self._planned, notify.error, self)
        self._looker: Latest[Reached] = Latest(bridge, self._reached, self._not_reached, self)
        self._looking = Cancellation()
        self._counter: Latest[Plan | None] = Latest(bridge, self._counted, self._not_counted, self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._count)
        self._arrange()
        self._connect()
        self._show(self.plan)
        self._rest.start()

    @property
    def variant(self) -> Variant:
        return self.model.variants[self.at]

    def hideEvent(self, event: QHideEvent) -> None:
        self._rest.stop()
        self._counter.forget()
        if self._looker.is_busy and not event.spontaneous():  # left, not made small
            self._look_no_more()
        super().hideEvent(event)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_8)
        if self.model.sentence:
            column.addWidget(PlainLabel(self.model.sentence, "muted"))
        column.addWidget(self.summary)
        if self.files is not None:
            column.addWidget(self._title(self.tr("Files")))
            column.addWidget(self.files)
        if self.where is not None:
            column.addWidget(self.where)
        column.addWidget(self._title(self.tr("Memory")))
        column.addWidget(self.memory)
        origin = FoldingRow(tight=True)
        origin.words.addWidget(self.origin)
        origin.side.addWidget(self.look)
        self.look.setVisible(not self.model.is_here and self._desk.can_reach)
        column.addWidget(origin)
        if self.measured is not None:
            column.addWidget(self._title(self.tr("When it was last used")))
            column.addWidget(self.measured)
        column.addWidget(self._title(self.tr("Change it")))
        column.addWidget(self.values)
        column.addWidget(self._title(self.tr("Why")))
        column.addWidget(self.reasons)
        column.addWidget(self._alternatives_title)
        column.addWidget(self.alternatives)

    def _title(self, text: str) -> PlainLabel:
        label = PlainLabel(text, "heading")
        label.setContentsMargins(0, theme.SPACE_16, 0, 0)
        return label

    def _connect(self) -> None:
        self.values.changed.connect(self._changed)
        self.summary.use_asked.connect(self._use)
        if self.files is not None:
            self.files.chosen.connect(self._file_chosen)
        if self.where is not None:
            self.where.copy_asked.connect(self._copy)
        self.look.clicked.connect(self._look)

    def _changed(self, at: int, pins: Pins) -> None:
        self.at, self.pins = at, pins
        self._counter.forget()
        self._look_no_more()
        self._planner.ask(partial(self._desk.calculated, self.variant, pins, self._machine))
        self._rest.start()

    def _file_chosen(self, at: int) -> None:
        self._changed(at, self.pins)

    def _planned(self, plan: Plan) -> None:
        self._show(plan)

    def _show(self, plan: Plan) -> None:
        self.plan = plan
        variant = self.variant
        choice = self.model.choice or self._place_of(variant)
        quality = quality_words(variant.quality.tier)
        self.summary.show_plan(plan, quality, variant, choice)
        self.memory.show_plan(plan)
        self.values.show_plan(plan, self.at, self.pins)
        self.reasons.show_reasons(plan.reasons)
        at, rejected = self._chosen
        others = (rejected if self.at == at else ())[:N_ALTERNATIVES]
        others += plan.alternatives[:N_ALTERNATIVES]
        self.alternatives.show_reasons(others)
        for each in (self._alternatives_title, self.alternatives):
            each.setVisible(bool(others))
        if self.where is not None:
            self.where.show_variant(variant)
        if self.files is not None:
            self.files.show_files(self._lines(), self.at, self._chosen[0])
        self.origin.setText(self._origin_words(plan))

    def _lines(self) -> list[FileLine]:
        plans: Sequence[Plan | None] = self._plans or (None,) * len(self.model.variants)
        return [
            FileLine(
                quant=variant.quant,
                n_bytes=variant.facts.file_bytes,
                quality=quality_words(variant.quality.tier),
                verdict=verdict_of(plan) if plan is not None else None,
                n_parts=_n_parts(variant),
                is_here=bool(self._place_of(variant)),
                name=variant.file_name,
            )
            for variant, plan in zip(self.model.variants, plans, strict=True)
        ]

    def _origin_words(self, plan: Plan) -> str:
        if self._said:
            return self._said
        if plan.is_counted:
            return self.tr("Counted by llama.cpp, for exactly these values.")
        if self.variant.path:
            return self.tr("Calculated from the file's header; llama.cpp counts it in a moment.")
        if self.at in self._seen:
            return self.tr("Calculated from the file's own header.")
        if self.variant.sibling:
            return self.tr("Calculated from the header of {file} of the same model.").format(
                file=one_line(self.variant.sibling, 80)
            )
        said = self.tr("Calculated from the catalogue's numbers.")
        if not self._desk.can_reach:
            return said
        return (
            said
            + " "
            + self.tr("Looking at the file itself connects to {host}.").format(host=self._desk.host)
        )

    def _look(self) -> None:
        """The one connection of this page, and only when asked for."""
        self._said = self.tr("Reading the beginning of the file, about a megabyte at most…")
        self.origin.setText(self._said)
        self._looking = Cancellation()
        self._looker.ask(partial(self._desk.reached, self.variant, self.pins, self._looking))

    def _look_no_more(self) -> None:
        self._said = ""
        self._looker.forget()
        self._looking.cancel()
        self.origin.setText(self._origin_words(self.plan))

    def _reached(self, reached: Reached) -> None:
        variants = list(self.model.variants)
        variants[self.at] = reached.variant
        self.model = dataclasses.replace(self.model, variants=tuple(variants))
        if not reached.held_up:
            self._seen.add(self.at)
        self._said = reached.held_up
        self._show(reached.plan)

    def _not_reached(self, error: BaseException) -> None:
        self._said = ""
        self.origin.setText(self._origin_words(self.plan))
        self._notify.error(error)

    def _count(self) -> None:
        """The slider rests: let llama.cpp count what was calculated."""
        if self._planner.is_busy:
            self._rest.start()
            return
        self._counter.ask(partial(self._desk.counted, self.variant, self.pins))

    def _counted(self, plan: Plan | None) -> None:
        if plan is not None:
            self._show(plan)

    def _not_counted(self, error: BaseException) -> None:
        self._notify.error(error)

    def _use(self, choice: str) -> None:
        """Keep what was set by hand, then use the model; one that does not fit only by hand."""
        pins = self.pins
        if self.plan.fits == "no" and pins.n_ctx is None:
            # What nobody chose is never loaded past the memory there is.
            pins = Pins(self.plan.n_ctx, pins.n_gpu_layers, pins.n_cpu_moe)
        keep = partial(self._desk.keep, choice, pins)
        self._bridge.watch(aside(keep), partial(self._kept, choice), self._notify.error)

    def _kept(self, choice: str, _: object) -> None:
        self.use_asked.emit(choice)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.variant.address)
        self._notify.tell(
            self.tr("The address is copied."),
            self.tr("Paste it into your browser; the download starts there."),
        )


def _n_parts(variant: Variant) -> int:
    wanted = variant.wanted
    return sum(part.role == "model" for part in wanted.parts) if wanted is not None else 1
