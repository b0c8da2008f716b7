"""Random stops, quits and unloads of a real engine, in a child process so that a signal is seen.

`python -m tests.torture.stops --count 300 --seed N` is the long form. A round is one engine:
loads, requests, and at random moments cancels, unloads, other loads, and always a close.
`--control abort|hang|free` shows that a death or a hang would be noticed.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.engine.client import EngineClient
from app.engine.messages import EngineRequest, LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.errors import EngineDead, HearthError
from app.protocol.generation import Event, Failed, Finished, SamplingParams
from tests.fixtures.tiny_models import CHAT_KINDS, make

ROOT = Path(__file__).parents[2]
ROUND_DEADLINE_S = 120.0
CLOSE_DEADLINE_S = 60.0
BATCH = 25


@dataclass
class Tally:
    """What a run came to. `deaths` are signals, exits and hangs, with the round they were in."""

    rounds: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    deaths: list[str] = field(default_factory=list)


class Round:
    """One engine's short and eventful life."""

    def __init__(self, seed: int, models: list[Path]) -> None:
        self._rng = random.Random(seed)
        self._models = models
        self._client = EngineClient(check_integrity=True)
        self._lock = threading.Lock()
        self._endings: dict[str, list[str]] = {}
        self._accepted: list[str] = []
        self._futures: list[Future[Any]] = []
        self._cancellations: list[Cancellation] = []
        self.actions: Counter[str] = Counter()

    def play(self) -> Counter[str]:
        """Raises AssertionError unless everybody got exactly one answer."""
        rng = self._rng
        self._load()
        for _ in range(rng.randrange(3, 14)):
            names = ["submit"] * 6 + ["cancel"] * 3 + ["load"] * 3 + ["unload", "stop_load", "read"]
            name = rng.choice(names)
            self.actions[name] += 1
            try:
                getattr(self, f"_{name}")()
            except EngineDead as error:
                raise AssertionError(f"the engine died: {error}") from error
            except HearthError:
                # Reading the vocabulary of a model that has just been unloaded.
                self.actions["refused"] += 1
            time.sleep(rng.choice([0.0, 0.0, 0.001, 0.01, 0.05]))
        self._close()
        return Counter(ending for endings in self._endings.values() for ending in endings)

    def _load(self) -> None:
        rng = self._rng
        settings = LoadSettings(
            path=str(rng.choice(self._models)),
            n_ctx=rng.choice([256, 1_024, 4_096]),
            n_seq_max=rng.randrange(1, 5),
            n_ubatch=rng.choice([16, 64, 256]),
            n_threads=rng.choice([1, 1, 2]),
            load_mode=rng.choice(["mmap", "none"]),
        )
        cancellation = Cancellation()
        self._cancellations.append(cancellation)
        if rng.random() < 0.15:
            cancellation.cancel()
        future = self._client.load(
            settings, on_progress=lambda fraction: None, cancellation=cancellation
        )
        self._futures.append(future)
        if rng.random() < 0.7:
            try:
                future.result(ROUND_DEADLINE_S)
            except HearthError:
                self.actions["load_stopped"] += 1

    def _submit(self) -> None:
        rng = self._rng
        for _ in range(rng.randrange(1, 5)):
            name = f"r{len(self._accepted)}"
            prompt = tuple(rng.randrange(3, 250) for _ in range(rng.choice([1, 5, 50, 240, 900])))
            sampling = SamplingParams(
                temperature=rng.choice([0.0, 1.0]),
                repeat_penalty=rng.choice([1.0, 1.2]),
                grammar=rng.choice([None, None, None, "root ::= [a-z ]*"]),
            )
            stop = rng.choice([(), ("e",), ("zz", "the")])
            limit = rng.choice([0, 1, 20, 200, None])
            request = EngineRequest(name, prompt, sampling, limit, stop)
            self._endings[name] = []
            self._accepted.append(name)
            self._client.submit(request, self._sink)

    def _sink(self, event: Event) -> None:
        if isinstance(event, (Finished, Failed)):
            ending = event.reason if isinstance(event, Finished) else event.error.code
            with self._lock:
                self._endings[event.request_id].append(ending)
        elif int(event.request_id[1:]) % 7 == 0:
            raise OSError("a sink that always raises")

    def _cancel(self) -> None:
        if self._accepted:
            for name in self._rng.sample(self._accepted, min(3, len(self._accepted))):
                self._client.cancel(name)

    def _unload(self) -> None:
        self._futures.append(self._client.unload())

    def _stop_load(self) -> None:
        self._cancellations[-1].cancel()

    def _read(self) -> None:
        with self._client.vocabulary() as vocabulary:
            vocabulary.tokenize("some words " * 500, add_special=True, parse_special=True)

    def _close(self) -> None:
        assert self._client.close(CLOSE_DEADLINE_S), "the engine did not close in time"
        assert self._client.snapshot().state != "dead", "the engine died"
        for future in self._futures:
            assert future.done(), "a load or unload was never answered"
        for name, endings in self._endings.items():
            assert len(endings) == 1, f"{name} ended {len(endings)} times: {endings}"


