"""Messages and one template become a prompt in pieces: the template's own text, and the people's.

Runs in our process or in the child; pure. Keeping the two apart is what lets the tokenizer read
special tokens in the first only, so that no message can end its own turn. Knows no tokenizer.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple

from app.foundation.errors import TemplateFailed
from app.protocol.chat import Message
from app.templates.sandbox import failed, render_jinja

SYSTEM_MERGED = (
    "This model has no place for instructions of their own; "
    "they were put in front of your first message."
)
SYSTEM_LOST = "This model's chat template leaves your instructions out; the model did not see them."
OWN_SYSTEM_LOST = "The built-in guide does not follow instructions of your own."
OWN_FORGETS = "The built-in guide reads only the last few messages of a long chat."
NEUTRALISED = (
    "This model's chat template rewrites messages, so control words of models that were "
    "written in them were made harmless."
)

# Where the template's text cannot be told from a message's, a control word in a message gets
# an invisible break after its first character; everything else stays as written.
_CONTROL_WORDS = re.compile(
    r"<\|[^<>|\n]{1,60}\|>|<｜[^<>｜\n]{1,60}｜>|</?s>|<(?:bos|eos|pad|unk|eot|eod|sep|mask)>"
    r"|<(?:start|end)_of_(?:turn|image)>|<end_of_utterance>|\[/?(?:INST|SYSTEM_PROMPT|gMASK)\]"
    r"|<<?/?SYS>>|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|\[\|[a-z]{1,30}\|\]"
    r"|<[a-z_]{1,20}:(?:bos|eos|pad|think)>|<turn\|>|<\|turn>",
    re.IGNORECASE,
)
_BREAK = "\u200b"


class Piece(NamedTuple):
    """A stretch of the prompt. Only in the template's own text are special tokens special."""

    text: str
    is_template: bool


