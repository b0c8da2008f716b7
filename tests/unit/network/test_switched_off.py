"""The offline switch is turned on while something comes: not a byte more is taken."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap.reach import Network
from app.foundation.errors import Offline, Unreachable
from app.foundation.paths import open_profile
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy
from app.settings.file import SettingsFile
from app.settings.schema import MIRROR, OFFLINE, PROXY
from app.settings.secrets import Secrets
from tests.fixtures.far_end import FarEnd, far_end
from tests.unit.network.test_trouble import Maker

DAY = dt.timedelta(days=1)
AWAY = "192.0.2.1"
"""An address that nobody has: what is sent there goes through the proxy of this test."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


class Tunnel:
    """A proxy that is the far end as well: it answers every request with a head and `sends`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.sends = threading.Semaphore(0)
        self.gone = threading.Event()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        raw, _ = self._listener.accept()
        with raw:
            while b"\r\n\r\n" not in raw.recv(4096):
                pass
            raw.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")
            with self._context.wrap_socket(raw, server_side=True) as line:
                line.recv(4096)
                line.sendall(HEAD)
                with contextlib.suppress(OSError):
                    while self.sends.acquire(timeout=60.0) and not self.gone.is_set():
                        line.sendall(b"x" * 1000)

    def close(self) -> None:
        self.gone.set()
        self.sends.release()
        self._thread.join()
        self._listener.close()


@pytest.fixture
def tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tunnel]:
    maker = Maker(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(maker.store))
    made = Tunnel(maker.context(since=-DAY, until=9 * DAY, address=AWAY))
    yield made
    made.close()


class Nobody:
    """A keyring that holds nothing."""

    def get_password(self, service: str, username: str) -> str | None:
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


class Asking:
    def __init__(self, folder: Path, proxy: str) -> None:
        self.is_offline = False
        policy = Policy(lambda: self.is_offline, (AWAY, "127.0.0.1"))
        self.client = Client(policy, Connections(folder / "connections.jsonl"), lambda: proxy)


def test_what_still_comes_is_not_taken(tunnel: Tunnel, tmp_path: Path) -> None:
    asking = Asking(tmp_path, tunnel.url)
    with (
        contextlib.closing(asking.client),
        asking.client.stream(f"https://{AWAY}/x", purpose="a test") as incoming,
    ):
        chunks = incoming.chunks(1_000_000)
        tunnel.sends.release()
        assert next(chunks)
        asking.is_offline = True
        tunnel.sends.release()
        with pytest.raises(Offline):
            next(chunks)


def test_the_switch_ends_a_connection_on_which_nothing_comes(
    tunnel: Tunnel, tmp_path: Path
) -> None:
    profile = open_profile(tmp_path / "profile")
    settings = SettingsFile(profile.settings)
    settings.set(MIRROR, f"https://{AWAY}")
    settings.set(PROXY, tunnel.url)
    secrets = Secrets(Nobody)
    network = Network(profile, settings, secrets)
    switch = threading.Timer(0.2, settings.set, (OFFLINE, True))

    def ask() -> None:
        with network.client.stream(f"https://{AWAY}/x", purpose="a test") as incoming:
            chunks = incoming.chunks(1_000_000)
            tunnel.sends.release()
            assert next(chunks)
            switch.start()
            next(chunks)

    with pytest.raises(Unreachable, match="could not be reached"):  # not: answers too slowly
        ask()
    switch.join()
    network.close()
    secrets.close()
    assert settings.close(60.0)


def test_hanging_up_leaves_this_computer_alone(tmp_path: Path) -> None:
    with far_end() as far:
        assert isinstance(far, FarEnd)
        far.files["/x"] = b"y" * 100_000
        asking = Asking(tmp_path, "")
        with (
            contextlib.closing(asking.client),
            asking.client.stream(f"{far.url}/x", purpose="a test") as incoming,
        ):
            asking.client.hang_up()
            assert sum(len(chunk) for chunk in incoming.chunks(1_000_000)) == 100_000
