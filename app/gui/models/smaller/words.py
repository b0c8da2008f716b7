"""A smaller file in words: how far it is, what it takes of the disk, what came of it. Pure."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.foundation.units import bytes_text, duration_text
from app.gui.safe_text import one_line
from app.inference.quantizing import Offer, Target
from app.inference.smaller_files import Job

translate = QCoreApplication.translate


def share_of(job: Job) -> float | None:
    """How much of it is done, from 0 to 1; None before anything is."""
    if job.state == "checking":
        return 1.0
    return job.done_bytes / job.total_bytes if job.done_bytes and job.total_bytes else None


def line_of(job: Job) -> str:
    """One line: "1.2 of 4.9 GB, 3 minutes left"."""
    if job.state == "checking":
        return translate("Models", "Checking what was written…")
    if job.state == "done":
        return translate("Models", "{quant} of {name} is here and checked, {size}.").format(
            quant=job.quant, name=one_line(job.name, 80), size=bytes_text(job.done_bytes)
        )
    if job.state == "stopped":
        return translate("Models", "Stopped. Nothing was left on the disk.")
    if job.state == "failed":
        error = job.error
        parts = (error.title, error.detail, error.remedy) if error is not None else ()
        return " ".join(one_line(part, 300) for part in parts if part)
    total = bytes_text(job.total_bytes)
    if not job.done_bytes:
        return translate("Models", "Beginning…")
    done = bytes_text(job.done_bytes)
    if done.split()[-1] == total.split()[-1]:
        done = done.split()[0]
    said = translate("Models", "{done} of {total}").format(done=done, total=total)
    if job.left_s is None:
        return said
    left = translate("Models", "{time} left").format(time=duration_text(job.left_s))
    return f"{said}, {left}"


def title_of(job: Job) -> str:
    """What is being made: "Making Q4_K_M of Qwen3 4B"."""
    return translate("Models", "Making {quant} of {name}").format(
        quant=job.quant, name=one_line(job.name, 80)
    )


def source_words(offer: Offer) -> str:
    """What there is, and what a smaller file of it is good for."""
    return translate(
        "Models",
        "This file is {quant}, {size}. A smaller one keeps fewer digits of every number: it takes "
        "less memory and answers faster, and loses a little of the model. This file stays as it "
        "is.",
    ).format(quant=one_line(offer.quant, 24), size=bytes_text(offer.bytes))


def room_words(target: Target, free_bytes: int | None) -> str:
    """What it takes of the disk, and whether that is there."""
    size = bytes_text(target.bytes)
    if free_bytes is None:
        return translate("Models", "It takes {size} on the disk.").format(size=size)
    if target.room_bytes > free_bytes:
        return translate(
            "Models",
            "It takes {size} on the disk, where only {free} are free. Free {missing} more, or "
            "choose another folder for models in the settings.",
        ).format(
            size=size,
            free=bytes_text(free_bytes),
            missing=bytes_text(target.room_bytes - free_bytes),
        )
    return translate(
        "Models", "It takes {size} on the disk, in Hearth's folder; {free} are free."
    ).format(size=size, free=bytes_text(free_bytes))
