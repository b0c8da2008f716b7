"""Which input method Qt asks, and whose plug-ins a program is given that Hearth opens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.gui import surroundings

ROOT = Path(__file__).resolve().parents[2]
AT_START = ROOT / "installer" / "package" / "at_start.py"

#: A start as in the bundle: its own script, then PyInstaller's, then Hearth's application.
STARTED = f"""
import os, runpy
runpy.run_path({str(AT_START)!r})
os.environ.update(QT_PLUGIN_PATH="/opt/hearth/plugins", QML2_IMPORT_PATH="/opt/hearth/qml")
from app.gui.application import application
application()
print(os.environ.get("QT_PLUGIN_PATH"), os.environ.get("QML2_IMPORT_PATH"))
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"QT_IM_MODULE": "fcitx"}, "fcitx;ibus"),
        ({"QT_IM_MODULE": "fcitx5"}, "fcitx5;ibus"),
        ({"QT_IM_MODULE": "ibus"}, None),
        ({}, None),
        ({"QT_IM_MODULE": "fcitx", "QT_IM_MODULES": "wayland"}, "wayland"),
    ],
)
def test_fcitx_is_asked_as_ibus_where_it_has_no_plug_in(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: str | None
) -> None:
    for name in ("QT_IM_MODULE", "QT_IM_MODULES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    surroundings.choose_input_method()
    assert os.environ.get("QT_IM_MODULES") == after
    monkeypatch.delenv("QT_IM_MODULES", raising=False)


def started(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("QT_", "QML2_"))}
    return subprocess.run(
        [sys.executable, "-P", "-c", STARTED],
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_others_are_not_given_our_plug_ins() -> None:
    assert started(QT_QPA_PLATFORM="offscreen").stdout.split() == ["None", "None"]
    done = started(QT_QPA_PLATFORM="offscreen", QT_PLUGIN_PATH="/usr/lib/qt6/plugins")
    assert done.stdout.split() == ["/usr/lib/qt6/plugins", "None"], done.stderr


@pytest.mark.skipif(not shutil.which("xvfb-run"), reason="xvfb is missing")
def test_whoever_writes_by_fcitx_has_the_plug_in_that_it_answers() -> None:
    """For real, on a screen of X11: Qt says which of its plug-ins it opens."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("QT_")}
    done = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-P", "-c", STARTED],
        env={**kept, "PYTHONPATH": str(ROOT), "QT_IM_MODULE": "fcitx", "QT_DEBUG_PLUGINS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'libibusplatforminputcontextplugin.so" loaded library' in done.stderr
