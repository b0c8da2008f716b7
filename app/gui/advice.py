"""What inference tells unasked, as one quiet banner with at most one button. GUI thread.

A newer advice takes the place of an older one. Nothing is done unless the button is pressed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject
from shiboken6 import isValid

from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.widgets.banner import Banner, BannerColumn
from app.gui.widgets.toast import Notice
from app.inference.advice import Advice, Followed


class AdviceBanner(QObject):
    """Listens until `close`."""

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        notify: Notifier,
        banners: BannerColumn,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._follow = services.follow_advice
        self._bridge = bridge
        self._notify = notify
        self._banners = banners
        self.banner: Banner | None = None
        self._unsubscribe: Callable[[], None] | None = None
        if services.adviser is not None:
            self._unsubscribe = services.adviser.subscribe(bridge.relay(self._told))

    def close(self) -> None:
        """Hear nothing more."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    def _told(self, advice: Advice) -> None:
        if self.banner is not None and isValid(self.banner):
            self.banner.hide()
            self.banner.deleteLater()
        words = {
            "smaller_context": self.tr("Use a smaller context"),
            "less_on_card": self.tr("Put less on the card"),
            "unload": self.tr("Put the model away"),
        }.get(advice.deed, "")
        act = partial(self._take, advice) if words and self._follow is not None else None
        notice = Notice(advice.title, advice.detail, words if act else "", act)
        self.banner = self._banners.add(notice, "triangle-alert")

    def _take(self, advice: Advice) -> None:
        if self._follow is not None:
            self._bridge.watch(self._follow(advice), self._followed)

    def _followed(self, what: Followed) -> None:
        self._notify.tell(
            {
                "less": self.tr("The model was opened again with less."),
                "unloaded": self.tr(
                    "The model was put away. It opens again with the next message."
                ),
                "nothing": self.tr("Nothing was changed: the model is no longer open."),
            }[what]
        )
