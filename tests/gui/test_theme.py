"""Light, dark and system; text size; icons that follow."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.plugin import QtBot

from app.foundation.paths import resource
from app.gui import icons, theme
from app.gui.palette import DARK, LIGHT, contrast
from app.gui.theme import Theme
from app.gui.widgets.buttons import IconButton


class System(QObject):
    """The far side of Qt's style hints: a desktop that can be told to be light or dark."""

    colorSchemeChanged = Signal(Qt.ColorScheme)

    def __init__(self) -> None:
        super().__init__()
        self._own = Qt.ColorScheme.Light
        self._asked: Qt.ColorScheme | None = None

    def colorScheme(self) -> Qt.ColorScheme:
        return self._own if self._asked is None else self._asked

    def become(self, scheme: Qt.ColorScheme) -> None:
        self._own = scheme
        self.colorSchemeChanged.emit(self.colorScheme())

    def setColorScheme(self, scheme: Qt.ColorScheme) -> None:
        self._asked = scheme
        self.colorSchemeChanged.emit(scheme)

    def unsetColorScheme(self) -> None:
        self._asked = None
        self.colorSchemeChanged.emit(self._own)


@pytest.fixture
def system(qapp: QApplication) -> Iterator[System]:
    """A desktop whose theme a test may change; the application's own theme returns after."""
    yield System()
    for each in qapp.findChildren(Theme, options=Qt.FindChildOption.FindDirectChildrenOnly):
        if each is not theme.current():
            each.deleteLater()


def ink(image: QImage) -> QColor:
    """The colour of the most opaque pixel."""
    colours = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return max(colours, key=QColor.alpha)


def is_near(colour: QColor, wanted: str) -> bool:
    """Whether two colours differ by no more than the rounding of half-opaque pixels."""
    other = QColor(wanted)
    return all(
        abs(getattr(colour, part)() - getattr(other, part)()) <= 4
        for part in ("red", "green", "blue")
    )


def test_a_chosen_mode_holds_whatever_the_system_says(qapp: QApplication) -> None:
    look = theme.current()
    look.set_look("dark", 100)
    assert look.dark
    assert look.tokens is DARK
    assert theme.hex_of(qapp.palette().window().color()).upper() == DARK.background
    look.set_look("light", 100)
    assert look.tokens is LIGHT
    assert theme.hex_of(qapp.palette().window().color()).upper() == LIGHT.background


def test_system_follows_the_system_at_once(
    qapp: QApplication, system: System, qtbot: QtBot
) -> None:
    look = Theme(qapp, system)  # type: ignore[arg-type]
    assert look.tokens is LIGHT
    with qtbot.waitSignal(look.changed):
        system.become(Qt.ColorScheme.Dark)
    assert look.tokens is DARK
    look.set_look("light", 100)
    assert look.tokens is LIGHT
    system.become(Qt.ColorScheme.Dark)
    assert look.tokens is LIGHT
    look.set_look("system", 100)
    assert look.tokens is DARK


def test_the_text_size_scales_every_role(qapp: QApplication) -> None:
    look = theme.current()
    assert [look.px(role) for role in ("body", "transcript", "secondary", "title", "mono")] == [
        14,
        15,
        12,
        20,
        13,
    ]
    look.set_look("light", 150)
    assert look.px("body") == 21
    assert qapp.font().pixelSize() == 21


def test_a_change_is_announced_once_and_only_when_there_is_one(qtbot: QtBot) -> None:
    look = theme.current()
    with qtbot.assertNotEmitted(look.changed):
        look.set_look("light", 100)
    with qtbot.waitSignal(look.changed):
        look.set_look("light", 110)


def test_there_is_one_theme_per_application() -> None:
    assert theme.current() is theme.current()


def test_the_stylesheet_is_complete_and_understood(qtbot: QtBot, qtlog: object) -> None:
    label = QLabel("words")
    qtbot.addWidget(label)
    label.ensurePolished()
    assert "$" not in QApplication.instance().styleSheet()  # type: ignore[union-attr]


def test_an_icon_has_the_colour_of_its_token_in_each_theme(qtbot: QtBot) -> None:
    button = IconButton("plus", "More", token="accent")
    qtbot.addWidget(button)
    assert is_near(ink(button.icon().pixmap(18, 18).toImage()), LIGHT.accent)
    theme.current().set_look("dark", 100)
    assert is_near(ink(button.icon().pixmap(18, 18).toImage()), DARK.accent)


def test_an_icon_is_sharp_on_a_fine_screen() -> None:
    image = icons.pixmap("settings", LIGHT.text, 18, 2.0)
    assert (image.width(), image.devicePixelRatio()) == (36, 2.0)


def test_every_icon_is_of_the_set_and_one_weight() -> None:
    of_the_set = [path for path in resource("icons").glob("*.svg") if path.stem != "hearth"]
    assert of_the_set
    for path in of_the_set:
        text = path.read_text("utf-8")
        assert "lucide" in text, path.name
        assert 'stroke="currentColor"' in text, path.name
        assert 'stroke-width="2"' in text, path.name
    assert "ISC License" in resource("icons", "LICENSE").read_text("utf-8")


def test_the_drawing_of_hearth_has_colours_of_the_palette_alone() -> None:
    text = resource("icons", "hearth.svg").read_text("utf-8")
    ours = {value for tokens in (LIGHT, DARK) for value in dataclasses.asdict(tokens).values()}
    colours = set(re.findall(r'"(#[^"]*)"', text))
    assert len(colours) >= 3
    assert colours <= ours


def test_the_icon_of_the_window_is_drawn_at_each_size_and_can_be_made_out() -> None:
    shown = icons.app_icon()
    assert [size.width() for size in shown.availableSizes()] == list(icons.APP_ICON_PX)
    for size_px in icons.APP_ICON_PX:
        image = shown.pixmap(size_px, size_px).toImage()
        assert image.pixelColor(0, 0).alpha() < 128, "the corners are round"
        stone = image.pixelColor(1, size_px // 2).name()
        ember = image.pixelColor(size_px // 2, size_px * 11 // 16).name()
        dark = image.pixelColor(size_px // 2, size_px * 3 // 16).name()
        assert contrast(ember, dark) > 7
        assert contrast(ember, stone) > 4
        assert contrast(stone, dark) > 1.5
