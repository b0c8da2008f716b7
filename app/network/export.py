"""The record of connections as text for an auditor: CSV for a spreadsheet, JSON for a program.

Any thread. Hosts and purposes came partly from far ends, and a spreadsheet computes what looks
like a formula: such cells begin with an apostrophe. JSON holds all as it was recorded.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.foundation.errors import StorageError
from app.network.connections import Connection

COLUMNS: Final = tuple(field.name for field in dataclasses.fields(Connection))
# At the start of a cell, and after what another setting of a spreadsheet might split cells at.
_FORMULA: Final = re.compile(r"(^|[,;|\"'])(\s*)([=+\-@＝＋－＠])")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def as_csv(connections: Sequence[Connection], n_dropped: int = 0) -> str:
    """A line each under a line of names, as RFC 4180 has it; how many are missing comes first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    if n_dropped:
        said = f"{n_dropped} older connections are no longer listed"
        writer.writerow(["", "", said, "", "", ""])
    for connection in connections:
        values = dataclasses.astuple(connection)
        writer.writerow([safe_cell(v) if isinstance(v, str) else v for v in values])
    return text.getvalue()


def as_json(connections: Sequence[Connection], n_dropped: int = 0) -> str:
    """`{"n_dropped": …, "connections": [{…}, …]}`, oldest first."""
    listed = [dataclasses.asdict(connection) for connection in connections]
    document = {"n_dropped": n_dropped, "connections": listed}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def save(path: Path, connections: Sequence[Connection], n_dropped: int = 0) -> None:
    """Write them all to `path`: JSON where it ends so, else CSV. Raises StorageError, and then
    leaves what was there."""
    if path.suffix.lower() == ".json":
        content = as_json(connections, n_dropped).encode("utf-8", "backslashreplace")
    else:
        # The mark in front tells spreadsheets that it is UTF-8.
        content = as_csv(connections, n_dropped).encode("utf-8-sig", "backslashreplace")
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            "The connections could not be saved there.",
            f"The system said “{error.strerror or error}” about “{path}”.",
            "Choose another folder.",
        ) from error


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula, on one line."""
    return _FORMULA.sub(r"\1\2'\3", _CONTROL.sub(" ", text))
