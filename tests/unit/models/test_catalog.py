"""The catalogue that ships, and what is said about one that is wrong."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.foundation.errors import CatalogueInvalid, ModelNotFound
from app.foundation.paths import resource
from app.models.catalog import load, parsed, read_catalogue

Table = dict[str, Any]


def shipped() -> Table:
    return tomllib.loads(resource("models.toml").read_text(encoding="utf-8"))


def one(model: str) -> Table:
    """A catalogue of one shipped model, to be broken."""
    table = shipped()
    return {"schema": 1, "models": [entry for entry in table["models"] if entry["id"] == model]}


def test_it_has_families_for_small_and_for_large_machines() -> None:
    entries = load().entries
    assert len({entry.family for entry in entries}) >= 20
    sizes = [entry.default_file.bytes for entry in entries]
    assert min(sizes) < 300e6
    assert max(sizes) > 40e9
    mixtures = [entry for entry in entries if entry.header and "expert_count" in entry.header.keys]
    assert len(mixtures) >= 4


def test_every_entry_says_what_it_is_good_at_and_may_be_used_for() -> None:
    for entry in load().entries:
        assert entry.sentence.endswith(".")
        assert "!" not in entry.sentence
        assert entry.licence
        assert entry.capabilities


def test_the_better_model_has_the_higher_rank_and_no_two_the_same() -> None:
    ranks = [entry.rank for entry in load().entries]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


def test_no_file_is_named_in_two_entries() -> None:
    names = [(file.repo, file.name) for entry in load().entries for file in entry.files]
    assert len(set(names)) == len(names)


def test_entries_and_files_are_found_by_name() -> None:
    entry = load().find("Qwen3.5-4B")
    assert entry is not None
    assert entry.file_of("q8_0").quant == "Q8_0"
    assert load().find("no-such-model") is None
    with pytest.raises(ModelNotFound, match=re.escape("Q4_K_M")) as caught:
        entry.file_of("Q9_9")
    assert caught.value.remedy.endswith("qwen3.5-4b:Q4_K_M")


def _change(*path: str | int, value: Any) -> Callable[[Table], None]:
    def apply(table: Table) -> None:
        place: Any = table["models"][0]
        for step in path[:-1]:
            place = place[step]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return apply


VECTORS: Table = {"dimensions": 384, "pooling": "cls"}
SPLIT: Table = {
    "quant": "Q4_K_M",
    "repo": "a/b",
    "name": "x-00001-of-00002.gguf",
    "bytes": 4096,
    "default": True,
    "sha256": "0" * 64,
}
SPLIT_WRONG: Table = {
    **{key: value for key, value in SPLIT.items() if key != "sha256"},
    "parts": [{"bytes": 1}, {"bytes": 2}],
}
EYE: Table = {"repo": "a/b", "name": "mmproj.gguf", "bytes": 2048}
SPLIT_EYE: Table = {**EYE, "name": "mmproj-00001-of-00002.gguf"}


WRONG: list[tuple[str, Callable[[Table], None], str]] = [
    ("no name", _change("name", value=None), "has no name"),
    ("an unknown key", _change("colour", value="red"), "“colour”"),
    ("an unknown key of a file", _change("files", 0, "sha265", value="x"), "“sha265”"),
    ("a capability nobody knows", _change("capabilities", value=["chat", "telepathy"]), "telepath"),
    ("nothing to use it for", _change("capabilities", value=["tools"]), "neither chat nor"),
    ("a chat that embeds", _change("capabilities", value=["chat", "embedding"]), "nothing else"),
    ("an embedding not announced", _change("embedding", value=VECTORS), "not among"),
    ("parts of a whole file", _change("files", 0, "parts", value=[{"bytes": 1}]), "lists 1"),
    ("no part at all", _change("files", 0, "name", value="x-00001-of-00000.gguf"), "0 parts"),
    ("another part", _change("files", 0, "name", value="x-00002-of-00003.gguf"), "than the first"),
    ("a sum of parts", _change("files", 0, value=SPLIT), "for several parts"),
    ("parts of more", _change("files", 0, value=SPLIT_WRONG), "not those of its parts"),
    ("two projectors", _change("projectors", value=[EYE, EYE]), "two projectors"),
    ("an eye in pieces", _change("projectors", value=[SPLIT_EYE]), "no projector is"),
    ("a rank as text", _change("rank", value="5"), "rank"),
    ("a yes as a number", _change("permissive", value=1), "permissive"),
    ("a sentence without an end", _change("sentence", value="It is good"), "sentence"),
    ("a short checksum", _change("files", 0, "sha256", value="abc"), "sha256"),
    ("a branch for a revision", _change("files", 0, "revision", value="main"), "revision"),
    ("a way out of the folder", _change("files", 0, "name", value="../../x.gguf"), "name"),
    ("an absolute name", _change("files", 0, "name", value="/etc/x.gguf"), "name"),
    ("another kind of file", _change("files", 0, "name", value="model.safetensors"), "name"),
    ("an address for a repository", _change("files", 0, "repo", value="https://x/y"), "repo"),
    ("no bytes", _change("files", 0, "bytes", value=0), "bytes"),
    ("no default file", _change("files", 0, "default", value=False), "default"),
    ("a tier that is none", _change("files", 0, "tier", value="S"), "tier"),
    ("types that are none", _change("files", 0, "types", value={"token_embd": "Q9"}), "types"),
    ("an architecture nobody laid out", _change("header", "architecture", value="hal9000"), "hal"),
    ("no layers", _change("header", "keys", "block_count", value=0), "block_count"),
    ("too many layers", _change("header", "keys", "block_count", value=513), "layers"),
    ("a list of another length", _change("header", "keys", "x", value=[1, 2]), "2 values of x"),
    ("a negative number", _change("header", "keys", "block_count", value=-1), "block_count"),
    ("text in a header", _change("header", "keys", "x", value="y"), "x"),
    ("a temperature of iron", _change("sampling", 0, "temperature", value=1500), "temperature"),
]


@pytest.mark.parametrize(
    ("change", "said"), [entry[1:] for entry in WRONG], ids=[entry[0] for entry in WRONG]
)
def test_what_is_wrong_is_said_with_the_model_and_the_key(
    change: Callable[[Table], None], said: str
) -> None:
    table = copy.deepcopy(one("qwen3.5-4b"))
    assert parsed(table, "mine.toml").serial == 0
    change(table)
    with pytest.raises(CatalogueInvalid) as caught:
        parsed(table, "mine.toml")
    assert "mine.toml" in caught.value.detail
    assert "qwen3.5-4b" in caught.value.detail
    assert said in caught.value.detail


@pytest.mark.parametrize("serial", [-1, "2", True])
def test_a_serial_is_a_number(serial: object) -> None:
    with pytest.raises(CatalogueInvalid, match="serial"):
        parsed({**one("qwen3.5-4b"), "serial": serial}, "mine.toml")


WRONG_VECTORS: list[tuple[str, Callable[[Table], None], str]] = [
    ("vectors of nothing", _change("embedding", "dimensions", value=0), "dimensions"),
    ("a pooling nobody knows", _change("embedding", "pooling", value="sum"), "pooling “sum”"),
    ("a prefix of a kilobyte", _change("embedding", "query_prefix", value="x" * 1024), "prefix"),
    ("no word on its vectors", _change("embedding", value=None), "no embedding that says how"),
    ("an eye", _change("projectors", value=[EYE]), "nothing else"),
]


@pytest.mark.parametrize(
    ("change", "said"),
    [entry[1:] for entry in WRONG_VECTORS],
    ids=[entry[0] for entry in WRONG_VECTORS],
)
def test_what_is_wrong_with_an_embedding_model_is_said(
    change: Callable[[Table], None], said: str
) -> None:
    table = copy.deepcopy(one("bge-small-en-v1.5"))
    parsed(table, "mine.toml")
    change(table)
    with pytest.raises(CatalogueInvalid, match=said):
        parsed(table, "mine.toml")


def test_two_models_of_one_id_and_another_schema_are_refused() -> None:
    table = one("qwen3.5-4b")
    with pytest.raises(CatalogueInvalid, match="another model has"):
        parsed({"schema": 1, "models": table["models"] * 2}, "mine.toml")
    with pytest.raises(CatalogueInvalid, match="schema"):
        parsed({**table, "schema": 2}, "mine.toml")
    with pytest.raises(CatalogueInvalid, match="extra"):
        parsed({**table, "extra": 1}, "mine.toml")


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"= 1", b"x = [" + b"[" * 5000, b"schema = 1\n" * 2]
)
def test_a_file_that_is_no_toml_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(CatalogueInvalid):
        read_catalogue(path)


def validated(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.models.validate", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_that_checks_a_catalogue(tmp_path: Path) -> None:
    good = validated()
    assert good.returncode == 0, good.stderr
    lines = good.stdout.splitlines()
    assert any("qwen3.5-4b" in line and "+ projector" in line for line in lines)
    assert any("qwen3-coder-next" in line and "in 4 parts" in line for line in lines)
    assert any("nomic-embed-text-v1.5" in line for line in lines)
    assert f"Number {load().serial}: {len(load().entries)} models" in lines[-1]
    wrong = tmp_path / "mine.toml"
    wrong.write_text('schema = 1\n[[models]]\nid = "x"\n', encoding="utf-8")
    bad = validated(str(wrong))
    assert bad.returncode == 1
    assert "“x” has no name" in bad.stderr
    assert validated("a", "b").returncode == 2


@pytest.mark.parametrize(
    ("changed", "to", "said"),
    [
        ('pooling = "cls"', 'pooling = "max"', "pooling “max”"),
        ("[models.embedding]", "[models.embeddings]", "embeddings"),
        ('capabilities = ["embedding"]', 'capabilities = ["chat"]', "not among its capabilities"),
        ("bytes = 15_524_827_040", "bytes = 15_524_827_041", "not those of its parts"),
        ('repo = "ggml-org/gemma-4-E2B-it-GGUF"\nname = "mmproj', 'name = "mmproj', "no repo"),
        ("serial = 1\n", "serial = 1.5\n", "serial"),
        ("ssm.group_count = 1\n", "ssm.group_count = 0\n", "describe no model"),
        ("bytes = 222_662_560", "bytes = 2_226_625", "no bytes are left"),
    ],
)
def test_the_command_says_what_is_wrong_with_what_ships(
    changed: str, to: str, said: str, tmp_path: Path
) -> None:
    text = resource("models.toml").read_text("utf-8")
    assert changed in text
    path = tmp_path / "models.toml"
    path.write_text(text.replace(changed, to, 1), "utf-8")
    done = validated(str(path))
    assert done.returncode == 1, done.stdout[-300:]
    assert said in done.stderr
