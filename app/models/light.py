"""Headers without the weight of a vocabulary. Pure."""

from __future__ import annotations

from array import array
from dataclasses import replace

from app.gguf.header import Header, Strings

_LISTS = "tokenizer."


def light(header: Header) -> Header:
    """The same with the size of its vocabulary in place of the vocabulary: kilobytes instead of
    megabytes, and the same facts. What it is tokenized with is still named."""
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    size_key = header.own("vocab_size")
    metadata = {
        key: value
        for key, value in header.metadata.items()
        if not (key.startswith(_LISTS) and isinstance(value, Strings | array))
    }
    if isinstance(tokens, Strings):
        metadata[size_key] = len(tokens)
    types = {key: kind for key, kind in header.types.items() if key in metadata}
    if size_key in metadata:
        types[size_key] = "u32"
    return replace(header, metadata=metadata, types=types)


def stripped(header: Header) -> Header:
    """The same with no tokenizer at all, as llama.cpp takes it for counting. Weights, KV and
    compute stay what they were; the memory of the vocabulary itself is gone."""
    small = light(header)
    metadata = {key: value for key, value in small.metadata.items() if not key.startswith(_LISTS)}
    metadata["tokenizer.ggml.model"] = "none"
    types = {key: kind for key, kind in small.types.items() if key in metadata}
    types["tokenizer.ggml.model"] = "text"
    return replace(small, metadata=metadata, types=types)
