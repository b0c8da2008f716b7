"""What one profile sees: the catalogue that ships, and a person's own file over it."""

from __future__ import annotations

import random
import re
import tomllib
from array import array
from pathlib import Path
from typing import Any

import pytest

from app.foundation.errors import CatalogueInvalid
from app.foundation.paths import Profile, resource
from app.inference.catalogue_planning import candidates
from app.models.catalog import (
    Catalogue,
    Entry,
    catalogue,
    load,
    own_file,
    parsed,
    problems,
    sha256_of,
    usable,
    wanted_of,
)

MINE = """
schema = 1
[[models]]
id = "mine"
name = "Mine"
family = "Mine"
publisher = "Me"
rank = 500
sentence = "Knows my garden."
licence = "MIT"
permissive = true
capabilities = ["chat"]
[[models.files]]
quant = "Q8_0"
repo = "me/mine-GGUF"
name = "mine-Q8_0.gguf"
bytes = 5000
default = true
"""


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile(tmp_path)


def entry_of(found: Catalogue, model: str) -> Entry:
    entry = found.find(model)
    assert entry is not None
    return entry


def text_of(model: str) -> str:
    """One shipped model as it stands in the file."""
    blocks = re.split(r"(?m)^(?=\[\[models\]\]$)", resource("models.toml").read_text("utf-8"))
    block = next(block for block in blocks if f'\nid = "{model}"\n' in block)
    return f"schema = 1\n{block}"


def test_without_a_file_of_ones_own_it_is_the_one_that_ships(profile: Profile) -> None:
    assert catalogue(profile) is load()
    assert load().serial >= 1


def test_a_persons_models_come_on_top(profile: Profile) -> None:
    own_file(profile).write_text(MINE, "utf-8")
    found = catalogue(profile)
    assert entry_of(found, "mine").rank == 500
    assert found.entries[-1].id == "mine"
    assert len(found.entries) == len(load().entries) + 1
    assert not found.problems
    assert catalogue(profile) is found  # nothing is read or planned twice


def test_a_persons_numbers_replace_ours(profile: Profile) -> None:
    ours = entry_of(load(), "qwen3.5-4b")
    mine = text_of("qwen3.5-4b").replace(f'name = "{ours.name}"', 'name = "Renamed"', 1)
    own_file(profile).write_text(mine, "utf-8")
    found = catalogue(profile)
    assert entry_of(found, "qwen3.5-4b").name == "Renamed"
    assert len(found.entries) == len(load().entries)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"schema = 9",
        MINE.replace("bytes = 5000", "bytes = -1").encode(),
        b"schema = 1\n#" + b"x" * (5 << 20),
    ],
)
def test_a_file_that_is_wrong_is_said_and_ours_goes_on(content: bytes, profile: Profile) -> None:
    own_file(profile).write_bytes(content)
    found = catalogue(profile)
    assert found.entries == load().entries
    (problem,) = found.problems
    assert "models.toml" in problem.detail
    assert problem.remedy
    own_file(profile).write_text(MINE, "utf-8")
    assert not catalogue(profile).problems


def test_a_folder_in_place_of_the_file_is_said(profile: Profile) -> None:
    own_file(profile).mkdir()
    (problem,) = catalogue(profile).problems
    assert str(own_file(profile)) in problem.detail


def test_numbers_that_describe_no_model_are_said_before_they_reach_a_plan(
    profile: Profile,
) -> None:
    block = text_of("granite-4.0-h-350m").replace("ssm.group_count = 1", "ssm.group_count = 0")
    own_file(profile).write_text(block, "utf-8")
    (problem,) = catalogue(profile).problems
    assert "granite-4.0-h-350m:Q4_K_M" in problem.detail
    assert entry_of(catalogue(profile), "granite-4.0-h-350m").header is not None


def test_whatever_numbers_are_changed_the_planner_gets_a_model_or_the_person_a_sentence() -> None:
    chance = random.Random(20261125)
    models = [
        table
        for table in tomllib.loads(resource("models.toml").read_text("utf-8"))["models"]
        if "header" in table and table["rank"] % 3 == 0
    ]
    refused = taken = 0
    for _ in range(80):
        table: dict[str, Any] = _copied(chance.choice(models))
        keys = table["header"]["keys"]
        name = chance.choice(_flat(keys))
        _set(keys, name, chance.choice([0, 1, 2, 7, 511, 65_537, 2**31 - 1]))
        try:
            found = parsed({"schema": 1, "models": [table]}, "mine.toml")
        except CatalogueInvalid:
            refused += 1
            continue
        if problems(found):
            refused += 1
            continue
        taken += 1
        for candidate in candidates(found):
            facts = candidate.facts
            assert min(facts.layer_bytes, default=1) >= 0
            assert facts.kv_bytes(2048) >= 0
    assert refused > 10
    assert taken > 10


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return list(value) if isinstance(value, list) else value


def _flat(table: dict[str, Any], before: str = "") -> list[str]:
    names = []
    for key, value in table.items():
        names += _flat(value, f"{before}{key}.") if isinstance(value, dict) else [before + key]
    return names


