"""Whether the vocabulary of a header is whole: lists, byte tokens, merges, special tokens.

A vocabulary that lacks a byte, or names a token twice, takes the process down when somebody
types the wrong character. Pure; decodes no text it need not.
"""

from __future__ import annotations

import re
from array import array

from app.foundation.errors import ModelUnsupported
from app.gguf.architectures import PRE_TOKENIZERS, TOKENIZERS
from app.gguf.charsmap import charsmap_fault
from app.gguf.header import Header, Strings
from app.gguf.reader import invalid

MAX_TOKENS = 1 << 21
MAX_TOKEN_BYTES = 1 << 16
MAX_TEMPLATE_BYTES = 1 << 22
BYTE_TYPE = 6

_BYTE_TOKEN = re.compile(rb"<0x[0-9A-Fa-f]{2}>\Z")
_WITHOUT_LIST = ("none", "no_vocab")
_WITH_MERGES = ("gpt2", "gemma4", "hybriddna", "whitespace")
#: Ids without which a model cannot be used; the others are ignored by llama.cpp when too large.
_NEEDED_IDS = ("bos", "eos", "unknown")
#: The ids llama.cpp assumes where a file names none (llama_vocab::impl::load).
_DEFAULT_IDS: dict[str, dict[str, int]] = {
    "llama": {"bos": 1, "eos": 2},
    "plamo2": {"bos": 1, "eos": 2},
    "bert": {"bos": 101, "seperator": 102},
    "gpt2": {"bos": 11, "eos": 11},
    "hybriddna": {"bos": 11, "eos": 11},
    "whitespace": {"bos": 11, "eos": 11},
    "t5": {"eos": 1},
}
_NO_ID = 0xFFFFFFFF
_FLAGS = (
    "add_bos_token",
    "add_eos_token",
    "add_sep_token",
    "add_space_prefix",
    "remove_extra_whitespaces",
)


def check_tokenizer(header: Header) -> None:
    """Refuse a vocabulary that is damaged, or that llama.cpp cannot read text with."""
    model = header.text("tokenizer.ggml.model")
    if model is None:
        raise invalid(header.path, "Its header does not say which tokenizer it uses.")
    if model not in TOKENIZERS:
        raise _unsupported("tokenizer", model)
    if model in _WITHOUT_LIST:
        return
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, Strings) or not 1 <= len(tokens) <= MAX_TOKENS:
        raise invalid(header.path, "Its vocabulary is missing or not a list of texts.")
    _check_tokens(header, tokens.raw)
    types = _check_lists(header, len(tokens))
    _check_bytes(header, model, tokens.raw, types)
    if model in _WITH_MERGES:
        _check_merges(header)
    if model == "t5":
        _check_charsmap(header)
    if model == "rwkv" and not any(text.startswith((b"\\n", b"\n")) for text in tokens.raw):
        raise invalid(header.path, "Its vocabulary has no token for a new line.")
    _check_specials(header, len(tokens))
    _check_added(header, model, len(tokens))


def _unsupported(what: str, name: str) -> ModelUnsupported:
    return ModelUnsupported(
        f"The {what} of this model is not known to this version of Hearth.",
        f"The file names the {what} “{name[:60]}”.",
        "Update Hearth, or choose another model.",
    )


def _check_tokens(header: Header, tokens: list[bytes]) -> None:
    if max(map(len, tokens)) > MAX_TOKEN_BYTES:
        raise invalid(header.path, "One of its tokens is longer than 64 kB.")
    distinct = set(tokens)
    n_empty = tokens.count(b"") if b"" in distinct else 0
    # llama.cpp names an empty token after its place, so several may be empty.
    named = {b"[EMPTY_%d]" % place for place, text in enumerate(tokens) if not text}
    if len(distinct) - bool(n_empty) + n_empty != len(tokens) or named & distinct:
        raise invalid(header.path, "Its vocabulary has the same token twice.")


def _check_lists(header: Header, n_tokens: int) -> array[int] | None:
    """The lists beside the tokens must be as long and of the right type; returns the types."""
    for key, kinds in (
        ("tokenizer.ggml.scores", ("[f32]", "[i32]")),
        ("tokenizer.ggml.token_type", ("[i32]",)),
    ):
        value = header.metadata.get(key)
        if value is None:
            continue
        if header.types[key] not in kinds or not isinstance(value, array):
            raise invalid(header.path, f"The list {key} has elements of the wrong type.")
        if len(value) != n_tokens:
            raise invalid(
                header.path, f"The list {key} has {len(value):,} entries for {n_tokens:,} tokens."
            )
    scores = header.metadata.get("tokenizer.ggml.scores")
    if isinstance(scores, array) and any(score != score for score in scores):
        raise invalid(header.path, "One of its token scores is not a number.")
    types = header.metadata.get("tokenizer.ggml.token_type")
    return array("i", (int(kind) for kind in types)) if isinstance(types, array) else None


