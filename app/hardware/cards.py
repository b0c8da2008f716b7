"""One graphics card as the operating system knows it. A plain record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """One card. `id` is its PCI address in lower case, "" where there is none; None and "" are
    what the system does not say."""

    id: str
    name: str
    driver: str
    has_display: bool | None = None
    total_bytes: int | None = None
    used_bytes: int | None = None
    is_integrated: bool | None = None
