"""Mesa's processor-made Vulkan device takes any number of layers, experts and shares, as planned.

It stands in for a graphics card: placement, arithmetic and buffers are real, speed and memory not.
"""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest

from app.gguf.reader import read_header
from app.planner.layout import layout_of, places_of
from app.planner.memory import Configuration
from app.planner.pools import MAIN, Pool
from tests.fixtures.runtime_children import (
    N_READ,
    TOLERATED_DEVIATIONS,
    ChildEnded,
    Place,
    distance,
)
from tests.fixtures.tiny_models import make

N_LAYERS = 5  # of the built-in model
Json = dict[str, Any]


def software(folder: Path, devices: str = "0") -> Place:
    """A process with the module, and Mesa's device once for each number."""
    return Place(folder, modules="vulkan", environment={"GGML_VK_VISIBLE_DEVICES": devices})


@pytest.fixture(scope="session", autouse=True)
def _needs_device(folder: Path) -> None:
    try:
        found = software(folder).ask("choice")["devices"]
    except ChildEnded as error:
        pytest.fail(f"the Vulkan module ended its process: {error}")
    if not [device for device in found if device["backend"] == "Vulkan"]:
        pytest.skip("there is no Vulkan device (Debian: mesa-vulkan-drivers)")


#: What pinned main memory takes beyond what is asked of it (ggml-vulkan.cpp, the host buffer type
#: "behaves like the CPU buffer type"); a dry run makes no buffer and does not count it.
PINNED_BYTES = 32


def as_counted(run: Json, *, pipelined: bool = False) -> bool:
    """Whether a load took what its dry run said: on devices to the byte.

    With all layers on several devices llama.cpp lets them work on different batches at once, and
    then counts up to a fifth more computing memory than it takes: on the safe side.
    """
    counted, taken = run["counted"]["devices"], run["taken"]["devices"]
    if set(counted) != set(taken) or not run["counted"]["exact"]:
        return False
    for name, parts in taken.items():
        spare = PINNED_BYTES * (len(taken) - 1) if name == MAIN else 0
        for part, size in parts.items():
            slack = size / 4 if pipelined and part == "compute" else 0
            if not -slack <= size - counted[name][part] <= spare:
                return False
    return True


def test_without_being_named_the_module_is_not_opened(folder: Path) -> None:
    place = dataclasses.replace(software(folder), modules="")
    assert place.ask("choice")["registered"] == ["CPU"]


def test_every_number_of_layers(
    folder: Path, usual: Json, prefix: list[int], native: list[list[list[float]]]
) -> None:
    """V7: logits as on the processor, and a dry run that counts what is taken."""
    asked = [{**usual, "n_gpu_layers": number} for number in range(N_LAYERS + 2)]
    found = software(folder).ask("runs", settings=asked, tokens=prefix, n_read=N_READ, dry_run=True)
    before = -1
    for number, run in enumerate(found["runs"]):
        assert run["places"].count("Vulkan0") == number
        assert distance(run["logits"], native[0]) <= TOLERATED_DEVIATIONS
        assert as_counted(run), (run["counted"], run["taken"])
        taken = run["taken"]["devices"].get("Vulkan0", {"model": 0})["model"]
        assert taken > before
        before = taken
    far = [round(distance(run["logits"], native[0]), 4) for run in found["runs"]]
    print("distance by number of layers:", far)


def test_all_kinds_of_weights_on_it(
    folder: Path, kinds: list[Json], prefix: list[int], native: list[list[list[float]]]
) -> None:
    # Without experts: Mesa 22.3 reads past their buffers when it multiplies them by many tokens.
    asked = [
        {**settings, "n_gpu_layers": -1} for settings in kinds if "moe" not in settings["path"]
    ]
    found = software(folder).ask("runs", settings=asked, tokens=prefix, n_read=N_READ, dry_run=True)
    far = [
        round(distance(run["logits"], wanted), 4)
        for run, wanted in zip(found["runs"], native, strict=False)
    ]
    print("distance by model:", far)
    assert max(far) <= TOLERATED_DEVIATIONS
    for run in found["runs"]:
        assert set(run["places"]) == {"Vulkan0"}
        assert as_counted(run), (run["counted"], run["taken"])


