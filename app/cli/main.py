"""The words of the command line and what they lead to. Runs on the main thread; knows no Qt."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from importlib import import_module

from app import __version__
from app.cli.opening import with_file
from app.cli.output import FAILED, INTERRUPTED, WRONG_USE, Output, silence_broken_pipe
from app.cli.services import CliServices
from app.foundation.errors import HearthError, InvalidInput

_log = logging.getLogger(__name__)

#: Each is a module of `app.cli.commands`, imported when its word or a call for help is there:
#: the window starts without them.
COMMANDS = ("ask", "probe", "plan", "models", "connections", "doctor", "update", "selftest")


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
    return _parser(words).parse_args(with_file(words))


def whole_parser() -> argparse.ArgumentParser:
    """Every command with all its words, for who describes them."""
    return _parser(["--help"])


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hearth",
        description="A private assistant on your own computer. Without a command the window opens.",
    )
    parser.add_argument("--version", action="version", version=f"Hearth {__version__}")
    parser.add_argument("--profile", metavar="DIR", help="use another profile folder")
    parser.add_argument("--verbose", action="store_true", help="show the log on standard error")
    # A desktop's menu says it without a file where none was double-clicked.
    parser.add_argument(
        "--open", metavar="FILE", nargs="?", help="open the window with this model file"
    )
    parser.add_argument(
        "--safe-mode", action="store_true", help="processor only, load no model by itself"
    )
    parser.add_argument(
        "--offline", action="store_true", help="connect to nothing outside this computer"
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON for programs")
    common.add_argument("--profile", metavar="DIR", default=argparse.SUPPRESS)
    common.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS)
    common.add_argument("--offline", action="store_true", default=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    wants_help = "-h" in words or "--help" in words
    for name in COMMANDS:
        if wants_help or name in words:
            import_module(f"app.cli.commands.{name}").add_words(commands, common)
        else:
            commands.add_parser(name)
    return parser


def run(command: argparse.Namespace, services: CliServices) -> int:
    """Carry out a parsed command; returns the exit code."""
    output = Output(as_json=getattr(command, "json", False))
    try:
        code = _carried_out(command, services, output)
    except KeyboardInterrupt:
        output.status("")
        return INTERRUPTED
    except BrokenPipeError:
        silence_broken_pipe()
        return FAILED
    except Exception as error:  # noqa: BLE001 - a bug: the log keeps it, a person reads a sentence
        _log.exception("%s failed", command.command)
        return output.error(
            HearthError(
                "Hearth made a mistake.",
                f"{type(error).__name__}: {error}",
                "This is a fault in Hearth; --verbose shows the details, and the log keeps them.",
            )
        )
    return code


def _carried_out(command: argparse.Namespace, services: CliServices, output: Output) -> int:
    try:
        code: int = command.carry_out(command, services, output)
        output.flush()
    except HearthError as error:
        return output.error(error)
    return code


def refuse(words: Sequence[str], error: InvalidInput) -> int:
    """Say that the words make no command; as JSON when they asked for it."""
    Output(as_json="--json" in words).error(error)
    return WRONG_USE
