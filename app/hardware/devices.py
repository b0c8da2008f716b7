"""What drivers say of devices, judged: absurd numbers, the same card seen twice, wrong answers.

Pure. The cards of the operating system fill in what the driver does not tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app.foundation.units import bytes_text
from app.hardware.cards import Card
from app.hardware.profile import Device, Unknown

LARGEST_DISTANCE: Final = 0.25
"""Of logits, in standard deviations: what separates code paths that are both right."""
LARGEST_ERROR: Final = 0.1
"""Of the worst value of a product, in sizes of the result; right ones are within 0.03."""
_FASTEST: Final = 1e18
_WRAPPED: Final = 1 << 62
_MOST_BYTES: Final = 1 << 50
_RANK: Final = ("cuda", "hip", "rocm", "musa", "metal", "sycl", "vulkan", "opencl")
_NO_MEMORY: Final = "rejected: its driver reports no memory"
_ABSURD: Final = "rejected: its driver reports an absurd amount of memory"
_SILENT: Final = Unknown("the driver does not tell")


def ranked(modules: Iterable[str]) -> list[str]:
    """The order in which backends are trusted with a card that several of them see."""

    def place(name: str) -> tuple[int, str]:
        known = (rank for rank, stem in enumerate(_RANK) if name.lower().startswith(stem))
        return next(known, len(_RANK)), name

    return sorted(modules, key=place)


def device_of(raw: Mapping[str, Any], module: str, cards: Sequence[Card]) -> Device:
    """One device as a driver reported it, with its numbers made safe."""
    total, free = int(raw["total_bytes"]), int(raw["free_bytes"])
    card = card_of(raw, cards)
    is_main_memory = bool(raw.get("is_software") or raw.get("is_integrated"))
    kind = "igpu" if raw["kind"] == "gpu" and is_main_memory else str(raw["kind"])
    device = Device(
        name=str(raw["name"]),
        description=str(raw["description"]),
        kind=kind,
        backend=str(raw["backend"]),
        total_bytes=total,
        free_bytes=free,
        id=str(raw.get("id") or (card.id if card else "")),
        driver=str(raw.get("driver") or (card.driver if card else "")) or _SILENT,
        module=module,
        has_display=_has_display(raw, card),
    )
    return replace(device, **_memory(device, card))


def card_of(raw: Mapping[str, Any], cards: Sequence[Card]) -> Card | None:
    """The operating system's card: by PCI address, by name, or because there is only one."""
    address = str(raw.get("id", "")).lower()
    if address:
        return next((card for card in cards if card.id == address), None)
    if raw.get("is_software"):
        return None
    name = _plain(str(raw["description"]))
    alike = [card for card in cards if card.name and _plain(card.name) == name]
    if len(alike) == 1:
        return alike[0]
    return cards[0] if len(cards) == 1 and raw["kind"] != "accelerator" else None


def are_one(ours: Device, theirs: Device) -> bool:
    """Whether two backends mean the same card."""
    if ours.module == theirs.module:
        return False  # one backend that offers a card twice was told to
    if ours.id and theirs.id:
        return ours.id == theirs.id
    # Not by their beginnings: an RTX 3060 is no RTX 3060 Ti.
    name = _plain(ours.description)
    return bool(name) and name == _plain(theirs.description)


def taken_by(device: Device, kept: Sequence[Device], left_out: Sequence[Device]) -> Device | None:
    """The device that already stands for this card, by a backend that works on it.

    A rejected one stands for nothing. Two equal cards without addresses are two.
    """
    twins = [other for other in kept if not other.is_rejected and are_one(device, other)]
    if device.id and any(other.id == device.id for other in twins):
        return twins[0]
    before = [
        other
        for other in left_out
        if other.module == device.module and _plain(other.description) == _plain(device.description)
    ]
    return twins[len(before)] if len(before) < len(twins) else None


def are_devices(found: Any) -> bool:
    """Whether an answer is a list of devices at all, whatever its numbers are."""
    try:
        return all(
            {str(item["name"]), str(item["description"]), str(item["kind"]), str(item["backend"])}
            and int(item["total_bytes"]) >= 0
            and isinstance(item["free_bytes"], int)
            for item in found
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return False


def are_speeds(*numbers: Any) -> bool:
    """Whether these are speeds that a machine can have."""
    return all(
        isinstance(number, int | float) and math.isfinite(number) and 0 < number < _FASTEST
        for number in numbers
    )


def verdict_of(answer: Mapping[str, Any]) -> str:
    """What the comparison with the processor means."""
    distance, error = float(answer["distance"]), float(answer["error"])
    if not error <= LARGEST_ERROR:
        return f"rejected: it multiplies wrongly (off by {_percent(error)})"
    if not distance <= LARGEST_DISTANCE:
        same, count = int(answer["n_same"]), int(answer["n_tokens"])
        return f"rejected: it writes other text than the processor ({same} of {count} words alike)"
    return "verified"


def _memory(device: Device, card: Card | None) -> dict[str, Any]:
    """Safe numbers, who else uses the memory, and a verdict where the numbers rule it out."""
    total, free = device.total_bytes, device.free_bytes
    if device.kind == "accelerator":
        return {"total_bytes": max(0, total), "free_bytes": max(0, min(free, total))}
    if total == 0:
        return {"free_bytes": 0, "verdict": _NO_MEMORY}
    if not 0 < total <= _MOST_BYTES:
        return {"total_bytes": 0, "free_bytes": 0, "verdict": _ABSURD}
    if free < 0 or free >= _WRAPPED:
        # Budget less usage, in unsigned numbers: more is used than the budget allows.
        why = "the driver reports less than nothing as free, which is taken as none"
        return {"free_bytes": 0, "used_by_others_bytes": Unknown(why)}
    if free > total:
        why = f"the driver reports {bytes_text(free)} free, more than there is"
        return {"free_bytes": total, "used_by_others_bytes": Unknown(why)}
    return {"used_by_others_bytes": _used_by_others(device, card)}


def _used_by_others(device: Device, card: Card | None) -> int | Unknown:
    """In a process that holds nothing itself, what is not free is others', or the driver's own."""
    if card is not None and card.used_bytes is not None:
        return card.used_bytes
    if device.free_bytes < device.total_bytes:
        return device.total_bytes - device.free_bytes
    return _SILENT


def _has_display(raw: Mapping[str, Any], card: Card | None) -> bool | Unknown:
    if raw.get("is_software"):
        return False
    if card is None or card.has_display is None:
        return Unknown("the system does not tell")
    return card.has_display


def _plain(name: str) -> str:
    """A card's name without what only one backend adds: marks, brackets, the maker."""
    name = re.sub(r"\((?!r\)|tm\))[^)]*\)", "", name.lower())
    name = re.sub(r"\(r\)|\(tm\)|corporation|graphics|series", " ", name)
    words = re.findall(r"[a-z0-9]+", name)
    return " ".join(word for word in words if word not in ("nvidia", "amd", "intel"))


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %" if part < 100 else "everything"
