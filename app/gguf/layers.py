"""What kind of memory each layer keeps: a full KV cache, a sliding window of one, or a state.

The patterns are those the pinned llama.cpp sets per architecture (src/models/*.cpp,
load_arch_hparams); a header may override most of them. Pure.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import NamedTuple

from app.gguf.architectures import HYBRID, RECURRENT, WITHOUT_MEMORY
from app.gguf.header import Header

F32_BYTES = 4


class _Window(NamedTuple):
    """Every `every`-th layer sees everything, the others a window; 0: the header lists them."""

    every: int
    dense_first: bool = False
    default: int = 0  # window where the header names none
    fixed: int = 0  # window whatever the header says, if it says any


_WINDOWS: dict[str, _Window] = {
    "afmoe": _Window(4),
    "cohere2": _Window(4),
    "cohere2moe": _Window(4, dense_first=True),
    "deepseek4": _Window(0),
    "dots3note": _Window(0),
    "exaone-moe": _Window(4, default=128),
    "exaone4": _Window(4, default=4096),
    "gemma-embedding": _Window(6),
    "gemma2": _Window(2, default=4096),
    "gemma3": _Window(6),
    "gemma3n": _Window(5),
    "gemma4": _Window(0),
    "gpt-oss": _Window(2),
    "granite_swa": _Window(0),
    "laguna": _Window(4, dense_first=True),
    "llama4": _Window(4, default=8192, fixed=8192),
    "maple": _Window(0),
    "mellum": _Window(4),
    "mimo2": _Window(0),
    "modern-bert": _Window(3, dense_first=True),
    "muse-glimmer": _Window(4),
    "olmo2": _Window(4),
    "plamo3": _Window(8),
    "smallthinker": _Window(4, dense_first=True, fixed=4096),
    "spark2_5": _Window(0),
    "step35": _Window(0),
}
#: A layer without key-value heads is recurrent.
_BY_HEADS = frozenset(
    {
        *("bailingmoe3", "glm5-next", "granitehybrid", "jamba", "kimi-k3", "kimi-linear"),
        *("lfm2", "lfm2moe", "plamo2"),
    }
)
#: Every n-th layer has attention, the others are recurrent.
_BY_INTERVAL = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}


@dataclass(frozen=True)
class Layers:
    """Per layer: whether it keeps a KV cache, sees only a window, or keeps a state."""

    cached: tuple[bool, ...]
    windowed: tuple[bool, ...]
    recurrent: tuple[bool, ...]
    window: int
    state_bytes: int  # of one recurrent layer and one sequence


def per_layer(header: Header, suffix: str, n_layers: int, default: int = 0) -> tuple[int, ...]:
    """The whole numbers under `suffix`, one a layer, whether stored as one or as a list."""
    value = header.metadata.get(header.own(suffix))
    if isinstance(value, array) and value.typecode not in "fd":
        listed = [int(item) for item in value[:n_layers]]
        return tuple(listed + [default] * (n_layers - len(listed)))
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * n_layers
    return (default,) * n_layers


def head_width(header: Header, suffix: str = "key_length") -> int:
    """Numbers in one attention head: what the header says, or width / heads (load_hparams)."""
    stated = header.whole(header.own(f"attention.{suffix}"))
    if not stated and suffix.endswith("_swa"):
        return head_width(header, suffix.removesuffix("_swa"))
    if stated:
        return stated
    heads = per_layer(header, "attention.head_count", 1)
    width = header.whole(header.own("embedding_length"))
    return width // heads[0] if heads and heads[0] else 0


def layers_of(header: Header, n_layers: int) -> Layers:
    """The memory of each of the first `n_layers` layers (those that only look ahead left out)."""
    recurrent = _recurrent(header, n_layers)
    window, windowed = _windowed(header, n_layers, recurrent)
    return Layers(
        cached=_cached(header, n_layers, recurrent),
        windowed=windowed,
        recurrent=recurrent,
        window=window,
        state_bytes=_state_bytes(header) if any(recurrent) else 0,
    )


def _flags(header: Header, suffix: str, n_layers: int) -> tuple[bool, ...] | None:
    value = header.metadata.get(header.own(suffix))
    if not isinstance(value, array):
        return None
    listed = [bool(item) for item in value[:n_layers]]
    return tuple(listed + [False] * (n_layers - len(listed)))


def _windowed(
    header: Header, n_layers: int, recurrent: tuple[bool, ...]
) -> tuple[int, tuple[bool, ...]]:
    none = (0, (False,) * n_layers)
    architecture = header.architecture
    stated = header.metadata.get(header.own("attention.sliding_window"))
    window = header.whole(header.own("attention.sliding_window"))
    if architecture in ("lfm2", "lfm2moe"):
        return (window, tuple(not state for state in recurrent)) if window else none
    rule = _WINDOWS.get(architecture)
    if rule is None or (architecture == "exaone4" and n_layers != 64):
        return none
    if stated is None:
        window = rule.default
    elif window and rule.fixed:
        window = rule.fixed
    if not window:
        return none
    listed = _flags(header, "attention.sliding_window_pattern", n_layers)
    if listed is not None:
        return window, listed
    every = header.whole(header.own("attention.sliding_window_pattern"), rule.every)
    if every == 0:
        return window, (True,) * n_layers
    dense = 0 if rule.dense_first else every - 1
    return window, tuple(layer % every != dense for layer in range(n_layers))


def _recurrent(header: Header, n_layers: int) -> tuple[bool, ...]:
    architecture = header.architecture
    if architecture in RECURRENT or architecture == "falcon-h1":
        return (True,) * n_layers
    if architecture in _BY_INTERVAL:
        listed = _flags(header, "attention.recurrent_layers", n_layers)
        if listed is not None:
            return listed
        every = header.whole(header.own("full_attention_interval"), _BY_INTERVAL[architecture])
        return tuple(every != 0 and (layer + 1) % every != 0 for layer in range(n_layers))
    heads = per_layer(header, "attention.head_count_kv", n_layers, default=1)[:n_layers]
    if architecture in ("nemotron_h", "nemotron_h_moe"):
        feed = per_layer(header, "feed_forward_length", n_layers)[:n_layers]
        return tuple(not head and not ff for head, ff in zip(heads, feed, strict=True))
    if architecture in _BY_HEADS:
        return tuple(head == 0 for head in heads)
    return (False,) * n_layers


def _cached(header: Header, n_layers: int, recurrent: tuple[bool, ...]) -> tuple[bool, ...]:
    architecture = header.architecture
    if architecture in RECURRENT or architecture in WITHOUT_MEMORY:
        return (False,) * n_layers
    if architecture == "falcon-h1":
        return (True,) * n_layers
    if architecture in ("nemotron_h", "nemotron_h_moe"):
        feed = per_layer(header, "feed_forward_length", n_layers)[:n_layers]
        return tuple(not state and not ff for state, ff in zip(recurrent, feed, strict=True))
    if architecture in HYBRID:
        return tuple(not state for state in recurrent)
    own = n_layers  # layers after these reuse the cache of an earlier one
    if architecture == "gemma3n":
        own = 20
    elif architecture == "gemma4":
        own = n_layers - header.whole(header.own("attention.shared_kv_layers"))
    return tuple(layer < own for layer in range(n_layers))


def _state_bytes(header: Header) -> int:
    """R + S of one layer and sequence, f32: n_embd_r and n_embd_s in src/llama-hparams.cpp."""
    width = header.whole(header.own("embedding_length"))
    conv = header.whole(header.own("ssm.conv_kernel"))
    if head := header.whole(header.own("wkv.head_size")):
        shifts = header.whole(header.own("token_shift_count"), 2)
        return F32_BYTES * (shifts * width + width * head)
    if cache := header.whole(header.own("shortconv.l_cache")):
        return F32_BYTES * width * (cache - 1)
    heads = max(per_layer(header, "attention.head_count", 1), default=0)
    if kda := header.whole(header.own("kda.head_dim")):
        return F32_BYTES * heads * kda * (3 * (conv - 1 if conv else 3) + kda)
    inner = header.whole(header.own("ssm.inner_size"))
    state = header.whole(header.own("ssm.state_size"))
    groups = header.whole(header.own("ssm.group_count"))
    if header.architecture == "minimax-01":
        return F32_BYTES * head_width(header) ** 2 * heads
    return F32_BYTES * (max(conv - 1, 0) * (inner + 2 * groups * state) + state * inner)
