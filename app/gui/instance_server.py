"""Listens for later starts of the same profile. GUI thread; loaded after the first paint.

What arrives is one line of JSON; nonsense raises the window and opens nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.foundation.paths import Profile
from app.gui.instance import DONE, ONLINE, server_name

_LIMIT_BYTES = 64 * 1024


class InstanceServer(QObject):
    """Listens for later starts. `raise_asked(path)`; path is empty when nothing is to be opened.

    `is_offline` is asked where a later start is to be offline: it must hear if this one is not.
    """

    raise_asked = Signal(str)

    def __init__(
        self,
        profile: Profile,
        parent: QObject | None = None,
        *,
        is_offline: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(parent)
        self._is_offline = is_offline
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
        message = _asked(bytes(socket.readLine().data()))
        wants_offline = message.get("offline") is True
        socket.write(ONLINE if wants_offline and not self._is_offline() else DONE)
        socket.flush()
        path = message.get("open")
        self.raise_asked.emit(path if isinstance(path, str) else "")


def _asked(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
