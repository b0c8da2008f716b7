"""Prints for people and for programs: text, JSON documents, errors. The only place that prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.foundation.errors import HearthError, InvalidInput, NotPossibleHere

DONE, FAILED, WRONG_USE, NOT_POSSIBLE, INTERRUPTED = 0, 1, 2, 3, 130


class OutputLost(HearthError):
    """Standard output takes nothing any more; so this one is said on standard error."""


class Output:
    """Standard output of one command, in text or, with `as_json`, in JSON."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._in_lines = False
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="replace")

    @property
    def is_on_terminal(self) -> bool:
        """Whether somebody sees passing lines."""
        return sys.stderr.isatty()

    def text(self, text: str = "") -> None:
        """A line for people; nothing in JSON mode."""
        if not self.as_json:
            _write(f"{text}\n")

    def piece(self, text: str) -> None:
        """A piece of streamed text, shown at once; nothing in JSON mode."""
        if not self.as_json:
            _write(text)
            self.flush()

    def status(self, text: str) -> None:
        """A passing line on a terminal's standard error, overwritten by the next one."""
        if not self.as_json and sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def aside(self, text: str) -> None:
        """A line on standard error that stays: what whoever waits should know meanwhile."""
        if not self.as_json:
            self.status("")
            print(text, file=sys.stderr, flush=True)

    def pairs(self, rows: Iterable[tuple[str, str]]) -> None:
        """Label and value, one a line, aligned."""
        table = list(rows)
        width = max((len(label) for label, _ in table), default=0)
        for label, value in table:
            self.text(f"{label:<{width}}  {value}")

    def document(self, fields: Mapping[str, Any]) -> None:
        """The one JSON document of a command; nothing in text mode."""
        if self.as_json:
            _write(f"{json.dumps(fields, ensure_ascii=False, indent=2, allow_nan=False)}\n")

    def line(self, fields: Mapping[str, Any]) -> None:
        """One of several JSON documents, each on a line of its own, at once; from now on an error
        is one as well. Nothing in text mode."""
        self._in_lines = True
        if self.as_json:
            _write(f"{json.dumps(fields, ensure_ascii=False, allow_nan=False)}\n")
            self.flush()

    def flush(self) -> None:
        """Have everything written. Raises HearthError where that is not possible."""
        with _written():
            sys.stdout.flush()

    def error(self, error: HearthError) -> int:
        """Say what went wrong; returns the exit code."""
        try:
            if self.as_json and not isinstance(error, OutputLost):
                told = {"error": error.as_dict()}
                self.line(told) if self._in_lines else self.document(told)
                self.flush()
                return exit_code(error)
        except OutputLost as lost:
            error = lost
        self.status("")
        print("\n".join(filter(None, (error.title, error.detail, error.remedy))), file=sys.stderr)
        return exit_code(error)


def _write(text: str) -> None:
    with _written():
        sys.stdout.write(text)


@contextmanager
def _written() -> Iterator[None]:
    """Turns a full disk or a broken device at the other end into a sentence."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        silence_broken_pipe()
        raise OutputLost(
            "The answer could not be written where you wanted it.",
            f"The system says: {error.strerror or error}.",
            "Free some space there, or write it to another place.",
        ) from error


def exit_code(error: HearthError) -> int:
    """The exit code that tells scripts what kind of failure it was."""
    if isinstance(error, InvalidInput):
        return WRONG_USE
    if isinstance(error, NotPossibleHere):
        return NOT_POSSIBLE
    return FAILED


def silence_broken_pipe() -> None:
    """Whoever read our output is gone: let Python's own last flush not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
