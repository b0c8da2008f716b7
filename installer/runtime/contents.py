"""Sorts the libraries of a built wheel into a runtime folder, and says what is inside.

A wheel holds each library three times, because it cannot hold links: each copy that is opened has
a state of its own. Here every library is one file, under the name that the others ask for.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

_WHERE = "llama_cpp/lib"
_WANTED = re.compile(
    r"""(?x) (lib)? (?:
        (?P<linked> ggml | ggml-base ) (\.so\.\d+ | \.\d+\.dylib | \.dll)
      | (?P<opened> llama | mtmd ) (\.so | \.\d+\.dylib | \.dll)
      | ggml-(?P<built_in> cpu | metal | blas) (\.\d+\.dylib)
      | ggml-cpu (-[\w.]+)? (\.so | \.dll)
      | ggml-(?P<gpu> vulkan | cuda | metal | hip | sycl | opencl ) (\.so | \.dll)
    )"""
)
_GLIBC = re.compile(rb"GLIBC_2\.(\d+)\0")


def unpack(wheel: Path, folder: Path, addon: str = "") -> None:
    """Put the wheel's libraries into `folder`/lib, each once, GPU modules in folders of their
    own; of an add-on, only its module."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in sorted(archive.namelist()):
            path = PurePosixPath(entry)
            match = _WANTED.fullmatch(path.name)
            if str(path.parent) != _WHERE or match is None or (addon and match["gpu"] != addon):
                continue
            target = folder / "lib" / (match["gpu"] or "") / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
            target.chmod(0o755)
            _link_plain_name(target)


def _link_plain_name(target: Path) -> None:
    """macOS: the bindings open the name without a number, the others ask for the one with it."""
    if match := re.fullmatch(r"(lib(?:llama|mtmd))\.\d+\.dylib", target.name):
        target.with_name(f"{match[1]}.dylib").symlink_to(target.name)


def describe(folder: Path) -> dict[str, Any]:
    """What a runtime folder holds: variants, GPU modules, and every file with its size, its hash
    and the number of symbols that it offers to others (None where that cannot be counted)."""
    library = folder / "lib"
    files = sorted(path for path in library.rglob("*") if path.is_file() and not path.is_symlink())
    variants = [
        match[1] or "cpu"
        for path in files
        if path.parent == library
        and (match := re.fullmatch(r"(?:lib)?ggml-cpu(?:-([\w.]+))?\.(?:so|dll)", path.name))
    ]
    return {
        "variants": sorted(variants),
        "gpu_modules": sorted(path.name for path in library.iterdir() if path.is_dir()),
        "glibc": _glibc_needed(files),
        "files": [
            {
                "path": path.relative_to(folder).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "exported_symbols": exported_symbols(path),
            }
            for path in files
        ],
    }


def exported_symbols(library: Path) -> int | None:
    """How many symbols a library offers to others; None where no tool can say."""
    words = ["-gU"] if sys.platform == "darwin" else ["-D", "--defined-only", "--extern-only"]
    tool = shutil.which("nm") or shutil.which("llvm-nm")
    if tool is None or sys.platform == "win32":
        return None
    listed = subprocess.run(
        [tool, *words, str(library)], capture_output=True, text=True, check=False
    )
    return len(listed.stdout.splitlines()) if listed.returncode == 0 else None


def write_manifest(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Note beside the libraries what they are and what they were made from."""
    manifest = {**facts, **describe(folder)}
    text = json.dumps(manifest, indent=1, ensure_ascii=True) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return manifest


def missing(manifest: dict[str, Any], system: str, addon: str = "") -> list[str]:
    """What a runtime must have and this one has not."""
    names = " ".join(item["path"] for item in manifest["files"])
    wanted = ["llama", "mtmd", "ggml", "ggml-base"] if not addon else [f"ggml-{addon}"]
    lacking = [name for name in wanted if not re.search(rf"/(lib)?{name}\.", names)]
    if not addon and not manifest["variants"] and "ggml-cpu" not in names:
        lacking.append("a processor part")
    if not addon and system in ("linux", "windows") and "vulkan" not in manifest["gpu_modules"]:
        lacking.append("vulkan")
    return lacking


def table(manifest: dict[str, Any]) -> str:
    """The manifest as people read it."""
    lines = [f"{'file':44} {'size':>9}  {'symbols':>7}"]
    for item in manifest["files"]:
        symbols = item["exported_symbols"]
        lines.append(
            f"{item['path']:44} {item['bytes'] / 1e6:6.1f} MB  "
            f"{'?' if symbols is None else symbols:>7}"
        )
    total = sum(item["bytes"] for item in manifest["files"])
    lines.append(f"{len(manifest['files'])} files, {total / 1e6:.1f} MB")
    lines.append(f"CPU variants: {', '.join(manifest['variants']) or 'built in'}")
    lines.append(f"GPU modules: {', '.join(manifest['gpu_modules']) or 'none'}")
    for key, words in (
        ("compiler", "Compiler"),
        ("vulkan_headers", "Vulkan headers"),
        ("shader_compiler", "Shader compiler"),
        ("glibc", "Needs glibc"),
    ):
        if manifest.get(key):
            lines.append(f"{words}: {manifest[key]}")
    if manifest.get("shader_extensions") is not None:
        lines.append(f"Shader extensions: {', '.join(manifest['shader_extensions']) or 'none'}")
    return "\n".join(lines)


def _glibc_needed(files: list[Path]) -> str:
    """The oldest GNU C library that all of them run with; "" on other systems."""
    minors = [int(found) for path in files for found in _GLIBC.findall(path.read_bytes())]
    return f"2.{max(minors)}" if minors else ""
