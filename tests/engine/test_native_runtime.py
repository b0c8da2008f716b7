"""Which library is opened, which of its parts compute, and where a model's tensors are asked to go.

With the plain build only; what a runtime that ships does is in `tests/runtime`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.model import Model
from app.engine.native import backends, open_library
from app.foundation.errors import NotPossibleHere
from app.foundation.paths import native_runtime
from tests.fixtures.engine_runs import settings_for

ROOT = Path(__file__).parents[2]
SUFFIX = "dll" if os.name == "nt" else "so"


def opened(**environment: str) -> str:
    """What a process of its own says after opening the library in this environment."""
    program = (
        "from app.engine.native import open_library\n"
        "from app.foundation.errors import HearthError\n"
        "try: print(open_library().variant)\n"
        "except HearthError as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not a library")
    return folder


def test_the_plain_build_is_native_and_needs_no_choice() -> None:
    library = open_library()
    assert library.variant == backends.NATIVE
    assert "CPU" in backends.registered(library)


def test_the_plain_build_takes_no_notice_of_choices() -> None:
    assert opened(HEARTH_CPU_VARIANT="haswell", HEARTH_GPU_MODULES="vulkan") == backends.NATIVE


def test_children_are_not_led_to_the_same_library() -> None:
    open_library()
    assert "LLAMA_CPP_LIB_PATH" not in os.environ


@pytest.mark.parametrize("where", ["relative/folder", "/nowhere/at/all"])
def test_a_runtime_that_is_not_there_is_said(where: str) -> None:
    said = opened(HEARTH_RUNTIME=where)
    assert said.startswith("NotPossibleHere Hearth's inference runtime is not there.")
    assert where in said


def test_an_empty_runtime_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    assert "The part called ggml-base is missing" in opened(HEARTH_RUNTIME=str(tmp_path))


def test_what_a_runtime_folder_holds(tmp_path: Path) -> None:
    files(
        tmp_path / "lib",
        f"libggml-cpu-haswell.{SUFFIX}",
        f"libggml-cpu-x64.{SUFFIX}",
        f"libggml-base.{SUFFIX}",
        "libggml-cpu-notes.txt",
        f"vulkan/libggml-vulkan.{SUFFIX}",
        f"cuda12/libggml-cuda.{SUFFIX}",
        "cuda12/libcudart.so.12",
        f"two/libggml-a.{SUFFIX}",
        f"two/libggml-b.{SUFFIX}",
        f"odd,name/libggml-c.{SUFFIX}",
        "empty/readme.txt",
    )
    assert backends.variants(tmp_path) == ("haswell", "x64")
    assert backends.gpu_modules(tmp_path) == ("cuda12", "vulkan")


def test_a_damaged_variant_cannot_run(tmp_path: Path) -> None:
    files(tmp_path / "lib", f"libggml-cpu-x64.{SUFFIX}")
    assert backends.scores(tmp_path) == {"x64": 0}


def test_the_runtime_is_the_one_that_is_named_or_bundled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEARTH_RUNTIME", raising=False)
    assert native_runtime() is None
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert native_runtime() is None
    (tmp_path / "runtime").mkdir()
    assert native_runtime() == tmp_path / "runtime"
    monkeypatch.setenv("HEARTH_RUNTIME", str(tmp_path / "other"))
    assert native_runtime() == tmp_path / "other"


def test_a_device_that_is_not_there_is_said(tiny: Callable[..., Path]) -> None:
    settings = settings_for(tiny(), n_gpu_layers=1, devices=("Vulkan7",))
    with pytest.raises(NotPossibleHere, match="Vulkan7"):
        Model(open_library(), settings, lambda fraction: True)


@pytest.mark.parametrize(
    "placed",
    [
        {"devices": ()},
        {"devices": (), "n_gpu_layers": -1},
        {"n_cpu_moe": 2},
        {"n_cpu_moe": 4000, "n_gpu_layers": -1},
        {"tensor_split": (1.0, 3.0), "n_gpu_layers": -1},
    ],
)
def test_placements_load_where_there_is_nothing_to_place_on(
    placed: dict[str, object], tiny: Callable[..., Path]
) -> None:
    model = Model(open_library(), settings_for(tiny("qwen3moe"), **placed), lambda fraction: True)
    assert model.n_layers > 0
    model.close()
