"""Facts of files nobody downloaded, against files of the same dimensions that were written.

The written files hold no weights; another library (`gguf`) writes their headers.
"""

from __future__ import annotations

from array import array
from pathlib import Path

import gguf
import numpy as np
import pytest

from app.foundation.errors import ModelUnsupported
from app.gguf.facts import facts_of as header_facts
from app.gguf.header import Header
from app.gguf.reader import read_header
from app.models.catalog import Entry, File, load
from app.models.facts import facts_of, foretold

PARAMETERS = {
    # Counted by their publishers.
    "granite-4.0-h-tiny": 6_939_037_248,
    "granite-4.1-30b": 28_865_728_512,
    "lfm2.5-8b-a1b": 8_467_856_832,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.3-70b": 70_553_706_496,
    "ministral-3-3b": 3_429_006_336,
    "qwen3-4b-instruct-2507": 4_022_468_096,
    "qwen3-coder-next": 79_674_391_296,
    "qwen3.5-4b": 4_205_751_296,
    "qwen3.5-35b-a3b": 34_660_610_688,
    "gemma-4-e2b": 4_647_450_147,
    "glm-4.7-flash": 29_943_393_920,
    "smollm3-3b": 3_075_098_624,
}
KV_8K = {
    # Full attention, windows, states, shared and compressed caches; f16, one sequence.
    "llama-3.2-1b": 268_435_456,
    "gemma-4-e2b": 62_914_560,
    "gemma-4-31b": 1_929_379_840,
    "gpt-oss-20b": 220_200_960,
    "qwen3.5-4b": 321_126_400,
    "lfm2.5-8b-a1b": 100_958_208,
    "granite-4.0-h-tiny": 125_169_664,
    "nemotron-3-nano-30b-a3b": 100_261_888,
    "glm-4.7-flash": 443_547_648,
}
CASES = [
    pytest.param(entry, file, id=f"{entry.id}:{file.quant}")
    for entry in load().entries
    if entry.header
    for file in entry.files
]


def entry_of(model: str) -> Entry:
    found = load().find(model)
    assert found is not None
    return found


def written(header: Header, path: Path) -> Path:
    """A file of the same metadata and tensors, its weights a hole."""
    writer = gguf.GGUFWriter(path, header.architecture)
    for key, value in header.metadata.items():
        if key == "general.architecture":
            continue
        if isinstance(value, str):
            writer.add_string(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, array):
            kind = bool if value.typecode == "B" else int
            writer.add_array(key, [kind(item) for item in value])
        else:
            assert isinstance(value, int)
            writer.add_uint32(key, value)
    for tensor in header.tensors:
        dtype = gguf.GGMLQuantizationType[tensor.type_name]
        shape = tensor.shape[::-1]
        block, block_bytes = gguf.GGML_QUANT_SIZES[dtype]
        n_bytes = tensor.n_elements // block * block_bytes
        writer.add_tensor_info(tensor.name, shape, np.dtype(np.float32), n_bytes, raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        data = sum(-(-tensor.n_bytes // 32) * 32 for tensor in header.tensors)
        file.truncate(-(-end // 32) * 32 + data)
    return path


@pytest.mark.parametrize(("entry", "file"), CASES)
def test_a_file_of_the_catalogue_takes_what_one_on_disk_takes(
    entry: Entry, file: File, tmp_path: Path
) -> None:
    made = foretold(entry, file)
    facts = facts_of(entry, file)
    assert facts.file_bytes == file.bytes
    assert facts.quant == file.quant
    held = sum(tensor.n_bytes for tensor in made.header.tensors)
    assert held <= file.bytes
    assert held == pytest.approx(file.bytes, rel=0.025)
    if not made.is_exact:
        return
    real = header_facts(read_header(written(made.header, tmp_path / "model.gguf")))
    assert facts.weight_bytes == pytest.approx(real.weight_bytes, rel=0.01)
    assert facts.layer_bytes == pytest.approx(real.layer_bytes, rel=0.01)
    assert facts.expert_layer_bytes == pytest.approx(real.expert_layer_bytes, rel=0.01)
    assert facts.tied_output_bytes == real.tied_output_bytes
    for n_ctx in (512, 8192, 65_536):
        for kinds in (("f16", "f16"), ("q8_0", "q8_0")):
            assert facts.kv_bytes(n_ctx, 2, *kinds) == real.kv_bytes(n_ctx, 2, *kinds)


def test_most_files_are_foretold_to_the_tensor() -> None:
    exact = [foretold(*case.values).is_exact for case in CASES]  # type: ignore[arg-type]
    assert sum(exact) >= 0.55 * len(exact)


@pytest.mark.parametrize("model", PARAMETERS)
def test_the_layout_has_the_weights_that_its_publisher_counts(model: str) -> None:
    entry = entry_of(model)
    # Two publishers leave the corrections of the router out; no model has many of those.
    found = facts_of(entry, entry.default_file).n_params
    assert found == pytest.approx(PARAMETERS[model], rel=1e-6)


@pytest.mark.parametrize("model", KV_8K)
def test_the_memory_of_a_conversation_is_that_of_its_kind_of_layers(model: str) -> None:
    entry = entry_of(model)
    assert facts_of(entry, entry.default_file).kv_bytes(8192) == KV_8K[model]


def test_larger_quants_of_a_model_have_larger_layers() -> None:
    entry = entry_of("qwen3.5-9b")
    by_size = sorted(entry.files, key=lambda file: file.bytes)
    layers = [sum(facts_of(entry, file).layer_bytes) for file in by_size]
    assert layers == sorted(layers)
    assert len(set(layers)) == len(layers)


def test_a_model_of_unknown_build_is_said_to_be_one() -> None:
    entry = entry_of("granite-4.2-3b")
    with pytest.raises(ModelUnsupported, match=entry.name):
        facts_of(entry, entry.default_file)
