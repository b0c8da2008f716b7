"""`hearth update`: which version runs, what is offered, installing it, and the way back."""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from app.cli.output import DONE, Output
from app.cli.services import CliServices
from app.cli.work import interruptible
from app.foundation.units import bytes_text, duration_text

if TYPE_CHECKING:
    from app.foundation.cancellation import Cancellation
    from app.updates.offer import Artefact, Offer
    from app.updates.updates import Kind, State, Step, Updates

_ACTS: Final = ("check", "install", "undo")
_PHASES: Final = {"download": "Downloading", "unpack": "Unpacking"}


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `update`."""
    update = commands.add_parser(
        "update", parents=[common], help="newer versions of Hearth, and the way back"
    )
    update.add_argument("act", nargs="?", choices=_ACTS, help="without it: what is so now")
    update.add_argument(
        "--runtime", action="store_true", help="the inference runtime, apart from the program"
    )
    update.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Only `check` and `install` ask the network."""
    kind: Kind = "runtime" if words.runtime else "program"
    with services.updates() as updates:
        if words.act == "check":
            return _check(updates, output)
        if words.act == "install":
            return _install(updates, kind, output)
        if words.act == "undo":
            return _undo(updates, kind, output)
        return _say(updates.state(), output)


def _say(state: State, output: Output) -> int:
    output.document(
        {
            "version": state.version,
            "next_version": state.next_version or state.version,
            "staged": state.staged,
            "failed": state.failed,
            "damaged": state.damaged,
            "can_undo": state.can_undo,
            "runtime": state.runtime,
            "can_undo_runtime": state.can_undo_runtime,
            "is_configured": state.is_configured,
            "asked_at": _moment(state.asked_s),
            "hindrance": state.hindrance,
        }
    )
    output.text(f"Hearth {state.version}")
    if state.next_version:
        output.text(f"The next start takes Hearth {state.next_version}.")
    if state.staged:
        output.text(f"Hearth {state.staged} is ready; it is installed when the window is quit.")
    if state.failed:
        output.text(f"Hearth {state.failed} did not start twice, and is not used.")
    if state.damaged:
        output.text(f"Hearth {state.damaged} was damaged since it was installed, and is not used.")
    if state.can_undo_runtime:
        output.text(f"The runtime in use was installed later than Hearth ({state.runtime}).")
    if not state.is_configured:
        output.text("No update source is configured: this build asks for no newer versions.")
    elif state.asked_s:
        output.text(f"Newer versions were last asked for on {_moment(state.asked_s)[:10]}.")
    if state.is_configured and state.hindrance:
        output.text(state.hindrance)
    return DONE


def _check(updates: Updates, output: Output) -> int:
    output.status("Asking …")
    offer = updates.check()
    output.status("")
    is_newer = updates.is_newer(offer, "program")
    is_newer_runtime = updates.is_newer(offer, "runtime")
    runtime = offer.runtime
    has_failed = is_newer and updates.state().failed == offer.version
    output.document(
        {
            "serial": offer.serial,
            "version": offer.version,
            "published": offer.published,
            "notes": offer.notes,
            "is_newer": is_newer,
            "has_failed": has_failed,
            "file_bytes": _size(offer.artefact),
            "runtime": "" if runtime is None else runtime.key,
            "runtime_notes": "" if runtime is None else runtime.notes,
            "runtime_is_newer": is_newer_runtime,
            "runtime_file_bytes": None if runtime is None else _size(runtime.artefact),
        }
    )
    _say_offer(offer, is_newer, is_newer_runtime, output)
    if has_failed:
        output.text("It was installed on this computer before, and did not start twice.")
    return DONE


def _say_offer(offer: Offer, is_newer: bool, is_newer_runtime: bool, output: Output) -> None:
    if is_newer and offer.artefact is not None:
        size = bytes_text(offer.artefact.bytes)
        output.text(f"Hearth {offer.version} of {offer.published} is there ({size}).\n")
        output.text(f"{offer.notes.strip()}\n\nInstall it with: hearth update install")
    if is_newer_runtime and offer.runtime is not None and offer.runtime.artefact is not None:
        size = bytes_text(offer.runtime.artefact.bytes)
        output.text(
            f"A newer inference runtime is there ({size}).\n\n{offer.runtime.notes.strip()}"
        )
        output.text("\nInstall it with: hearth update install --runtime")
    if not is_newer and not is_newer_runtime:
        output.text("What you have is the newest.")


def _install(updates: Updates, kind: Kind, output: Output) -> int:
    interruptible(partial(_work, updates, kind, output))
    output.status("")
    installed = updates.settle() if kind == "program" else updates.state().runtime
    output.document({"installed": installed, "kind": kind})
    if kind == "program":
        output.text(
            f"Hearth {installed} is used from the next start on; `hearth update undo` leads"
        )
        output.text("back, and so does Hearth by itself if it does not start twice.")
    else:
        output.text("It gave the answers that it must, and is used from the next start on.")
    return DONE


def _work(updates: Updates, kind: Kind, output: Output, stop: Cancellation) -> None:
    told: list[str] = []

    def tell(step: Step) -> None:
        share = f"{bytes_text(step.done_bytes)} of {bytes_text(step.total_bytes)}"
        left = f", {duration_text(step.left_s)} left" if step.left_s and not step.note else ""
        output.status(f"{_PHASES[step.phase]}: {share}{left} {step.note}".rstrip())
        if step.note and not output.is_on_terminal and step.note not in told:
            told.append(step.note)
            output.aside(step.note)

    updates.install(kind, stop, tell)


def _undo(updates: Updates, kind: Kind, output: Output) -> int:
    back_to = updates.undo(kind)
    output.document({"kind": kind, "back_to": back_to})
    if kind == "program":
        output.text(f"Hearth {back_to} is used from the next start on.")
    else:
        output.text("The runtime before is used from the next start on.")
    return DONE


def _size(artefact: Artefact | None) -> int | None:
    return None if artefact is None else artefact.bytes


def _moment(asked_s: float) -> str:
    """In UTC, ISO 8601; "" for never."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(asked_s)) if asked_s > 0 else ""
