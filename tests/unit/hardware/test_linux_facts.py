"""What Linux says of processors and limits, read from the trees of other machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.hardware import linux
from app.hardware.profile import Unknown

GIB = 1 << 30


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def hybrid(root: Path) -> Path:
    """An Intel Core i5-1240P: 4 performance cores of two threads, 8 efficient ones of one."""
    files = {
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: 12th Gen Intel(R) Core(TM) i5-1240P\n\n",
        "sys/devices/cpu_core/cpus": "0-7\n",
        "sys/devices/cpu_atom/cpus": "8-15\n",
    }
    for cpu in range(16):
        core = cpu // 2 * 4 if cpu < 8 else 16 + cpu - 8
        folder = f"sys/devices/system/cpu/cpu{cpu}/topology"
        files[f"{folder}/core_id"] = f"{core}\n"
        files[f"{folder}/physical_package_id"] = "0\n"
    return tree(root, files)


def test_the_name_of_a_processor(tmp_path: Path) -> None:
    assert linux.processor_model(hybrid(tmp_path)) == "12th Gen Intel(R) Core(TM) i5-1240P"


def test_a_raspberry_pi_names_its_board(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/cpuinfo": "processor\t: 0\n\nModel\t\t: Raspberry Pi 5\n"})
    assert linux.processor_model(root) == "Raspberry Pi 5"


def test_a_processor_without_a_name_says_so(tmp_path: Path) -> None:
    nameless = linux.processor_model(tree(tmp_path, {"proc/cpuinfo": "processor : 0\n"}))
    assert isinstance(nameless, Unknown)
    missing = linux.processor_model(tmp_path / "nothing")
    assert isinstance(missing, Unknown)
    assert "cannot be read" in missing.reason


def test_threads_of_one_core_count_once(tmp_path: Path) -> None:
    assert linux.core_kinds(hybrid(tmp_path)) == (4, 8)


def test_cores_that_are_all_alike(tmp_path: Path) -> None:
    files = {f"sys/devices/system/cpu/cpu{n}/cpu_capacity": "1024\n" for n in range(4)}
    assert linux.core_kinds(tree(tmp_path, files)) is None
    assert linux.core_kinds(tmp_path / "nothing") is None


def test_the_middle_cores_of_a_phone_chip_count(tmp_path: Path) -> None:
    capacities = [250] * 4 + [700] * 3 + [1024]
    files = {
        f"sys/devices/system/cpu/cpu{n}/cpu_capacity": f"{value}\n"
        for n, value in enumerate(capacities)
    }
    assert linux.core_kinds(tree(tmp_path, files)) == (4, 4)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0-3,8\n", [0, 1, 2, 3, 8]), ("5", [5]), ("\n", []), ("0,2-2", [0, 2])],
)
def test_kernel_lists(text: str, numbers: list[int]) -> None:
    assert linux.parse_list(text) == numbers


def test_version_2_takes_the_tightest_of_the_chain(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user.slice/app.scope\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "sys/fs/cgroup/user.slice/memory.max": f"{4 * GIB}\n",
            "sys/fs/cgroup/user.slice/memory.current": f"{3 * GIB}\n",
            "sys/fs/cgroup/user.slice/memory.stat": f"anon 1\ninactive_file {GIB}\n",
            "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
            "sys/fs/cgroup/user.slice/app.scope/memory.max": "max\n",
            "sys/fs/cgroup/user.slice/app.scope/memory.current": f"{GIB}\n",
            "sys/fs/cgroup/user.slice/app.scope/cpu.max": "150000 100000\n",
        },
    )
    # What the cache holds can be had back: it does not count as used.
    assert linux.memory_limit(root) == (4 * GIB, 2 * GIB)
    assert linux.processor_quota(root) == 1.5


def test_version_2_inside_a_container_reads_the_root_of_the_mount(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/../../system.slice/docker-1.scope\n",
        "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
        "sys/fs/cgroup/memory.current": f"{GIB}\n",
        "sys/fs/cgroup/cpu.max": "200000 100000\n",
    }
    assert linux.memory_limit(tree(tmp_path, files)) == (2 * GIB, GIB)
    assert linux.processor_quota(tmp_path) == 2.0


def test_version_1_with_a_path_that_only_the_host_has(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": (
                "9:memory:/docker/4f1\n4:cpu,cpuacct:/docker/4f1\n1:name=systemd:/docker/4f1\n"
            ),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB // 2}\n",
            "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {GIB // 4}\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert linux.memory_limit(root) == (GIB, GIB // 4)
    assert linux.processor_quota(root) == 0.5


def test_no_limit_is_none(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "9:memory:/\n4:cpu:/\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        },
    )
    assert linux.memory_limit(root) is None
    assert linux.processor_quota(root) is None
    assert linux.memory_limit(tmp_path / "nothing") is None
