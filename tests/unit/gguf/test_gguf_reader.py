"""The reader against real files, and against every way a container can lie about itself."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import gguf
import pytest

from app.foundation.errors import ModelFileInvalid, ModelNotFound, ModelUnsupported
from app.gguf.reader import read_header
from tests.fixtures.tiny_models import KINDS, make
from tests.torture.gguf_parts import Parts, Recipe, apply, take_apart


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("llama", tmp_path_factory.mktemp("reader"))


def mutated(base: Path, folder: Path, recipe: Recipe) -> Path:
    path = folder / "mutated.gguf"
    path.write_bytes(apply(take_apart(base), recipe))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_the_gguf_package(kind: str, tmp_path: Path) -> None:
    path = make(kind, tmp_path)
    header, other = read_header(path), gguf.GGUFReader(path)
    assert header.file_bytes == path.stat().st_size
    assert header.data_offset == other.data_offset
    for tensor, theirs in zip(header.tensors, other.tensors, strict=True):
        assert tensor.name == theirs.name
        assert tensor.shape == tuple(int(size) for size in theirs.shape)
        assert tensor.type_name == theirs.tensor_type.name
        assert tensor.n_bytes == theirs.n_bytes
        assert header.data_offset + tensor.offset == theirs.data_offset
    for key, value in header.metadata.items():
        theirs_value = other.fields[key].contents()
        ours = list(value) if header.types[key].startswith("[") else value  # type: ignore[arg-type]
        assert ours == theirs_value, key


def test_a_file_taken_apart_and_put_together_is_the_same(llama: Path, tmp_path: Path) -> None:
    assert apply(take_apart(llama), []) == llama.read_bytes()


def test_version_2_is_read(llama: Path, tmp_path: Path) -> None:
    assert read_header(mutated(llama, tmp_path, [["version", 2]])).version == 2


def test_strings_are_texts_on_demand(llama: Path) -> None:
    tokens = read_header(llama).metadata["tokenizer.ggml.tokens"]
    assert not isinstance(tokens, int | float | str)
    assert tokens[1] == "<s>"
    assert tokens[0:3] == ["<unk>", "<s>", "</s>"]
    assert len(list(tokens)) == len(tokens)


LIES: dict[str, tuple[Recipe, str]] = {
    "cut in the data": ([["raw", "cut", 0.9]], "cut off"),
    "cut in the header": ([["raw", "cut_header", 0.5]], "cut off"),
    "key twice": ([["duplicate", "llama.block_count"]], "twice"),
    "key without a name": ([["rename", "llama.block_count", ""]], "0 bytes"),
    "key with a space": ([["rename", "llama.block_count", "a b"]], "characters"),
    "key too long": ([["rename", "llama.block_count", "x" * 5000]], "5,000 bytes"),
    "text longer than the file": ([["claim", "general.name", 1 << 40]], "claims"),
    "text a little too long": ([["claim", "general.name", 60_000_000]], "cut off"),
    "list longer than the file": ([["claim", "tokenizer.ggml.tokens", 1 << 40]], "elements"),
    "numbers longer than the file": ([["claim", "tokenizer.ggml.scores", 1 << 60]], "elements"),
    "unknown value type": ([["retype", "llama.block_count", 99]], "type 99"),
    "list of lists": ([["retype", "tokenizer.ggml.scores", 9]], "type 9"),
    "too many keys": ([["counts", 1 << 60, None]], "claims"),
    "one key too many": ([["counts", 300, None]], ""),
    "too many tensors": ([["counts", None, 1 << 60]], "claims"),
    "tensor without a name": ([["tensor_name", "output.weight", ""]], "name"),
    "tensor name with a zero": ([["tensor_name", "output.weight", "a\0"]], "name"),
    "tensor name too long": ([["tensor_name", "output.weight", "x" * 64]], "64 bytes"),
    "tensor twice": ([["tensor_copy", "output.weight", "output.weight"]], "twice"),
    "tensor of no size": ([["shape", "output_norm.weight", [0], False]], "dimension"),
    "tensor of a huge size": ([["shape", "output_norm.weight", [1 << 41], False]], "dimension"),
    "tensor whose size overflows": (
        [["shape", "output_norm.weight", [1 << 39, 1 << 39, 4, 4], False]],
        "elements",
    ),
    "tensor of five dimensions": ([["shape", "output_norm.weight", [1] * 5, False]], "5 dim"),
    "unknown tensor type": ([["tensor_type", "output.weight", 4, False]], "type 4"),
    "row not of whole blocks": ([["tensor_type", "output.weight", 12, False]], "multiple of 256"),
    "tensor at a gap": ([["tensor_offset", "output.weight", 1 << 20]], "starts at"),
    "tensors that overlap": ([["tensor_offset", "output.weight", 0]], "starts at"),
    "alignment of 3": ([["set", "general.alignment", "u32", 3]], "power of two"),
    "alignment of 0": ([["set", "general.alignment", "u32", 0]], "power of two"),
    "alignment as text": ([["set", "general.alignment", "text", "32"]], "alignment"),
    "big-endian": ([["version", 0x03000000]], "big-endian"),
    "version 1": ([["version", 1]], "version 1"),
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses(lie: str, llama: Path, tmp_path: Path) -> None:
    recipe, words = LIES[lie]
    with pytest.raises(ModelFileInvalid) as caught:
        read_header(mutated(llama, tmp_path, recipe))
    assert words in caught.value.detail
    assert caught.value.remedy


def test_a_later_format_is_unsupported_not_damaged(llama: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="Update Hearth"):
        read_header(mutated(llama, tmp_path, [["version", 4]]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (b"GGUF", "4 bytes"),
        (b"\0" * 4096, "never finished"),
        (b"<!DOCTYPE html><html>" + b" " * 100, "web page"),
        (b"PK\x03\x04" + b"x" * 100, "zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n" + b"x" * 100, "stands for a larger one"),
        (b"ggjt" + b"x" * 100, "old GGML"),
        (b"\x93NUMPY" + b"x" * 100, "letters GGUF"),
    ],
)
def test_says_what_a_file_is_instead(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelFileInvalid) as caught:
        read_header(path)
    assert words in caught.value.detail


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        read_header(tmp_path / "none.gguf")
    with pytest.raises(ModelNotFound):
        read_header(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="tracing allocations is enough once")
def test_a_tiny_file_cannot_claim_much_memory(tmp_path: Path) -> None:
    """Lists that claim what the file does not hold are refused before anything is allocated."""
    import tracemalloc

    path = tmp_path / "model.gguf"
    for kind in (0, 4, 6, 8, 12):
        head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
        key = struct.pack("<Q", 3) + b"a.b"
        path.write_bytes(head + key + struct.pack("<IIQ", 9, kind, 60_000_000) + b"\0" * 64)
        tracemalloc.start()
        with pytest.raises(ModelFileInvalid):
            read_header(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 4_000_000


def test_every_cut_of_a_small_file_is_refused(tmp_path: Path) -> None:
    """Wherever the header of a download ends, it is an error with words, never anything else."""
    whole = apply(
        Parts("x", [], []),
        [
            ["set", "general.architecture", "text", "llama"],
            ["set", "a.list", "[text]", ["one", "two"]],
            ["set", "a.numbers", "[u32]", [1, 2, 3]],
            ["set", "a.fraction", "f32", "0.5"],
        ],
    )
    path = tmp_path / "model.gguf"
    end = len(whole.rstrip(b"\0"))
    for length in range(end):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileInvalid):
            read_header(path)
    path.write_bytes(whole)
    assert read_header(path).metadata["a.fraction"] == 0.5
