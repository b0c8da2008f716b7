"""Mutated model files against the wall in front of native code, and what passes against that.

`python -m tests.torture.gguf_fuzz --count 20000 --seed N` is the long form. Every case is
(base file, seed); what kills the child is kept as a recipe. `--without-check` is the control.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.foundation.errors import ModelError
from app.gguf.check import check_model
from app.gguf.facts import facts_of
from app.gguf.reader import read_header
from tests.fixtures.tiny_models import KINDS, make
from tests.torture.gguf_mutation import Mutator
from tests.torture.gguf_parts import Parts, Recipe, apply, take_apart

DEADLINE_S = 30.0


@dataclass
class Death:
    """A child that ended or hung on a file, or a check that raised what it must not."""

    base: str
    seed: int
    recipe: Recipe
    how: str

    def as_json(self) -> str:
        return json.dumps(
            {"base": self.base, "seed": self.seed, "how": self.how, "recipe": self.recipe}
        )


@dataclass
class Result:
    """Counts of a run; `verdicts` are those of native code for what was let through."""

    n_cases: int = 0
    n_refused: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    deaths: list[Death] = field(default_factory=list)
    peak_child_bytes: int = 0

    def lines(self) -> list[str]:
        passed = self.n_cases - self.n_refused
        loaded = sum(n for word, n in self.verdicts.items() if word != "not loaded")
        return [
            f"cases                {self.n_cases:,}",
            f"refused by the check {self.n_refused:,}",
            f"let through          {passed:,}",
            f"  native error, clean {self.verdicts['not loaded']:,}",
            f"  loaded              {loaded:,}",
            *(
                f"    {word:18} {count:,}"
                for word, count in sorted(self.verdicts.items())
                if word != "not loaded"
            ),
            f"deaths and hangs     {len(self.deaths)}",
            f"peak child memory    {self.peak_child_bytes / 1e6:.0f} MB",
        ]


class Child:
    """The native side as a process that is replaced when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.peak_bytes = 0

    def ask(self, path: Path, kind: str) -> tuple[str, bool]:
        """The verdict, and whether the child is still alive after it."""
        process = self._process or self._start()
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        request = json.dumps({"path": str(path), "kind": kind}) + "\n"
        try:
            process.stdin.write(request.encode())
            process.stdin.flush()
        except BrokenPipeError:
            return self._end("before it was asked"), False
        ready, _, _ = select.select([process.stdout], [], [], DEADLINE_S)
        if not ready:
            return self._end(f"no answer within {DEADLINE_S:.0f} s"), False
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            return self._end("ended"), False
        self._note_memory(process.pid)
        return str(json.loads(line)["verdict"]), True

    def close(self) -> None:
        if self._process is not None:
            self._end("closed")

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.torture.gguf_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        )

    def _end(self, how: str) -> str:
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        if how == "ended":
            process.wait(10)
        else:
            process.kill()
            process.wait(10)
        process.stdin.close()
        process.stdout.close()
        return f"{how} ({process.returncode})"

    def _note_memory(self, pid: int) -> None:
        try:
            text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            return
        for line in text.splitlines():
            if line.startswith("VmHWM"):
                self.peak_bytes = max(self.peak_bytes, int(line.split()[1]) * 1024)


class Bases:
    """The well-formed files that are mutated."""

    def __init__(self, folder: Path, extra: list[Path] | None = None) -> None:
        self.paths = {kind: make(kind, folder / "bases") for kind in KINDS}
        self.paths |= {path.stem: path for path in extra or []}
        self.mutators = {name: Mutator(take_apart(path)) for name, path in self.paths.items()}

    def parts(self, name: str) -> Parts:
        return take_apart(self.paths[name])


def run(
    bases: Bases,
    folder: Path,
    *,
    count: int,
    seed: int,
    check: bool = True,
    report: Callable[[int, Result], None] = lambda done, result: None,
) -> Result:
    """Draw `count` cases from `seed` and try each. Never raises for what a file does."""
    rng = random.Random(seed)
    names = sorted(bases.paths)
    cases = [(rng.choice(names), rng.randrange(1 << 48)) for _ in range(count)]
    recipes = ((name, case, bases.mutators[name].recipe(case)) for name, case in cases)
    return try_recipes(bases, folder, recipes, check=check, report=report)


def try_recipes(
    bases: Bases,
    folder: Path,
    recipes: Any,
    *,
    check: bool = True,
    report: Callable[[int, Result], None] = lambda done, result: None,
) -> Result:
    """Try (base, seed, recipe) triples one after the other."""
    result, child = Result(), Child()
    path = folder / "case.gguf"
    try:
        for done, (name, seed, recipe) in enumerate(recipes, 1):
            path.write_bytes(apply(bases.parts(name), recipe))
            death = _try_one(result, child, path, check=check)
            if death:
                result.deaths.append(Death(name, seed, recipe, death))
            report(done, result)
    finally:
        result.peak_child_bytes = child.peak_bytes
        child.close()
    return result


def _try_one(result: Result, child: Child, path: Path, *, check: bool) -> str:
    """One case: "" if all is well, else what died."""
    result.n_cases += 1
    kind = "chat"
    try:
        header = read_header(path)
        kind = facts_of(header).kind  # of unchecked headers too: lists of models show them
        check_model(header)
    except ModelError as error:
        if not (error.detail and error.remedy):
            return f"refused without words: {error!r}"
        if check:
            result.n_refused += 1
            return ""
    except Exception as error:  # noqa: BLE001 - the point: nothing else may be raised
        return f"the check raised {error!r}"
    if check and kind not in ("chat", "embedding"):
        result.n_refused += 1
        return ""
    verdict, alive = child.ask(path, kind)
    if not alive:
        return verdict
    result.verdicts[verdict] += 1
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.gguf_fuzz")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-check", action="store_true", help="the negative control")
    parser.add_argument("--bases", type=Path, help="a folder of more base files")
    parser.add_argument("--keep", type=Path, help="append what died to this file, as JSON lines")
    asked = parser.parse_args()
    started = time.monotonic()

    def report(done: int, result: Result) -> None:
        if done % 1000 == 0:
            rate = done / (time.monotonic() - started)
            print(f"  {done:,} cases, {len(result.deaths)} deaths, {rate:.0f}/s", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        extra = sorted(asked.bases.glob("*.gguf")) if asked.bases else []
        bases = Bases(folder, extra)
        result = run(
            bases,
            folder,
            count=asked.count,
            seed=asked.seed,
            check=not asked.without_check,
            report=report,
        )
    print(f"{datetime.now(UTC):%Y-%m-%d} {platform.machine()} seed {asked.seed}")
    print("\n".join(result.lines()))
    for death in result.deaths:
        print(death.as_json())
    if asked.keep and result.deaths:
        with asked.keep.open("a", encoding="utf-8") as kept:
            kept.writelines(death.as_json() + "\n" for death in result.deaths)
    sys.exit(1 if result.deaths and not asked.without_check else 0)


if __name__ == "__main__":
    main()
