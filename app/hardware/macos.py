"""What only macOS tells: kinds of cores, memory under pressure, cards and displays.

Sources (manual pages): sysctl(3) `machdep.cpu.brand_string`, `hw.perflevelN.physicalcpu` (N = 0
is the fastest kind), `hw.optional.arm64`; vm_stat(1), whose counts are in pages;
system_profiler(8) -json SPDisplaysDataType. Each tool with a deadline; parsing is pure.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
from typing import Any

from app.hardware.cards import Card
from app.hardware.profile import Unknown

_DEADLINE_S = 5.0


def processor_model() -> str | Unknown:
    """`machdep.cpu.brand_string`, for example "Apple M3 Pro"."""
    text = _tool("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
    return text or Unknown("sysctl does not name the processor")


def core_kinds() -> tuple[int, int] | None:
    """Physical cores of the fast kinds and of the slowest one; None where all are alike."""
    return kinds_of(
        _tool(
            "/usr/sbin/sysctl",
            "hw.nperflevels",
            "hw.perflevel0.physicalcpu",
            "hw.perflevel1.physicalcpu",
            "hw.perflevel2.physicalcpu",
        )
    )


def available_bytes(total_bytes: int) -> int | None:
    """What can be had without swapping or compressing; None where vm_stat does not say."""
    return available_of(_tool("/usr/bin/vm_stat"), total_bytes)


def cards() -> list[Card]:
    """The graphics chips that system_profiler lists. Takes a second."""
    return cards_of(_tool("/usr/sbin/system_profiler", "-json", "SPDisplaysDataType"))


def kinds_of(text: str) -> tuple[int, int] | None:
    """From lines such as `hw.perflevel0.physicalcpu: 8`."""
    counts = {
        int(level): int(count)
        for level, count in re.findall(r"^hw\.perflevel(\d)\.physicalcpu: (\d+)$", text, re.M)
    }
    if len(counts) < 2:
        return None
    slow = counts[max(counts)]
    return sum(counts.values()) - slow, slow


def available_of(text: str, total_bytes: int) -> int | None:
    """From vm_stat's table: everything but what programs hold, the kernel's own and what is
    compressed. So Activity Monitor counts memory as used too."""
    size = re.search(r"page size of (\d+) bytes", text)
    pages = {name.strip('"'): int(n) for name, n in re.findall(r"^(.+?):\s+(\d+)\.$", text, re.M)}
    needed = ("Anonymous pages", "Pages purgeable", "Pages wired down")
    if size is None or any(name not in pages for name in needed):
        return None
    held = pages["Anonymous pages"] - pages["Pages purgeable"] + pages["Pages wired down"]
    held += pages.get("Pages occupied by compressor", 0)
    return min(total_bytes, max(0, total_bytes - held * int(size[1])))


def cards_of(text: str) -> list[Card]:
    """From system_profiler's JSON."""
    try:
        listed = json.loads(text)["SPDisplaysDataType"]
        return [_card(item) for item in listed]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _card(item: dict[str, Any]) -> Card:
    displays = item.get("spdisplays_ndrvs") or []
    memory = str(item.get("spdisplays_vram") or item.get("_spdisplays_vram") or "")
    found = re.fullmatch(r"(\d+) (MB|GB)", memory.strip())
    unit = {"MB": 1 << 20, "GB": 1 << 30}
    name = str(item.get("sppci_model") or item.get("_name") or "")
    return Card(
        id="",
        name=name,
        # Drivers come with the system.
        driver=f"macOS {platform.mac_ver()[0]}".strip(),
        has_display=bool(displays),
        total_bytes=int(found[1]) * unit[found[2]] if found else None,
        is_integrated="spdisplays_vram_shared" in item or name.startswith("Apple"),
    )


def _tool(*words: str) -> str:
    """What a tool of the system prints; "" where it fails or takes too long."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
