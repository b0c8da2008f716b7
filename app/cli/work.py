"""Long work of a command, off the main thread, so that Ctrl-C ends it in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from app.foundation.cancellation import Cancellation

T = TypeVar("T")
_POLL_S: Final = 0.1
_WIND_DOWN_S: Final = 30.0


def interruptible(work: Callable[[Cancellation], T]) -> T:
    """What `work` gives or raises. At Ctrl-C it is told to stop, waited for, and the
    KeyboardInterrupt goes on: nothing is left half done."""
    cancellation = Cancellation()
    given: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            given.append(work(cancellation))
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            raised.append(error)

    thread = threading.Thread(target=run, name="command")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL_S)
    except KeyboardInterrupt:
        cancellation.cancel()
        thread.join(_WIND_DOWN_S)
        raise
    if raised:
        raise raised[0]
    return given[0]