def inside(count: int, seed: int, folder: Path) -> None:
    """The child: plays rounds, one line of JSON each."""
    import logging

    logging.disable(logging.CRITICAL)
    models = [make(kind, folder) for kind in CHAT_KINDS]
    for index in range(seed, seed + count):
        print(json.dumps({"begun": index}), flush=True)
        play = Round(index, models)
        endings = play.play()
        line = {"round": index, "actions": play.actions, "endings": endings}
        print(json.dumps(line), flush=True)


def control(kind: str, folder: Path) -> None:
    """The child dies or hangs on purpose."""
    from app.engine.context import Context
    from app.engine.model import Model
    from app.engine.native import AbortFlag, open_library

    library = open_library()
    if kind == "hang":
        time.sleep(1e6)
    if kind == "abort":
        library.ggml_base.ggml_abort(b"stops.py", 1, b"on purpose")
    settings = LoadSettings(path=str(make("llama", folder)), n_ctx=4_096)
    while True:
        # What the engine's rule about its one thread is there to prevent.
        model = Model(library, settings, lambda fraction: True)
        context = Context(model, settings, AbortFlag())
        context.batch.add(0, [5] * 500, 0, wants_logits=True)
        thread = threading.Thread(target=context.decode, args=(context.batch,), daemon=True)
        thread.start()
        time.sleep(0.002)
        context.close()
        model.close()


def run(count: int, seed: int, *, deadline_s: float = ROUND_DEADLINE_S) -> Tally:
    """Play `count` rounds in children of at most `BATCH` rounds each."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        for start in range(seed, seed + count, BATCH):
            size = min(BATCH, seed + count - start)
            arguments = ["--inside", "--count", str(size), "--seed", str(start)]
            _watch([*arguments, "--folder", folder], tally, deadline_s * size)
    return tally


def run_control(kind: str, deadline_s: float) -> Tally:
    """The harness against a child that fails for certain."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        _watch(["--inside", "--control", kind, "--folder", folder], tally, deadline_s)
    return tally


def _watch(arguments: list[str], tally: Tally, deadline_s: float) -> None:
    command = [sys.executable, "-m", "tests.torture.stops", *arguments]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors)
        try:
            out, _ = child.communicate(timeout=deadline_s)
            how = "" if child.returncode == 0 else _ending(child.returncode)
        except subprocess.TimeoutExpired:
            child.kill()
            out, _ = child.communicate()
            how = "hang"
        errors.seek(0)
        tail = errors.read()[-1_500:].decode("utf-8", "replace")
    begun = None
    for line in out.splitlines():
        fact = json.loads(line)
        begun = fact.get("begun", begun)
        if "round" in fact:
            tally.rounds += 1
            tally.actions.update(fact["actions"])
            tally.endings.update(fact["endings"])
    if how:
        tally.deaths.append(f"round {begun}: {how}\n{tail}")


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control", choices=("abort", "hang", "free"))
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        if chosen.control:
            control(chosen.control, chosen.folder)
        inside(chosen.count, chosen.seed, chosen.folder)
        return 0
    began_s = time.monotonic()
    kind, count, seed = chosen.control, chosen.count, chosen.seed
    tally = run_control(kind, 60.0) if kind else run(count, seed)
    print(f"{tally.rounds} rounds in {time.monotonic() - began_s:.0f} s, seed {chosen.seed}")
    print("actions:", dict(tally.actions.most_common()))
    print("endings:", dict(tally.endings.most_common()))
    print(f"deaths and hangs: {len(tally.deaths)}")
    for death in tally.deaths:
        print(death)
    return 1 if tally.deaths else 0


if __name__ == "__main__":
    sys.exit(main())
