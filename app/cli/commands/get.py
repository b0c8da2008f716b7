"""`hearth models get`: fetches a model, resumably, with its progress on standard error."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.cli.choosing import Pick, pick, with_way_out
from app.cli.output import DONE, FAILED, INTERRUPTED, Output
from app.cli.services import CliServices, Reach
from app.foundation.errors import HostRefused, InvalidInput, NetworkError, Offline
from app.foundation.units import bytes_text, duration_text

if TYPE_CHECKING:
    from app.models.download.downloads import Downloads
    from app.models.library.kept import Kept
    from app.models.wanted import Progress, Wanted

_POLL_S: Final = 0.2
_TELL_EVERY_S: Final = 1.0
_WIND_DOWN_S: Final = 10.0
_COUNTING: Final = " Trying again in "
_DOING: Final = {
    "queued": "Waiting for its turn",
    "asking": "Asking where it is",
    "downloading": "Downloading",
    "waiting": "Waiting",
    "checking": "Checking that all of it is right",
}


def add_words(kinds: Any, common: argparse.ArgumentParser) -> None:
    """Add `get` to the words of `models`."""
    get = kinds.add_parser("get", parents=[common], help="download a model")
    get.add_argument(
        "model", metavar="MODEL", help="a catalogue id[:quant], or owner/repo[:quant or file]"
    )
    get.add_argument(
        "--force",
        action="store_true",
        help="even where it cannot run on this computer, or is here already",
    )
    get.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Say what comes, how large and where to; then fetch it. Ctrl-C keeps what has come."""
    _refuse_a_file(words.model)
    output.status("Looking for the model …")
    with services.reach() as reach:
        chosen = pick(words.model, services, reach)
        here = None if words.force else _already_here(chosen.wanted, services)
        output.status("")
        if here is not None:
            return _say_here(here, output)
        if chosen.problem is not None and not words.force:
            raise with_way_out(chosen.problem)
        _announce(chosen, reach.folder, output)
        _ask_first(chosen.wanted, reach)
        return _fetch(chosen.wanted, words.model, reach.downloads(), output)


def _refuse_a_file(word: str) -> None:
    from app.cli.here import REPOSITORY

    if word.lower().endswith(".gguf") and not REPOSITORY.match(word):
        raise InvalidInput(
            f"“{word}” is a file, not a model that can be downloaded.",
            "Hearth downloads what the catalogue or a repository on the hub holds.",
            f"If it is on this computer already: hearth models import {word}",
        )


def _ask_first(wanted: Wanted, reach: Reach) -> None:
    """What no waiting changes is said before anything is begun: that this start is offline, that
    the hub does not give it out, that it is not there."""
    try:
        reach.hub.locate(wanted.repo, wanted.revision, wanted.parts[0].name)
    except (Offline, HostRefused):
        raise
    except NetworkError:
        return  # the download waits until that is over


def _already_here(wanted: Wanted, services: CliServices) -> Kept | None:
    """The same file of the same repository, whoever put it there."""
    first = wanted.parts[0].name.rpartition("/")[2].lower()
    for kept in services.library().shelf().models:
        is_same = kept.repo.lower() == wanted.repo.lower() and kept.path.name.lower() == first
        if kept.state == "ready" and is_same:
            return kept
    return None


def _say_here(kept: Kept, output: Output) -> int:
    output.text(f"{kept.name} is here already, kept by {kept.source_words}: {kept.path}")
    output.line(
        {"event": "done", "path": str(kept.path), "total_bytes": kept.bytes, "was_here": True}
    )
    return DONE


