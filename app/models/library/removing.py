"""Puts the files of one of Hearth's own models into the system's trash. Never deletes, never
touches what others own. On the caller's thread, never the window's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterable
from pathlib import Path

from app.foundation.errors import InvalidInput, StorageError
from app.models.library.kept import Kept
from app.models.library.whole import resolved


def trash(path: Path) -> None:
    """Move a file to the trash. Raises OSError."""
    from send2trash import send2trash

    send2trash(str(path))


def theirs(places: Iterable[Path], origins: Container[str]) -> Callable[[Path], bool]:
    """Whether a file is another program's: below one of its `places`, and not put there by
    Hearth, which remembers the `origins` of what it puts anywhere."""
    tops = [resolved(place) for place in places]

    def are_theirs(path: Path) -> bool:
        place = resolved(path.parent)
        return str(path) not in origins and any(place.is_relative_to(top) for top in tops)

    return are_theirs


def check_ours(kept: Kept, theirs: Callable[[Path], bool]) -> None:
    """Raises InvalidInput for a model that somebody else keeps."""
    if not kept.is_ours or theirs(kept.path):
        raise InvalidInput(
            f"Hearth did not put {kept.name} there, so it does not remove it.",
            _keeper(kept),
            "Remove it there, or forget it here.",
        )


def check_forgettable(kept: Kept) -> None:
    """Raises InvalidInput for one of Hearth's own that is there."""
    if kept.is_ours and kept.state != "gone":
        raise InvalidInput(
            f"{kept.name} is one of Hearth's own models.",
            "It would go on taking space where nobody sees it.",
            "Remove it instead: that moves it to the trash.",
        )


def _keeper(kept: Kept) -> str:
    if kept.source in ("folder", "opened"):
        return f"It is one of your files: {kept.path}."
    who = "another program" if kept.source == "hearth" else kept.source_words
    return f"It is kept by {who}, at {kept.path}."


def remove_files(kept: Kept, shared: Iterable[Path], folder: Path) -> tuple[Path, ...]:
    """Put a model's files into the trash, less those that others need, and take away the folders
    that are empty then. Returns what is gone. Raises StorageError.
    """
    home = folder.resolve()
    others = set(shared)
    mine = [path for path in kept.files if path not in others]
    for path in mine:
        if not path.parent.resolve().is_relative_to(home):
            raise StorageError(
                f"{kept.name} was left as it is.",
                f"{path} is not inside Hearth's folder {folder}: a link leads out of it.",
                "Remove the link yourself.",
            )
    gone: list[Path] = []
    for path in mine:
        try:
            trash(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageError(
                f"{kept.name} could not be moved to the trash.",
                f"The system said “{error.strerror or error}” about {path}.",
                "Its disk may have no trash, or a program still uses the file. Close that program, "
                "or delete the file yourself.",
            ) from error
        gone.append(path)
    for path in gone:
        _tidy(path.parent, folder)
    return tuple(gone)


def _tidy(folder: Path, top: Path) -> None:
    while folder != top and folder.is_relative_to(top):
        with contextlib.suppress(OSError):
            folder.rmdir()
            folder = folder.parent
            continue
        return
