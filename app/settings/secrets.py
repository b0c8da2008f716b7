"""What must not be read by others: tokens and passwords, in the system's own keyring.

The only import of keyring, on first use, on a thread of its own: a keyring that asks for its
password may take for ever, so every call waits a while and no longer. Nothing is ever written to
a file: without a keyring a secret is kept until Hearth ends, and that is said.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Literal, Protocol, TypeVar

from app.foundation.errors import InvalidInput

T = TypeVar("T")
SERVICE: Final = "Hearth"
PROXY_SIGN_IN: Final = "sign-in of the proxy"
"""The name of a secret of the form `name:password`."""
DEADLINE_S: Final = 5.0
READY: Final = "ready"
LONGEST: Final = 4096
#: The keyrings of the systems themselves, best first. Others, which plug in, may write a file.
_BACKENDS: Final = {
    "win32": ("keyring.backends.Windows.WinVaultKeyring",),
    "darwin": ("keyring.backends.macOS.Keyring",),
    "linux": (
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
    ),
}
_WHY_NOT: Final = {
    "win32": "The Windows credential store does not answer.",
    "darwin": "The macOS keychain does not answer.",
    "linux": "No keyring runs in this session, such as GNOME Keyring, KWallet or KeePassXC.",
}


class Keyring(Protocol):
    """What is asked of a keyring; any may raise anything."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


def token_for(host: str) -> str:
    """The name of the secret that is a token for one hub."""
    return f"token for {host}"


def system_keyring() -> Keyring:
    """The one of this system. Raises RuntimeError or ImportError where there is none."""
    from importlib import import_module

    platform = "linux" if sys.platform.startswith(("linux", "freebsd")) else sys.platform
    for place in _BACKENDS.get(platform, ()):
        module, _, name = place.rpartition(".")
        with contextlib.suppress(Exception):  # what is missing is different on every system
            kind = getattr(import_module(module), name)
            if kind.priority >= 1:
                made: Keyring = kind()
                return made
    raise RuntimeError(_WHY_NOT.get(platform, "This system has no keyring that Hearth knows."))


class Secrets:
    """Secrets by name. Any thread but the window's: each call waits up to `deadline_s`."""

    def __init__(
        self, keyring: Callable[[], Keyring] = system_keyring, deadline_s: float = DEADLINE_S
    ) -> None:
        self._open = keyring
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}
        """What was read or is kept for this session; "" where there is none."""
        self._state = ""
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._keyring: Keyring | None = None

    def get(self, name: str) -> str:
        """The secret, or "". Never raises: `state` says why there may be none."""
        with self._lock:
            if name in self._known:
                return self._known[name]
        found = self._ask(lambda keyring: keyring.get_password(SERVICE, name) or "")
        if found is None:
            return ""
        with self._lock:
            return self._known.setdefault(name, found)

    def set(self, name: str, value: str) -> Literal["kept", "session"]:
        """Keep it: "session" where there is no keyring, so that it is gone when Hearth ends.

        Raises InvalidInput for what is no secret.
        """
        if not value or not value.isprintable() or len(value) > LONGEST:
            raise InvalidInput(
                "That cannot be kept.",
                f"A secret is one line of at most {LONGEST:,} characters.",
                "Copy it again.",
            )
        with self._lock:
            self._known[name] = value

        def keep(keyring: Keyring) -> bool:
            keyring.set_password(SERVICE, name, value)
            return True

        return "session" if self._ask(keep) is None else "kept"

    def delete(self, name: str) -> bool:
        """Forget it; whether the keyring does not hold it any more."""
        with self._lock:
            self._known[name] = ""

        def remove(keyring: Keyring) -> bool:
            if keyring.get_password(SERVICE, name) is not None:
                keyring.delete_password(SERVICE, name)
            return True

        return self._ask(remove) is not None

    def state(self) -> str:
        """ "ready", or "unavailable: " and why, for people. Asks the keyring if nobody has yet."""
        if not self._state:
            self._ask(lambda _: True)
        return self._state

    def close(self) -> None:
        """End the thread, unless the keyring keeps it waiting."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            thread.join(0.5)

    def _ask(self, job: Callable[[Keyring], T]) -> T | None:
        """What `job` gives, or None and a state that says why."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return  # nobody waits for it any more
            try:
                if self._keyring is None:
                    self._keyring = self._open()
                future.set_result(job(self._keyring))
            except BaseException as error:  # noqa: BLE001 - it is handed on
                future.set_exception(error)

        self._start()
        self._jobs.put(run)
        try:
            found = future.result(self._deadline_s)
        except TimeoutError:
            future.cancel()
            self._state = (
                "unavailable: The keyring does not answer. It may be locked and ask for its "
                "password in another window."
            )
            return None
        except Exception as error:  # noqa: BLE001 - each keyring has errors of its own
            self._state = f"unavailable: {_words(error)}"
            return None
        self._state = READY
        return found

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                # A daemon: a keyring that never answers must not keep Hearth from ending.
                self._thread = threading.Thread(
                    target=self._work, name="hearth-keyring", daemon=True
                )
                self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _words(error: BaseException) -> str:
    """Why, in the keyring's words, which hold no secret."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text if len(text) <= 200 else text[:199] + "…"
    return text if text.endswith((".", "…")) else text + "."
