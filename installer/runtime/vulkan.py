"""Headers and shader compiler for the Vulkan backend, new enough for it. Standard library only.

Debian 12 has neither: with its headers the backend does not compile, and its shader compiler
leaves out the matrix units and integer products that graphics cards are fast with. There they
come from Debian 13's packages, through the machine's own package mirror, into the cache; nothing
is installed. The compiler runs with the C library that it was made for.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from installer.runtime.workshop import Workshop, cache_folder, first_number, first_of

SUITE = "trixie"
#: The oldest that this recipe was tried with.
HEADERS = (1, 4, 309)
SHADER_COMPILER = (2025, 2)
_PACKAGES = ("libvulkan-dev", "spirv-headers")
_COMPILER_PACKAGES = ("glslc", "libshaderc1", "libc6", "libgcc-s1", "libstdc++6")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class VulkanTools:
    """CMake's words for what was found, and the versions that go into the content key."""

    arguments: tuple[str, ...]
    headers: str
    shader_compiler: str


def find_tools(workshop: Workshop) -> VulkanTools:
    """What the system has if it is new enough, else what was fetched for this. Stops where
    neither is there."""
    if sys.platform.startswith("linux"):
        _need_loader(workshop)
    if found := _installed():
        return found
    fetched = cache_folder() / f"tools-{SUITE}"
    if not (fetched / "done").exists():
        _fetch(workshop, fetched)
    include, compiler = fetched / "headers/usr/include", fetched / "glslc"
    spirv = fetched / "headers/usr/share/cmake/SPIRV-Headers"
    return VulkanTools(
        (
            f"-DVulkan_INCLUDE_DIR={include.as_posix()}",
            f"-DVulkan_GLSLC_EXECUTABLE={compiler.as_posix()}",
            f"-DSPIRV-Headers_DIR={spirv.as_posix()}",
        ),
        headers_version(include),
        compiler_version(str(compiler)),
    )


def headers_version(include: Path) -> str:
    """The version of the Vulkan headers in a folder, "" if there are none."""
    try:
        text = (include / "vulkan/vulkan_core.h").read_text("utf-8")
    except OSError:
        return ""
    complete = re.search(r"VERSION_COMPLETE VK_MAKE_API_VERSION\(0, (\d+), (\d+),", text)
    patch = re.search(r"define VK_HEADER_VERSION (\d+)", text)
    return f"{complete[1]}.{complete[2]}.{patch[1]}" if complete and patch else ""


def compiler_version(command: str) -> str:
    """The first line of what a glslc says of itself, "" where it does not run."""
    try:
        said = subprocess.run(
            [command, "--version"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(said.stdout.splitlines()), "")


def _installed() -> VulkanTools | None:
    sdk = Path(os.environ["VULKAN_SDK"]) if os.environ.get("VULKAN_SDK") else None
    places = [sdk / "Include", sdk / "include"] if sdk else [Path("/usr/include")]
    headers = next((version for place in places if (version := headers_version(place))), "")
    compiler = shutil.which("glslc")
    version = compiler_version(compiler) if compiler else ""
    spirv = first_of(sdk or Path("/usr"), ("**/SPIRV-Headers/SPIRV-HeadersConfig.cmake",))
    if first_number(headers) < HEADERS or first_number(version) < SHADER_COMPILER or not spirv:
        return None
    return VulkanTools((), headers, version)


def _need_loader(workshop: Workshop) -> None:
    """The library that the backend is linked to; its headers are another matter."""
    if first_of(Path("/usr"), ("lib*/libvulkan.so", "lib/*/libvulkan.so")):
        return
    if not workshop.install_packages(["libvulkan-dev"]):
        workshop.refuse(
            "The Vulkan loader is needed to build the runtime. Install it with:\n"
            "    sudo apt-get install libvulkan-dev"
        )


def _fetch(workshop: Workshop, folder: Path) -> None:
    mirror = _mirror()
    if mirror is None or not shutil.which("dpkg-deb"):
        workshop.refuse(
            f"The Vulkan headers ({'.'.join(map(str, HEADERS))} or newer), SPIRV-Headers and glslc "
            f"({'.'.join(map(str, SHADER_COMPILER))} or newer) are needed.\n"
            "Install them from your system, or install the Vulkan SDK and set VULKAN_SDK."
        )
    print(f"Fetching Vulkan headers and shader compiler ({SUITE}) …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    apt = _private_apt(folder / "apt", mirror)
    log = folder / "apt.log"
    with log.open("w", encoding="utf-8") as record:
        for words in (["update"], ["download", *_PACKAGES, *_COMPILER_PACKAGES]):
            done = subprocess.run(
                ["apt-get", *apt, *words], cwd=folder, stdout=record, stderr=record, check=False
            )
            if done.returncode:
                workshop.refuse(f"Packages could not be fetched from {SUITE}; see {log}.")
    _unpack(folder)
    (folder / "done").touch()


def _mirror() -> str | None:
    """The address from which this machine gets its own Debian packages."""
    try:
        release = Path("/etc/os-release").read_text("utf-8")
        codename = re.search(r"^VERSION_CODENAME=(\w+)", release, re.M)
        listed = subprocess.run(
            [
                "apt-get",
                "indextargets",
                "--format",
                "$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    wanted = f"Debian {codename[1] if codename else ''} main "
    lines = [line for line in listed.splitlines() if line.startswith(wanted)]
    return lines[0].removeprefix(wanted) if lines else None


def _private_apt(folder: Path, mirror: str) -> list[str]:
    """Options that make apt keep its sources and its state in `folder`, not in the system."""
    for part in ("etc/preferences.d", "etc/apt.conf.d", "etc/sources.list.d", "state", "cache"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    source = f"deb [signed-by={_KEYRING}] {mirror} {SUITE} main\n"
    (folder / "etc/sources.list").write_text(source, encoding="utf-8")
    places = {
        "Dir::Etc": folder / "etc",
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
    }
    return [word for key, place in places.items() for word in ("-o", f"{key}={place}")]


def _unpack(folder: Path) -> None:
    """Headers apart from the compiler's own C library, and a command that joins the latter two."""
    for package in sorted(folder.glob("*.deb")):
        name = package.name.partition("_")[0]
        target = folder / ("headers" if name in _PACKAGES else "compiler")
        subprocess.run(["dpkg-deb", "-x", str(package), str(target)], check=True)
        package.unlink()
    shutil.rmtree(folder / "apt")
    root = folder / "compiler"
    loader = first_of(root, ("usr/lib/*/ld-linux*.so.*", "usr/lib/ld-linux*.so.*"))
    libraries = first_of(root, ("usr/lib/*/libshaderc.so.*",))
    assert loader is not None
    assert libraries is not None
    words = [str(loader), "--library-path", str(libraries.parent), str(root / "usr/bin/glslc")]
    command = folder / "glslc"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
