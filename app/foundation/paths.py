"""Where Hearth keeps things: the profile's folders, and `resource()` for what ships with it.

Nothing else in the program computes such paths. Creates nothing at import.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.foundation.errors import StorageError, StorageFull, StorageReadOnly

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""What systems say of a full disk, and of what may not be written."""
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Profile:
    """The folder that holds everything of one person: chats, settings, logs, backups, state."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "hearth.db"

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def state(self) -> Path:
        """Small files that may be lost without harm: sentinel, window geometry, ledgers."""
        return self.root / "state"

    @property
    def cache(self) -> Path:
        """What was fetched and can be fetched again; made when something is put there."""
        return self.root / "cache"

    @property
    def models(self) -> Path:
        """Where downloaded models go unless a person names another folder."""
        return self.root / "models"

    @property
    def connections(self) -> Path:
        """The record of every connection that was made."""
        return self.root / "connections.jsonl"

    @property
    def crash_report(self) -> Path:
        return self.logs / "crash.txt"

    @property
    def native_abort(self) -> Path:
        """Where llama.cpp's last words go when it ends the process."""
        return self.logs / "native-abort.txt"


def default_profile() -> Profile:
    """The profile of this user, in the place where the system keeps application data."""
    import platformdirs

    return Profile(Path(platformdirs.user_data_dir("hearth", appauthor=False)))


def profile_at(root: str | Path | None = None) -> Profile:
    """The profile at `root`, or the default one, as it is: nothing is made."""
    return Profile(person_path(root).absolute()) if root else default_profile()


def open_profile(root: str | Path | None = None) -> Profile:
    """The profile at `root`, or the default one, with its folders made (mode 0700).

    A folder that was there keeps its mode: it may be used by others for other things.
    Raises StorageReadOnly, StorageFull or StorageError when the folders are not there and
    cannot be made. A folder that is there but cannot be written is `write_problem`'s to say.
    """
    profile = profile_at(root)
    try:
        for folder in (profile.root, profile.logs, profile.backups, profile.state):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, profile.root) from error
    return profile


def program_folder() -> Path:
    """Where newer versions of the program and of its runtime are kept, beside the one that was
    installed; one for all profiles of this user. Asks nothing but the environment. Programs in it
    are started, so it is never one that is named from where one stands. Raises RuntimeError where
    nobody's home is."""
    if sys.platform == "win32":
        named, usual = os.environ.get("LOCALAPPDATA", ""), ("AppData", "Local")
    elif sys.platform == "darwin":
        named, usual = "", ("Library", "Application Support")
    else:
        named, usual = os.environ.get("XDG_DATA_HOME", "").strip(), (".local", "share")
    above = Path(named)
    if not above.is_absolute():
        above = Path.home().joinpath(*usual)
    if not above.is_absolute():
        raise RuntimeError(f"HOME is no whole path: {os.environ.get('HOME')}")
    return above / "hearth-program"


def person_path(text: str | Path) -> Path:
    """A path as a person typed it: `~` is home, and stays what it is where nobody's home is."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def unused(path: Path) -> Path:
    """`path`, or the same with a number where something of that name stands already."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def write_problem(profile: Profile) -> StorageError | None:
    """Why nothing can be saved in the profile now, found by trying; None if all is well."""
    probe = profile.state / f".write-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        return storage_error(error, profile.root)
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return None


def storage_error(error: OSError, where: Path) -> StorageError:
    """The sentence for an operating-system error about a file of ours."""
    place = f"“{where}”"
    if error.errno in FULL:
        return StorageFull(
            "The disk is full.",
            f"Hearth could not write to {place}.",
            "Free some space and try again; nothing that was saved before is lost.",
        )
    if error.errno in REFUSED:
        return StorageReadOnly(
            "Hearth may not write to its profile folder.",
            f"The system refused to write {place}.",
            "Make the folder writable, or start with another one: --profile FOLDER.",
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return StorageError(
            "The profile folder cannot be used.",
            f"Something that is not a folder stands in the way of {place}.",
            "Move it away, or start with another folder: --profile FOLDER.",
        )
    return StorageError(
        "The profile folder cannot be used.",
        f"The system said “{error.strerror or error}” about {place}.",
        "Check the disk, or start with another folder: --profile FOLDER.",
    )


def resource(*parts: str) -> Path:
    """A file that ships with Hearth, in a checkout, an installed wheel or a bundle alike.

    The catalogue, `models.toml`, lies beside the other resources once Hearth is packed.
    """
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None:
        return Path(bundle, "resources", *parts)
    installed = _PACKAGE / "_resources"
    if installed.is_dir():
        return installed.joinpath(*parts)
    if parts == ("models.toml",):
        return _PACKAGE.parent.joinpath(*parts)
    return _PACKAGE.parent.joinpath("resources", *parts)


def native_runtime() -> Path | None:
    """The folder of the inference runtime that ships: `HEARTH_RUNTIME`, else the bundle's own.

    None is the plain build of llama-cpp-python in the Python environment. Whether anything is
    in the folder is for `engine.native` to say.
    """
    if asked := os.environ.get("HEARTH_RUNTIME"):
        return Path(asked)
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None and Path(bundle, "runtime").is_dir():
        return Path(bundle, "runtime")
    return None
