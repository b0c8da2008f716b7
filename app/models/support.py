"""Whether the runtime that ships can load a model, told from its header alone: before a download
and before a load, in words.

Compares names with what llama.cpp was built with (`app.gguf.architectures`, held by tests against
its source and the loaded library). Pure; whether a file is damaged is `app.gguf.check`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.foundation.errors import ModelUnsupported
from app.gguf.architectures import PRE_TOKENIZERS, SUPPORTED, TOKENIZERS
from app.gguf.check_tensors import TABLE_TYPES
from app.gguf.header import Header
from app.gguf.kinds import purpose_of, split_index

UPDATE: Final = "Update Hearth, or choose another model."
_WITH_PRE: Final = frozenset({"gpt2", "hybriddna", "whitespace"})
_MERGED: Final = ("v.", "mm.")
"""How tensors of a projector begin. llama.cpp takes no file that has more tensors than it knows."""


@dataclass(frozen=True, slots=True)
class Supported:
    """Names that a runtime knows, as they stand in headers."""

    architectures: frozenset[str]
    tensor_types: frozenset[str]
    tokenizers: frozenset[str]
    pre_tokenizers: frozenset[str]
    versions: frozenset[int] = frozenset({2, 3})


RUNTIME: Final = Supported(SUPPORTED, TABLE_TYPES, TOKENIZERS, PRE_TOKENIZERS)
"""The llama.cpp that Hearth is built with."""


def problem_of(header: Header, supported: Supported = RUNTIME) -> ModelUnsupported | None:
    """Why the runtime could not load a model with this header, or None if nothing speaks against
    it. A light header, or that of one part of a split model, will do."""
    if header.version not in supported.versions:
        return _newer(f"It has version {header.version} of the GGUF format.")
    if purpose_of(header).kind in ("projector", "adapter"):
        return None  # another library's, or a part of a model
    return _architecture(header, supported) or _types(header, supported) or _text(header, supported)


def _architecture(header: Header, supported: Supported) -> ModelUnsupported | None:
    name = header.architecture
    if (not name and split_index(header) > 0) or name in supported.architectures:
        return None
    if not name or "imatrix.datasets" in header.metadata:
        return None  # said by its kind, or by the check of the file
    return ModelUnsupported(
        "This kind of model is not known to this version of Hearth.",
        f"Its architecture is “{name[:60]}”.",
        UPDATE,
    )


def _types(header: Header, supported: Supported) -> ModelUnsupported | None:
    for tensor in header.tensors:
        if tensor.type_name not in supported.tensor_types:
            return _newer(f"It holds numbers of the type {tensor.type_name}.")
    if any(tensor.name.startswith(_MERGED) for tensor in header.tensors):
        return ModelUnsupported(
            "This file can only be used by the program that made it.",
            "It holds a language model and its image projector in one, which llama.cpp does not "
            "load; the two are separate files elsewhere.",
            "Get the model from Hugging Face instead.",
        )
    return None


def _text(header: Header, supported: Supported) -> ModelUnsupported | None:
    model = header.text("tokenizer.ggml.model")
    if model is not None and model not in supported.tokenizers:
        return _newer(f"Its tokenizer is “{model[:60]}”.")
    pre = header.text("tokenizer.ggml.pre")
    if pre and model in _WITH_PRE and pre not in supported.pre_tokenizers:
        return _newer(f"Its pre-tokenizer is “{pre[:60]}”.")
    return None


def _newer(detail: str) -> ModelUnsupported:
    return ModelUnsupported(
        "This model needs a newer version of Hearth.",
        f"{detail} This version does not know it.",
        UPDATE,
    )
