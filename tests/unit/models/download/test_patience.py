"""What follows from which failure, and how long a far end is left alone."""

from __future__ import annotations

import pytest

from app.foundation.errors import (
    AccessNeeded,
    Busy,
    HearthError,
    HostRefused,
    ModelFileInvalid,
    ModelNotFound,
    NetworkError,
    Offline,
    StorageError,
    StorageFull,
    StorageReadOnly,
    Unreachable,
)
from app.models.download.patience import Elsewhere, Patience, verdict
from app.models.download.space import FolderGone
from app.models.download.transfer import retry_after_s
from app.network.client import Head

PATIENCE = Patience()


@pytest.mark.parametrize("kind", [Unreachable, Busy, Offline, Elsewhere, FolderGone])
def test_what_passes_by_itself_is_waited_for_without_end(kind: type[HearthError]) -> None:
    for tries in (1, 10, 1000):
        assert verdict(kind("What", "why"), tries, PATIENCE).state == "waiting"


@pytest.mark.parametrize("kind", [NetworkError, HostRefused, StorageError])
def test_what_cannot_be_right_is_borne_a_few_times(kind: type[HearthError]) -> None:
    states = [verdict(kind("What"), tries, PATIENCE).state for tries in range(1, 8)]
    assert states == ["waiting"] * 5 + ["failed"] * 2


@pytest.mark.parametrize(
    "error",
    [
        ModelFileInvalid("x"),
        ModelNotFound("x"),
        StorageReadOnly("x"),
        AccessNeeded("x", "", "", need="token"),
        HearthError("x"),
    ],
)
def test_what_asking_again_does_not_change_ends_it(error: HearthError) -> None:
    assert verdict(error, 1, PATIENCE).state == "failed"


def test_a_full_disk_pauses() -> None:
    assert verdict(StorageFull("x"), 1, PATIENCE).state == "paused"


def test_waits_grow_to_a_minute_and_are_not_all_the_same() -> None:
    waits = [verdict(Unreachable("x"), tries, PATIENCE).after_s for tries in range(1, 12)]
    for expected, found in zip((1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60), waits, strict=True):
        assert expected * 0.8 <= found <= expected * 1.2
    again = {verdict(Unreachable("x"), 9, PATIENCE).after_s for _ in range(20)}
    assert len(again) > 1


def test_a_busy_far_end_is_left_alone_for_as_long_as_it_asks() -> None:
    assert verdict(Busy("x", after_s=500.0), 1, PATIENCE).after_s == 500.0
    assert verdict(Busy("x", after_s=0.0), 3, PATIENCE).after_s >= 3.2


@pytest.mark.parametrize(
    ("said", "date", "expected"),
    [
        ("120", "", 120.0),
        ("0", "", 0.0),
        ("999999999", "", 3600.0),
        ("99999999999", "", None),
        ("-5", "", None),
        ("1e400", "", None),
        ("soon", "", None),
        ("", "", None),
        # By the far end's own clock, whatever ours says.
        ("Thu, 01 Jan 1970 00:02:00 GMT", "Thu, 01 Jan 1970 00:00:30 GMT", 90.0),
        ("Fri, 01 Jan 2100 00:00:10 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", "", None),
        ("Fri, 99 Foo 2100 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_with_care(said: str, date: str, expected: float | None) -> None:
    head = Head("https://huggingface.co/x", 429, {"retry-after": said, "date": date}, {})
    assert retry_after_s(head) == expected
