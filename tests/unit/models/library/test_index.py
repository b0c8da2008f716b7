"""What the library remembers: nothing of it is lost to another Hearth, to growth, or to a disk
that would not answer for a moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.foundation.errors import StorageError
from app.models.library import index as module
from app.models.library.index import Checked, Index, Memory, Origin, with_checked, with_origins

_OTHER = """
import sys
from pathlib import Path
from app.models.library.index import Index, Origin, with_origins
index = Index(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(60):
    entry = [(Path(f"/{sys.argv[2]}/{number}.gguf"), Origin("", "o/r"))]
    index.change(lambda memory: with_origins(memory, entry))
"""


def origins(n: int) -> list[tuple[Path, Origin]]:
    return [(Path(f"/m/{number}.gguf"), Origin("", "o/r")) for number in range(n)]


def test_several_hearths_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "library.json"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OTHER, str(path), name], stdin=subprocess.PIPE, text=True
        )
        for name in "abc"
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert len(Index(path).read().origins) == 180


def test_what_cannot_be_read_now_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "library.json"
    Index(path).change(lambda memory: with_origins(memory, origins(3)))
    aside = tmp_path / "aside"
    path.rename(aside)
    path.symlink_to(path.name)  # reading it fails, as on a disk with a fault
    index = Index(path)
    assert index.read() == Memory.empty()
    with pytest.raises(StorageError):
        index.change(lambda memory: with_origins(memory, origins(1)))
    path.unlink()
    aside.rename(path)
    assert len(index.read().origins) == 3


@pytest.mark.parametrize("content", [b"{ half of it", b'{"format": 99, "known": {}}'])
def test_what_makes_no_sense_is_kept_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "library.json"
    path.write_bytes(content)
    Index(path).change(lambda memory: with_origins(memory, origins(1)))
    assert path.with_name("library-unread.json").read_bytes() == content
    assert len(Index(path).read().origins) == 1


def test_it_never_grows_past_what_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT_BYTES", 100_000)
    path = tmp_path / "library.json"
    index = Index(path)
    index.change(lambda memory: with_origins(memory, origins(50)))
    many = [(Path(f"/{'x' * 50}/{n}.gguf"), Checked(1, 1, "0" * 64, True)) for n in range(2000)]
    index.change(lambda memory: with_checked(memory, many))
    assert os.stat(path).st_size <= 100_000
    found = Index(path).read()
    assert len(found.origins) == 50
    assert str(many[-1][0]) in found.checked
    assert json.loads(path.read_bytes())["format"] == 1
