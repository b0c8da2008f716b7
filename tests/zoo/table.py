"""The zoo as one readable page of Markdown: what is recommended where, and what would run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.foundation.units import bytes_text
from app.planner.choose import Choice
from app.planner.explain import FIT_WORDS, sentence
from app.planner.plan import Plan
from tests.zoo.keeper import machine_files, machine_named
from tests.zoo.models import WELL_KNOWN, files_of
from tests.zoo.survey import USES, known_models, recommended

TABLE = Path(__file__).parent / "TABLE.md"

_HEAD = """\
# What the planner says in the zoo

Made by `python -m tests.zoo --write`; the tests hold it. [README.md](README.md) says what each
machine stands for. Speeds are tokens a second, as the planner expects them before a load measured
any: writing, and in brackets reading. "on cards" are the layers on graphics devices, the output
layer counted; "+n MoE" are layers whose experts stay in main memory. "free" is what is free in each
memory that the plan uses, main memory first.
"""


def page() -> str:
    """The whole page."""
    names = [path.stem for path in machine_files()]
    parts = [_HEAD, "## Recommended\n", _recommended(names)]
    parts += ["## Recommended for another use\n", _other_uses(names)]
    parts += ["## Models that people ask for by name\n", _by_name(names)]
    return "\n".join(parts)


def _recommended(names: Iterable[str]) -> str:
    rows = []
    for name in names:
        choice = recommended(name, "everyday")
        plan = choice.plan
        rejected = "; ".join(
            f"{other.candidate.model} {other.candidate.facts.quant}: {other.reason.code}"
            for other in choice.rejected
        )
        rows.append(
            (name, _free(plan), _model(choice), f"{plan.n_ctx:,}", *_running(plan), rejected)
        )
    head = ("machine", "free", "model", "context", "on cards", "speed", "fit", "rejected")
    return _markdown(head, rows)


def _other_uses(names: Iterable[str]) -> str:
    uses = [use for use in USES if use != "everyday"]
    rows = []
    for name in names:
        cells = []
        for use in uses:
            choice = recommended(name, use)
            on_cards, speed, fit = _running(choice.plan)
            cells.append(
                f"{_model(choice)}, {choice.plan.n_ctx:,}, {on_cards} on cards, {speed}, {fit}"
            )
        rows.append((name, *cells))
    return _markdown(("machine", *uses), rows)


def _by_name(names: Iterable[str]) -> str:
    models = [files_of(model)[0].model for model in WELL_KNOWN]
    rows = []
    for name in names:
        cells = []
        for known in known_models(name):
            plan = known.choice.plan
            if plan.fits == "no":
                cells.append(_fit(plan))
                continue
            speed = plan.expected.generated_tokens_per_second
            cells.append(f"{plan.quant}, {_fit(plan)}, {speed:.0f}/s")
        rows.append((name, *cells))
    return _markdown(("machine", *models), rows)


def _model(choice: Choice) -> str:
    return f"{choice.candidate.model} {choice.plan.quant} ({bytes_text(choice.plan.file_bytes)})"


def _free(plan: Plan) -> str:
    """What is free in each memory that the plan could use."""
    return " + ".join(bytes_text(share.pool.free_bytes) for share in plan.memory)


def _running(plan: Plan) -> tuple[str, str, str]:
    layers = plan.configuration.n_gpu_layers
    on_cards = f"{min(layers, plan.n_layers + 1)}/{plan.n_layers + 1}" if layers else "–"
    if plan.n_cpu_moe:
        on_cards += f" +{plan.n_cpu_moe} MoE"
    speed = plan.expected
    written, read = speed.generated_tokens_per_second, speed.prompt_tokens_per_second
    return on_cards, f"{written:.0f} ({read:,.0f})", _fit(plan)


def _fit(plan: Plan) -> str:
    return FIT_WORDS[plan.fits] + (", slow" if plan.is_slow and plan.fits != "no" else "")


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def card(name: str) -> str:
    """One machine in full: its facts, what is recommended, and why."""
    choice = recommended(name, "everyday")
    lines = [f"{label}: {words}" for label, words in machine_named(name).lines()]
    lines += ["", *choice.plan.lines(), ""]
    lines += [f"Not this: {sentence(other.reason)}" for other in choice.rejected]
    return "\n".join(lines) + "\n"
