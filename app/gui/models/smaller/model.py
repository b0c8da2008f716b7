"""The smaller file that is being made, for the window: what it is now, and who hears of it.

GUI thread. It is made elsewhere and goes on when the page is left; what is heard of it arrives once
a frame. Knows no widget.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.foundation.errors import HearthError
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.models.smaller.words import line_of
from app.gui.notify import Notifier
from app.gui.safe_text import one_line
from app.gui.widgets.toast import Notice
from app.inference.quantizing import Offer
from app.inference.smaller_files import Job, SmallerFiles


class SmallerModel(QObject):
    """`changed` follows every change of `job`; `came` a file that is ready; `use_asked(path)` the
    offer to chat with it, which is made where nobody looks at it."""

    changed = Signal()
    came = Signal()
    use_asked = Signal(str)

    def __init__(
        self,
        build: Callable[[], SmallerFiles] | None,
        bridge: Bridge,
        notify: Notifier,
        parent: QObject | None = None,
    ) -> None:
        """`build` may take a moment and is called on another thread; None: nothing is made."""
        super().__init__(parent)
        self._build = build
        self._bridge = bridge
        self._notify = notify
        self._files: SmallerFiles | None = None
        self._heard = bridge.mailbox(self._hear)
        self.job: Job | None = None
        self.watched: set[str] = set()
        """Sources that somebody looks at: of these nothing is said elsewhere."""
        if build is not None:
            bridge.watch(aside(build), self._built, notify.error)

    @property
    def is_available(self) -> bool:
        """Whether anything can be made at all."""
        return self._build is not None

    def of(self, source: str) -> Job | None:
        """What is made of this file, or was made last."""
        return self.job if self.job is not None and str(self.job.source) == source else None

    def look(self, source: str) -> tuple[Offer, int | None]:
        """What can be made of it, and what is free on the disk. Any thread but the window's."""
        assert self._build is not None
        files = self._build()
        return files.offer(Path(source)), files.free_bytes()

    def begin(self, offer: Offer, quant: str) -> None:
        """Make it: what there is to warn of was shown before."""
        if self._files is None:
            return
        try:
            self._files.begin(offer, quant, accept_warning=bool(offer.warning))
        except HearthError as error:
            self._notify.error(error)
        self._take(self._files.job)

    def stop(self) -> None:
        """Give up what is under way."""
        if self._files is not None:
            self._files.stop()

    def clear(self) -> None:
        """Say no more of what has ended."""
        if self._files is not None:
            self._files.clear()
            self._take(self._files.job)

    def _built(self, files: SmallerFiles) -> None:
        self._files = files
        unlisten = files.listen(partial(self._heard.append, None))
        self.destroyed.connect(unlisten)
        self._take(files.job)

    def _hear(self, _changes: list[None]) -> None:
        if self._files is not None:
            self._take(self._files.job)

    def _take(self, job: Job | None) -> None:
        before, self.job = self.job, job
        if job == before:
            return
        self.changed.emit()
        was_under_way = before is not None and before.is_under_way
        if job is None or job.is_under_way or not was_under_way:
            return
        if job.state == "done":
            self.came.emit()
        if str(job.source) not in self.watched:
            self._say(job)

    def _say(self, job: Job) -> None:
        if job.made is not None:
            act = partial(self.use_asked.emit, str(job.made.path))
            self._notify.offer(line_of(job), self.tr("Chat"), act)
        elif job.error is not None:
            title = self.tr("No smaller file of {name} could be made.")
            said = title.format(name=one_line(job.name, 60))
            self._notify.show(Notice(said, line_of(job), lasting=True))
