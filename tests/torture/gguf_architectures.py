"""Tiny files of every architecture the runtime can build, made by the runtime itself.

llama.cpp lays out the tensors of a model from its metadata alone and saves the result: golden
files against refusing too much, and more bases for the fuzz gate. The metadata follow its own
tests/test-llama-archs.cpp. `python -m tests.torture.gguf_architectures FOLDER [NAME...]`; one
process a file, since a wrong number ends it.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from app.gguf.architectures import SUPPORTED

#: Not buildable this way: needs another model, another vocabulary, or more than metadata.
SKIPPED = frozenset(
    """
    chameleon wavtokenizer-dec gemma4 gemma4-assistant graniteswitch eagle3 dflash pockettts plm
    deepseek2-ocr bert modern-bert nomic-bert nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3
    eurobert
    """.split()  # noqa: SIM905
)
MIXTURES = frozenset(
    """
    llama4 cohere2moe grok qwen2moe qwen3moe qwen3next qwen3vlmoe qwen35moe qwen4exp phimoe dbrx
    olmoe arctic deepseek deepseek2 deepseek32 dots3note deepseek4 glm4moe glm-dsa exaone-moe
    bailingmoe bailingmoe2 bailingmoe3 dots1 afmoe ernie4_5 ernie4_5-moe hunyuan-moe hy_v3 hy_v4
    gpt-oss lfm2moe smallthinker llada-moe grovemoe minimax-01 minimax-m2 minimax-m3 rnd1
    paddleocr mimo2 kimi-linear kimi-k3 glm5-next step35 mistral4 mellum laguna maple
    """.split()  # noqa: SIM905
)
LATENT = frozenset(
    """
    deepseek2 deepseek32 glm-dsa dots3note kimi-linear bailingmoe3 kimi-k3 glm5-next mistral4
    hy_v4
    """.split()  # noqa: SIM905
)
_HYBRID_HEADS = frozenset(
    """
    plamo2 jamba nemotron_h nemotron_h_moe granitehybrid lfm2 lfm2moe kimi-linear bailingmoe3
    kimi-k3 glm5-next
    """.split()  # noqa: SIM905
)
_LISTED_WINDOWS = frozenset(
    """
    cohere2moe mimo2 step35 spark2_5 muse-glimmer granite_swa dots3note maple
    """.split()  # noqa: SIM905
)
NAMES = tuple(sorted(SUPPORTED - SKIPPED))

Keys = dict[str, Any]


def _sizes(name: str) -> tuple[int, int, int, int, int]:
    """Vocabulary, width, heads, feed-forward and layers."""
    special = {
        "llama4": (128, 256, 2, 384, 4),
        "gemma3n": (128, 64, 1, 96, 22),
        "deepseek4": (128, 512, 8, 1024, 4),
        "step35": (128, 160, 2, 384, 2),
        "laguna": (128, 160, 2, 384, 2),
        "qwen3": (128, 256, 4, 384, 2),
        "muse-glimmer": (128, 256, 4, 384, 2),
        "afmoe": (128, 256, 4, 384, 2),
        "nemotron_h": (128, 256, 2, 384, 3),
        "nemotron_h_moe": (128, 256, 2, 384, 3),
        "qwen3tts": (3072, 256, 2, 384, 2),
        "hrm_text": (128, 256, 2, 384, 6),
    }
    return special.get(name, (128, 128, 1, 192, 2) if name in LATENT else (128, 256, 2, 384, 2))


def metadata(name: str) -> Keys:
    """The architecture's own keys, without its name in front."""
    n_vocab, width, heads, feed, layers = _sizes(name)
    head = width // heads
    keys: Keys = {
        "vocab_size": n_vocab,
        "context_length": 256,
        "embedding_length": width,
        "features_length": width,
        "block_count": layers,
        "leading_dense_block_count": 1,
        "feed_forward_length": feed,
        "use_parallel_residual": False,
        "logit_scale": 1.0,
        "time_mix_extra_dim": 64,
        "time_decay_extra_dim": 128,
        "full_attention_interval": 2,
        "attention.max_alibi_bias": 8.0,
        "attention.clamp_kqv": 1.0,
        "attention.layer_norm_epsilon": 1e-5,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "attention.group_norm_epsilon": 1e-5,
        "attention.group_norm_groups": 8,
        "attention.q_lora_rank": 64 if name == "deepseek4" else 512,
        "attention.kv_lora_rank": 512,
        "attention.relative_buckets_count": 8,
        "attention.sliding_window": 32,
        "attention.sliding_window_pattern": 2,
        "attention.indexer.head_count": heads if name == "minimax-m3" else 64,
        "attention.indexer.key_length": head if name == "qwen4exp" else 128,
        "attention.indexer.top_k": 131_072,
        "attention.indexer.block_size": 4,
        "attention.indexer.kpool": 4,
        "attention.indexer.kpool_select_tail": True,
        "attention.indexer.local_blocks": 1,
        "rope.dimension_sections": [head // 4] * 4,
        "ssm.inner_size": 2 * width,
        "ssm.conv_kernel": 4,
        "ssm.state_size": 128,
        "ssm.time_step_rank": heads,
        "ssm.group_count": 0 if name == "plamo2" else 2,
        "kda.head_dim": 128,
        "kda.safe_gate": True,
        "kda.gate_lower_bound": -5.0,
        "wkv.head_size": head,
        "shortconv.l_cache": 3,
        "residual_scale": 3.5,
        "attn_res.block_size": 12,
        "activation.situ_beta": 4.0,
        "activation.situ_linear_beta": 25.0,
    }
    keys |= _attention(name, heads, head, layers)
    if name in MIXTURES:
        keys |= _experts(name, feed)
    for rule in _RULES.get(name, ()):
        keys |= rule(width, layers)
    return keys


def _attention(name: str, heads: int, head: int, layers: int) -> Keys:
    keys: Keys = {"attention.head_count": heads, "attention.head_count_kv": heads}
    if name in ("qwen3", "deepseek4"):
        keys["attention.head_count_kv"] = 1
    if name in ("muse-glimmer", "afmoe"):
        keys["attention.head_count_kv"] = 2
    if name in _HYBRID_HEADS:
        listed = [0 if layer == 1 else heads for layer in range(layers)]
        keys["attention.head_count_kv"] = listed
        if name != "glm5-next":
            keys["attention.head_count"] = listed
    if name in LATENT:
        keys |= {
            "attention.key_length": 512 if name == "glm5-next" else 576,
            "attention.value_length": 512,
            "rope.dimension_count": 0 if name == "glm5-next" else 64,
            "attention.key_length_mla": 192,
            "attention.value_length_mla": 128,
        }
    if name in _LISTED_WINDOWS:
        keys["attention.sliding_window_pattern"] = [layer % 2 for layer in range(layers)]
    return keys


def _experts(name: str, feed: int) -> Keys:
    return {
        "expert_feed_forward_length": feed,
        "expert_shared_feed_forward_length": feed // 2,
        "expert_latent_length": feed,
        "interleave_moe_layer_step": 2,
        "expert_count": 2,
        "expert_used_count": 2,
        "expert_shared_count": 1,
        "expert_gating_func": 4 if name == "deepseek4" else 2,
        "expert_group_scale": 1.0,
        "experts_per_group": 1,
    }


def _nemotron(width: int, layers: int) -> Keys:
    return {"feed_forward_length": [0 if layer <= 1 else 384 for layer in range(layers)]}


def _indexers(width: int, layers: int) -> Keys:
    return {"attention.indexer.types": [0 if layer % 2 else 1 for layer in range(layers)]}


def _small_inner(width: int, layers: int) -> Keys:
    return {"ssm.inner_size": 256}


def _hyper(width: int, layers: int) -> Keys:
    return {
        "hyper_connection.count": 4,
        "hyper_connection.sinkhorn_iterations": 2,
        "hyper_connection.epsilon": 1e-6,
        "hyper_connection.low_rank": 8,
        "attention.compress_ratios": [4] * layers,
    }


def _deepseek4(width: int, layers: int) -> Keys:
    head = width // 8
    return {
        "attention.key_length": head,
        "attention.value_length": head,
        "rope.dimension_count": head // 2,
        "attention.output_group_count": 8,
        "attention.output_lora_rank": 32,
        "attention.compress_ratios": [0, 0, 4, 128],
        "attention.compress_rope_freq_base": 160_000.0,
        "hyper_connection.count": 4,
        "hyper_connection.sinkhorn_iterations": 2,
        "hyper_connection.epsilon": 1e-6,
        "hash_layer_count": 0,
        "swiglu_clamp_exp": 10.0,
        "expert_weights_scale": 1.0,
        "expert_weights_norm": True,
    }


def _dots3note(width: int, layers: int) -> Keys:
    return {
        "attention.kv_lora_rank_swa": 512,
        "attention.key_length_swa": 576,
        "attention.value_length_swa": 512,
        "attention.key_length_mla_swa": 192,
        "attention.value_length_mla_swa": 128,
        "rope.freq_base_swa": 10_000.0,
    }


def _hy_v4(width: int, layers: int) -> Keys:
    return {
        "hyper_connection.count": 4,
        "hyper_connection.epsilon": 1e-6,
        "hyper_connection.magnitude": 2.0,
        "swiglu_clamp_exp": 10.0,
        "expert_weights_scale": 1.0,
        "expert_weights_norm": True,
    }


def _bailing(width: int, layers: int) -> Keys:
    return {
        "rope.dimension_sections": [8, 12, 12, 0],
        "swiglu_clamp_exp": [0.0, 4.0],
        "swiglu_clamp_shexp": [0.0, 5.0],
    }


_RULES: dict[str, tuple[Callable[[int, int], Keys], ...]] = {
    "nemotron_h": (_nemotron,),
    "nemotron_h_moe": (_nemotron,),
    "qwen3next": (_small_inner,),
    "qwen35": (_small_inner,),
    "qwen35moe": (_small_inner,),
    "deepseek4": (_deepseek4,),
    "dots3note": (_dots3note, _indexers),
    "hy_v4": (_hy_v4, _indexers),
    "glm5-next": (_hyper, _indexers),
    "bailingmoe3": (_bailing,),
    "minimax-m3": (lambda width, layers: {"rope.dimension_count": 64},),
    "maple": (lambda width, layers: {"swiglu_clamp_exp": 7.0},),
    "hrm_text": (
        lambda width, layers: {"hrm.layers_per_stack": 1, "hrm.h_cycles": 2, "hrm.l_cycles": 2},
    ),
    "rwkv6qwen2": (lambda width, layers: {"token_shift_count": 1},),
    "arwkv7": (lambda width, layers: {"token_shift_count": 1},),
    "apertus": (
        lambda width, layers: {
            "xielu.alpha_n": 1.0,
            "xielu.alpha_p": 1.0,
            "xielu.beta": 1.0,
            "xielu.eps": 1e-7,
        },
    ),
}


def build(name: str, path: Path) -> None:
    """Let llama.cpp lay the model out and save it. May end the process."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "metadata.gguf"
        _write_metadata(name, bare)
        _save(bare, path)


def _write_metadata(name: str, path: Path) -> None:
    writer = gguf.GGUFWriter(path, name)
    for key, value in metadata(name).items():
        key = key if key.startswith("xielu.") else f"{name}.{key}"
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        else:
            kind = gguf.GGUFValueType.UINT32
            if isinstance(value[0], float):
                kind = gguf.GGUFValueType.FLOAT32
            writer.add_key_value(key, value, gguf.GGUFValueType.ARRAY, sub_type=kind)
    n_vocab = _sizes(name)[0]
    writer.add_tokenizer_model("test")
    writer.add_token_list([f"tok_{index}" for index in range(n_vocab)])
    writer.add_token_scores([0.0] * n_vocab)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()


class _InitParams(ctypes.Structure):
    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


def _save(bare: Path, path: Path) -> None:
    import llama_cpp

    api: Any = llama_cpp
    library = next((Path(api.__file__).parent / "lib").glob("*ggml-base*"))
    base = ctypes.CDLL(str(library))
    base.gguf_init_from_file.restype = ctypes.c_void_p
    base.gguf_init_from_file.argtypes = [ctypes.c_char_p, _InitParams]
    base.ggml_get_name.restype = ctypes.c_char_p
    base.ggml_nbytes.restype = ctypes.c_size_t
    base.ggml_nelements.restype = ctypes.c_int64
    for function in (base.ggml_get_name, base.ggml_nbytes, base.ggml_nelements):
        function.argtypes = [ctypes.c_void_p]
    base.ggml_backend_tensor_set.argtypes = [
        *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t)
    ]
    base.ggml_backend_tensor_set.restype = None
    rng = np.random.default_rng(0)

    def fill(tensor: int, _data: object) -> None:
        n_elements = base.ggml_nelements(tensor)
        values = 0.1 * rng.standard_normal(n_elements)
        if b"ssm_a" in base.ggml_get_name(tensor):
            values = -abs(values)
        n_bytes = base.ggml_nbytes(tensor)
        kind = np.float32 if n_bytes == 4 * n_elements else np.float16
        base.ggml_backend_tensor_set(tensor, values.astype(kind).tobytes(), 0, n_bytes)

    silent = api.llama_log_callback(lambda level, text, data: None)
    api.llama_log_set(silent, None)
    header = base.gguf_init_from_file(str(bare).encode(), _InitParams(True, None))
    parameters = api.llama_model_default_params()
    parameters.n_gpu_layers = 0
    callback = api.llama_model_set_tensor_data_t(fill)
    model = api.llama_model_init_from_user(header, callback, None, parameters)
    if not model:
        sys.exit("llama.cpp did not build it")
    api.llama_model_save_to_file(model, str(path).encode())
    api.llama_model_free(model)


def build_all(folder: Path, names: tuple[str, ...] = NAMES) -> dict[str, Path]:
    """Build each in a process of its own; returns those that came out."""
    folder.mkdir(parents=True, exist_ok=True)
    built = {}
    for name in names:
        path = folder / f"arch-{name}.gguf"
        command = [sys.executable, "-m", "tests.torture.gguf_architectures", "--one", name]
        result = subprocess.run(
            [*command, str(path)], capture_output=True, check=False, timeout=120
        )
        if result.returncode == 0 and path.exists():
            built[name] = path
        else:
            path.unlink(missing_ok=True)
    return built


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--one":
        build(sys.argv[2], Path(sys.argv[3]))
    else:
        done = build_all(Path(sys.argv[1]), tuple(sys.argv[2:]) or NAMES)
        print(f"built {len(done)} of {len(sys.argv[2:] or NAMES)}")
        print("not built:", " ".join(sorted(set(sys.argv[2:] or NAMES) - set(done))))
