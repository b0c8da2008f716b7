"""The record for an auditor: complete, and nothing in it that a spreadsheet would compute."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest

from app.foundation.errors import StorageError
from app.network.connections import Connection
from app.network.export import COLUMNS, as_csv, as_json, safe_cell, save

PLAIN = Connection(
    "2026-11-26T10:00:00.000+00:00", "huggingface.co", "header of a/b", 412, 9000, "200"
)
FORMULA_SIGNS = "=+-@＝＋－＠"


def rows(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def test_every_field_comes_back() -> None:
    names, one = rows(as_csv([PLAIN]))
    assert tuple(names) == COLUMNS
    assert one == [str(value) for value in dataclasses.astuple(PLAIN)]
    document = json.loads(as_json([PLAIN], 3))
    assert document == {"n_dropped": 3, "connections": [dataclasses.asdict(PLAIN)]}


def test_what_is_no_longer_listed_is_said_in_the_file() -> None:
    assert any("1204 older connections" in cell for cell in rows(as_csv([PLAIN], 1204))[1])


@pytest.mark.parametrize("sign", FORMULA_SIGNS)
@pytest.mark.parametrize("before", ["", " ", "\t", "\r\n", "a,", 'a"', "a;", 'a";"', "a|", "\x00"])
@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_no_cell_is_a_formula_whatever_the_cells_are_split_at(
    sign: str, before: str, delimiter: str
) -> None:
    hostile = dataclasses.replace(PLAIN, purpose=f"{before}{sign}HYPERLINK(1)")
    text = as_csv([hostile])
    cells = [cell for row in rows(text, delimiter)[1:] for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if cell.strip()[:1] in tuple(FORMULA_SIGNS)]


def test_harmless_text_is_left_alone() -> None:
    for text in ("header of unsloth/Qwen3-4B-GGUF", "200", "failed: ConnectError", ""):
        assert safe_cell(text) == text


def test_the_ending_of_the_name_chooses_the_form(tmp_path: Path) -> None:
    odd = dataclasses.replace(PLAIN, purpose="lone \ud800 half, naïve")
    save(tmp_path / "a.JSON", [odd])
    save(tmp_path / "a.csv", [odd])
    read = json.loads((tmp_path / "a.JSON").read_text("utf-8"))
    assert read["connections"][0]["purpose"] == odd.purpose
    assert "naïve" in (tmp_path / "a.csv").read_text("utf-8-sig")


def test_a_folder_that_refuses_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    target = tmp_path / "taken.csv"
    target.mkdir()
    with pytest.raises(StorageError, match="could not be saved"):
        save(target, [PLAIN])
    assert list(tmp_path.iterdir()) == [target]
