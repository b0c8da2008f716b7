from __future__ import annotations

import threading
import uuid

import pytest

from app.conversations import ids
from app.conversations.ids import new_id


def test_an_identifier_is_a_version_7_uuid() -> None:
    made = uuid.UUID(new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_they_sort_by_birth_also_within_a_millisecond_and_across_threads() -> None:
    made: list[list[str]] = [[] for _ in range(4)]

    def make(found: list[str]) -> None:
        found.extend(new_id() for _ in range(2000))

    threads = [threading.Thread(target=make, args=(found,)) for found in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found == sorted(found) for found in made)
    assert len({key for found in made for key in found}) == 8000


def test_a_clock_that_steps_back_does_not_turn_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 10**18)
    assert new_id() > before
    monkeypatch.setattr(ids, "_last", 0)
    assert new_id() < before < new_id(before) < new_id()


@pytest.mark.parametrize(
    "odd", [None, "", "no uuid", "f" * 32, "ffffffff-ffff-7fff-bfff-ffffffffff"]
)
def test_what_is_no_identifier_orders_nothing_and_breaks_nothing(
    odd: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ids, "_last", 0)
    assert uuid.UUID(new_id(odd)).version == 7