def test_an_empty_list_of_devices_keeps_all_on_the_processor(
    folder: Path, usual: Json, prefix: list[int]
) -> None:
    asked = [{**usual, "n_gpu_layers": -1, "devices": []}, usual]
    runs = software(folder).ask("runs", settings=asked, tokens=prefix[:8], n_read=4)["runs"]
    for run in runs:
        assert set(run["taken"]["devices"]) == {"CPU"}
    assert runs[0]["logits"] == runs[1]["logits"]


SHARES = [
    {"tensor_split": []},
    {"tensor_split": [1, 1]},
    {"tensor_split": [3, 1]},
    {"tensor_split": [1, 0]},
    {"tensor_split": [0, 1]},
    {"tensor_split": [2, 5], "devices": ["Vulkan1", "Vulkan0"]},
    {"tensor_split": [1], "devices": ["Vulkan1"]},
]


def test_two_devices_share_the_layers_as_the_planner_says(
    folder: Path, usual: Json, prefix: list[int], native: list[list[list[float]]]
) -> None:
    """V8, for shares, orders and numbers of layers."""
    place = software(folder, "0,0")
    found = place.ask("choice")["devices"]
    pools = tuple(
        Pool(device["name"], device["free_bytes"], device["total_bytes"], 0) for device in found
    )
    assert [pool.name for pool in pools] == [MAIN, "Vulkan0", "Vulkan1"]
    asked = [
        {**usual, "n_gpu_layers": number, **share}
        for number, share in itertools.product((1, 2, 3, 5, 6), SHARES)
    ]
    runs = place.ask("runs", settings=asked, tokens=prefix[:8], n_read=4, dry_run=True)["runs"]
    for settings, run in zip(asked, runs, strict=True):
        configuration = Configuration(
            settings["n_ctx"],
            settings["n_gpu_layers"],
            devices=tuple(settings.get("devices", ())),
            tensor_split=tuple(settings["tensor_split"]),
        )
        expected = places_of(layout_of(configuration, pools, N_LAYERS), pools)
        assert tuple(run["places"]) == expected, settings
        pipelined = settings["n_gpu_layers"] > N_LAYERS and settings.get("devices") != ["Vulkan1"]
        assert as_counted(run, pipelined=pipelined), (settings, run["counted"], run["taken"])
    whole = [{**usual, "n_gpu_layers": -1, "tensor_split": [1, 1]}]
    run = place.ask("runs", settings=whole, tokens=prefix, n_read=N_READ)["runs"][0]
    assert distance(run["logits"], native[0]) <= TOLERATED_DEVIATIONS


def test_experts_of_the_first_layers_stay_in_main_memory(
    folder: Path, usual: Json, prefix: list[int], tiny_models: Path
) -> None:
    path = make("qwen3moe", tiny_models / "experts", n_layer=4, name="four-layers")
    experts: dict[int, int] = {}
    for tensor in read_header(path).tensors:
        if tensor.name.endswith("_exps.weight"):
            layer = int(tensor.name.split(".")[1])
            experts[layer] = experts.get(layer, 0) + tensor.n_bytes
    assert len(experts) == 4
    numbers = (0, 1, 2, 4, 9)
    base = {**usual, "path": str(path)}
    # One token at a time; see above.
    reading: Json = {"tokens": prefix[:12], "n_read": 1}
    plain = Place().ask("runs", settings=[base], **reading)["runs"][0]["logits"]
    placed = [{**base, "n_gpu_layers": -1, "n_cpu_moe": number} for number in numbers]
    runs = software(folder).ask("runs", settings=placed, dry_run=True, **reading)["runs"]
    on_device = [run["taken"]["devices"]["Vulkan0"]["model"] for run in runs]
    for number, run, left in zip(numbers, runs, on_device, strict=True):
        kept = sum(size for layer, size in experts.items() if layer < number)
        assert on_device[0] - left == kept
        assert len(run["overridden"]) == 3 * min(number, 4)
        assert set(run["overridden"].values()) <= {"Vulkan_Host", "CPU"}
        assert as_counted(run), (run["counted"], run["taken"])
        assert distance(run["logits"], plain) <= TOLERATED_DEVIATIONS
