"""What llama.cpp counts from a header alone: `python -m tests.verify.skeleton [--count N]`.

First, a header with a genuine vocabulary against the same one stripped of it: weights, context
and computing must be equal to the byte, and the vocabulary's own memory is measured. Then every
model of the catalogue at its real size, laid out from the catalogue's numbers: weights and
context by formula must be what llama.cpp counts, computing within 15 % or 64 MiB.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.engine.messages import LoadSettings
from app.foundation.units import MIB
from app.gguf.facts import facts_of as header_facts
from app.gguf.header import Header
from app.gguf.reader import read_header
from app.inference.planning import count_memory
from app.models.catalog import Entry, File, load
from app.models.facts import foretold
from app.models.light import stripped
from app.models.skeleton import skeleton
from app.planner.memory import DryRun, overhead_bytes
from app.planner.plan import Wish, plan_for
from tests.fixtures.distribution import unpacked
from tests.fixtures.machines import machine

DONORS = {
    "llama-3.2-1b": "llama-bpe",
    "qwen3-4b-instruct-2507": "qwen2",
    "qwen3.5-4b": "qwen35",
    "gemma-4-e2b": "gemma-4",
}
"""A catalogue id, and the genuine vocabulary that its skeleton is given."""
_CHILD = """
import json, sys
import psutil
from app.engine import dry_run
from app.engine.messages import LoadSettings
from app.engine.native import ModelHandle, open_library
fields = json.loads(sys.argv[1])
held = psutil.Process().memory_info
settings = dry_run.dry_settings(LoadSettings(**fields))
library = open_library()
before = held().rss
model = ModelHandle(library, settings, lambda fraction: True, no_alloc=True)
taken = held().rss - before
model.close()
print(json.dumps({**dry_run.answer({"settings": fields}, lambda _: None), "taken": taken}))
"""
_PADDED = 1e-4
"""Tensors are padded to 32 bytes where they are loaded: a few kilobytes of gigabytes."""
_COMPUTING = 0.15
_WISHES = (
    Wish(n_ctx=8192, n_ubatch=64, n_seq_max=1, load_mode="none"),
    Wish(n_ctx=32_768, n_ubatch=256, n_seq_max=4, load_mode="none"),
    Wish(
        n_ctx=16_384,
        n_ubatch=128,
        n_seq_max=2,
        cache_type_k="q8_0",
        cache_type_v="q8_0",
        load_mode="none",
    ),
)


@dataclass(frozen=True)
class Compared:
    """One figure by formula and as it was counted."""

    what: str
    formula: int
    counted: int

    @property
    def ratio(self) -> float:
        return self.formula / self.counted if self.counted else float(not self.formula)


def exact_files() -> Iterator[tuple[Entry, File]]:
    """The files of the catalogue that are laid out to the tensor, one a model."""
    for entry in load().entries:
        if entry.header is None:
            continue
        for file in entry.files:
            if foretold(entry, file).is_exact:
                yield entry, file
                break


def settings_for(path: Path, **changes: Any) -> LoadSettings:
    values = {"n_ctx": 4096, "n_ubatch": 64, "n_threads": 1, "n_threads_batch": 1, **changes}
    return LoadSettings(str(path), load_mode="none", n_gpu_layers=0, **values)


def with_vocabulary(entry: Entry, vocabulary: Path) -> Header:
    """The header of an entry, with another model's genuine vocabulary and of its size."""
    donor = read_header(vocabulary)
    given = {key: value for key, value in donor.metadata.items() if key.startswith("tokenizer.")}
    assert entry.header is not None
    n_tokens = len(given["tokenizer.ggml.tokens"])  # type: ignore[arg-type]
    keys = {**entry.header.keys, "vocab_size": n_tokens}
    sized = dataclasses.replace(entry, header=dataclasses.replace(entry.header, keys=keys, bytes=0))
    file = next(f for e, f in exact_files() if e.id == entry.id)
    header = foretold(sized, file).header
    header = dataclasses.replace(header, tensors=_relaid(header))
    types = {key: kind for key, kind in donor.types.items() if key in given}
    return dataclasses.replace(header, metadata={**header.metadata, **given}, types=types)


