"""`hearth plan MODEL`: what would be chosen for a model, be it here or not, and why."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from app.cli.output import DONE, Output
from app.cli.pins import add_pins, wish_from
from app.cli.services import CliServices
from app.cli.subjects import named, subject_for
from app.foundation.errors import InvalidInput
from app.foundation.paths import person_path
from app.foundation.units import bytes_text

if TYPE_CHECKING:
    from app.hardware.profile import MachineProfile
    from app.planner.wish import Wish

_LIMIT_BYTES = 1_000_000
_DOING = {"catalogue": "Reading the file's header …", "header": "Counting its memory …"}


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `plan`."""
    plan = commands.add_parser("plan", parents=[common], help="how a model would run, and why")
    plan.add_argument(
        "model",
        metavar="MODEL",
        help="a .gguf file, a known model, a catalogue id[:quant], or owner/repo[:file]",
    )
    add_machine(plan)
    add_pins(plan)
    plan.set_defaults(carry_out=carry_out)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the option that plans for another machine."""
    parser.add_argument(
        "--machine", metavar="FILE", help="a saved `probe --json` of another machine"
    )


def machine_from(words: argparse.Namespace) -> MachineProfile | None:
    """The machine of the saved probe that the words name, if they do. Raises InvalidInput."""
    from app.hardware.profile import MachineProfile

    return MachineProfile.from_dict(_saved(words.machine)) if words.machine else None


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """The plan and its reasons."""
    wish, machine = wish_from(words), machine_from(words)
    found = named(words.model, services)
    if found.path is None:
        return _elsewhere(found.word, services, output, wish, machine)
    plan = services.planning().plan_file(found.path, wish, machine=machine)
    output.document(plan.as_dict())
    for line in plan.lines():
        output.text(line)
    return DONE


def _elsewhere(
    word: str,
    services: CliServices,
    output: Output,
    wish: Wish,
    machine: MachineProfile | None,
) -> int:
    """A model that is not here: each stage as it comes on a terminal, the last one printed."""
    with services.reach() as reach:
        subject = subject_for(word, reach, wish, machine)
        # Which file it is was chosen by the quant: the rest of the wish is for its plan.
        wish = dataclasses.replace(wish, quant=None)
        last = None
        for step in reach.planning.steps(subject, wish, machine=machine):
            output.status(_DOING.get(step.stage, ""))
            last = step
        output.status("")
    assert last is not None
    place = subject.place
    output.document(
        {
            **last.plan.as_dict(),
            "id": subject.entry.id if subject.entry is not None else "",
            "repo": place.repo,
            "file": place.name,
            "stage": last.stage,
            "held_up": last.held_up,
        }
    )
    if subject.entry is not None:
        output.text(f"{subject.entry.name}: {subject.entry.sentence}")
    output.text(f"{place.repo}, {place.name} ({bytes_text(last.facts.file_bytes)})")
    output.text()
    for line in last.plan.lines():
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
