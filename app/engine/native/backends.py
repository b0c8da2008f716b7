"""What a runtime folder holds, and which of it computes: one CPU variant, the GPU modules named.

Modules are opened by full path, before llama.cpp looks for any itself: it would look beside the
Python executable and in the current folder. Opening a GPU module starts its driver, which may
end the process. Knows no ledger: what is named in the environment is what is taken.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from app.foundation.errors import NotPossibleHere

if TYPE_CHECKING:
    from app.engine.native.library import Library

logger = logging.getLogger(__name__)

VARIANT = "HEARTH_CPU_VARIANT"
MODULES = "HEARTH_GPU_MODULES"
NATIVE = "native"
_CPU_MODULE = re.compile(r"(?:lib)?ggml-cpu-(\w+)\.(?:so|dll)")
_GPU_MODULE = re.compile(r"(?:lib)?ggml-(?!cpu|base)\w+\.(?:so|dll)")
_BASE = re.compile(r"(?:lib)?ggml-base(?:\.so\.\d+|\.\d+\.dylib|\.dll)")


def variants(folder: Path) -> tuple[str, ...]:
    """The CPU variants in a runtime folder, by name; none where the processor part is built in."""
    return tuple(sorted(_cpu_modules(libraries(folder))))


def gpu_modules(folder: Path) -> tuple[str, ...]:
    """The GPU modules in a runtime folder, each named as the folder that it has to itself."""
    return tuple(sorted(_gpu_modules(libraries(folder))))


def scores(folder: Path) -> dict[str, int]:
    """How well each variant suits this processor, by ggml's own judgement; 0: it cannot run here.

    Every module is opened and asked: in a child only, since any of them may end the process. An
    answer is no proof: a virtual machine can offer an instruction that the system does not allow.
    """
    held = libraries(folder)
    base = next((path for path in held.iterdir() if _BASE.fullmatch(path.name)), None)
    # The modules find it by name, because it is in the process already.
    keep = None if base is None else ctypes.CDLL(str(base))
    found = {name: _score(path) for name, path in sorted(_cpu_modules(held).items())}
    del keep
    return found


def registered(library: Library) -> tuple[str, ...]:
    """The backends in use, in ggml's words, for example ("CPU", "Vulkan")."""
    ggml, base = library.ggml, library.ggml_base
    ggml.ggml_backend_reg_get.restype = ctypes.c_void_p
    ggml.ggml_backend_reg_get.argtypes = [ctypes.c_size_t]
    base.ggml_backend_reg_name.restype = ctypes.c_char_p
    base.ggml_backend_reg_name.argtypes = [ctypes.c_void_p]
    return tuple(
        base.ggml_backend_reg_name(ggml.ggml_backend_reg_get(index)).decode("utf-8", "replace")
        for index in range(_count(ggml))
    )


def libraries(folder: Path) -> Path:
    """Where a runtime folder keeps its libraries."""
    return folder / "lib" if (folder / "lib").is_dir() else folder


def register(ggml: ctypes.CDLL, folder: Path) -> str:
    """Take the CPU variant named in the environment into ggml's registry.

    Returns the variant's name; NATIVE, and nothing is done, where the processor part is built
    in. Raises NotPossibleHere where no variant runs on this processor.
    """
    if _count(ggml):
        return NATIVE
    ggml.ggml_backend_load.restype = ctypes.c_void_p
    ggml.ggml_backend_load.argtypes = [ctypes.c_char_p]
    modules = _cpu_modules(folder)
    variant = _register_processor(ggml, modules, os.environ.get(VARIANT, ""))
    if not variant:
        raise NotPossibleHere(
            "Hearth's inference library has no part for this processor.",
            f"It has {', '.join(sorted(modules)) or 'none at all'}, in {folder}.",
            "Install Hearth again, in the version for this kind of computer.",
        )
    return variant


def register_modules(ggml: ctypes.CDLL, folder: Path, taken: set[str]) -> None:
    """Take the GPU modules named in the environment, but for those `taken`, to which it adds.

    They may be named after the library was opened: once the first probe has found them good.
    """
    named = set(filter(None, os.environ.get(MODULES, "").split(",")))
    gpus = _gpu_modules(folder) if named - taken else {}
    for name in sorted(named - taken):
        taken.add(name)
        if name not in gpus:
            logger.warning("there is no GPU module %r in %s", name, folder)
        elif not ggml.ggml_backend_load(os.fsencode(gpus[name])):
            logger.warning("the GPU module %r did not load", name)


def _register_processor(ggml: ctypes.CDLL, modules: dict[str, Path], asked: str) -> str:
    """The name of the variant that was taken; "" if none runs here."""
    if asked in modules and ggml.ggml_backend_load(os.fsencode(modules[asked])):
        return asked
    if asked:
        logger.warning("the CPU variant %r does not run here; another is chosen", asked)
    ranked = {name: _score(path) for name, path in modules.items()}
    for name in sorted(ranked, key=lambda name: (-ranked[name], name)):
        if ranked[name] > 0 and ggml.ggml_backend_load(os.fsencode(modules[name])):
            return name
    return ""


def _score(module: Path) -> int:
    try:
        ask = ctypes.CDLL(str(module)).ggml_backend_score
    except (OSError, AttributeError):  # damaged, or not of this system
        return 0
    ask.restype, ask.argtypes = ctypes.c_int, []
    return int(ask())


def _count(ggml: ctypes.CDLL) -> int:
    ggml.ggml_backend_reg_count.restype = ctypes.c_size_t
    ggml.ggml_backend_reg_count.argtypes = []
    return int(ggml.ggml_backend_reg_count())


def _cpu_modules(held: Path) -> dict[str, Path]:
    return {
        match[1]: path
        for path in sorted(held.iterdir())
        if (match := _CPU_MODULE.fullmatch(path.name)) and path.is_file()
    }


def _gpu_modules(held: Path) -> dict[str, Path]:
    """One folder each, so that what a module needs can lie beside it and meets no other's."""
    found = {}
    for folder in sorted(path for path in held.iterdir() if path.is_dir()):
        modules = [path for path in sorted(folder.iterdir()) if _GPU_MODULE.fullmatch(path.name)]
        if len(modules) == 1 and "," not in folder.name:
            found[folder.name] = modules[0]
    return found
