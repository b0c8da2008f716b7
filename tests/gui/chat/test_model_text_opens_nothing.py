"""Nothing that a model's text names is opened, whatever it is shown on. Linux, with strace."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOST = "hearth-canary-host.invalid"
CHILD = Path(__file__).with_name("hostile_child.py")

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed: what is opened cannot be seen"
)


def traced(tmp_path: Path, *words: str) -> tuple[Path, list[str]]:
    """The canary, and every file opened or network address used while the child ran."""
    canary = tmp_path / "canary.png"
    canary.write_bytes(b"\x89PNG\r\n\x1a\n")
    trace = tmp_path / "trace"
    done = subprocess.run(
        [
            *("strace", "-f", "-qq", "-s", "400", "-o", str(trace)),
            *("-e", "trace=%file,connect,sendto,sendmsg"),
            *(sys.executable, "-B", str(CHILD), str(canary), HOST, *words),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.strip() == "shown", done.stderr[-2_000:]
    lines = trace.read_text(errors="replace").splitlines()
    return canary, [line for line in lines if "execve(" not in line]


@needs_strace
def test_the_trace_would_show_it(tmp_path: Path) -> None:
    canary, lines = traced(tmp_path, "control")
    assert any(str(canary) in line for line in lines)
    assert any(f"//{HOST}" in line for line in lines)


@needs_strace
def test_nothing_named_by_the_text_is_opened(tmp_path: Path) -> None:
    canary, lines = traced(tmp_path)
    assert len(lines) > 100
    assert [line for line in lines if str(canary) in line] == []
    assert [line for line in lines if HOST in line] == []
    assert [line for line in lines if "AF_INET" in line] == []
