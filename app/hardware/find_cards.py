"""Graphics cards as the operating system knows them, without any graphics library.

The body of the child "cards" too: asking may wake a sleeping card, or hang with its driver.
"""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.hardware import linux_cards, macos, windows_cards
from app.hardware.cards import Card

JsonObject = dict[str, Any]
_ROOT = Path("/")


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`cards`: the fields of each `Card`."""
    return {"cards": [dataclasses.asdict(card) for card in cards()]}


def cards() -> list[Card]:
    """Every card of this computer."""
    system = platform.system()
    if system == "Linux":
        return linux_cards.cards(_ROOT)
    if system == "Darwin":
        return macos.cards()
    return windows_cards.cards()


def driver_stamp() -> str:
    """One word that changes when a card, a driver or the choice among drivers does.

    Reads small files and the registry only: safe in any process, and fast.
    """
    system = platform.system()
    if system == "Linux":
        parts = linux_cards.driver_parts(_ROOT)
    elif system == "Darwin":
        parts = [f"macOS {platform.mac_ver()[0]}"]
    else:
        parts = [f"{card.name} {card.driver}" for card in windows_cards.registered_cards()]
    return "; ".join([*parts, *chosen_by_environment()])


def chosen_by_environment() -> list[str]:
    """The variables by which drivers and devices are chosen, where they are set."""
    names = (
        "VK_DRIVER_FILES",
        "VK_ICD_FILENAMES",
        "VK_ADD_DRIVER_FILES",
        "GGML_VK_VISIBLE_DEVICES",
        "CUDA_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES",
    )
    return [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]
