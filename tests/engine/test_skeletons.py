"""The short form of `tests.verify.skeleton`: headers alone, counted by llama.cpp."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from app.foundation.errors import StorageError
from app.gguf.facts import facts_of as header_facts
from app.gguf.reader import read_header
from app.inference.planning import count_memory
from app.models.catalog import Entry, File
from app.models.facts import foretold
from app.models.light import light, stripped
from app.models.skeleton import _write, skeleton
from app.planner.plan import Wish
from tests.fixtures.distribution import unpacked
from tests.fixtures.tiny_models import CHAT_KINDS, make
from tests.verify.skeleton import (
    DONORS,
    Compared,
    counted,
    exact_files,
    is_right,
    of_real_size,
    settings_for,
    with_vocabulary,
)

WISH = Wish(n_ctx=8192, n_ubatch=64, n_seq_max=1, load_mode="none")


def one_of_each() -> list[tuple[Entry, File]]:
    """The smallest model of every architecture in the catalogue."""
    found: dict[str, tuple[Entry, File]] = {}
    for entry, file in exact_files():
        assert entry.header is not None
        found.setdefault(entry.header.architecture, (entry, file))
    return list(found.values())


@pytest.mark.parametrize(
    ("entry", "file"), one_of_each(), ids=[entry.id for entry, _ in one_of_each()]
)
def test_llama_cpp_counts_what_the_catalogue_foretells(
    entry: Entry, file: File, tmp_path: Path
) -> None:
    found = of_real_size(entry, file, WISH, tmp_path)
    assert is_right(found), found


def test_every_architecture_of_the_catalogue_is_laid_out_to_the_tensor() -> None:
    assert len(one_of_each()) >= 15


def test_the_check_can_fail() -> None:
    right = [Compared("weights", 10**9, 10**9), Compared("context", 8, 8), Compared("c", 1, 1)]
    assert is_right(right)
    assert not is_right([Compared("weights", 10**9 + 10**6, 10**9), *right[1:]])
    assert not is_right([right[0], Compared("context", 8, 9), right[2]])
    assert not is_right([*right[:2], Compared("computing", 10**9, 2 * 10**9)])


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_a_header_without_its_vocabulary_counts_the_same(
    kind: str, tiny_models: Path, tmp_path: Path
) -> None:
    path = make(kind, tiny_models)
    full = read_header(path)
    assert header_facts(light(full)).n_vocab == header_facts(full).n_vocab
    assert header_facts(light(full)).kind == header_facts(full).kind
    real = count_memory(settings_for(path))
    with skeleton(stripped(full), tmp_path) as small:
        assert small.stat().st_size < path.stat().st_size
        settings = settings_for(small)
        assert count_memory(settings) == real
    assert not small.exists()


@pytest.mark.distribution
@pytest.mark.parametrize("model", DONORS)
def test_a_genuine_vocabulary_changes_no_count(model: str, tmp_path: Path) -> None:
    entry = next(entry for entry, _ in exact_files() if entry.id == model)
    vocabulary = unpacked() / "models" / f"ggml-vocab-{DONORS[model]}.gguf"
    full = with_vocabulary(entry, vocabulary)
    with_words, without = counted(full, tmp_path), counted(stripped(full), tmp_path)
    assert with_words["devices"] == without["devices"]
    assert with_words["taken"] > without["taken"]


def test_a_skeleton_takes_no_room_and_leaves_nothing(tmp_path: Path) -> None:
    entry, file = next(pair for pair in exact_files() if pair[1].bytes > 10**10)
    folder = tmp_path / "not made yet"
    with skeleton(stripped(foretold(entry, file).header), folder) as path:
        assert path.stat().st_size > 10**10
        if os.name == "posix":
            assert path.stat().st_blocks * 512 < 10**6
    assert list(folder.iterdir()) == []


class Filled(io.BufferedRandom):
    """A file on a disk that knows no holes: what it is made longer by is taken at once."""

    most_bytes = 0

    def truncate(self, size: int | None = None) -> int:
        self.flush()
        size = self.tell() if size is None else size
        before = os.fstat(self.fileno()).st_size
        self.most_bytes = max(self.most_bytes, size)
        if size > before:
            os.posix_fallocate(self.fileno(), before, size - before)
        return super().truncate(size)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no way to fill a hole at once")
def test_a_disk_without_holes_is_not_filled(tmp_path: Path) -> None:
    entry, file = min(exact_files(), key=lambda pair: pair[1].bytes)
    header = foretold(entry, file).header
    assert file.bytes > 70 << 20
    with Filled(io.FileIO(tmp_path / "skeleton.gguf", "w+")) as disk:
        with pytest.raises(StorageError, match="cannot hold an empty file") as caught:
            _write(stripped(header), disk)
        assert caught.value.remedy
        assert disk.most_bytes < 8 << 20


def test_what_a_killed_process_left_is_swept(tmp_path: Path, tiny_models: Path) -> None:
    old, new, other = (tmp_path / f"{name}.gguf" for name in ("skeleton-a", "skeleton-b", "mine"))
    for path in (old, new, other):
        path.write_bytes(b"")
    for path in (old, other):
        os.utime(path, (0, 0))
    with skeleton(read_header(make("llama", tiny_models)), tmp_path):
        assert not old.exists()
    assert new.exists()
    assert other.exists()


def test_a_folder_that_is_a_file_is_said(tmp_path: Path, tiny_models: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    header = read_header(make("llama", tiny_models))
    with pytest.raises(StorageError), skeleton(header, tmp_path / "taken"):
        pass
