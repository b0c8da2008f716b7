"""The tier of a quant, from its published number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.planner.quality import TIERS, Quality, quality_of, tier_of


@pytest.mark.parametrize(
    ("quant", "imatrix", "tier"),
    [
        ("F16", False, "A"),
        ("Q8_0", False, "A"),
        ("Q6_K", False, "A"),
        ("Q5_K_M", False, "B"),
        ("Q5_K_S", False, "B"),
        ("Q4_K_M", True, "C"),
        ("Q4_K_M", False, "C"),
        ("Q4_K_S", True, "C"),
        ("Q4_K_S", False, "D"),
        ("IQ4_NL", True, "C"),
        ("IQ4_XS", True, "C"),
        ("Q4_0", False, "D"),
        ("Q3_K_L", True, "D"),
        ("Q3_K_M", True, "D"),
        ("Q3_K_M", False, "D"),
        ("IQ3_M", True, "D"),
        ("IQ3_XXS", True, "E"),
        ("Q3_K_S", True, "E"),
        ("IQ2_M", True, "F"),
        ("Q2_K", True, "F"),
        ("IQ2_XS", True, "F"),
        ("IQ1_S", True, "F"),
        ("nonsense", False, "F"),
        ("", False, "F"),
    ],
)
def test_tiers_are_those_that_were_published(quant: str, imatrix: bool, tier: str) -> None:
    assert quality_of(quant, imatrix=imatrix).tier == tier


def test_a_large_model_bears_one_tier_more() -> None:
    assert quality_of("Q3_K_M", n_params=70_000_000_000) == Quality("C", 0.1019)
    assert quality_of("Q3_K_M", n_params=59_000_000_000).tier == "D"
    assert quality_of("Q8_0", n_params=70_000_000_000).tier == "A"


def test_a_file_may_have_a_tier_of_its_own() -> None:
    trained = quality_of("Q4_0", override="B")
    assert (trained.tier, trained.kld) == ("B", 0.0719)


def test_mixes_of_the_same_base_type_count_as_it() -> None:
    assert quality_of("UD-Q4_K_XL", imatrix=True) == quality_of("Q4_K_M", imatrix=True)
    assert quality_of("Q6_K_L").kld <= quality_of("Q5_K_M").kld


@given(st.text(max_size=12), st.booleans(), st.integers(-5, 10**13))
def test_any_label_has_a_tier(quant: str, imatrix: bool, n_params: int) -> None:
    found = quality_of(quant, imatrix=imatrix, n_params=n_params)
    assert found.tier in TIERS
    assert found.is_at_least(found.tier)
    assert found.is_at_least("F")


def test_only_tiers_are_tiers() -> None:
    assert tier_of("C") == "C"
    with pytest.raises(ValueError, match="no tier"):
        tier_of("G")
