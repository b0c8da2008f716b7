"""Processes that are killed, stopped, or two at once; disks that fill up under a download."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO

import pytest

from app.models.wanted import Wanted
from tests.fixtures.downloading import FILE, LONG_S, Place, model, until, wanted
from tests.hub.content import Held
from tests.hub.faults.lines import FallenSilent, Slow

ROOT = Path(__file__).resolve().parents[4]
HOME = f"some/Model-GGUF/{FILE}"
SIZE = 12 << 20


@pytest.fixture(scope="module")
def content() -> Held:
    return model(SIZE)


@contextlib.contextmanager
def child(place: Place, asked: Wanted) -> Iterator[subprocess.Popen[str]]:
    """Another process that downloads to the same place."""
    words = [str(place.root), place.hub.url, json.dumps(asdict(asked))]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fixtures.downloading_child", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        output(process).close()


def output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def follow(process: subprocess.Popen[str], n_bytes: int) -> int:
    """Wait until so much is there; how much was told last."""
    for line in output(process):
        _, told = line.split()
        if int(told) >= n_bytes:
            return int(told)
    raise AssertionError("it ended before")


@pytest.mark.skipif(os.name != "posix", reason="processes are killed by a signal")
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_kill_9_costs_less_than_one_per_cent(place: Place, content: Held, part: float) -> None:
    place.hub.sabotage(Slow(30_000_000))
    with child(place, wanted(content)) as process:
        follow(process, int(content.bytes * part))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert place.files() == {}
    # What the far end had sent and nobody had read yet is gone with the process.
    on_disk = sum(path.stat().st_size for path in place.shop.rglob("*.part"))
    place.hub.heal()
    place.hub.record.clear()
    with place.downloads() as downloads:
        downloads.begin()
        (left,) = downloads.states()
        done = downloads.wait(left.key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == {HOME: content.data}
    assert place.sent_bytes() <= content.bytes - on_disk + content.bytes // 100


def test_two_programs_fetch_one_model_once(place: Place, content: Held) -> None:
    place.hub.sabotage(Slow(20_000_000))
    with child(place, wanted(content)) as process:
        follow(process, 1)
        with place.downloads() as downloads:
            key = downloads.add(wanted(content))
            waiting = until(downloads, key, "waiting")
            assert "Another Hearth" in waiting.note
            done = downloads.wait(key, LONG_S)
            assert done is not None
            assert done.state == "done"
        assert process.wait(LONG_S) == 0
    assert place.files() == {HOME: content.data}
    assert place.partials() == []
    assert place.sent_bytes() == content.bytes


@pytest.mark.skipif(os.name != "posix", reason="processes are killed by a signal")
def test_the_other_takes_over_when_the_first_is_killed(place: Place, content: Held) -> None:
    place.hub.sabotage(Slow(20_000_000))
    with child(place, wanted(content)) as process, place.downloads() as downloads:
        follow(process, content.bytes // 4)
        key = downloads.add(wanted(content))
        until(downloads, key, "waiting")
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == {HOME: content.data}


@pytest.mark.skipif(os.name != "posix", reason="processes are stopped by a signal")
def test_a_process_that_stood_still_goes_on(place: Place, content: Held) -> None:
    place.hub.sabotage(Slow(8_000_000, 1))
    with child(place, wanted(content)) as process:
        follow(process, content.bytes // 4)
        process.send_signal(signal.SIGSTOP)
        place.hub.hang_up_all()
        process.send_signal(signal.SIGCONT)
        for line in output(process):
            if line.startswith("done"):
                break
        assert process.wait(LONG_S) == 0
    assert place.files() == {HOME: content.data}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB, where one can be had."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [mount or "mount", "-t", "tmpfs", "-o", "size=16M", "tmpfs", str(folder)]
    if mount is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be made here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_pauses_and_says_how_much_is_missing(
    place: Place, content: Held, small_disk: Path
) -> None:
    place.models.symlink_to(small_disk)
    ballast = small_disk / "ballast"
    place.hub.sabotage(FallenSilent(30, 1))
    with place.downloads(spare_bytes=0) as downloads:
        key = downloads.add(wanted(content))
        while (now := downloads.state(key)) is not None and now.done_bytes < content.bytes // 4:
            downloads.wait(key, 0.005)
        room = shutil.disk_usage(small_disk).free
        ballast.write_bytes(bytes(room - (2 << 20)))
        place.hub.hang_up_all()
        paused = downloads.wait(key, LONG_S)
        assert paused is not None
        assert paused.state == "paused"
        assert paused.error is not None
        assert paused.error.code == "storage_full"
        assert "MB more" in paused.error.title
        assert paused.done_bytes >= content.bytes // 4
        sent = place.sent_bytes()
        ballast.unlink()
        downloads.resume(key)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert (small_disk / HOME).read_bytes() == content.data
    assert place.sent_bytes() <= sent + content.bytes - paused.done_bytes + content.bytes // 100


def test_a_disk_that_is_full_to_the_last_byte_costs_nothing_that_was_there(
    place: Place, content: Held, small_disk: Path
) -> None:
    """The system itself refuses to write, rather than we: no look in time."""
    from dataclasses import replace

    from tests.fixtures.downloading import QUICK

    place.models.symlink_to(small_disk)
    blind = replace(QUICK, look_s=3600.0)
    place.hub.sabotage(FallenSilent(30, 1))
    with place.downloads(spare_bytes=0, patience=blind) as downloads:
        key = downloads.add(wanted(content))
        while (now := downloads.state(key)) is not None and now.done_bytes < content.bytes // 4:
            downloads.wait(key, 0.005)
        room = shutil.disk_usage(small_disk).free
        (small_disk / "ballast").write_bytes(bytes(room - (1 << 20)))
        place.hub.hang_up_all()
        paused = downloads.wait(key, LONG_S)
        assert paused is not None
        assert (paused.state, paused.error and paused.error.code) == ("paused", "storage_full")
        (small_disk / "ballast").unlink()
        downloads.resume(key)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert (small_disk / HOME).read_bytes() == content.data


def test_a_disk_that_may_only_be_read_is_said(
    place: Place, content: Held, small_disk: Path
) -> None:
    place.models.symlink_to(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with place.downloads() as downloads:
        failed = downloads.wait(downloads.add(wanted(content)), LONG_S)
    assert failed is not None
    assert (failed.state, failed.error and failed.error.code) == ("failed", "storage_read_only")
