"""One round of the torture of downloads: lives of a child, kills between them, and a look after.

Everything is real: a hub on loopback that misbehaves, processes that are killed, files on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tests.hub.server import LoopbackHub
from tests.torture import download_life
from tests.torture.download_life import News, Place
from tests.torture.download_mischief import away, clicks, damage, sleep
from tests.torture.download_plans import TOKEN, Moment, Plan, moment

PATIENCE_S: Final = 30.0
"""How long a healed download may take: its largest file comes in less than one."""
_MOST_CLICKS: Final = 2
_A_LOOK_S: Final = 0.4
_LAST_LOOK_S: Final = 10.0
_ENDED: Final = ("done", "failed", "paused", "refused")
_PROFILES: Final = ("profile", "other profile")
_STORED: Final = frozenset(
    {
        *("downloads.json", "downloads.lock", "downloads-unread.json"),
        *("connections.jsonl", "connections.lock"),
    }
)


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
    resumed: int = 0
    """Kills in the middle of a file after which it went on from there."""
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
            target=download_life.live, args=(place, plan.wanted, far)
        )
        self._process.start()
        far.close()
        self._keys = [one.key for one in plan.wanted]
        self.last: dict[str, News] = {}

    @property
    def state(self) -> str:
        """ "done" when all is; "over" when nothing more happens by itself."""
        states = [self.last[key].state if key in self.last else "" for key in self._keys]
        if all(state == "done" for state in states):
            return "done"
        return "over" if all(state in _ENDED for state in states) else "under way"

    @property
    def unfinished(self) -> News | None:
        return next((news for news in self.last.values() if news.state != "done"), None)

    def take(self, wait_s: float) -> None:
        """What it has told; waits for the first so long."""
        with contextlib.suppress(EOFError, OSError):
            while self._line.poll(wait_s):
                news = self._line.recv()
                self.last[news.key] = news
                wait_s = 0.0

    def see_it_finish(self, patience_s: float = PATIENCE_S) -> int:
        """By itself, or once a person has clicked; how often somebody had to."""
        end_s = time.monotonic() + patience_s
        clicks, clicked_s = 0, 0.0
        while time.monotonic() < end_s and not self.has_ended and self.state != "done":
            # What was told before a click arrives behind it: look again a little later.
            if self.state == "over" and time.monotonic() > clicked_s + _A_LOOK_S:
                if clicks >= _MOST_CLICKS:
                    if time.monotonic() > clicked_s + _LAST_LOOK_S:
                        break
                    self.take(0.05)
                    continue
                clicks, clicked_s = clicks + 1, time.monotonic()
                self.click("resume")
            self.take(0.05)
        return clicks

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def click(self, word: str) -> None:
        """Let a person do that."""
        try:
            self._line.send(word)
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
        self._is_done = False
        self._last: dict[str, News] = {}
        self._kept: list[tuple[int, int]] = []
        self._is_littered = False
        self._outcome = Outcome(plan.number, plan.kind, plan.words)
        self._outcome.files, self._outcome.bytes = plan.n_files, plan.bytes

    def run(self) -> Outcome:
        began_s = time.monotonic()
        self._hub.record.clear()
        self._hub.sabotage(*self._plan.faults)
        with self._twin():
            life = self._lives_and_kills()
            try:
                self._befall(life)
                self._follow(life, self._plan.heal_after_s)
                self._hub.heal()
                self._outcome.clicks += life.see_it_finish()
                self._note_end(life)
            finally:
                self._hub.heal()
                if not life.close():
                    self._outcome.wrong.append("the program did not end when it was asked to")
        self._look_at_files()
        self._look_at_requests()
        self._outcome.seconds = time.monotonic() - began_s
        return self._outcome

    def _lives_and_kills(self) -> Life:
        """Lives that end before their time; the one that may go on."""
        life = Life(self._place, self._plan)
        for kill in self._plan.kills:
            self._reach(life, kill)
            if life.state == "done":
                break
            life.kill()
            self._outcome.kills += 1
            self._look_at_files()
            if self._plan.kind == "damage":
                what = damage(self._plan.chance, self._place.models, self._place.profile)
                self._outcome.faults += f" + {what}"
                # A list with another letter in it names another model, which is asked for.
                self._is_littered |= what.endswith(".json")
            else:
                self._note_kept()
            life = Life(self._place, self._plan)
        return life

    @contextlib.contextmanager
    def _twin(self) -> Iterator[None]:
        """A second program that downloads the same, where the plan has one."""
        if self._plan.kind != "twins":
            yield
            return
        place = replace(self._place, owner="other profile")
        place.prepare()
        twin = Life(place, self._plan)
        try:
            yield
        finally:
            if self._plan.chance.random() < 0.5:
                twin.kill()
                self._is_littered = True
            else:
                twin.see_it_finish()
                if twin.state != "done":
                    self._outcome.wrong.append(f"the second program ended with {twin.unfinished}")
                if not twin.close():
                    self._outcome.wrong.append("the second program did not end")

    def _befall(self, life: Life) -> None:
        """What happens to the program, or is done with it, while it downloads."""
        kind, chance = self._plan.kind, self._plan.chance
        if kind == "clicks":
            for after_s, word in clicks(chance):
                self._follow(life, after_s)
                life.click(word)
            life.last = {}
            life.click("again")
        elif kind == "sleep":
            self._reach(life, moment(chance))
            sleep(life.pid, chance.uniform(0.1, 1.0))
        elif kind == "away":
            self._reach(life, moment(chance))
            away(self._place.models, chance.uniform(0.05, 0.4))

    def _reach(self, life: Life, when: Moment) -> None:
        """Listen until that moment, or until it has ended for good."""
        end_s = time.monotonic() + when.seconds
        while time.monotonic() < end_s and life.state == "under way":
            sent = sum(asked.sent_bytes for asked in self._hub.record.at("store"))
            if sent >= when.share * self._plan.bytes:
                return
            life.take(0.003)

    def _follow(self, life: Life, seconds: float) -> None:
        """Listen for so long, or until it has ended for good."""
        end_s = time.monotonic() + seconds
        hang_ups = [time.monotonic() + after_s for after_s in self._plan.hang_up_after_s]
        while (now := time.monotonic()) < end_s:
            if hang_ups and now >= hang_ups[0]:
                hang_ups.pop(0)
                self._hub.hang_up_all()
            life.take(min(0.05, end_s - now))
            if life.state != "under way":
                return

    def _note_end(self, life: Life) -> None:
        self._is_done, self._last = life.state == "done", life.last
        self._outcome.finished = self._is_done and bool(self._installed())
        if (news := life.unfinished) is not None:
            self._outcome.state, self._outcome.error = news.state, news.error

    def _installed(self) -> list[Path]:
        return installed_in(self._place.models)

    def _note_kept(self) -> None:
        """What a killed process left on the disk, and what had been asked for until then."""
        self._kept.append((len(self._hub.record.asked), self._partial_bytes()))

    def _partial_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._place.models.rglob("*.part"))

    def _fetched_again_bytes(self) -> int:
        """What was asked for again though a killed process had it on the disk, after the worst of
        the kills. Of one file."""
        again = 0
        for n_asked, n_bytes in self._kept:
            later = [one for one in self._hub.record.asked[n_asked:] if one.side == "store"]
            first = next((one.first for one in later if one.sent_bytes), None)
            if first is not None and n_bytes:
                self._outcome.resumed += first > 0
                again = max(again, n_bytes - first)
        return again

    def _look_at_files(self) -> None:
        place = self._place
        installed = self._installed()
        bad = [path for path in installed if _hash(path) not in self._plan.good]
        strange = strangers(place)
        self._outcome.corrupt = max(self._outcome.corrupt, len(bad))
        self._outcome.outside = max(self._outcome.outside, len(strange))
        self._outcome.wrong += [f"{path} is not what the hub has" for path in bad]
        self._outcome.wrong += [f"{path} should not be there" for path in strange]
        if self._is_done:
            self._look_at_the_end(installed)

    def _look_at_the_end(self, installed: list[Path]) -> None:
        """All parts are there, those that are opened among them, and nothing half is left."""
        if len(installed) != self._plan.n_files:
            self._outcome.wrong.append(f"{len(installed)} files are installed: {installed}")
        for news in (self._last[one.key] for one in self._plan.wanted):
            if Path(news.path) not in installed:
                self._outcome.wrong.append(f"“{news.path}” is said to be the model")
        workshop = self._place.models / ".hearth"
        left = [path for path in workshop.rglob("*") if path.is_file()]
        if left and not self._is_littered:
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
        if paths and not self._is_littered:
            self._outcome.wrong.append(f"the hub was asked for {paths}")


def installed_in(folder: Path) -> list[Path]:
    """Every file in the models folder that a library would see."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return [path for path in found if path.relative_to(folder).parts[0] != ".hearth"]


def strangers(place: Place) -> list[Path]:
    """Files where none should be: beside the models folder and the program's own."""
    found = [
        path
        for path in place.sandbox.rglob("*")
        if not path.is_dir()
        and not path.is_relative_to(place.models)
        and not (path.parent.name in _PROFILES and _is_stored(path.name))
    ]
    return found + [path for path in place.sandbox.parent.iterdir() if path != place.sandbox]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_stored(name: str) -> bool:
    # A list that was being written when the process was killed.
    return name in _STORED or name.startswith(".downloads.json.")
