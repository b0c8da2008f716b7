"""`hearth probe`: what this machine has."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.output import DONE, Output
from app.cli.services import CliServices


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `probe`."""
    probe = commands.add_parser("probe", parents=[common], help="what this machine has")
    probe.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Every fact, or why it is not known."""
    machine = services.machine()
    output.document(machine.as_dict())
    output.pairs(machine.lines())
    return DONE
