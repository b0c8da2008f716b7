"""What is said about a turn in words: how it ended, how fast it was, what is going on.

Pure apart from the locale's numbers and the translator; no widget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale

from app.conversations.records import Turn

if TYPE_CHECKING:
    from app.gui.chat.message import Tone


def _tr(text: str, *values: str) -> str:
    shown = QCoreApplication.translate("TurnWords", text)
    for number, value in enumerate(values, 1):
        shown = shown.replace(f"%{number}", value)
    return shown


def number(value: float, digits: int = 0) -> str:
    """A number as the person's locale writes it."""
    return QLocale().toString(float(value), "f", digits)


def note_of(turn: Turn) -> tuple[str, Tone]:
    """The sentence under an answer that did not simply end."""
    if turn.role != "assistant":
        return "", "secondary"
    if turn.state == "failed":
        return turn.error or _tr("The answer could not be finished."), "danger"
    if turn.state == "interrupted":
        return _tr("Interrupted: Hearth ended before the answer did. You can continue it."), (
            "warning"
        )
    if turn.state == "stopped":
        return _tr("Stopped"), "secondary"
    if turn.finish_reason == "length":
        return _tr("Ended at the longest answer allowed. You can continue it."), "secondary"
    if turn.finish_reason == "context":
        return _tr("The context is full: the model cannot read any further."), "warning"
    return "", "secondary"


def can_continue(turn: Turn) -> bool:
    """True for an answer that ended before the model had said everything."""
    if turn.role != "assistant" or turn.state == "writing":
        return False
    return turn.state in ("interrupted", "stopped", "failed") or turn.finish_reason == "length"


def quiet_line(turn: Turn, n_ctx: int | None) -> str:
    """Tokens per second, time to the first token, how much of the context is used."""
    parts: list[str] = []
    timings, usage = turn.timings, turn.usage
    if timings is not None and timings.generated_tokens_per_second > 0:
        speed = timings.generated_tokens_per_second
        parts.append(_tr("%1 tokens/s", number(speed, 1 if speed < 20 else 0)))
    if timings is not None and timings.ttft_ms > 0:
        seconds = timings.ttft_ms / 1000
        digits = 2 if seconds < 0.1 else 1 if seconds < 10 else 0
        parts.append(_tr("first word after %1 s", number(seconds, digits)))
    if usage is not None:
        used = number(usage.prompt_tokens + usage.completion_tokens)
        if n_ctx:
            parts.append(_tr("%1 of %2 tokens of context used", used, number(n_ctx)))
        else:
            parts.append(_tr("%1 tokens of context used", used))
    return " · ".join(parts)


def loading_words(fraction: float | None, sentence: str) -> str:
    """What is said while a model is made ready."""
    words = sentence or _tr("Opening the model")
    if fraction is None or fraction <= 0:
        return words
    return f"{words.rstrip('.…')}: {number(min(1.0, fraction) * 100)} %"


def reading_words(read: int, total: int) -> str:
    """What is said while the model reads the conversation."""
    return _tr("Reading: %1 of %2 tokens", number(read), number(total))


def waiting_words() -> str:
    """Before anything is known of an answer."""
    return _tr("One moment…")


def spoken(role: str, text: str, note: str) -> str:
    """A message as a screen reader says it."""
    who = _tr("You said") if role == "user" else _tr("Answer")
    return f"{who}: {text}" + (f" {note}" if note else "")
