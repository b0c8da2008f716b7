"""Structure-aware mutations of GGUF files: which operation to try next, drawn from a seed.

Most keep the file's structure, so that they reach the meaning behind it; some break lengths,
counts and bytes. Knows nothing of what the mutated file does.
"""

from __future__ import annotations

import random
from typing import Any

from app.gguf.types import TENSOR_TYPES
from tests.torture.gguf_parts import Operation, Parts, Recipe

WHOLE = [
    *(0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128, 129),
    *(255, 256, 257, 511, 512, 513, 1000, 1023, 1024, 1025, 4096, 8191, 32767, 65535, 65536),
    *(1 << 20, 1 << 24, (1 << 24) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1),
]
FRACTIONS = [
    *(0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-38, 1e-12, 1e-6, -1e-5, 0.09, 0.1, 0.5, 1e4, 1e6),
    *(1e30, -1e30, 3.4e38, float("inf"), float("-inf"), float("nan")),
]
OFFSETS = [0, 1, 31, 32, 64, 1 << 20, 1 << 40, (1 << 64) - 32]
TEXTS = [
    *("", " ", "none", "no_vocab", "llama", "gpt2", "bert", "t5", "rwkv", "gemma4", "plamo2"),
    *("default", "qwen2", "llama-bpe", "yarn", "linear", "longrope", "model", "adapter", "silu"),
    *("\x00", "é", "a" * 300, "<0x0A>", "<0x", "<|im_end|>", "phi-3", "modern-bert"),
]
BYTES = [b"", b" ", b"a", b"\xff\xfe", b"<0xZZ>", b"<0x0A>", b"x" * 70_000, b"[EMPTY_3]", b"\n"]

#: Keys llama.cpp looks up under the architecture's name (src/llama-arch.cpp).
OWN_KEYS = """
vocab_size context_length embedding_length embedding_length_out embedding_length_per_layer_input
features_length block_count leading_dense_block_count feed_forward_length
expert_feed_forward_length expert_shared_feed_forward_length use_parallel_residual
tensor_data_layout expert_count expert_used_count expert_shared_count expert_group_count
expert_group_used_count expert_weights_scale expert_weights_norm expert_gating_func
expert_group_scale experts_per_group moe_every_n_layers nextn_predict_layers n_deepstack_layers
deepstack_mapping hidden_activation pooling_type logit_scale decoder_start_token_id
decoder_block_count attn_logit_softcapping final_logit_softcapping rescale_every_n_layers
residual_scale embedding_scale token_shift_count interleave_moe_layer_step
full_attention_interval attention.head_count attention.head_count_kv attention.max_alibi_bias
attention.clamp_kqv attention.key_length attention.value_length attention.layer_norm_epsilon
attention.layer_norm_rms_epsilon attention.group_norm_epsilon attention.group_norm_groups
attention.causal attention.q_lora_rank attention.kv_lora_rank
attention.relative_buckets_count attention.sliding_window attention.sliding_window_pattern
attention.scale attention.output_scale attention.temperature_length
attention.temperature_scale attention.key_length_mla attention.value_length_mla
attention.key_length_swa attention.value_length_swa attention.shared_kv_layers
attention.recurrent_layers rope.dimension_count rope.dimension_count_swa
rope.dimension_sections rope.freq_base rope.freq_base_swa rope.scale_linear rope.scaling.type
rope.scaling.factor rope.scaling.alpha rope.scaling.attn_factor
rope.scaling.original_context_length rope.scaling.finetuned rope.scaling.yarn_log_multiplier
rope.scaling.yarn_ext_factor rope.scaling.yarn_attn_factor rope.scaling.yarn_beta_fast
rope.scaling.yarn_beta_slow ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank
ssm.group_count ssm.dt_b_c_rms wkv.head_size classifier.output_labels shortconv.l_cache
dense_2_feat_in dense_2_feat_out dense_3_feat_in dense_3_feat_out
"""
GENERAL_KEYS = """
general.type general.architecture general.alignment general.file_type general.name
general.quantization_version split.no split.count split.tensors.count tokenizer.ggml.model
tokenizer.ggml.pre tokenizer.ggml.token_type_count tokenizer.ggml.bos_token_id
tokenizer.ggml.eos_token_id tokenizer.ggml.eot_token_id tokenizer.ggml.unknown_token_id
tokenizer.ggml.seperator_token_id tokenizer.ggml.padding_token_id
tokenizer.ggml.mask_token_id tokenizer.ggml.add_bos_token tokenizer.ggml.add_eos_token
tokenizer.ggml.add_sep_token tokenizer.ggml.add_space_prefix
tokenizer.ggml.remove_extra_whitespaces tokenizer.ggml.precompiled_charsmap
tokenizer.ggml.fim_pre_token_id tokenizer.ggml.suppress_tokens tokenizer.ggml.prefix_token_id
tokenizer.ggml.normalizer.lowercase general.tensor_extra.name adapter.type
"""


