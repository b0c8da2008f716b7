"""Kept models in words: where from, how large, whether checked, what is wrong. Pure."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.foundation.units import bytes_text
from app.gui.safe_text import one_line
from app.models.library.kept import DiskUse, Kept

translate = QCoreApplication.translate


def from_words(kept: Kept) -> str:
    """Where it is from: "from LM Studio"."""
    if kept.source == "hearth":
        return translate("Models", "in Hearth's folder")
    if kept.source == "opened":
        return translate("Models", "opened by you")
    if kept.source == "folder":
        return translate("Models", "in a folder of yours")
    return translate("Models", "from {program}").format(program=one_line(kept.source_words, 40))


def checked_words(kept: Kept) -> str:
    """Whether its content was checked; "" where it never was."""
    return {
        "yes": translate("Models", "checked"),
        "changed": translate("Models", "changed since it was checked"),
        "failed": translate("Models", "its content is damaged"),
    }.get(kept.verified, "")


def about_words(kept: Kept) -> list[str]:
    """Size, quant, where from, whether checked."""
    parts = [bytes_text(kept.bytes), one_line(kept.quant, 24), from_words(kept)]
    if kept.also_at:
        parts.append(translate("Models", "in {n} places").format(n=1 + len(kept.also_at)))
    if kept.kind != "chat" and kept.state == "ready":
        parts.append(kind_words(kept))
    parts.append(checked_words(kept))
    return [part for part in parts if part]


def kind_words(kept: Kept) -> str:
    """What a model is that is not for chats."""
    return {
        "embedding": translate("Models", "for search, not for chats"),
        "projector": translate("Models", "the eyes of another model"),
        "adapter": translate("Models", "an addition to another model"),
    }.get(str(kept.kind), translate("Models", "not for chats"))


def problem_words(kept: Kept) -> str:
    """Why it cannot be used; "" where it can."""
    if kept.state == "ready":
        return ""
    plain = {
        "gone": translate("Models", "The file is gone."),
        "damaged": translate("Models", "It is incomplete or damaged."),
        "unsupported": translate("Models", "This version of llama.cpp cannot load it."),
    }.get(kept.state, "")
    problem = one_line(kept.problem, 300)
    if kept.state == "damaged" and problem:
        # The reason is for who knows the format.
        return f"{plain} {problem}"
    return problem or plain


def use_words(use: DiskUse) -> str:
    """What all models take: "12 GB in Hearth's folder, 30 GB of other programs; 210 GB free"."""
    total = use.ours_bytes + use.others_bytes
    if not total:
        said = translate("Models", "No models take up room on your disk yet.")
    elif not use.ours_bytes:
        said = translate(
            "Models", "Models take {total}, all of it in other programs' folders."
        ).format(total=bytes_text(total))
    elif not use.others_bytes:
        said = translate("Models", "Models take {ours}, in Hearth's folder.").format(
            ours=bytes_text(use.ours_bytes)
        )
    else:
        said = translate("Models", "Models take {total}, {ours} of it in Hearth's folder.").format(
            total=bytes_text(total), ours=bytes_text(use.ours_bytes)
        )
    if use.free_bytes is None:
        return said
    free = translate("Models", "{free} are free.").format(free=bytes_text(use.free_bytes))
    return f"{said} {free}"
