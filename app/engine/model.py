"""Weights and vocabulary of the loaded model.

The model belongs to the engine thread. Its vocabulary may be read from any thread, but only
under a lease: freeing the model waits until every lease is given back. Knows no queues.
"""

from __future__ import annotations

import ctypes
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.engine.messages import LoadSettings
from app.engine.native import Library, ModelHandle
from app.foundation.errors import InvalidInput, ModelError, ModelUnsupported

MAX_TEXT_BYTES = 1 << 30
# Byte-pair vocabularies cut the text by regular expressions first, some of them with a matcher
# that recurses once a character: about 3,000 equal ones in a row fill a stack of 1 MB.
MAX_RUN_CHARS = 1_000
MAX_WORD_CHARS = 2 * MAX_RUN_CHARS
_NO_TOKEN = -1
# enum llama_vocab_type
_BYTE_PAIR = 2
_UNREADABLE = re.compile("[\0\ud800-\udfff]")
_WORD_OR_SPACE = re.compile(r"\S+|\s+")
_RUN = re.compile(r"\w+|\s+|[^\w\s]+")


def safe_parts(text: str) -> list[str]:
    """`text` cut inside overlong runs, so that tokenizing each part is safe.

    Empty if there is nothing to cut, as in nearly every text.
    """
    cuts = [0]
    for word in _WORD_OR_SPACE.finditer(text):
        if word.end() - word.start() < MAX_RUN_CHARS:
            continue
        last = word.start()
        for run in _RUN.finditer(text, word.start(), word.end()):
            if run.end() - last > MAX_WORD_CHARS and run.start() > last:
                cuts.append(last := run.start())
            while run.end() - last > MAX_RUN_CHARS and run.end() - run.start() > MAX_RUN_CHARS:
                last = max(last, run.start()) + MAX_RUN_CHARS
                if last < run.end():
                    cuts.append(last)
    if len(cuts) == 1:
        return []
    return [text[a:b] for a, b in itertools.pairwise([*cuts, len(text)])]


