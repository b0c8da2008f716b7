"""What the rows for newer versions say. Pure but for the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.foundation.units import bytes_text, duration_text

if TYPE_CHECKING:
    from app.gui.settings.updates.desk import UpdatesDesk
    from app.updates.updates import Kind, State, Step

translate = QCoreApplication.translate


def program_words(desk: UpdatesDesk) -> str:
    """Where the program stands, in a sentence or two."""
    state = desk.state
    if state is None:
        return translate("Updates", "Looking…")
    if desk.busy == "check":
        return translate("Updates", "Asking…")
    if desk.busy == "program":
        return step_words(desk.step)
    lines = []
    if not state.is_configured:
        lines.append(
            translate(
                "Updates",
                "This build of Hearth names no place to ask for newer versions. They come from "
                "where you got this one.",
            )
        )
    elif not state.staged and not state.next_version:
        lines.append(_offer_words(desk, state))
    lines += _installed_words(state)
    return "\n".join(lines)


def _offer_words(desk: UpdatesDesk, state: State) -> str:
    offer = desk.offer
    if offer is None:
        return translate("Updates", "This is Hearth {version}.").format(version=state.version)
    if "program" not in desk.newer or offer.artefact is None:
        return translate("Updates", "Hearth {version} is the newest.").format(version=state.version)
    return translate("Updates", "Hearth {version} can be downloaded: {size}.").format(
        version=offer.version, size=bytes_text(offer.artefact.bytes)
    )


def _installed_words(state: State) -> list[str]:
    lines = []
    if state.staged:
        lines.append(
            translate(
                "Updates", "Hearth {version} is ready. It is installed when you quit Hearth."
            ).format(version=state.staged)
        )
    elif state.next_version:
        lines.append(
            translate("Updates", "Hearth {version} is used from the next start on.").format(
                version=state.next_version
            )
        )
    if state.failed:
        lines.append(
            translate(
                "Updates",
                "Hearth {version} did not start twice, so this one is in use again.",
            ).format(version=state.failed)
        )
    if state.damaged:
        lines.append(
            translate(
                "Updates",
                "Hearth {version} was damaged since it was installed, so this one is in use.",
            ).format(version=state.damaged)
        )
    if state.is_configured and state.hindrance:
        lines.append(state.hindrance)
    return lines


def runtime_words(desk: UpdatesDesk) -> str:
    """Where the inference runtime stands; "" where there is nothing to say."""
    state, offer = desk.state, desk.offer
    if desk.busy == "runtime":
        return step_words(desk.step)
    runtime = offer.runtime if offer is not None and "runtime" in desk.newer else None
    if runtime is not None and runtime.artefact is not None:
        return translate(
            "Updates",
            "A newer one can be downloaded: {size}. It is tried with known answers before it is "
            "used.",
        ).format(size=bytes_text(runtime.artefact.bytes))
    if state is not None and state.can_undo_runtime:
        return translate(
            "Updates", "One that was installed later than Hearth is used, from its next start on."
        )
    return ""


def notes_of(desk: UpdatesDesk, kind: Kind) -> str:
    """What is new in what is offered, as it was written."""
    offer = desk.offer
    if offer is None or kind not in desk.newer:
        return ""
    if kind == "runtime":
        return offer.runtime.notes.strip() if offer.runtime is not None else ""
    return offer.notes.strip()


def step_words(step: Step | None) -> str:
    """How far an installation is."""
    if step is None:
        return translate("Updates", "Beginning…")
    if step.note:
        return step.note
    if step.phase == "unpack" and step.done_bytes >= step.total_bytes:
        return translate("Updates", "Trying whether it works on this computer…")
    if step.phase == "unpack":
        return translate("Updates", "Unpacking…")
    said = translate("Updates", "{done} of {total}").format(
        done=bytes_text(step.done_bytes), total=bytes_text(step.total_bytes)
    )
    if step.left_s is None:
        return said
    left = translate("Updates", "{time} left").format(time=duration_text(step.left_s))
    return f"{said}, {left}"
