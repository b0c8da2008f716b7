"""Links act only after a click that shows their whole target."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, QPoint, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.plugin import QtBot

from app.gui.chat.link_bar import LinkBar


class Browser(QObject):
    """The far end: what would have been opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.opened.append(url.toString())


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def bar(qtbot: QtBot, browser: Browser) -> Iterator[LinkBar]:
    page = QWidget()
    qtbot.addWidget(page)
    page.resize(600, 400)
    page.show()
    for scheme in ("https", "http", "mailto", "file"):
        QDesktopServices.setUrlHandler(scheme, browser, "take")
    yield LinkBar(page)
    page.close()
    for scheme in ("https", "http", "mailto", "file"):
        QDesktopServices.unsetUrlHandler(scheme)


def test_it_shows_the_target_and_opens_only_on_its_button(
    bar: LinkBar, browser: Browser, qtbot: QtBot
) -> None:
    target = "https://bank.example@evil.example/" + "path/" * 60
    bar.ask(target, QPoint(300, 200))
    assert bar.isVisible()
    assert bar.shown_host == "evil.example"
    assert bar.shown_target == target
    assert browser.opened == []
    assert bar.parentWidget().rect().contains(bar.geometry())
    qtbot.mouseClick(bar.open_button, Qt.MouseButton.LeftButton)
    assert browser.opened == [target]
    assert not bar.isVisible()


def test_copy_and_escape_open_nothing(bar: LinkBar, browser: Browser, qtbot: QtBot) -> None:
    bar.ask("https://example.org/x", QPoint(10, 390))
    qtbot.mouseClick(bar.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "https://example.org/x"
    bar.ask("mailto:a@b.c", QPoint(10, 10))
    qtbot.keyClick(bar, Qt.Key.Key_Escape)
    assert not bar.isVisible()
    assert browser.opened == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "//host/x", "javascript:x", "data:,x"])
def test_what_may_not_open_is_not_even_asked_about(bar: LinkBar, target: str) -> None:
    bar.ask(target, QPoint(0, 0))
    assert not bar.isVisible()
