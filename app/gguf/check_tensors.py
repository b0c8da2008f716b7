"""Whether the tensor table fits the numbers of the header: types by role, layers, widths.

llama.cpp compares shapes itself and refuses cleanly; it does not look at types, and computes
with whatever it is given. Roles are those of its LLM_TENSOR_INFOS. Pure.
"""

from __future__ import annotations

import re

from app.gguf.header import Header, Strings, TensorInfo
from app.gguf.layers import head_width, layers_of, per_layer
from app.gguf.reader import invalid

#: What the processor backend can multiply with or look rows up in.
WEIGHT_TYPES = frozenset(
    {
        *("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4", "NVFP4"),
        *("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "TQ1_0", "TQ2_0", "Q1_0", "Q2_0"),
        *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"),
        *("IQ4_NL", "IQ4_XS"),
    }
)
TENSOR_ALIGNMENT = 32  # ggml-backend.cpp, ggml_backend_cpu_buffer_from_ptr
TABLE_TYPES = WEIGHT_TYPES | {"I32", "I64"}

#: Roles that are added, multiplied, scanned or turned with: always single precision.
_SINGLE = re.compile(
    r"(?:.*_norm(?:_[a-z0-9]+)?|.*\.(?:norm\d?|k_norm|q_norm|enorm|hnorm|shared_head_norm)"
    r"|rope_freqs|rope_factors_long|rope_factors_short|token_types"
    r"|ssm_a|ssm_d|ssm_conv1d|shortconv\.conv|attn_sinks|layer_output_scale|exp_probs_b"
    r"|post_norm)(?:\.weight|\.bias)?\Z"
)
_BLOCK = re.compile(r"blk\.(\d+)\.(.+)\Z")
_TABLES = frozenset({"d2t", "ffn_gate_tid2eid.weight", "ffn_gate_tid2eid", "d2t.weight"})
_T5_TABLE = "enc.blk.0.attn_rel_b.weight"  # shared by all layers, and used without asking
_NO_OWN_LAYERS = frozenset({"t5", "t5encoder", "wavtokenizer-dec", "hrm_text", "pockettts"})


def check_types(header: Header) -> None:
    """Refuse tensors of a type that their role cannot be computed with, or not aligned for it."""
    for tensor in header.tensors:
        # A mapped file is computed with in place; ggml asserts this of where a buffer starts.
        if (header.data_offset + tensor.offset) % TENSOR_ALIGNMENT:
            raise invalid(
                header.path,
                f"The tensor {tensor.name} does not start at a multiple of {TENSOR_ALIGNMENT} "
                "bytes.",
                "Choose another conversion of this model.",
            )
        match = _BLOCK.match(tensor.name)
        role = match.group(2) if match else tensor.name
        allowed = _allowed(role)
        if tensor.type_name not in allowed:
            raise invalid(
                header.path,
                f"The tensor {tensor.name} has the type {tensor.type_name}, which a model "
                "cannot have there.",
            )


def _allowed(role: str) -> frozenset[str]:
    if role.endswith((".bias", ".scale", ".input_scale")) or _SINGLE.match(role):
        return frozenset({"F32"})
    if role.startswith(("time_mix", "channel_mix", "hc_", "output_hc", "ple_")):
        return WEIGHT_TYPES
    return TABLE_TYPES if role in _TABLES else WEIGHT_TYPES


def check_layers(header: Header, n_layers: int) -> None:
    """Every declared layer must have tensors, and none may exist beyond them."""
    if header.architecture in ("t5", "t5encoder") and _T5_TABLE not in header.by_name:
        raise invalid(header.path, f"The tensor {_T5_TABLE} is missing.")
    if header.architecture in _NO_OWN_LAYERS:
        return
    present = {
        int(match.group(1)) for tensor in header.tensors if (match := _BLOCK.match(tensor.name))
    }
    needed = n_layers - header.whole(header.own("nextn_predict_layers"))
    heads = per_layer(header, "attention.head_count", n_layers)
    feed = per_layer(header, "feed_forward_length", n_layers)
    for layer in range(needed):
        skipped = header.architecture == "deci" and not heads[layer] and not feed[layer]
        if layer not in present and not skipped:
            raise invalid(
                header.path, f"It should have {n_layers} layers, but layer {layer} is missing."
            )
    for name in header.by_name:
        if name.endswith(".ssm_conv1d.weight") and header.architecture in _BIASED:
            bias = name.removesuffix("weight") + "bias"
            if bias not in header.by_name:
                raise invalid(header.path, f"The tensor {bias} is missing.")
    if present and max(present) >= n_layers:
        raise invalid(
            header.path,
            f"It should have {n_layers} layers, but there is a tensor of layer {max(present)}.",
        )


#: Loaded as if this bias were optional, and computed with as if it were not (mamba-base.cpp).
_BIASED = frozenset({"falcon-h1", "granitehybrid", "nemotron_h", "nemotron_h_moe"})
_OTHER_OUTPUT = frozenset({"deepseek4", "wavtokenizer-dec", "gemma4-assistant", "dflash", "eagle3"})

#: Role -> what each dimension must be, by name; None means any. Row width first.
_SHAPES: dict[str, tuple[str | None, ...]] = {
    "attn_norm.weight": ("width",),
    "ffn_norm.weight": ("width",),
    "attn_q.weight": ("width", None),
    "attn_k.weight": ("width", None),
    "attn_v.weight": ("width", None),
    "attn_qkv.weight": ("width", None),
    "attn_output.weight": (None, "width"),
    "ffn_gate.weight": ("width", None),
    "ffn_up.weight": ("width", None),
    "ffn_down.weight": (None, "width"),
    "ffn_gate_inp.weight": ("width", "experts"),
    "ffn_gate_exps.weight": (None, None, "experts"),
    "ffn_up_exps.weight": (None, None, "experts"),
    "ffn_down_exps.weight": (None, None, "experts"),
}


def check_shapes(header: Header) -> None:
    """Embedding, output, norms, attention and feed-forward must have the declared widths."""
    width = header.whole(header.own("embedding_length"))
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    sizes = {"width": width, "experts": header.whole(header.own("expert_count"))}
    if isinstance(tokens, Strings):
        sizes["tokens"] = len(tokens)
    for name in ("token_embd.weight", "output.weight"):
        if header.architecture not in _NO_OWN_LAYERS and name in header.by_name:
            _check_shape(header, header.by_name[name], ("width", "tokens"), sizes)
    for tensor in header.tensors:
        match = _BLOCK.match(tensor.name)
        wanted = _SHAPES.get(match.group(2)) if match else None
        if wanted is not None:
            _check_shape(header, tensor, wanted, sizes)
    _check_attention(header)
    _check_feed_forward(header)
    _check_output_width(header, width)


def _check_attention(header: Header) -> None:
    """Heads times their width must be what the projections have (all but latent attention)."""
    n_all = header.whole(header.own("block_count"))
    n_layers = n_all - header.whole(header.own("nextn_predict_layers"))
    heads = per_layer(header, "attention.head_count", n_all)
    kv_heads = heads
    if header.own("attention.head_count_kv") in header.metadata:
        kv_heads = per_layer(header, "attention.head_count_kv", n_all)
    layers = layers_of(header, n_layers)
    for layer in range(n_layers):
        block = f"blk.{layer}"
        latent = any(f"{block}.{name}.weight" in header.by_name for name in _LATENT)
        if latent or (layers.recurrent[layer] and not layers.cached[layer]):
            continue
        swa = "_swa" if layers.windowed[layer] else ""
        keys = head_width(header, f"key_length{swa}")
        values = head_width(header, f"value_length{swa}")
        queries = heads[layer] * keys
        for name, place, allowed in (
            ("attn_q", 1, (queries, 2 * queries)),  # twice: with a gate for each
            ("attn_k", 1, (kv_heads[layer] * keys,)),
            ("attn_v", 1, (kv_heads[layer] * values,)),
            ("attn_output", 0, (heads[layer] * values,)),
        ):
            tensor = header.by_name.get(f"{block}.{name}.weight")
            if tensor is None or len(tensor.shape) < 2 or tensor.shape[place] in allowed:
                continue
            raise invalid(
                header.path,
                f"The tensor {tensor.name} is {' x '.join(map(str, tensor.shape))}, which is not "
                f"{heads[layer]} heads ({kv_heads[layer]} for keys and values) of {keys}.",
            )


def _check_feed_forward(header: Header) -> None:
    if header.architecture in _OTHER_FEED:
        return
    n_all = header.whole(header.own("block_count"))
    feed = per_layer(header, "feed_forward_length", n_all)
    for layer in range(n_all - header.whole(header.own("nextn_predict_layers"))):
        for name, place, factors in (
            ("ffn_gate", 1, (1,)),
            ("ffn_up", 1, (1, 2)),  # twice: fused with the gate
            ("ffn_down", 0, (1,)),
        ):
            tensor = header.by_name.get(f"blk.{layer}.{name}.weight")
            if tensor is None or len(tensor.shape) < 2 or not feed[layer]:
                continue
            if tensor.shape[place] not in [factor * feed[layer] for factor in factors]:
                raise invalid(
                    header.path,
                    f"The tensor {tensor.name} is {' x '.join(map(str, tensor.shape))}; the "
                    f"header says {feed[layer]:,} for its feed-forward.",
                )


_OTHER_FEED = frozenset({"arctic", "qwen"})  # a dense part as wide as the model; half the length
_LATENT = ("attn_q_a", "attn_q_b", "attn_kv_a_mqa", "attn_kv_b", "attn_k_b")


def _check_output_width(header: Header, width: int) -> None:
    stated = header.whole(header.own("embedding_length_out"))
    if stated in (0, width) or any(name.startswith("dense_2") for name in header.by_name):
        return
    if header.architecture not in _OTHER_OUTPUT:
        raise invalid(
            header.path, f"It should turn a width of {width:,} into {stated:,}, but has no means."
        )


def _check_shape(
    header: Header, tensor: TensorInfo, wanted: tuple[str | None, ...], sizes: dict[str, int]
) -> None:
    expected = tuple(sizes.get(name) if name else None for name in wanted)
    shape = tensor.shape + (1,) * (len(expected) - len(tensor.shape))
    while len(shape) > len(expected) and shape[-1] == 1:
        shape = shape[:-1]
    fits = len(shape) == len(expected) and all(
        want is None or have == want for have, want in zip(shape, expected, strict=True)
    )
    if not fits:
        have = " x ".join(map(str, tensor.shape))
        want = " x ".join("?" if size is None else str(size) for size in expected)
        raise invalid(header.path, f"The tensor {tensor.name} is {have}; the header says {want}.")
