"""`hearth models recommend`: the three models that suit a computer best, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from app.cli.commands.plan import add_machine, machine_from
from app.cli.output import DONE, Output
from app.cli.pins import add_aims, wish_from
from app.cli.services import CliServices
from app.foundation.units import bytes_text, rate_text

if TYPE_CHECKING:
    from app.models.catalog import Catalogue, Entry, File
    from app.planner.choose import Candidate, Choice


def add_words(kinds: Any, common: argparse.ArgumentParser) -> None:
    """Add `recommend` to the words of `models`."""
    parser = kinds.add_parser(
        "recommend", parents=[common], help="the three models that suit this computer best"
    )
    add_machine(parser)
    add_aims(parser)
    parser.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """The best models of the catalogue, without asking the network."""
    from app.models.catalog import catalogue
    from app.planner.explain import sentence

    wish, machine = wish_from(words), machine_from(words)
    known = catalogue(services.profile())
    with services.reach() as reach:
        choices = reach.planning.recommended(known, wish, machine=machine)
    rows = []
    for choice in choices:
        entry, file = _file_of(known, choice.candidate)
        why = [sentence(rejected.reason) for rejected in choice.rejected]
        rows.append(
            {
                "id": entry.id,
                "name": entry.name,
                "sentence": entry.sentence,
                "licence": entry.licence,
                "quant": file.quant,
                "repo": file.repo,
                "file": file.name,
                "file_bytes": file.bytes,
                "plan": choice.plan.as_dict(),
                "why": why,
            }
        )
        _show(output, entry, file, choice, why)
    output.document({"models": rows})
    return DONE


def _show(output: Output, entry: Entry, file: File, choice: Choice, why: list[str]) -> None:
    output.text(f"{entry.name}  ({entry.id}:{file.quant}, {bytes_text(file.bytes)})")
    output.text(f"    {entry.sentence}")
    for text in (_outlook(choice), *why):
        output.text(f"    {text}")
    output.text()


def _outlook(choice: Choice) -> str:
    """How it would run here: the fit, the speed as a reader feels it, and the memory."""
    from app.planner.explain import FIT_WORDS

    plan = choice.plan
    speed = rate_text(plan.expected.generated_tokens_per_second)
    memory = f"{bytes_text(plan.needed_bytes)} of {bytes_text(plan.free_bytes)} free memory"
    fit = FIT_WORDS[plan.fits].capitalize()
    return f"{fit}: writes {plan.reading_words.text} (about {speed}), needs {memory}."


def _file_of(catalogue: Catalogue, candidate: Candidate) -> tuple[Entry, File]:
    for entry in catalogue.entries:
        for file in entry.files:
            if entry.name == candidate.model and file.name == candidate.file:
                return entry, file
    raise LookupError(candidate.file)
