"""Every CPU variant that can run here computes what a build for this processor computes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.engine.native import backends
from app.gguf.reader import read_header
from tests.fixtures.runtime_children import N_READ, TOLERATED_DEVIATIONS, Place, distance

N_QUESTIONS = 24


@pytest.fixture(scope="session")
def scores(folder: Path) -> dict[str, int]:
    found: dict[str, int] = Place(folder).ask("scores", folder=str(folder))["scores"]
    return found


def runnable(scores: dict[str, int]) -> list[str]:
    """Slowest first."""
    return sorted((name for name in scores if scores[name] > 0), key=scores.__getitem__)


def test_the_best_is_chosen_unless_one_is_named(folder: Path, scores: dict[str, int]) -> None:
    assert set(scores) == set(backends.variants(folder))
    best = runnable(scores)[-1]
    assert Place(folder).ask("choice")["variant"] == best
    for name in runnable(scores):
        chosen = Place(folder, variant=name).ask("choice")
        assert chosen["variant"] == name
        assert chosen["registered"] == ["CPU"]


def test_what_cannot_run_or_is_not_there_is_not_chosen(
    folder: Path, scores: dict[str, int]
) -> None:
    best = runnable(scores)[-1]
    for name in [*(name for name in scores if scores[name] == 0), "no-such", "../x64"]:
        assert Place(folder, variant=name).ask("choice")["variant"] == best


def test_each_computes_what_the_plain_build_does(
    folder: Path,
    scores: dict[str, int],
    kinds: list[dict[str, Any]],
    prefix: list[int],
    native: list[list[list[float]]],
) -> None:
    far = {}
    for name in runnable(scores):
        place = Place(folder, variant=name)
        runs = place.ask("runs", settings=kinds, tokens=prefix, n_read=N_READ)["runs"]
        far[name] = [
            round(distance(run["logits"], wanted), 4)
            for run, wanted in zip(runs, native, strict=True)
        ]
    print("distance from the plain build, by model:", far)
    assert far
    assert max(map(max, far.values())) <= TOLERATED_DEVIATIONS, far


def test_a_wrong_weight_is_noticed(
    folder: Path,
    usual: dict[str, Any],
    prefix: list[int],
    native: list[list[list[float]]],
    tmp_path: Path,
) -> None:
    spoilt = tmp_path / "spoilt.gguf"
    shutil.copyfile(str(usual["path"]), spoilt)
    header = read_header(spoilt)
    with spoilt.open("r+b") as file:
        file.seek(header.data_offset + header.by_name["blk.2.ffn_down.weight"].offset)
        for _ in range(8):  # the scale of each 34-byte block of the first row
            file.write(b"\x00\x44")  # 4.0 as a half
            file.seek(32, 1)
    settings = [{**usual, "path": str(spoilt)}]
    found = Place(folder).ask("runs", settings=settings, tokens=prefix, n_read=N_READ)
    far = distance(found["runs"][0]["logits"], native[0])
    print("distance with a wrong weight:", far)
    assert far > TOLERATED_DEVIATIONS


def test_the_guide_answers_as_well_as_with_the_plain_build(
    folder: Path, scores: dict[str, int]
) -> None:
    from resources.starter.corpus import OUT_OF_SCOPE, Questions, load_topics
    from resources.starter.evaluate import is_right

    rng = random.Random(5)
    questions, topics = Questions(rng), load_topics()
    asked = [
        (topics[topic], questions.draw(topic))
        for topic in rng.sample(sorted(set(topics) - {OUT_OF_SCOPE}), N_QUESTIONS)
    ]

    def n_right(place: Place) -> int:
        said = place.ask("answers", questions=[question for _, question in asked])["answers"]
        return sum(is_right(topic, answer) for (topic, _), answer in zip(asked, said, strict=True))

    plain = n_right(Place())
    # One of each generation: those between compute the same to the last digit (see above).
    names = runnable(scores)
    chosen = sorted({names[0], names[-1], *({"sandybridge", "haswell"} & set(names))})
    found = {name: n_right(Place(folder, variant=name)) for name in chosen}
    print(f"right of {N_QUESTIONS}: plain {plain}", found)
    assert plain > N_QUESTIONS // 4, "the questions say nothing"
    # Greedy answers part at a word that two choices are equally good for: one may be luck.
    assert min(found.values()) >= plain - 2, found
