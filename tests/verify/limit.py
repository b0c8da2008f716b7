"""A limit of memory a tenth above the prediction and one a tenth below:
`python -m tests.verify.limit`.

In a cgroup of its own Hearth plans a model, then gets a limit of what it holds already plus a
share of the prediction. Above it the model must load and answer, below it must be refused, and
the kernel must never end a process. The control forces a load at half of the prediction: there
the kernel must end the trial, and Hearth say so. Needs a memory cgroup that this user may make
(version 1 or 2); says so where there is none.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.foundation.units import MIB
from tests.bench.model import real_shape
from tests.fixtures.random_model import make_random

ROOT = Path(__file__).parents[2]
DEADLINE_S = 900.0
SHARES = (1.1, 0.9, 0.5)
SMALL_CONTEXT = 262_144
"""With it the model of a tenth of a billion weights needs nearly a gigabyte: the planner wants
64 MiB to spare, which must be less than a tenth."""
_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Group:
    """A memory cgroup that was made for this, of version 1 or 2."""

    folder: Path

    @property
    def is_first(self) -> bool:
        return (self.folder / "memory.limit_in_bytes").exists()

    def limit(self, n_bytes: int) -> None:
        """From now on; no swap beside it where that can be said."""
        name = "memory.limit_in_bytes" if self.is_first else "memory.max"
        (self.folder / name).write_text(str(n_bytes))
        swap = "memory.memsw.limit_in_bytes" if self.is_first else "memory.swap.max"
        with contextlib.suppress(OSError):
            (self.folder / swap).write_text(str(n_bytes if self.is_first else 0))

    def kills(self) -> int:
        """How many processes the kernel ended for want of memory."""
        name = "memory.oom_control" if self.is_first else "memory.events"
        for line in (self.folder / name).read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
        return 0


@contextlib.contextmanager
def group(name: str) -> Iterator[Group | None]:
    """A cgroup for the block; None where none can be made."""
    base = _V1 if _V1.is_dir() else _V2
    folder = base / name
    try:
        folder.mkdir()
    except OSError:
        yield None
        return
    try:
        files = ("memory.limit_in_bytes", "memory.max")
        yield Group(folder) if any((folder / file).exists() for file in files) else None
    finally:
        for _ in range(100):  # processes that have just ended leave it a moment later
            with contextlib.suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.05)


@dataclass(frozen=True)
class Outcome:
    """What became of one load under one limit."""

    model: str
    share: float
    needed_bytes: int
    limit_bytes: int
    answered: int
    refusal: str
    kills: int
    is_forced: bool = False

    @property
    def is_right(self) -> bool:
        if self.is_forced:
            return self.kills > 0 and self.refusal == "load_failed"
        if self.kills:
            return False
        return self.answered > 0 if self.share > 1 else self.refusal == "not_enough_memory"

    def line(self) -> str:
        became = f"answered with {self.answered} tokens" if self.answered else self.refusal
        return (
            f"{'ok   ' if self.is_right else 'WRONG'} {self.model}: predicted "
            f"{self.needed_bytes / MIB:.0f} MiB, limit {self.share - 1:+.0%} of that"
            f"{', forced' if self.is_forced else ''}: {became}; "
            f"{self.kills} processes ended by the kernel"
        )


def tried(
    model: Path, n_ctx: int, share: float, folder: Path, *, forced: bool = False
) -> Outcome | None:
    """Load and ask in a process inside a new cgroup; None where there can be none."""
    with group(f"hearth-verify-{os.getpid()}-{share:.2f}") as made:
        if made is None:
            return None
        words = [str(model), str(n_ctx), str(share), str(folder / "profile"), str(made.folder)]
        words.append("forced" if forced else "planned")
        done = subprocess.run(
            [sys.executable, "-m", "tests.verify.limit", "--inside", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        kills = made.kills()
        try:
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            found = {"refusal": f"the process ended with {done.returncode}: {done.stderr[-300:]}"}
        return Outcome(
            model.stem,
            share,
            int(found.get("needed_bytes", 0)),
            int(found.get("limit_bytes", 0)),
            int(found.get("answered", 0)),
            str(found.get("refusal", "")),
            kills,
            forced,
        )


def inside(
    model: Path, n_ctx: int, share: float, profile: Path, made: Group, *, forced: bool
) -> dict[str, Any]:
    """In the cgroup: plan, set the limit, ask."""
    (made.folder / "cgroup.procs").write_text(str(os.getpid()))
    import queue

    from app.bootstrap.runtime import Runtime
    from app.foundation.paths import open_profile
    from app.hardware.linux import memory_limit
    from app.protocol.chat import Message
    from app.protocol.generation import Event, Failed, Finished, GenerationRequest
    from app.protocol.model_ref import ModelRef
    from app.settings import schema

    runtime = Runtime(open_profile(profile))
    settings = runtime.settings
    settings.set(schema.CONTEXT, n_ctx).result()
    made.limit(64 << 30)  # so that what is held is counted under it
    plan = runtime.planning.plan_file(model)
    chosen = plan.configuration
    # With less memory the planner would find a plan that needs less: this one is what is tried.
    settings.set(schema.CACHE_K, chosen.cache_type_k).result()
    settings.set(schema.CACHE_V, chosen.cache_type_v).result()
    settings.set(schema.UBATCH, chosen.n_ubatch).result()
    settings.set(schema.SEQUENCES, chosen.n_seq_max).result()
    now = memory_limit(Path("/"))
    assert now is not None
    limit_bytes = now[1] + round(share * plan.needed_bytes)
    made.limit(limit_bytes)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    request = GenerationRequest(
        (Message("user", "Tell me about limits. " * 40),), ModelRef(str(model)), max_tokens=8
    )
    if forced:
        runtime.inference.allow(request.model)
    runtime.inference.generate(request, events.put)
    found: dict[str, Any] = {"needed_bytes": plan.needed_bytes, "limit_bytes": limit_bytes}
    while True:
        event = events.get()
        if isinstance(event, Finished):
            found["answered"] = event.usage.completion_tokens
        elif isinstance(event, Failed):
            found["refusal"] = event.error.code
            found["detail"] = str(event.error)
        else:
            continue
        runtime.close()
        return found


def main() -> int:
    """Print what became of each; 1 if one went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", nargs=6, help=argparse.SUPPRESS)
    words = parser.parse_args().inside
    if words:
        path, n_ctx, share, profile, group_folder, how = words
        made = Group(Path(group_folder))
        found = inside(
            Path(path), int(n_ctx), float(share), Path(profile), made, forced=how == "forced"
        )
        print(json.dumps(found))
        return 0
    outcomes = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        small = make_random(folder / "random-0.1b-Q8_0.gguf", shape="0.1b")
        loads = [(small, SMALL_CONTEXT, share, False) for share in SHARES]
        loads += [(real_shape(), 32_768, share, False) for share in SHARES]
        loads.append((small, SMALL_CONTEXT, SHARES[-1], True))
        for model, context, share, forced in loads:
            outcome = tried(model, context, share, folder, forced=forced)
            if outcome is None:
                print("No memory cgroup can be made here: nothing was verified.")
                return 0
            print(outcome.line(), flush=True)
            outcomes.append(outcome)
    wrong = [outcome for outcome in outcomes if not outcome.is_right]
    print(f"{len(outcomes)} loads, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
