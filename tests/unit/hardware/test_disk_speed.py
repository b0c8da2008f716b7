"""The disk is read past the system's cache, or it is said why not."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.foundation.errors import NotPossibleHere
from app.hardware import disk

MIB = 1 << 20
SHARED = Path("/dev/shm")


def test_a_speed_or_a_reason_and_nothing_left_behind(tmp_path: Path) -> None:
    (tmp_path / ".speed-left").write_bytes(b"of one that was ended on the way")
    with contextlib.suppress(NotPossibleHere):
        assert disk.read_speed(tmp_path, n_bytes=8 * MIB) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_system_that_does_not_read_past_its_cache_is_not_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "readv", refuse)
    with pytest.raises(NotPossibleHere) as caught:
        disk.read_speed(tmp_path, n_bytes=4 * MIB)
    assert "past its cache" in caught.value.detail
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.disk_usage", lambda path: SimpleNamespace(free=MIB))
    with pytest.raises(NotPossibleHere, match="cannot be timed") as caught:
        disk.read_speed(tmp_path)
    assert "full" in caught.value.detail
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="there is no folder in memory")
def test_memory_is_no_disk() -> None:
    folder = SHARED / f"hearth-test-{os.getpid()}"
    folder.mkdir()
    try:
        with pytest.raises(NotPossibleHere) as caught:
            disk.read_speed(folder)
        assert "in memory" in caught.value.detail
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)
