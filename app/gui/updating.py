"""What is said unasked about newer versions: the question at the first start, news, a step back.

GUI thread; asks elsewhere. Nothing is asked of anybody before the person said yes, and nothing is
said where a build names no update source.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from app.foundation.errors import HearthError
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.services import GuiServices
from app.gui.widgets.banner import BannerColumn
from app.gui.widgets.toast import Notice
from app.settings.option import Option
from app.settings.schema import UPDATES_ASKED, UPDATES_DAILY, UPDATES_TOLD

if TYPE_CHECKING:
    from app.updates.offer import Offer
    from app.updates.updates import State, Updates

_AGAIN_MS = 3_600_000
"""How often it is seen whether a day has passed, in a window that stays open."""

_EXCHANGED_MS = 60_000
"""How often it is seen whether a package of the system has replaced the program that runs."""


class UpdateNotices(QObject):
    """`show_settings` leads to where a newer version is installed."""

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        banners: BannerColumn,
        show_settings: Callable[[], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._updates = services.updates
        self._settings = services.settings
        self._bridge = bridge
        self._banners = banners
        self._show_settings = show_settings
        self._told = ""
        self._timer = QTimer(self)
        self._timer.setInterval(_AGAIN_MS)
        self._timer.timeout.connect(self._look)
        self._replaced_by = services.replaced_by
        self._exchange_timer = QTimer(self)
        self._exchange_timer.setInterval(_EXCHANGED_MS)
        self._exchange_timer.timeout.connect(self._see_exchange)

    def begin(self) -> None:
        """After the first paint: see what is so."""
        if self._updates is not None:
            self._bridge.watch(aside(self._state), self._found)
        if self._replaced_by is not None:
            self._exchange_timer.start()

    def close(self) -> None:
        """Ask nobody any more."""
        self._timer.stop()
        self._exchange_timer.stop()

    def _see_exchange(self) -> None:
        if self._replaced_by is not None:
            self._bridge.watch(aside(self._replaced_by), self._say_exchanged)

    def _say_exchanged(self, version: str | None) -> None:
        if version is None or not self._exchange_timer.isActive():
            return
        self._exchange_timer.stop()
        title = self.tr("Hearth was replaced on the disk while it is open.")
        if version:
            title = self.tr("Hearth {version} was installed while this one is open.")
            title = title.format(version=version)
        detail = self.tr(
            "What is open no longer finds its own files, and may fail. Close Hearth and open it "
            "again; your chats are kept."
        )
        self._banners.add(Notice(title, detail), "triangle-alert")

    def _state(self) -> State:
        assert self._updates is not None
        return self._updates().state()

    def _found(self, state: State) -> None:
        left = state.damaged or state.failed
        if left and left != self._settings.get(UPDATES_TOLD):
            self._set(UPDATES_TOLD, left)
            self._say_left(state)
        if not state.is_configured:
            return
        if not self._settings.get(UPDATES_ASKED):
            self._set(UPDATES_ASKED, True)
            self._ask()
        self._timer.start()
        self._look()

    def _say_left(self, state: State) -> None:
        title = self.tr("Hearth {version} did not start, twice.").format(version=state.failed)
        detail = self.tr("Hearth {version} is in use again; your chats are as they were.")
        detail = detail.format(version=state.version)
        notice = Notice(title, detail)
        if state.damaged:
            title = self.tr("Files of Hearth {version} are missing or damaged.")
            notice = Notice(title.format(version=state.damaged), detail)
        if state.damaged and state.is_configured:
            again = self.tr("It can be downloaded again in the settings, under Updates.")
            show = (self.tr("Show it"), self._show_settings)
            notice = Notice(notice.title, f"{detail} {again}", *show)
        self._banners.add(notice, "triangle-alert")

    def _ask(self) -> None:
        notice = Notice(
            self.tr("Shall Hearth look for newer versions?"),
            self.tr(
                "Once a day one small signed file is asked for. Nothing is said about you or this "
                "computer, and nothing is installed before you say so. It is off until you turn "
                "it on, here or in the settings."
            ),
            self.tr("Look once a day"),
            self._accept,
        )
        self._banners.add(notice, "download")

    def _accept(self) -> None:
        self._set(UPDATES_DAILY, True)
        self._look()

    def _look(self) -> None:
        if self._updates is not None and self._settings.get(UPDATES_DAILY):
            self._bridge.watch(aside(self._news), self._say_news)

    def _news(self) -> Offer | None:
        assert self._updates is not None
        return _news(self._updates())

    def _say_news(self, offer: Offer | None) -> None:
        if offer is None or offer.version == self._told:
            return
        self._told = offer.version
        notice = Notice(
            self.tr("There is a newer version: Hearth {version}.").format(version=offer.version),
            self.tr("What is new, and how it is installed, is in the settings, under Updates."),
            self.tr("Show it"),
            self._show_settings,
        )
        self._banners.add(notice, "download")

    def _set(self, option: Option[Any], value: object) -> None:
        self._bridge.watch(self._settings.set(option, value))


def _news(updates: Updates) -> Offer | None:
    """Whatever goes wrong is said where a person asks, not where nobody did."""
    with contextlib.suppress(HearthError):
        return updates.check_daily()
    return None
