"""`hearth doctor`: checks everything and says what to do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.cli.output import DONE, FAILED, Output
from app.cli.services import CliServices


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `doctor`."""
    doctor = commands.add_parser("doctor", parents=[common], help="check everything")
    doctor.add_argument(
        "--retry",
        action="store_true",
        help="try again what went wrong on this computer's hardware before",
    )
    doctor.add_argument(
        "--go-back",
        action="store_true",
        help="go on with the copies that a newer Hearth made before it changed chats or settings",
    )
    doctor.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Each check in turn; 1 when something is wrong. `--retry` forgets bad hardware tests first."""
    kept = _gone_back(services, output) if words.go_back else []
    n_retried = services.try_again() if words.retry else 0
    if words.retry:
        output.text(
            f"Trying again: {n_retried}." if n_retried else "There is nothing to try again."
        )
    found = []
    for check in services.checks():
        found.append(check)
        output.text(f"{'ok   ' if check.ok else 'WRONG'}  {check.name}: {check.detail}")
        if check.remedy:
            output.text(f"       {check.remedy}")
    well = all(check.ok for check in found)
    output.document(
        {
            "ok": well,
            "n_retried": n_retried,
            "kept": [str(path) for path in kept],
            "checks": [
                {"name": c.name, "ok": c.ok, "detail": c.detail, "remedy": c.remedy} for c in found
            ],
        }
    )
    output.text("All is well." if well else "Something needs attention; see above.")
    return DONE if well else FAILED


def _gone_back(services: CliServices, output: Output) -> list[Path]:
    kept = services.go_back()
    if not kept:
        output.text("There is nothing to go back to.")
    for path in kept:
        output.text(f"The older copy is used; what the newer Hearth wrote is kept as {path}.")
    return kept
