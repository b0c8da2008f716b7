"""`hearth connections`: every connection that was ever made, for people, programs and auditors."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.cli.output import DONE, Output
from app.cli.services import CliServices
from app.foundation.errors import InvalidInput
from app.foundation.units import bytes_text

if TYPE_CHECKING:
    from app.network.connections import Connection


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `connections`."""
    connections = commands.add_parser(
        "connections", parents=[common], help="every connection that was ever made"
    )
    connections.add_argument("--csv", action="store_true", help="print a table for a spreadsheet")
    connections.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """The record, the oldest first. Reads one file; asks nobody."""
    from app.network.export import as_csv

    if words.csv and words.json:
        raise InvalidInput("It is one table.", "--csv and --json exclude each other.", "Leave one.")
    record = services.connections()
    made, n_dropped = record.all(), record.n_dropped()
    if words.csv:
        output.piece(as_csv(made, n_dropped).replace("\r\n", "\n"))
        return DONE
    output.document({"n_dropped": n_dropped, "connections": [_fields(each) for each in made]})
    if n_dropped:
        output.text(f"{n_dropped:,} older connections are no longer listed.")
    for each in made:
        output.text(f"{_local(each.at)}  {each.host}  {each.purpose}")
        amounts = f"sent {bytes_text(each.sent_bytes)}, received {bytes_text(each.received_bytes)}"
        output.text(f"    {amounts}, {each.outcome}")
    if not made:
        output.text("No connection was ever made.")
    return DONE


def _fields(connection: Connection) -> dict[str, Any]:
    return {
        "at": connection.at,
        "host": connection.host,
        "purpose": connection.purpose,
        "sent_bytes": connection.sent_bytes,
        "received_bytes": connection.received_bytes,
        "outcome": connection.outcome,
    }


def _local(at: str) -> str:
    """A time of the record in the time of this place; as it stands where it is none."""
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return at[:40]
