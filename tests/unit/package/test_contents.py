"""What the lists let in and keep out."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from installer.package import contents

ROOT = Path(__file__).resolve().parents[3]
LIB = "PySide6/Qt/lib/libQt6{}.so.6"
PLUGIN = "PySide6/Qt/plugins/{}"


def imported(folder: Path) -> set[str]:
    """The modules of Qt that the sources below a folder name."""
    found = set()
    for path in folder.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("PySide6."):
                found.add(str(node.module).split(".")[1])
    return found


def test_the_modules_of_qt_are_those_that_the_window_imports() -> None:
    assert imported(ROOT / "app") == set(contents.QT_MODULES)


@pytest.mark.parametrize(
    "place",
    [
        *(LIB.format(name) for name in ("Core", "Gui", "Widgets", "DBus", "XcbQpa")),
        "PySide6/Qt/lib/libicudata.so.73",
        "PySide6/QtWidgets.abi3.so",
        "PySide6/libpyside6.abi3.so.6.11",
        "shiboken6/Shiboken.abi3.so",
        PLUGIN.format("platforms/libqxcb.so"),
        PLUGIN.format("platforms/libqwayland.so"),
        PLUGIN.format("platforminputcontexts/libibusplatforminputcontextplugin.so"),
        PLUGIN.format("platformthemes/libqxdgdesktopportal.so"),
    ],
)
def test_what_the_window_uses_of_qt_is_taken(place: str) -> None:
    assert contents.is_wanted_of_qt(place, "linux")


@pytest.mark.parametrize(
    "place",
    [
        *(LIB.format(name) for name in ("Qml", "Quick", "Sql", "OpenGL", "VirtualKeyboard", "Pdf")),
        "PySide6/QtSql.abi3.so",
        "PySide6/QtTest.abi3.so",
        "PySide6/Qt/translations/qtbase_de.qm",
        "PySide6/Qt/qml/QtQuick/libqtquick2plugin.so",
        PLUGIN.format("platformthemes/libqgtk3.so"),
        PLUGIN.format("platforms/libqvnc.so"),
        PLUGIN.format("tls/libqopensslbackend.so"),
        PLUGIN.format("sqldrivers/libqsqlite.so"),
        PLUGIN.format("platforminputcontexts/libqtvirtualkeyboardplugin.so"),
        PLUGIN.format("imageformats/libqtiff.so"),
    ],
)
def test_the_rest_of_qt_is_left(place: str) -> None:
    assert not contents.is_wanted_of_qt(place, "linux")


@pytest.mark.parametrize(
    ("place", "is_wanted"),
    [
        ("PySide6/plugins/platforms/qwindows.dll", True),
        ("PySide6/plugins/platforms/qdirect2d.dll", False),
        ("PySide6/Qt6Core.dll", True),
        ("PySide6/Qt6Quick.dll", False),
        ("PySide6/opengl32sw.dll", False),
        ("PySide6/QtGui.pyd", True),
    ],
)
def test_qt_on_windows(place: str, is_wanted: bool) -> None:
    assert contents.is_wanted_of_qt(place, "win32") is is_wanted


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libc.so.6", "libc6"),
        ("ld-linux-x86-64.so.2", "libc6"),
        ("libstdc++.so.6", "libstdc++6"),
        ("libGL.so.1", "libgl1"),
        ("libxcb-cursor.so.0", "libxcb-cursor0"),
        ("libxcb.so.1", "libxcb1"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libfontconfig.so.1", None),
        ("libcrypto.so.3", None),
        ("libc-client.so", None),
    ],
)
def test_the_systems_libraries_are_known_by_their_package(
    library: str, package: str | None
) -> None:
    assert contents.package_of(library) == package


def test_what_may_be_missing_is_no_dependency() -> None:
    asked = ["libvulkan.so.1", "libGL.so.1", "libc.so.6", "libinside.so.1"]
    assert contents.packages_needed(asked) == ["libc6", "libgl1"]


@pytest.mark.parametrize(
    ("name", "is_unwanted"),
    [
        ("libgtk-3.so.0", True),
        ("libgdk_pixbuf-2.0.so.0", True),
        ("libgio-2.0.so.0", True),
        ("libglib-2.0.so.0", False),
        ("qtbase_fr.qm", True),
        ("QtCore.pyi", True),
        ("test_thing.py", True),
        ("train.jsonl", True),
        ("guide.gguf", False),
        ("models.toml", False),
    ],
)
def test_names_that_have_no_place_inside(name: str, is_unwanted: bool) -> None:
    assert bool(contents.unwanted(name)) is is_unwanted


def test_hearths_own_files_are_found_and_nothing_of_the_training() -> None:
    found = contents.program_files(ROOT)
    assert all(Path(path).is_file() for path, _ in found)
    names = {(Path(path).name, folder) for path, folder in found}
    assert ("models.toml", "resources") in names
    assert ("guide.gguf", "resources/starter") in names
    assert ("check.svg", "resources/icons") in names
    assert not any(name.endswith((".py", ".jsonl")) for name, _ in names)


def test_every_module_of_hearth_is_named() -> None:
    from app.__main__ import CHILDREN

    modules = contents.modules_of(ROOT)
    assert set(CHILDREN.values()) <= set(modules)
    assert {"app", "app.gui.application", "app.cli.commands.ask"} <= set(modules)
    assert "app.__main__" not in modules


def test_what_is_found_by_its_name_in_a_string_is_named() -> None:
    from app.settings.secrets import _BACKENDS

    for system, places in _BACKENDS.items():
        modules = {place.rpartition(".")[0] for place in places}
        assert modules == set(contents.HIDDEN_MODULES[system])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="dev.py lists Linux's")
def test_what_qt_opens_is_inside_or_in_the_list() -> None:
    """The libraries that dev.py asks for are the system's, or are packed."""
    import dev

    packed = {"libgthread", "libfontconfig", "libdbus-1", "libxkbcommon-x11"}
    left = {name.split(".so")[0] for name in dev.QT_LIBRARIES if contents.package_of(name) is None}
    assert {name.removesuffix("-2.0") for name in left} == packed
