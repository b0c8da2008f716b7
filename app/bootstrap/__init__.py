"""The composition root: builds services, picks a face, closes in reverse order. Main thread.

Nothing but `__main__` and end-to-end tests imports it.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import sys
from collections.abc import Sequence

from app.cli import main as cli
from app.cli.output import FAILED, Output
from app.foundation import launcher, runtimes
from app.foundation.errors import DatabaseTooNew, HearthError, InvalidInput, ProfileTooNew
from app.foundation.logs import start_logging, stop_logging
from app.foundation.paths import Profile, open_profile, profile_at, program_folder
from app.network import offline


def start(words: Sequence[str]) -> int:
    """Carry out what the words say: a command, or the window. Returns the exit code."""
    try:
        command = cli.parse(words)
    except InvalidInput as error:
        launcher.ended_in_order()
        return cli.refuse(words, error)
    except SystemExit:  # help and the version were asked for, and said
        launcher.ended_in_order()
        raise
    as_json = getattr(command, "json", False)
    offline.settle(command.offline)
    try:
        _refuse_newer(command)
        profile = open_profile(command.profile)
    except (DatabaseTooNew, ProfileTooNew) as error:
        launcher.ended_in_order()
        if command.command is not None:
            return Output(as_json).error(error)
        return start(words) if _goes_back(error, profile_at(command.profile)) else FAILED
    except HearthError as error:
        launcher.ended_in_order()
        if command.command is None:
            return _refused(error)
        return Output(as_json).error(error)
    _choose_runtime()
    start_logging(profile.logs, verbose=command.verbose)
    try:
        if command.command is None:
            return _window(profile, command)
        return _command(profile, command)
    finally:
        stop_logging()


def _refuse_newer(command: argparse.Namespace) -> None:
    from app.bootstrap.newer import MAY_LOOK, refuse_newer
    from app.conversations.schema import SCHEMA

    if command.command not in MAY_LOOK:
        refuse_newer(profile_at(command.profile), SCHEMA.version)


def _goes_back(error: HearthError, profile: Profile) -> bool:
    """Say why there is no window; True where the person chose the copies from before."""
    from app.bootstrap.newer import way_back
    from app.conversations.schema import SCHEMA
    from app.gui.refused import day_in_words

    way = way_back(profile, SCHEMA.version)
    if way is None:
        _refused(error)
        return False
    Output(as_json=False).error(error)
    error.remedy = way.sentence(day_in_words(way.day))
    if not _is_chosen(error, "Go on with the older copy"):
        return False
    try:
        way.take()
    except HearthError as failed:
        _refused(failed)
        return False
    return True


def _choose_runtime() -> None:
    with contextlib.suppress(OSError, RuntimeError):  # nobody's home
        runtimes.choose(program_folder())


def _command(profile: Profile, command: argparse.Namespace) -> int:
    from app.bootstrap.command_line import services_for
    from app.bootstrap.runtime import Runtime

    runtime = Runtime(profile)
    launcher.ended_in_order()  # a command is begun: for a new version that is a good start
    try:
        return cli.run(command, services_for(runtime))
    finally:
        runtime.close()


def _window(profile: Profile, command: argparse.Namespace) -> int:
    # Imports leave no garbage to look for, and from the window on `Collecting` looks for it.
    gc.disable()
    from app.bootstrap.window import open_window

    try:
        code = open_window(profile, command.open, ask_safe_mode=command.safe_mode)
        launcher.ended_in_order()
        return code
    except HearthError as error:
        launcher.ended_in_order()
        return _refused(error)


def _refused(error: HearthError) -> int:
    """Say why there is no window: to whoever reads the terminal, else in a window of its own."""
    code = Output(as_json=False).error(error)
    _is_chosen(error)
    return code


def _is_chosen(error: HearthError, choice: str = "") -> bool:
    from app.gui.refused import show_refused

    if sys.stderr is not None:
        sys.stderr.flush()
    return show_refused(error, choice)
