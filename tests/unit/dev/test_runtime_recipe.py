"""The parts of `dev.py runtime` that compile nothing."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import pytest

from installer.runtime import build, contents, recipe, vulkan
from installer.runtime.recipe import Recipe, arguments_for
from installer.runtime.workshop import Workshop, first_number, locked_distribution

ROOT = Path(__file__).resolve().parents[3]
SYSTEMS = [
    *(("linux", "x86_64"), ("linux", "arm64"), ("windows", "x86_64"), ("windows", "arm64")),
    *(("macos", "arm64"), ("macos", "x86_64")),
]


class Stopped(Exception):
    """What dev.py would print."""


def workshop(root: Path, *, code: int = 0) -> Workshop:
    return Workshop(root, Path("python"), lambda *_: code, lambda _: False, lambda: None, Stopped)


def some_recipe() -> Recipe:
    return Recipe("ab" * 32, "linux", "x86_64", "c++ 12", arguments_for("linux", "x86_64"))


@pytest.mark.parametrize(("system", "machine"), SYSTEMS)
def test_nothing_is_built_for_this_machine_alone(system: str, machine: str) -> None:
    words = arguments_for(system, machine)
    assert len({word.partition("=")[0] for word in words}) >= len(words) - 1
    assert "-DGGML_NATIVE=OFF" in words
    assert "-DGGML_RPC=OFF" in words
    assert ("-DGGML_VULKAN=ON" in words) == (system in ("linux", "windows"))
    assert ("-DGGML_BACKEND_DL=ON" in words) == ((system, machine) != ("macos", "arm64"))
    assert ("-DGGML_METAL=ON" in words) == (system == "macos")


@pytest.mark.parametrize("system", ["linux", "windows", "macos"])
def test_every_instruction_set_is_named(system: str) -> None:
    words = arguments_for(system, "x86_64")
    named = {word for word in words if word.startswith("-DGGML_") and word[7:10] in ("AVX", "SSE")}
    assert {"-DGGML_AVX2=ON", "-DGGML_SSE42=ON", "-DGGML_AVX512=OFF"} <= named


def test_the_cuda_module_is_built_alone() -> None:
    words = arguments_for("linux", "x86_64", "cuda")
    assert {"-DGGML_CUDA=ON", "-DGGML_CPU=OFF", "-DGGML_BACKEND_DL=ON"} <= set(words)
    assert "-DGGML_VULKAN=ON" not in words


@pytest.mark.parametrize(
    "change",
    [
        {"distribution": "cd" * 32},
        {"compiler": "c++ 13"},
        {"vulkan_headers": "1.4.310"},
        {"shader_compiler": "shaderc 2026"},
        {"arguments": ("-DGGML_NATIVE=OFF",)},
        {"addon": "cuda"},
        {"version": recipe.VERSION + 1},
    ],
)
def test_the_key_changes_with_what_goes_in(change: dict[str, object]) -> None:
    assert dataclasses.replace(some_recipe(), **change).key != some_recipe().key


def test_the_key_does_not_change_with_where_the_tools_are() -> None:
    moved = dataclasses.replace(some_recipe(), places=("-DVulkan_INCLUDE_DIR=/elsewhere",))
    assert moved.key == some_recipe().key
    assert not [word for word in some_recipe().arguments if str(Path.home()) in word]


def test_what_is_locked_is_what_is_built() -> None:
    version, digest = locked_distribution((ROOT / "requirements.lock").read_text("utf-8"))
    assert first_number(version) > (0, 3)
    assert len(digest) == 64
    with pytest.raises(LookupError):
        locked_distribution("jinja2==3.1.6\n")


def wheel_of(folder: Path, *names: str) -> Path:
    path = folder / "some.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, f"library {name.rpartition('/')[2].partition('.')[0]}")
    return path


LINUX = [
    *(f"llama_cpp/lib/libllama.so{end}" for end in ("", ".0", ".0.5.0")),
    *(f"llama_cpp/lib/libggml.so{end}" for end in ("", ".0", ".0.25.3")),
    *(f"llama_cpp/lib/libggml-base.so{end}" for end in ("", ".0", ".0.25.3")),
    *(f"llama_cpp/lib/libmtmd.so{end}" for end in ("", ".0", ".0.5.0")),
    *(f"llama_cpp/lib/libllama-common.so{end}" for end in ("", ".0", ".0.5.0")),
    "llama_cpp/lib/libggml-cpu-x64.so",
    "llama_cpp/lib/libggml-cpu-armv8.2_1.so",
    "llama_cpp/lib/libggml-vulkan.so",
    "llama_cpp/lib/libggml-rpc.so",
    "llama_cpp/lib/pkgconfig/llama.pc",
    "llama_cpp/llama_cpp.py",
    "include/ggml.h",
    "lib/libggml.so.0",
]


def test_each_library_is_there_once_and_nothing_else(tmp_path: Path) -> None:
    contents.unpack(wheel_of(tmp_path, *LINUX), tmp_path / "runtime")
    manifest = contents.write_manifest(tmp_path / "runtime", {"key": "k"})
    assert [item["path"] for item in manifest["files"]] == [
        "lib/libggml-base.so.0",
        "lib/libggml-cpu-armv8.2_1.so",
        "lib/libggml-cpu-x64.so",
        "lib/libggml.so.0",
        "lib/libllama.so",
        "lib/libmtmd.so",
        "lib/vulkan/libggml-vulkan.so",
    ]
    assert manifest["variants"] == ["armv8.2_1", "x64"]
    assert manifest["gpu_modules"] == ["vulkan"]
    assert contents.missing(manifest, "linux") == []
    assert json.loads((tmp_path / "runtime/manifest.json").read_text())["key"] == "k"
    assert "armv8.2_1, x64" in contents.table(manifest)


def test_an_addon_is_its_module_alone(tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path, *LINUX, "llama_cpp/lib/libggml-cuda.so")
    contents.unpack(wheel, tmp_path / "addon", "cuda")
    manifest = contents.write_manifest(tmp_path / "addon", {})
    assert [item["path"] for item in manifest["files"]] == ["lib/cuda/libggml-cuda.so"]
    assert contents.missing(manifest, "linux", "cuda") == []


def test_windows_and_macos_names_are_known(tmp_path: Path) -> None:
    names = ["llama", "ggml", "ggml-base", "mtmd", "ggml-cpu-haswell", "ggml-vulkan"]
    wheel = wheel_of(tmp_path, *(f"llama_cpp/lib/{name}.dll" for name in names))
    contents.unpack(wheel, tmp_path / "windows")
    manifest = contents.describe(tmp_path / "windows")
    assert contents.missing(manifest, "windows") == []
    assert manifest["variants"] == ["haswell"]
    libraries = ["llama", "ggml", "ggml-base", "mtmd", "ggml-cpu", "ggml-metal"]
    ends = (".dylib", ".0.dylib", ".0.25.3.dylib")
    wheel = wheel_of(
        tmp_path, *(f"llama_cpp/lib/lib{name}{end}" for name in libraries for end in ends)
    )
    contents.unpack(wheel, tmp_path / "macos")
    manifest = contents.describe(tmp_path / "macos")
    assert contents.missing(manifest, "macos") == []
    assert len(manifest["files"]) == len(libraries)
    link = tmp_path / "macos/lib/libllama.dylib"
    assert link.is_symlink()
    assert link.resolve().name == "libllama.0.dylib"


def test_what_is_lacking_is_said(tmp_path: Path) -> None:
    contents.unpack(wheel_of(tmp_path, "llama_cpp/lib/libllama.so"), tmp_path / "runtime")
    lacking = contents.missing(contents.describe(tmp_path / "runtime"), "linux")
    assert lacking == ["mtmd", "ggml", "ggml-base", "a processor part", "vulkan"]


def test_a_wheel_becomes_a_runtime_or_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(recipe, "this_system", lambda: ("linux", "x86_64"))
    monkeypatch.setattr(recipe, "openmp_library", lambda: None)
    shop = workshop(ROOT)
    with pytest.raises(Stopped, match="no wheel"):
        build.from_wheel(shop, tmp_path / "absent.whl")
    with pytest.raises(Stopped, match="no libraries"):
        build.from_wheel(shop, wheel_of(tmp_path, "llama_cpp/llama_cpp.py"))
    with pytest.raises(Stopped, match="without mtmd"):
        build.from_wheel(shop, wheel_of(tmp_path, "llama_cpp/lib/libllama.so"))
    assert list((tmp_path / "cache").iterdir()) == [], "nothing half made is left"
    wheel = wheel_of(tmp_path, *LINUX)
    folder = build.from_wheel(shop, wheel)
    assert (folder / "lib/libllama.so").exists()
    assert build.from_wheel(shop, wheel) == folder


def test_a_build_that_fails_says_so_and_leaves_its_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(build, "recipe_here", lambda shop, addon: some_recipe())

    def follow(command: list[str], log: Path, environment: dict[str, str]) -> int:
        log.write_text("why it failed\n")
        assert environment["SOURCE_DATE_EPOCH"]
        return 1

    shop = dataclasses.replace(workshop(ROOT), follow=follow)
    with pytest.raises(Stopped, match="why it failed"):
        build.built(shop)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["failed-fetch.log"]


def test_two_builds_of_the_same_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(build, "recipe_here", lambda shop, addon: some_recipe())
    (tmp_path / f"{some_recipe().key}.building").mkdir()
    with pytest.raises(Stopped, match="already"):
        build.built(workshop(ROOT))


def test_header_versions_are_read_and_compared(tmp_path: Path) -> None:
    assert vulkan.headers_version(tmp_path) == ""
    (tmp_path / "vulkan").mkdir()
    (tmp_path / "vulkan/vulkan_core.h").write_text(
        "#define VK_HEADER_VERSION 239\n"
        "#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION(0, 1, 3, VK_HEADER_VERSION)\n"
    )
    assert vulkan.headers_version(tmp_path) == "1.3.239"
    assert first_number("1.3.239") < vulkan.HEADERS <= first_number("1.4.309")
    assert first_number("shaderc v2025.2 v2025.2-1") >= vulkan.SHADER_COMPILER
    assert first_number("") < vulkan.HEADERS


def test_where_tools_cannot_be_fetched_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vulkan, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(vulkan, "_need_loader", lambda shop: None)
    monkeypatch.setattr(vulkan, "_installed", lambda: None)
    monkeypatch.setattr(vulkan, "_mirror", lambda: None)
    with pytest.raises(Stopped, match="Vulkan SDK"):
        vulkan.find_tools(workshop(ROOT))
