"""Sampling values: what is refused before native code sees it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from app.engine.sampling_rules import MAX_SEED, validate
from app.foundation.errors import InvalidInput
from app.protocol.generation import SamplingParams

N_VOCAB = 100


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"temperature": 0.0},
        {"temperature": 2, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
        {"top_p": 0.0},
        {"repeat_penalty": 1.3, "repeat_last_n": 0},
        {"frequency_penalty": -2.0, "presence_penalty": 2.0},
        {"seed": 0},
        {"seed": MAX_SEED},
        {"logit_bias": ((0, 5.0), (99, -math.inf))},
        {"grammar": 'root ::= "a"'},
    ],
)
def test_sensible_values_pass(values: dict[str, Any]) -> None:
    validate(SamplingParams(**values), N_VOCAB)


@pytest.mark.parametrize(
    "values",
    [
        {name: value}
        for name in (
            "temperature",
            "top_p",
            "min_p",
            "repeat_penalty",
            "frequency_penalty",
            "presence_penalty",
        )
        for value in (math.nan, math.inf, -math.inf, -1e9, 1e9, 1e39, "1", None, True)
    ]
    + [
        {"temperature": -0.1},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"repeat_penalty": 0.0},
        {"top_k": -1},
        {"top_k": 2**31},
        {"top_k": 1.5},
        {"repeat_last_n": -1},
        {"repeat_last_n": 2**31},
        {"seed": -1},
        {"seed": 2**32 - 1},
        {"seed": 1.0},
        {"logit_bias": ((N_VOCAB, 1.0),)},
        {"logit_bias": ((-1, 1.0),)},
        {"logit_bias": ((True, 1.0),)},
        {"logit_bias": ((1, math.nan),)},
        {"logit_bias": ((1, math.inf),)},
        {"logit_bias": ((1, 1e39),)},
        {"logit_bias": tuple((token, -math.inf) for token in range(N_VOCAB))},
        {"logit_bias": ((1, 0.0),) * 70_000},
        {"grammar": "root ::= nope"},
        {"grammar": ""},
    ],
)
def test_senseless_values_are_refused_with_a_sentence(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate(SamplingParams(**values), N_VOCAB)
    assert caught.value.title.endswith(".")
