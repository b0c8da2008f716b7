"""Which file is chosen, which two are shown beside it, and what is said of them."""

from __future__ import annotations

import dataclasses

import pytest

from app.gguf.facts import ModelFacts
from app.planner.choose import Candidate, Choice, choose
from app.planner.explain import sentence
from app.planner.learnt import Learnt, Residual
from app.planner.plan import Wish, plan_for
from app.planner.quality import quality_of
from tests.fixtures.machines import card, llama_8b, machine

BITS = {"Q8_0": 8.5, "Q6_K": 6.56, "Q4_K_M": 4.89, "Q3_K_M": 4.0, "Q2_K": 3.16}


def sized(billions: float, quant: str) -> ModelFacts:
    """A dense model of this many weights."""
    layer = int(billions * 1e9 * BITS[quant] / 8 / 34)
    return llama_8b(
        name=f"Test {billions:g}B",
        quant=quant,
        layer_bytes=(layer,) * 32,
        input_bytes=layer,
        output_bytes=layer,
        file_bytes=34 * layer,
        n_params=int(billions * 1e9),
    )


def files(billions: float, rank: int, *quants: str) -> list[Candidate]:
    return [
        Candidate(
            f"Test {billions:g} B",
            rank,
            sized(billions, quant),
            f"test-{billions:g}b-{quant}.gguf",
            quality_of(quant, imatrix=True, n_params=int(billions * 1e9)),
        )
        for quant in quants
    ]


CATALOGUE = (
    *files(1, 10, "Q4_K_M", "Q8_0"),
    *files(4, 30, "Q3_K_M", "Q4_K_M", "Q8_0"),
    *files(8, 50, "Q2_K", "Q4_K_M", "Q8_0"),
    *files(32, 80, "Q3_K_M", "Q4_K_M"),
)


def named(choice: Choice) -> tuple[str, str]:
    return choice.candidate.model, choice.candidate.facts.quant


def sentences(choice: Choice) -> list[str]:
    return [sentence(rejected.reason) for rejected in choice.rejected]


def test_the_larger_model_is_better_than_the_finer_quant_and_that_is_said() -> None:
    here = machine(8, 12, cards=(card(7, 8),))
    both = (*files(8, 50, "Q4_K_M"), *files(4, 30, "Q8_0"))
    choice = choose(here, both)
    assert named(choice) == ("Test 8 B", "Q4_K_M")
    assert sentences(choice) == [
        "Q4_K_M of Test 8 B is better than Q8_0 of Test 4 B here, and about as fast."
    ]


def test_what_would_be_better_and_is_too_big_stands_beside_the_choice() -> None:
    choice = choose(machine(8, 12), CATALOGUE, Wish(least_tokens_per_second=0))
    assert named(choice) == ("Test 8 B", "Q4_K_M")
    said = sentences(choice)
    assert said[0].startswith("Q8_0 of Test 8 B needs ")
    assert said[0].endswith(" are free.")
    assert len(said) == 2


def test_what_writes_too_slowly_is_not_chosen() -> None:
    here = machine(60, 64)
    plain = choose(here, CATALOGUE, Wish(least_tokens_per_second=0.1))
    assert plain.candidate.model == "Test 32 B"
    quick = choose(here, CATALOGUE, Wish(least_tokens_per_second=10))
    assert quick.plan.expected.generated_tokens_per_second >= 10
    assert any("slower than" in text for text in sentences(quick))


def test_a_damaged_large_model_gives_way_to_a_sound_small_one() -> None:
    here = machine(7, 10, cards=(card(5, 6),))
    pair = (*files(8, 50, "Q2_K"), *files(4, 30, "Q4_K_M"))
    choice = choose(here, pair)
    assert named(choice) == ("Test 4 B", "Q4_K_M")
    assert sentences(choice) == ["Q2_K of Test 8 B loses more of the model than was asked for."]
    asked = choose(here, pair, Wish(least_quality="F"))
    assert named(asked) == ("Test 4 B", "Q4_K_M")
    assert "is the safer choice" in sentences(asked)[0]


def test_a_pinned_quant_wins_even_where_it_does_not_fit() -> None:
    choice = choose(machine(3, 4), CATALOGUE, Wish(quant="Q3_K_M"))
    assert choice.candidate.facts.quant == "Q3_K_M"
    assert all("Q3_K_M" in text for text in sentences(choice))


def test_where_nothing_fits_the_nearest_is_shown_as_not_fitting() -> None:
    choice = choose(machine(0.2, 4), CATALOGUE)
    assert choice.plan.fits == "no"
    assert named(choice) == ("Test 1 B", "Q4_K_M")
    assert "smaller_model" in {other.code for other in choice.plan.alternatives}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_more_is_shown_than_there_is(n: int) -> None:
    choice = choose(machine(), CATALOGUE[:n])
    assert len(choice.rejected) == n - 1
    with pytest.raises(ValueError, match="nothing"):
        choose(machine(), ())


def test_the_order_of_the_catalogue_does_not_matter() -> None:
    for gib in (2, 5, 8, 14, 40):
        here = machine(gib, 48, cards=(card(gib / 2, 24),))
        first, second = choose(here, CATALOGUE), choose(here, CATALOGUE[::-1])
        assert first == second
        assert first.plan == plan_for(here, first.candidate.facts)


def test_what_was_learnt_moves_speed_memory_and_choice() -> None:
    here, facts = machine(12, 16), llama_8b()
    plain = plan_for(here, facts)
    slow = Learnt((Residual("CPU", "", "llama", 0, 0.5, 0.25, 3),))
    taught = plan_for(here, facts, learnt=slow)
    expected, before = taught.expected, plain.expected
    assert expected.generated_tokens_per_second == pytest.approx(
        before.generated_tokens_per_second / 4, abs=0.1
    )
    assert expected.prompt_tokens_per_second == pytest.approx(
        before.prompt_tokens_per_second / 2, abs=0.1
    )
    assert expected.spread < before.spread
    assert {"speed_learnt", "slow"} <= {reason.code for reason in taught.reasons}
    heavy = Learnt((Residual("CPU", "", "llama", 3 << 30),))
    assert plan_for(here, facts, learnt=heavy).needed_bytes == plain.needed_bytes + (3 << 30)
    light = Learnt((Residual("CPU", "", "llama", -(3 << 30)),))
    assert plan_for(here, facts, learnt=light).needed_bytes == plain.needed_bytes
    other = Learnt((Residual("CPU", "", "qwen3", 3 << 30, 9.0, 9.0),))
    assert plan_for(here, facts, learnt=other) == plain
    assert (
        choose(here, CATALOGUE, learnt=slow).candidate.rank < choose(here, CATALOGUE).candidate.rank
    )


def test_a_cards_margin_is_what_was_learnt() -> None:
    facts = llama_8b()
    here = machine(cards=(card(6.3, 8),))
    devices = here.devices
    assert isinstance(devices, tuple)
    here = dataclasses.replace(here, devices=(dataclasses.replace(devices[0], driver="560.1"),))
    plain = plan_for(here, facts, Wish(n_ctx=8192, cache_type_k="f16", cache_type_v="f16"))
    taught = plan_for(
        here,
        facts,
        Wish(n_ctx=8192, cache_type_k="f16", cache_type_v="f16"),
        learnt=Learnt((Residual("CUDA", "560.1", "llama", 100 << 20),)),
    )
    assert plain.memory[1].pool.reserve_bytes == 1 << 30
    assert taught.memory[1].pool.reserve_bytes == 8 * (1 << 30) // 20
    assert taught.configuration.n_gpu_layers > plain.configuration.n_gpu_layers
