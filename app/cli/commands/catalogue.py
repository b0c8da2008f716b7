"""`hearth models catalogue`: which list of models is in use, a newer one, and the way back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from app.cli.output import DONE, Output
from app.cli.services import CliServices

if TYPE_CHECKING:
    from app.models.catalogue_update import Update, UpdateState


def add_words(kinds: Any, common: argparse.ArgumentParser) -> None:
    """Add `catalogue` to the words of `models`."""
    listing = kinds.add_parser(
        "catalogue", parents=[common], help="which list of models is in use, and a newer one"
    )
    act = listing.add_mutually_exclusive_group()
    act.add_argument("--update", action="store_true", help="ask for a newer list, and use it")
    act.add_argument("--undo", action="store_true", help="take back the list that came last")
    listing.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Only `--update` asks the network."""
    update: Update | None = None
    with services.catalogue_updates() as updates:
        before = updates.state()
        if words.update:
            output.status("Asking …")
            update = updates.fetch()
            output.status("")
        state = updates.undo() if words.undo else updates.state()
    fields = _fields(state, services)
    if update is not None:
        fields |= {"is_new": update.is_new, "added": update.added, "removed": update.removed}
    output.document(fields)
    output.text(f"Number {state.serial:,}, with {fields['n_models']:,} models.")
    if update is not None:
        _say_update(update, output)
    elif words.undo:
        output.text(
            "The one before is in use again." if before.is_fetched else "Nothing was to take back."
        )
    elif not state.is_configured:
        output.text("No update source is configured: this build asks for no newer list.")
    if state.is_fetched and not words.undo:
        output.text("Take it back with: hearth models catalogue --undo")
    return DONE


def _fields(state: UpdateState, services: CliServices) -> dict[str, Any]:
    from app.models.catalog import catalogue

    return {
        "serial": state.serial,
        "n_models": len(catalogue(services.profile()).entries),
        "is_configured": state.is_configured,
        "is_fetched": state.is_fetched,
    }


def _say_update(update: Update, output: Output) -> None:
    if not update.is_new:
        output.text("It is the newest there is.")
        return
    for title, names in (("New in it", update.added), ("No longer in it", update.removed)):
        if names:
            output.text(f"{title}: {', '.join(names)}.")