def _check_bytes(header: Header, model: str, tokens: list[bytes], types: array[int] | None) -> None:
    byte_tokens = []
    if types is not None and BYTE_TYPE in types:
        byte_tokens = [text for text, kind in zip(tokens, types, strict=True) if kind == BYTE_TYPE]
    if byte_tokens and model in ("bert", "rwkv"):
        raise invalid(header.path, f"A vocabulary of type {model} cannot have byte tokens.")
    for text in byte_tokens:
        if not _BYTE_TOKEN.match(text):
            raise invalid(header.path, "One of its byte tokens does not name a byte.")
    if model != "llama":
        return
    known = set(tokens)
    missing = [
        byte
        for byte in range(256)
        if b"<0x%02X>" % byte not in known and bytes((byte,)) not in known
    ]
    # A byte of a character that the vocabulary lacks is looked up without a net.
    if missing:
        raise ModelUnsupported(
            "This model cannot read every text.",
            f"Its vocabulary lacks {len(missing)} of the 256 bytes, and the runtime would end "
            "at the first character that needs one of them.",
            "Choose another conversion of this model.",
        )


def _check_merges(header: Header) -> None:
    pre = header.metadata.get("tokenizer.ggml.pre")
    if pre is not None and not isinstance(pre, str):
        raise invalid(header.path, "The name of its pre-tokenizer is not text.")
    if pre and header.text("tokenizer.ggml.model") != "gemma4" and pre not in PRE_TOKENIZERS:
        raise _unsupported("pre-tokenizer", pre)
    merges = header.metadata.get("tokenizer.ggml.merges")
    if merges is None and pre == "kimi-k2":
        return
    if not isinstance(merges, Strings):
        raise invalid(header.path, "The merges of its vocabulary are missing or not texts.")
    # Only in byte-level vocabularies can no token hold a plain space.
    spare = 1 if header.text("tokenizer.ggml.model") == "gpt2" else 0
    for text in merges.raw:
        if not 0 < text.find(b" ", 1) < len(text) - spare:
            raise invalid(header.path, "One of its merges is not a pair of tokens.")


def _check_charsmap(header: Header) -> None:
    key = "tokenizer.ggml.precompiled_charsmap"
    if key not in header.metadata:
        return
    value = header.metadata[key]
    if header.types[key] not in ("[u8]", "[i8]") or not isinstance(value, array):
        raise invalid(header.path, f"The list {key} has elements of the wrong type.")
    if fault := charsmap_fault(value.tobytes()):
        raise invalid(header.path, fault)


def _check_added(header: Header, model: str, n_tokens: int) -> None:
    """A token that is put before or after every text must exist (asserted when text is read)."""
    pre = header.text("tokenizer.ggml.pre") or ""
    default = dict(_DEFAULT_IDS.get(model, {}))
    if pre in ("chatglm-bpe", "glm4", "glm5"):
        default.pop("bos", None)
    added = {
        "bos": model in ("llama", "bert", "gemma4"),
        "eos": model == "t5",
        "seperator": model == "bert",
    }
    names = [("bos", "bos"), ("eos", "eos")] if model in _DEFAULT_IDS or added["bos"] else []
    if model == "bert":
        names.append(("seperator", "sep"))
    for name, flag in names:
        stated = header.flag(f"tokenizer.ggml.add_{flag}_token")
        # Gemma 4 always begins with its first token, whatever the file says.
        if not (added[name] if stated is None or model == "gemma4" else stated):
            continue
        token = header.whole(f"tokenizer.ggml.{name}_token_id", n_tokens)
        if token >= n_tokens and default.get(name, n_tokens) >= n_tokens:
            raise invalid(header.path, f"Texts should get a {name} token, and there is none.")


def _check_specials(header: Header, n_tokens: int) -> None:
    prefix, suffix = "tokenizer.ggml.", "_token_id"
    for key, kind in header.types.items():
        if not (key.startswith(prefix) and key.endswith(suffix)):
            continue
        if kind != "u32":
            raise invalid(header.path, f"The value of {key} has the wrong type.")
        value = header.whole(key)
        needed = key[len(prefix) : -len(suffix)] in _NEEDED_IDS
        if needed and value >= n_tokens and value != _NO_ID:
            raise invalid(
                header.path, f"The value of {key} is {value:,}, but it has {n_tokens:,} tokens."
            )
    for flag in _FLAGS:
        if header.types.get(prefix + flag, "bool") != "bool":
            raise invalid(header.path, f"The value of {prefix}{flag} is not a yes or no.")
    template = header.metadata.get("tokenizer.chat_template", "")
    if not isinstance(template, str) or len(template) > MAX_TEMPLATE_BYTES:
        raise invalid(header.path, "Its chat template is not a text of a sensible length.")
