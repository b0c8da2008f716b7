"""Smaller files made of real ones: sizes foretold to the byte, and nothing left half-made."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from app.engine.messages import LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.children import ChildDied, run_child
from app.foundation.errors import (
    HearthError,
    InvalidInput,
    ModelFileInvalid,
    ModelNotFound,
    ModelUnsupported,
    RequestFailed,
    StorageError,
    StorageFull,
)
from app.gguf.facts import facts_of
from app.gguf.reader import read_header
from app.inference.quantizing import (
    HERE,
    QUANTS,
    Made,
    Making,
    Quantizing,
    QuantizingStopped,
)
from app.planner.quality import TIERS, quality_of
from tests.fixtures.tiny_models import KINDS, make

WIDE: dict[str, Any] = {"n_embd": 256, "head_dim": 64, "n_ff": 512}
"""Rows that fit every type; the usual tiny ones fall back to others."""
CASES: list[tuple[str, str, dict[str, Any]]] = [
    *((quant, "llama", {"n_layer": 16, **WIDE}) for quant in QUANTS),
    *((quant, "llama", {"n_layer": 8, "n_head": 8, "n_head_kv": 2, **WIDE}) for quant in
      ("IQ4_XS", "Q4_K_M")),
    *((quant, "mixtral", {"n_expert": 8, **WIDE}) for quant in ("Q4_K_M", "Q4_K_S", "Q3_K_M")),
    *((quant, "qwen3moe", {"n_layer": 9, **WIDE}) for quant in ("Q4_K_M", "Q4_K_S", "Q3_K_M")),
    *(("Q4_K_M", kind, {}) for kind in KINDS),
]  # fmt: skip

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="children are shell scripts here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def quantizing(folder: Path) -> Quantizing:
    return Quantizing(lambda: folder)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make("llama", tmp_path, n_layer=4, **WIDE)


def children_run(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr("app.foundation.children.command_for", lambda name: ["sh", "-c", script])


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def refused(call: Callable[[], object], kind: type[HearthError]) -> HearthError:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.title
    assert caught.value.detail
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(("quant", "kind", "shape"), CASES)
def test_a_file_is_as_large_as_was_said(
    quant: str, kind: str, shape: dict[str, Any], tmp_path: Path, quantizing: Quantizing
) -> None:
    source = make(kind, tmp_path, **({"quant": "F16"} | shape))
    before = hashlib.sha256(source.read_bytes()).digest()
    target = quantizing.offer(source).target(quant)
    made = quantizing.make(source, quant)
    assert made.bytes == made.path.stat().st_size == target.bytes
    assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    facts = facts_of(read_header(made.path))
    assert facts.quant == quant
    assert facts.n_params == facts_of(read_header(source)).n_params
    assert hashlib.sha256(source.read_bytes()).digest() == before


def test_the_smaller_model_computes_nearly_the_same(source: Path, quantizing: Quantizing) -> None:
    original = {tensor.name: tensor for tensor in gguf.GGUFReader(source).tensors}
    errors = []
    for quant in ("Q8_0", "Q4_K_M", "Q3_K_M"):
        made = quantizing.make(source, quant)
        settings = LoadSettings(str(made.path), n_ctx=512, n_ubatch=32)
        request = {"settings": dataclasses.asdict(settings)}
        assert run_child("trial", request, deadline_s=120)["ok"]
        worst = 0.0
        for tensor in gguf.GGUFReader(made.path).tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            whole = original[tensor.name]
            exact = gguf.quants.dequantize(whole.data, whole.tensor_type)
            scale = float(np.abs(exact).max()) or 1.0
            worst = max(worst, float(np.abs(values - exact).mean()) / scale)
        errors.append(worst)
    assert 0 < errors[0] < errors[1] < errors[2] < 0.2


def test_what_can_be_made_is_said_with_sizes_and_quality(
    tmp_path: Path, quantizing: Quantizing, folder: Path
) -> None:
    offer = quantizing.offer(make("llama", tmp_path, n_layer=16, **WIDE))
    assert offer.name == "Tiny llama"
    assert {target.quant for target in offer.targets} == set(QUANTS)
    sizes = [offer.bytes, *(target.bytes for target in offer.targets)]
    assert sizes == sorted(sizes, reverse=True)
    assert all(target.tier == quality_of(target.quant).tier for target in offer.targets)
    assert not offer.warning
    assert not folder.exists()  # nothing was started


def test_rows_that_fit_no_block_are_offered_once(tmp_path: Path, quantizing: Quantizing) -> None:
    offer = quantizing.offer(make("llama", tmp_path))
    sizes = [target.bytes for target in offer.targets]
    assert len(set(sizes)) == len(sizes) < len(QUANTS)


def test_what_was_made_smaller_once_is_warned_of(tmp_path: Path, quantizing: Quantizing) -> None:
    source = make("qwen3", tmp_path, quant="Q5_K")
    offer = quantizing.offer(source)
    assert "Q5_K_M" in offer.warning
    assert all(target.bytes < offer.bytes for target in offer.targets)
    own = quality_of("Q5_K_M").tier
    assert all(TIERS.index(target.tier) >= TIERS.index(own) for target in offer.targets)
    error = refused(lambda: quantizing.make(source, "Q4_K_S"), InvalidInput)
    assert error.detail == offer.warning
    assert quantizing.make(source, "Q4_K_S", accept_warning=True).quant == "Q4_K_S"


def test_eight_bits_lose_nothing_worth_a_warning(tmp_path: Path, quantizing: Quantizing) -> None:
    offer = quantizing.offer(make("qwen3", tmp_path, quant="Q8_0"))
    assert not offer.warning
    assert "Q8_0" not in [target.quant for target in offer.targets]
    refused(lambda: offer.target("Q8_0"), InvalidInput)


def test_a_split_model_becomes_one_file(tmp_path: Path, quantizing: Quantizing) -> None:
    first = make("qwen2", tmp_path, quant="F16", most_tensors=7)
    offer = quantizing.offer(first)
    made = quantizing.make(first, "Q8_0")
    assert made.bytes == pytest.approx(offer.target("Q8_0").bytes, rel=0.05)
    assert "00001-of" not in made.path.name
    assert facts_of(read_header(made.path)).n_params == sum(
        tensor.n_elements for part in tmp_path.glob("*-of-*.gguf")
        for tensor in read_header(part).tensors
    )  # fmt: skip


def test_what_comes_of_it_is_told_and_recorded(source: Path, folder: Path) -> None:
    told: list[Making] = []
    recorded: list[Made] = []
    made = Quantizing(lambda: folder, recorded.append).make(source, "q4_k_m", progress=told.append)
    assert recorded == [made]
    assert made.source == source
    assert made.path == folder / HERE / "Tiny-llama-GGUF" / "Tiny-llama-Q4_K_M.gguf"
    assert files_in(folder) == [made.path]
    assert told[0] == Making("making", 0, made.bytes)
    assert told[-1] == Making("checking", made.bytes, made.bytes)
    done = [each.done_bytes for each in told if each.stage == "making"]
    assert done == sorted(done)
    assert max(done) <= made.bytes


@pytest.mark.parametrize(
    ("name", "folder_name"),
    [
        ("Qwen3.5 4B Q8_0", "Qwen3.5-4B-GGUF"),
        ("CON", "CON-GGUF"),
        ("..", "model-"),
        ("../../../outside", "outside-GGUF"),
        ("a\\b:c|d", "a_b_c_d-GGUF"),
        ("模型", "model-"),
        ("x" * 300, "x" * 71),
    ],
)
def test_the_name_is_ours(
    name: str, folder_name: str, tmp_path: Path, quantizing: Quantizing, folder: Path
) -> None:
    written = tmp_path / "source.gguf"
    _with_name(make("llama", tmp_path), written, name)
    made = quantizing.make(written, "Q8_0")
    inside = made.path.relative_to(folder / HERE)
    assert len(inside.parts) == 2
    assert inside.parts[0].startswith(folder_name)
    assert made.path.suffix == ".gguf"
    assert files_in(folder) == [made.path]


def _with_name(source: Path, target: Path, name: str) -> None:
    """The same file under another general.name."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for key, value in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        kind = value.types[0]
        content = name if key == "general.name" else value.contents()
        writer.add_key_value(key, content, kind, value.types[-1] if len(value.types) > 1 else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_what_is_there_is_never_written_over(
    source: Path, quantizing: Quantizing, folder: Path
) -> None:
    made = quantizing.make(source, "Q8_0")
    before = made.path.read_bytes()
    error = refused(lambda: quantizing.make(source, "Q8_0"), InvalidInput)
    assert made.path.name in error.title
    assert made.path.read_bytes() == before
    assert files_in(folder) == [made.path]


def test_what_came_there_meanwhile_is_not_written_over(
    source: Path, quantizing: Quantizing, folder: Path
) -> None:
    made = quantizing.make(source, "Q8_0")
    made.path.unlink()

    def come(making: Making) -> None:
        if making.stage == "checking":
            made.path.write_bytes(b"a person's own")

    error = refused(lambda: quantizing.make(source, "Q8_0", progress=come), InvalidInput)
    assert made.path.name in error.title
    assert made.path.read_bytes() == b"a person's own"
    assert files_in(folder) == [made.path]


def test_nothing_is_made_through_a_link_that_leads_out(
    source: Path, quantizing: Quantizing, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (folder / ".hearth").symlink_to(tmp_path / "outside")
    refused(lambda: quantizing.make(source, "Q8_0"), StorageError)
    assert files_in(tmp_path / "outside") == []


@pytest.mark.parametrize("stage", ["making", "checking"])
def test_stopping_leaves_nothing(
    stage: str, source: Path, quantizing: Quantizing, folder: Path
) -> None:
    cancellation = Cancellation()

    def stop(making: Making) -> None:
        if making.stage == stage:
            cancellation.cancel()

    refused(
        lambda: quantizing.make(source, "Q4_K_M", cancellation=cancellation, progress=stop),
        QuantizingStopped,
    )
    assert files_in(folder) == []
    assert quantizing.make(source, "Q4_K_M").bytes


def test_what_is_no_whole_model_is_refused(tmp_path: Path, quantizing: Quantizing) -> None:
    missing = tmp_path / "missing.gguf"
    refused(lambda: quantizing.offer(missing), ModelNotFound)
    missing.write_bytes(b"no model")
    refused(lambda: quantizing.offer(missing), ModelFileInvalid)
    short = make("llama", tmp_path)
    short.write_bytes(short.read_bytes()[:-5000])
    refused(lambda: quantizing.offer(short), ModelFileInvalid)


def test_a_projector_is_no_model(tmp_path: Path, quantizing: Quantizing) -> None:
    path = tmp_path / "mmproj.gguf"
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_tensor("v.patch_embd.weight", np.zeros((32, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    error = refused(lambda: quantizing.offer(path), ModelUnsupported)
    assert "projector" in error.detail


def test_what_was_trained_for_few_bits_is_left_as_it_is(
    tmp_path: Path, quantizing: Quantizing
) -> None:
    source, small = make("qwen3moe", tmp_path, quant="F16"), tmp_path / "mxfp4.gguf"
    request = {"source": str(source), "target": str(small), "file_type": 38}
    assert run_child("quantize", request, deadline_s=120)["bytes"] == small.stat().st_size
    error = refused(lambda: quantizing.offer(small), ModelUnsupported)
    assert "MXFP4" in error.detail


def test_weights_that_are_no_numbers_are_refused_by_name(
    tmp_path: Path, quantizing: Quantizing, folder: Path
) -> None:
    source = make("llama", tmp_path, **WIDE)
    header = read_header(source)
    tensor = header.by_name["blk.1.ffn_up.weight"]
    content = bytearray(source.read_bytes())
    place = header.data_offset + tensor.offset
    content[place : place + 2] = b"\xff\x7f"  # a half that is not a number
    source.write_bytes(content)
    error = refused(lambda: quantizing.make(source, "Q8_0"), RequestFailed)
    assert tensor.name in error.detail
    assert files_in(folder) == []


def test_too_little_room_is_said_before_anything_is_written(
    source: Path, quantizing: Quantizing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil._ntuple_diskusage(10**6, 10**6 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    refused(lambda: quantizing.make(source, "Q8_0"), StorageFull)
    assert files_in(folder) == []


LIMITED = """
import resource, sys
from pathlib import Path
from app.foundation.errors import HearthError
from app.inference.quantizing import Quantizing
most = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    Quantizing(lambda: Path(sys.argv[2])).make(Path(sys.argv[1]), "Q8_0")
except HearthError as error:
    print(error.code, error.detail)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be limited there")
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_disk_that_ends_on_the_way_leaves_nothing(
    share: float, source: Path, quantizing: Quantizing, folder: Path
) -> None:
    # llama.cpp does not always notice: it may say that all went well.
    most = int(share * quantizing.offer(source).target("Q8_0").bytes)
    command = [sys.executable, "-c", LIMITED, str(source), str(folder), str(most)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("request_failed "), done.stdout + done.stderr
    assert files_in(folder) == []


@needs_sh
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("kill -9 $$", ChildDied),
        ("exit 3", ChildDied),
        ("echo nonsense; sleep 5", ChildDied),
        ("""echo '{"answer": {"bytes": 7}}'""", RequestFailed),
    ],
)
def test_a_child_that_dies_or_lies_leaves_nothing(
    script: str,
    kind: type[HearthError],
    source: Path,
    quantizing: Quantizing,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    children_run(monkeypatch, script)
    refused(lambda: quantizing.make(source, "Q8_0"), kind)
    assert files_in(folder) == []


@needs_sh
def test_a_file_of_another_model_is_not_taken(
    source: Path,
    quantizing: Quantizing,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = make("qwen2", tmp_path, quant="Q8_0")
    script = f"""
    read limits; read request
    cp '{other}' "$(echo "$request" | sed 's/.*"target": "\\([^"]*\\)".*/\\1/')"
    echo '{{"answer": {{"bytes": 7}}}}'
    """
    children_run(monkeypatch, script)
    error = refused(lambda: quantizing.make(source, "Q8_0"), RequestFailed)
    assert "not the same model" in error.detail
    assert files_in(folder) == []


def test_what_a_killed_process_left_is_cleared_away(
    source: Path, quantizing: Quantizing, folder: Path
) -> None:
    quantizing.make(source, "Q8_0")
    old, new = (folder / ".hearth" / f"quantize-{name}.part" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    quantizing.make(source, "Q6_K")
    assert not old.exists()
    assert new.exists()  # another Hearth may be writing it


def test_a_folder_that_cannot_be_used_is_said(source: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "models"
    blocked.write_bytes(b"a file")
    refused(lambda: Quantizing(lambda: blocked).make(source, "Q8_0"), StorageError)
    refused(lambda: Quantizing(lambda: tmp_path / "a" / "b").make(source, "Q8_0"), StorageError)
