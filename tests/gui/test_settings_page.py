"""Every option has its control, works at once, and says what automatic means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDesktopServices, QWheelEvent
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QScrollArea
from pytestqt.plugin import QtBot

from app.foundation.errors import ChildFailed
from app.gui import theme
from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.services import Fact, GuiServices
from app.gui.settings.controls import NumberControl, TextControl, control_for, value_in_words
from app.gui.settings.page import SettingsPage
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import ElidedLabel, PlainLabel
from app.settings import schema
from app.settings.file import SettingsFile
from app.settings.option import Option
from tests.fixtures.shown_windows import shown_windows

Settled = Callable[[Callable[[], bool]], None]
SHOWN = [option for option in schema.OPTIONS if option.shown]


@pytest.fixture
def page(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> Iterator[SettingsPage]:
    made = SettingsPage(services, bridge, notify)
    made.fill()
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    notify.attach(made)
    yield made
    if notify.toast is not None:
        notify.toast.dismiss()


def another(option: Option[Any]) -> Any:
    """A value the option takes that is not its default."""
    if option.kind == "switch":
        return not option.default
    if option.kind == "choice":
        return next(each.value for each in option.choices if each.value != option.default)
    if option.kind == "text":
        return "https://mirror.example:8443" if option.form else "Something else"
    return type(option.default)(option.maximum)


def labels(page: SettingsPage) -> list[str]:
    return [
        label.whole if isinstance(label, ElidedLabel) else label.text()
        for label in page.findChildren(PlainLabel)
    ]


def test_nothing_of_it_is_ever_a_window_of_its_own(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> None:
    with shown_windows() as windows:
        page = SettingsPage(services, bridge, notify)
        page.fill()
        qtbot.addWidget(page)
        page.show()
        qtbot.waitExposed(page)
        page.show_connections()
    assert windows == ["SettingsPage Settings"]


def test_its_sections_come_one_after_the_other_and_nothing_moves(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier, settled: Settled
) -> None:
    page = SettingsPage(services, bridge, notify)
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    assert not page.rows
    page.setFocus()
    back = page.focusWidget()
    settled(lambda: bool(page.rows))
    first = next(iter(page.rows.values()))
    settled(lambda: first.mapTo(page, QPoint(0, 0)).y() > 0 and first.height() > 0)
    place = first.mapTo(page, QPoint(0, 0)), first.height()
    settled(lambda: page.licences is not None and page.licences.height() > 0)
    assert set(page.rows) == {option.key for option in SHOWN}
    assert (first.mapTo(page, QPoint(0, 0)), first.height()) == place
    assert page.focusWidget() is back
    (area,) = page.findChildren(QScrollArea)
    assert area.verticalScrollBar().value() == 0


def test_every_shown_option_has_a_row_with_its_words(page: SettingsPage) -> None:
    assert set(page.rows) == {option.key for option in SHOWN}
    shown = labels(page)
    for option in SHOWN:
        assert option.label in shown
        assert any(text.startswith(option.help) for text in shown)


@pytest.mark.parametrize("option", SHOWN, ids=lambda option: option.key)
def test_what_is_chosen_is_used_at_once_and_can_be_taken_back(
    page: SettingsPage, settings: SettingsFile, settled: Settled, option: Option[Any]
) -> None:
    row = page.rows[option.key]
    wanted = another(option)
    row.control.chosen.emit(wanted)
    assert settings.get(option) == wanted
    settled(lambda: not row.reset_button.isHidden())
    row.reset_button.click()
    settled(row.reset_button.isHidden)
    assert settings.get(option) == option.default


@pytest.mark.parametrize("option", SHOWN, ids=lambda option: option.key)
def test_a_control_shows_what_it_is_told_and_announces_nothing(
    qtbot: QtBot, option: Option[Any]
) -> None:
    control = control_for(option)
    qtbot.addWidget(control)
    with qtbot.assertNotEmitted(control.chosen):
        control.show_value(another(option))
        control.show_value(option.default)


def test_a_change_made_elsewhere_is_shown(
    page: SettingsPage, settings: SettingsFile, settled: Settled
) -> None:
    control = page.rows[schema.THREADS.key].control
    assert isinstance(control, NumberControl)
    settings.set(schema.THREADS, 3)
    settled(lambda: control.field.value() == 3)


def test_numbers_are_stepped_within_their_bounds(
    page: SettingsPage, settings: SettingsFile
) -> None:
    control = page.rows[schema.TEXT_SIZE.key].control
    assert isinstance(control, NumberControl)
    control.more.click()
    assert settings.get(schema.TEXT_SIZE) == 105
    for _ in range(20):
        control.less.click()
    assert settings.get(schema.TEXT_SIZE) == 90


def test_automatic_is_a_word_and_its_value_is_said(page: SettingsPage) -> None:
    control = page.rows[schema.THREADS.key].control
    assert isinstance(control, NumberControl)
    assert control.field.text() == "automatic"
    assert value_in_words(schema.THREADS, 0) == "automatic"
    assert value_in_words(schema.KEEP_DELETED_DAYS, 30) == "30 days"
    assert value_in_words(schema.TEXT_SIZE, 100) == "100%"


def test_text_is_used_when_the_typing_pauses_or_the_page_goes(
    page: SettingsPage, settings: SettingsFile, qtbot: QtBot, settled: Settled
) -> None:
    control = page.rows[schema.SYSTEM_PROMPT.key].control
    assert isinstance(control, TextControl)
    qtbot.keyClicks(control.field, "Be brief.")
    assert settings.get(schema.SYSTEM_PROMPT) == ""
    settled(lambda: settings.get(schema.SYSTEM_PROMPT) == "Be brief.")
    qtbot.keyClicks(control.field, " Please.")
    page.hide()
    assert settings.get(schema.SYSTEM_PROMPT) == "Be brief. Please."


def test_typing_is_not_disturbed_by_its_own_echo(
    page: SettingsPage, qtbot: QtBot, settings: SettingsFile, settled: Settled
) -> None:
    control = page.rows[schema.SYSTEM_PROMPT.key].control
    assert isinstance(control, TextControl)
    field = control.field
    assert isinstance(field, QPlainTextEdit)
    qtbot.keyClicks(field, "ab")
    qtbot.keyClick(field, Qt.Key.Key_Left)
    settled(lambda: settings.get(schema.SYSTEM_PROMPT) == "ab")
    qtbot.wait(20)
    assert field.textCursor().position() == 1


def test_a_value_that_is_refused_is_said_and_the_old_one_shown(
    page: SettingsPage, notify: Notifier, settings: SettingsFile
) -> None:
    page.rows[schema.THREADS.key].control.chosen.emit(100_000)
    assert notify.toast is not None
    assert notify.toast.notice is not None
    assert "Processor threads" in notify.toast.notice.title
    assert settings.get(schema.THREADS) == 0


def test_the_wheel_scrolls_the_page_and_not_the_numbers(
    page: SettingsPage, settings: SettingsFile, qapp: QApplication
) -> None:
    control = page.rows[schema.THREADS.key].control
    assert isinstance(control, NumberControl)
    wheel = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    qapp.sendEvent(control.field, wheel)
    assert settings.get(schema.THREADS) == 0


def test_what_was_found_is_shown_when_it_is_there(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> None:
    looking: Future[Sequence[Fact]] = Future()
    services.machine_facts = lambda: looking
    page = SettingsPage(services, bridge, notify)
    page.fill()
    qtbot.addWidget(page)
    assert page.machine.text == "Looking at this computer…"
    looking.set_result([Fact("Processor", "<b>A tiny one</b>"), Fact("Memory", "8 GB")])
    qtbot.waitUntil(lambda: "8 GB" in page.machine.text)
    assert "<b>A tiny one</b>" in page.machine.text


def test_what_could_not_be_found_is_said(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> None:
    looking: Future[Sequence[Fact]] = Future()
    services.machine_facts = lambda: looking
    page = SettingsPage(services, bridge, notify)
    page.fill()
    qtbot.addWidget(page)
    looking.set_exception(ChildFailed("The look at this computer did not end."))
    qtbot.waitUntil(lambda: page.machine.text == "The look at this computer did not end.")


def test_the_folders_are_named_and_open(
    page: SettingsPage,
    services: GuiServices,
    notify: Notifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or len(opened) < 2
    )
    shown = labels(page)
    assert str(services.profile.root) in shown
    buttons = {button.accessibleName(): button for button in page.findChildren(TextButton)}
    buttons["Open the log folder"].click()
    assert opened == [str(services.profile.logs)]
    buttons["Open the folder"].click()
    assert notify.toast is not None
    assert notify.toast.notice is not None
    assert notify.toast.notice.detail == str(services.profile.root)


def test_about_names_version_licence_and_runtime(page: SettingsPage, qtbot: QtBot) -> None:
    from app import __version__

    assert __version__ in labels(page)
    qtbot.waitUntil(lambda: "build 1" in page.runtime.text)
    assert any("MIT" in text for text in labels(page))


def test_safe_mode_is_said_under_about(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> None:
    services.safe_mode = True
    page = SettingsPage(services, bridge, notify)
    page.fill()
    qtbot.addWidget(page)
    assert "Safe mode" in labels(page)


def test_the_page_is_readable_at_the_largest_text_in_a_small_window(
    page: SettingsPage, settled: Settled
) -> None:
    theme.current().set_look("dark", 150)
    page.resize(432, 400)
    scroll = page.findChild(QScrollArea)
    assert scroll is not None
    settled(lambda: scroll.widget().width() <= scroll.viewport().width())
    page.grab()


def test_the_back_button_leaves(page: SettingsPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.left):
        page.focusProxy().click()  # type: ignore[union-attr]
