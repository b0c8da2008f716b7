"""What drivers say of cards: numbers made safe, one card seen twice, the system's facts added."""

from __future__ import annotations

from typing import Any

import pytest

from app.hardware.cards import Card
from app.hardware.devices import are_one, card_of, device_of, ranked, taken_by
from app.hardware.profile import Device, Unknown

GIB = 1 << 30
RADV = "AMD Radeon RX 7900 XTX (RADV NAVI31)"
ANV = "Intel(R) Arc(tm) A770 Graphics (DG2)"


def raw(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Vulkan0",
        "description": "AMD Radeon RX 7900 XTX (RADV NAVI31)",
        "kind": "gpu",
        "backend": "Vulkan",
        "id": "0000:03:00.0",
        "total_bytes": 24 * GIB,
        "free_bytes": 22 * GIB,
        "driver": "radv Mesa 24.2.1",
    } | changes


def device(module: str, description: str, address: str = "") -> Device:
    changes = {"name": f"{module}0", "description": description, "id": address}
    return device_of(raw(**changes), module, [])


@pytest.mark.parametrize(
    ("total", "free", "safe", "words"),
    [
        (8 * GIB, 6 * GIB, (8 * GIB, 6 * GIB), "unverified"),
        (0, 0, (0, 0), "rejected: its driver reports no memory"),
        (0, 5 * GIB, (0, 0), "rejected: its driver reports no memory"),
        (8 * GIB, 40 * GIB, (8 * GIB, 8 * GIB), "unverified"),
        (8 * GIB, (1 << 64) - 4096, (8 * GIB, 0), "unverified"),
        (8 * GIB, -1, (8 * GIB, 0), "unverified"),
        (1 << 60, 1 << 60, (0, 0), "rejected: its driver reports an absurd amount of memory"),
        (-8, 4, (0, 0), "rejected: its driver reports an absurd amount of memory"),
    ],
)
def test_numbers_are_made_safe(total: int, free: int, safe: tuple[int, int], words: str) -> None:
    found = device_of(raw(total_bytes=total, free_bytes=free), "vulkan", [])
    assert (found.total_bytes, found.free_bytes) == safe
    assert found.verdict == words
    if free > total or free < 0:
        assert isinstance(found.used_by_others_bytes, Unknown)


def test_an_accelerator_without_memory_of_its_own_is_no_lie() -> None:
    found = device_of(raw(kind="accelerator", total_bytes=0, free_bytes=0), "", [])
    assert (found.total_bytes, found.verdict) == (0, "unverified")


def test_others_use_what_is_not_free_unless_the_system_knows_better() -> None:
    assert device_of(raw(), "vulkan", []).used_by_others_bytes == 2 * GIB
    known = Card("0000:03:00.0", "AMD 1002:744c", "amdgpu", used_bytes=700_000_000)
    assert device_of(raw(), "vulkan", [known]).used_by_others_bytes == 700_000_000
    full = device_of(raw(free_bytes=24 * GIB), "vulkan", [])
    assert isinstance(full.used_by_others_bytes, Unknown)


@pytest.mark.parametrize("fact", ["is_software", "is_integrated"])
def test_a_device_in_main_memory_is_an_integrated_one(fact: str) -> None:
    assert device_of(raw(**{fact: True}), "vulkan", []).kind == "igpu"


def test_the_drivers_own_name_wins() -> None:
    card = Card("0000:03:00.0", "AMD 1002:744c", "amdgpu, Linux 6.8", has_display=False)
    found = device_of(raw(), "vulkan", [card])
    assert (found.driver, found.has_display) == ("radv Mesa 24.2.1", False)
    assert device_of(raw(driver=""), "vulkan", [card]).driver == "amdgpu, Linux 6.8"
    assert isinstance(device_of(raw(driver=""), "vulkan", []).driver, Unknown)


def test_cards_are_found_by_address_by_name_or_because_there_is_one() -> None:
    first = Card("0000:03:00.0", "Radeon RX 7900 XTX", "31.0.1")
    second = Card("0000:04:00.0", "Radeon RX 6600", "31.0.1")
    assert card_of(raw(), [second, first]) == first
    assert card_of(raw(id="0000:09:00.0"), [first]) is None
    assert card_of(raw(id=""), [second, first]) == first
    assert card_of(raw(id="", description="Strange"), [first]) == first
    assert card_of(raw(id="", description="Strange"), [first, second]) is None
    assert card_of(raw(id="", is_software=True, description="llvmpipe"), [first]) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "one"),
    [
        (("cuda", "NVIDIA GeForce RTX 4090"), ("vulkan", "NVIDIA GeForce RTX 4090"), True),
        (("hip", "AMD Radeon RX 7900 XTX"), ("vulkan", RADV), True),
        (("hip", "AMD Radeon RX 7900 XT"), ("vulkan", RADV), False),
        (("cuda", "NVIDIA GeForce RTX 3060"), ("vulkan", "NVIDIA GeForce RTX 3060 Ti"), False),
        (("cuda", "NVIDIA GeForce RTX 4090"), ("cuda", "NVIDIA GeForce RTX 4090"), False),
        (("cuda", "X", "0000:01:00.0"), ("vulkan", "Y", "0000:01:00.0"), True),
        (("cuda", "X", "0000:01:00.0"), ("vulkan", "X", "0000:02:00.0"), False),
        (("cuda", "X", "0000:01:00.0"), ("vulkan", "X"), True),
        (("sycl", "Intel(R) Arc(TM) A770 Graphics"), ("vulkan", ANV), True),
        (("cuda", ""), ("vulkan", ""), False),
    ],
)
def test_whether_two_backends_mean_one_card(
    ours: tuple[str, ...], theirs: tuple[str, ...], one: bool
) -> None:
    assert are_one(device(*ours), device(*theirs)) is one


def test_two_equal_cards_without_addresses_are_two() -> None:
    kept = [device("cuda", "RTX 3090"), device("cuda", "RTX 3090")]
    left: list[Device] = []
    for expected in (kept[0], kept[1], None):
        double = device("vulkan", "RTX 3090")
        twin = taken_by(double, kept, left)
        assert twin is expected
        left.append(double)


def test_the_order_of_trust() -> None:
    asked = ["vulkan", "opencl", "something", "metal", "cuda12", "hip", ""]
    assert ranked(asked) == ["cuda12", "hip", "metal", "vulkan", "opencl", "", "something"]
