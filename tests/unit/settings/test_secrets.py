"""Secrets in a keyring that works, refuses, hangs or is not there; never in a file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.foundation.errors import InvalidInput
from app.settings.secrets import READY, SERVICE, Keyring, Secrets, token_for

NAME = token_for("hub.example")
SECRET = "hf_canaryOfThisTest"


class Chain:
    """A keyring in memory, which can be told to hang or to refuse; the far end of the system."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.refusal: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()
        self.threads: set[str] = set()

    def _come(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.answers.wait(30)
        if self.refusal is not None:
            raise self.refusal

    def get_password(self, service: str, username: str) -> str | None:
        self._come()
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._come()
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._come()
        del self.held[service, username]


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def open_secrets() -> Iterator[Callable[..., Secrets]]:
    made: list[Secrets] = []

    def make(keyring: Callable[[], Keyring], deadline_s: float = 20.0) -> Secrets:
        made.append(Secrets(keyring, deadline_s))
        return made[-1]

    yield make
    for secrets in made:
        secrets.close()


def test_a_secret_outlives_the_program_and_is_read_once(
    chain: Chain, open_secrets: Callable[..., Secrets]
) -> None:
    secrets = open_secrets(lambda: chain)
    assert secrets.get(NAME) == ""
    assert secrets.state() == READY
    assert secrets.set(NAME, SECRET) == "kept"
    assert chain.held == {(SERVICE, NAME): SECRET}
    later = open_secrets(lambda: chain)
    assert later.get(NAME) == SECRET
    chain.held.clear()
    assert later.get(NAME) == SECRET  # no second look: a locked keyring would ask again
    assert chain.threads == {"hearth-keyring"}


def test_a_secret_that_is_forgotten_is_gone(
    chain: Chain, open_secrets: Callable[..., Secrets]
) -> None:
    secrets = open_secrets(lambda: chain)
    secrets.set(NAME, SECRET)
    assert secrets.delete(NAME)
    assert chain.held == {}
    assert secrets.get(NAME) == ""
    assert secrets.delete(NAME)  # once more does no harm


def test_tokens_of_two_hubs_are_two_secrets() -> None:
    assert token_for("hub.example") != token_for("mirror.example")


def test_without_a_keyring_a_secret_lasts_as_long_as_hearth(
    open_secrets: Callable[..., Secrets],
) -> None:
    def none() -> Keyring:
        raise RuntimeError("No keyring runs in this session")

    secrets = open_secrets(none)
    assert secrets.get(NAME) == ""
    assert secrets.state() == "unavailable: No keyring runs in this session."
    assert secrets.set(NAME, SECRET) == "session"
    assert secrets.get(NAME) == SECRET
    assert not secrets.delete(NAME)
    assert secrets.get(NAME) == ""
    assert open_secrets(none).get(NAME) == ""


def test_a_keyring_that_refuses_says_why_and_can_come_back(
    chain: Chain, open_secrets: Callable[..., Secrets]
) -> None:
    chain.refusal = ValueError("Failed to unlock the collection!")
    secrets = open_secrets(lambda: chain)
    assert secrets.set(NAME, SECRET) == "session"
    assert secrets.state() == "unavailable: Failed to unlock the collection!."
    assert SECRET not in secrets.state()
    chain.refusal = None
    assert secrets.set(NAME, SECRET) == "kept"
    assert secrets.state() == READY


def test_a_keyring_that_hangs_keeps_nobody_waiting(
    chain: Chain, open_secrets: Callable[..., Secrets]
) -> None:
    chain.answers.clear()
    secrets = open_secrets(lambda: chain, deadline_s=0.05)
    assert secrets.get(NAME) == ""
    assert "does not answer" in secrets.state()
    assert secrets.set(NAME, SECRET) == "session"
    assert secrets.get(NAME) == SECRET
    chain.answers.set()


def test_what_was_given_up_is_not_done_later(
    chain: Chain, open_secrets: Callable[..., Secrets]
) -> None:
    """A secret whose keeping was given up must not appear once the keyring is unlocked, when the
    person was told that it is gone at the end."""
    chain.answers.clear()
    secrets = open_secrets(lambda: chain, deadline_s=0.05)
    secrets.get("another")  # occupies the keyring
    assert secrets.set(NAME, SECRET) == "session"
    chain.answers.set()
    slow = open_secrets(lambda: chain)
    assert slow.get(NAME) == ""
    secrets.close()
    assert chain.held == {}


@pytest.mark.parametrize("value", ["", "two\nlines", "x" * 5000, "nul\0"])
def test_what_is_no_secret_is_refused(
    value: str, chain: Chain, open_secrets: Callable[..., Secrets]
) -> None:
    secrets = open_secrets(lambda: chain)
    with pytest.raises(InvalidInput) as caught:
        secrets.set(NAME, value)
    assert caught.value.remedy
    assert chain.held == {}


CHILD = """
import sys
from app.settings.secrets import Secrets
assert "keyring" not in sys.modules
secrets = Secrets()
print(secrets.set("a test", "hf_canaryOfThisTest"))
print(secrets.state())
print(secrets.get("a test") == "hf_canaryOfThisTest")
secrets.close()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a keyring is always there")
def test_no_file_stands_in_for_a_keyring_whatever_is_configured(tmp_path: Path) -> None:
    """In a session without a keyring, where the person's own configuration names a backend that
    writes files: it is not loaded, and no file holds the secret."""
    home = tmp_path / "home"
    (home / "config" / "python_keyring").mkdir(parents=True)
    plain = (
        "import keyring.backend, pathlib\n"
        "class Plain(keyring.backend.KeyringBackend):\n"
        "    priority = 99\n"
        "    def set_password(self, s, u, p): pathlib.Path(r'"
        + str(home / "leak")
        + "').write_text(p)\n"
        "    def get_password(self, s, u): return None\n"
        "    def delete_password(self, s, u): pass\n"
    )
    (home / "plain_keyring.py").write_text(plain)
    (home / "config" / "python_keyring" / "keyringrc.cfg").write_text(
        f"[backend]\ndefault-keyring=plain_keyring.Plain\nkeyring-path={home}\n"
    )
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_RUNTIME_DIR": str(home),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/no-bus",
        "PYTHON_KEYRING_BACKEND": "plain_keyring.Plain",
        "PYTHONPATH": os.pathsep.join((str(Path(__file__).parents[3]), str(home))),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kept, state, read = done.stdout.splitlines()
    assert (kept, read) == ("session", "True")
    assert state.startswith("unavailable: No keyring runs")
    texts = [path.read_text("utf-8", "replace") for path in home.rglob("*") if path.is_file()]
    assert not any(SECRET in text for text in texts)
