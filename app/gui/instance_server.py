"""Listens for later starts of the same profile. GUI thread; loaded after the first paint.

What arrives is one line of JSON; nonsense raises the window and opens nothing.
"""

from __future__ import annotations

import json

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.foundation.paths import Profile
from app.gui.instance import server_name

_LIMIT_BYTES = 64 * 1024


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
