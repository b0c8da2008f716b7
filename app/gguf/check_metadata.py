"""Whether the numbers of a header can describe a model: ranges, and how they fit together.

The bounds are those at which llama.cpp asserts (its src/llama-model.cpp, load_hparams), or far
beyond any real model. Pure; knows nothing of tensors or tokens.
"""

from __future__ import annotations

import math
from array import array

from app.gguf.architectures import (
    EQUAL_HEADS,
    TURNED_WHOLE,
    WITHOUT_MEMORY,
    WITHOUT_ROPE,
)
from app.gguf.header import Header
from app.gguf.layers import head_width, layers_of, per_layer
from app.gguf.reader import invalid

MAX_LAYERS = 512  # LLAMA_MAX_LAYERS
MAX_EXPERTS = 1024  # LLAMA_MAX_EXPERTS
MAX_CONTEXT = 1 << 24
MAX_WIDTH = 1 << 18

#: Whole numbers: key (without the architecture) -> smallest, largest sensible value.
WHOLE: dict[str, tuple[int, int]] = {
    "context_length": (1, MAX_CONTEXT),
    "embedding_length": (1, MAX_WIDTH),
    "embedding_length_out": (0, MAX_WIDTH),
    "block_count": (1, MAX_LAYERS),
    "vocab_size": (0, 1 << 22),
    "nextn_predict_layers": (0, MAX_LAYERS),
    "expert_gating_func": (0, 4),  # LLAMA_EXPERT_GATING_FUNC_TYPE_*
    "leading_dense_block_count": (0, 1 << 16),
    "expert_count": (0, MAX_EXPERTS),
    "expert_shared_count": (0, MAX_EXPERTS),
    "expert_group_count": (0, MAX_EXPERTS),
    "expert_group_used_count": (0, MAX_EXPERTS),
    "expert_shared_feed_forward_length": (0, 1 << 22),
    "attention.key_length": (1, 1 << 16),
    "attention.value_length": (1, 1 << 16),
    "attention.key_length_swa": (0, 1 << 16),
    "attention.value_length_swa": (0, 1 << 16),
    "attention.key_length_mla": (0, 1 << 16),
    "attention.value_length_mla": (0, 1 << 16),
    "attention.q_lora_rank": (0, MAX_WIDTH),
    "attention.kv_lora_rank": (0, MAX_WIDTH),
    "attention.sliding_window": (0, (1 << 31) - 1),
    "rope.dimension_count": (0, 1 << 16),
    "rope.dimension_count_swa": (0, 1 << 16),
    "rope.scaling.original_context_length": (0, (1 << 31) - 1),
    "ssm.conv_kernel": (0, 1 << 12),
    "ssm.inner_size": (0, 1 << 20),
    "ssm.state_size": (0, 1 << 16),
    "ssm.time_step_rank": (0, 1 << 20),
    "ssm.group_count": (0, 1 << 16),
    "shortconv.l_cache": (0, 1 << 12),
    "wkv.head_size": (0, 1 << 16),
    "token_shift_count": (0, 16),
    "full_attention_interval": (0, MAX_LAYERS),
    "kda.head_dim": (0, 1 << 12),
}

#: Whole numbers that are divided by, or counted down from, in these architectures.
NOT_ZERO: dict[str, frozenset[str]] = {
    "shortconv.l_cache": frozenset({"lfm2", "lfm2moe"}),
    "wkv.head_size": frozenset({"rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"}),
    "kda.head_dim": frozenset({"kimi-linear", "kimi-k3", "bailingmoe3", "glm5-next"}),
    "full_attention_interval": frozenset(
        {"qwen3next", "qwen35", "qwen35moe", "qwen4exp", "minimax-01"}
    ),
}
UNBOUNDED = ("kda.gate_lower_bound",)  # minus infinity: no bound
POOLINGS = frozenset({0, 1, 2, 3, 4, 0xFFFFFFFF})  # none, mean, first, last, rank, unspecified

