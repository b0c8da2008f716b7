"""`hearth plan MODEL`: what would be chosen for a model, be it here or not, and why."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
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
    plan.add_argument(
        "--pictures", action="store_true", help="count in the part that sees pictures (projector)"
    )
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
        return _elsewhere(found.word, services, output, wish, machine, words.pictures)
    if words.pictures:
        wish = _with_projector(wish, _projector_beside(found.path), found.path.name)
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
    with_pictures: bool,
) -> int:
    """A model that is not here: each stage as it comes on a terminal, the last one printed."""
    with services.reach() as reach:
        subject = subject_for(word, services, reach, wish, machine)
        # Which file it is was chosen by the quant: the rest of the wish is for its plan.
        wish = dataclasses.replace(wish, quant=None)
        if with_pictures:
            projector = subject.entry.projector if subject.entry is not None else None
            wish = _with_projector(wish, projector.bytes if projector else 0, word)
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


def _with_projector(wish: Wish, n_bytes: int, model: str) -> Wish:
    """The wish with a projector of that size counted in; InvalidInput where there is none."""
    from app.planner.memory import projector_bytes

    if not n_bytes:
        raise InvalidInput(
            f"“{model}” has no part that sees pictures, as far as Hearth knows.",
            "The catalogue names none, and no mmproj file lies beside the model.",
            "Plan without --pictures.",
        )
    return dataclasses.replace(wish, beside_bytes=projector_bytes(n_bytes))


def _projector_beside(path: Path) -> int:
    """Bytes of the largest projector in a model's folder; 0 where there is none."""
    try:
        found = [file for file in path.parent.iterdir() if "mmproj" in file.name.lower()]
        sizes = [file.stat().st_size for file in found if file.suffix.lower() == ".gguf"]
    except OSError:
        return 0
    return max(sizes, default=0)


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
