"""Conversations and turns as frozen records, and how stored codes become them.

Pure. A value that cannot be read becomes a readable fallback, never an error: one damaged row
must not close a chat. Knows no SQL.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from app.protocol.chat import Role
from app.protocol.generation import Timings, Usage

TurnState = Literal["complete", "writing", "interrupted", "stopped", "failed"]

ROLES: frozenset[str] = frozenset(get_args(Role))
STATES: frozenset[str] = frozenset(get_args(TurnState))

DAMAGED_TEXT = "This message is damaged and cannot be read."
DAMAGED_NOTE = "This message is damaged. What could be read of it is shown."


@dataclass(frozen=True, slots=True)
class ConversationOptions:
    """What a person chose for one chat; None means the setting, or the model's own."""

    model: str | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """One chat. Times are seconds since 1970, UTC. `deleted_at` is set while it is in the trash."""

    id: str
    title: str
    created_at: float
    updated_at: float
    options: ConversationOptions
    deleted_at: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a chat and its place among the versions beside it.

    `sibling_index` counts from 0 among the `n_siblings` turns under the same parent, oldest
    first. `damaged` marks a row of which something could not be read.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    text: str
    state: TurnState
    created_at: float
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    error: str | None = None
    n_siblings: int = 1
    sibling_index: int = 0
    damaged: bool = False


def options_text(options: ConversationOptions, kept: str = "{}") -> str:
    """The stored form. Keys in `kept`, the form stored before, that Hearth does not know stay."""
    stored = _json_object(kept)
    for option in fields(options):
        value = getattr(options, option.name)
        if value is None:
            stored.pop(option.name, None)
        else:
            stored[option.name] = value
    return json.dumps(stored, ensure_ascii=False, sort_keys=True)


def read_options(text: object) -> ConversationOptions:
    """The options in a stored form; what cannot be read is as if it had never been chosen."""
    if text == "{}":
        return _DEFAULT_OPTIONS
    stored = _json_object(text)
    max_tokens = stored.get("max_tokens")
    return ConversationOptions(
        model=_text_or_none(stored.get("model")),
        system_prompt=_text_or_none(stored.get("system_prompt")),
        temperature=_number_or_none(stored.get("temperature")),
        max_tokens=max_tokens if _is_count(max_tokens) else None,
    )


def read_conversation(row: tuple[Any, ...]) -> Conversation:
    """(id, title, created_at, updated_at, deleted_at, options), as stored."""
    key, title, created_at, updated_at, deleted_at, options = row
    created = _number_or_none(created_at) or 0.0
    return Conversation(
        id=_text(key),
        title=_text(title),
        created_at=created,
        updated_at=_number_or_none(updated_at) or created,
        options=read_options(options),
        deleted_at=None if deleted_at is None else _number_or_none(deleted_at) or 0.0,
    )


def read_turn(
    row: tuple[Any, ...], conversation_id: str, after: Role | None, n_siblings: int, index: int
) -> Turn:
    """(id, parent_id, role, state, text, created_at, model, finish_reason, prompt_tokens,
    cached_tokens, completion_tokens, load_ms, ttft_ms, prompt_tokens_per_second,
    generated_tokens_per_second, error), as stored.

    `after` is the role of the turn before it: it decides who spoke where the code is unknown.
    Bytes that are not UTF-8 are expected as lone surrogates (`app.database` reads them so).
    """
    key, parent_id, role, state, text, created_at = row[:6]
    error = _text_or_none(row[15])
    damaged = role not in ROLES or state not in STATES or not _is_sound(text)
    if damaged:
        error = error or DAMAGED_NOTE
        text = _text(text) or DAMAGED_TEXT
    return Turn(
        _text(key),
        conversation_id,
        _text_or_none(parent_id),
        role if role in ROLES else ("assistant" if after == "user" else "user"),
        text,
        state if state in STATES else "failed",
        _number_or_none(created_at) or 0.0,
        _text_or_none(row[6]),
        _text_or_none(row[7]),
        _usage(row[8:11]),
        _timings(row[11:15]),
        error,
        n_siblings,
        index,
        damaged,
    )


_DEFAULT_OPTIONS = ConversationOptions()


def storable(text: str) -> str:
    """`text` with lone surrogates, which have no UTF-8 form, replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _is_sound(text: object) -> bool:
    if type(text) is not str:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: object) -> str:
    """Whatever was stored, as text that can be shown and stored again."""
    if isinstance(value, str):
        if _is_sound(value):
            return value
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _number_or_none(value: object) -> float | None:
    if type(value) is float or type(value) is int:
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def _json_object(text: object) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _usage(values: tuple[Any, ...]) -> Usage | None:
    if values == (None, None, None):
        return None
    prompt, cached, completion = (value if _is_count(value) else 0 for value in values)
    return Usage(prompt, cached, completion)


def _timings(values: tuple[Any, ...]) -> Timings | None:
    if values == (None, None, None, None):
        return None
    load, ttft, reading, writing = (_number_or_none(value) or 0.0 for value in values)
    return Timings(load, ttft, reading, writing)
