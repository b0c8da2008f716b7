"""Sabotage downloads in sixty ways, kill the program in the middle, and look at what is installed.

    python -m tests.torture.downloads --runs 10000 --seed 20261125
    python -m tests.torture.downloads --only 4711 --seed 20261125   one round again, in words
    python -m tests.torture.downloads --control                     the control must be caught

Each round downloads a model from a hub on loopback by the real queue, client and hub of the
program, in a process of its own. The hub misbehaves by chance, the process is killed by chance.
Once the fault has cleared, all must be there and right; at no moment may a wrong file be
installed, or one lie outside the models folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.torture.download_rounds import Outcome

# Children are started from here and import this module: what is heavy is imported where it is used.

LARGE_EVERY = 200
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Tally:
    """What a run found."""

    rounds: int = 0
    finished: int = 0
    expected: int = 0
    corrupt: int = 0
    outside: int = 0
    kills: int = 0
    resumed: int = 0
    clicks: int = 0
    bytes: int = 0
    sent_bytes: int = 0
    requests: int = 0
    most_requests: int = 0
    again: dict[str, list[float]] = field(default_factory=dict)
    """By kind: bytes fetched again, as a share of the file, for rounds in which nothing was wrong
    with the bytes that came. After a kill: of those that the disk had, at the worst kill."""
    faults: dict[str, list[int]] = field(default_factory=dict)
    """By what happened: downloads, how many of these finished, after how many clicks."""
    unfinished: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def take(self, outcome: Outcome) -> None:
        self.rounds += 1
        self.corrupt += outcome.corrupt
        self.outside += outcome.outside
        self.kills += outcome.kills
        self.resumed += outcome.resumed
        self.bytes += outcome.bytes
        self.sent_bytes += outcome.sent_bytes
        self.requests += outcome.requests
        self.most_requests = max(self.most_requests, outcome.requests)
        for name in {*outcome.faults.split(" + "), outcome.kind} - {"none", "faults", "drops"}:
            row = self.faults.setdefault(name, [0, 0, 0])
            row[0] += 1
            row[1] += outcome.finished
            row[2] += outcome.clicks
        self.wrong += [f"round {outcome.number} ({outcome.faults}): {one}" for one in outcome.wrong]
        if outcome.kind == "names":
            return  # most of these names are refused, and should be
        self.expected += 1
        self.finished += outcome.finished
        self.clicks += outcome.clicks
        if not outcome.finished:
            self.unfinished.append(
                f"round {outcome.number} ({outcome.faults}): {outcome.state} {outcome.error}"
            )
        only_killed = outcome.kind == "kills" and outcome.faults == "comes slowly"
        if outcome.kind == "drops" or (only_killed and outcome.files == 1):
            self.again.setdefault(outcome.kind, []).append(outcome.sent_again_bytes / outcome.bytes)

    @property
    def is_well(self) -> bool:
        return not self.wrong and self.corrupt == self.outside == 0 and self.share >= 0.99

    @property
    def share(self) -> float:
        return self.finished / max(1, self.expected)

    def rows(self) -> Iterator[str]:
        """What it came to, in words."""
        yield (
            f"{self.rounds:,} downloads, {len(self.faults)} faults, {self.kills:,} kills, "
            f"{self.resumed:,} of these in the middle of a file that went on from there"
        )
        yield f"corrupt files installed: {self.corrupt}"
        yield f"files outside the folder: {self.outside}"
        yield (
            f"finished once the fault had cleared: {self.finished:,} of {self.expected:,} "
            f"({100 * self.share:.2f} %), with {self.clicks:,} clicks on “Try again”"
        )
        for kind, shares in sorted(self.again.items()):
            worst, mean = max(shares), sum(shares) / len(shares)
            yield (
                f"fetched again after {kind}: {100 * mean:.3f} % of the file, at worst "
                f"{100 * worst:.3f} % ({len(shares):,} downloads)"
            )
        yield (
            f"{self.bytes / 1e9:.2f} GB of files, {self.sent_bytes / 1e9:.2f} GB sent; "
            f"{self.requests:,} requests, {self.most_requests} for one download at most"
        )
        yield from (f"UNFINISHED {one}" for one in self.unfinished[:40])
        yield from (f"WRONG {one}" for one in self.wrong[:40])


def table(tally: Tally) -> Iterator[str]:
    """What happened how often, as Markdown."""
    yield "| what happened | downloads | finished | after a click |"
    yield "|---|---|---|---|"
    for name, (n_rounds, n_finished, n_clicks) in sorted(tally.faults.items()):
        yield f"| {name} | {n_rounds:,} | {n_finished:,} | {n_clicks:,} |"


def run(runs: int, seed: int, jobs: int, kind: str = "") -> Tally:
    """`runs` rounds shared among `jobs` processes, each with a hub of its own."""
    tally = Tally()
    taking = threading.Lock()

    def follow(worker: subprocess.Popen[str]) -> None:
        from tests.torture.download_rounds import Outcome

        assert worker.stdout is not None
        with worker:
            for row in worker.stdout:
                if row.startswith("{"):
                    with taking:
                        tally.take(Outcome(**json.loads(row)))
                        if tally.rounds % 1000 == 0:
                            print(f"… {tally.rounds:,}", file=sys.stderr, flush=True)

    workers = [_worker(runs, seed, jobs, index, kind) for index in range(jobs)]
    threads = [threading.Thread(target=follow, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread, worker in zip(threads, workers, strict=True):
        thread.join()
        if worker.wait() != 0:
            tally.wrong.append(f"a worker ended with {worker.returncode}")
    if tally.rounds != runs:
        tally.wrong.append(f"{tally.rounds} rounds came back of {runs}")
    return tally


def _worker(runs: int, seed: int, jobs: int, index: int, kind: str) -> subprocess.Popen[str]:
    words = ["--runs", str(runs), "--seed", str(seed), "--jobs", str(jobs), "--worker", str(index)]
    words += ["--kind", kind] if kind else []
    return subprocess.Popen(
        [sys.executable, "-m", "tests.torture.downloads", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def work(runs: int, seed: int, numbers: Sequence[int], kind: str = "") -> None:
    """Carry out rounds in this process; a line of JSON each."""
    from tests.hub.server import loopback_hub
    from tests.torture.download_plans import TOKEN, WEIGHTS, Models, plan_of
    from tests.torture.download_rounds import Round

    models = Models()
    wanted = next((one for one in WEIGHTS if one == kind), None)
    with tempfile.TemporaryDirectory() as folder, loopback_hub() as hub:
        hub.shelf.tokens[TOKEN] = "torturer"
        for number in numbers:
            large = runs >= LARGE_EVERY and number % LARGE_EVERY == 0
            plan = plan_of(seed, number, models, hub, large=large, only=wanted)
            with tempfile.TemporaryDirectory(dir=folder) as alone:
                outcome = Round(plan, hub, Path(alone) / "sandbox").run()
            del hub.shelf.repositories[plan.repository.id]
            print(json.dumps(asdict(outcome)), flush=True)


def control() -> bool:
    """The hub's own library, on a file with one wrong bit: whether it is caught installing it."""
    import hashlib
    import random

    from tests.hub.faults.contents import WrongBit
    from tests.hub.server import loopback_hub
    from tests.torture.download_plans import Models

    os.environ["HF_HUB_DISABLE_TELEMETRY"] = os.environ["HF_HUB_DISABLE_XET"] = "1"
    from huggingface_hub import hf_hub_download

    content = Models().tiny[0]
    with tempfile.TemporaryDirectory() as folder, loopback_hub() as hub:
        hub.shelf.put("torture/Control-GGUF", "model.gguf", content)
        hub.sabotage(WrongBit(random.Random(1).uniform(0, 100)))
        path = hf_hub_download(
            "torture/Control-GGUF", "model.gguf", local_dir=folder, endpoint=hub.url, token=False
        )
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() != content.sha256


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.downloads")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4 * (os.cpu_count() or 1))
    parser.add_argument("--worker", type=int, default=-1, help=argparse.SUPPRESS)
    parser.add_argument("--only", type=int, default=-1, help="carry out this round alone")
    parser.add_argument("--kind", default="", help="rounds of this kind only")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--table", type=Path, help="write what happened how often, as Markdown")
    asked = parser.parse_args(words)
    if asked.control:
        is_caught = control()
        print("the control was caught" if is_caught else "THE CONTROL WAS NOT CAUGHT")
        return 0 if is_caught else 1
    if asked.only >= 0:
        work(asked.runs, asked.seed, [asked.only], asked.kind)
        return 0
    if asked.worker >= 0:
        work(asked.runs, asked.seed, range(asked.worker, asked.runs, asked.jobs), asked.kind)
        return 0
    began_s = time.monotonic()
    tally = run(asked.runs, asked.seed, asked.jobs, asked.kind)
    print("\n".join(tally.rows()))
    if asked.table:
        asked.table.write_text("\n".join(table(tally)) + "\n", "utf-8")
    print(f"seed {asked.seed}, {time.monotonic() - began_s:.0f} s")
    return 0 if tally.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