def _set(table: dict[str, Any], name: str, value: int) -> None:
    *folders, last = name.split(".")
    for folder in folders:
        table = table[folder]
    table[last] = value


def test_an_embedding_model_is_never_a_candidate_for_a_chat() -> None:
    embedders = [entry for entry in load().entries if not entry.can_chat]
    assert len(embedders) >= 4
    assert all(entry.embedding is not None for entry in embedders)
    names = {candidate.model for candidate in candidates(load())}
    assert not names & {entry.name for entry in embedders}
    # Not because their header is missing: one with all its numbers is left out too.
    table = tomllib.loads(text_of("qwen3-4b-instruct-2507"))
    assert candidates(parsed(table, "mine.toml"))
    table["models"][0] |= {
        "capabilities": ["embedding"],
        "embedding": {"dimensions": 2560, "pooling": "last"},
        "sampling": [],
    }
    assert candidates(parsed(table, "mine.toml")) == ()


def test_what_is_wanted_of_a_file_is_pinned_as_far_as_it_is_known() -> None:
    entry = entry_of(load(), "qwen3.5-0.8b")
    file = entry.file_of("Q4_K_M")
    wanted = wanted_of(entry, file)
    assert (wanted.repo, wanted.revision) == (file.repo, file.revision)
    assert (wanted.name, wanted.quant, wanted.entry_id) == (entry.name, "Q4_K_M", entry.id)
    model, projector = wanted.parts
    assert (model.name, model.bytes, model.sha256) == (file.name, file.bytes, file.sha256)
    assert (model.role, projector.role) == ("model", "projector")
    assert len(projector.sha256) == 64
    alone = wanted_of(entry, file, with_projector=False)
    assert alone.parts == (model,)
    assert alone.key != wanted.key


def test_a_split_model_is_wanted_in_all_its_parts() -> None:
    entry = entry_of(load(), "qwen3-coder-next")
    file = entry.file_of("Q4_K_M")
    parts = wanted_of(entry, file).parts
    assert len(parts) == 4
    assert [part.name[-19:-5] for part in parts] == [f"0000{n}-of-00004" for n in range(1, 5)]
    assert all(part.name.startswith("Qwen3-Coder-Next-Q4_K_M/") for part in parts)
    assert sum(part.bytes for part in parts) == file.bytes
    assert len({part.sha256 for part in parts if len(part.sha256) == 64}) == 4


def test_parts_that_nobody_listed_have_no_size_yet() -> None:
    table = tomllib.loads(MINE)
    table["models"][0]["files"][0]["name"] = "mine-00001-of-00002.gguf"
    (entry,) = parsed(table, "mine.toml").entries
    parts = wanted_of(entry, entry.default_file).parts
    assert [(part.name, part.bytes, part.sha256) for part in parts] == [
        ("mine-00001-of-00002.gguf", 0, ""),
        ("mine-00002-of-00002.gguf", 0, ""),
    ]


def test_a_projector_is_taken_from_the_repository_of_its_model() -> None:
    for entry in load().entries:
        for file in entry.files:
            wanted = wanted_of(entry, file)
            projector = entry.projector_of(file)
            assert (wanted.parts[-1].role == "projector") == (projector is not None)
            assert projector is None or projector.repo == wanted.repo == file.repo
            assert wanted.revision == file.revision


def test_a_checksum_of_another_revision_is_not_asked_for() -> None:
    entry = entry_of(load(), "gemma-4-e4b")
    pinned, other = entry.file_of("Q4_0"), entry.file_of("Q8_0")
    projector = entry.projector_of(pinned)
    assert projector is not None
    assert projector.revision == pinned.revision != other.revision
    assert wanted_of(entry, pinned).parts[-1].sha256 == projector.sha256 != ""
    assert wanted_of(entry, other).parts[-1].sha256 == ""


def test_every_model_that_sees_has_something_to_see_with() -> None:
    for entry in load().entries:
        if {"vision", "audio"} & set(entry.capabilities):
            missing = [f.quant for f in entry.files if entry.projector_of(f) is None]
            assert not missing, f"{entry.id} cannot see with {missing}"


def test_a_file_that_lies_about_is_known_by_its_name_and_length() -> None:
    for entry in load().entries:
        for file in entry.files:
            for part in wanted_of(entry, file).parts:
                if part.sha256 and part.bytes:
                    name = part.name.rpartition("/")[2]
                    assert sha256_of(load(), name, part.bytes) == part.sha256
                    assert sha256_of(load(), name, part.bytes + 1) == ""
                    assert sha256_of(load(), f"x{name}", part.bytes) == ""


def test_usable_says_what_a_schema_cannot_see(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text_of("llama-3.2-1b"), "utf-8")
    (entry,) = usable(path).entries
    assert entry.header is not None
    assert not isinstance(entry.header.keys["block_count"], array)
    path.write_text(text_of("llama-3.2-1b").replace("bytes = 807_694_464", "bytes = 8_000_000"))
    with pytest.raises(CatalogueInvalid, match="no bytes are left"):
        usable(path)
