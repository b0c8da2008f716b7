"""Which inference runtime is used: the one that came with the program, or one installed later.

The standard library alone; read at every start. A later one counts only for the very program that
it was tried with: a newer Hearth brings a newer runtime of its own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.foundation.atomic import write_atomically
from app.foundation.versions import is_ours

CHOSEN: Final = "HEARTH_RUNTIME"
_MOST_BYTES: Final = 1 << 20
_KEY: Final = re.compile(r"[0-9a-f]{8,64}\Z")

_chosen = ""


@dataclass(frozen=True, slots=True)
class RuntimePointer:
    """`key` is used, "" being the program's own; `over` is the key of the program's own when it
    was installed, `before` the one that was used until then."""

    key: str = ""
    over: str = ""
    before: str = ""


class Runtimes:
    """The runtimes in one folder. Any thread that may wait for a disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "runtime.json"

    def home(self, key: str) -> Path:
        return self.folder / "runtimes" / key

    def pointer(self) -> RuntimePointer:
        """What the file says; nothing for one that makes no sense."""
        try:
            with self._file.open("rb") as file:
                said = json.loads(file.read(_MOST_BYTES))
            found = RuntimePointer(said["key"], said["over"], said["before"])
            if said["hearth"] != 1 or not all(
                isinstance(key, str) and (not key or is_key(key))
                for key in dataclasses.astuple(found)
            ):
                raise ValueError("no key")
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return RuntimePointer()
        return found

    def point(self, pointer: RuntimePointer) -> None:
        """Raises OSError, and then nothing has changed."""
        said = json.dumps({"hearth": 1, **dataclasses.asdict(pointer)})
        write_atomically(self._file, said.encode("ascii") + b"\n")

    def in_use(self, own: Path | None) -> Path | None:
        """The folder of the later runtime that is used in place of `own`; None: there is none."""
        pointer = self.pointer()
        if not pointer.key or own is None or pointer.over != key_of(own) or not self._is_ours():
            return None
        home = self.home(pointer.key)
        return home if (home / "lib").is_dir() else None

    def _is_ours(self) -> bool:
        """Whether nobody else could have put code here."""
        return is_ours(self.folder) and is_ours(self.folder / "runtimes")


def is_key(text: str) -> bool:
    """Whether this names a runtime by its content; so it is a safe name too."""
    return bool(_KEY.match(text))


def key_of(runtime: Path) -> str:
    """What a runtime calls itself in its manifest, or ""."""
    try:
        with (runtime / "manifest.json").open("rb") as file:
            key = json.loads(file.read(_MOST_BYTES))["key"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return key if isinstance(key, str) and is_key(key) else ""


def own_runtime() -> Path | None:
    """The one that came with the program; None where it is no bundle."""
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None and Path(bundle, "runtime").is_dir():
        return Path(bundle, "runtime")
    return None


def choose(folder: Path, own: Path | None = None) -> Path | None:
    """Have this process and its children use a later runtime where there is one. What a person
    named stands. Never raises."""
    global _chosen
    if os.environ.get(CHOSEN):
        return None
    found = Runtimes(folder).in_use(own or own_runtime())
    if found is not None:
        os.environ[CHOSEN] = _chosen = str(found)
    return found


def forget() -> None:
    """The last start died: from now on the runtime that came with the program is used."""
    global _chosen
    if _chosen and os.environ.get(CHOSEN) == _chosen:
        del os.environ[CHOSEN]
    _chosen = ""
