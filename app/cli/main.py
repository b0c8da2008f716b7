"""The words of the command line and what they lead to. Runs on the main thread; knows no Qt."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from app import __version__
from app.cli.commands import ask, doctor, models, plan, probe, selftest
from app.cli.output import FAILED, INTERRUPTED, WRONG_USE, Output, silence_broken_pipe
from app.cli.services import CliServices
from app.foundation.errors import HearthError, InvalidInput

COMMANDS = (ask, probe, plan, models, doctor, selftest)


class _Parser(argparse.ArgumentParser):
    """Wrong use is an error like any other, so that `--json` can print it."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise InvalidInput(
            "Those words make no command.",
            f"{message[:1].upper()}{message[1:]}.",
            f"See: {self.prog} --help",
        )


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command and its options; `command` is None for the window. Raises InvalidInput."""
    return _parser().parse_args(list(words))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hearth",
        description="A private assistant on your own computer. Without a command the window opens.",
    )
    parser.add_argument("--version", action="version", version=f"Hearth {__version__}")
    parser.add_argument("--profile", metavar="DIR", help="use another profile folder")
    parser.add_argument("--verbose", action="store_true", help="show the log on standard error")
    parser.add_argument("--open", metavar="FILE", help="open the window with this model file")
    parser.add_argument(
        "--safe-mode", action="store_true", help="processor only, load no model by itself"
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON for programs")
    common.add_argument("--profile", metavar="DIR", default=argparse.SUPPRESS)
    common.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for module in COMMANDS:
        module.add_words(commands, common)
    return parser


def run(command: argparse.Namespace, services: CliServices) -> int:
    """Carry out a parsed command; returns the exit code."""
    output = Output(as_json=getattr(command, "json", False))
    try:
        code = _carried_out(command, services, output)
        sys.stdout.flush()
    except KeyboardInterrupt:
        output.status("")
        return INTERRUPTED
    except BrokenPipeError:
        silence_broken_pipe()
        return FAILED
    return code


def _carried_out(command: argparse.Namespace, services: CliServices, output: Output) -> int:
    try:
        code: int = command.carry_out(command, services, output)
    except HearthError as error:
        return output.error(error)
    return code


def refuse(words: Sequence[str], error: InvalidInput) -> int:
    """Say that the words make no command; as JSON when they asked for it."""
    Output(as_json="--json" in words).error(error)
    return WRONG_USE
