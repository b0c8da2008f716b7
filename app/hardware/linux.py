"""What only Linux tells, and where: /proc/cpuinfo, /sys/devices, cgroup v1 and v2.

Functions take the file-system root, so that recorded trees of other machines can be read.
"""

from __future__ import annotations

import re
from pathlib import Path

from app.hardware.profile import Unknown

_UNLIMITED = 1 << 60


def processor_model(root: Path) -> str | Unknown:
    """The name in /proc/cpuinfo: `model name` on x86, `Model` or `Hardware` on some Arm."""
    try:
        text = (root / "proc/cpuinfo").read_text("utf-8", "replace")
    except OSError as error:
        return Unknown(f"/proc/cpuinfo cannot be read ({error.strerror})")
    for key in ("model name", "Model", "Hardware", "cpu model"):
        if found := re.search(rf"^{key}\s*:\s*(.+)$", text, re.M):
            return found.group(1).strip()
    return Unknown("/proc/cpuinfo names no model")


def core_kinds(root: Path) -> tuple[int, int] | None:
    """Physical cores of the fast kinds and of the slowest one; None where all are alike.

    Intel hybrids list their kinds in /sys/devices/cpu_core and cpu_atom; Arm gives each
    processor a `cpu_capacity`.
    """
    cpus = root / "sys/devices/system/cpu"
    fast = _read(root / "sys/devices/cpu_core/cpus")
    slow = _read(root / "sys/devices/cpu_atom/cpus")
    if fast is not None and slow is not None:
        return _cores(cpus, fast), _cores(cpus, slow)
    capacities = {
        path.parent.name: int(text)
        for path in cpus.glob("cpu[0-9]*/cpu_capacity")
        if (text := (_read(path) or "").strip()).isdigit()
    }
    if len(set(capacities.values())) < 2:
        return None
    # The middle cores of a three-tier Arm chip do the work too: all but the slowest count.
    n_slow = list(capacities.values()).count(min(capacities.values()))
    return len(capacities) - n_slow, n_slow


def _cores(cpus: Path, listed: str) -> int:
    return len({_core_of(cpus, number) for number in parse_list(listed)})


def _core_of(cpus: Path, number: int) -> tuple[str, str]:
    topology = cpus / f"cpu{number}" / "topology"
    package = _read(topology / "physical_package_id") or "0"
    return package.strip(), (_read(topology / "core_id") or str(number)).strip()


def parse_list(text: str) -> list[int]:
    """A kernel list such as `0-3,8`."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        if not part:
            continue
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def cgroup_folders(root: Path) -> dict[str, list[Path]]:
    """The folders that limit this process, innermost first, by controller ("" is version 2).

    From /proc/self/cgroup; inside a container the path there may not exist, and the root of
    the mount is what applies.
    """
    folders: dict[str, list[Path]] = {}
    mount = root / "sys/fs/cgroup"
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        parts = [part for part in path.split("/") if part]
        if ".." in parts:  # a group outside our namespace: only the mount's root is ours
            parts = []
        for controller in controllers.split(","):
            base = mount / controller if controller else mount
            chain = [base.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
            folders[controller] = [folder for folder in chain if folder.is_dir()]
    return folders


def memory_limit(root: Path) -> tuple[int, int] | None:
    """The tightest memory limit and what is used under it, in bytes; None without one."""
    tightest: tuple[int, int] | None = None
    folders = cgroup_folders(root)
    files = [
        (folder, "memory.max", "memory.current", "inactive_file") for folder in folders.get("", [])
    ] + [
        (folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        for folder in folders.get("memory", [])
    ]
    for folder, limit_name, usage_name, reclaimable_name in files:
        limit = (_read(folder / limit_name) or "max").strip()
        if not limit.isdigit() or int(limit) >= _UNLIMITED:
            continue
        used = int((_read(folder / usage_name) or "0").strip() or 0)
        used -= _statistic(folder / "memory.stat", reclaimable_name)
        if tightest is None or int(limit) - used < tightest[0] - tightest[1]:
            tightest = int(limit), max(0, used)
    return tightest


def processor_quota(root: Path) -> float | None:
    """The tightest share of processor time, in cores; None without one."""
    quotas = []
    folders = cgroup_folders(root)
    for folder in folders.get("", []):
        quota, _, period = (_read(folder / "cpu.max") or "max 100000").strip().partition(" ")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            quotas.append(int(quota) / int(period))
    for folder in folders.get("cpu", []):
        quota = (_read(folder / "cpu.cfs_quota_us") or "-1").strip()
        period = (_read(folder / "cpu.cfs_period_us") or "100000").strip()
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def _statistic(path: Path, name: str) -> int:
    found = re.search(rf"^{name} (\d+)$", _read(path) or "", re.M)
    return int(found.group(1)) if found else 0


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None
