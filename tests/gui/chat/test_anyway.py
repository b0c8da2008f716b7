"""A model that does not fit is refused with a warning, and may be tried anyway, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.plugin import QtBot

from app.foundation.errors import LoadFailed, NotEnoughMemory
from app.gui.bridge import Bridge
from app.gui.chat.page import ChatPage
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.widgets.banner import Banner
from app.gui.widgets.buttons import TextButton
from tests.fixtures.services import Bench
from tests.fixtures.tiny_models import make

Settled = Callable[[Callable[[], Any]], None]


@pytest.fixture
def page(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> Iterator[ChatPage]:
    made = ChatPage(services, bridge, notify)
    qtbot.addWidget(made)
    notify.attach(made)
    made.resize(900, 640)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.exchange.stop()


def offers(page: ChatPage) -> list[str]:
    return [
        button.text()
        for banner in page.refusal.findChildren(Banner)
        if banner.isVisible()
        for button in banner.findChildren(TextButton)
    ]


def test_a_message_to_what_does_not_fit_may_be_tried_anyway(
    page: ChatPage, bench: Bench, qtbot: QtBot, settled: Settled
) -> None:
    bench.placing.fits = "no"
    page.composer.put_text("Hello there")
    qtbot.keyClick(page.composer.draft, Qt.Key.Key_Return)
    settled(lambda: "needs more memory" in page.refusal.title)
    assert offers(page) == ["Try anyway"]
    (banner,) = page.refusal.findChildren(Banner)
    assert "may make the computer slow" in banner.accessibleDescription()
    banner.take_action()
    assert page.refusal.title == ""
    settled(lambda: page.exchange.live is None and len(page.path.stored) == 2)
    assert page.path.stored[0].text == "Hello there"
    assert page.path.stored[1].state == "complete"


def test_opening_what_does_not_fit_offers_the_same(
    page: ChatPage, bench: Bench, settled: Settled, tiny_models: Path
) -> None:
    bench.placing.fits, bench.placing.pinned = "no", True
    page.set_model(str(make("qwen2", tiny_models)))
    settled(lambda: "does not fit with what you set" in page.refusal.title)
    assert offers(page) == ["Try anyway"]
    (banner,) = page.refusal.findChildren(Banner)
    banner.take_action()
    settled(lambda: page.model_button.is_ready)


def test_what_was_forced_and_failed_is_not_offered_again(
    page: ChatPage, notify: Notifier, bench: Bench, settled: Settled, tiny_models: Path
) -> None:
    page.model_button.force()
    page.model_button.open()
    settled(lambda: page.model_button.is_ready)
    page.refusal.tell_error(NotEnoughMemory("Too big.", "Really.", "Close something."))
    assert page.refusal.title == "Too big."
    assert offers(page) == []
    page.refusal.dismiss()
    page.refusal.tell_not_opened(LoadFailed("Broken."))
    assert page.refusal.title == ""
    assert notify.toast is not None
    assert notify.toast.notice is not None
    assert notify.toast.notice.title == "Broken."
