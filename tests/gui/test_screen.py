"""Where no window can be opened, a sentence says so before Qt would end the process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.foundation.errors import NoDisplay, NotPossibleHere
from app.foundation.libraries import missing_library, package_of
from app.gui.screen import require_screen

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 and Wayland")
NAMES = ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "QT_QPA_PLATFORM")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_no_display_is_a_sentence() -> None:
    with pytest.raises(NoDisplay, match="no screen") as caught:
        require_screen()
    assert caught.value.remedy


def test_a_display_that_nobody_serves_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4177")
    # A display of one's own that Qt's plug-in cannot be loaded for is told as well.
    with pytest.raises(NotPossibleHere) as caught:
        require_screen()
    assert ":4177" in caught.value.detail or "lib" in caught.value.detail


def test_a_compositor_that_is_gone_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
    (tmp_path / "wayland-7").touch()
    with pytest.raises(NoDisplay) as caught:
        require_screen()
    assert "wayland-7" in caught.value.detail


def test_a_platform_without_a_screen_is_taken_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    require_screen()


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libxcb-cursor.so.0", "libxcb-cursor0"),
        ("libEGL.so.1", "libegl1"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    ],
)
def test_a_missing_library_is_named_with_its_package(library: str, package: str) -> None:
    assert package_of(library) == package
    said = f"{library}: cannot open shared object file: No such file or directory"
    error = missing_library(ImportError(said))
    assert error is not None
    assert library in error.detail
    assert error.remedy.endswith(package)


def test_the_loaders_words_are_found_behind_others() -> None:
    said = "libxcb-cursor.so.0: cannot open shared object file: No such file or directory"
    try:
        try:
            raise OSError(said)
        except OSError as error:
            raise OSError("Failed to load dynlib/dll 'libqxcb.so'.") from error
    except OSError as error:
        told = missing_library(error)
    assert told is not None
    assert "libxcb-cursor.so.0" in told.detail


def test_an_old_system_is_told_and_a_bug_is_not() -> None:
    said = "/lib/libc.so.6: version `GLIBC_2.38' not found (required by libQt6Core.so.6)"
    error = missing_library(ImportError(said))
    assert error is not None
    assert "2.38" in error.detail
    assert missing_library(ImportError("cannot import name 'x' from 'app'")) is None


@pytest.mark.skipif(not shutil.which("Xvfb"), reason="Xvfb is missing")
def test_a_server_that_begins_anew_when_nobody_is_left_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-terminate"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as told:
            monkeypatch.setenv("DISPLAY", f":{told.readline().strip()}")
        release = require_screen()
        again = require_screen()  # somebody else comes and goes
        again()
        assert server.poll() is None
        release()
        assert server.wait(60) == 0, "with nobody left it ends"