#: Whole numbers that may differ from layer to layer: one number, or a list of one a layer.
PER_LAYER: dict[str, int] = {
    "attention.head_count": 1 << 16,
    "attention.head_count_kv": 1 << 16,
    "feed_forward_length": 1 << 22,
    "expert_feed_forward_length": 1 << 22,
    "expert_used_count": MAX_EXPERTS,
}
REQUIRED = ("context_length", "embedding_length", "block_count")
#: Rope by sections (llama_model_rope_type: LLAMA_ROPE_TYPE_MROPE and _IMROPE).
SECTIONED = frozenset(
    {
        *("qwen2vl", "paddleocr", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen4exp"),
        "qwen3tts",
    }
)
#: How many earlier tokens a layer looks back on (asserted; 2 where a file does not say).
SHIFTS = {"rwkv6": 2, "rwkv7": 2, "rwkv6qwen2": 1, "arwkv7": 1}
DELTA_NETS = frozenset({"qwen3next", "qwen35", "qwen35moe", "qwen4exp"})
ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")


def check_metadata(header: Header) -> int:
    """Refuse impossible numbers; returns how many layers the header declares."""
    for suffix in REQUIRED:
        if header.own(suffix) not in header.metadata:
            raise invalid(header.path, f"Its header has no {header.own(suffix)}.")
    for suffix, (least, most) in WHOLE.items():
        _check_whole(header, header.own(suffix), least, most)
    for suffix, architectures in NOT_ZERO.items():
        if header.architecture in architectures:
            _check_whole(header, header.own(suffix), 1, MAX_WIDTH)
    shifts = SHIFTS.get(header.architecture)
    if shifts and header.whole(header.own("token_shift_count"), 2) != shifts:
        raise invalid(header.path, "It looks back on a wrong number of tokens.")
    pooling = header.whole(header.own("pooling_type"))
    if pooling not in POOLINGS:
        raise invalid(header.path, f"Its pooling type {pooling:,} is unknown.")
    n_layers = header.whole(header.own("block_count"))
    for suffix, most in PER_LAYER.items():
        _check_per_layer(header, header.own(suffix), n_layers, most)
    _check_fractions(header)
    _check_layers_left(header, n_layers)
    _check_experts(header, n_layers)
    _check_heads(header, n_layers)
    _check_rope(header)
    _check_windows(header, n_layers)
    _check_conditions(header, n_layers)
    return n_layers


def _check_whole(header: Header, key: str, least: int, most: int) -> None:
    if key not in header.metadata:
        return
    if header.types[key] != "u32":
        raise invalid(header.path, f"The value of {key} has the wrong type.")
    value = header.whole(key)
    if not least <= value <= most:
        raise invalid(
            header.path, f"The value of {key} is {value:,}; {least:,} to {most:,} make sense."
        )


def _check_per_layer(header: Header, key: str, n_layers: int, most: int) -> None:
    value = header.metadata.get(key)
    if value is None:
        return
    if not isinstance(value, array):
        _check_whole(header, key, 0, most)
        return
    if header.types[key] not in ("[u32]", "[i32]"):
        raise invalid(header.path, f"The list {key} has elements of the wrong type.")
    if len(value) != n_layers:
        raise invalid(
            header.path,
            f"The list {key} has {len(value):,} entries for a model of {n_layers} layers.",
        )
    if n_layers and not (min(value) >= 0 and max(value) <= most):
        raise invalid(header.path, f"An entry of {key} is out of range.")


def _check_fractions(header: Header) -> None:
    """Every single fraction of the model itself must be finite; epsilons small and positive."""
    prefix = header.own("")
    epsilons = []
    for key, kind in header.types.items():
        if kind not in ("f32", "f64") or not key.startswith(prefix):
            continue
        value = header.number(key)
        if value is None or not (math.isfinite(value) or key.endswith(UNBOUNDED)):
            raise invalid(header.path, f"The value of {key} is not a finite number.")
        if key.endswith("epsilon"):
            epsilons.append(value)
            if not 0.0 <= value < 0.1:
                raise invalid(header.path, f"The value of {key} is {value:g}; it must be tiny.")
    # Files written by llama.cpp itself carry the norm they do not use as zero.
    if epsilons and max(epsilons) == 0.0:
        raise invalid(header.path, "The small number that keeps its norms finite is zero.")


def _check_layers_left(header: Header, n_layers: int) -> None:
    n_predict = header.whole(header.own("nextn_predict_layers"))
    if n_predict >= n_layers and n_predict:
        raise invalid(header.path, f"{n_predict} of its {n_layers} layers only look ahead.")


def _check_experts(header: Header, n_layers: int) -> None:
    """The conditions load_hparams asserts."""
    count = header.whole(header.own("expert_count"))
    used = max(per_layer(header, "expert_used_count", n_layers), default=0)
    groups = header.whole(header.own("expert_group_count"))
    groups_used = header.whole(header.own("expert_group_used_count"))
    if count <= 1 and header.architecture in ("hunyuan-dense", "hunyuan_vl"):
        count = used = 0
    if used > count or (count and not used):
        raise invalid(header.path, f"It uses {used:,} experts at a time and has {count:,}.")
    if groups and (groups >= count or count % groups):
        raise invalid(header.path, f"Its {count:,} experts form {groups:,} groups.")
    if groups > 1 and not 0 < groups_used < groups:
        raise invalid(header.path, f"It uses {groups_used:,} of its {groups:,} expert groups.")


def _check_heads(header: Header, n_layers: int) -> None:
    heads = per_layer(header, "attention.head_count", n_layers)
    kv_heads = heads
    if header.own("attention.head_count_kv") in header.metadata:
        kv_heads = per_layer(header, "attention.head_count_kv", n_layers)
    width = header.whole(header.own("embedding_length"))
    if heads and heads[0] > width:
        raise invalid(header.path, f"It has {heads[0]:,} attention heads on a width of {width:,}.")
    for layer, (n_head, n_head_kv) in enumerate(zip(heads, kv_heads, strict=True)):
        if n_head and n_head_kv and n_head % n_head_kv:
            raise invalid(
                header.path,
                f"Layer {layer} has {n_head} attention heads on {n_head_kv} key-value heads, "
                "which does not divide.",
            )


def _check_windows(header: Header, n_layers: int) -> None:
    """Which layers are special is a yes or no each; a window must have a layer that uses it."""
    for suffix in ("attention.sliding_window_pattern", "attention.recurrent_layers"):
        key = header.own(suffix)
        value = header.metadata.get(key)
        if isinstance(value, array) and (
            header.types[key] not in ("[bool]", "[u32]", "[i32]")
            or len(value) > MAX_LAYERS
            or any(item not in (0, 1) for item in value)
        ):
            raise invalid(header.path, f"The list {key} is not a yes or no for each layer.")
    n_main = n_layers - header.whole(header.own("nextn_predict_layers"))
    layers = layers_of(header, n_main)
    if layers.window and not any(layers.windowed):
        raise invalid(header.path, "It has a sliding window, but no layer that uses it.")
    # Without a cache, the mask of the layers that see everything is always filled in.
    if layers.window and header.architecture in WITHOUT_MEMORY and all(layers.windowed):
        raise invalid(header.path, "It has a sliding window, and no layer that sees everything.")


def _check_conditions(header: Header, n_layers: int) -> None:
    """Conditions that single graphs assert; each sentence says which."""
    architecture, own = header.architecture, header.own
    width = header.whole(own("embedding_length"))
    scale = header.number(own("attention.temperature_scale")) or 0
    measured = header.whole(own("attention.temperature_length")) > 0
    if architecture in ("deepseek2", "mistral4") and scale and not measured:
        raise invalid(header.path, "It scales attention by length, but names no length.")
    if architecture == "hrm_text":
        stack, high, low = (
            header.whole(own(f"hrm.{name}"))
            for name in ("layers_per_stack", "h_cycles", "l_cycles")
        )
        if not stack or not high or not low or stack * high * (low + 1) != n_layers:
            raise invalid(header.path, f"Its cycles do not make up its {n_layers} layers.")
    if architecture == "granitehybrid" and header.whole(own("ssm.inner_size")) != 2 * width:
        raise invalid(header.path, "Its state is not twice as wide as the model.")
    for suffix in ("dense_2_feat_in", "dense_3_feat_out"):
        if architecture == "gemma-embedding" and header.whole(own(suffix)) not in (0, width):
            raise invalid(header.path, f"The value of {own(suffix)} is not its width, {width:,}.")
    if header.whole(own("n_deepstack_layers")) >= n_layers:
        raise invalid(header.path, f"It feeds pictures into all of its {n_layers} layers.")
    if architecture in DELTA_NETS:
        _check_delta_net(header)
    _check_latent(header)


def _check_delta_net(header: Header) -> None:
    """Linear attention: key and value heads of one size, whole groups (delta-net-base.cpp)."""
    inner, state, heads, groups = (
        header.whole(header.own(f"ssm.{name}"))
        for name in ("inner_size", "state_size", "time_step_rank", "group_count")
    )
    if not heads or not groups or inner != heads * state or heads % groups:
        raise invalid(
            header.path,
            f"Its linear attention has {heads} heads of {state} in {groups} groups, for {inner}.",
        )


def _check_latent(header: Header) -> None:
    """Latent attention caches the compressed part and the turned part of a key, side by side."""
    own = header.own
    if not header.whole(own("attention.key_length_mla")):
        return
    rank = header.whole(own("attention.kv_lora_rank"))
    turned = header.whole(own("rope.dimension_count"))
    keys, values = head_width(header), head_width(header, "value_length")
    if keys != rank + turned or values != rank:
        raise invalid(
            header.path,
            f"Its keys are {keys} and its values {values} wide, where {rank + turned} and {rank} "
            "follow from its compression.",
        )


def _check_rope(header: Header) -> None:
    scaling = header.metadata.get(header.own("rope.scaling.type"), "none")
    if scaling not in ROPE_SCALINGS:
        raise invalid(header.path, "Its rope scaling is of an unknown type.")
    keys, values = head_width(header), head_width(header, "value_length")
    if keys != values and header.architecture in EQUAL_HEADS:
        raise invalid(
            header.path, f"The heads of its keys are {keys} wide, those of its values {values}."
        )
    if header.architecture in WITHOUT_ROPE:
        return
    for suffix in ("rope.freq_base", "rope.freq_base_swa"):
        base = header.number(header.own(suffix))
        if base is not None and base <= 0:
            raise invalid(header.path, f"The value of {header.own(suffix)} is {base:g}.")
    for suffix, head in (
        ("rope.dimension_count", keys),
        ("rope.dimension_count_swa", head_width(header, "key_length_swa")),
    ):
        if head and header.own(suffix) in header.metadata:
            _check_turned(header, header.whole(header.own(suffix)), head)
    _check_sections(header, keys)
    if keys % 2:
        raise invalid(header.path, f"Its attention heads are {keys} wide, an odd number.")


def _check_sections(header: Header, head: int) -> None:
    """The parts of a head that rope turns by time, height and width (ggml: rope, mrope)."""
    key = header.own("rope.dimension_sections")
    value = header.metadata.get(key)
    if value is None:
        return
    if not isinstance(value, array) or header.types[key] not in ("[u32]", "[i32]"):
        raise invalid(header.path, f"The value of {key} has the wrong type.")
    if len(value) > 4 or any(item < 0 for item in value) or sum(value) > head:
        raise invalid(header.path, f"The parts in {key} do not fit into a head of {head}.")
    if header.architecture in SECTIONED and not any(value[:3]):
        raise invalid(header.path, f"The parts in {key} are all empty.")


def _check_turned(header: Header, turned: int, head: int) -> None:
    """How many numbers of a head rope turns: an even number, all of them in most graphs."""
    whole = header.architecture in TURNED_WHOLE
    if turned % 2 or not 0 < turned <= head or (whole and turned != head):
        raise invalid(header.path, f"It turns {turned} of the {head} numbers of an attention head.")
