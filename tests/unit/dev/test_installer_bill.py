"""The bill of materials: every part is in it, agrees with the lock, and the form is CycloneDX's."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from installer.package import bill, checksums
from installer.package.bill import DoesNotAgree

ROOT = Path(__file__).resolve().parents[3]
SUM = "ab" * 32
LOCK = f"""# [runtime]
anyio==4.1.0 ; sys_platform != 'x' \\
    --hash=sha256:{SUM} \\
    --hash=sha256:{"cd" * 32}
pyside6-essentials==6.11.3 \\
    --hash=sha256:{"ef" * 32}
# [package]
pyinstaller==6.1 \\
    --hash=sha256:{"01" * 32}
"""
FACTS = {
    "version": "1.2.3",
    "commit": "f" * 40,
    "built_at": "2026-11-25T20:00:00Z",
    "system": "linux",
    "machine": "x86_64",
    "python": "3.11.2",
    "packed_with": "PyInstaller 6.1, Linux",
}
MANIFEST = {
    "distribution": SUM,
    "key": "7b25",
    "compiler": "c++ 12",
    "files": [{"path": "lib/libggml-base.so.0", "bytes": 3, "sha256": SUM}],
}


def part(name: str, version: str, licence: str, source: str = "") -> dict[str, Any]:
    return {"name": name, "version": version, "licence": licence, "source": source, "files": 1}


PARTS = [
    part("Hearth", "", "MIT"),
    part("anyio", "4.1.0", "MIT License"),
    part("Qt and PySide6", "6.11.3", "LGPL-3.0-only OR GPL-3.0-only", "its own servers"),
    part("libffi8 (Debian and Ubuntu)", "3.4.4-1+b1", "see the text"),
    part("llama.cpp and ggml", "0.3.36", "MIT"),
    part("Lucide icons", "", "ISC AND MIT"),
]


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    folder = tmp_path / "_internal"
    for place, text in (
        ("build.json", json.dumps(FACTS)),
        ("licences/index.json", json.dumps(PARTS)),
        ("runtime/manifest.json", json.dumps(MANIFEST)),
        ("resources/starter/guide.gguf", "GGUF"),
    ):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def told(inside: Path) -> dict[str, Any]:
    return bill.bill(inside, bill.locked(LOCK))


def faults(document: dict[str, Any]) -> Iterator[str]:
    """What CycloneDX 1.6 demands (its JSON schema, `required`, `enum` and `pattern`) of all that is
    used here, and what is wrong."""
    if document.get("bomFormat") != "CycloneDX" or document.get("specVersion") != "1.6":
        yield "not CycloneDX 1.6"
    number = str(document.get("serialNumber", ""))
    if not re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", number):
        yield f"serial number {number}"
    components = [document["metadata"]["component"], *document["components"]]
    components += [inner for each in components for inner in each.get("components", ())]
    references = [each.get("bom-ref", "") for each in components]
    if not all(references) or len(set(references)) < len(references):
        yield "a name of a part is missing or there twice"
    for each in components:
        if not each.get("name") or each.get("type") not in {
            *("application", "library", "file", "machine-learning-model"),
        }:
            yield f"{each.get('name')}: name and type"
        if any(
            sum_["alg"] != "SHA-256" or len(sum_["content"]) != 64
            for sum_ in each.get("hashes", ())
        ):
            yield f"{each['name']}: sum"
        for licence in each.get("licenses", ()):
            known = licence.get("license", {})
            if not (known.get("id") or known.get("name") or licence.get("expression")):
                yield f"{each['name']}: licence"
    for dependency in document["dependencies"]:
        if not {dependency["ref"], *dependency["dependsOn"]} <= set(references):
            yield "a dependency on what is not there"


def test_the_form_is_that_of_cyclonedx(told: dict[str, Any]) -> None:
    assert list(faults(told)) == []
    uuid.UUID(told["serialNumber"].rpartition(":")[2])
    for path, value in (("bomFormat", "x"), ("serialNumber", "1"), ("components", [{}])):
        assert list(faults({**copy.deepcopy(told), path: value}))


def test_every_part_is_named_with_where_it_is_from(told: dict[str, Any]) -> None:
    by_name = {each["name"]: each for each in told["components"]}
    expected = {each["name"] for each in PARTS} - {"Hearth"} | {"Hearth's built-in guide"}
    assert set(by_name) == expected
    assert by_name["anyio"]["purl"] == "pkg:pypi/anyio@4.1.0"
    sums = [each["value"] for each in by_name["anyio"]["properties"]]
    assert sums == [SUM, "cd" * 32]
    assert by_name["Qt and PySide6"]["purl"] == "pkg:pypi/pyside6-essentials@6.11.3"
    assert by_name["Qt and PySide6"]["properties"][-1]["value"] == "its own servers"
    debian = by_name["libffi8 (Debian and Ubuntu)"]
    assert debian["purl"] == "pkg:deb/debian/libffi8@3.4.4-1%2Bb1"
    (file,) = by_name["llama.cpp and ggml"]["components"]
    assert file["hashes"] == [{"alg": "SHA-256", "content": SUM}]
    guide = by_name["Hearth's built-in guide"]["hashes"][0]["content"]
    assert guide == hashlib.sha256(b"GGUF").hexdigest()


def test_a_licence_is_an_expression_only_in_words_that_are_known(told: dict[str, Any]) -> None:
    by_name = {each["name"]: each["licenses"][0] for each in told["components"]}
    assert by_name["anyio"] == {"license": {"name": "MIT License"}}
    assert by_name["Lucide icons"] == {"expression": "ISC AND MIT"}
    assert by_name["llama.cpp and ggml"] == {"license": {"id": "MIT"}}


def test_the_same_bundle_has_the_same_bill(inside: Path, told: dict[str, Any]) -> None:
    assert bill.bill(inside, bill.locked(LOCK)) == told
    (inside / "build.json").write_text(json.dumps({**FACTS, "machine": "arm64"}))
    other = bill.bill(inside, bill.locked(LOCK))
    assert other["serialNumber"] != told["serialNumber"]


def test_a_bundle_of_something_else_than_the_lock_is_refused(inside: Path) -> None:
    with pytest.raises(DoesNotAgree, match=r"anyio 4\.1\.0, and requirements\.lock pins 4\.2\.0"):
        bill.bill(inside, bill.locked(LOCK.replace("4.1.0", "4.2.0")))


def test_all_of_the_lock_file_is_read() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    found = bill.locked(text)
    pinned = [each for several in found.values() for each in several]
    assert len(pinned) == len(re.findall(r"^[a-z0-9].*==", text, re.M | re.I))
    assert all(each.sums and re.fullmatch(r"[\w.+!-]+", each.version) for each in pinned)
    assert set(bill._DISTRIBUTION_OF.values()) <= set(found)


def test_sums_are_what_the_systems_own_tool_checks(tmp_path: Path) -> None:
    for name in ("Hearth-1.deb", "Hearth 1.exe"):
        (tmp_path / name).write_text(name)
    assert checksums.main([str(tmp_path)]) == 0
    assert checksums.main([str(tmp_path)]) == 0, "its own file is not counted"
    if not shutil.which("sha256sum"):
        pytest.skip("sha256sum is not installed")
    check = ["sha256sum", "--check", "--strict", checksums.NAME]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "Hearth-1.deb").write_text("other")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_no_folder_or_an_empty_one_is_said(tmp_path: Path) -> None:
    assert checksums.main([]) == 2
    assert checksums.main([str(tmp_path)]) == 2
    assert checksums.main([str(tmp_path / "none")]) == 2
