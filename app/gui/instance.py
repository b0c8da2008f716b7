"""One window per profile: a lock that dies with its process, and the second start's message.

Main thread, before there is a window. The second start sends what it was asked to open and
ends; `instance_server` is the other side.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import IO

from app.foundation.errors import ProfileInUse
from app.foundation.paths import Profile
from app.foundation.versions import is_ours
from app.network import offline

LOCK_FILE = "window.lock"
DONE = b"ok\n"
ONLINE = b"online\n"
"""It came forward, but may connect, though this start was told not to."""
ANSWER_MS = 1_500
# A window that is just opening listens by then; one that is closing has let go.
PATIENCE_S = 6.0
_AGAIN_S = 0.1
_LONGEST_SOCKET = 100
"""Linux takes 107 bytes."""


class ProfileLock:
    """Held by the window. The system lets go of it when the process ends, however it ends."""

    def __init__(self, profile: Profile) -> None:
        self._path = profile.state / LOCK_FILE
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """True if this process has the lock now; False if another one has it.

        Where no lock can be made, on a full disk or in a folder that may not be written, nobody
        else writes either, and the window shows what is stored.
        """
        file = self._opened()
        if file is None:
            return True
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def _opened(self) -> IO[bytes] | None:
        # Held open for as long as the lock is; one that is there already need not be writable.
        for mode in ("a+b", "rb"):
            with contextlib.suppress(OSError):
                return open(self._path, mode)
        return None

    def release(self) -> None:
        """Let go. The file stays, so that two starts never lock two files of one name."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def server_name(profile: Profile) -> str:
    """The socket's name: one per profile and user, short enough for every system.

    In the folder of this person's session where there is one: the usual place is everybody's, and
    somebody else could answer there.
    """
    # Asked for after the first paint, or by a start that opens no window.
    import hashlib

    place = os.fsencode(profile.root.resolve())
    name = "hearth-" + hashlib.sha256(place).hexdigest()[:24]
    session = Path(os.environ.get("XDG_RUNTIME_DIR", "") if sys.platform == "linux" else "")
    if flatpak := os.environ.get("FLATPAK_ID"):
        session = session / "app" / flatpak  # the rest is each start's own
    path = session / name
    if not session.is_absolute() or len(os.fsencode(path)) > _LONGEST_SOCKET:
        return name
    return str(path) if is_ours(session) else name


def claim(profile: Profile, open_model: str | None = None) -> ProfileLock | None:
    """The profile's lock, or None after the window that has it was asked to come forward.

    Call before the services are built: a second set of them would take the first one's
    unfinished answers for interrupted. Raises ProfileInUse if the other window does not answer,
    or may connect while this start is to be offline.
    """
    lock = ProfileLock(profile)
    end_s = time.monotonic() + PATIENCE_S
    while not lock.acquire():
        if raise_other(profile, open_model):
            return None
        if time.monotonic() > end_s:
            raise ProfileInUse(
                "Hearth is open already, but does not answer.",
                f"Another Hearth has the profile folder “{profile.root}” open.",
                "Wait a moment and try again, or end the other Hearth first.",
            )
        time.sleep(_AGAIN_S)
    return lock


def raise_other(profile: Profile, open_model: str | None) -> bool:
    """Ask the window that holds the profile to come forward; True if it answered.

    Raises ProfileInUse if it came, but may connect while this start is to be offline.
    """
    from PySide6.QtNetwork import QLocalSocket

    socket = QLocalSocket()
    socket.connectToServer(server_name(profile))
    if not socket.waitForConnected(ANSWER_MS):
        return False
    path = str(Path(open_model).absolute()) if open_model else None
    message = {"open": path, "offline": offline.is_forced()}
    socket.write(json.dumps(message).encode() + b"\n")
    socket.flush()
    answer = bytes(socket.readAll().data()) if socket.waitForReadyRead(ANSWER_MS) else b""
    socket.disconnectFromServer()
    if answer == ONLINE:
        raise ProfileInUse(
            "Hearth is open already, and not offline.",
            "You asked for an offline start; the window that is open may still connect.",
            "Turn on “Stay offline” in its settings, under Privacy, or close it first.",
        )
    return answer == DONE
