"""Mutated grammars against our check, and what it lets through against native code, in a child.

`python -m tests.torture.grammars --count 5000 --seed N` is the long form. What the check
accepts must neither kill nor hang the runtime; a refusal by the runtime is an answer.
`--without-check` is the control.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.context import Context
from app.engine.grammar import check_grammar
from app.engine.messages import LoadSettings
from app.engine.model import Model
from app.engine.native import AbortFlag, open_library
from app.engine.sampler import Sampler
from app.foundation.errors import HearthError, InvalidInput
from app.protocol.generation import SamplingParams
from tests.fixtures.tiny_models import make

ROOT = Path(__file__).parents[2]
CASE_DEADLINE_S = 20.0
BATCH = 500
N_TOKENS = 6

JSON = (
    'root ::= object\nobject ::= "{" ws (pair ("," ws pair)*)? "}" ws\n'
    'pair ::= string ":" ws value\nvalue ::= object | array | string | number | "true" ws\n'
    'array ::= "[" ws (value ("," ws value)*)? "]" ws\n'
    'string ::= "\\"" ([^"\\\\] | "\\\\" ["\\\\bfnrt])* "\\"" ws\n'
    'number ::= "-"? [0-9]{1,15} ("." [0-9]+)? ws\nws ::= [ \\t\\n]{0,20}'
)
SEEDS = (
    JSON,
    'root ::= "yes" | "no"',
    'root ::= item+\nitem ::= "- " [^\\n]+ "\\n"',
    'root ::= ("a" | "b"){2,5} x? y*\nx ::= "c" y\ny ::= [d-f]{3}',
    'root ::= "\\x41\\u00e9" . # done',
    'root ::= a\na ::= b "x" | "y"\nb ::= "z" a?',
)
PIECES = (
    *"\"'[](){}|*+?.^-\\<>!#:=,;0123456789 \n\t",
    *("root", "a", "b", "ws", "::=", '""', "[]", "[^]", "{0}", "{2,}", "{,3}", "{9,1}", "{2000}"),
    *("{99999999999999999999}", "\\x", "\\u12", "\\U0001F600", "<[7]>", "<[99999]>", "!", "\0"),
    *("é", "😀", "root ::= ", "\na ::= ", "(a)*", "(((", ")))", "a?", "a*", "b b b"),
)


@dataclass
class Tally:
    """What a run came to; `deaths` are the cases (seeds) that ended or hung the child."""

    verdicts: Counter[str] = field(default_factory=Counter)
    deaths: list[str] = field(default_factory=list)


def mutated(seed: int) -> str:
    """A grammar that is a few edits away from a sound one."""
    rng = random.Random(seed)
    text = rng.choice(SEEDS)
    for _ in range(rng.choice([0, 1, 1, 2, 3, 6])):
        place = rng.randrange(len(text) + 1)
        end = min(len(text), place + rng.randrange(1, 8))
        match rng.randrange(4):
            case 0:
                text = text[:place] + rng.choice(PIECES) + text[place:]
            case 1:
                text = text[:place] + text[end:]
            case 2:
                text = text[:place] + rng.choice(PIECES) + text[end:]
            case _:
                start = rng.randrange(len(text) + 1)
                text = text[:place] + text[start : start + rng.randrange(1, 30)] + text[place:]
    return text


def inside(count: int, seed: int, folder: Path, *, checked: bool) -> None:
    """The child: one line of JSON a case, said before and after native code sees it."""
    settings = LoadSettings(path=str(make("llama", folder)), n_ctx=256)
    model = Model(open_library(), settings, lambda fraction: True)
    context = Context(model, settings, AbortFlag())
    context.batch.add(0, [1], 0, wants_logits=True)
    context.decode(context.batch)
    for case in range(seed, seed + count):
        text = mutated(case)
        print(json.dumps({"begun": case}), flush=True)
        verdict = _verdict(model, context, text, checked)
        print(json.dumps({"case": case, "verdict": verdict}), flush=True)
    context.close()
    model.close()


def _verdict(model: Model, context: Context, text: str, checked: bool) -> str:
    if not checked:
        return _unchecked(model, context, text)
    try:
        check_grammar(text)
    except InvalidInput:
        return "refused"
    params = SamplingParams(temperature=1.0, seed=1, grammar=text)
    try:
        sampler = Sampler(model, params, ())
    except HearthError:
        return "refused by the runtime"
    try:
        # The same logits each time: only the grammar moves on.
        for _ in range(N_TOKENS):
            if model.token(sampler.sample(context, 0))[1]:
                return "ended"
    except HearthError:
        return "dead end"
    finally:
        sampler.close()
    return "went on"


def _unchecked(model: Model, context: Context, text: str) -> str:
    """What a binding does that passes on whatever it is given."""
    api = model.handle.library.api
    chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
    grammar = api.llama_sampler_init_grammar(model.handle.vocab, text.encode("utf-8"), b"root")
    api.llama_sampler_chain_add(chain, grammar)
    api.llama_sampler_chain_add(chain, api.llama_sampler_init_greedy())
    for _ in range(N_TOKENS):
        token = api.llama_sampler_sample(chain, context.handle.pointer, -1)
        if model.token(token)[1]:
            break
    api.llama_sampler_free(chain)
    return "native"


def run(count: int, seed: int, *, checked: bool = True) -> Tally:
    """Try `count` cases; a child that dies is followed by another, after the case."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        start = seed
        while start < seed + count:
            size = min(BATCH, seed + count - start)
            start = _watch(start, size, Path(folder), tally, checked)
    return tally


def _watch(start: int, size: int, folder: Path, tally: Tally, checked: bool) -> int:
    command = [sys.executable, "-m", "tests.torture.grammars", "--inside"]
    command += ["--count", str(size), "--seed", str(start), "--folder", str(folder)]
    command += [] if checked else ["--without-check"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        out, _ = child.communicate(timeout=CASE_DEADLINE_S + size)
        how = "" if child.returncode == 0 else f"ended with {child.returncode}"
    except subprocess.TimeoutExpired:
        child.kill()
        out, _ = child.communicate()
        how = "hung"
    begun = start
    for line in out.splitlines():
        fact = json.loads(line)
        begun = fact.get("begun", begun)
        if "verdict" in fact:
            tally.verdicts[fact["verdict"]] += 1
    if not how:
        return start + size
    tally.deaths.append(f"case {begun} {how}: {mutated(begun)!r}")
    return begun + 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-check", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    checked = not chosen.without_check
    if chosen.inside:
        inside(chosen.count, chosen.seed, chosen.folder, checked=checked)
        return 0
    tally = run(chosen.count, chosen.seed, checked=checked)
    print(dict(tally.verdicts.most_common()))
    print(f"deaths and hangs: {len(tally.deaths)}")
    for death in tally.deaths[:20]:
        print(death)
    return 1 if tally.deaths else 0


if __name__ == "__main__":
    sys.exit(main())
