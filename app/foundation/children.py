"""Starts Hearth's own executable as a child: JSON lines over pipes, a deadline, a verdict.

Usable from any thread that may block. What a child does is its own module's business; its death
is an answer (`ChildFailed.verdict`), never ours. `child_side` holds the other end.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, Any, Literal

from app.foundation import errors
from app.foundation.cancellation import Cancellation
from app.foundation.errors import ChildFailed, HearthError

JsonObject = dict[str, Any]
Verdict = Literal["timeout", "signal", "exit", "garbage", "cancelled", "error"]

_POLL_S = 0.05
_GRACE_S = 2.0
_MAX_LINE_BYTES = 64 * 1024 * 1024
_STDERR_LINES = 40
_KILLED = 9


class ChildDied(ChildFailed):
    """A child that gave no answer. `signal_number` is set when a signal ended it."""

    def __init__(self, name: str, verdict: Verdict, *, status: int = 0, stderr: str = "") -> None:
        self.verdict = verdict
        self.signal_number = -status if verdict == "signal" else None
        self.exit_status = status if verdict == "exit" else None
        self.stderr_tail = stderr
        what = {
            "timeout": "took too long and was stopped",
            "signal": f"was ended by the system (signal {-status})",
            "exit": f"ended without an answer (exit code {status})",
            "garbage": "gave an answer that makes no sense",
            "cancelled": "was cancelled",
            "error": "failed",
        }[verdict]
        super().__init__(
            "A helper process failed.",
            f"The “{name}” helper {what}.",
            "Try again; if it happens again, `hearth doctor` shows what is wrong.",
        )


def command_for(name: str) -> list[str]:
    """The command line that starts the child `name`, from source and from a bundle alike."""
    if getattr(sys, "frozen", False):
        return [_own_executable(), "--child", name]
    return [sys.executable, "-m", "app", "--child", name]


def _own_executable() -> str:
    """The bundle's program. On Windows the one with a console: only that is sure of its pipes."""
    if sys.platform == "win32":
        beside = os.path.join(os.path.dirname(sys.executable), "hearth-cli.exe")
        if os.path.isfile(beside):
            return beside
    return sys.executable


