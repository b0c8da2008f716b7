"""Machine files with nonsense in them: refused with a remedy, or planned for with reasons."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from app.foundation.errors import InvalidInput
from app.hardware.profile import MachineProfile
from app.planner.choose import choose
from app.planner.plan import Plan, Wish, plan_for
from tests.zoo.keeper import FOLDER
from tests.zoo.models import files_of
from tests.zoo.survey import plan_of

MODELS = ("llama-3.2-1b", "qwen3.5-9b", "gpt-oss-20b")
HUGE = 1 << 80
NOTHING: dict[str, Any] = {"unknown": "nobody knows"}

Change = tuple[str, Any]

REFUSED: dict[str, tuple[Change, ...]] = {
    "no memory record": (("memory", ...),),
    "no processor record": (("processor", ...),),
    "no devices": (("devices", ...),),
    "no power": (("power", ...),),
    "a field of the processor is missing": (("processor.physical_cores", ...),),
    "the memory is a sentence": (("memory", "plenty"),),
    "the memory is a list": (("memory", [16]),),
    "bytes in words": (("memory.total_bytes", "16 GB"),),
    "bytes are nothing": (("memory.total_bytes", None),),
    "bytes are a list": (("memory.available_bytes", [1, 2]),),
    "bytes without end": (("memory.total_bytes", float("inf")),),
    "bytes that are no number": (("memory.total_bytes", float("nan")),),
    "cores in words": (("processor.physical_cores", "eight"),),
    "a quota that is no number": (("processor.quota_cores", float("nan")),),
    "a speed without end": (("memory.bandwidth_bytes_per_s", float("inf")),),
    "devices are a number": (("devices", 2),),
    "devices are names": (("devices", ["RTX 4090"]),),
    "a device without a name": (("devices.0.name", ...),),
    "a device's bytes in words": (("devices.0.free_bytes", "all of it"),),
    "unified in words": (("memory.is_unified", "yes"),),
    "a display in words": (("devices.0.has_display", "two"),),
    "an unknown fact with more in it": (("memory.total_bytes", {"unknown": "x", "more": 1}),),
}

PLANNED: dict[str, tuple[Change, ...]] = {
    "no memory at all": (("memory.total_bytes", 0), ("memory.available_bytes", 0)),
    "nothing available": (("memory.available_bytes", 0),),
    "memory below nothing": (("memory.total_bytes", -1), ("memory.available_bytes", -5)),
    "available below nothing": (("memory.available_bytes", -HUGE),),
    "more available than there is": (("memory.available_bytes", 1 << 44),),
    "memory beyond sense": (("memory.total_bytes", HUGE), ("memory.available_bytes", HUGE)),
    "memory unknown": (("memory.total_bytes", NOTHING), ("memory.available_bytes", NOTHING)),
    "available unknown": (("memory.available_bytes", NOTHING),),
    "total unknown": (("memory.total_bytes", NOTHING),),
    "a limit of nothing": (("memory.limit_bytes", 0),),
    "a limit below nothing": (("memory.limit_bytes", -1),),
    "a limit below any model": (("memory.limit_bytes", 32 << 20),),
    "a limit unknown": (("memory.limit_bytes", NOTHING),),
    "a limit beyond sense": (("memory.limit_bytes", HUGE),),
    "no bandwidth": (("memory.bandwidth_bytes_per_s", 0),),
    "bandwidth below nothing": (("memory.bandwidth_bytes_per_s", -3e9),),
    "bandwidth beyond sense": (("memory.bandwidth_bytes_per_s", 1e300),),
    "no cores": tuple(
        (f"processor.{name}_cores", 0)
        for name in ("logical", "physical", "performance", "usable", "efficiency")
    ),
    "cores below nothing": tuple(
        (f"processor.{name}_cores", -4)
        for name in ("logical", "physical", "performance", "usable", "efficiency")
    ),
    "a billion cores": tuple(
        (f"processor.{name}_cores", 10**9)
        for name in ("logical", "physical", "performance", "usable", "efficiency")
    ),
    "cores unknown": tuple(
        (f"processor.{name}_cores", NOTHING)
        for name in ("logical", "physical", "performance", "usable", "efficiency")
    ),
    "a quota of nothing": (("processor.quota_cores", 0),),
    "a quota below nothing": (("processor.quota_cores", -2.5),),
    "a quota beyond sense": (("processor.quota_cores", 1e300),),
    "a quota unknown": (("processor.quota_cores", NOTHING),),
    "no instruction sets": (("processor.instruction_sets", []),),
    "unheard-of instruction sets": (("processor.instruction_sets", ["MMX", "☃", ""]),),
    "a core that counts backwards": (("processor.core_flops", -1e9),),
    "a core beyond sense": (("processor.core_flops", 1e200),),
    "a device with no bytes": (("devices.0.total_bytes", 0), ("devices.0.free_bytes", 0)),
    "a full device": (("devices.0.free_bytes", 0),),
    "more free than total": (("devices.0.free_bytes", 1 << 45),),
    "a device below nothing": (("devices.0.total_bytes", -1), ("devices.0.free_bytes", -1)),
    "free bytes counted below zero": (("devices.0.free_bytes", (1 << 64) - 4096),),
    "a device beyond sense": (("devices.0.total_bytes", HUGE), ("devices.0.free_bytes", HUGE)),
    "others hold more than there is": (("devices.0.used_by_others_bytes", 1 << 50),),
    "others hold less than nothing": (("devices.0.used_by_others_bytes", -(1 << 40)),),
    "a device without speed": (("devices.0.bandwidth_bytes_per_s", 0), ("devices.0.flops", 0)),
    "a device of an unknown kind": (("devices.0.kind", "npu"),),
    "a device called as the processor is": (("devices.0.name", "CPU"),),
    "a device without any name": (("devices.0.name", ""), ("devices.0.description", "")),
    "a rejected device": (("devices.0.verdict", "rejected: it hung"),),
    "devices unknown": (("devices", NOTHING),),
    "no device": (("devices", []),),
    "a full disk": (("disk.free_bytes", 0), ("disk.total_bytes", 0)),
    "a battery beyond sense": (("power.source", "battery"), ("power.battery_percent", -900)),
    "power from somewhere": (("power.source", "a hamster"),),
    "an empty system": (("system", ""), ("architecture", ""), ("processor.model", "")),
    "everything unknown": tuple(
        (name, NOTHING)
        for name in ("system", "architecture", "devices", "disk.free_bytes", "power.source")
    ),
}

MANY = [
    {"name": f"Vulkan{number}", "description": "A card", "kind": "gpu", "backend": "Vulkan"}
    | {"total_bytes": 8 << 30, "free_bytes": 7 << 30}
    for number in range(40)
]


def _changed(changes: tuple[Change, ...]) -> dict[str, Any]:
    """A good machine with one card, spoilt. `...` takes a field away."""
    record: Any = json.loads((FOLDER / "nvidia-12gb.json").read_text("utf-8"))
    for path, value in changes:
        *way, last = path.split(".")
        place = record
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = copy.deepcopy(value)
    return dict(record)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_saved_probe_is_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        MachineProfile.from_dict(_changed(REFUSED[name]))
    error = refused.value
    assert error.title
    assert error.detail
    assert "hearth probe --json" in error.remedy


@pytest.mark.parametrize("name", PLANNED)
@pytest.mark.parametrize("model", MODELS)
def test_nonsense_costs_the_fact_and_never_the_plan(name: str, model: str) -> None:
    machine = MachineProfile.from_dict(_changed(PLANNED[name]))
    for candidate in files_of(model):
        plan = plan_of(machine, candidate)
        _is_honest(plan)
        assert machine.lines()


@pytest.mark.parametrize("name", PLANNED)
def test_a_choice_among_files_survives_nonsense(name: str) -> None:
    machine = MachineProfile.from_dict(_changed(PLANNED[name]))
    choice = choose(machine, files_of("qwen3.5-9b"), Wish())
    _is_honest(choice.plan)
    assert len(choice.rejected) == 2


@pytest.mark.parametrize("model", MODELS)
def test_forty_cards_are_planned_for(model: str) -> None:
    machine = MachineProfile.from_dict(_changed((("devices", MANY),)))
    for candidate in files_of(model):
        _is_honest(plan_of(machine, candidate))


@pytest.mark.parametrize(
    "wish",
    [
        Wish(n_ctx=1),
        Wish(n_ctx=1 << 40),
        Wish(n_gpu_layers=10**9),
        Wish(n_threads=10**9),
        Wish(n_cpu_moe=10**9),
        Wish(devices=("Nobody7",)),
        Wish(devices=("Vulkan0", "Vulkan0")),
        Wish(n_ctx_wanted=1 << 40),
        Wish(least_tokens_per_second=1e9, least_quality="A"),
    ],
    ids=repr,
)
def test_wishes_that_cannot_be_met_are_answered(wish: Wish) -> None:
    machine = MachineProfile.from_dict(_changed(()))
    for model in MODELS:
        for candidate in files_of(model):
            _is_honest(plan_for(machine, candidate.facts, wish))


def _is_honest(plan: Plan) -> None:
    """Whole sentences, numbers that JSON can hold, and no "fits" past what is free."""
    saved = json.loads(json.dumps(plan.as_dict(), allow_nan=False))
    assert saved["reasons"]
    for sentence in (*saved["reasons"], *saved["alternatives"]):
        assert sentence.strip().endswith((".", ")"))
    assert plan.lines()
    assert plan.n_ctx >= 256
    assert plan.n_threads >= 1
    assert plan.expected.generated_tokens_per_second >= 0
    for share in plan.memory:
        assert share.need.total_bytes >= 0
        assert share.pool.free_bytes >= 0
        if plan.fits != "no" and share.pool.is_known:
            assert share.margin_bytes >= 0
    if plan.fits == "no":
        assert saved["alternatives"], "a plan that does not fit names a remedy"