def _relaid(header: Header) -> tuple[Any, ...]:
    """Tensors of their own types' sizes: another vocabulary scaled them to the file's bytes."""
    from app.gguf.types import row_bytes

    tensors, offset = [], 0
    for tensor in header.tensors:
        n_rows = tensor.n_elements // tensor.shape[0]
        n_bytes = row_bytes(tensor.type_name, tensor.shape[0]) * n_rows
        tensors.append(dataclasses.replace(tensor, offset=offset, n_bytes=n_bytes))
        offset += -(-n_bytes // 32) * 32
    return tuple(tensors)


def counted(header: Header, folder: Path, **changes: Any) -> dict[str, Any]:
    """What llama.cpp counts, and the memory that the model without weights took (`taken`)."""
    with skeleton(header, folder) as path:
        fields = json.dumps(dataclasses.asdict(settings_for(path, **changes)))
        command = [sys.executable, "-c", _CHILD, fields]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def of_real_size(entry: Entry, file: File, wish: Wish, folder: Path) -> list[Compared]:
    """Weights, context and computing of an entry: the planner's formula, llama.cpp's count."""
    header = foretold(entry, file).header
    facts = header_facts(header)
    here = machine(1000, 1000)
    plan = plan_for(here, facts, wish)
    configuration = dataclasses.replace(plan.configuration, load_mode="none")
    with skeleton(stripped(header), folder) as path:
        settings = dataclasses.replace(
            plan.settings(path), n_threads=1, n_threads_batch=1, load_mode="none"
        )
        run = DryRun.from_answer(configuration, count_memory(settings))
    exact = plan_for(here, facts, wish, dry_run=run)
    assert exact.is_counted, "another configuration was counted than was planned"
    by_formula, by_count = plan.memory[0].need, exact.memory[0].need
    return [
        Compared("weights", by_formula.weights_bytes, by_count.weights_bytes),
        Compared("context", by_formula.kv_bytes, by_count.kv_bytes),
        Compared("computing", by_formula.compute_bytes, by_count.compute_bytes),
    ]


def main() -> int:
    """Exit code 0 where everything is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="models of the catalogue at most")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        wrong = _vocabularies(Path(temporary)) + _sizes(Path(temporary), words.count)
    print(f"\n{wrong} wrong")
    return 1 if wrong else 0


def _vocabularies(folder: Path) -> int:
    """Full against stripped; prints, and returns how many differ."""
    print("vocabulary                tokens   same   its memory   by formula")
    wrong = 0
    for model, donor in DONORS.items():
        entry = load().find(model)
        assert entry is not None
        full = with_vocabulary(entry, unpacked() / "models" / f"ggml-vocab-{donor}.gguf")
        found = [counted(header, folder) for header in (full, stripped(full))]
        same = found[0]["devices"] == found[1]["devices"]
        wrong += not same
        held = found[0]["taken"] - found[1]["taken"]
        facts = header_facts(full)
        formula = overhead_bytes(facts) - overhead_bytes(dataclasses.replace(facts, n_vocab=0))
        print(
            f"{model:24} {facts.n_vocab:>8,} {'yes' if same else 'NO':>5} "
            f"{held / MIB:>9.1f} MiB {formula / MIB:>8.1f} MiB"
        )
    return wrong


def is_right(found: list[Compared]) -> bool:
    """Weights and context to the byte, but for padding; computing within 15 % or 64 MiB."""
    weights, context, computing = found
    near = abs(computing.formula - computing.counted) <= 64 * MIB
    return (
        abs(weights.ratio - 1) < _PADDED
        and context.ratio == 1
        and (near or abs(computing.ratio - 1) <= _COMPUTING)
    )


def _sizes(folder: Path, count: int) -> int:
    """Formulas against dry runs; prints, and returns how many are further off than allowed."""
    print(
        "\nmodel                                   weights  context  computing: formula / counted"
    )
    wrong, everything = 0, []
    for entry, file in list(exact_files())[:count]:
        for wish in _WISHES:
            found = of_real_size(entry, file, wish, folder)
            everything.append(found[2])
            wrong += not is_right(found)
            label = f"{entry.id}:{file.quant} {wish.n_ctx}/{wish.n_ubatch}"
            ratios = "   ".join(f"{one.ratio:6.4f}" for one in found)
            print(f"{label:41}{ratios}{'' if is_right(found) else '   WRONG'}")
    far = [one for one in everything if abs(one.ratio - 1) > _COMPUTING]
    most = max((abs(one.formula - one.counted) for one in far), default=0) / MIB
    print(
        f"computing: {min(one.ratio for one in everything):.3f} to "
        f"{max(one.ratio for one in everything):.3f} over {len(everything)} dry runs; "
        f"{len(far)} of them more than 15 % off, by at most {most:.0f} MiB"
    )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
