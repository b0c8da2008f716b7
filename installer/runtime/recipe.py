"""How llama.cpp is configured for other people's machines, on each system. Pure words.

Changing what comes out means raising VERSION: it is part of the key that a build is kept under.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

VERSION = 2

#: Where the build stands; written out only when it runs, so that the key does not depend on it.
FOLDER = "{folder}"

_INSTRUCTIONS_ON = ("SSE42", "AVX", "AVX2", "BMI2", "FMA", "F16C")
_INSTRUCTIONS_OFF = (
    *("AVX_VNNI", "AVX512", "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16"),
    *("AMX_TILE", "AMX_INT8", "AMX_BF16"),
)
_COMMON = (
    "-DGGML_NATIVE=OFF",
    "-DGGML_RPC=OFF",
    "-DGGML_CCACHE=OFF",
    "-DLLAMA_BUILD_TOOLS=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DCMAKE_INSTALL_BINDIR=llama_cpp/lib",
    "-DCMAKE_INSTALL_LIBDIR=llama_cpp/lib",
    "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
)
_MODULES = ("-DGGML_BACKEND_DL=ON", "-DGGML_CPU_ALL_VARIANTS=ON")
# What every Apple M processor has; the Metal backend is built in, as one kind of machine needs it.
_APPLE_SILICON = (
    "-DGGML_METAL=ON",
    "-DGGML_METAL_EMBED_LIBRARY=ON",
    "-DGGML_CPU_ARM_ARCH=armv8.4-a+fp16",
    "-DCMAKE_OSX_ARCHITECTURES=arm64",
)
_CUDA = (
    "-DGGML_BACKEND_DL=ON",
    "-DGGML_CPU=OFF",
    "-DGGML_CUDA=ON",
    "-DLLAVA_BUILD=OFF",
)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a build comes out as. `addon` is "" for the runtime itself."""

    distribution: str
    system: str
    machine: str
    compiler: str
    arguments: tuple[str, ...]
    addon: str = ""
    vulkan_headers: str = ""
    shader_compiler: str = ""
    version: int = VERSION
    #: Where this machine keeps its tools: needed to build, but the same tools elsewhere are the
    #: same recipe.
    places: tuple[str, ...] = field(default=(), compare=False)

    @property
    def key(self) -> str:
        """The name under which the build is kept."""
        facts = {name: value for name, value in asdict(self).items() if name != "places"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]


def wants_vulkan(system: str) -> bool:
    """Whether the runtime for this system carries the Vulkan backend."""
    return system in ("linux", "windows")


def this_system() -> tuple[str, str]:
    """The system and the kind of processor that a build here is for."""
    machine = {"amd64": "x86_64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    return {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux"), machine


def arguments_for(system: str, machine: str, addon: str = "") -> tuple[str, ...]:
    """CMake's words. Every instruction set is named, because ggml's defaults depend on the
    environment: with SOURCE_DATE_EPOCH set, as for a reproducible build, they are all off."""
    words = [
        *_COMMON,
        f"-DCMAKE_INSTALL_RPATH={'@loader_path' if system == 'macos' else '$ORIGIN'}",
    ]
    if system != "windows":
        # ggml's modules are linked for the build's folder first: how long its name is would stay.
        words.append("-DCMAKE_BUILD_RPATH_USE_ORIGIN=ON")
        for language in ("C", "CXX"):
            words.append(f'-DCMAKE_{language}_FLAGS=-ffile-prefix-map="{FOLDER}"=.')
    if machine == "x86_64":
        words += [f"-DGGML_{name}=ON" for name in _INSTRUCTIONS_ON]
        words += [f"-DGGML_{name}=OFF" for name in _INSTRUCTIONS_OFF]
    if addon == "cuda":
        return (*words, *_CUDA)
    if (system, machine) == ("macos", "arm64"):
        return (*words, *_APPLE_SILICON)
    words += _MODULES
    if system == "macos":
        words += ["-DGGML_METAL=ON", "-DGGML_METAL_EMBED_LIBRARY=ON", "-DGGML_BLAS=OFF"]
    if system == "windows":
        words += _for_windows(machine)
    if wants_vulkan(system):
        words.append("-DGGML_VULKAN=ON")
    return tuple(words)


def _for_windows(machine: str) -> list[str]:
    """Clang, since Microsoft's compiler lacks five of the variants; for ARM there is only one."""
    kind = "arm64" if machine == "arm64" else "x64"
    toolchain = f"{FOLDER}/source/vendor/llama.cpp/cmake/{kind}-windows-llvm.cmake"
    words = [f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", "-DGGML_OPENMP=OFF"]
    return [*words, "-DGGML_CPU_ALL_VARIANTS=OFF"] if machine == "arm64" else words


def compiler() -> str:
    """The C++ compiler that CMake takes here, in its own words."""
    names = ("clang++", "cl") if sys.platform == "win32" else ("c++", "g++", "clang++")
    for name in names:
        if found := shutil.which(name):
            said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
            return next(iter(said.stdout.splitlines()), name)
    return ""


def openmp_library() -> Path | None:
    """The compiler's thread library on Linux, which a fresh system may lack."""
    found = shutil.which("c++") or shutil.which("g++")
    if not sys.platform.startswith("linux") or found is None:
        return None
    said = subprocess.run(
        [found, "-print-file-name=libgomp.so.1"], capture_output=True, text=True, check=False
    )
    path = Path(said.stdout.strip())
    return path.resolve() if path.is_absolute() and path.exists() else None
