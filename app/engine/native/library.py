"""Brings llama.cpp into the process, once, with our log and abort hooks in place.

Must stay ignorant of models and requests. The bindings are version-locked: structures are
bound by layout, so another llama-cpp-python than the pinned one is a port.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import re
import sys
import threading
import types
from pathlib import Path
from typing import Any

from app.engine.native import backends
from app.engine.native.log import LogCapture
from app.foundation.errors import NotPossibleHere
from app.foundation.paths import native_runtime

_lock = threading.Lock()
_library: Library | None = None

FEW_CORES = 4
_LIBRARY_PATH = "LLAMA_CPP_LIB_PATH"

_ABORT_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_char_p)


class Library:
    """llama.cpp in this process. `api` is the module of low-level bindings."""

    def __init__(self) -> None:
        _set_environment()
        self.folder = _folder_of_libraries()
        # Before the bindings open libllama: the system then takes these for what it names by
        # bare names, and searches nowhere.
        self.ggml_base = self._open("ggml-base")
        self.ggml = self._open("ggml")
        self.api = _import_bindings(self.folder)
        # The same functions, called without letting go of the interpreter lock: for calls so
        # short that getting the lock back would take longer than the call.
        self._brief = ctypes.PyDLL(self.api._lib._name)
        self.log = LogCapture()
        self._log_callback = self.api.llama_log_callback(self._take_log)
        self.api.llama_log_set(self._log_callback, ctypes.c_void_p(0))
        self._abort_path: str | None = None
        self._abort_callback = _ABORT_CALLBACK(self._take_abort)
        self.ggml_base.ggml_set_abort_callback.restype = ctypes.c_void_p
        self.ggml_base.ggml_set_abort_callback.argtypes = [_ABORT_CALLBACK]
        self.ggml_base.ggml_set_abort_callback(self._abort_callback)
        #: The CPU variant that computes; "native" where it is built in.
        self.variant = backends.register(self.ggml, self.folder)
        self._modules: set[str] = set()
        self.take_modules()
        self.api.llama_backend_init()

    def take_modules(self) -> None:
        """Open the GPU modules that the environment names by now. Engine thread, or a child."""
        backends.register_modules(self.ggml, self.folder, self._modules)

    def brief(self, name: str) -> Any:
        """The binding `name`, holding the interpreter lock. Only for calls under a millisecond."""
        bound = getattr(self.api, name)
        function = getattr(self._brief, name)
        function.argtypes, function.restype = bound.argtypes, bound.restype
        return function

    def keep_abort_message(self, path: Path | None) -> None:
        """Where the last words of a failing native assertion are written; None: nowhere."""
        self._abort_path = None if path is None else str(path)

    def _open(self, stem: str) -> ctypes.CDLL:
        # The wheel holds copies under several names, not links. libllama uses the versioned
        # one; opening another would make a second ggml with a state of its own.
        patterns = {
            "win32": (rf"(lib)?{stem}\.dll",),
            "darwin": (rf"lib{stem}\.\d+\.dylib", rf"lib{stem}\.(dylib|so)"),
        }.get(sys.platform, (rf"lib{stem}\.so\.\d+", rf"lib{stem}\.so"))
        names = sorted(entry.name for entry in self.folder.iterdir())
        for pattern in patterns:
            for name in names:
                if re.fullmatch(pattern, name):
                    return ctypes.CDLL(str(self.folder / name))
        raise NotPossibleHere(
            "Hearth's inference library is incomplete.",
            f"The part called {stem} is missing from {self.folder}.",
            "Install Hearth again.",
        )

    def _take_log(self, level: int, text: bytes, _user_data: object) -> None:
        # Native code calls this: no exception may leave it.
        with contextlib.suppress(Exception):
            self.log.write(level, text.decode("utf-8", "replace"))

    def _take_abort(self, message: bytes) -> None:
        # The process ends right after this. No logging: its lock may be held by the dead.
        with contextlib.suppress(Exception):
            text = message[:4096] + b"\n"
            os.write(2, b"llama.cpp stopped: " + text)
            if self._abort_path is not None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                descriptor = os.open(self._abort_path, flags, 0o600)
                os.write(descriptor, text)
                os.fsync(descriptor)


def open_library(abort_message_path: Path | None = None) -> Library:
    """llama.cpp, loaded on the first call. Raises NotPossibleHere where it cannot be loaded."""
    global _library
    with _lock:
        if _library is None:
            try:
                _library = Library()
            except (ImportError, OSError, RuntimeError, AttributeError) as error:
                raise NotPossibleHere(
                    "Hearth's inference library does not work on this computer.",
                    str(error),
                    "Install Hearth again; `hearth doctor` shows what is missing.",
                ) from error
        if abort_message_path is not None:
            _library.keep_abort_message(abort_message_path)
        return _library


def _set_environment() -> None:
    """What ggml and its thread library read once, when they are loaded."""
    # Without it an assertion starts a debugger on the way down.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    if sys.platform == "win32" and not getattr(sys, "frozen", False):
        # What a driver's library names without a path is not to be found in the current folder.
        # (A bundle's start has put its own folder in that place.)
        ctypes.windll.kernel32.SetDllDirectoryW("")
    # With as many threads as cores, another busy program now and then takes a core away, and the
    # other threads spin at the next barrier where they could let it finish. A short spin took
    # 150 ms a token instead of 400 beside busy programs on two cores, and 19.5 instead of 19
    # alone. With many cores waits are longer and sleeping costs more: left as it is.
    asked = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if not asked and (os.cpu_count() or 1) <= FEW_CORES:
        os.environ["GOMP_SPINCOUNT"] = "3000"


def _folder_of_libraries() -> Path:
    """Where libllama and its parts are: in the runtime that ships, else beside the bindings."""
    runtime = native_runtime()
    if runtime is None:
        spec = importlib.util.find_spec("llama_cpp")
        if spec is None or not spec.submodule_search_locations:
            raise ImportError("llama-cpp-python is not installed")
        return Path(next(iter(spec.submodule_search_locations))).resolve() / "lib"
    if not (runtime.is_absolute() and (runtime / "lib").is_dir()):
        raise NotPossibleHere(
            "Hearth's inference runtime is not there.",
            f"“{runtime}” is not the full path of a folder with a runtime in it.",
            "Correct or unset HEARTH_RUNTIME, or install Hearth again.",
        )
    return (runtime / "lib").resolve()


def _import_bindings(folder: Path) -> Any:
    # The package's __init__ imports its high-level class, and with it NumPy, Jinja and a disk
    # cache: 20 MB and a tenth of a second for nothing. A bare package in its place lets the
    # module of bindings be imported alone.
    if "llama_cpp" not in sys.modules:
        spec = importlib.util.find_spec("llama_cpp")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("llama-cpp-python is not installed")
        package = types.ModuleType("llama_cpp")
        package.__path__ = list(spec.submodule_search_locations)
        package.__spec__ = spec
        sys.modules["llama_cpp"] = package
    # Read once, at import. Children must not inherit it: they may be given another runtime.
    before = os.environ.get(_LIBRARY_PATH)
    os.environ[_LIBRARY_PATH] = str(folder)
    try:
        from llama_cpp import llama_cpp as bindings
    finally:
        os.environ.pop(_LIBRARY_PATH)
        if before is not None:
            os.environ[_LIBRARY_PATH] = before
    if Path(bindings._lib._name).resolve().parent != folder:
        raise ImportError(f"llama.cpp is in this process already, but not from {folder}")
    return bindings
