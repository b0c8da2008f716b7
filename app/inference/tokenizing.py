"""A rendered prompt → token ids, through a lease on the vocabulary. Any pool thread.

Special tokens are read in the template's own text only, so no message can end its own turn.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from app.foundation.errors import ContextExceeded, InvalidInput
from app.foundation.units import bytes_text
from app.protocol.chat import Message

if TYPE_CHECKING:
    from app.templates.composition import Piece

MAX_PROMPT_BYTES = 2 * 1000 * 1000

_ALWAYS_COUNTED_BYTES = 200_000
_REMEMBERED = 20_000

# The engine cuts unbroken runs of more than 1,000 characters, which overflow the stack of
# llama.cpp's pre-tokenizers. Messages are cut shorter here, so that with template text on both
# sides the engine never has to cut, which could go through a special token.
_MAX_RUN = 800
_LONG_RUN = re.compile(rf"\S{{{_MAX_RUN}}}|\s{{{_MAX_RUN}}}")


class Vocabulary(Protocol):
    """What a lease on a loaded model's vocabulary offers."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`."""
        ...

    def token_text(self, token: int) -> str:
        """The text of one token, special ones included."""
        ...

    def is_end(self, token: int) -> bool:
        """True if the token ends an answer."""
        ...


class Stretch(NamedTuple):
    """Text that is tokenized in one call."""

    text: str
    parse_special: bool


def check_size(texts: Iterable[str]) -> None:
    """Raise InvalidInput for text that has no UTF-8 form or is too long to be tokenized."""
    total_bytes = 0
    for text in texts:
        try:
            total_bytes += len(text.encode())
        except UnicodeEncodeError:
            raise InvalidInput(
                "This message is not valid text.",
                "It holds characters that have no UTF-8 form.",
                "Save it as UTF-8, or paste it again from its source.",
            ) from None
    if total_bytes > MAX_PROMPT_BYTES:
        raise InvalidInput(
            "This is too long to be read at once.",
            f"It is {bytes_text(total_bytes)} of text; at most {bytes_text(MAX_PROMPT_BYTES)} "
            "are taken, and most models can read far less.",
            "Shorten it, ask about one part at a time, or start a new chat.",
        )


def plainly_too_long(messages: Sequence[Message], n_ctx: int) -> int | None:
    """An estimate of the tokens of messages that cannot fit by far; None if they must be counted.

    Spares rendering and tokenizing chats of thousands of messages only to refuse them. No
    vocabulary has 16 bytes a token on average, and no template takes less than 4 a message.
    """
    n_bytes = sum(len(message.text.encode("utf-8", "replace")) for message in messages)
    if n_bytes < _ALWAYS_COUNTED_BYTES or n_bytes // 16 + 4 * len(messages) <= n_ctx:
        return None
    return n_bytes // 4 + 4 * len(messages)


def check_context(prompt_tokens: int, n_ctx: int, max_tokens: int | None) -> None:
    """Raise ContextExceeded if the prompt leaves no room for an answer: 64 tokens, or as many as
    may be written, but never more than a sixteenth of the context."""
    room = max(1, min(64, n_ctx // 16, max_tokens or 64))
    if prompt_tokens + room > n_ctx:
        raise ContextExceeded(prompt_tokens, n_ctx)


class PromptTokenizer:
    """Tokenizes prompts, and remembers which messages spell special tokens. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spelling: OrderedDict[bytes, bool] = OrderedDict()

    def tokens(
        self, pieces: Sequence[Piece], *, path: str, bos: str, vocabulary: Vocabulary
    ) -> list[int]:
        """The prompt's token ids for the model file at `path`.

        `bos`, "" for a model that wants none, is put in front if the template has not done so.
        """
        tokens: list[int] = []
        has_bos = bool(pieces) and pieces[0].is_template and pieces[0].text.startswith(bos)
        if bos and not has_bos:
            tokens += vocabulary.tokenize("", add_special=True, parse_special=False)[:1]
        for stretch in self.stretches(pieces, path=path, vocabulary=vocabulary):
            tokens += vocabulary.tokenize(
                stretch.text, add_special=False, parse_special=stretch.parse_special
            )
        return tokens

    def stretches(
        self, pieces: Sequence[Piece], *, path: str, vocabulary: Vocabulary
    ) -> list[Stretch]:
        """What to tokenize in one call each.

        A message in which no special token would be read is joined with the template's text
        around it, so its tokens are those that the model was trained on. Only a message that
        spells a special token stands alone: there the tokenizer sees a boundary that training
        did not have.
        """
        cut = _whole if _prefixes_space(vocabulary) else _cut
        found: list[Stretch] = []
        joined = ""
        for piece in pieces:
            parts = [piece.text] if piece.is_template else cut(piece.text)
            if not piece.is_template and self._spells_special(path, parts, vocabulary):
                found += [Stretch(joined, True), *(Stretch(part, False) for part in parts)]
                joined = ""
                continue
            joined += parts[0]
            for part in parts[1:]:
                found.append(Stretch(joined, True))
                joined = part
        found.append(Stretch(joined, True))
        return [stretch for stretch in found if stretch.text]

    def _spells_special(self, path: str, parts: list[str], vocabulary: Vocabulary) -> bool:
        """True if the text holds the name of a special token of this vocabulary."""
        # Brings OpenSSL along, for which the window's first paint does not wait.
        import hashlib

        key = hashlib.blake2b("\0".join((path, *parts)).encode(), digest_size=16).digest()
        with self._lock:
            known = self._spelling.get(key)
        if known is None:
            known = any(
                vocabulary.tokenize(part, add_special=False, parse_special=True)
                != vocabulary.tokenize(part, add_special=False, parse_special=False)
                for part in parts
            )
        with self._lock:
            self._spelling[key] = known
            self._spelling.move_to_end(key)
            if len(self._spelling) > _REMEMBERED:
                self._spelling.popitem(last=False)
        return known


def _prefixes_space(vocabulary: Vocabulary) -> bool:
    """True for SentencePiece-like vocabularies: they add a space before each text, so a cut would
    show; they have no pre-tokenizer, so they need none."""
    tokens = vocabulary.tokenize("a", add_special=False, parse_special=False)
    return vocabulary.token_text(tokens[0])[:1] in (" ", "▁") if tokens else False


def _whole(text: str) -> list[str]:
    return [text]


def _cut(text: str) -> list[str]:
    """A message in parts without over-long runs; what follows a cut starts a new run."""
    ends = [found.end() for found in _LONG_RUN.finditer(text)]
    starts = [0, *ends]
    parts = [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]
    return [part for part in parts if part] or [""]
