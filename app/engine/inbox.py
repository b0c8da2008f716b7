"""Commands on their way to the engine thread, and what must be seen without waiting for it.

Putting is thread-safe; taking is the engine thread's. A stop raises the flag that native code
polls, under the same lock as the queue: no stop is lost, and none hits the wrong decode.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Set

from app.engine.messages import Cancel, Close, Command, Load, Unload
from app.engine.native.flag import AbortFlag
from app.foundation.errors import EngineDead


class Inbox:
    """A queue that knows which commands cannot wait."""

    def __init__(self) -> None:
        self.flag = AbortFlag()
        self._condition = threading.Condition()
        self._commands: deque[Command] = deque()
        self._watched_ids: Set[str] = frozenset()
        self._is_load_stopped = False
        self._refusal: EngineDead | None = None

    @property
    def is_load_stopped(self) -> bool:
        """Whether a later command has made the load in progress pointless."""
        return self._is_load_stopped

    def put(self, command: Command) -> None:
        """Queue it; raises EngineDead once the engine is closed or dead."""
        with self._condition:
            if (refusal := self._refusal) is not None:
                raise EngineDead(refusal.title, refusal.detail, refusal.remedy)
            self._append(command)

    def close(self, refusal: EngineDead, last: Command | None = None) -> list[Command]:
        """Refuse everything from now on.

        With `last`, that is the final command to be taken. Without it the engine is gone, and
        what was never taken is returned.
        """
        with self._condition:
            if self._refusal is None and last is not None:
                self._append(last)
            self._refusal = refusal
            if last is not None:
                return []
            left, self._commands = list(self._commands), deque()
            return left

    def take(self, *, wait: bool) -> list[Command]:
        """Everything that has come in; with `wait`, not before something has."""
        with self._condition:
            while wait and not self._commands:
                self._condition.wait()
            self.flag.clear()
            self._watched_ids = frozenset()
            self._is_load_stopped = False
            if not self._commands:
                return []
            taken, self._commands = list(self._commands), deque()
            return taken

    def watch(self, request_ids: Set[str]) -> None:
        """Cancelling one of these stops the decode that is about to begin."""
        with self._condition:
            self._watched_ids = request_ids
            for command in self._commands:
                self._look_at(command)

    def _append(self, command: Command) -> None:
        self._commands.append(command)
        self._look_at(command)
        self._condition.notify()

    def _look_at(self, command: Command) -> None:
        if isinstance(command, Cancel):
            if command.request_id in self._watched_ids:
                self.flag.set()
        elif isinstance(command, (Load, Unload, Close)):
            self.flag.set()
            self._is_load_stopped = True
