"""The thread behind the list of downloads: starts what is due, keeps the list, tells listeners.

It lives while there is something to do, and no longer. Everything but the disk and the listeners
happens under the list's lock, which is given to it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final

from app.models.download.queue_file import Json, QueueFile

log = logging.getLogger(__name__)

Callback = Callable[[str], None]
TELL_EVERY_S: Final = 0.1


class Herald:
    """`step` does what is due and says after how many seconds to look again; None: nothing is
    under way. It is called with the lock held."""

    def __init__(
        self, changed: threading.Condition, file: QueueFile, step: Callable[[], float | None]
    ) -> None:
        self._changed = changed
        self._file = file
        self._step = step
        self._kept: dict[str, Json | None] = {}
        self._to_save: dict[str, Json | None] = {}
        self._to_tell: dict[str, None] = {}
        self._listeners: list[Callback] = []
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def listen(self, callback: Callback) -> Callable[[], None]:
        with self._changed:
            self._listeners.append(callback)

        def unlisten() -> None:
            with self._changed, contextlib.suppress(ValueError):
                self._listeners.remove(callback)

        return unlisten

    def keep(self, key: str, item: Json | None) -> None:
        """Have this on disk. Hold the lock."""
        if key in self._kept and self._kept[key] == item:
            return
        self._kept[key] = self._to_save[key] = item
        self.wake()

    def note(self, key: str) -> None:
        """Something of it changed. Hold the lock."""
        self._to_tell[key] = None
        self.wake()

    def wake(self) -> None:
        """Look again. Hold the lock."""
        if self._thread is None and not self._closing.is_set():
            self._thread = threading.Thread(target=self._run, name="downloads", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def close(self) -> threading.Thread | None:
        """No new thread; the present one ends when nothing is under way. Hold the lock."""
        self._closing.set()
        self._changed.notify_all()
        return self._thread

    def _run(self) -> None:
        while True:
            with self._changed:
                pause_s = self._step()
                saving, self._to_save = self._to_save, {}
                telling, self._to_tell = list(self._to_tell), {}
                listeners = tuple(self._listeners)
                if not saving and not telling:
                    if pause_s is None:
                        self._thread = None
                        return
                    self._changed.wait(pause_s)
                    continue
            self._save(saving)
            for key in telling:
                for callback in listeners:
                    _call(callback, key)
            self._closing.wait(TELL_EVERY_S)

    def _save(self, saving: dict[str, Json | None]) -> None:
        if not saving:
            return
        try:
            self._file.save(saving)
        except OSError as error:
            # Nothing is lost but the list itself: what is here of each file stays here.
            log.warning("downloads: the list was not written: %s", error)
            with self._changed:
                for key in saving:
                    self._kept.pop(key, None)


def _call(callback: Callback, key: str) -> None:
    try:
        callback(key)
    except Exception:
        log.exception("downloads: a listener failed")
