"""`hearth models …`: the words of all its commands, and the list."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from app.cli.output import DONE, Output
from app.cli.services import CliServices
from app.foundation.paths import resource
from app.foundation.units import bytes_text
from app.protocol.model_ref import BUILT_IN

if TYPE_CHECKING:
    from app.models.library.kept import Kept

_OTHERS: Final = ("recommend", "search", "get", "inspect", "keeping", "quantize", "catalogue")
_STATES: Final = {"gone": "gone", "damaged": "damaged", "unsupported": "cannot run"}
_VERIFIED: Final = {
    "yes": "verified",
    "changed": "changed since it was verified",
    "failed": "not what it should be",
    "no": "",
}


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `models` and its own commands."""
    models = commands.add_parser("models", help="the models on this computer, and others")
    kinds = models.add_subparsers(dest="models_command", metavar="COMMAND", required=True)
    listing = kinds.add_parser("list", parents=[common], help="the models on this computer")
    listing.add_argument(
        "--all", action="store_true", help="also those of the catalogue, which are not here"
    )
    listing.set_defaults(carry_out=list_models)
    for name in _OTHERS:
        import_module(f"app.cli.commands.{name}").add_words(kinds, common)


def list_models(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """All models on this computer, whoever put them there."""
    guide = resource("starter", "guide.gguf")
    rows = [_guide_row()]
    output.text(f"{BUILT_IN}  ({bytes_text(guide.stat().st_size)}, comes with Hearth)\n    {guide}")
    output.status("Looking for models …")
    shelf = services.library().look()
    output.status("")
    for kept in shelf.models:
        rows.append(row_of(kept))
        output.text(f"{kept.name}  ({', '.join(_said_of(kept))})\n    {kept.path}")
        if kept.problem:
            output.text(f"    {kept.problem}")
    for note in shelf.notes:
        output.text(f"\n{note}")
    fields: dict[str, Any] = {"models": rows, "notes": list(shelf.notes)}
    if words.all:
        fields["catalogue"] = _catalogue(services, output)
    output.document(fields)
    return DONE


def row_of(kept: Kept) -> dict[str, Any]:
    """A model of the library as every command prints it in JSON."""
    is_there = kept.state != "gone"
    return {
        "id": kept.id,
        "name": kept.name,
        "path": str(kept.path),
        "source": kept.source_words,
        "file_bytes": kept.bytes if is_there else None,
        "available": is_there,
        "quant": kept.quant,
        "architecture": kept.architecture,
        "kind": kept.kind,
        "state": kept.state,
        "problem": kept.problem,
        "verified": kept.verified,
        "is_ours": kept.is_ours,
        "repo": kept.repo,
        "sha256": kept.sha256,
        "also_at": [str(path) for path in kept.also_at],
    }


def _guide_row() -> dict[str, Any]:
    guide = resource("starter", "guide.gguf")
    return {
        "id": BUILT_IN,
        "name": BUILT_IN,
        "path": str(guide),
        "source": "comes with Hearth",
        "file_bytes": guide.stat().st_size,
        "available": True,
        "quant": "Q8_0",
        "architecture": "llama",
        "kind": "chat",
        "state": "ready",
        "problem": "",
        "verified": "yes",
        "is_ours": True,
        "repo": "",
        "sha256": "",
        "also_at": [],
    }


def _said_of(kept: Kept) -> list[str]:
    size = bytes_text(kept.bytes) if kept.state != "gone" else ""
    kind = "" if kept.kind == "chat" else kept.kind
    state = _STATES.get(kept.state, "")
    words = (state, size, kept.quant, kind, kept.source_words, _VERIFIED[kept.verified])
    return [word for word in words if word]


def _catalogue(services: CliServices, output: Output) -> list[dict[str, Any]]:
    """The catalogue, the most capable model first."""
    from app.models.catalog import catalogue

    rows = []
    output.text("\nIn the catalogue, the most capable first; `hearth plan ID` says how one runs,")
    output.text("and `hearth models get ID` downloads it:\n")
    for entry in reversed(catalogue(services.profile()).entries):
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
