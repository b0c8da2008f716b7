"""Makes one runtime and keeps it under its key: fetch by hash, compile, sort, describe.

Nothing half made is ever found under a key: the folder gets its name when all is in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from installer.runtime import contents, recipe, vulkan
from installer.runtime.recipe import FOLDER, Recipe
from installer.runtime.workshop import Workshop, cache_folder, locked_distribution

_EXTENSION = re.compile(r"-- (GL_\w+) supported by glslc")


def recipe_here(workshop: Workshop, addon: str = "") -> Recipe:
    """The recipe for this machine. Installs, or names, what is missing to carry it out."""
    workshop.need_compiler()
    system, machine = recipe.this_system()
    _, digest = locked_distribution((workshop.root / "requirements.lock").read_text("utf-8"))
    arguments = recipe.arguments_for(system, machine, addon)
    if addon:
        if not shutil.which("nvcc"):
            workshop.refuse(
                "The CUDA add-on needs NVIDIA's compiler (nvcc), which is not in the path.\n"
                "Install the CUDA Toolkit and add its bin folder to PATH."
            )
        return Recipe(digest, system, machine, recipe.compiler(), arguments, addon)
    if not recipe.wants_vulkan(system):
        return Recipe(digest, system, machine, recipe.compiler(), arguments)
    tools = vulkan.find_tools(workshop)
    return Recipe(
        digest,
        system,
        machine,
        recipe.compiler(),
        arguments,
        vulkan_headers=tools.headers,
        shader_compiler=tools.shader_compiler,
        places=tools.arguments,
    )


def built(workshop: Workshop, addon: str = "") -> Path:
    """The folder of the runtime for this machine, made now unless it was made before."""
    made = recipe_here(workshop, addon)
    folder = cache_folder() / made.key
    if (folder / "manifest.json").exists():
        return folder
    with _being_built(workshop, folder) as work:
        print(
            f"Building the runtime {made.key}; it takes about 25 minutes on two cores.", flush=True
        )
        wheel, log = compiled(workshop, made, work)
        print("Sorting …", flush=True)
        facts = {
            **{name: value for name, value in asdict(made).items() if name != "places"},
            "key": made.key,
            "shader_extensions": _EXTENSION.findall(log.read_text("utf-8", "replace")),
        }
        _arrange(workshop, wheel, work / "done", facts, made.system)
        (work / "done").rename(folder)
        shutil.copy(log, folder / "build.log")
    return folder


def from_wheel(workshop: Workshop, wheel: Path) -> Path:
    """The folder of a runtime whose libraries come from a wheel that was built elsewhere."""
    if not wheel.is_file():
        workshop.refuse(f"There is no wheel {wheel}.")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    folder = cache_folder() / f"wheel-{digest[:14]}"
    if not (folder / "manifest.json").exists():
        with _being_built(workshop, folder) as work:
            facts = {"key": folder.name, "wheel_sha256": digest}
            _arrange(workshop, wheel, work / "done", facts, recipe.this_system()[0])
            (work / "done").rename(folder)
    return folder


def compiled(workshop: Workshop, made: Recipe, work: Path) -> tuple[Path, Path]:
    """Compile in `work`; returns the wheel and the log of its making."""
    environment = {
        "CMAKE_ARGS": " ".join(
            shlex.quote(word.replace(FOLDER, work.as_posix()))
            for word in (*made.arguments, *made.places)
        ),
        "CMAKE_BUILD_PARALLEL_LEVEL": str(_usable_cores()),
        # One moment for everything that would note the time. See recipe.arguments_for.
        "SOURCE_DATE_EPOCH": "1577836800",
        "PYTHONHASHSEED": "0",
        # glslang 15 reads memory that it never wrote: tri_f16 filled with infinity instead of 0
        # when the folder's name was long. With this the C library hands out zeroes.
        "MALLOC_PERTURB_": "255",
    }
    pip = [str(workshop.python), "-m", "pip"]
    quiet = ["--no-input", "--disable-pip-version-check", "--no-deps"]
    requirement = work / "requirement.txt"
    version, digest = locked_distribution((workshop.root / "requirements.lock").read_text("utf-8"))
    requirement.write_text(f"llama-cpp-python=={version} --hash=sha256:{digest}\n", "utf-8")
    fetch = [*pip, "download", *quiet, "--require-hashes", "--no-binary", "llama-cpp-python"]
    fetch += ["-r", str(requirement), "-d", str(work / "archive")]
    workshop.run(fetch, work / "fetch.log", environment, "Fetching llama.cpp")
    archive = next((work / "archive").glob("*.tar.gz"))
    with tarfile.open(archive) as file:
        file.extractall(work / "archive", filter="data")
    archive.unlink()
    next(path for path in (work / "archive").iterdir() if path.is_dir()).rename(work / "source")
    log = work / "build.log"
    make = [*pip, "wheel", *quiet, "--no-cache-dir", "--verbose", "-w", str(work / "wheel")]
    make += ["--config-settings", f"build-dir={(work / 'cmake').as_posix()}", str(work / "source")]
    workshop.run(make, log, environment, "Building the runtime")
    return next((work / "wheel").glob("*.whl")), log


def _arrange(
    workshop: Workshop, wheel: Path, folder: Path, facts: dict[str, Any], system: str
) -> None:
    addon = str(facts.get("addon", ""))
    contents.unpack(wheel, folder, addon)
    if not (folder / "lib").is_dir():
        workshop.refuse(f"{wheel.name} holds no libraries.")
    threads = recipe.openmp_library()
    if threads is not None and not addon:
        # Needed by every variant, and not part of every system.
        shutil.copyfile(threads, folder / "lib" / "libgomp.so.1")
    manifest = contents.write_manifest(folder, facts)
    if lacking := contents.missing(manifest, system, addon):
        workshop.refuse(f"The build has come out without {', '.join(lacking)}.")


@contextlib.contextmanager
def _being_built(workshop: Workshop, folder: Path) -> Iterator[Path]:
    """A folder to build in, beside where the result will be; gone afterwards, however it ends."""
    work = folder.with_name(f"{folder.name}.building")
    work.parent.mkdir(parents=True, exist_ok=True)
    try:
        work.mkdir()
    except FileExistsError:
        workshop.refuse(
            f"This runtime is being built already, in {work}.\n"
            "Wait for that; if it was cut short, remove the folder and start again."
        )
    try:
        yield work
    except Exception:
        for log in work.glob("*.log"):
            shutil.copy(log, folder.with_name(f"failed-{log.name}"))
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
