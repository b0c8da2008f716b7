"""Which type each tensor has in a file of a given quant: "Q4_K_M" is a mix, not a type.

Follows llama_tensor_get_type in llama.cpp's src/llama-quant.cpp for the mixes that catalogues
list. Pure. A label it does not know has no mix; publishers' own ("UD-…") least of all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.gguf.header import TensorInfo
from app.gguf.types import BY_NAME
from app.models.layout import Row

#: The type that most tensors of a mix have (llama_ftype_get_default_type).
_BASE = {
    "F32": "F32",
    "F16": "F16",
    "BF16": "BF16",
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q5_K_S": "Q5_K",
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q4_0": "Q4_0",
    "IQ4_NL": "IQ4_NL",
    "IQ4_XS": "IQ4_XS",
    "Q3_K_M": "Q3_K",
    "MXFP4": "MXFP4",
    "MXFP4_MOE": "MXFP4",
}
_WIDE = frozenset({"F32", "F16", "BF16"})
#: Where a row is no multiple of a type's block (tensor_type_fallback).
_FALLBACK = {
    "IQ4_XS": "IQ4_NL",
    "Q3_K": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
#: Parts of names of tensors that are never quantized (tensor_allows_quantization).
_KEPT = (
    "_norm",
    "ffn_gate_inp.",
    "ffn_gate_tid2eid.",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "ssm_conv1d",
    "shortconv.conv.",
    "indexer.k_proj.",
    "indexer.q_proj.",
    "attn_rel_b.",
    *(f"time_mix_{name}." for name in ("first", "w0", "w1", "w2", "v0", "v1", "v2")),
    *(f"time_mix_{name}." for name in ("a0", "a1", "a2", "g1", "g2", "decay_w1", "decay_w2")),
    "time_mix_lerp_fused.",
)
#: Mixes that give more to the output of attention where there are eight experts.
_MORE_OUTPUT = frozenset({"Q3_K_M", "IQ4_NL", "IQ4_XS", "Q4_K_S", "Q4_K_M"})
_KEPT_WHOLE = frozenset({"position_embd.weight", "token_types.weight"})
_LAYER = re.compile(r"blk\.(\d+)\.")


def knows(quant: str) -> bool:
    """Whether the mix of this label is known."""
    return quant in _BASE


def types_of(quant: str, rows: list[Row], n_layers: int, n_gqa: int, n_expert: int) -> list[str]:
    """The type of each row, in order. Raises KeyError for a label that is not known.

    `n_gqa` is how many query heads share a key head.
    """
    mixer = _Mixer(quant, rows, n_layers, n_gqa, n_expert)
    return [mixer.type_of(name, shape) for name, shape in rows]


def retyped(
    quant: str, tensors: Sequence[TensorInfo], n_layers: int, n_gqa: int, n_expert: int
) -> dict[str, str]:
    """The type of each tensor, by name, once llama.cpp has quantized a file of these.

    What is never quantized keeps the type it has. Raises KeyError for a label not known.
    """
    ordered = sorted(tensors, key=lambda tensor: _place(tensor.name))
    rows = [(tensor.name, _trimmed(tensor.shape)) for tensor in ordered]
    types = types_of(quant, rows, n_layers, n_gqa, n_expert)
    return {
        tensor.name: tensor.type_name if _is_kept(*row) else kind
        for tensor, row, kind in zip(ordered, rows, types, strict=True)
    }


def _place(name: str) -> tuple[int, str]:
    """The order in which llama.cpp goes through tensors (weight_name_comparer)."""
    match = _LAYER.match(name)
    return (int(match[1]) if match else -1, name)


def _trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without sizes of one at the end, which do not count as dimensions (ggml_n_dims)."""
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _is_kept(name: str, shape: tuple[int, ...]) -> bool:
    return (
        len(shape) < 2
        or not name.endswith("weight")
        or name in _KEPT_WHOLE
        or any(part in name for part in _KEPT)
    )


class _Mixer:
    """The rules, and the counters that some of them go by."""

    def __init__(
        self, quant: str, rows: list[Row], n_layers: int, n_gqa: int, n_expert: int
    ) -> None:
        self._quant = quant
        self._base = _BASE[quant]
        self._n_layers = n_layers
        self._n_gqa = n_gqa
        self._n_expert = n_expert
        names = [name for name, _ in rows]
        self._tied = "output.weight" not in names
        self._n_values = sum(_is_value(name) for name in names)
        self._values = 0
        self._downs = 0

    def type_of(self, name: str, shape: tuple[int, ...]) -> str:
        if "per_layer_model_proj" in name:
            return "BF16"  # kept as the converter wrote it
        if _is_kept(name, shape):
            return "F32"
        if self._base in _WIDE:
            return self._base
        return _fitting(self._chosen(name, shape), shape[0])

    def _chosen(self, name: str, shape: tuple[int, ...]) -> str:
        is_input = name in ("token_embd.weight", "per_layer_token_embd.weight")
        if name == "output.weight" or (self._tied and is_input):
            return "Q8_0" if self._base in ("Q8_0", "MXFP4") else "Q6_K"
        if self._base == "MXFP4":
            return "MXFP4" if len(shape) > 2 and "_exps" in name else "Q8_0"
        if is_input:
            return self._base
        if _is_value(name):
            return self._value(name)
        if "ffn_down" in name:
            return self._down(name)
        if "attn_k.weight" in name and self._n_expert == 8:
            return "Q8_0"
        if "attn_output.weight" in name:
            if self._n_expert == 8:
                return "Q5_K" if self._quant in _MORE_OUTPUT else self._base
            return "Q4_K" if self._quant == "Q3_K_M" else self._base
        return self._base

    def _value(self, name: str) -> str:
        place = self._values
        self._values += 1
        if self._n_expert == 8:
            return "Q8_0"
        if self._quant == "Q3_K_M":
            return "Q5_K" if place < 2 else "Q4_K"
        if self._base in ("IQ4_NL", "IQ4_XS") and self._n_gqa >= 4:
            return "Q5_K"
        if self._quant in ("Q4_K_M", "Q5_K_M") and _more(place, self._n_values):
            return "Q6_K"
        if self._quant == "Q4_K_S" and place < 4:
            return "Q5_K"
        if self._n_layers == 80 and self._base in ("Q4_K", "Q3_K"):
            return "Q5_K"
        return self._base

    def _down(self, name: str) -> str:
        place = self._downs
        self._downs += 1
        if self._n_expert > 1:
            place = int(name.split(".")[1])
        if self._quant == "Q3_K_M":
            return "Q5_K" if place < self._n_layers // 16 else "Q4_K"
        if self._quant in ("Q4_K_M", "Q5_K_M") and _more(place, self._n_layers):
            return "Q6_K"
        early = place < self._n_layers // 8
        if early and self._quant in ("Q4_K_S", "IQ4_NL", "IQ4_XS"):
            return "Q5_K"
        return self._base


def _is_value(name: str) -> bool:
    return any(part in name for part in ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight"))


def _more(place: int, count: int) -> bool:
    """use_more_bits: the first and last eighth, and every third in between."""
    eighth = count // 8
    return place < eighth or place >= 7 * count // 8 or (place - eighth) % 3 == 2


def _fitting(name: str, width: int) -> str:
    if width % BY_NAME[name].block == 0:
        return name
    name = _FALLBACK.get(name, "F16")
    return name if width % BY_NAME[name].block == 0 else "F16"
