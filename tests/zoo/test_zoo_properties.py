"""What must hold for every machine of the zoo and every file of the catalogue, whatever is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.hardware.profile import Device, MachineProfile, known
from app.planner.choose import Choice, choose
from app.planner.explain import sentence
from app.planner.memory import FITS
from app.planner.plan import Plan
from tests.zoo.keeper import machine_files, read_machine
from tests.zoo.models import WELL_KNOWN, all_candidates, files_of
from tests.zoo.survey import USES, plan_of, recommended

FILES = machine_files()
NAMES = [path.stem for path in FILES]
GIB = 1 << 30
SAMPLE = tuple(one for name in (*WELL_KNOWN, "lfm2.5-350m", "qwen3.5-9b") for one in files_of(name))

Growth = Callable[[MachineProfile], MachineProfile]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_file_is_planned_past_what_is_free(path: Path) -> None:
    machine = read_machine(path)
    for candidate in all_candidates():
        plan = plan_of(machine, candidate)
        if plan.fits != "no":
            _is_within(plan, machine)


def _is_within(plan: Plan, machine: MachineProfile) -> None:
    free = {device.name: device.free_bytes for device in known(machine.devices, ())}
    in_main = 0
    for share in plan.memory:
        assert share.need.total_bytes <= free.get(share.pool.name, share.need.total_bytes)
        assert share.margin_bytes >= 0
        if share.pool.name == "CPU" or share.pool.shares_main:
            in_main += share.need.total_bytes
    assert in_main <= known(machine.memory.available_bytes, 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("use", USES)
def test_every_machine_gets_a_model_that_runs_or_a_remedy(name: str, use: str) -> None:
    choice = recommended(name, use)
    if choice.plan.fits == "no":
        sentences = [sentence(reason) for reason in choice.plan.alternatives]
        assert any("would" in text or "close" in text for text in sentences)
    else:
        assert choice.plan.expected.generated_tokens_per_second > 0


@pytest.mark.parametrize("name", NAMES)
def test_two_others_are_named_and_why_they_are_not_it(name: str) -> None:
    choice = recommended(name, "everyday")
    assert len(choice.rejected) == 2
    files = {choice.candidate.file, *(other.candidate.file for other in choice.rejected)}
    assert len(files) == 3
    for other in choice.rejected:
        assert sentence(other.reason).endswith(".")


def _more_main(by: Callable[[int], int]) -> Growth:
    def grown(machine: MachineProfile) -> MachineProfile:
        memory = machine.memory
        total, free = known(memory.total_bytes, 0), known(memory.available_bytes, 0)
        limit = memory.limit_bytes
        most = limit if isinstance(limit, int) else total
        return replace(machine, memory=replace(memory, available_bytes=min(most, by(free))))

    return grown


def _more_on_cards(machine: MachineProfile) -> MachineProfile:
    def freed(device: Device) -> Device:
        more = min(device.total_bytes, device.free_bytes + 2 * GIB)
        others = device.used_by_others_bytes
        taken = max(0, others - 2 * GIB) if isinstance(others, int) else others
        return replace(device, free_bytes=more, used_by_others_bytes=taken)

    devices = machine.devices
    if isinstance(devices, tuple):
        devices = tuple(map(freed, devices))
    return replace(machine, devices=devices)


GROWTHS: dict[str, Growth] = {
    "half a gigabyte": _more_main(lambda free: free + GIB // 2),
    "half as much again": _more_main(lambda free: free * 3 // 2),
    "all there is": _more_main(lambda free: 1 << 60),
    "cards": _more_on_cards,
}


@pytest.mark.parametrize("growth", GROWTHS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_more_memory_never_makes_a_worse_recommendation(path: Path, growth: str) -> None:
    machine = read_machine(path)
    before = choose(machine, SAMPLE)
    after = choose(GROWTHS[growth](machine), SAMPLE)
    assert _worth(after) >= _worth(before)


def _worth(choice: Choice) -> tuple[int, bool, int, int]:
    """How well it fits, whether it keeps the pace, and how good the model is."""
    plan, candidate = choice.plan, choice.candidate
    fast = plan.expected.generated_tokens_per_second >= 6.0
    return FITS.index(plan.fits), fast, candidate.rank, -ord(candidate.quality.tier)