class _Child:
    """One running process and the threads at its pipes."""

    def __init__(
        self, name: str, *, memory_limit_bytes: int | None, env: Mapping[str, str] | None
    ) -> None:
        self.name = name
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._process = subprocess.Popen(
            command_for(name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_working_folder(),
            env=_environment(env),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        ends: tuple[tuple[Callable[[IO[bytes]], None], IO[bytes], str], ...] = (
            (self._write_lines, self._process.stdin, "in"),
            (self._read_lines, self._process.stdout, "out"),
            (self._read_stderr, self._process.stderr, "err"),
        )
        self._threads = [
            threading.Thread(target=body, args=(pipe,), name=f"child-{name}-{end}", daemon=True)
            for body, pipe, end in ends
        ]
        for thread in self._threads:
            thread.start()
        self.send({"limits": {"memory_bytes": memory_limit_bytes}})

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, message: JsonObject) -> None:
        """Write one line soon: a child that does not read must not hold up the deadline.

        A pipe that is broken shows itself as a missing answer.
        """
        self._outbox.put(json.dumps(message).encode("ascii") + b"\n")

    def answer(
        self,
        deadline_s: float,
        cancellation: Cancellation | None,
        on_progress: Callable[[JsonObject], None] | None,
    ) -> JsonObject:
        """The next answer, or ChildDied. Progress messages are passed on as they come."""
        end = time.monotonic() + deadline_s
        while True:
            if cancellation is not None and cancellation.is_set:
                raise self._died("cancelled")
            left = end - time.monotonic()
            if left <= 0:
                raise self._died("timeout")
            try:
                line = self._lines.get(timeout=min(left, _POLL_S) if cancellation else left)
            except queue.Empty:
                continue
            if line is None:
                raise self._died(None)
            message = self._parsed(line)
            if "progress" not in message:
                return message
            if on_progress is not None:
                on_progress(message["progress"])

    def _parsed(self, line: bytes) -> JsonObject:
        try:
            message = json.loads(line)
        except ValueError:
            raise self._died("garbage") from None
        if not isinstance(message, dict):
            raise self._died("garbage")
        return message

    def kill(self) -> None:
        """End the process at once; whoever waits for its answer is told that it died."""
        self._process.kill()

    def close(self, grace_s: float = _GRACE_S) -> int:
        """End the process: its input is closed first, and it is killed after `grace_s`."""
        self._outbox.put(None)
        try:
            status = self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._ended()
        for thread in self._threads:
            thread.join(_GRACE_S)
        return status

    def _ended(self) -> int:
        """The status of a process that was killed. One that a driver holds inside the system
        ends when the driver lets go: nobody waits for that."""
        try:
            return self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return -_KILLED

    def _died(self, verdict: Verdict | None) -> ChildDied:
        status = self.close(0.0 if verdict is not None else _GRACE_S)
        if verdict is None:
            verdict = "signal" if status < 0 else "exit"
        return ChildDied(self.name, verdict, status=status, stderr="\n".join(self._stderr))

    def _write_lines(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError), stream:
            while (line := self._outbox.get()) is not None:
                stream.write(line)
                stream.flush()

    def _read_lines(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(_MAX_LINE_BYTES):
                self._lines.put(line)
        self._lines.put(None)

    def _read_stderr(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._stderr.append(line.decode("utf-8", "replace").rstrip()[:500])


def run_child(
    name: str,
    request: JsonObject,
    *,
    deadline_s: float,
    memory_limit_bytes: int | None = None,
    cancellation: Cancellation | None = None,
    on_progress: Callable[[JsonObject], None] | None = None,
    env: Mapping[str, str] | None = None,
) -> JsonObject:
    """Start the child `name`, ask it once, and end it.

    Raises ChildDied when it gave no answer, or the HearthError that it answered with.
    """
    child = _Child(name, memory_limit_bytes=memory_limit_bytes, env=env)
    try:
        child.send({"request": request})
        return _unwrapped(name, child.answer(deadline_s, cancellation, on_progress))
    finally:
        child.close()


class ResidentChild:
    """A child that stays and answers many requests, one at a time. Thread-safe.

    A dead one is started again at the next request.
    """

    def __init__(self, name: str, *, memory_limit_bytes: int | None = None) -> None:
        self._name = name
        self._memory_limit_bytes = memory_limit_bytes
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def ask(
        self, request: JsonObject, *, deadline_s: float, start_deadline_s: float = 30.0
    ) -> JsonObject:
        """One request, one answer; `deadline_s` counts from when the child is up."""
        with self._lock:
            child = self._child
            if child is None or not child.is_alive:
                child = self._started(start_deadline_s)
            child.send({"request": request})
            try:
                return _unwrapped(self._name, child.answer(deadline_s, None, None))
            except ChildDied:
                child.close(0.0)
                self._child = None
                raise

    def _started(self, deadline_s: float) -> _Child:
        if self._child is not None:
            self._child.close(0.0)
        child = _Child(self._name, memory_limit_bytes=self._memory_limit_bytes, env=None)
        self._child = child
        child.send({"hello": True})
        child.answer(deadline_s, None, None)
        return child

    def close(self) -> None:
        """End the child, busy or not. It starts again if it is asked again."""
        # Whoever waits for its answer holds the lock, for as long as the deadline is.
        while not self._lock.acquire(timeout=_POLL_S):
            if (busy := self._child) is not None:
                busy.kill()
        try:
            if self._child is not None:
                self._child.close(0.5)
                self._child = None
        finally:
            self._lock.release()


def _unwrapped(name: str, message: JsonObject) -> JsonObject:
    if "answer" in message and isinstance(message["answer"], dict):
        return dict(message["answer"])
    error = message.get("error")
    if isinstance(error, dict):
        raise _error_of(error)
    raise ChildDied(name, "garbage")


def _error_of(fields: JsonObject) -> HearthError:
    """The error that the child raised, as the same class where its arguments allow it."""
    texts = [str(fields.get(key, "")) for key in ("title", "detail", "remedy")]
    for candidate in vars(errors).values():
        if (
            isinstance(candidate, type)
            and issubclass(candidate, HearthError)
            and candidate.code == fields.get("code")
            and candidate.__init__ is HearthError.__init__
        ):
            return candidate(*texts)
    return HearthError(*texts)


def _working_folder() -> str | None:
    """From source the child must find the `app` package: start it beside it."""
    if getattr(sys, "frozen", False):
        return None
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """Ours, without what could make the child's Python behave otherwise, plus `extra`."""
    unwanted = ("PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONPATH", "PYTHONHOME")
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    environment["GGML_NO_BACKTRACE"] = "1"
    environment["PYTHONUTF8"] = "1"
    environment.update(extra or {})
    return environment