class Mutator:
    """Draws recipes for one base file. The same seed draws the same recipe."""

    def __init__(self, parts: Parts) -> None:
        self._architecture = parts.architecture
        self._keys = [entry.key.decode() for entry in parts.entries]
        self._kinds = {entry.key.decode(): entry.kind for entry in parts.entries}
        self._values = {entry.key.decode(): entry.value for entry in parts.entries}
        self._names = [slot.name.decode() for slot in parts.slots]
        self._shapes = {slot.name.decode(): slot.shape for slot in parts.slots}
        own = [f"{parts.architecture}.{suffix}" for suffix in OWN_KEYS.split()]
        self._known = own + GENERAL_KEYS.split()

    def recipe(self, seed: int) -> Recipe:
        """One to three operations, most of them single ones that keep the file's structure."""
        rng = random.Random(seed)
        count = rng.choices((1, 2, 3), weights=(6, 3, 1))[0]
        return [self._operation(rng) for _ in range(count)]

    def _operation(self, rng: random.Random) -> Operation:
        draw = rng.choices(
            (
                self._number,
                self._known_key,
                self._list,
                self._tensor,
                self._structure,
                self._bytes,
            ),
            weights=(30, 22, 14, 20, 7, 7),
        )[0]
        return draw(rng)

    def _whole(self, rng: random.Random, around: Any) -> int:
        pool = WHOLE
        if isinstance(around, int):
            near = [around + 1, around - 1, around * 2, around // 2, around + 32]
            pool = WHOLE + near * 3
        return int(min(max(rng.choice(pool), 0), (1 << 32) - 1))

    def _number(self, rng: random.Random) -> Operation:
        """Another value under a key the file has."""
        key = rng.choice(self._keys)
        kind, value = self._kinds[key], self._values[key]
        if kind == "u32":
            return ["set", key, "u32", self._whole(rng, value)]
        if kind == "f32":
            return ["set", key, "f32", str(rng.choice(FRACTIONS))]
        if kind == "bool":
            return ["set", key, "bool", int(not value)]
        if kind == "text":
            return ["set", key, "text", rng.choice(TEXTS)]
        return self._list_of(rng, key)

    def _known_key(self, rng: random.Random) -> Operation:
        """Any key the runtime looks up, with a value of any type."""
        key = rng.choice(self._known)
        kind = rng.choices(
            ("u32", "f32", "bool", "text", "[u32]", "[f32]", "[bool]", "[text]", "u64", "i32"),
            weights=(50, 18, 7, 7, 6, 3, 4, 2, 2, 1),
        )[0]
        if kind == "u32":
            return ["set", key, kind, self._whole(rng, None)]
        if kind == "f32":
            return ["set", key, kind, str(rng.choice(FRACTIONS))]
        if kind == "bool":
            return ["set", key, kind, rng.randint(0, 1)]
        if kind == "text":
            return ["set", key, kind, rng.choice(TEXTS)]
        length = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 512, 513))
        if kind == "[text]":
            return ["set", key, kind, [rng.choice(TEXTS) for _ in range(min(length, 8))]]
        if kind == "[f32]":
            return ["set", key, kind, [0.5] * length]
        if kind == "[u32]":
            return ["set", key, kind, [self._whole(rng, None) for _ in range(length)]]
        if kind == "[bool]":
            return ["set", key, kind, [rng.randint(0, 1) for _ in range(length)]]
        return ["set", key, kind, rng.randint(0, 100)]

    def _list(self, rng: random.Random) -> Operation:
        lists = [key for key in self._keys if self._kinds[key].startswith("[")]
        return self._list_of(rng, rng.choice(lists or self._keys))

    def _list_of(self, rng: random.Random, key: str) -> Operation:
        kind = self._kinds[key]
        if not kind.startswith("["):
            return ["drop", key]
        choice = rng.randrange(6)
        if choice == 0:
            return ["resize", key, rng.choice((0, 1, 2, 100, len(self._values[key]) + 1))]
        if choice == 1:
            return ["same_element", key, rng.random(), rng.random()]
        if choice == 2:
            return ["set", key, rng.choice(("[u8]", "[i8]", "[u64]", "[f64]", "[bool]")), [1] * 9]
        if kind == "[text]":
            return ["element", key, rng.random(), rng.choice(BYTES).hex()]
        if kind in ("[f32]", "[f64]"):
            return ["element", key, rng.random(), str(rng.choice(FRACTIONS))]
        return ["element", key, rng.random(), rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 100, 1 << 30))]

    def _tensor(self, rng: random.Random) -> Operation:
        name = rng.choice(self._names)
        choice = rng.randrange(9)
        if choice < 3:
            number = rng.choice([*TENSOR_TYPES, 4, 31, 36, 43, 100, 1 << 31])
            return ["tensor_type", name, number, rng.random() < 0.85]
        if choice < 5:
            shape = list(self._shapes[name])
            place = rng.randrange(len(shape))
            if rng.random() < 0.2:
                shape.append(rng.choice((0, 1, 2)))
            elif rng.random() < 0.2:
                shape = shape[::-1]
            else:
                shape[place] = self._whole(rng, shape[place])
            return ["shape", name, shape, rng.random() < 0.85]
        if choice == 5:
            return ["tensor_drop", name]
        if choice == 6:
            other = rng.choice(
                [*self._names, "output.bias", "rope_freqs.weight", "blk.0.attn_q.bias", "", "a\x00"]
            )
            return ["tensor_name", name, other]
        if choice == 7:
            block = name.replace("blk.0", "blk.7").replace("blk.1", "blk.2")
            suffixes = (".bias", ".scale", ".input_scale", "_norm.weight", "_sinks.weight")
            stem = name.removesuffix(".weight") + rng.choice(suffixes)
            return ["tensor_copy", name, rng.choice((block, stem))]
        return [
            "tensor_offset",
            name,
            rng.choice((0, 1, 31, 32, 64, 1 << 20, 1 << 40, (1 << 64) - 32)),
        ]

    def _structure(self, rng: random.Random) -> Operation:
        key = rng.choice(self._keys)
        huge = rng.choice((0, 1, 5, 1 << 20, 1 << 32, 1 << 62, (1 << 64) - 1))
        return rng.choice(
            [
                ["drop", key],
                ["duplicate", key],
                ["rename", key, rng.choice(("", "a b", "x" * 2000, key.upper(), "a\xff", key))],
                ["claim", key, huge],
                ["retype", key, rng.choice((1, 3, 4, 6, 8, 9, 12, 13, 255))],
                ["counts", huge, None],
                ["counts", None, huge],
                ["version", rng.choice((0, 1, 2, 4, 255, 0x03000000))],
            ]
        )

    def _bytes(self, rng: random.Random) -> Operation:
        choice = rng.randrange(8)
        if choice == 0:
            return ["raw", "cut", rng.random()]
        if choice == 1:
            return ["raw", "cut_header", rng.random()]
        if choice < 6:
            return ["raw", "flip", rng.random(), rng.randrange(8)]
        return ["raw", "overwrite", rng.random(), rng.randbytes(rng.choice((1, 4, 8))).hex()]