@dataclass(frozen=True, slots=True)
class Composition:
    """A prompt and what has to be said about how it came about."""

    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How messages are shown to the template: their system text apart or merged, their text as
    a string or as a list of one typed part, and with tools absent or an empty list of them."""

    messages: tuple[Message, ...]
    typed: bool
    with_tools: bool
    merged: bool


def compose_own(source: str, messages: Sequence[Message], bos: str, eos: str) -> Composition:
    """`compose` with the built-in model's template, which leaves out on purpose: instructions,
    and all but the last turns of a long chat. What it left out is said."""
    shape = _Shape(tuple(messages), typed=False, with_tools=False, merged=False)
    plain = _render(source, shape, [message.text for message in messages], bos, eos)
    lost = _lost(shape, plain)
    notes = tuple(
        note for role, note in (("system", OWN_SYSTEM_LOST), ("user", OWN_FORGETS)) if role in lost
    )
    return _composed(source, shape, plain, bos, eos, notes)


def compose(source: str, messages: Sequence[Message], bos: str, eos: str) -> Composition:
    """The prompt for an answer to `messages` (ends where the answer begins).

    Raises TemplateFailed if the template raises, writes too much, or drops a message of the
    person, in every shape that templates are known to expect.
    """
    first_error: TemplateFailed | None = None
    without_system: tuple[_Shape, str] | None = None
    for shape in _shapes(tuple(messages)):
        try:
            plain = _render(source, shape, [message.text for message in shape.messages], bos, eos)
        except TemplateFailed as error:
            first_error = first_error or error
            continue
        lost = _lost(shape, plain)
        if "user" in lost:
            first_error = first_error or failed("it leaves out what you wrote")
        elif "system" in lost:
            without_system = without_system or (shape, plain)
        else:
            return _composed(source, shape, plain, bos, eos, ())
    if without_system is not None:
        return _composed(source, *without_system, bos, eos, (SYSTEM_LOST,))
    raise first_error or failed("it gave no prompt")


def _lost(shape: _Shape, plain: str) -> set[str]:
    """The roles of which a message is missing from the prompt.

    Messages nearly always come in order, so each is looked for behind the one before it first.
    """
    lost: set[str] = set()
    position = 0
    for message in shape.messages:
        text = message.text.strip()
        found = plain.find(text, position)
        if found >= 0:
            position = found + len(text)
        elif text not in plain:
            lost.add(message.role)
    return lost


def neutralised(text: str) -> str:
    """`text` with every known control word broken by an invisible character."""
    return _CONTROL_WORDS.sub(lambda found: found[0][0] + _BREAK + found[0][1:], text)


def _shapes(messages: tuple[Message, ...]) -> list[_Shape]:
    """Most faithful first: as they are, with typed parts, for a template that cannot do without
    tools; then the same with the system text merged."""
    versions = [(messages, False)]
    if any(message.role == "system" and message.text.strip() for message in messages):
        versions.append((_merged(messages), True))
    return [
        _Shape(version, typed, with_tools, merged)
        for (version, merged), with_tools, typed in product(versions, (False, True), (False, True))
    ]


def _merged(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    system = "\n\n".join(message.text for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    first = next((i for i, message in enumerate(rest) if message.role == "user"), None)
    if first is None:
        return (Message("user", system), *rest)
    rest[first] = Message("user", f"{system}\n\n{rest[first].text}")
    return tuple(rest)


def _composed(
    source: str, shape: _Shape, plain: str, bos: str, eos: str, notes: tuple[str, ...]
) -> Composition:
    """Split `plain` at the messages, with as many of them kept apart as the template allows."""
    if shape.merged:
        notes = (*notes, SYSTEM_MERGED)
    contents = [message.text for message in shape.messages]
    for literal in ((), ("assistant",), ("assistant", "system")):
        shown = [
            neutralised(message.text) if message.role in literal else message.text
            for message in shape.messages
        ]
        if shown != contents:
            plain = _render(source, shape, shown, bos, eos)
        marked, nonce = _marked(source, shape, shown, literal, bos, eos)
        pieces = _aligned(plain, marked, nonce, shown)
        if pieces is not None:
            return Composition(pieces, notes)
    safe = [neutralised(content) for content in contents]
    if safe != contents:
        plain = _render(source, shape, safe, bos, eos)
        notes = (*notes, NEUTRALISED)
    return Composition((Piece(plain, True),), notes)


def _marked(
    source: str,
    shape: _Shape,
    contents: list[str],
    literal: tuple[str, ...],
    bos: str,
    eos: str,
) -> tuple[str, str]:
    """The output with a word nobody can guess in place of each message; "" if it raises."""
    nonce = secrets.token_hex(12)
    shown = [
        text if message.role in literal or not text.strip() else f"{nonce}x{index}x"
        for index, (message, text) in enumerate(zip(shape.messages, contents, strict=True))
    ]
    try:
        return _render(source, shape, shown, bos, eos), nonce
    except TemplateFailed:
        return "", nonce


def _aligned(plain: str, marked: str, nonce: str, contents: list[str]) -> tuple[Piece, ...] | None:
    """The pieces of `plain`, or None if `marked` with the messages put back is not `plain`."""
    parts = re.split(f"{nonce}x([0-9]+)x", marked)
    if len(parts) == 1 or not plain.startswith(parts[0]):
        return None
    pieces = [Piece(parts[0], True)]
    position = len(parts[0])
    for index, after in zip(parts[1::2], parts[2::2], strict=True):
        for text in _trimmings(contents[int(index)]):
            end = position + len(text)
            if plain.startswith(text, position) and plain.startswith(after, end):
                break
        else:
            return None
        pieces += [Piece(text, False), Piece(after, True)]
        position = end + len(after)
    if position != len(plain):
        return None
    return tuple(piece for piece in pieces if piece.text)


def _trimmings(text: str) -> list[str]:
    """The ways in which templates trim a message, longest first, without repeats."""
    ways = (
        text,
        text.rstrip("\n"),
        text.lstrip("\n"),
        text.strip("\n"),
        text.rstrip(),
        text.lstrip(),
        text.strip(),
    )
    return list(dict.fromkeys(sorted(ways, key=len, reverse=True)))


def _render(source: str, shape: _Shape, texts: list[str], bos: str, eos: str) -> str:
    messages: list[dict[str, Any]] = [
        {
            "role": message.role,
            "content": [{"type": "text", "text": text}] if shape.typed else text,
        }
        for message, text in zip(shape.messages, texts, strict=True)
    ]
    variables: dict[str, Any] = {
        "messages": messages,
        "bos_token": bos,
        "eos_token": eos,
        "add_generation_prompt": True,
        "tools": None,
        "documents": None,
    }
    if shape.with_tools:
        today = datetime.now().astimezone().strftime("%Y-%m-%d")
        variables |= {"tools": [], "documents": [], "functions": "", "datetime": today}
    return render_jinja(source, variables)
