"""What is kept of a file that is not whole yet: exactly what its own hashes vouch for."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from app.models.download.partial import Expected, Partial

SIZE = 300_000
DATA = random.Random(5).randbytes(SIZE)
EXPECTED = Expected(hashlib.sha256(DATA).hexdigest(), SIZE)
BLOCK = EXPECTED.block_bytes


def still(_: int) -> None:
    """Nobody wants to stop."""


def begun(folder: Path, n_bytes: int, *, kindly: bool = True) -> None:
    """A former life that wrote so much, and ended kindly or not."""
    partial = Partial(folder, 0, EXPECTED)
    partial.open(still)
    for at in range(0, n_bytes, 1000):
        partial.write(DATA[at : min(at + 1000, n_bytes)])
    if kindly:
        partial.close()
    else:
        partial._close_files()


def taken_up(folder: Path, expected: Expected = EXPECTED) -> int:
    """How much a new life goes on from; what it goes on from must be right."""
    partial = Partial(folder, 0, expected)
    partial.open(still)
    done = partial.done_bytes
    assert partial.path.read_bytes() == DATA[:done]
    partial.write(DATA[done:])
    assert partial.is_whole
    partial.close()
    assert partial.digest(still) == EXPECTED.sha256
    return done


def part(folder: Path) -> Path:
    return folder / "00.part"


def journal(folder: Path) -> Path:
    return folder / "00.journal"


def test_blocks_are_less_than_one_per_cent_and_at_most_8_mib() -> None:
    for n_bytes in (110_000, 1 << 20, 937 << 20, 5 << 30, 400 << 30):
        block = Expected("", n_bytes).block_bytes
        assert block <= 8 << 20
        assert block * 100 <= n_bytes
        assert n_bytes / block < 60_000
    assert Expected("", 10).block_bytes == 1024


@pytest.mark.parametrize("n_bytes", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, SIZE // 2, SIZE - 1, SIZE])
def test_a_kind_end_loses_not_a_byte(tmp_path: Path, n_bytes: int) -> None:
    begun(tmp_path, n_bytes)
    assert taken_up(tmp_path) == n_bytes


@pytest.mark.parametrize("n_bytes", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, SIZE // 2, SIZE - 1])
def test_a_sudden_end_loses_less_than_a_block(tmp_path: Path, n_bytes: int) -> None:
    begun(tmp_path, n_bytes, kindly=False)
    assert taken_up(tmp_path) == n_bytes // BLOCK * BLOCK


def test_many_lives_end_in_the_right_file(tmp_path: Path) -> None:
    source = random.Random(11)
    done = 0
    while done < SIZE:
        partial = Partial(tmp_path, 0, EXPECTED)
        partial.open(still)
        assert done - BLOCK <= partial.done_bytes <= done
        done = min(SIZE, partial.done_bytes + source.randrange(1, 20_000))
        partial.write(DATA[partial.done_bytes : done])
        if source.random() < 0.5:
            partial.close()
        else:
            partial._close_files()
    assert taken_up(tmp_path) == SIZE


def test_one_wrong_bit_costs_what_lies_behind_it(tmp_path: Path) -> None:
    source = random.Random(3)
    for _ in range(60):
        begun(tmp_path, SIZE - 5)
        place = source.randrange(SIZE - 5)
        content = bytearray(part(tmp_path).read_bytes())
        content[place] ^= 1 << source.randrange(8)
        part(tmp_path).write_bytes(content)
        assert taken_up(tmp_path) == place // BLOCK * BLOCK
        part(tmp_path).unlink()
        journal(tmp_path).unlink()


def test_a_part_that_was_cut_goes_on_from_its_last_whole_block(tmp_path: Path) -> None:
    begun(tmp_path, 200_000)
    part(tmp_path).write_bytes(DATA[:123_456])
    assert taken_up(tmp_path) == 123_456 // BLOCK * BLOCK


def test_what_follows_the_last_block_that_was_noted_is_dropped(tmp_path: Path) -> None:
    begun(tmp_path, 100_000)
    with part(tmp_path).open("ab") as file:
        file.write(b"zeros that a power cut left" * 1000)
    assert taken_up(tmp_path) == 100_000


def test_a_damaged_journal_is_believed_up_to_the_damage(tmp_path: Path) -> None:
    source = random.Random(8)
    for _ in range(60):
        begun(tmp_path, SIZE - 777)
        content = bytearray(journal(tmp_path).read_bytes())
        content[source.randrange(len(content))] = source.randrange(256)
        journal(tmp_path).write_bytes(content[: source.randrange(len(content))])
        assert 0 <= taken_up(tmp_path) <= SIZE - 777
        part(tmp_path).unlink()
        journal(tmp_path).unlink()


@pytest.mark.parametrize("content", [b"", b"\0" * 70_000, b"{}\n", b"x" * 65 * 100])
def test_what_is_no_journal_is_no_journal(tmp_path: Path, content: bytes) -> None:
    begun(tmp_path, 200_000)
    journal(tmp_path).write_bytes(content)
    assert taken_up(tmp_path) == 0


def test_the_journal_of_another_file_says_nothing(tmp_path: Path) -> None:
    begun(tmp_path, 200_000)
    other = Partial(tmp_path, 0, Expected("0" * 64, SIZE))
    other.open(still)
    assert other.done_bytes == 0
    assert part(tmp_path).stat().st_size == 0
    other.close()


def test_a_part_without_a_journal_is_begun_anew(tmp_path: Path) -> None:
    begun(tmp_path, 200_000)
    journal(tmp_path).unlink()
    assert taken_up(tmp_path) == 0


def test_what_this_life_verified_is_not_read_again_unless_it_changed(tmp_path: Path) -> None:
    begun(tmp_path, 200_000)
    partial = Partial(tmp_path, 0, EXPECTED)
    partial.open(still)
    partial.close()
    seen: list[int] = []
    content = part(tmp_path).read_bytes()
    part(tmp_path).write_bytes(content[:50_000] + b"\0" * 150_000)
    partial.open(seen.append)
    assert partial.done_bytes == 50_000 // BLOCK * BLOCK
    partial.close()


def test_it_stops_in_the_middle_of_looking(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(done: int) -> None:
        if done > 100_000:
            raise Enough

    begun(tmp_path, SIZE - 1)
    partial = Partial(tmp_path, 0, EXPECTED)
    with pytest.raises(Enough):
        partial.open(stop)
    assert not partial.is_open
    assert taken_up(tmp_path) == SIZE - 1


def test_a_vouched_file_is_not_vouched_once_it_was_touched(tmp_path: Path) -> None:
    begun(tmp_path, SIZE)
    partial = Partial(tmp_path, 0, EXPECTED)
    assert not partial.is_sound()
    partial.open(still)
    partial.close()
    partial.vouch()
    assert partial.is_sound()
    part(tmp_path).write_bytes(DATA)
    assert not partial.is_sound()
    part(tmp_path).unlink()
    assert not partial.is_sound()


def test_nothing_is_left_of_what_is_discarded(tmp_path: Path) -> None:
    begun(tmp_path, 1000)
    partial = Partial(tmp_path, 0, EXPECTED)
    partial.open(still)
    partial.discard()
    assert list(tmp_path.iterdir()) == []
    assert partial.done_bytes == partial.here_bytes() == 0
