"""Every check of a bundle sees what it is for, in a small made-up one that is sound otherwise."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from installer.package import checks, contents, table
from installer.package.command import ARTEFACTS, parse, wanted
from installer.package.made import Made
from tests.fixtures.elf import made_up

NEEDS_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
ELSEWHERE = Path("/home/somebody/checkout")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder in which nothing is wrong."""
    folder = tmp_path / "hearth"
    inside = checks.inside_of(folder)
    for name in checks.NEEDED:
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text(name)
    (inside / "licences" / "index.json").write_text('[{"name": "a"}, {"name": "b"}]')
    library = made_up(inside / "runtime" / "lib" / "libllama.so", ["libc.so.6"], ["GLIBC_2.34"])
    manifest = {
        "files": [
            {
                "path": "lib/libllama.so",
                "sha256": hashlib.sha256(library.read_bytes()).hexdigest(),
            }
        ]
    }
    (inside / "runtime" / "manifest.json").write_text(json.dumps(manifest))
    made_up(folder / "hearth", ["libc.so.6", "libGL.so.1"], ["GLIBC_2.14"])
    return folder


def problems(bundle: Path) -> list[str]:
    return checks.examine(bundle, ELSEWHERE).problems


def test_a_sound_bundle_has_no_problems(bundle: Path) -> None:
    facts = checks.examine(bundle, ELSEWHERE)
    assert facts.problems == []
    assert facts.parts == 2
    assert facts.n_files == len(checks.NEEDED) + 2


@NEEDS_LINUX
def test_what_it_needs_of_the_system_is_told(bundle: Path) -> None:
    facts = checks.examine(bundle, ELSEWHERE)
    assert facts.packages == ["libc6", "libgl1"]
    assert facts.newest["GLIBC"] == ((2, 34), "_internal/runtime/lib/libllama.so")


def test_what_is_missing_is_named(bundle: Path) -> None:
    (checks.inside_of(bundle) / "resources" / "models.toml").unlink()
    assert problems(bundle) == ["resources/models.toml is missing"]


def test_what_has_no_place_is_named(bundle: Path) -> None:
    (checks.inside_of(bundle) / "libgtk-3.so.0").touch()
    (found,) = problems(bundle)
    assert "libgtk-3.so.0 is GTK" in found


def test_a_second_copy_is_named(bundle: Path) -> None:
    inside = checks.inside_of(bundle)
    for name in ("libggml.so", "libggml.so.0"):
        (inside / "runtime" / "lib" / name).write_bytes(b"x" * 10_000)
    (found,) = problems(bundle)
    assert found == "_internal/runtime/lib/libggml.so.0 is _internal/runtime/lib/libggml.so again"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize(("target", "words"), [("/etc/hosts", "out of"), ("gone", "nowhere")])
def test_links_lead_somewhere_inside(bundle: Path, target: str, words: str) -> None:
    (bundle / "link").symlink_to(target)
    assert any(f"link leads {words}" in problem for problem in problems(bundle))


def test_a_path_of_the_machine_is_found(bundle: Path) -> None:
    (checks.inside_of(bundle) / "settings").write_text(f"prefix={ELSEWHERE}/x")
    (found,) = problems(bundle)
    assert "settings names the folder" in found


def test_a_changed_library_of_the_runtime_is_found(bundle: Path) -> None:
    library = checks.inside_of(bundle) / "runtime" / "lib" / "libllama.so"
    library.write_bytes(library.read_bytes() + b"\0")
    assert problems(bundle) == ["runtime/lib/libllama.so is not the file that was built"]
    library.unlink()
    assert problems(bundle) == ["runtime/lib/libllama.so is missing"]


@NEEDS_LINUX
def test_a_file_for_newer_systems_only_is_found(bundle: Path) -> None:
    newer = ".".join(map(str, (2, contents.OLDEST["GLIBC"][1] + 1)))
    made_up(checks.inside_of(bundle) / "new.so", ["libc.so.6"], [f"GLIBC_{newer}"])
    (found,) = problems(bundle)
    assert f"new.so asks for GLIBC {newer}" in found


@NEEDS_LINUX
def test_a_library_that_is_nowhere_is_found(bundle: Path) -> None:
    made_up(checks.inside_of(bundle) / "a.so", ["libnowhere.so.3"], [])
    (found,) = problems(bundle)
    assert "libnowhere.so.3 is not inside" in found


def test_the_table_names_sizes_and_needs(bundle: Path) -> None:
    facts = checks.examine(bundle, ELSEWHERE)
    facts.packed_bytes = 12_300_000
    facts.newest = {"GLIBC": ((2, 34), "_internal/runtime/lib/libllama.so")}
    facts.packages = ["libc6", "libgl1"]
    lines = table.of([Made("bundle", bundle), Made("deb", bundle / "hearth", "for x")], facts)
    assert "packed with xz" in lines
    assert "12.3 MB" in lines
    assert "2.34  for libllama.so" in lines
    assert "libc6, libgl1" in lines
    assert "for x" in lines


def test_the_words() -> None:
    assert parse([]).only is None
    assert wanted("bundle") == []
    assert wanted("deb") == ["deb"]
    assert set(wanted(None)) <= set(ARTEFACTS)
    with pytest.raises(SystemExit):
        parse(["--only", "floppy"])
