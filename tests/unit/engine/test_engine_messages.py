"""Load settings that llama.cpp would abort on are refused."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from app.engine.messages import LoadCancelled, LoadSettings
from app.foundation.errors import InvalidInput, LoadFailed


def test_defaults_pass() -> None:
    LoadSettings(path="m.gguf", n_ctx=4096).check()


@pytest.mark.parametrize(
    "values",
    [
        {"n_ctx": 0},
        {"n_ctx": 10**9},
        {"n_seq_max": 0},
        {"n_seq_max": 10_000},
        {"n_batch": 2, "n_ubatch": 2, "n_seq_max": 4},
        {"n_ubatch": 1024, "n_batch": 512},
        {"n_ubatch": 0},
        {"n_threads": 0},
        {"n_threads_batch": 100_000},
        {"n_gpu_layers": -2},
        {"cache_type_k": "q3_k"},
        {"cache_type_v": "F16"},
        {"flash_attn": "yes"},
        {"load_mode": "auto"},
        {"n_cpu_moe": -1},
        {"n_cpu_moe": 4096},
        {"devices": ("Vulkan0", "Vulkan0")},
        {"devices": ("",)},
        {"devices": ("Vulkan0\0",)},
        {"devices": tuple(f"Vulkan{index}" for index in range(17))},
        {"tensor_split": (1.0, -1.0)},
        {"tensor_split": (0.0, 0.0)},
        {"tensor_split": (float("nan"), 1.0)},
        {"tensor_split": (float("inf"), 1.0)},
        {"tensor_split": (1.0,) * 17},
        {"devices": ("Vulkan0",), "tensor_split": (1.0, 1.0)},
        {"devices": (), "tensor_split": (1.0,)},
    ],
)
def test_unusable_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        dataclasses.replace(LoadSettings(path="m.gguf", n_ctx=4096), **values).check()


@pytest.mark.parametrize(
    "values",
    [
        {"n_cpu_moe": 4095},
        {"devices": ()},
        {"devices": ("Vulkan1", "Vulkan0"), "tensor_split": (3.0, 0.0)},
        {"tensor_split": (1.0,) * 16},
    ],
)
def test_a_placement_passes_and_survives_json(values: dict[str, Any]) -> None:
    settings = dataclasses.replace(LoadSettings(path="m.gguf", n_ctx=4096), **values)
    settings.check()
    assert LoadSettings.of(json.loads(json.dumps(dataclasses.asdict(settings)))) == settings


def test_what_touches_no_device_says_so() -> None:
    settings = LoadSettings(path="m.gguf", n_ctx=4096, n_gpu_layers=5)
    assert settings.uses_gpu
    assert not dataclasses.replace(settings, devices=()).uses_gpu
    assert not dataclasses.replace(settings, n_gpu_layers=0).uses_gpu


def test_a_cancelled_load_is_a_failed_load_with_a_code_of_its_own() -> None:
    error = LoadCancelled()
    assert isinstance(error, LoadFailed)
    assert error.as_dict()["code"] == "load_cancelled"
