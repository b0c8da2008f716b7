"""V1: a dry run counts what a load takes, to the byte, on every architecture and setting.

    python -m tests.verify.dry_run [--only NAME…]

Tiny files with the tensors of each architecture are counted without loading (`no_alloc`), then
loaded, and read one full batch with. A mapped file's weights are counted as the map, not as the
load: there only contexts and computing memory must agree. One process for each architecture,
since llama.cpp ends it on what it did not foresee.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures.tiny_models import CHAT_KINDS, make
from tests.torture.gguf_architectures import NAMES, build_all

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 600
#: Where llama.cpp itself differs, and why; anything else is a failure.
KNOWN = {
    "minimax-m3": "a dry run sizes the graph that reads; with a ubatch of 16 the one that writes "
    "needs more (llama-context.cpp, sched_reserve)",
    "rwkv6qwen2": "llama.cpp dies on the file that it laid out; in Hearth a child does",
}
SHORT = ("deepseek2", "gpt-oss", "granitehybrid", "rwkv6")
Json = dict[str, Any]


def combinations(*, short: bool = False) -> list[Json]:
    """Load mode × flash attention × ubatch × KV type × sequences; compressed V needs the second."""
    every = [
        {
            "load_mode": load_mode,
            "flash_attn": flash,
            "n_ubatch": n_ubatch,
            "cache_type_k": kind,
            "cache_type_v": kind,
            "n_seq_max": n_seq,
        }
        for load_mode, flash, n_ubatch, kind, n_seq in itertools.product(
            ("none", "mmap"), ("on", "off", "auto"), (16, 64), ("f16", "q8_0"), (1, 4)
        )
        if not (kind == "q8_0" and flash == "off")
    ]
    return every[::7] if short else every


@dataclass(frozen=True)
class Verdict:
    """One architecture: how many settings came out how. Empty `wrong` is good."""

    name: str
    counts: Counter[str]
    wrong: tuple[str, ...]


def judged(name: str, outcomes: Sequence[Json]) -> Verdict:
    """Equal, refused by both, not for Hearth, or wrong, for each setting; and the control."""
    counts: Counter[str] = Counter()
    wrong = []
    for outcome in outcomes:
        settings = json.dumps(outcome["settings"])
        if outcome["is_unsuitable"]:
            counts["unsuitable"] += 1
            continue
        if outcome["counted"] is None or outcome["taken"] is None:
            agree = outcome["counted"] is outcome["taken"]
            counts["refused" if agree else "wrong"] += 1
            if not agree:
                wrong.append(f"{settings}: refused by one only: {outcome['why']}")
            continue
        differing = list(differences(outcome))
        counts["wrong" if differing else "equal"] += 1
        wrong += [f"{settings}: {text}" for text in differing]
    taken = [outcome for outcome in outcomes if outcome["taken"]]
    for one, other in itertools.pairwise(taken):
        # The control: another setting's figures must not pass for this one's.
        counts["control"] += any(differences({**one, "counted": other["counted"]}))
    return Verdict(name, counts, tuple(wrong))


def differences(outcome: Json) -> Iterator[str]:
    """What a load took otherwise than was counted, right after it and after a full batch."""
    parts = ["model", "repacked", "context", "compute", "output"]
    if outcome["settings"]["load_mode"] == "mmap":
        parts = parts[2:]
    for when in ("taken", "after"):
        for device, counted in outcome["counted"]["devices"].items():
            taken = outcome[when]["devices"].get(device, {})
            for part in parts:
                if counted[part] != taken.get(part):
                    yield f"{device} {part}: counted {counted[part]}, {when} {taken.get(part)}"


def outcomes_of(path: Path, settings: list[Json]) -> list[Json]:
    """Counted and taken for each of the settings, from a process of its own."""
    command = [sys.executable, "-m", "tests.verify.dry_run", "--one", str(path)]
    done = subprocess.run(
        command,
        input=json.dumps(settings),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=DEADLINE_S,
        check=False,
    )
    outcomes = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or len(outcomes) < len(settings):
        last = settings[min(len(outcomes), len(settings) - 1)]
        raise RuntimeError(f"{path.name} ended the process ({done.returncode}) at {last}")
    return outcomes


def _one(path: str) -> None:
    for settings in json.load(sys.stdin):
        print(json.dumps(_outcome(path, settings)), flush=True)


def _outcome(path: str, settings: Json) -> Json:
    from app.engine.dry_run import answer as dry_run
    from app.engine.messages import LoadSettings
    from app.foundation.errors import HearthError, ModelUnsupported

    whole = {"path": path, "n_ctx": 512, **settings}
    outcome: Json = {"settings": settings, "counted": None, "taken": None, "why": ""}
    outcome["is_unsuitable"] = False
    try:
        outcome["counted"] = dry_run({"settings": whole}, lambda body: None)
    except HearthError as error:
        outcome["why"] += f"dry run: {error.detail} "
    try:
        outcome["taken"], outcome["after"] = _load(LoadSettings.of(whole))
    except ModelUnsupported:
        outcome["is_unsuitable"] = True
    except RuntimeError as error:
        outcome["why"] += f"load: {error}"
    return outcome


def _load(settings: Any) -> tuple[Json, Json]:
    """What a real load takes, before and after it read a full batch in one sequence."""
    from app.engine.context import Context, Decoded
    from app.engine.dry_run import measure
    from app.engine.model import Model
    from app.engine.native import AbortFlag, open_library

    library = open_library()
    library.log.clear()
    model = Model(library, settings, lambda fraction: True)
    try:
        context = Context(model, settings, AbortFlag())
        try:
            taken = measure(context.handle)
            tokens = [index % model.vocabulary.n_vocab for index in range(settings.n_ubatch)]
            context.batch.add(0, tokens, 0, wants_logits=True)
            if context.decode(context.batch) is not Decoded.DONE:
                raise RuntimeError("the batch was not read")
            return taken, measure(context.handle)
        finally:
            context.close()
    finally:
        model.close()


def models(folder: Path, only: Sequence[str]) -> dict[str, Path]:
    """Tiny files by name: our own of every kind, and those that llama.cpp lays out itself."""
    wanted = [name for name in NAMES if not only or name in only]
    found = {
        f"{kind} (tiny)": make(kind, folder / "tiny")
        for kind in CHAT_KINDS
        if not only or kind in only
    }
    return found | build_all(folder / "built", tuple(wanted))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.verify.dry_run", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        _one(asked.one)
        return 0
    total: Counter[str] = Counter()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        found = models(Path(folder), asked.only)
        for name, path in found.items():
            try:
                verdict = judged(name, outcomes_of(path, combinations()))
            except RuntimeError as error:
                verdict = Verdict(name, Counter(ended=1), (str(error),))
            total += verdict.counts
            failed += bool(verdict.wrong) and name not in KNOWN
            words = ", ".join(f"{count} {what}" for what, count in sorted(verdict.counts.items()))
            print(f"{name:24} {words}", flush=True)
            for text in verdict.wrong[:4]:
                print(f"    {text}")
            if verdict.wrong and name in KNOWN:
                print(f"    known: {KNOWN[name]}")
    print(f"{len(found)} architectures, {failed} of them with an unknown difference: {dict(total)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
