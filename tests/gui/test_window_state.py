"""The window comes back where it was, if that is still somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app.gui import window_state
from app.gui.window_state import FIRST_SIZE, LEAST_SIZE, WindowState


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    state = WindowState(30, 40, 900, 700, True, "/models")
    window_state.save(path, state)
    assert window_state.load(path) == state


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"x": "left", "y": null, "width": -5, "height": 1e400}',
        '{"width": 3, "height": true, "maximized": "yes", "model_folder": 7}',
        '{"x": 100000000, "width": 99999999}',
    ],
)
def test_nonsense_is_as_if_it_were_not_there(tmp_path: Path, content: str) -> None:
    path = tmp_path / "window.json"
    path.write_text(content)
    state = window_state.load(path)
    assert state.x is None
    assert state.width >= LEAST_SIZE.width()
    assert state.height >= LEAST_SIZE.height()
    assert state.maximized is False
    assert state.model_folder == ""


def test_nothing_saved_is_the_first_size(tmp_path: Path) -> None:
    state = window_state.load(tmp_path / "window.json")
    assert (state.width, state.height) == (FIRST_SIZE.width(), FIRST_SIZE.height())


def test_a_window_on_a_screen_that_is_gone_is_brought_back(qapp: QApplication) -> None:
    state = window_state.fit_to_screens(WindowState(90_000, 0, 900, 700))
    assert state.rectangle() is None


def test_a_window_larger_than_the_screen_is_made_to_fit(qapp: QApplication) -> None:
    screen = QGuiApplication.primaryScreen().availableGeometry()
    state = window_state.fit_to_screens(WindowState(screen.x(), screen.y(), 90_000, 90_000))
    assert (state.width, state.height) == (screen.width(), screen.height())


def test_a_window_that_can_be_reached_stays(qapp: QApplication) -> None:
    screen = QGuiApplication.primaryScreen().availableGeometry()
    state = window_state.fit_to_screens(WindowState(screen.x() + 10, screen.y() + 10, 500, 400))
    assert (state.x, state.y) == (screen.x() + 10, screen.y() + 10)


def test_a_folder_that_refuses_costs_nothing(tmp_path: Path) -> None:
    window_state.save(tmp_path / "missing" / "window.json", WindowState())
