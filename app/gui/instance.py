"""One window per profile: a lock that dies with its process, and a socket to raise the window.

GUI thread, before and while the window is open. The second start sends what it was asked to
open and ends. Knows nothing of the window.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import IO

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.foundation.errors import ProfileInUse
from app.foundation.paths import Profile

LOCK_FILE = "window.lock"
ANSWER_MS = 1_500
_LIMIT_BYTES = 64 * 1024


class ProfileLock:
    """Held by the window. The system lets go of it when the process ends, however it ends."""

    def __init__(self, profile: Profile) -> None:
        self._path = profile.state / LOCK_FILE
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """True if this process has the lock now; False if another one has it."""
        file = open(self._path, "a+b")  # noqa: SIM115 - held open for as long as the lock is
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

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
    """The socket's name: one per profile and user, short enough for every system."""
    place = os.fsencode(profile.root.resolve())
    return "hearth-" + hashlib.sha256(place).hexdigest()[:24]


def claim(profile: Profile, open_model: str | None = None) -> ProfileLock | None:
    """The profile's lock, or None after the window that has it was asked to come forward.

    Call before the services are built: a second set of them would take the first one's
    unfinished answers for interrupted. Raises ProfileInUse if the other window does not answer.
    """
    lock = ProfileLock(profile)
    if lock.acquire():
        return lock
    if raise_other(profile, open_model):
        return None
    if lock.acquire():
        return lock
    raise ProfileInUse(
        "Hearth is open already, but does not answer.",
        f"Another Hearth has the profile folder “{profile.root}” open.",
        "Wait a moment and try again, or end the other Hearth first.",
    )


def raise_other(profile: Profile, open_model: str | None) -> bool:
    """Ask the window that holds the profile to come forward; True if it answered."""
    socket = QLocalSocket()
    socket.connectToServer(server_name(profile))
    if not socket.waitForConnected(ANSWER_MS):
        return False
    path = str(Path(open_model).absolute()) if open_model else None
    socket.write(json.dumps({"open": path}).encode() + b"\n")
    socket.flush()
    answered = socket.waitForReadyRead(ANSWER_MS) and socket.readAll().data() == b"ok\n"
    socket.disconnectFromServer()
    return answered


class InstanceServer(QObject):
    """Listens for later starts. `raise_asked(path)`; path is empty when nothing is to be opened."""

    raise_asked = Signal(str)

    def __init__(self, profile: Profile, parent: QObject | None = None) -> None:
        super().__init__(parent)
        name = server_name(profile)
        # Safe only because the caller holds the lock: what is left there belongs to nobody.
        QLocalServer.removeServer(name)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._accept)
        self._server.listen(name)

    @property
    def is_listening(self) -> bool:
        return self._server.isListening()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(self._read)
            socket.disconnected.connect(socket.deleteLater)

    def _read(self) -> None:
        socket = self.sender()
        if not isinstance(socket, QLocalSocket):
            return
        if socket.bytesAvailable() > _LIMIT_BYTES:
            socket.abort()
            return
        if not socket.canReadLine():
            return
        path = _asked_path(bytes(socket.readLine().data()))
        socket.write(b"ok\n")
        socket.flush()
        self.raise_asked.emit(path)


def _asked_path(line: bytes) -> str:
    try:
        message = json.loads(line)
    except ValueError:
        return ""
    path = message.get("open") if isinstance(message, dict) else None
    return path if isinstance(path, str) else ""
