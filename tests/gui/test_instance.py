"""One window per profile; what a crash leaves behind stands in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from PySide6.QtWidgets import QApplication
from pytestqt.plugin import QtBot

from app.foundation.errors import ProfileInUse
from app.foundation.paths import Profile
from app.gui import instance
from app.gui.instance import ProfileLock, claim, raise_other, server_name
from app.gui.instance_server import InstanceServer

HOLD = """
import sys, time
from app.foundation.paths import Profile
from app.gui.instance import ProfileLock
from pathlib import Path
lock = ProfileLock(Profile(Path(sys.argv[1])))
print(lock.acquire(), flush=True)
time.sleep(600)
"""

SECOND = """
import sys
import tempfile
from app.foundation.paths import Profile
from app.gui.instance import claim
from pathlib import Path
print(claim(Profile(Path(sys.argv[1])), sys.argv[2] or None))
"""


@pytest.fixture
def held(profile: Profile) -> Iterator[ProfileLock]:
    lock = claim(profile)
    assert lock is not None
    yield lock
    lock.release()


@pytest.fixture
def server(qtbot: QtBot, profile: Profile) -> Iterator[InstanceServer]:
    made = InstanceServer(profile)
    assert made.is_listening
    yield made
    made.close()
    made.deleteLater()


def test_the_second_start_raises_the_first_with_what_it_was_to_open(
    qtbot: QtBot, held: ProfileLock, server: InstanceServer, profile: Profile, tmp_path: Path
) -> None:
    asked: list[str] = []
    server.raise_asked.connect(asked.append)
    model = tmp_path / "ä model.gguf"
    for path in (str(model), ""):
        second = subprocess.Popen(
            [sys.executable, "-c", SECOND, str(profile.root), path],
            stdout=subprocess.PIPE,
            text=True,
        )
        qtbot.waitUntil(lambda: second.poll() is not None, timeout=60_000)  # noqa: B023
        said, _ = second.communicate()
        assert (said, second.returncode) == ("None\n", 0)
    assert asked == [str(model), ""]


def test_a_start_that_is_to_be_offline_hears_of_a_window_that_is_not(
    qtbot: QtBot, held: ProfileLock, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_offline = [False]
    made = InstanceServer(profile, is_offline=lambda: is_offline[0])
    monkeypatch.setenv("HEARTH_OFFLINE", "1")
    endings = []
    for now in (False, True):
        is_offline[0] = now
        with qtbot.waitSignal(made.raise_asked):
            second = subprocess.Popen(
                [sys.executable, "-c", SECOND, str(profile.root), ""],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        qtbot.waitUntil(lambda: second.poll() is not None, timeout=60_000)  # noqa: B023
        endings.append((second.returncode, *second.communicate()))
    made.close()
    made.deleteLater()
    (refused, _, why), (code, said, _) = endings
    assert refused == 1
    assert "Hearth is open already, and not offline." in why
    assert (code, said) == (0, "None\n")


def test_a_lock_is_free_again_when_released(profile: Profile) -> None:
    first, second = ProfileLock(profile), ProfileLock(profile)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_the_lock_of_a_killed_process_is_taken_over(profile: Profile) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(profile.root)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "True\n"
        assert not ProfileLock(profile).acquire()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    lock = claim(profile)
    assert lock is not None
    lock.release()


def test_a_window_that_does_not_answer_is_said(
    held: ProfileLock, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "ANSWER_MS", 50)
    monkeypatch.setattr(instance, "PATIENCE_S", 0.2)
    with pytest.raises(ProfileInUse) as caught:
        claim(profile)
    assert str(profile.root) in caught.value.detail
    assert caught.value.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of a session is Linux's")
def test_other_people_cannot_take_the_name_first(
    qapp: QApplication, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where everybody may write, somebody could answer in the window's place."""
    with tempfile.TemporaryDirectory() as folder:
        session = Path(folder, "session")
        session.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
        assert Path(server_name(profile)).parent == session
        server = InstanceServer(profile)
        assert server.is_listening
        assert len(list(session.iterdir())) == 1
        server.close()
        # Two starts of a Flatpak share this alone.
        shared = session / "app" / "local.hearth.hearth"
        shared.mkdir(parents=True, mode=0o700)
        monkeypatch.setenv("FLATPAK_ID", shared.name)
        assert Path(server_name(profile)).parent == shared
        monkeypatch.delenv("FLATPAK_ID")
        session.chmod(0o777)
        assert "/" not in server_name(profile)
        monkeypatch.setenv("XDG_RUNTIME_DIR", "session")
        assert "/" not in server_name(profile)
        monkeypatch.setenv("XDG_RUNTIME_DIR", f"/tmp/{'x' * 100}")
        assert "/" not in server_name(profile)


def test_profiles_do_not_meet(tmp_path: Path) -> None:
    one, other = Profile(tmp_path / "one"), Profile(tmp_path / "other")
    assert server_name(one) != server_name(other)
    assert server_name(one) == server_name(Profile(tmp_path / "other" / ".." / "one"))


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"{\n", b'{"open": 7}\n', b"\xff\xfe\n"])
def test_nonsense_raises_the_window_and_opens_nothing(
    qtbot: QtBot, server: InstanceServer, profile: Profile, line: bytes
) -> None:
    socket = QLocalSocket()
    socket.connectToServer(server_name(profile))
    assert socket.waitForConnected(5_000)
    with qtbot.waitSignal(server.raise_asked) as raised:
        socket.write(line)
        socket.flush()
    assert raised.args == [""]
    socket.disconnectFromServer()
    qtbot.waitUntil(lambda: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState)


def test_a_flood_is_cut_off(qtbot: QtBot, server: InstanceServer, profile: Profile) -> None:
    socket = QLocalSocket()
    socket.connectToServer(server_name(profile))
    assert socket.waitForConnected(5_000)
    with qtbot.assertNotEmitted(server.raise_asked):
        socket.write(b"x" * 1_000_000)
        qtbot.waitUntil(lambda: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState)


def test_a_socket_left_behind_by_a_crash_is_replaced(qtbot: QtBot, profile: Profile) -> None:
    first = InstanceServer(profile)
    second = InstanceServer(profile)
    assert second.is_listening
    assert not raise_other_while_nobody_reads(profile)
    for each in (first, second):
        each.close()
        each.deleteLater()


def raise_other_while_nobody_reads(profile: Profile) -> bool:
    """The event loop does not turn here, so no answer can come."""
    before = instance.ANSWER_MS
    instance.ANSWER_MS = 50
    try:
        return raise_other(profile, None)
    finally:
        instance.ANSWER_MS = before


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_lock_is_in_the_profile_and_private_to_it(held: ProfileLock, profile: Profile) -> None:
    assert (profile.state / instance.LOCK_FILE).exists()
