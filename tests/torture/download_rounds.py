"""One round of the torture of downloads: lives of a child, kills between them, and a look after.

Everything is real: a hub on loopback that misbehaves, processes that are killed, files on disk.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tests.hub.server import LoopbackHub
from tests.torture import download_life
from tests.torture.download_life import News, Place
from tests.torture.download_plans import TOKEN, Plan

PATIENCE_S: Final = 30.0
"""How long a healed download may take: its largest file comes in less than one."""
_ENDED: Final = ("done", "failed", "refused")
_STORED: Final = frozenset({"downloads.json", "downloads.lock", "connections.jsonl"})


@dataclass
class Outcome:
    """What one round came to. `wrong` holds sentences, empty when all is well."""

    number: int
    kind: str
    faults: str
    finished: bool = False
    state: str = ""
    error: str = ""
    corrupt: int = 0
    outside: int = 0
    kills: int = 0
    clicks: int = 0
    files: int = 0
    bytes: int = 0
    sent_bytes: int = 0
    sent_again_bytes: int = 0
    requests: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Life:
    """A child process that downloads."""

    def __init__(self, place: Place, plan: Plan) -> None:
        context = lives()
        self._line, far = context.Pipe()
        self._process: Any = context.Process(
            target=download_life.live, args=(place, (plan.wanted,), far)
        )
        self._process.start()
        far.close()

    def news(self, wait_s: float) -> Iterator[News]:
        """What it has told; waits for the first so long."""
        try:
            while self._line.poll(wait_s):
                yield self._line.recv()
                wait_s = 0.0
        except (EOFError, OSError):
            return

    def click(self, key: str) -> None:
        """Let a person try again."""
        try:
            self._line.send(key)
        except OSError:
            return

    @property
    def has_ended(self) -> bool:
        return not self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._leave()

    def close(self) -> bool:
        """End it kindly; whether it ended well."""
        self.click("close")
        self._process.join(20)
        ended = self._process.exitcode == 0
        if self._process.is_alive():
            self._process.kill()
        self._leave()
        return ended

    def _leave(self) -> None:
        self._process.join()
        self._process.close()
        line: Connection = self._line
        line.close()


def lives() -> Any:
    """Where children come from: on POSIX copies of a process that has imported all they need."""
    if os.name != "posix":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.torture.download_life", "huggingface_hub.hf_api"])
    return context


class Round:
    """Carries out one plan in a folder of its own."""

    def __init__(self, plan: Plan, hub: LoopbackHub, sandbox: Path) -> None:
        self._plan = plan
        self._hub = hub
        self._place = Place(sandbox, hub.url, TOKEN)
        self._place.prepare()
        self._last: News | None = None
        self._kept: list[tuple[int, int]] = []
        self._outcome = Outcome(plan.number, plan.kind, plan.words)
        self._outcome.files, self._outcome.bytes = len(plan.wanted.parts), plan.bytes

    def run(self) -> Outcome:
        began_s = time.monotonic()
        self._hub.record.clear()
        self._hub.sabotage(*self._plan.faults)
        kills = list(self._plan.kill_after_s)
        life = Life(self._place, self._plan)
        try:
            while kills and not self._is_done:
                self._follow(life, kills.pop(0))
                life.kill()
                self._outcome.kills += 1
                self._note_kept()
                self._look_at_files()
                life = Life(self._place, self._plan)
            self._follow(life, self._plan.heal_after_s)
            self._hub.heal()
            self._see_it_finish(life)
        finally:
            self._hub.heal()
            if not life.close():
                self._outcome.wrong.append("the program did not end when it was asked to")
        self._look_at_files()
        self._look_at_requests()
        self._outcome.seconds = time.monotonic() - began_s
        return self._outcome

    @property
    def _is_done(self) -> bool:
        return self._last is not None and self._last.state == "done"

    def _take(self, life: Life, wait_s: float) -> None:
        for news in life.news(wait_s):
            self._last = news

    def _follow(self, life: Life, seconds: float) -> None:
        """Listen for so long, or until it has ended for good."""
        end_s = time.monotonic() + seconds
        hang_ups = [time.monotonic() + after_s for after_s in self._plan.hang_up_after_s]
        while (now := time.monotonic()) < end_s:
            if hang_ups and now >= hang_ups[0]:
                hang_ups.pop(0)
                self._hub.hang_up_all()
            self._take(life, min(0.05, end_s - now))
            if self._last is not None and self._last.state in _ENDED:
                return

    def _see_it_finish(self, life: Life) -> None:
        """After the fault cleared: by itself, or once a person has clicked."""
        end_s = time.monotonic() + PATIENCE_S
        clicked_at = ""
        while time.monotonic() < end_s and not life.has_ended:
            last = self._last
            if last is not None and last.state == "done":
                break
            if last is not None and last.state in ("failed", "paused") and not clicked_at:
                clicked_at = last.state
                self._outcome.clicks += 1
                self._last = None
                life.click(last.key)
            elif last is not None and last.state in ("failed", "refused"):
                break
            self._take(life, 0.05)
        if self._last is not None:
            self._outcome.finished = self._is_done and bool(self._installed())
            self._outcome.state, self._outcome.error = self._last.state, self._last.error

    def _installed(self) -> list[Path]:
        """Every file in the models folder that a library would see."""
        folder = self._place.models
        found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
        return [path for path in found if path.relative_to(folder).parts[0] != ".hearth"]

    def _note_kept(self) -> None:
        """What a killed process left on the disk, and what had been asked for until then."""
        self._kept.append((len(self._hub.record.asked), self._partial_bytes()))

    def _partial_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._place.models.rglob("*.part"))

    def _fetched_again_bytes(self) -> int:
        """What was asked for again though a killed process had it on the disk. Of one file."""
        again = 0
        for n_asked, n_bytes in self._kept:
            later = [one for one in self._hub.record.asked[n_asked:] if one.side == "store"]
            first = next((one.first for one in later if one.sent_bytes), None)
            if first is not None:
                again += max(0, n_bytes - first)
        return again

    def _look_at_files(self) -> None:
        place = self._place
        installed = self._installed()
        hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in installed]
        bad = [
            path for path, found in zip(installed, hashes, strict=True) if found not in self._good
        ]
        self._outcome.corrupt = max(self._outcome.corrupt, len(bad))
        strange = [
            path
            for path in place.sandbox.rglob("*")
            if not path.is_dir()
            and not path.is_relative_to(place.models)
            and not (path.parent == place.profile and _is_stored(path.name))
        ]
        strange += [path for path in place.sandbox.parent.iterdir() if path != place.sandbox]
        self._outcome.outside = max(self._outcome.outside, len(strange))
        self._outcome.wrong += [f"{path} is not what the hub has" for path in bad]
        self._outcome.wrong += [f"{path} should not be there" for path in strange]
        if self._is_done:
            self._look_at_the_end(installed)

    @property
    def _good(self) -> frozenset[str]:
        return self._plan.good

    def _look_at_the_end(self, installed: list[Path]) -> None:
        """All parts are there, the one that is opened among them, and nothing half is left."""
        if len(installed) != len(self._plan.wanted.parts):
            self._outcome.wrong.append(f"{len(installed)} files are installed: {installed}")
        if self._last is not None and Path(self._last.path) not in installed:
            self._outcome.wrong.append(f"“{self._last.path}” is said to be the model")
        workshop = self._place.models / ".hearth"
        left = [path for path in workshop.rglob("*") if path.is_file()]
        if left:
            self._outcome.wrong.append(f"left behind: {left}")

    def _look_at_requests(self) -> None:
        record = self._hub.record
        self._outcome.requests = len(record.asked)
        self._outcome.sent_bytes = sum(asked.sent_bytes for asked in record.at("store"))
        self._outcome.sent_again_bytes = (
            self._fetched_again_bytes() if self._kept else record.sent_again_bytes()
        )
        if any(record.at("stranger")):
            self._outcome.wrong.append("a stranger was asked")
        if any(asked.token for asked in record.at("store")):
            self._outcome.wrong.append("the store was told the token")
        paths = {asked.path.split("/")[1] for asked in record.at("hub")} - {"api", "torture"}
        if paths:
            self._outcome.wrong.append(f"the hub was asked for {paths}")


def _is_stored(name: str) -> bool:
    # A list that was being written when the process was killed.
    return name in _STORED or name.startswith(".downloads.json.")
