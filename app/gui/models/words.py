"""A plan in the words of the page: how well it runs, how fast, how much memory.

Pure, any thread. Numbers come from the plan; nothing is decided here that the planner decides.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QCoreApplication, QLocale

from app.foundation.units import bytes_text, rate_text
from app.gui.models.parts import fillings_of
from app.gui.plan_words import READING_TOKENS_PER_S, SLOWER, speed_words
from app.gui.plan_words import capital as capital
from app.hardware.profile import MachineProfile, Unknown, known
from app.planner.plan import Plan
from app.planner.pools import MAIN, pools_of
from app.planner.quality import Tier

translate = QCoreApplication.translate
Verdict = Literal["well", "slowish", "slow", "tight", "no"]

_PAGE_TOKENS = 670
"""A page of 500 words."""


def verdict_of(plan: Plan) -> Verdict:
    """How well it fits; what fits well is slow where one waits for the words, and somewhat slow
    where it only is below what the settings ask for."""
    if plan.fits != "well":
        return plan.fits
    if plan.expected.generated_tokens_per_second / READING_TOKENS_PER_S < SLOWER:
        return "slow"
    return "slowish" if plan.is_slow else "well"


def verdict_words(verdict: Verdict) -> str:
    """The words of the front."""
    return {
        "well": translate("Models", "runs well"),
        "slowish": translate("Models", "a bit slow"),
        "slow": translate("Models", "runs slowly"),
        "tight": translate("Models", "tight"),
        "no": translate("Models", "too big"),
    }[verdict]


def page_words(tokens_per_second: float, locale: QLocale) -> str:
    """How long it reads before it answers: the first word of an answer to a page of text."""
    seconds = _PAGE_TOKENS / max(0.1, tokens_per_second)
    if seconds < 1.5:
        return translate("Models", "It reads a page of yours in about a second.")
    if seconds < 90:
        return translate("Models", "It reads a page of yours in about {seconds} seconds.").format(
            seconds=locale.toString(round(seconds))
        )
    return translate("Models", "It reads a page of yours in about {minutes} minutes.").format(
        minutes=locale.toString(round(seconds / 60))
    )


def pool_words(name: str, device: str = "", *, shares_main: bool = False) -> str:
    """A memory by its plain name; `device` is what people call the card."""
    if name == MAIN:
        return translate("Models", "Main memory")
    if shares_main:
        return translate("Models", "The graphics chip's part of it ({device})").format(
            device=device or name
        )
    return translate("Models", "Graphics memory ({device})").format(device=device or name)


def memory_words(plan: Plan) -> str:
    """What it takes of what is free, in one line; shared memory counts once."""
    said = translate("Models", "needs {need} of {free} free memory").format(
        need=bytes_text(plan.needed_bytes), free=bytes_text(plan.free_bytes)
    )
    cards = [share for share in plan.memory[1:] if not share.pool.shares_main]
    if not cards:
        return said
    return translate("Models", "{memory} and {need} of {free} free graphics memory").format(
        memory=said,
        need=bytes_text(sum(share.need.total_bytes for share in cards)),
        free=bytes_text(sum(share.pool.free_bytes for share in cards)),
    )


def sentence_of(plan: Plan) -> str:
    """The one sentence of the front: whether it fits, and how fast it writes."""
    speed = speed_words(plan.expected.generated_tokens_per_second)
    short = max(filling.over_bytes for filling in fillings_of(plan).values())
    if plan.fits == "no" and short > 0:
        return translate(
            "Models",
            "It needs {size} more memory than is free here. If it were loaded, the computer "
            "would become very slow, or the load would fail.",
        ).format(size=bytes_text(short))
    if plan.fits == "no":
        return translate(
            "Models",
            "It would take the last of the free memory: the computer would become very slow.",
        )
    if plan.fits == "tight":
        return translate(
            "Models",
            "It fits with little to spare, and {speed}. Close other programs if the computer "
            "gets slow.",
        ).format(speed=speed)
    if verdict_of(plan) == "slow":
        return translate("Models", "It fits, but {speed}.").format(speed=speed)
    return translate("Models", "It fits with room for your other programs, and {speed}.").format(
        speed=speed
    )


def quality_words(tier: Tier) -> str:
    """What a quant keeps of the model, by its published tier."""
    return {
        "A": translate("Models", "as good as the full model"),
        "B": translate("Models", "hardly a difference to the full model"),
        "C": translate("Models", "a small loss"),
        "D": translate("Models", "a noticeable loss"),
        "E": translate("Models", "a clear loss"),
        "F": translate("Models", "damaged"),
    }[tier]


def machine_words(machine: MachineProfile) -> str:
    """For what computer a list is: its memory, and its graphics card."""
    memory = machine.memory
    if isinstance(memory.available_bytes, Unknown) or isinstance(memory.total_bytes, Unknown):
        said = translate("Models", "How much memory is free here is not known")
    else:
        said = translate("Models", "{free} of {total} memory are free for a model").format(
            free=bytes_text(memory.available_bytes), total=bytes_text(memory.total_bytes)
        )
    used = {pool.name: pool for pool in pools_of(machine)[1:]}
    cards = [device for device in known(machine.devices, ()) if device.name in used]
    if not cards:
        return translate("Models", "{memory}; there is no graphics card that can help.").format(
            memory=said
        )
    if all(used[card.name].shares_main for card in cards):
        return translate("Models", "{memory}; {card} shares it.").format(
            memory=said, card=cards[0].description or cards[0].name
        )
    names = [
        translate("Models", "{free} on {card}").format(
            free=bytes_text(used[card.name].free_bytes), card=card.description or card.name
        )
        for card in cards
    ]
    return translate("Models", "{memory}, and {cards}.").format(
        memory=said, cards=translate("Models", " and ").join(names)
    )


def rate_words(tokens_per_second: float, low: float, high: float) -> str:
    """The speed in numbers: "About 6.3 tokens/s (4.7 to 7.9)."."""
    return translate("Models", "About {rate} ({low} to {high}).").format(
        rate=rate_text(tokens_per_second), low=_digits(low), high=_digits(high)
    )


def _digits(rate: float) -> str:
    return f"{rate:.1f}" if rate < 10 else f"{rate:.0f}"
