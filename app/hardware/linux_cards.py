"""Graphics cards from /sys, and what stands for their drivers' versions. Linux only.

Sources (kernel documentation: gpu/amdgpu, ABI/testing/sysfs-*):
/sys/class/drm/cardN/device → the PCI device; its `uevent` has DRIVER, PCI_SLOT_NAME, PCI_ID;
`mem_info_vram_total` and `mem_info_vram_used` (amdgpu), `boot_vga`; cardN-*/status says
"connected" for a connector with a display; /sys/module/MODULE/version (NVIDIA and other
drivers from outside the kernel); Vulkan's manifests in share/vulkan/icd.d.
"""

from __future__ import annotations

import json
import platform
import re
from dataclasses import replace
from pathlib import Path

from app.hardware.cards import Card

_VENDORS = {
    "10de": "NVIDIA",
    "1002": "AMD",
    "8086": "Intel",
    "1af4": "virtio",
    "15ad": "VMware",
    "1234": "QEMU",
    "14e4": "Broadcom",
}
# Drivers of chips that have no memory of their own.
_INTEGRATED = frozenset({"v3d", "vc4", "vc4-drm", "panfrost", "panthor", "lima", "msm", "asahi"})
# What only draws, without any hardware to compute on.
_NO_CARDS = frozenset({"simple-framebuffer", "efi-framebuffer", "vkms", "vgem"})
_MANIFESTS = ("usr/share/vulkan/icd.d", "usr/local/share/vulkan/icd.d", "etc/vulkan/icd.d")
_LIBRARIES = ("usr/lib", "usr/lib64", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu")


def cards(root: Path) -> list[Card]:
    """Every card with a kernel driver, in the kernel's order.

    What is not on a PCI bus is parts of one chip: one part computes, another has the display.
    """
    folders = [
        path
        for path in (root / "sys/class/drm").glob("card*")
        if re.fullmatch(r"card\d+", path.name)
        and _event(path / "device").get("DRIVER") not in _NO_CARDS
    ]
    found = [_card(root, path) for path in sorted(folders, key=lambda path: int(path.name[4:]))]
    parts = [card for card in found if not card.id]
    if len(parts) > 1:
        shown = [card.has_display for card in parts if card.has_display is not None]
        whole = replace(parts[0], has_display=any(shown) if shown else None)
        found = [card for card in found if card.id] + [whole]
    return found


def driver_parts(root: Path) -> list[str]:
    """What changes with a driver: kernel drivers with versions, and Vulkan's libraries."""
    kernel = [f"{card.id or card.name} {card.driver}" for card in cards(root)]
    return kernel + [stamp for folder in _MANIFESTS for stamp in _manifests(root, root / folder)]


def _card(root: Path, folder: Path) -> Card:
    device = folder / "device"
    event = _event(device)
    driver = event.get("DRIVER", "")
    total = _number(device / "mem_info_vram_total")
    return Card(
        id=event.get("PCI_SLOT_NAME", "").lower(),
        name=_name(event, driver),
        driver=_version(root, driver),
        has_display=_has_display(folder),
        total_bytes=total,
        used_bytes=_number(device / "mem_info_vram_used"),
        is_integrated=True if driver in _INTEGRATED else None,
    )


def _name(event: dict[str, str], driver: str) -> str:
    """The kernel has numbers, not names: the maker, then the numbers."""
    vendor, _, model = event.get("PCI_ID", "").lower().partition(":")
    if not vendor:
        return driver or "graphics chip"
    return f"{_VENDORS.get(vendor, vendor)} {vendor}:{model}"


def _version(root: Path, driver: str) -> str:
    """The driver with its version; one that came with the kernel has the kernel's."""
    if not driver:
        return ""
    version = _read(root / "sys/module" / driver.replace("-", "_") / "version")
    if version:
        return f"{driver} {version}"
    kernel = _read(root / "proc/sys/kernel/osrelease") or platform.release()
    return f"{driver}, Linux {kernel}"


def _has_display(card: Path) -> bool | None:
    states = [_read(path) for path in card.glob(f"{card.name}-*/status")]
    # The connectors of NVIDIA's driver say "unknown" where no program has asked for them yet.
    told = [state for state in states if state in ("connected", "disconnected")]
    if not told:
        return None if states else False
    return "connected" in told


def _event(device: Path) -> dict[str, str]:
    lines = (_read(device / "uevent") or "").splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def _manifests(root: Path, folder: Path) -> list[str]:
    """Name, size and time of each driver library that Vulkan would load."""
    found = []
    for manifest in sorted(folder.glob("*.json")):
        try:
            library = str(json.loads(manifest.read_text("utf-8"))["ICD"]["library_path"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found.append(f"{manifest.name} {_library_stamp(root, library)}")
    return found


def _library_stamp(root: Path, library: str) -> str:
    places = (
        [root / library.lstrip("/")]
        if library.startswith("/")
        else [root / folder / library for folder in _LIBRARIES]
    )
    for place in places:
        try:
            status = place.stat()
        except OSError:
            continue
        return f"{status.st_size}/{int(status.st_mtime)}"
    return library


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text is not None and text.isdigit() else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None
