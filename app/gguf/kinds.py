"""What a GGUF file is for: a chat model, an embedding model, or a part of something else.

Decided from the header alone, in the way the runtime itself tells them apart.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from app.gguf.architectures import DIFFUSION, RECURRENT, WITHOUT_MEMORY
from app.gguf.header import Header

Kind = Literal["chat", "embedding", "vocabulary", "projector", "adapter", "other"]


class Purpose(NamedTuple):
    """The kind, and what the file is in plain words ("an image projector")."""

    kind: Kind
    words: str


_DRAFTS = frozenset({"eagle3", "dflash", "gemma4-assistant"})
_SPEECH = frozenset({"wavtokenizer-dec", "pockettts", "qwen3tts"})
_ENCODERS = WITHOUT_MEMORY - DIFFUSION - _SPEECH | {"t5encoder", "llama-embed"}


def purpose_of(header: Header) -> Purpose:
    """The kind of a header. Splitting a model into several files does not change its kind."""
    architecture = header.architecture
    general_type = header.text("general.type") or "model"
    if architecture == "clip" or general_type in ("mmproj", "clip-vision"):
        return Purpose("projector", "an image or sound projector that belongs to another model")
    if general_type == "adapter" or "adapter.type" in header.metadata:
        return Purpose("adapter", "an adapter (LoRA) that changes another model")
    if architecture == "controlvector":
        return Purpose("adapter", "a control vector that steers another model")
    if general_type == "imatrix" or "imatrix.datasets" in header.metadata:
        return Purpose("other", "an importance matrix, used when models are made smaller")
    if not header.tensors and n_splits(header) <= 1:
        return Purpose("vocabulary", "only the vocabulary of a model, without its weights")
    return _of_model(header, architecture)


def n_splits(header: Header) -> int:
    """How many files the model is spread over (1: this one only)."""
    return max(1, header.whole("split.count", 1))


def split_index(header: Header) -> int:
    """Which of the files this is, from 0."""
    return header.whole("split.no", 0)


def _of_model(header: Header, architecture: str) -> Purpose:
    if architecture in _DRAFTS:
        return Purpose("other", "a draft model that speeds up another one")
    if architecture in _SPEECH:
        return Purpose("other", "a speech model")
    if architecture in DIFFUSION:
        return Purpose("other", "a diffusion model, which does not write from left to right")
    if architecture == "t5":
        return Purpose("other", "an encoder-decoder model, as used for translating")
    if header.text("tokenizer.ggml.model") in ("none", "no_vocab"):
        return Purpose("other", "a model without a vocabulary, which cannot read text")
    pooled = 0 < header.whole(header.own("pooling_type")) <= 4
    causal = header.flag(header.own("attention.causal"))
    if architecture in _ENCODERS or pooled or (causal is False and architecture not in RECURRENT):
        return Purpose("embedding", "an embedding model, which measures likeness of texts")
    return Purpose("chat", "a language model")
