"""The first load of anything new is tried in a child, which may die in our place.

Called on pool threads; may take as long as a load. Remembers what went well, by file, settings
and runtime. Losing that memory only costs another trial.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from app.engine.messages import LoadCancelled, LoadSettings
from app.foundation.atomic import write_atomically
from app.foundation.cancellation import Cancellation
from app.foundation.children import ChildDied, run_child
from app.foundation.errors import LoadFailed
from app.foundation.paths import Profile, native_runtime
from app.foundation.sentinel import Sentinels
from app.inference.placement import Tried

TRIAL_DEADLINE_S: Final = 600.0
LEDGER: Final = "trials.json"
SENTINEL: Final = "trial"
_VERSION = 2
_KEPT = 200

_log = logging.getLogger(__name__)


class Preflight:
    """`inference.placement.Preflight` over the child "trial". Thread-safe."""

    def __init__(
        self,
        profile: Profile,
        *,
        deadline_s: float = TRIAL_DEADLINE_S,
        memory_limit_bytes: int | None = None,
        runtime: Callable[[], str] | None = None,
        sentinels: Sentinels | None = None,
    ) -> None:
        """`memory_limit_bytes` caps the child's address space; None leaves it to the system.

        `sentinels` notes that a trial runs; without one, the profile's own does.
        """
        self._path = profile.state / LEDGER
        self._sentinels = sentinels or Sentinels(profile.state)
        self._deadline_s = deadline_s
        self._memory_limit_bytes = memory_limit_bytes
        self._runtime = runtime or runtime_version
        self._lock = threading.Lock()

    def check(
        self, settings: LoadSettings, cancellation: Cancellation, *, tune_threads: bool = False
    ) -> Tried:
        """Return if the model is safe to load. Raises LoadFailed, LoadCancelled, or what the
        child says of the file.

        With `tune_threads` the settings come back with the number of threads that was fastest
        in the trial, if one was made with as many threads."""
        key = self.fingerprint(settings)
        with self._lock:
            measured, is_new = self._read().get(key), False
            if not isinstance(measured, dict):
                with self._sentinels.during(SENTINEL):
                    measured = self._tried(settings, cancellation, tune_threads)
                is_new = True
                measured["asked_threads"] = settings.n_threads
                self._remember(key, measured)
        if tune_threads:
            settings = _tuned(settings, measured)
        return Tried(settings, measured if is_new else {})

    def fingerprint(self, settings: LoadSettings) -> str:
        """One word for file, settings and runtime: what a good result holds for.

        More or fewer threads make no difference to what can go wrong: a change of power is no
        reason for another trial."""
        status = os.stat(settings.path)
        left_out = ("path", "n_threads", "n_threads_batch")
        facts = [
            os.path.realpath(settings.path),
            status.st_size,
            status.st_mtime_ns,
            sorted((k, v) for k, v in dataclasses.asdict(settings).items() if k not in left_out),
            self._runtime(),
        ]
        return hashlib.sha256(json.dumps(facts).encode("utf-8")).hexdigest()

    def measured(self, settings: LoadSettings) -> dict[str, Any] | None:
        """What the trial of these settings measured, if there was one."""
        with self._lock:
            found = self._read().get(self.fingerprint(settings))
        return dict(found) if found is not None else None

    def _tried(
        self, settings: LoadSettings, cancellation: Cancellation, tune_threads: bool
    ) -> dict[str, Any]:
        try:
            answer = run_child(
                "trial",
                {"settings": dataclasses.asdict(settings), "tune_threads": tune_threads},
                deadline_s=self._deadline_s,
                memory_limit_bytes=self._memory_limit_bytes,
                cancellation=cancellation,
            )
        except ChildDied as death:
            if death.verdict == "cancelled":
                raise LoadCancelled() from None
            _log.warning("the trial of %s died: %s\n%s", settings.path, death, death.stderr_tail)
            raise failure_of(death, settings) from death
        return dict(answer["measured"])

    def _read(self) -> dict[str, Any]:
        """The ledger; one that cannot be read is as good as none."""
        try:
            saved = json.loads(self._path.read_text("utf-8"))
            if saved["version"] == _VERSION and isinstance(saved["good"], dict):
                return dict(saved["good"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return {}

    def _remember(self, key: str, measured: dict[str, Any]) -> None:
        good = self._read()
        good[key] = measured
        newest = dict(list(good.items())[-_KEPT:])
        try:
            text = json.dumps({"version": _VERSION, "good": newest}, indent=1)
            write_atomically(self._path, text.encode("utf-8"))
        except OSError as error:
            _log.warning("the trial will be made again: %s", error)


def failure_of(death: ChildDied, settings: LoadSettings) -> LoadFailed:
    """What the death of a trial means for a person: the cause, and what to do now."""
    last_words = _last_words(death.stderr_tail)
    name = os.path.basename(settings.path)
    if death.verdict == "timeout":
        return LoadFailed(
            f"{name} takes too long to load.",
            "The trial in a helper process was stopped; Hearth itself is unharmed.",
            "Move the file to a faster disk, or choose a smaller model.",
        )
    if (death.verdict == "signal" and death.signal_number == 9) or _is_out_of_memory(death):
        return LoadFailed(
            f"{name} needs more memory than the system would give.",
            "The trial in a helper process was ended by the system; Hearth itself is unharmed.",
            "Close other programs, choose a smaller context, or a smaller model.",
        )
    how = f"signal {death.signal_number}" if death.verdict == "signal" else death.detail
    remedy = "Download the file again, or choose another quant of the model."
    if settings.n_gpu_layers:
        remedy = "Set the layers on the graphics card to 0, or update the graphics driver."
    return LoadFailed(
        f"{name} makes the inference library crash.",
        f"It happened in a trial in a helper process ({how}), so Hearth itself is unharmed."
        + (f" Its last words: {last_words}" if last_words else ""),
        remedy,
    )


def runtime_version() -> str:
    """What computes: llama.cpp and the folder it comes from, the variant and the modules that
    are used, and, where a module is used, the graphics drivers of the system."""
    from app.hardware.find_cards import driver_stamp
    from app.hardware.runtime import runtime_stamp

    chosen = [os.environ.get(name, "") for name in ("HEARTH_CPU_VARIANT", "HEARTH_GPU_MODULES")]
    folder = native_runtime()
    # A plain build may have drivers built in; asking for their versions starts none of them.
    drivers = "" if folder is not None and not chosen[1] else driver_stamp()
    return "|".join([runtime_stamp(), str(folder or ""), *chosen, drivers])


def _tuned(settings: LoadSettings, measured: dict[str, Any]) -> LoadSettings:
    """With the number of threads that was the fastest, where as many were tried as are wanted."""
    best = measured.get("n_threads")
    if measured.get("asked_threads") != settings.n_threads or type(best) is not int:
        return settings
    if not 1 <= best <= settings.n_threads:
        return settings
    return dataclasses.replace(settings, n_threads=best)


def _is_out_of_memory(death: ChildDied) -> bool:
    words = death.stderr_tail.lower()
    # 77 is how a child of ours ends on MemoryError.
    return death.exit_status == 77 or "bad_alloc" in words or "out of memory" in words


def _last_words(stderr_tail: str) -> str:
    """What llama.cpp said before it ended the process, in one line."""
    for line in reversed(stderr_tail.splitlines()):
        if line.startswith("llama.cpp stopped: "):
            return line.removeprefix("llama.cpp stopped: ").strip()[:300]
    return ""