def _announce(chosen: Pick, folder: Path, output: Output) -> None:
    """Size and place before anything is fetched, and how it would run here."""
    from app.planner.explain import FIT_WORDS

    wanted, plan = chosen.wanted, chosen.plan
    size = bytes_text(wanted.bytes) if wanted.bytes else "a size that the hub does not tell"
    output.text(f"{wanted.name}, {wanted.quant or wanted.parts[0].name}: {size}")
    if plan is not None:
        how = f"{FIT_WORDS[plan.fits]}, writes {plan.reading_words.text}"
        by_us = "; chosen for this computer" if chosen.is_recommended else ""
        output.text(f"On this computer: {how}{by_us}.")
    if chosen.problem is not None:
        output.text(f"Fetched all the same: {chosen.problem.title} {chosen.problem.detail}")
    output.text(f"From {wanted.repo}, into {folder}")
    expected = None if plan is None else plan.expected.generated_tokens_per_second
    output.line(
        {
            "event": "chosen",
            "name": wanted.name,
            "quant": wanted.quant,
            "repo": wanted.repo,
            "revision": wanted.revision,
            "files": [
                {"name": part.name, "bytes": part.bytes, "role": part.role} for part in wanted.parts
            ],
            "total_bytes": wanted.bytes,
            "folder": str(folder),
            "is_recommended": chosen.is_recommended,
            "fits": None if plan is None else plan.fits,
            "generated_tokens_per_second": expected,
        }
    )


def _fetch(wanted: Wanted, word: str, downloads: Downloads, output: Output) -> int:
    teller = _Teller(output)
    key = downloads.add(wanted)
    try:
        progress = _followed(key, downloads, teller)
    except KeyboardInterrupt:
        downloads.pause(key)
        _say_paused(downloads.wait(key, _WIND_DOWN_S), word, output)
        return INTERRUPTED
    if progress is None or progress.state == "paused":
        _say_paused(progress, word, output)
        return FAILED
    if progress.error is not None:
        raise progress.error
    output.status("")
    output.text(f"Done: {progress.path}")
    output.line(
        {
            "event": "done",
            "path": str(progress.path),
            "total_bytes": progress.total_bytes,
            "was_here": False,
        }
    )
    downloads.clear(key)
    return DONE


def _followed(key: str, downloads: Downloads, teller: _Teller) -> Progress | None:
    """Tell of it until it is over, or somebody else stopped it."""
    from app.models.wanted import ENDED

    while True:
        progress = downloads.wait(key, _POLL_S)
        if progress is None or progress.state in (*ENDED, "paused"):
            return progress
        teller.tell(progress)


def _say_paused(progress: Progress | None, word: str, output: Output) -> None:
    done = 0 if progress is None else progress.done_bytes
    kept = f"The {bytes_text(done)} that have come are kept. " if done else ""
    output.aside(f"Stopped. {kept}Go on with: hearth models get {word}")
    total = 0 if progress is None else progress.total_bytes
    output.line({"event": "paused", "done_bytes": done, "total_bytes": total})


class _Teller:
    """A passing line on a terminal; with `--json` a line at most once a second, and at changes."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._state = ""
        self._why = ""
        self._next_s = 0.0

    def tell(self, progress: Progress) -> None:
        self._output.status(_line_of(progress))
        why = progress.note.partition(_COUNTING)[0] if progress.state == "waiting" else ""
        if why and why != self._why and not self._output.is_on_terminal:
            self._output.aside(why)
        is_new = (progress.state, why) != (self._state, self._why)
        self._state, self._why = progress.state, why
        if not is_new and time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + _TELL_EVERY_S
        self._output.line(
            {
                "event": "progress",
                "state": progress.state,
                "done_bytes": progress.done_bytes,
                "total_bytes": progress.total_bytes,
                "bytes_per_s": round(progress.bytes_per_s),
                "left_s": None if progress.left_s is None else round(progress.left_s),
                "note": progress.note,
            }
        )


def _line_of(progress: Progress) -> str:
    words = [_DOING.get(progress.state, progress.state)]
    if progress.total_bytes:
        share = progress.done_bytes / progress.total_bytes
        amount = f"{bytes_text(progress.done_bytes)} of {bytes_text(progress.total_bytes)}"
        words.append(f"{share:.0%}, {amount}")
    if progress.state == "downloading" and progress.bytes_per_s:
        words.append(f"{bytes_text(round(progress.bytes_per_s))}/s")
    if progress.state == "downloading" and progress.left_s is not None:
        words.append(f"{duration_text(progress.left_s)} left")
    if progress.note:
        words.append(progress.note)
    return "  ".join(words)
