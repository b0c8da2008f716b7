"""What Linux, Windows and macOS say of other machines, read from `recorded/`."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import pytest

from app.hardware import linux, linux_cards, macos, windows_cards
from app.hardware.cards import Card
from app.hardware.disk import file_system_of

RECORDED = Path(__file__).parent / "recorded"
GIB = 1 << 30


def unpacked(name: str, root: Path) -> Path:
    """The files of one machine below `root`."""
    text = (RECORDED / f"{name}.tree").read_text("utf-8")
    for part in text.split("\n== ")[1:]:
        path, _, content = part.partition("\n")
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")
    return root


@pytest.mark.parametrize(
    ("name", "model", "kinds"),
    [
        ("intel-i5-1340p", "13th Gen Intel(R) Core(TM) i5-1340P", (4, 8)),
        ("amd-7950x-7900xtx", "AMD Ryzen 9 7950X 16-Core Processor", None),
        ("raspberry-pi-5", "Raspberry Pi 5 Model B Rev 1.0", None),
        ("steam-deck", "AMD Custom APU 0405", None),
        ("snapdragon-8cx", None, (4, 4)),
    ],
)
def test_processors(
    tmp_path: Path, name: str, model: str | None, kinds: tuple[int, int] | None
) -> None:
    root = unpacked(name, tmp_path)
    found = linux.processor_model(root)
    assert (found if isinstance(found, str) else None) == model
    assert linux.core_kinds(root) == kinds


def test_containers(tmp_path: Path) -> None:
    new = unpacked("docker-cgroup-2", tmp_path / "new")
    assert linux.memory_limit(new) == (4 * GIB, 1610612736 - GIB)
    assert linux.processor_quota(new) == 1.5
    old = unpacked("docker-cgroup-1", tmp_path / "old")
    assert linux.memory_limit(old) == (2 * GIB, 3 * GIB // 4)
    assert linux.processor_quota(old) == 2.0


def test_a_laptops_own_graphics(tmp_path: Path) -> None:
    (card,) = linux_cards.cards(unpacked("intel-i5-1340p", tmp_path))
    assert card == Card(
        "0000:00:02.0", "Intel 8086:a7a0", "i915, Linux 6.8.0-41-generic", has_display=True
    )


def test_the_memory_that_other_programs_use_on_a_radeon(tmp_path: Path) -> None:
    big, small = linux_cards.cards(unpacked("amd-7950x-7900xtx", tmp_path))
    assert (big.id, big.total_bytes, big.used_bytes) == ("0000:03:00.0", 25753026560, 1204305920)
    assert (big.has_display, small.has_display) == (True, False)
    assert big.driver == "amdgpu, Linux 6.10.3-arch1-1"


def test_nvidias_driver_has_a_version_of_its_own(tmp_path: Path) -> None:
    server, first, second = linux_cards.cards(unpacked("nvidia-two-cards", tmp_path))
    assert server.driver == "ast, Linux 6.1.0-25-amd64"
    assert (first.id, first.driver) == ("0000:01:00.0", "nvidia 550.54.14")
    assert first.has_display is False
    assert second.id == "0000:41:00.0"
    assert second.has_display is None


def test_the_parts_of_one_chip_are_one_card(tmp_path: Path) -> None:
    (card,) = linux_cards.cards(unpacked("raspberry-pi-5", tmp_path))
    assert card.driver == "v3d, Linux 6.6.31+rpt-rpi-2712"
    assert card.has_display is True
    assert card.is_integrated is True


def test_a_computer_without_cards(tmp_path: Path) -> None:
    assert linux_cards.cards(tmp_path) == []
    assert linux_cards.driver_parts(tmp_path) == []


def test_the_stamp_changes_with_drivers(tmp_path: Path) -> None:
    root = unpacked("amd-7950x-7900xtx", tmp_path)
    before = linux_cards.driver_parts(root)
    assert any(part.startswith("radeon_icd.x86_64.json") for part in before)
    assert linux_cards.driver_parts(root) == before
    (root / "usr/lib/libvulkan_radeon.so").write_text("(a newer driver, larger)")
    assert linux_cards.driver_parts(root) != before
    (root / "proc/sys/kernel/osrelease").write_text("6.11.0\n")
    assert any("Linux 6.11.0" in part for part in linux_cards.driver_parts(root))


def test_what_a_mac_has_left() -> None:
    text = (RECORDED / "macos-vm-stat-16gb.txt").read_text()
    # Not what programs hold in memory (less what they offer back), the kernel, or the compressor.
    held = (454162 - 5386) + 128913 + 243851
    assert macos.available_of(text, 16 * GIB) == 16 * GIB - held * 16384
    assert macos.available_of("", 16 * GIB) is None
    assert macos.available_of(text.replace("Pages wired down", "Pages"), 16 * GIB) is None


def test_the_kinds_of_a_macs_cores() -> None:
    assert macos.kinds_of((RECORDED / "macos-sysctl-m3-pro.txt").read_text()) == (6, 6)
    assert macos.kinds_of((RECORDED / "macos-sysctl-intel.txt").read_text()) is None
    assert macos.kinds_of("hw.perflevel0.physicalcpu: x") is None


def test_a_macs_cards() -> None:
    (apple,) = macos.cards_of((RECORDED / "macos-displays-m1.json").read_text())
    assert (apple.name, apple.has_display, apple.is_integrated) == ("Apple M1", True, True)
    assert apple.total_bytes is None
    intel, amd = macos.cards_of((RECORDED / "macos-displays-macbook-pro-2019.json").read_text())
    assert (intel.name, intel.has_display, intel.is_integrated) == (
        "Intel UHD Graphics 630",
        False,
        True,
    )
    assert (amd.total_bytes, amd.has_display, amd.is_integrated) == (8 * GIB, True, False)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"SPDisplaysDataType": 5}', "null"])
def test_a_mac_that_says_nothing_of_cards(text: str) -> None:
    assert macos.cards_of(text) == []


def desc(name: str, vendor: int, device: int, memory: int, flags: int) -> bytes:
    """A DXGI_ADAPTER_DESC1 as Windows fills it."""
    fields = windows_cards._Desc1()
    fields.description[: len(name)] = [ord(letter) for letter in name]
    fields.vendor, fields.device, fields.dedicated_video = vendor, device, memory
    fields.flags = flags
    return bytes(fields)


def test_windows_cards_are_those_that_are_there_now() -> None:
    saved = json.loads((RECORDED / "windows-laptop.json").read_text())
    known = [card for values in saved["registry"] if (card := windows_cards.card_of(values))]
    adapters = [
        windows_cards.adapter_of(desc(name, vendor, device, memory, flags), has_display=shown)
        for name, vendor, device, memory, shown, flags in saved["adapters"]
    ]
    assert [adapter.is_software for adapter in adapters] == [False, False, True]
    intel, nvidia = windows_cards.joined(known, adapters)
    assert (intel.name, intel.has_display) == ("Intel(R) Iris(R) Xe Graphics", True)
    assert (nvidia.driver, nvidia.has_display) == ("31.0.15.3699", False)
    assert nvidia.total_bytes == 6 * GIB
    # Where DXGI does not answer, the registry is what there is.
    assert windows_cards.joined(known, []) == known
    strange = windows_cards.Adapter("New Card", 1, 2, GIB, True, False)
    assert windows_cards.joined(known, [strange]) == [
        Card("", "New Card", "", has_display=True, total_bytes=GIB)
    ]


def test_a_registry_key_without_a_card() -> None:
    assert windows_cards.card_of({}) is None
    odd = {
        "DriverDesc": "Card",
        "HardwareInformation.qwMemorySize": (2 * GIB).to_bytes(8, "little"),
    }
    card = windows_cards.card_of(odd)
    assert card is not None
    assert card.total_bytes == 2 * GIB


def test_the_structure_that_windows_fills_has_its_size() -> None:
    assert ctypes.sizeof(windows_cards._Desc1) == 312


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me/data", "btrfs"),
        ("/home/my data/x", "xfs"),
        ("/dev/shm/x", "tmpfs"),
        ("/", "ext4"),
    ],
)
def test_which_file_system_holds_a_folder(folder: str, kind: str) -> None:
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /home btrfs rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n"
        "/dev/sdc1 /home/my\\040data xfs rw 0 0\nnonsense\n"
    )
    assert file_system_of(Path(folder), mounts) == kind
