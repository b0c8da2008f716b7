"""Names from afar become names of ours, and nothing leaves the folder."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest

from app.foundation.errors import InvalidInput, StorageError
from app.models.download.places import component, file_names, homes, inside
from app.models.wanted import Part
from tests.hub.faults.names import EVIL

PLAIN = re.compile(r"[A-Za-z0-9_+~][A-Za-z0-9._+\-~]*\Z")
DEVICES = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *("lpt1", "lpt9")}


def names(*claimed: str) -> tuple[str, ...]:
    return file_names(tuple(Part(name, 0, "") for name in claimed))


def test_ordinary_names_stay() -> None:
    assert names("Qwen3.5-4B-Q4_K_M.gguf") == ("Qwen3.5-4B-Q4_K_M.gguf",)
    assert names("UD/Big-00001-of-00002.gguf", "UD/Big-00002-of-00002.gguf") == (
        "Big-00001-of-00002.gguf",
        "Big-00002-of-00002.gguf",
    )
    assert component("Qwen3.5-4B-GGUF") == "Qwen3.5-4B-GGUF"


@pytest.mark.parametrize("claimed", [name for name in EVIL if name.lower().endswith(".gguf")])
def test_hostile_names_become_plain_ones(claimed: str) -> None:
    (name,) = names(claimed)
    assert PLAIN.match(name)
    assert len(name) <= 110
    assert name.endswith(".gguf")
    assert name.split(".")[0].lower() not in DEVICES


def test_all_hostile_names_together_are_told_apart() -> None:
    claimed = [name for name in EVIL if name.lower().endswith(".gguf")]
    found = names(*claimed)
    assert len({name.casefold() for name in found}) == len(claimed)
    assert all(PLAIN.match(name) for name in found)


def test_long_parts_of_one_model_stay_siblings() -> None:
    stem = "x" * 200
    first, second = names(f"{stem}-00001-of-00002.gguf", f"{stem}-00002-of-00002.gguf")
    assert first.removesuffix("-00001-of-00002.gguf") == second.removesuffix("-00002-of-00002.gguf")
    assert len(first) <= 110


@pytest.mark.parametrize("claimed", ["model.bin", "model.gguf.exe", "", "model.gguf "])
def test_only_gguf_files_are_fetched(claimed: str) -> None:
    with pytest.raises(InvalidInput, match="GGUF"):
        names(claimed)


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(InvalidInput):
        names()
    with pytest.raises(InvalidInput):
        names(*(f"m-{number}.gguf" for number in range(1025)))


@pytest.mark.parametrize(
    "text", ["..", ".", "", "a/b", "a\\b", "con", "NUL.txt", "a b", "ä", "x" * 300, "a.", ".hearth"]
)
def test_a_component_is_one_plain_name(text: str) -> None:
    found = component(text)
    assert PLAIN.match(found)
    assert len(found) <= 80
    assert found != text
    assert found.split(".")[0].lower() not in DEVICES


def test_texts_that_differ_get_names_that_differ() -> None:
    assert component("a?b") != component("a*b") != component("a_b")


def test_homes_lie_in_the_folder_the_usual_one_first(tmp_path: Path) -> None:
    found = list(islice(homes(tmp_path, "owner/Repo-GGUF", "ab12cd34ef"), 3))
    assert found[0] == tmp_path / "owner" / "Repo-GGUF"
    assert [home.name for home in found[1:]] == ["Repo-GGUF~ab12cd34", "Repo-GGUF~ab12cd34-2"]
    for repo in ("../..", "../../etc/x", "a/..", "/", "C:/x", ""):
        home = next(homes(tmp_path, repo, "ab"))
        assert home.resolve().is_relative_to(tmp_path.resolve())
        assert home.parent.parent == tmp_path


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder, outside = tmp_path / "models", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "owner").symlink_to(outside)
    with pytest.raises(StorageError, match="models folder only"):
        next(homes(folder, "owner/repo", "ab"))
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(StorageError):
        inside(folder, folder / "loop" / "x")
    assert inside(folder, folder / "a" / "b") == folder / "a" / "b"
