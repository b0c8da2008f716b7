"""One smaller file at a time, made of real ones: followed, stopped, closed with the window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap.making import quantizing as quantizing_of
from app.bootstrap.runtime import Runtime
from app.foundation.errors import InvalidInput, RequestFailed
from app.foundation.paths import open_profile
from app.gguf.facts import facts_of
from app.gguf.reader import read_header
from app.inference.quantizing import Quantizing
from app.inference.smaller_files import Job, SmallerFiles
from tests.fixtures.tiny_models import make

WIDE: dict[str, Any] = {"n_embd": 256, "head_dim": 64, "n_ff": 512}
PATIENCE_S = 120.0


class Heard:
    """What a listener was told, in order."""

    def __init__(self, files: SmallerFiles) -> None:
        self._files = files
        self._changed = threading.Condition()
        self.jobs: list[Job | None] = []
        self.unlisten = files.listen(self._hear)

    def _hear(self) -> None:
        with self._changed:
            self.jobs.append(self._files.job)
            self._changed.notify_all()

    def until(self, holds: Callable[[Job], bool]) -> Job:
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(job is not None and holds(job) for job in self.jobs), PATIENCE_S
            )
            return next(job for job in self.jobs if job is not None and holds(job))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def files(folder: Path) -> Iterator[SmallerFiles]:
    made = SmallerFiles(Quantizing(lambda: folder))
    yield made
    assert made.close(PATIENCE_S)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make("llama", tmp_path, n_layer=4, **WIDE)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_it_is_followed_from_the_first_byte_to_the_last(
    files: SmallerFiles, source: Path, folder: Path
) -> None:
    assert files.job is None
    heard = Heard(files)
    offer = files.offer(source)
    files.begin(offer, "q4_k_m")
    assert heard.jobs[0] is not None
    assert heard.jobs[0].is_under_way
    job = heard.until(lambda job: not job.is_under_way)
    assert (job.state, job.quant, job.source) == ("done", "Q4_K_M", source)
    assert job.made is not None
    assert files_in(folder) == [job.made.path]
    assert files.job == job
    shares = [
        each.done_bytes / each.total_bytes for each in heard.jobs if each and each.total_bytes
    ]
    assert all(0 <= share <= 1 for share in shares)
    files.clear()
    assert files.job is None
    heard.unlisten()
    n_heard = len(heard.jobs)
    files.clear()
    files.begin(offer, "Q8_0")
    files.close(PATIENCE_S)
    assert len(heard.jobs) == n_heard


def test_one_is_made_at_a_time(files: SmallerFiles, source: Path) -> None:
    heard = Heard(files)
    offer = files.offer(source)
    with pytest.raises(InvalidInput):
        files.begin(offer, "Q9_9")
    assert files.job is None
    files.begin(offer, "Q8_0")
    with pytest.raises(RequestFailed, match="Another"):
        files.begin(offer, "Q4_K_M")
    files.clear()  # what is under way is not forgotten
    assert files.job is not None
    heard.until(lambda job: job.state == "done")
    files.begin(offer, "Q4_K_M")
    heard.until(lambda job: job.quant == "Q4_K_M" and job.state == "done")


def test_what_fails_says_why(files: SmallerFiles, tmp_path: Path) -> None:
    heard = Heard(files)
    offer = files.offer(make("qwen3", tmp_path, quant="Q5_K"))
    assert offer.warning
    files.begin(offer, "Q4_K_S")  # without having accepted the warning
    job = heard.until(lambda job: not job.is_under_way)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.detail == offer.warning
    files.begin(offer, "Q4_K_S", accept_warning=True)
    assert heard.until(lambda job: job.state == "done").made is not None


def test_stopping_and_closing_leave_nothing(
    files: SmallerFiles, source: Path, folder: Path
) -> None:
    heard = Heard(files)
    offer = files.offer(source)
    files.begin(offer, "Q8_0")
    files.stop()
    heard.until(lambda job: job.state == "stopped")
    assert files_in(folder) == []
    files.begin(offer, "Q4_K_M")
    assert files.close(PATIENCE_S)
    assert files.job is not None
    assert files.job.state == "stopped"
    assert files_in(folder) == []
    with pytest.raises(RequestFailed):
        files.begin(offer, "Q4_K_M")


def test_a_bug_is_a_failure_and_no_silence(source: Path, folder: Path) -> None:
    def broken(_made: object) -> None:
        raise ValueError("a bug")

    files = SmallerFiles(Quantizing(lambda: folder, broken))
    heard = Heard(files)
    files.begin(files.offer(source), "Q8_0")
    job = heard.until(lambda job: not job.is_under_way)
    assert job.state == "failed"
    assert job.error is not None
    assert files.close(PATIENCE_S)


def test_what_it_would_be_is_foretold_whole(files: SmallerFiles, source: Path) -> None:
    """A plan is made from the facts of the target before it exists: they are those it has then."""
    heard = Heard(files)
    target = files.offer(source).target("Q4_K_M")
    files.begin(files.offer(source), "Q4_K_M")
    made = heard.until(lambda job: job.state == "done").made
    assert made is not None
    facts = facts_of(read_header(made.path))
    assert target.facts.quant == facts.quant == "Q4_K_M"
    assert target.facts.layer_bytes == facts.layer_bytes
    assert target.facts.weight_bytes == facts.weight_bytes
    assert target.facts.file_bytes == target.bytes == made.bytes
    free = files.free_bytes()
    assert free is not None
    assert free > target.room_bytes > target.bytes


def test_the_library_knows_what_was_made(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    runtime = Runtime(open_profile(tmp_path / "profile"))
    made = quantizing_of(runtime).make(source, "Q4_K_M")
    kept = next(each for each in runtime.library.look().models if each.path == made.path)
    assert (kept.verified, kept.is_ours, kept.sha256) == ("yes", True, made.sha256)
    assert (kept.quant, kept.name) == ("Q4_K_M", made.name)
    assert runtime.close()
