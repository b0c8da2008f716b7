"""Reads the machines of the zoo. Plain data, no planning."""

from __future__ import annotations

import json
from pathlib import Path

from app.hardware.profile import MachineProfile

FOLDER = Path(__file__).parent / "machines"


def machine_files() -> list[Path]:
    """All machines, by name."""
    return sorted(FOLDER.glob("*.json"))


def read_machine(path: Path) -> MachineProfile:
    """One machine."""
    return MachineProfile.from_dict(json.loads(path.read_text("utf-8")))


def machine_named(name: str) -> MachineProfile:
    """The machine of that file."""
    return read_machine(FOLDER / f"{name}.json")
