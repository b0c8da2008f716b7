"""The facts of a model that follow from its header: sizes, layers, and what its memory takes.

Formulas name the llama.cpp function they follow. Pure: knows nothing of machines or of plans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from app.gguf.header import Header, Strings
from app.gguf.kinds import Kind, purpose_of
from app.gguf.layers import Layers, head_width, layers_of, per_layer
from app.gguf.types import FILE_TYPES, row_bytes

MAX_LAYERS = 512  # LLAMA_MAX_LAYERS
CELL_PAD = 256  # cells of a context are padded to this (llama-context.cpp, -kv-cache-iswa.cpp)

_BLOCK = re.compile(r"(?:enc\.|dec\.)?blk\.(\d+)\.(.+)\Z")
#: Tensors of the input and output layers (LLM_TENSOR_INFOS); all others belong to layers.
_INPUT = ("token_embd.", "position_embd.", "token_types.", "per_layer_token_embd.")
#: llama.cpp makes the output of these from the input's weights before it has those: they are
#: held twice on the processor too (src/models/gemma3n.cpp and gemma4.cpp).
_HELD_TWICE = frozenset({"gemma3n", "gemma4"})
_OUTPUT = ("output", "cls", "dense_2", "dense_3", "enc.output_norm", "dec.output_norm", "d2t")


@dataclass(frozen=True)
class ModelFacts:
    """Counts are numbers, sizes bytes. Tuples have one entry a layer, `n_layers` of them."""

    name: str
    architecture: str
    kind: Kind
    kind_words: str
    n_layers: int
    n_embd: int
    n_head: tuple[int, ...]
    n_head_kv: tuple[int, ...]
    head_dim_k: int
    head_dim_v: int
    head_dim_k_swa: int
    head_dim_v_swa: int
    n_ff: tuple[int, ...]
    n_ff_expert: int
    n_expert: int
    n_expert_used: int
    n_vocab: int
    n_ctx_train: int
    sliding_window: int
    swa_layers: tuple[bool, ...]
    cached_layers: tuple[bool, ...]
    recurrent_layers: tuple[bool, ...]
    state_bytes_per_sequence: int
    is_mla: bool
    n_params: int
    quant: str
    file_bytes: int
    input_bytes: int
    layer_bytes: tuple[int, ...]
    expert_layer_bytes: tuple[int, ...]
    output_bytes: int
    tied_output_bytes: int
    lookahead_bytes: int
    tokenizer: str
    chat_template: str | None = field(repr=False)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all tensors that are loaded; a tied output counts once, unless llama.cpp
        always holds it twice."""
        return self.input_bytes + sum(self.layer_bytes) + self.output_bytes

    @property
    def is_recurrent(self) -> bool:
        """Whether any layer keeps a state, so that a prefix can only be kept whole."""
        return any(self.recurrent_layers)

    def kv_bytes(
        self,
        n_ctx: int,
        n_seq: int = 1,
        type_k: str = "f16",
        type_v: str = "f16",
        n_ubatch: int = 512,
        *,
        flash_attn: bool = True,
    ) -> int:
        """Bytes of the KV cache and recurrent states of a context of `n_ctx` tokens.

        Unified cache (sequences share the cells), window layers not kept in full
        (`swa_full` off). llama-kv-cache.cpp (constructor), llama-kv-cache-iswa.cpp (window
        cells), llama-memory-recurrent.cpp. Exact but for the sparse-attention indexers of
        DeepSeek 3.2 and its kin, which come on top.
        """
        return sum(self.layer_kv_bytes(n_ctx, n_seq, type_k, type_v, n_ubatch, flash_attn))

    def layer_kv_bytes(
        self,
        n_ctx: int,
        n_seq: int,
        type_k: str,
        type_v: str,
        n_ubatch: int,
        flash_attn: bool = True,
    ) -> tuple[int, ...]:
        """The same by layer, for layers that go to different devices."""
        cells = _padded(n_ctx)
        window_cells = _padded(min(cells, self.sliding_window * n_seq + n_ubatch))
        states = sum(self.recurrent_layers)
        state_bytes = self.state_bytes_per_sequence // states if states else 0
        widest = max((self._value_width(layer) for layer in range(self.n_layers)), default=0)
        sizes = []
        for layer in range(self.n_layers):
            n_bytes = max(1, n_seq) * state_bytes if self.recurrent_layers[layer] else 0
            if self.cached_layers[layer]:
                keys = row_bytes(type_k.upper(), self._key_width(layer))
                values = self._value_width(layer) if flash_attn else widest
                row = keys + (0 if self.is_mla else row_bytes(type_v.upper(), values))
                n_bytes += row * (window_cells if self.swa_layers[layer] else cells)
            sizes.append(n_bytes)
        return tuple(sizes)

    def _key_width(self, layer: int) -> int:
        head = self.head_dim_k_swa if self.swa_layers[layer] else self.head_dim_k
        return head * self.n_head_kv[layer]

    def _value_width(self, layer: int) -> int:
        head = self.head_dim_v_swa if self.swa_layers[layer] else self.head_dim_v
        return head * self.n_head_kv[layer]


