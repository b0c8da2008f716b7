"""Walks every widget of the window: each control has a name, each label shows plain text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QWidget,
)
from pytestqt.plugin import QtBot

from app.foundation.errors import StorageFull
from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.settings.page import SettingsPage
from app.gui.widgets.toast import Notice
from app.gui.window_state import WindowState
from app.network.connections import Connections

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "app" / "gui").rglob("*.py"))
Settled = Callable[[Callable[[], bool]], None]
CONTROLS = (QAbstractButton, QLineEdit, QAbstractSpinBox, QPlainTextEdit, QAbstractItemView)


@pytest.fixture
def window(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> Iterator[MainWindow]:
    """Everything that can be open, open."""
    made = MainWindow(services, bridge, notify)
    qtbot.addWidget(made)
    made.show_first(WindowState(0, 0, 1280, 800))
    made.banners.add(Notice("A notice", "<b>with markup</b>", "Act", made.close))
    made.chat_page.toggle_options()
    made.show_settings()
    made.show_shortcuts()
    notify.error(StorageFull("Full", "<i>detail</i>", "Remedy"))
    qtbot.wait(20)
    yield made
    if notify.toast is not None:
        notify.toast.dismiss()


def own_controls(window: QWidget) -> Iterator[QWidget]:
    """Controls a person meets; not the parts that Qt builds others from."""
    for each in window.findChildren(QWidget):
        inside = isinstance(each.parent(), QAbstractSpinBox)
        scrolling = isinstance(each.parent(), QAbstractScrollArea)
        if isinstance(each, CONTROLS) and not (inside or scrolling or each.isHidden()):
            yield each


def path_of(widget: QWidget) -> str:
    names = []
    at: QWidget | None = widget
    while at is not None:
        names.append(type(at).__name__)
        at = at.parentWidget()
    return " < ".join(names)


def test_every_control_has_a_name_that_a_screen_reader_finds(window: MainWindow) -> None:
    controls = list(own_controls(window))
    assert len(controls) > 40
    unnamed = []
    for control in controls:
        interface = QAccessible.queryAccessibleInterface(control)
        if interface is None or not interface.text(QAccessible.Text.Name).strip():
            unnamed.append(path_of(control))
    assert unnamed == []


def test_every_control_can_be_reached_by_tab(window: MainWindow) -> None:
    unreachable = [
        path_of(control)
        for control in own_controls(window)
        # What leads into a field is passed by: Tab leads there by itself.
        if not isinstance(control.parent(), QLineEdit)
        if not control.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    assert unreachable == []


def tabbed(window: QWidget, key: Qt.Key) -> set[QWidget]:
    """What has the focus, one after the other, until it comes round."""
    found: set[QWidget] = set()
    at = window.focusWidget()
    while at is not None and at not in found:
        found.add(at)
        QTest.keyClick(at, key)
        at = window.focusWidget()
    return found


def is_stopped_at(control: QWidget) -> bool:
    """Not those of which one is chosen: the arrow keys lead from one to the others."""
    group = control.group() if isinstance(control, QAbstractButton) else None
    is_met = control.isVisible() and control.isEnabled()
    return is_met and group is None and not isinstance(control.parent(), QLineEdit)


@pytest.fixture
def settings_page(window: MainWindow, profile: Profile) -> SettingsPage:
    """All of it, with a connection in its record, beside the sidebar."""
    Connections(profile.connections).begin("huggingface.co", "header of a model").end("200")
    window.resize(1280, 800)  # more than the screen has
    window.show_shortcuts()
    page = window.pages.currentWidget()
    assert isinstance(page, SettingsPage)
    page.fill()
    QTest.qWait(50)
    return page


@pytest.mark.parametrize("name", ["chat", "settings", "connections"])
@pytest.mark.parametrize("key", [Qt.Key.Key_Tab, Qt.Key.Key_Backtab], ids=["Tab", "Backtab"])
def test_tab_stops_at_every_control(
    window: MainWindow, settings_page: SettingsPage, settled: Settled, name: str, key: Qt.Key
) -> None:
    if name == "chat":
        window.show_chat()
    elif name == "connections":
        settings_page.show_connections()
        assert settings_page.connections is not None
        settled(settings_page.connections.search.isVisible)
    controls = {each for each in own_controls(window) if is_stopped_at(each)}
    assert len(controls) > 10
    assert [path_of(each) for each in controls - tabbed(window, key)] == []


def test_the_page_scrolls_to_where_tab_leads_from_outside(
    window: MainWindow, settings_page: SettingsPage
) -> None:
    area = next(each for each in settings_page.findChildren(QScrollArea) if each.isVisible())
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    assert area.verticalScrollBar().value() > area.height()
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
    first = window.focusWidget()
    assert first is not None
    assert area.isAncestorOf(first)
    QTest.qWait(20)
    assert not first.visibleRegion().isEmpty()


def test_every_label_shows_its_text_as_it_is(window: MainWindow) -> None:
    labels = window.findChildren(QLabel)
    assert len(labels) > 60
    loose = [path_of(label) for label in labels if label.textFormat() != Qt.TextFormat.PlainText]
    assert loose == []


def test_no_tooltip_interprets_what_it_shows(window: MainWindow) -> None:
    for each in window.findChildren(QWidget):
        tip = each.toolTip()
        if "<" in tip:
            inner = tip.removeprefix("<span>").removesuffix("</span>")
            assert "<" not in inner, path_of(each)


def test_scroll_areas_do_not_take_the_focus_from_what_they_hold(window: MainWindow) -> None:
    for area in window.findChildren(QScrollArea):
        assert area.focusPolicy() == Qt.FocusPolicy.NoFocus or area.accessibleName()


FORBIDDEN_CALLS = {
    "QLabel": {"plain.py"},
    "QToolTip": set(),
    "QMessageBox": set(),
    "setStyleSheet": {"theme.py"},
    "setHtml": set(),
    "setMarkdown": set(),
    "terminate": set(),
    "QThread": set(),
    "exec_": set(),
    "warning_box": set(),
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_sources_keep_to_plain_text_and_the_one_stylesheet(path: Path) -> None:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            name = getattr(function, "id", "") or getattr(function, "attr", "")
            if path.name not in FORBIDDEN_CALLS.get(name, {path.name}):
                found.append(f"{path.name}:{node.lineno} {name}")
    assert found == []


TELLING = {"setText", "setToolTip", "setAccessibleName", "setWindowTitle", "setPlaceholderText"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_words_for_people_can_be_translated(path: Path) -> None:
    bare = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in TELLING:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and _is_words(argument.value):
                    bare.append(f"{path.name}:{node.lineno} {argument.value!r}")
    assert bare == []


def _is_words(value: object) -> bool:
    return isinstance(value, str) and any(
        part.islower() and len(part) > 2 for part in value.split()
    )
