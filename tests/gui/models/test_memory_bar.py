"""The bar tells its exact numbers by arrow keys, by pointer and to screen readers."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from pytestqt.plugin import QtBot

from app.gui.models.memory_bar import MemoryBar
from app.gui.models.parts import filling_of
from app.planner.memory import Need
from app.planner.plan import Share
from app.planner.pools import Pool

GIB = 1 << 30


def share(free_gib: float = 10, weights_gib: float = 4) -> Share:
    pool = Pool("CPU", int(free_gib * GIB), 16 * GIB, 2 * GIB)
    return Share(pool, Need(int(weights_gib * GIB), GIB, 1 << 28))


@pytest.fixture
def bar(qtbot: QtBot) -> MemoryBar:
    made = MemoryBar("Main memory")
    qtbot.addWidget(made)
    made.show_filling(filling_of(share()))
    made.resize(700, made.heightForWidth(700))
    made.show()
    made.setFocus()
    return made


def test_arrow_keys_go_through_the_parts_with_their_exact_numbers(
    bar: MemoryBar, qtbot: QtBot
) -> None:
    said: list[str] = []
    bar.pointed.connect(said.append)
    for _ in range(8):
        qtbot.keyClick(bar, Qt.Key.Key_Right)
    assert [text.split(":")[0] for text in said] == [
        "Other programs",
        "The model (weights)",
        "The conversation (context)",
        "Working room (compute)",
        "Kept free for you",
        "Free",
    ]
    assert bar.locale().toString(4 * GIB) in said[1]
    qtbot.keyClick(bar, Qt.Key.Key_Left)
    assert bar.part_at is not None
    assert bar.part_at.kind == "margin"


def test_the_pointer_finds_a_part_in_the_bar_and_in_the_legend(
    bar: MemoryBar, qtbot: QtBot
) -> None:
    qtbot.mouseMove(bar, QPoint(350, 12))
    qtbot.waitUntil(lambda: bar.part_at is not None and bar.part_at.kind == "weights")
    qtbot.mouseMove(bar, QPoint(10, bar.height() - 8))
    qtbot.waitUntil(lambda: bar.part_at is None or bar.part_at.kind != "weights")


def test_a_screen_reader_is_told_everything(bar: MemoryBar) -> None:
    interface = QAccessible.queryAccessibleInterface(bar)
    assert interface is not None
    assert interface.text(QAccessible.Text.Name) == "Main memory"
    described = interface.text(QAccessible.Text.Description)
    assert bar.locale().toString(4 * GIB) in described
    assert described.count(";") == 5


def test_what_is_pointed_at_stays_while_the_plan_changes(bar: MemoryBar, qtbot: QtBot) -> None:
    qtbot.keyClick(bar, Qt.Key.Key_Right)
    qtbot.keyClick(bar, Qt.Key.Key_Right)
    said: list[str] = []
    bar.pointed.connect(said.append)
    bar.show_filling(filling_of(share(weights_gib=5)))
    assert bar.locale().toString(5 * GIB) in said[-1]


def test_what_does_not_fit_is_drawn_beyond_the_end(bar: MemoryBar) -> None:
    bar.show_filling(filling_of(share(free_gib=3)))
    assert bar.filling.over_bytes == 2 * GIB + (1 << 28)
    assert "do not fit" in bar.accessibleDescription()
    image = bar.grab().toImage()
    inside, beyond = image.pixelColor(300, 14), [image.pixelColor(x, 14) for x in range(640, 690)]
    assert any(colour != inside for colour in beyond)


def test_a_narrow_bar_wraps_its_legend(bar: MemoryBar) -> None:
    assert bar.heightForWidth(260) > bar.heightForWidth(900)
    bar.resize(260, bar.heightForWidth(260))
    bar.grab()
