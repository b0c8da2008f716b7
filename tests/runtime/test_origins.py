"""Every library comes from the runtime's own folder, whatever lies in the current one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.runtime_children import Place

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs the kernel's list of mapped files"
)

_MARK = "HEARTH_PLANT_MARK"
_PLANT = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void opened(void) {
    const char * path = getenv("%s");
    FILE * file = path ? fopen(path, "a") : 0;
    if (file) { fputs("opened\\n", file); fclose(file); }
}
int ggml_backend_score(void) { return 1000000; }
void * ggml_backend_init(void) { return 0; }
"""
PLANTED = (
    "libggml-cpu-best.so",
    "libggml-cpu.so",
    "libggml-vulkan.so",
    "libggml-blas.so",
    "libggml-rpc.so",
    "libggml.so.0",
    "libggml-base.so.0",
    "libllama.so",
    "vulkan/libggml-vulkan.so",
)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder full of libraries that leave a mark when they are opened."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "the runtime was built without a C compiler?"
    source, library = tmp_path / "plant.c", tmp_path / "plant.so"
    source.write_text(_PLANT % _MARK)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    here = tmp_path / "here"
    for name in PLANTED:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, here / name)
    return here


def in_the_way(folder: Path | None, planted: Path, mark: Path) -> Place:
    environment = {
        _MARK: str(mark),
        "GGML_BACKEND_PATH": str(planted / "libggml-blas.so"),
        "LD_LIBRARY_PATH": os.pathsep,  # empty parts mean the current folder
    }
    return Place(folder, modules="vulkan", cwd=planted, environment=environment)


def test_nothing_is_opened_from_the_current_folder(
    folder: Path, planted: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    answer = in_the_way(folder, planted, mark).ask("choice")
    assert not mark.exists()
    assert "Vulkan" in answer["registered"]
    library = str((folder / "lib").resolve())
    assert answer["mapped"]
    assert [path for path in answer["mapped"] if not path.startswith(library)] == []


def test_with_the_plain_build_neither(planted: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    answer = in_the_way(None, planted, mark).ask("choice")
    assert not mark.exists()
    assert not [path for path in answer["mapped"] if path.startswith(str(planted))]


def test_llama_cpp_by_itself_would_open_them(folder: Path, planted: Path, tmp_path: Path) -> None:
    """The control: its own search ends in the current folder."""
    mark = tmp_path / "mark"
    in_the_way(folder, planted, mark).ask("load_everything")
    assert mark.exists()


def test_the_runtime_stands_alone(folder: Path, tmp_path: Path) -> None:
    """Copied to another place it works, and names no place where it was built."""
    copy = tmp_path / "elsewhere" / "with spaces"
    shutil.copytree(folder, copy)
    answer = Place(copy).ask("choice")
    assert answer["registered"] == ["CPU"]
    assert answer["mapped"]
    assert [path for path in answer["mapped"] if not path.startswith(str(copy))] == []
    built_in = str(folder.parent).encode()
    assert not [path for path in (copy / "lib").rglob("*.so*") if built_in in path.read_bytes()]


def test_the_manifest_says_what_is_there(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    found = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in (folder / "lib").rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert {item["path"]: item["bytes"] for item in manifest["files"]} == found
    assert not [name for name in found if "common" in name or "rpc" in name]
    hashes = [item["sha256"] for item in manifest["files"]]
    assert len(set(hashes)) == len(hashes), "one library twice has two states"
    assert all(item["exported_symbols"] > 0 for item in manifest["files"])
