"""From an entry of the catalogue to a planner's facts, without a file: a header of its numbers.

Layers and their memory follow the same code as a real header's; weights are the file's bytes,
shared out by the shapes of the architecture. Pure; nothing here was downloaded.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from app.foundation.errors import ModelUnsupported
from app.gguf.facts import ModelFacts
from app.gguf.facts import facts_of as header_facts
from app.gguf.header import Header, TensorInfo
from app.gguf.types import FILE_TYPES, row_bytes
from app.models.entries import Entry, File, HeaderNumbers
from app.models.layout import Row, layout_of
from app.models.mixes import knows, types_of

ALIGNMENT: Final = 32
_HEADER_BYTES_A_TOKEN: Final = 50
"""Where a header's length is not known: 31 to 64 bytes a token of the vocabulary are usual."""
_SAME: Final = 0.002
"""A mix within this share of the file's bytes is taken as it is."""
#: What llama.cpp asks of a header besides; changes no size.
_NEEDED: Final[dict[str, dict[str, Any]]] = {
    "": {"attention.layer_norm_rms_epsilon": 1e-6, "attention.layer_norm_epsilon": 1e-6},
    "lfm2moe": {"expert_gating_func": 2},
    "granite": {"logit_scale": 1.0},
    "qwen35": {"rope.dimension_sections": array("i", (11, 11, 10, 0))},
    "qwen35moe": {"rope.dimension_sections": array("i", (11, 11, 10, 0))},
}
_NUMBERS = {label: number for number, label in FILE_TYPES.items()} | {"MXFP4": 38}


@dataclass(frozen=True, slots=True)
class Foretold:
    """A header that was not read. `is_exact` says that its tensors add up to the file's bytes,
    so that a file of the same layout can be made of it; otherwise they were scaled."""

    header: Header
    is_exact: bool


@lru_cache(maxsize=1024)
def facts_of(entry: Entry, file: File) -> ModelFacts:
    """The facts of a file of the catalogue, from the catalogue's numbers alone.

    Raises ModelUnsupported where the entry names no architecture.
    """
    facts = header_facts(foretold(entry, file).header)
    return replace(facts, quant=file.quant, file_bytes=file.bytes)


def unusable(entry: Entry, file: File) -> str:
    """Why no plan can be made from these numbers, as a sentence; "" where one can."""
    try:
        facts_of(entry, file)
        missing = [t.name for t in foretold(entry, file).header.tensors if t.n_bytes <= 0]
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        return "the numbers of its header describe no model."
    return f"no bytes are left for {missing[0]}." if missing else ""


@lru_cache(maxsize=4)  # headers are large, and facts of them are kept
def foretold(entry: Entry, file: File) -> Foretold:
    """The header that the file should have, less its vocabulary and template.

    Raises ModelUnsupported where the entry names no architecture.
    """
    numbers = entry.header
    if numbers is None:
        raise ModelUnsupported(
            f"Nothing is known of how {entry.name} is built.",
            "The catalogue has its files but not the numbers of its architecture.",
            "Plan it while connected: the header of the file itself is read then.",
        )
    empty = _header(entry, numbers, file, ())
    rows = layout_of(empty, tied=numbers.tied, keys_as_values=numbers.keys_as_values)
    tensors = _tensors(rows, _types(rows, numbers, file))
    counted = sum(_aligned(tensor.n_bytes) for tensor in tensors)
    expected = file.bytes - header_bytes(numbers)
    is_exact = counted < file.bytes and abs(counted - expected) <= _SAME * file.bytes
    if not is_exact:
        tensors = _scaled(tensors, expected)
    return Foretold(_header(entry, numbers, file, tensors), is_exact)


def header_bytes(numbers: HeaderNumbers) -> int:
    """How long the header of a file is, known or estimated."""
    return numbers.bytes or _HEADER_BYTES_A_TOKEN * int(numbers.keys["vocab_size"])


def _header(
    entry: Entry, numbers: HeaderNumbers, file: File, tensors: tuple[TensorInfo, ...]
) -> Header:
    metadata: dict[str, Any] = {
        "general.architecture": numbers.architecture,
        "general.name": entry.name,
    }
    keys = _NEEDED[""] | _NEEDED.get(numbers.architecture, {}) | dict(numbers.keys)
    metadata |= {f"{numbers.architecture}.{key}": value for key, value in keys.items()}
    if file.quant in _NUMBERS:
        metadata["general.file_type"] = _NUMBERS[file.quant]
    return Header(
        path=file.name,
        version=3,
        metadata=metadata,
        types={},
        tensors=tensors,
        alignment=ALIGNMENT,
        data_offset=header_bytes(numbers),
        file_bytes=file.bytes,
    )


def _types(rows: list[Row], numbers: HeaderNumbers, file: File) -> list[str]:
    keys = numbers.keys
    kv_heads = keys.get("attention.head_count_kv", keys["attention.head_count"])
    heads, most = keys["attention.head_count"], kv_heads
    if not isinstance(most, int):
        most = max(most)
    types = types_of(
        _mix_of(file.quant),
        rows,
        keys["block_count"],
        heads // max(1, most),
        keys.get("expert_count", 0),
    )
    named = {f"{name}.weight": kind for name, kind in file.types.items()}
    return [named.get(name, kind) for (name, _), kind in zip(rows, types, strict=True)]


def _mix_of(quant: str) -> str:
    """The known mix nearest to a label: publishers' own are scaled to their bytes anyway."""
    plain = quant.removeprefix("UD-")
    for name in (plain, plain.replace("_XL", "_M"), f"{plain}_M"):
        if knows(name):
            return name
    if plain.startswith("Q3"):
        return "Q3_K_M"
    return "IQ4_XS" if plain.startswith("IQ") else "Q4_K_M"


def _tensors(rows: list[Row], types: list[str]) -> tuple[TensorInfo, ...]:
    tensors, offset = [], 0
    for (name, shape), kind in zip(rows, types, strict=True):
        n_rows = 1
        for size in shape[1:]:
            n_rows *= size
        n_bytes = row_bytes(kind, shape[0]) * n_rows
        tensors.append(TensorInfo(name, kind, shape, offset, n_bytes))
        offset += _aligned(n_bytes)
    return tuple(tensors)


def _scaled(tensors: tuple[TensorInfo, ...], expected: int) -> tuple[TensorInfo, ...]:
    """With the layers' weights made larger or smaller, so that all add up to the file."""
    fixed = sum(tensor.n_bytes for tensor in tensors if not _is_scaled(tensor))
    factor = (expected - fixed) / sum(t.n_bytes for t in tensors if _is_scaled(t))
    return tuple(
        replace(tensor, n_bytes=round(tensor.n_bytes * factor)) if _is_scaled(tensor) else tensor
        for tensor in tensors
    )


def _is_scaled(tensor: TensorInfo) -> bool:
    return tensor.name.startswith("blk.") and tensor.type_name != "F32"


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT
