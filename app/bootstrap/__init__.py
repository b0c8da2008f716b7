"""The composition root: builds services, picks a face, closes in reverse order. Main thread.

Nothing but `__main__` and end-to-end tests imports it.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence

from app.cli import main as cli
from app.cli.output import Output
from app.foundation.errors import HearthError, InvalidInput
from app.foundation.logs import start_logging, stop_logging
from app.foundation.paths import Profile, open_profile
from app.network import offline


def start(words: Sequence[str]) -> int:
    """Carry out what the words say: a command, or the window. Returns the exit code."""
    try:
        command = cli.parse(words)
    except InvalidInput as error:
        return cli.refuse(words, error)
    as_json = getattr(command, "json", False)
    offline.settle(command.offline)
    try:
        profile = open_profile(command.profile)
    except HearthError as error:
        return Output(as_json).error(error)
    start_logging(profile.logs, verbose=command.verbose)
    try:
        if command.command is None:
            return _window(profile, command)
        return _command(profile, command)
    finally:
        stop_logging()


def _command(profile: Profile, command: argparse.Namespace) -> int:
    from app.bootstrap.command_line import services_for
    from app.bootstrap.runtime import Runtime

    runtime = Runtime(profile)
    try:
        return cli.run(command, services_for(runtime))
    finally:
        runtime.close()


def _window(profile: Profile, command: argparse.Namespace) -> int:
    # Imports leave no garbage to look for, and from the window on `Collecting` looks for it.
    gc.disable()
    from app.bootstrap.window import open_window

    try:
        return open_window(profile, command.open, ask_safe_mode=command.safe_mode)
    except HearthError as error:
        code = Output(as_json=False).error(error)
        sys.stderr.flush()
        return code
