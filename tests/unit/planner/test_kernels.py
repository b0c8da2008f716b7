"""How fast each type is on a processor: shares of what the probe timed."""

from __future__ import annotations

import dataclasses

import pytest

from app.planner.kernels import pace_of
from app.planner.speed import ubatch_for
from tests.fixtures.plans import llama_8b, machine

NEW, OLD = ("AVX2", "FMA"), ("SSE3", "AVX")


@pytest.mark.parametrize(
    ("quant", "kind"),
    [("Q4_K_M", "Q4_K"), ("UD-Q4_K_XL", "Q4_K"), ("IQ3_XXS", "IQ3"), ("MXFP4_MOE", "MXFP4")],
)
def test_a_label_is_read_down_to_its_type(quant: str, kind: str) -> None:
    assert pace_of(quant, NEW) == pace_of(kind, NEW)
    assert pace_of(quant, NEW) != pace_of("some other label", NEW)


def test_one_column_is_slower_than_many_but_for_old_processors() -> None:
    new, old = pace_of("Q4_K_M", NEW), pace_of("Q4_K_M", OLD)
    assert new.writing < new.reading
    assert old.writing == old.reading


def test_a_slow_type_has_shorter_steps_so_that_stop_acts_as_soon() -> None:
    quick, slow = llama_8b(), dataclasses.replace(llama_8b(), quant="Q4_1")
    assert ubatch_for(slow, 4096, 4, machine()) < ubatch_for(quick, 4096, 4, machine())
