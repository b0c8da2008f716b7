"""`hearth models list`, `inspect` and `recommend`, and how words for models here are resolved."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from app.cli.output import DONE, Output
from app.cli.services import CliServices
from app.foundation.errors import ModelNotFound
from app.foundation.paths import person_path, resource
from app.foundation.units import bytes_text
from app.protocol.model_ref import BUILT_IN, ModelRef


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `models` and its own commands."""
    models = commands.add_parser("models", help="the models on this computer")
    kinds = models.add_subparsers(dest="models_command", metavar="COMMAND", required=True)
    listing = kinds.add_parser("list", parents=[common], help="the models that Hearth knows")
    listing.add_argument(
        "--all", action="store_true", help="also those of the catalogue, which are not here"
    )
    listing.set_defaults(carry_out=list_models)
    import_module("app.cli.commands.recommend").add_words(kinds, common)
    inspect = kinds.add_parser("inspect", parents=[common], help="what a model file says of itself")
    inspect.add_argument("model", metavar="MODEL", help="a .gguf file, or hearth-guide")
    inspect.set_defaults(carry_out=inspect_model)


def model_ref(word: str | None, services: CliServices) -> ModelRef:
    """The model that `word` names: a path first, then a known name. None is the built-in one.

    Raises ModelNotFound.
    """
    if word is None:
        return ModelRef()
    path = person_path(word)
    # Not Path.exists: that raises where a name is too long or a folder may not be looked into.
    if os.path.exists(path):
        return ModelRef(str(path.absolute()))
    for known in services.models():
        if word.lower() in (known.name.lower(), known.path.name.lower(), known.path.stem.lower()):
            return ModelRef() if known.name == BUILT_IN else ModelRef(str(known.path))
    raise ModelNotFound(
        f"There is no model “{word}”.",
        "It is neither a file nor the name of a model that Hearth knows.",
        "Check the path, or see `hearth models list`.",
    )


def model_path(word: str | None, services: CliServices) -> Path:
    """The file of the model that `word` names."""
    ref = model_ref(word, services)
    return resource("starter", "guide.gguf") if ref.is_built_in else Path(ref.name)


def list_models(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """The models that Hearth knows, with size and where they come from."""
    rows = []
    for known in services.models():
        n_bytes = _file_bytes(known.path)
        rows.append(
            {
                "name": known.name,
                "path": str(known.path),
                "source": known.source,
                "file_bytes": n_bytes,
                "available": n_bytes is not None,
            }
        )
        size = "gone" if n_bytes is None else bytes_text(n_bytes)
        output.text(f"{known.name}  ({size}, {known.source})\n    {known.path}")
    fields: dict[str, Any] = {"models": rows}
    if words.all:
        fields["catalogue"] = _catalogue(output)
    output.document(fields)
    return DONE


def _catalogue(output: Output) -> list[dict[str, Any]]:
    """The catalogue, the most capable model first."""
    from app.models.catalog import load

    rows = []
    output.text("\nIn the catalogue, the most capable first; `hearth plan ID` says how one runs:\n")
    for entry in reversed(load().entries):
        files = [{"quant": file.quant, "file_bytes": file.bytes} for file in entry.files]
        rows.append(
            {
                "id": entry.id,
                "name": entry.name,
                "licence": entry.licence,
                "capabilities": list(entry.capabilities),
                "sentence": entry.sentence,
                "files": files,
            }
        )
        sizes = ", ".join(f"{file.quant} {bytes_text(file.bytes)}" for file in entry.files)
        output.text(f"{entry.id}  ({sizes})\n    {entry.sentence}")
    return rows


def _file_bytes(path: Path) -> int | None:
    """The size of a file; None for anything else, and for what cannot be looked at."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def inspect_model(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """The header of a model file in words."""
    from app.gguf.check import check_model
    from app.gguf.facts import facts_of
    from app.gguf.split import read_model

    path = model_path(words.model, services)
    header = read_model(path)
    check_model(header)
    facts = facts_of(header)
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
        ]
    )
    return DONE


def _parameters(count: int) -> str:
    if count < 10**9:
        return f"{count / 1e6:.1f} million parameters"
    return f"{count / 1e9:.2f} billion parameters"
