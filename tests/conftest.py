"""For every test: no display needed, no home touched, no thread and no child left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["GGML_NO_BACKTRACE"] = "1"
# As the program does itself: the hub's library reads these when it is imported.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: children would inherit deafness to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

import psutil
import pytest

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from tests.hub.server import LoopbackHub

for _name in ("HEARTH_RUNTIME", "HEARTH_CPU_VARIANT", "HEARTH_GPU_MODULES"):
    os.environ.pop(_name, None)  # the plain build, unless a test says otherwise
for _name in ("HEARTH_OFFLINE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_TOKEN", "HF_HOME"):
    os.environ.pop(_name, None)  # online, to the hub's own address, as nobody in particular

_GRACE_S = 5.0
_CACHE = str(Path("~/.cache").expanduser())


@pytest.fixture(autouse=True)
def _home_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that forgets `--profile` must not find the profile of whoever runs it, nor the models
    that other programs keep for them."""
    home = tmp_path_factory.mktemp("home")
    # The system's fonts take a second to be found anew.
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or _CACHE)
    for name in ("HOME", "USERPROFILE", "HF_HUB_CACHE", "LLAMA_CACHE", "OLLAMA_MODELS"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(home))


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """Fails the test that leaves a thread or a child process alive."""
    before = set(threading.enumerate())
    children_before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    end = time.monotonic() + _GRACE_S
    while True:
        threads = [
            thread.name
            for thread in threading.enumerate()
            if thread not in before and not thread.name.startswith("Dummy-")
        ]
        left = [
            child
            for child in psutil.Process().children(recursive=True)
            if child.pid not in children_before and child.status() != psutil.STATUS_ZOMBIE
        ]
        if not threads and not left:
            return
        if time.monotonic() > end:
            pytest.fail(
                f"left running: threads {threads}, processes {[child.pid for child in left]}; "
                "close what the test opened"
            )
        time.sleep(0.02)


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    """Hearth's own, as in the program, whichever test is the first to ask for one."""
    from app.gui.application import Application

    return Application


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the tiny models that tests of this run make."""
    return tmp_path_factory.mktemp("tiny-models")


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A running hub on loopback, empty; `tests.hub.samples.fill(hub.shelf)` puts models on it."""
    from tests.hub.server import loopback_hub

    with loopback_hub() as running:
        yield running