class Vocabulary:
    """Text to tokens and back. Safe from several threads at once while the model lives."""

    def __init__(self, library: Library, pointer: Any) -> None:
        self._api = library.api
        self._brief_piece = library.brief("llama_token_to_piece")
        self._pointer = pointer
        self._splits_by_pattern = self._api.llama_vocab_type(pointer) == _BYTE_PAIR
        self.n_vocab = int(self._api.llama_vocab_n_tokens(pointer))
        self.add_bos = bool(self._api.llama_vocab_get_add_bos(pointer))

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`.

        `add_special` adds what the model wants around a text (usually a beginning token);
        `parse_special` reads control tokens out of the text. What UTF-8 or a C string cannot
        hold (a lone surrogate, a NUL) is read as U+FFFD. Raises InvalidInput past a gigabyte.
        """
        text = _UNREADABLE.sub("\ufffd", text)
        if not self._splits_by_pattern or not (parts := safe_parts(text)):
            return self._tokenize(text, add_special, parse_special)
        tokens = [] if not add_special else self._tokenize("", True, False)
        n_before = 1 if tokens and self.add_bos else 0
        after = tokens[n_before:]
        tokens = tokens[:n_before]
        for part in parts:
            tokens += self._tokenize(part, False, parse_special)
        return tokens + after

    def token_text(self, token: int) -> str:
        """The text of one token, control tokens by name; invalid bytes become U+FFFD."""
        return self.piece(token, special=True).decode("utf-8", "replace")

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes a token adds to an answer; control tokens add none unless `special`."""
        if not 0 <= token < self.n_vocab:
            return b""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n_bytes = int(self._brief_piece(self._pointer, token, buffer, size, 0, special))
            if n_bytes >= 0:
                return buffer.raw[:n_bytes]
            size = -n_bytes

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer (end of text, of turn, and the like)."""
        return bool(self._api.llama_vocab_is_eog(self._pointer, token))

    def _tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        data = text.encode("utf-8")
        if len(data) > MAX_TEXT_BYTES:
            raise InvalidInput("This text is too long.", f"It has {len(data):,} bytes.")
        # Never more tokens than bytes, save for the special ones around them and a space.
        room = len(data) + 8
        while True:
            tokens = (ctypes.c_int32 * room)()
            n_tokens = self._api.llama_tokenize(
                self._pointer, data, len(data), tokens, room, add_special, parse_special
            )
            if n_tokens >= 0:
                return tokens[:n_tokens]
            if -n_tokens <= room or -n_tokens > 2 * MAX_TEXT_BYTES:
                raise InvalidInput("This text cannot be read by the model.")
            room = -n_tokens

    def bos_text(self) -> str:
        token = int(self._api.llama_vocab_bos(self._pointer))
        return "" if token == _NO_TOKEN else self.token_text(token)

    def eos_text(self) -> str:
        token = int(self._api.llama_vocab_eos(self._pointer))
        return "" if token == _NO_TOKEN else self.token_text(token)


class Leases:
    """Counts who is reading the vocabulary. Freeing closes the door and waits for the rest."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._vocabulary: Vocabulary | None = None
        self._n_held = 0

    @contextmanager
    def hold(self) -> Iterator[Vocabulary]:
        """The vocabulary, which stays valid inside the block. Raises ModelError if none is."""
        with self._condition:
            vocabulary = self._vocabulary
            if vocabulary is None:
                raise ModelError("No model is loaded.", "", "Load one first.")
            self._n_held += 1
        try:
            yield vocabulary
        finally:
            with self._condition:
                self._n_held -= 1
                self._condition.notify_all()

    def open(self, vocabulary: Vocabulary) -> None:
        with self._condition:
            self._vocabulary = vocabulary

    def close(self) -> None:
        """Refuse new leases at once."""
        with self._condition:
            self._vocabulary = None

    def wait(self, timeout_s: float) -> bool:
        """True when nobody holds a lease any more."""
        with self._condition:
            return self._condition.wait_for(lambda: self._n_held == 0, timeout_s)


class Model:
    """Weights in memory. Created and closed on the engine thread."""

    def __init__(
        self, library: Library, settings: LoadSettings, keep_going: Callable[[float], bool]
    ) -> None:
        """Raises RuntimeError where llama.cpp refuses, ModelUnsupported where we do."""
        self.handle = ModelHandle(library, settings, keep_going)
        self._api = library.api
        try:
            self._refuse_unsuitable()
            self.vocabulary = Vocabulary(library, self.handle.vocab)
        except BaseException:
            self.handle.close()
            raise
        self._tokens: dict[int, tuple[bytes, bool]] = {}
        pointer = self.handle.pointer
        self.is_recurrent = bool(
            self._api.llama_model_is_recurrent(pointer) or self._api.llama_model_is_hybrid(pointer)
        )
        self.n_swa = int(self._api.llama_model_n_swa(pointer))
        self.n_layers = int(self._api.llama_model_n_layer(pointer))
        self.n_ctx_train = int(self._api.llama_model_n_ctx_train(pointer))

    def token(self, token: int) -> tuple[bytes, bool]:
        """The bytes of a token and whether it ends the answer; remembered."""
        known = self._tokens.get(token)
        if known is None:
            known = self.vocabulary.piece(token), self.vocabulary.is_end(token)
            self._tokens[token] = known
        return known

    def meta(self, key: str) -> str:
        """A scalar from the file's metadata as text, "" where it is missing."""
        return self._text(
            lambda buffer, size: self._api.llama_model_meta_val_str(
                self.handle.pointer, key.encode("utf-8"), buffer, size
            )
        )

    def description(self) -> str:
        return self._text(
            lambda buffer, size: self._api.llama_model_desc(self.handle.pointer, buffer, size)
        )

    def chat_template(self) -> str | None:
        template = self._api.llama_model_chat_template(self.handle.pointer, None)
        return None if template is None else bytes(template).decode("utf-8", "replace")

    def close(self) -> None:
        self.handle.close()

    def _text(self, ask: Callable[[Any, int], int]) -> str:
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            n_bytes = int(ask(buffer, size))
            if n_bytes < size:
                return buffer.value.decode("utf-8", "replace") if n_bytes > 0 else ""
            size = n_bytes + 1

    def _refuse_unsuitable(self) -> None:
        pointer = self.handle.pointer
        remedy = "Choose a chat model."
        if self._api.llama_vocab_n_tokens(self.handle.vocab) <= 0:
            raise ModelUnsupported("This file has no vocabulary.", "It cannot read text.", remedy)
        if self._api.llama_model_has_encoder(pointer):
            raise ModelUnsupported(
                "This model cannot chat.",
                "It translates a whole text at once (an encoder).",
                remedy,
            )
        if self._api.llama_model_is_diffusion(pointer):
            raise ModelUnsupported(
                "This model cannot chat.",
                "It refines a whole text at once (a diffusion model).",
                remedy,
            )
