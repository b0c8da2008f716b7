"""What befalls a download beside the network: its files are damaged, its folder goes away for a
while, people click, the computer sleeps, and a second program wants the same model.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_WORDS: Final = ("pause", "resume", "cancel", "again", "resume", "pause")


def damage(source: random.Random, models: Path, profile: Path) -> str:
    """Spoil one of the files that a killed process left; what was done, in words."""
    partials = sorted(models.glob(".hearth/*/*.part"))
    journals = sorted(models.glob(".hearth/*/*.journal"))
    lists = [path for path in (profile / "downloads.json",) if path.exists()]
    ways: list[tuple[Callable[[random.Random, Path], None], list[Path]]] = [
        (_flip, partials),
        (_cut, partials),
        (_lengthen, partials),
        (_remove, partials),
        (_blank, partials),
        (_flip, journals),
        (_cut, journals),
        (_remove, journals),
        (_lengthen, journals),
        (_swap_digits, journals),
        (_flip, lists),
        (_cut, lists),
        (_remove, lists),
    ]
    possible = [(way, paths) for way, paths in ways if paths]
    if not possible:
        return "nothing there yet"
    way, paths = source.choice(possible)
    path = source.choice(paths)
    way(source, path)
    return f"{way.__name__.strip('_').replace('_', ' ')} {path.suffix}"


def _flip(source: random.Random, path: Path) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)
        path.write_bytes(data)


def _cut(source: random.Random, path: Path) -> None:
    os.truncate(path, source.randint(0, path.stat().st_size))


def _lengthen(source: random.Random, path: Path) -> None:
    with path.open("ab") as file:
        file.write(source.randbytes(source.randint(1, 3_000_000)))


def _blank(source: random.Random, path: Path) -> None:
    """Zeros from some place on: what a power cut leaves."""
    size = path.stat().st_size
    kept = source.randint(0, size)
    os.truncate(path, kept)
    os.truncate(path, size)


def _remove(source: random.Random, path: Path) -> None:
    path.unlink()


def _swap_digits(source: random.Random, path: Path) -> None:
    """A journal that vouches for other bytes."""
    path.write_bytes(path.read_bytes().replace(b"a", b"b"))


def clicks(source: random.Random) -> list[tuple[float, str]]:
    """What a restless person does: after so many seconds, a word to the program."""
    return [
        (source.uniform(0.01, 0.15), source.choice(_WORDS)) for _ in range(source.randint(2, 8))
    ]


def sleep(pid: int, seconds: float) -> None:
    """Stop a process as a computer does that falls asleep, and let it go on."""
    if hasattr(signal, "SIGSTOP"):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)


def away(folder: Path, seconds: float) -> None:
    """Take the folder away as a disk that is unplugged, and bring it back."""
    elsewhere = folder.with_name("unplugged")
    try:
        folder.rename(elsewhere)
    except OSError:
        return  # where open files cannot be moved, a disk that is in use cannot go either
    time.sleep(seconds)
    if folder.exists():
        # Somebody made it anew meanwhile: what it holds goes back with the rest.
        for path in folder.iterdir():
            path.rename(elsewhere / path.name)
        folder.rmdir()
    elsewhere.rename(folder)
