"""Writes the trained Guide as GGUF: F16 for quality checks, Q8_0 to ship.

    python -m resources.starter.export [--out build/starter] [--f16]

`guide.gguf` and `guide.sha256` land beside this file; `--f16` writes guide-f16.gguf to --out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch

from resources.starter.network import Shape
from resources.starter.samples import END, SPECIAL

HERE = Path(__file__).resolve().parent
NAME = "Hearth Guide"

#: The Guide was trained on chats of up to eight turns. Longer ones keep their last eight or
#: so; the start moves in steps of four turns, so that most turns still find their prefix read.
TEMPLATE = (
    "{%- set talk = messages | rejectattr('role', 'equalto', 'system') | list -%}"
    "{%- set first = ((talk | length - 8) // 8) * 8 if talk | length > 15 else 0 -%}"
    "{%- for message in talk[first:] -%}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + "
    "('' if continue_final_message and loop.last else '<|end|>') }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)


def write(folder: Path, target: Path, quantized: bool) -> None:
    """Convert the checkpoint in `folder` to the GGUF `target`."""
    saved = torch.load(folder / "checkpoint.pt")
    shape = Shape(**saved["shape"])
    writer = gguf.GGUFWriter(target, "llama")
    kind = gguf.LlamaFileType.MOSTLY_Q8_0 if quantized else gguf.LlamaFileType.MOSTLY_F16
    _write_facts(writer, shape, kind)
    _write_vocabulary(writer, json.loads((folder / "tokenizer.json").read_text("utf-8")))
    _write_tensors(writer, saved["network"], quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_facts(writer: gguf.GGUFWriter, shape: Shape, kind: gguf.LlamaFileType) -> None:
    writer.add_name(NAME)
    writer.add_description("Answers questions about Hearth, and nothing else.")
    writer.add_license("MIT")
    writer.add_context_length(shape.n_ctx)
    writer.add_embedding_length(shape.n_embd)
    writer.add_block_count(shape.n_layers)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_head)
    writer.add_head_count_kv(shape.n_head_kv)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_vocab_size(shape.n_vocab)
    writer.add_file_type(kind)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _write_vocabulary(writer: gguf.GGUFWriter, tokenizer: dict) -> None:
    vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda pair: pair[1])
    words = [word for word, _ in vocabulary]
    kinds = [gguf.TokenType.CONTROL if word in SPECIAL else gguf.TokenType.NORMAL for word in words]
    merges = [" ".join(pair) for pair in tokenizer["model"]["merges"]]
    end = words.index(END)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end)
    writer.add_eot_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(TEMPLATE)


def _write_tensors(
    writer: gguf.GGUFWriter, tensors: dict[str, torch.Tensor], quantized: bool
) -> None:
    kind = gguf.GGMLQuantizationType.Q8_0 if quantized else gguf.GGMLQuantizationType.F16
    for name, tensor in tensors.items():
        values = tensor.detach().float().numpy()
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            packed = gguf.quantize(np.ascontiguousarray(values), kind)
            writer.add_tensor(name, packed, raw_dtype=kind)


def main() -> None:
    """Read the words and write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/starter"))
    parser.add_argument("--f16", action="store_true")
    words = parser.parse_args()
    if words.f16:
        write(words.out, words.out / "guide-f16.gguf", quantized=False)
        return
    target = HERE / "guide.gguf"
    write(words.out, target, quantized=True)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    (HERE / "guide.sha256").write_text(f"{digest}\n", encoding="ascii")
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB, {digest}")


if __name__ == "__main__":
    main()
