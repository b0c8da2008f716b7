"""Load settings that llama.cpp would abort on are refused."""

from __future__ import annotations

import dataclasses
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
    ],
)
def test_unusable_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        dataclasses.replace(LoadSettings(path="m.gguf", n_ctx=4096), **values).check()


def test_a_cancelled_load_is_a_failed_load_with_a_code_of_its_own() -> None:
    error = LoadCancelled()
    assert isinstance(error, LoadFailed)
    assert error.as_dict()["code"] == "load_cancelled"
