"""The tensors of a model that nobody downloaded yet: names and shapes from its numbers alone.

Follows load_arch_tensors in llama.cpp's src/models/*.cpp, and what its converter writes (split
q, k and v; no biases that are optional). Pure. An architecture it does not know has no layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from app.gguf.header import Header
from app.gguf.layers import head_width, layers_of, per_layer

Shape: TypeAlias = tuple[int, ...]
Row: TypeAlias = tuple[str, Shape]
"""Name and shape, the row width first, as in a GGUF tensor table."""


def layout_of(header: Header, *, tied: bool, keys_as_values: bool = False) -> list[Row]:
    """All tensors, in file order; an empty list where the architecture has no layout here.

    `tied` says that the output uses the input's weights, `keys_as_values` that full attention
    has no weights for values (the larger Gemma 4).
    """
    build = _BLOCKS.get(header.architecture)
    if build is None:
        return []
    numbers = _Numbers(header, keys_as_values=keys_as_values)
    width, n_vocab = numbers.width, numbers.whole("vocab_size")
    rows: list[Row] = [("token_embd.weight", (width, n_vocab))]
    if numbers.per_layer_width:
        deep = numbers.per_layer_width * numbers.n_layers
        rows.append(("per_layer_token_embd.weight", (deep, n_vocab)))
        rows.append(("per_layer_model_proj.weight", (width, deep)))
        rows.append(("per_layer_proj_norm.weight", (numbers.per_layer_width,)))
    norm = "token_embd_norm" if header.architecture.startswith("lfm2") else "output_norm"
    rows.append((f"{norm}.weight", (width,)))
    if not tied:
        rows.append(("output.weight", (width, n_vocab)))
    if header.architecture == "gemma4":
        rows.append(("rope_freqs.weight", (numbers.head // 2,)))
    for layer in range(numbers.n_layers):
        rows += ((f"blk.{layer}.{name}", shape) for name, shape in build(numbers, layer))
    return rows


def has_layout(architecture: str) -> bool:
    """Whether the tensors of this architecture can be laid out."""
    return architecture in _BLOCKS


class _Numbers:
    """The numbers of one header that shapes are made of, read once."""

    def __init__(self, header: Header, *, keys_as_values: bool) -> None:
        self._header = header
        self.keys_as_values = keys_as_values
        self.architecture = header.architecture
        self.n_layers = self.whole("block_count")
        self.width = self.whole("embedding_length")
        self.heads = per_layer(header, "attention.head_count", self.n_layers)
        self.kv_heads = per_layer(header, "attention.head_count_kv", self.n_layers)
        self.head = head_width(header)
        self.head_swa = head_width(header, "key_length_swa")
        self.feed = per_layer(header, "feed_forward_length", self.n_layers)
        self.experts = self.whole("expert_count")
        self.expert_feed = self.whole("expert_feed_forward_length")
        self.shared_feed = self.whole("expert_shared_feed_forward_length")
        self.dense_lead = self.whole("leading_dense_block_count")
        self.per_layer_width = self.whole("embedding_length_per_layer_input")
        self.conv = self.whole("ssm.conv_kernel")
        self.inner = self.whole("ssm.inner_size")
        self.state = self.whole("ssm.state_size")
        self.groups = self.whole("ssm.group_count")
        self.rank = self.whole("ssm.time_step_rank")
        self.layers = layers_of(header, self.n_layers)

    def whole(self, suffix: str) -> int:
        return self._header.whole(self._header.own(suffix))


Block: TypeAlias = Callable[[_Numbers, int], Iterator[Row]]


def _attention(n: _Numbers, layer: int, *, gated: bool = False) -> Iterator[Row]:
    """q, k, v and the way back; `gated` holds the gate beside the query."""
    query, keys = n.head * n.heads[layer], n.head * n.kv_heads[layer]
    yield "attn_q.weight", (n.width, query * (2 if gated else 1))
    yield "attn_k.weight", (n.width, keys)
    yield "attn_v.weight", (n.width, keys)
    yield "attn_output.weight", (query, n.width)


def _head_norms(width: int) -> Iterator[Row]:
    yield "attn_q_norm.weight", (width,)
    yield "attn_k_norm.weight", (width,)


def _feed(n: _Numbers, width: int, suffix: str = "") -> Iterator[Row]:
    yield f"ffn_gate{suffix}.weight", (n.width, width)
    yield f"ffn_down{suffix}.weight", (width, n.width)
    yield f"ffn_up{suffix}.weight", (n.width, width)


def _experts(n: _Numbers) -> Iterator[Row]:
    yield "ffn_gate_inp.weight", (n.width, n.experts)
    yield "ffn_gate_exps.weight", (n.width, n.expert_feed, n.experts)
    yield "ffn_down_exps.weight", (n.expert_feed, n.width, n.experts)
    yield "ffn_up_exps.weight", (n.width, n.expert_feed, n.experts)


def _plain(n: _Numbers, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (n.width,)
    yield from _attention(n, layer)
    yield "ffn_norm.weight", (n.width,)
    yield from _feed(n, n.feed[layer])


def _qwen3(n: _Numbers, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (n.width,)
    yield from _attention(n, layer)
    yield from _head_norms(n.head)
    yield "ffn_norm.weight", (n.width,)
    if n.experts:
        yield from _experts(n)
    else:
        yield from _feed(n, n.feed[layer])


def _phi3(n: _Numbers, layer: int) -> Iterator[Row]:
    keys = n.head * n.kv_heads[layer]
    yield "attn_norm.weight", (n.width,)
    yield "attn_qkv.weight", (n.width, n.width + 2 * keys)
    yield "attn_output.weight", (n.width, n.width)
    yield "ffn_norm.weight", (n.width,)
    yield "ffn_down.weight", (n.feed[layer], n.width)
    yield "ffn_up.weight", (n.width, 2 * n.feed[layer])


def _gated_delta(n: _Numbers, layer: int) -> Iterator[Row]:
    """qwen35, qwen35moe and qwen3next: gated delta nets with attention in between."""
    yield "attn_norm.weight", (n.width,)
    yield "post_attention_norm.weight", (n.width,)
    if not n.layers.recurrent[layer]:
        yield from _attention(n, layer, gated=True)
        yield from _head_norms(n.head)
    else:
        keys, values = n.state * n.groups, n.state * n.rank
        yield "attn_qkv.weight", (n.width, 2 * keys + values)
        yield "attn_gate.weight", (n.width, values)
        yield "ssm_conv1d.weight", (n.conv, 2 * keys + values)
        yield "ssm_dt.bias", (n.rank,)
        yield "ssm_a", (n.rank,)
        if n.architecture == "qwen3next":
            yield "ssm_ba.weight", (n.width, 2 * n.rank)
        else:
            yield "ssm_beta.weight", (n.width, n.rank)
            yield "ssm_alpha.weight", (n.width, n.rank)
        yield "ssm_norm.weight", (n.state,)
        yield "ssm_out.weight", (values, n.width)
    if n.experts:
        yield from _experts(n)
        yield "ffn_gate_inp_shexp.weight", (n.width,)
        yield from _feed(n, n.shared_feed, "_shexp")
    else:
        yield from _feed(n, n.feed[layer])


def _lfm2(n: _Numbers, layer: int) -> Iterator[Row]:
    """Short convolutions with attention in between."""
    yield "ffn_norm.weight", (n.width,)
    if n.experts and layer >= n.dense_lead:
        yield from _experts(n)
        yield "exp_probs_b.bias", (n.experts,)
    else:
        yield from _feed(n, n.feed[layer])
    yield "attn_norm.weight", (n.width,)
    if n.layers.recurrent[layer]:
        yield "shortconv.conv.weight", (n.whole("shortconv.l_cache"), n.width)
        yield "shortconv.in_proj.weight", (n.width, 3 * n.width)
        yield "shortconv.out_proj.weight", (n.width, n.width)
    else:
        yield from _head_norms(n.head)
        yield from _attention(n, layer)


def _mamba2(n: _Numbers) -> Iterator[Row]:
    mixed = n.inner + 2 * n.groups * n.state
    yield "ssm_in.weight", (n.width, n.inner + mixed + n.rank)
    yield "ssm_conv1d.weight", (n.conv, mixed)
    yield "ssm_conv1d.bias", (mixed,)
    yield "ssm_dt.bias", (n.rank,)
    yield "ssm_a", (1, n.rank)
    yield "ssm_d", (1, n.rank)
    yield "ssm_norm.weight", (n.inner // n.groups, n.groups)
    yield "ssm_out.weight", (n.inner, n.width)


def _granite_hybrid(n: _Numbers, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (n.width,)
    if n.layers.recurrent[layer]:
        yield from _mamba2(n)
    else:
        yield from _attention(n, layer)
    yield "ffn_norm.weight", (n.width,)
    if n.experts:
        yield from _experts(n)
        yield from _feed(n, n.shared_feed, "_shexp")
    else:
        yield from _feed(n, n.feed[layer])


def _nemotron_h(n: _Numbers, layer: int) -> Iterator[Row]:
    """One thing a layer: a state, attention, or feed-forward experts without a gate."""
    yield "attn_norm.weight", (n.width,)
    if n.layers.recurrent[layer]:
        yield from _mamba2(n)
    elif n.layers.cached[layer]:
        yield from _attention(n, layer)
    elif n.experts:
        yield "ffn_gate_inp.weight", (n.width, n.experts)
        yield "exp_probs_b.bias", (n.experts,)
        yield "ffn_down_exps.weight", (n.expert_feed, n.width, n.experts)
        yield "ffn_up_exps.weight", (n.width, n.expert_feed, n.experts)
        yield "ffn_down_shexp.weight", (n.shared_feed, n.width)
        yield "ffn_up_shexp.weight", (n.width, n.shared_feed)
    else:
        yield "ffn_down.weight", (n.feed[layer], n.width)
        yield "ffn_up.weight", (n.width, n.feed[layer])


def _gemma4(n: _Numbers, layer: int) -> Iterator[Row]:
    windowed = n.layers.windowed[layer]
    head = n.head_swa if windowed else n.head
    query, keys = head * n.heads[layer], head * n.kv_heads[layer]
    yield "attn_norm.weight", (n.width,)
    yield "attn_q.weight", (n.width, query)
    # Also in layers that use the cache of an earlier one: most files carry them.
    yield "attn_k.weight", (n.width, keys)
    if windowed or not n.keys_as_values:
        yield "attn_v.weight", (n.width, keys)
    yield "attn_k_norm.weight", (head,)
    yield "attn_output.weight", (query, n.width)
    yield "attn_q_norm.weight", (head,)
    yield "post_attention_norm.weight", (n.width,)
    yield "layer_output_scale.weight", (1,)
    yield "ffn_norm.weight", (n.width,)
    yield from _feed(n, n.feed[layer])
    yield "post_ffw_norm.weight", (n.width,)
    if n.experts:
        yield "ffn_gate_inp.weight", (n.width, n.experts)
        yield "ffn_gate_inp.scale", (n.width,)
        for name in ("pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"):
            yield f"{name}.weight", (n.width,)
        yield "ffn_gate_up_exps.weight", (n.width, 2 * n.expert_feed, n.experts)
        yield "ffn_down_exps.weight", (n.expert_feed, n.width, n.experts)
        yield "ffn_down_exps.scale", (n.experts,)
    if n.per_layer_width:
        yield "inp_gate.weight", (n.width, n.per_layer_width)
        yield "proj.weight", (n.per_layer_width, n.width)
        yield "post_norm.weight", (n.width,)


def _gpt_oss(n: _Numbers, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (n.width,)
    yield "post_attention_norm.weight", (n.width,)
    for name, shape in _attention(n, layer):
        yield name, shape
        yield name.replace(".weight", ".bias"), shape[1:]
    yield "attn_sinks.weight", (n.heads[layer],)
    for name, shape in _experts(n):
        yield name, shape
        yield name.replace(".weight", ".bias"), shape[1:]


def _latent(n: _Numbers, layer: int) -> Iterator[Row]:
    """deepseek2: keys and values from one compressed row (MLA)."""
    heads, turned = n.heads[layer], n.whole("rope.dimension_count")
    key, value = n.whole("attention.key_length_mla"), n.whole("attention.value_length_mla")
    query_rank, rank = n.whole("attention.q_lora_rank"), n.whole("attention.kv_lora_rank")
    yield "attn_norm.weight", (n.width,)
    yield "attn_q_a_norm.weight", (query_rank,)
    yield "attn_kv_a_norm.weight", (rank,)
    yield "attn_q_a.weight", (n.width, query_rank)
    yield "attn_q_b.weight", (query_rank, heads * key)
    yield "attn_kv_a_mqa.weight", (n.width, rank + turned)
    yield "attn_k_b.weight", (key - turned, rank, heads)
    yield "attn_v_b.weight", (rank, value, heads)
    yield "attn_output.weight", (heads * value, n.width)
    yield "ffn_norm.weight", (n.width,)
    if layer < n.dense_lead:
        yield from _feed(n, n.feed[layer])
    else:
        yield from _experts(n)
        yield "exp_probs_b.bias", (n.experts,)
        yield from _feed(n, n.expert_feed * n.whole("expert_shared_count"), "_shexp")


_BLOCKS: dict[str, Block] = {
    "deepseek2": _latent,
    "gemma4": _gemma4,
    "gpt-oss": _gpt_oss,
    "granite": _plain,
    "granitehybrid": _granite_hybrid,
    "lfm2": _lfm2,
    "lfm2moe": _lfm2,
    "llama": _plain,
    "mistral3": _plain,
    "nemotron_h_moe": _nemotron_h,
    "phi3": _phi3,
    "qwen3": _qwen3,
    "qwen35": _gated_delta,
    "qwen35moe": _gated_delta,
    "qwen3moe": _qwen3,
    "qwen3next": _gated_delta,
    "smollm3": _plain,
}
