"""`hearth models import`, `verify` and `remove`: what is done with the files on this computer."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.cli.commands.models import row_of
from app.cli.here import kept_of, not_here, the_one
from app.cli.output import DONE, FAILED, INTERRUPTED, Output
from app.cli.services import CliServices
from app.cli.work import interruptible
from app.foundation.errors import InvalidInput
from app.foundation.paths import person_path
from app.foundation.units import bytes_text

if TYPE_CHECKING:
    from app.models.library.kept import Kept

_RESULT = {
    "yes": "all of it is as it should be",
    "failed": "is NOT what it should be",
    "changed": "changed while it was read",
    "no": "was not read to its end",
}


def add_words(kinds: Any, common: argparse.ArgumentParser) -> None:
    """Add the three to the words of `models`."""
    taking = kinds.add_parser("import", parents=[common], help="add a file to the models here")
    taking.add_argument("file", metavar="FILE", help="a .gguf file; of a split model any part")
    taking.add_argument(
        "--copy", action="store_true", help="copy it into Hearth's folder; else it stays there"
    )
    taking.set_defaults(carry_out=import_file)
    verify = kinds.add_parser("verify", parents=[common], help="read a model whole and check it")
    verify.add_argument("model", metavar="MODEL", nargs="?", help="a model from the list")
    verify.add_argument("--all", action="store_true", help="all that are on this computer")
    verify.set_defaults(carry_out=verify_models)
    remove = kinds.add_parser(
        "remove", parents=[common], help="move a model that Hearth downloaded to the trash"
    )
    remove.add_argument("model", metavar="MODEL", help="a model from the list")
    remove.set_defaults(carry_out=remove_model)


def import_file(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Remember where a file is, or copy it; nothing of it is changed."""
    path = person_path(words.file)
    if not os.path.exists(path):
        raise InvalidInput(
            f"There is no file “{words.file}”.", "Nothing is there.", "Check the path."
        )
    library, telling = services.library(), _bar(output, "Copying")
    how = "copy" if words.copy else "link"
    output.status("Looking at the file …")
    kept = interruptible(
        lambda cancellation: library.import_file(
            path, "copy" if words.copy else "link", cancellation, telling
        )
    )
    output.status("")
    if kept is None:
        return INTERRUPTED
    output.document({"how": how, "model": row_of(kept)})
    where = f"It is kept at {kept.path}" if words.copy else f"It stays where it is: {path}"
    output.text(f"{kept.name} is among your models now. {where}")
    if kept.problem:
        output.text(kept.problem)
    return DONE


def verify_models(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Read models to their last byte; 1 where one is not what it should be."""
    if bool(words.model) == words.all:
        raise InvalidInput(
            "Which model is to be verified?", "Name one, or say --all.", "See: hearth models list"
        )
    output.status("Looking for models …")
    library = services.library()
    found = _to_verify(words.model, services)
    rows = []
    for kept in found:
        telling = _bar(output, f"Reading {kept.name}")
        read = interruptible(
            lambda cancellation, kept=kept, telling=telling: library.verify(  # type: ignore[misc]
                kept.id, cancellation, telling
            )
        )
        output.status("")
        rows.append(row_of(read))
        output.text(f"{read.name}: {_RESULT[read.verified]}\n    {read.path}")
        if read.problem:
            output.text(f"    {read.problem}")
    well = all(row["verified"] == "yes" for row in rows)
    output.document({"ok": well, "models": rows})
    output.status("")
    return DONE if well else FAILED


def _to_verify(word: str | None, services: CliServices) -> tuple[Kept, ...]:
    if word is None:
        shelf = services.library().look()
        return tuple(kept for kept in shelf.models if kept.state != "gone")
    found = kept_of(word, services)
    if not found:
        raise not_here(word, services)
    return found


def remove_model(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """To the system's trash, from where it can be had back. Never what others put there."""
    output.status("Looking for models …")
    kept = the_one(words.model, services, doing="removed")
    was_in_use = services.library().remove(kept.id)
    output.status("")
    output.document({"removed": row_of(kept)})
    output.text(f"{kept.name} is in the trash: {bytes_text(kept.bytes)}, {kept.path}")
    if was_in_use:
        output.text("It was the model in use; the Guide, which is built in, answers from now on.")
    return DONE


def _bar(output: Output, doing: str) -> Callable[[int, int], None]:
    """Progress on a terminal; called on the working thread."""

    def tell(done: int, total: int) -> None:
        if total:
            amount = f"{bytes_text(done)} of {bytes_text(total)}"
            output.status(f"{doing}: {done / total:.0%}, {amount}")

    return tell
