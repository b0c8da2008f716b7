"""What can be wrong where the package is installed: each is a sentence, and no traceback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures.bare_root import BareRoot, Screen


@pytest.fixture(scope="module")
def installed(bare: BareRoot, deb: Path) -> BareRoot:
    assert bare.install(deb).returncode == 0
    return bare


@contextmanager
def away(path: Path) -> Iterator[None]:
    """A file that is not there for a while."""
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def library(bare: BareRoot, name: str) -> Path:
    (found,) = (bare.folder / "usr" / "lib").glob(f"*/{name}")
    return found


def is_told(done: subprocess.CompletedProcess[str], *words: str) -> None:
    said = done.stdout + done.stderr
    assert done.returncode in (1, 3), said
    assert "Traceback" not in said
    for word in words:
        assert word in said


def test_no_display(installed: BareRoot) -> None:
    is_told(installed.run("hearth"), "no screen", "DISPLAY")


def test_a_display_that_nobody_serves(installed: BareRoot) -> None:
    is_told(installed.run("hearth", DISPLAY=":4177"), "no screen", ":4177")


@pytest.mark.parametrize(
    ("name", "package"), [("libxcb-cursor.so.0", "libxcb-cursor0"), ("libEGL.so.1", "libegl1")]
)
def test_a_missing_library_of_the_system(
    installed: BareRoot, screen: Screen, name: str, package: str
) -> None:
    with away(library(installed, name)):
        is_told(installed.run("hearth", DISPLAY=screen.display), name, f"install {package}")
        assert installed.run("hearth", "selftest").returncode == 0, "it needs no window"
        doctor = installed.run("hearth", "doctor", DISPLAY=screen.display)
        is_told(doctor, name)


@pytest.mark.parametrize(
    "part", ["PySide6/QtWidgets.abi3.so", "PySide6/Qt/lib/libQt6Core.so.6", "yaml"]
)
def test_a_bundle_that_was_copied_in_part(installed: BareRoot, screen: Screen, part: str) -> None:
    inside = installed.folder / "usr/lib/hearth/_internal"
    with away(inside / part):
        opened = installed.run("timeout", "20", "hearth", DISPLAY=screen.display)
        if opened.returncode != 124:
            is_told(opened, "copied in part", "Install Hearth again")
        doctor = installed.run("hearth", "doctor", DISPLAY=screen.display)
        is_told(doctor, part, "Install Hearth again")


def test_a_bundle_without_its_model(installed: BareRoot) -> None:
    model = installed.folder / "usr/lib/hearth/_internal/resources/starter/guide.gguf"
    with away(model):
        is_told(installed.run("hearth", "selftest"))
        is_told(installed.run("hearth", "doctor"), "guide.gguf", "Install Hearth again")


def test_a_home_that_may_not_be_written(installed: BareRoot, screen: Screen) -> None:
    installed.run("rm", "-rf", str(Path("/home") / installed.home.name / ".local"))
    installed.home.chmod(0o555)
    try:
        for words in (("selftest",), ()):
            done = installed.run("hearth", *words, DISPLAY=screen.display)
            is_told(done, "may not write", installed.home.name, "--profile")
    finally:
        installed.home.chmod(0o755)
