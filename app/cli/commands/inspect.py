"""`hearth models inspect`: what a model file says of itself, and whether it runs here."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.here import model_path
from app.cli.output import DONE, Output
from app.cli.services import CliServices
from app.foundation.units import bytes_text


def add_words(kinds: Any, common: argparse.ArgumentParser) -> None:
    """Add `inspect` to the words of `models`."""
    inspect = kinds.add_parser("inspect", parents=[common], help="what a model file says of itself")
    inspect.add_argument("model", metavar="MODEL", help="a .gguf file, or a model from the list")
    inspect.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """The header of a model file in words."""
    from app.gguf.check import check_model
    from app.gguf.facts import facts_of
    from app.gguf.split import read_model
    from app.models.support import problem_of

    path = model_path(words.model, services)
    header = read_model(path)
    problem = problem_of(header)
    if problem is None:
        check_model(header)
    facts = facts_of(header)
    why = "" if problem is None else f"{problem.title} {problem.detail}"
    fields = {
        "name": facts.name,
        "path": str(path),
        "kind": facts.kind,
        "architecture": facts.architecture,
        "quant": facts.quant,
        "file_bytes": facts.file_bytes,
        "n_params": facts.n_params,
        "n_layers": facts.n_layers,
        "n_ctx_train": facts.n_ctx_train,
        "n_vocab": facts.n_vocab,
        "n_expert": facts.n_expert,
        "tokenizer": facts.tokenizer,
        "has_chat_template": facts.chat_template is not None,
        "gguf_version": header.version,
        "n_tensors": len(header.tensors),
        "is_supported": problem is None,
        "problem": why,
    }
    output.document(fields)
    output.pairs(
        [
            ("Name", facts.name),
            ("File", f"{path} ({bytes_text(facts.file_bytes)})"),
            ("Kind", f"{facts.kind}, architecture {facts.architecture}"),
            ("Size", f"{_parameters(facts.n_params)} in {facts.n_layers} layers"),
            ("Quant", facts.quant),
            ("Longest context", f"{facts.n_ctx_train:,} tokens"),
            ("Vocabulary", f"{facts.n_vocab:,} tokens ({facts.tokenizer})"),
            ("Chat template", "in the file" if facts.chat_template else "none; one of its family"),
            ("Format", f"GGUF version {header.version}, {len(header.tensors)} tensors"),
            ("This Hearth", why or "can load it"),
        ]
    )
    return DONE


def _parameters(count: int) -> str:
    if count < 10**9:
        return f"{count / 1e6:.1f} million parameters"
    return f"{count / 1e9:.2f} billion parameters"
