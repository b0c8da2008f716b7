"""`hearth plan MODEL`: what would be chosen for a file, and why."""

from __future__ import annotations

import argparse
import json
from typing import Any

from app.cli.commands.models import model_path
from app.cli.output import DONE, Output
from app.cli.services import CliServices
from app.foundation.errors import InvalidInput
from app.foundation.paths import person_path

_LIMIT_BYTES = 1_000_000


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `plan`."""
    plan = commands.add_parser("plan", parents=[common], help="how a model would run, and why")
    plan.add_argument("model", metavar="MODEL", help="a .gguf file or a known model")
    plan.add_argument("--machine", metavar="FILE", help="a saved `probe --json` of another machine")
    plan.add_argument("--context", metavar="N", type=int, help="the context wanted, in tokens")
    plan.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """The plan and its reasons."""
    from app.hardware.profile import MachineProfile
    from app.planner.plan import Wish

    if words.context is not None and words.context < 1:
        raise InvalidInput(
            "That context makes no sense.", "--context must be 1 or more.", "Leave it out."
        )
    machine = MachineProfile.from_dict(_saved(words.machine)) if words.machine else None
    path = model_path(words.model, services)
    plan = services.planning().plan_file(path, Wish(n_ctx=words.context), machine=machine)
    output.document(plan.as_dict())
    for line in plan.lines():
        output.text(line)
    return DONE


def _saved(name: str) -> dict[str, Any]:
    try:
        with person_path(name).open("rb") as file:
            fields = json.loads(file.read(_LIMIT_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"“{name}” is not a saved probe.",
            "It cannot be read, or it is not JSON.",
            "Save one on the other machine with: hearth probe --json > machine.json",
        ) from error
    if not isinstance(fields, dict):
        raise InvalidInput(
            f"“{name}” is not a saved probe.", "It holds no JSON object.", "Save one anew."
        )
    return fields
