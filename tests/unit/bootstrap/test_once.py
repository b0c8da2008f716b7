"""A part is made once, whichever threads ask, and may ask for another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from app.bootstrap.once import once


class House:
    def __init__(self) -> None:
        self._building = threading.RLock()
        self.n_made = 0
        self.at_once = threading.Barrier(4)

    @once
    def part(self) -> list[int]:
        """A part."""
        self.n_made += 1
        return self.other

    @once
    def other(self) -> list[int]:
        return [1]


def test_four_threads_at_once_get_one_part() -> None:
    house = House()

    def ask(_: int) -> list[int]:
        house.at_once.wait()
        return house.part

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert house.n_made == 1
    assert all(each is found[0] for each in found)
    assert "part" in vars(house)


def test_what_was_not_asked_for_is_not_made() -> None:
    house = House()
    assert "part" not in vars(house)
    assert House.part.__doc__ == "A part."
