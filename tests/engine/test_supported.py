"""What is said to be supported is what the loaded library knows, and what is refused it refuses."""

from __future__ import annotations

import ctypes
from pathlib import Path

import gguf
import numpy as np
import pytest

from app.engine.model import Model
from app.engine.native import open_library
from app.gguf.reader import read_header
from app.gguf.types import TENSOR_TYPES
from app.models.support import RUNTIME, problem_of
from tests.fixtures.engine_runs import settings_for
from tests.fixtures.tiny_models import make


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    found: ctypes.CDLL = open_library().api._lib
    return found


def test_the_loaded_library_knows_every_name(library: ctypes.CDLL) -> None:
    content = Path(library._name).resolve().read_bytes()
    names = RUNTIME.architectures | RUNTIME.tokenizers | RUNTIME.pre_tokenizers

    def missing(names: frozenset[str]) -> set[str]:
        return {name for name in names if name.encode() + b"\0" not in content}

    # A text of up to eight bytes may be compared as a number, and is no text in the library then.
    assert {name for name in missing(names) if len(name) > 16} == set()
    assert not missing(RUNTIME.architectures)
    assert missing(frozenset({"no-such-architecture"}))


def test_the_loaded_library_has_the_same_tensor_types(library: ctypes.CDLL) -> None:
    base = ctypes.CDLL(str(next(Path(library._name).resolve().parent.glob("*ggml-base.*"))))
    base.ggml_type_name.restype = ctypes.c_char_p
    base.ggml_type_size.restype = ctypes.c_size_t
    base.ggml_blck_size.restype = ctypes.c_int64
    for number, kind in TENSOR_TYPES.items():
        assert base.ggml_type_name(number).decode().upper() == kind.name
        assert base.ggml_blck_size(number) == kind.block
        assert base.ggml_type_size(number) == kind.block_bytes
    assert {kind.name for kind in TENSOR_TYPES.values()} >= RUNTIME.tensor_types


def test_a_model_with_its_projector_in_one_file_is_refused_by_both(tmp_path: Path) -> None:
    whole = make("llama", tmp_path)
    assert problem_of(read_header(whole)) is None
    Model(open_library(), settings_for(whole), lambda fraction: True).close()
    merged = with_tensor(whole, tmp_path / "merged.gguf", "v.blk.0.attn_q.weight")
    problem = problem_of(read_header(merged))
    assert problem is not None
    assert "projector" in problem.detail
    with pytest.raises(RuntimeError, match="no model"):
        Model(open_library(), settings_for(merged), lambda fraction: True)


def with_tensor(source: Path, target: Path, name: str) -> Path:
    """A copy of a model with one more tensor."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, sub_type=inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.add_tensor(name, np.ones((4, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