def facts_of(header: Header) -> ModelFacts:
    """The facts of a header. Numbers a file does not state are 0; nothing is checked here.

    Never raises, whatever the header says: a list of models shows damaged ones too.
    """
    purpose = purpose_of(header)
    own = header.own
    n_all = min(max(0, header.whole(own("block_count"))), MAX_LAYERS)
    n_layers = max(0, n_all - header.whole(own("nextn_predict_layers")))
    heads = per_layer(header, "attention.head_count", n_all)
    kv_heads = heads
    if own("attention.head_count_kv") in header.metadata:
        kv_heads = per_layer(header, "attention.head_count_kv", n_all)
    layers = layers_of(header, n_layers)
    key_mla = header.whole(own("attention.key_length_mla"))
    weights = _weights(header, n_layers)
    return ModelFacts(
        name=header.text("general.name") or Path(header.path).stem,
        architecture=header.architecture,
        kind=purpose.kind,
        kind_words=purpose.words,
        n_layers=n_layers,
        n_embd=header.whole(own("embedding_length")),
        n_head=heads[:n_layers],
        n_head_kv=kv_heads[:n_layers],
        head_dim_k=head_width(header),
        head_dim_v=head_width(header, "value_length"),
        head_dim_k_swa=head_width(header, "key_length_swa"),
        head_dim_v_swa=head_width(header, "value_length_swa"),
        n_ff=per_layer(header, "feed_forward_length", n_all)[:n_layers],
        n_ff_expert=max(per_layer(header, "expert_feed_forward_length", n_all), default=0),
        n_expert=header.whole(own("expert_count")),
        n_expert_used=max(per_layer(header, "expert_used_count", n_all), default=0),
        n_vocab=_n_vocab(header),
        n_ctx_train=header.whole(own("context_length")),
        sliding_window=layers.window,
        swa_layers=layers.windowed,
        cached_layers=layers.cached,
        recurrent_layers=layers.recurrent,
        state_bytes_per_sequence=_state_bytes(layers),
        is_mla=key_mla > 0 and header.whole(own("attention.value_length_mla")) > 0,
        n_params=sum(tensor.n_elements for tensor in header.tensors),
        quant=quant_of(header),
        file_bytes=header.file_bytes,
        input_bytes=weights.input,
        layer_bytes=tuple(weights.layers),
        expert_layer_bytes=tuple(weights.experts),
        output_bytes=weights.output,
        tied_output_bytes=weights.tied,
        lookahead_bytes=weights.lookahead,
        tokenizer=header.text("tokenizer.ggml.model") or "",
        chat_template=header.text("tokenizer.chat_template"),
    )


def quant_of(header: Header) -> str:
    """The file's label ("Q4_K_M"), or the type most of its bytes have where it names none."""
    number = header.metadata.get("general.file_type")
    if isinstance(number, int) and number in FILE_TYPES:
        return FILE_TYPES[number]
    sizes: dict[str, int] = {}
    for tensor in header.tensors:
        sizes[tensor.type_name] = sizes.get(tensor.type_name, 0) + tensor.n_bytes
    return max(sizes, key=sizes.__getitem__) if sizes else ""


@dataclass
class _Weights:
    layers: list[int]
    experts: list[int]
    input: int = 0
    output: int = 0
    tied: int = 0
    lookahead: int = 0


def _weights(header: Header, n_layers: int) -> _Weights:
    """Tensor bytes by where they are placed (LLM_TENSOR_INFOS: input, repeating, output)."""
    split = _Weights(layers=[0] * n_layers, experts=[0] * n_layers)
    for tensor in header.tensors:
        match = _BLOCK.match(tensor.name)
        if match:
            layer = int(match.group(1))
            if layer >= n_layers:
                split.lookahead += tensor.n_bytes
                continue
            split.layers[layer] += tensor.n_bytes
            if "_exps" in match.group(2) or "_chexps" in match.group(2):
                split.experts[layer] += tensor.n_bytes
        elif tensor.name.startswith(_INPUT):
            split.input += tensor.n_bytes
        elif tensor.name.startswith(_OUTPUT) or not n_layers:
            split.output += tensor.n_bytes
        else:
            split.layers[0] += tensor.n_bytes
    if "output.weight" not in header.by_name and "token_embd.weight" in header.by_name:
        n_bytes = header.by_name["token_embd.weight"].n_bytes
        if header.architecture in _HELD_TWICE:
            split.output += n_bytes
        else:
            split.tied = n_bytes
    return split


def _padded(cells: int) -> int:
    return -(-cells // CELL_PAD) * CELL_PAD


def _n_vocab(header: Header) -> int:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    return len(tokens) if isinstance(tokens, Strings) else header.whole(header.own("vocab_size"))


def _state_bytes(layers: Layers) -> int:
    return layers.state_bytes * sum(layers.recurrent)
