"""Paths, logs, units, cancellation, sentinels."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.foundation.cancellation import Cancellation
from app.foundation.errors import StorageError, StorageReadOnly
from app.foundation.logs import redacted, start_logging, stop_logging
from app.foundation.paths import open_profile, person_path, resource
from app.foundation.sentinel import Sentinels
from app.foundation.units import bytes_text, duration_text, rate_text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_949, "1.0 MB"),
        (4_920_000_000, "4.9 GB"),
        (128_000_000_000, "128 GB"),
        (1_500_000_000_000, "1.5 TB"),
    ],
)
def test_sizes_as_people_say_them(n_bytes: int, text: str) -> None:
    assert bytes_text(n_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "less than a second"), (1, "1 second"), (75, "75 seconds"), (180, "3 minutes"),
     (7500, "2 h 5 min"), (7200, "2 h")],
)  # fmt: skip
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_rates_show_the_digits_that_mean_something() -> None:
    assert (rate_text(7.26), rate_text(43.4)) == ("7.3 tokens/s", "43 tokens/s")


def test_a_profile_is_private_and_complete(tmp_path: Path) -> None:
    profile = open_profile(tmp_path / "a b" / "ü")
    assert profile.logs.is_dir()
    assert profile.backups.is_dir()
    assert profile.state.is_dir()
    if os.name == "posix":
        assert stat.S_IMODE(profile.root.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    open_profile(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert stat.S_IMODE((shared / "logs").stat().st_mode) == 0o700


def test_a_home_that_is_nobodys_is_a_name_like_any_other() -> None:
    assert person_path("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
    assert person_path("~/x") == Path.home() / "x"


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "profile").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be used"):
        open_profile(tmp_path / "profile")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a folder nobody can write")
def test_a_folder_that_cannot_be_written_is_a_sentence() -> None:
    with pytest.raises(StorageError):
        open_profile("/proc/hearth")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageReadOnly):
        open_profile(tmp_path / "profile")


def test_resources_are_found_in_the_checkout() -> None:
    assert (resource("starter", "corpus", "topics.toml")).is_file()


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer abcdef123456",
        "Authorization: Basic abcdef123456",
        "api_key=abcdef123456",
        '{"token": "abcdef123456"}',
        "using hf_abcdef123456 now",
        "key sk-abcdef123456",
    ],
)
def test_secrets_leave_the_log(line: str) -> None:
    assert "abcdef123456" not in redacted(line)


def test_the_log_is_private_and_redacted_even_in_tracebacks(tmp_path: Path) -> None:
    start_logging(tmp_path)
    try:
        try:
            raise ValueError("password=hunter22")
        except ValueError:
            logging.getLogger("app.test").exception("failed")
    finally:
        stop_logging()
    log = tmp_path / "hearth.log"
    text = log.read_text()
    assert "ValueError" in text
    assert "hunter22" not in text
    if os.name == "posix":
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_cancellation_is_set_once_and_tells_late_comers() -> None:
    cancellation = Cancellation()
    told: list[str] = []
    cancellation.on_cancel(lambda: told.append("early"))
    cancellation.cancel("first")
    cancellation.cancel("second")
    cancellation.on_cancel(lambda: told.append("late"))
    assert cancellation.is_set
    assert cancellation.reason == "first"
    assert told == ["early", "late"]
    assert cancellation.wait(0)


def test_a_sentinel_of_a_dead_process_is_found_once(tmp_path: Path) -> None:
    code = (
        "import sys, os; from pathlib import Path; from app.foundation.sentinel import Sentinels;"
        "Sentinels(Path(sys.argv[1])).set('start'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    sentinels = Sentinels(tmp_path)
    assert sentinels.take_left_over() == ["start"]
    assert sentinels.take_left_over() == []


def test_an_orderly_end_leaves_no_sentinel(tmp_path: Path) -> None:
    sentinels = Sentinels(tmp_path)

    def fails() -> None:
        with sentinels.during("load"):
            raise ValueError

    with pytest.raises(ValueError):
        fails()
    assert sentinels.take_left_over() == []


def test_a_damaged_sentinel_counts_as_left_over(tmp_path: Path) -> None:
    (tmp_path / "during-start.json").write_text("{")
    assert Sentinels(tmp_path).take_left_over() == ["start"]


def test_a_sentinel_counts_although_its_process_number_is_in_use_again(tmp_path: Path) -> None:
    Sentinels(tmp_path).set("load")
    assert Sentinels(tmp_path).take_left_over() == ["load"]


def test_once_an_orderly_end_has_begun_nothing_is_noted(tmp_path: Path) -> None:
    sentinels = Sentinels(tmp_path)
    sentinels.set("start")
    sentinels.close()
    with sentinels.during("load"):
        assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_noted() -> None:
    with Sentinels(None).during("load"):
        assert Sentinels(None).take_left_over() == []
