"""What may not stand in any tracked file, and what must."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = {
    "a path of somebody's machine": re.compile(
        rf"(^|[\s\"'(=])/({'|'.join(('wo' + 'rk', 'ro' + 'ot', 'far' + 'm'))})/[A-Za-z.]"
    ),
    "a package index": re.compile(
        "|".join(("py" + r"pi\.org", "pythonhos" + "ted", r"registry\.np" + "mjs"))
    ),
}


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    return [ROOT / name for name in listing.split("\0") if name]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_names(what: str) -> None:
    found = []
    for path in tracked():
        if path.suffix in {".gguf", ".png", ".ico"} or not path.is_file():
            continue
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if FORBIDDEN[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


def test_the_built_in_model_is_small_and_is_the_one_recorded() -> None:
    import hashlib

    model = ROOT / "resources" / "starter" / "guide.gguf"
    assert model.stat().st_size <= 12_000_000
    recorded = model.with_suffix(".sha256").read_text().split()[0]
    assert hashlib.sha256(model.read_bytes()).hexdigest() == recorded


def test_the_lock_names_no_index_and_pins_with_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text
    pins = re.findall(r"^([A-Za-z0-9._-]+)==", text, re.M)
    assert {"llama-cpp-python", "pyside6-essentials"} <= set(pins)
    assert text.count("--hash=sha256:") >= len(pins)


def test_colours_stand_in_the_palette_alone() -> None:
    colour = re.compile(r"#[0-9A-Fa-f]{6}\b|#[0-9A-Fa-f]{3}\b(?=[\"';])")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in ROOT.glob("app/**/*.py")
        if path.name != "palette.py"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if colour.search(line)
    ]
    assert found == []
