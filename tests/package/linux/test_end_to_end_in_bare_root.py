"""The end-to-end tests with the bundle's program in a bare Debian: they outside, it inside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.bare_root import BareRoot

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 1200
#: What traces the program from its start cannot look through the change of its root; and bad
#: drivers are put beside a runtime from outside.
ASIDE = ("tests/e2e/test_offline.py", "tests/e2e/test_bad_drivers.py")
#: Of the system outside, and no place inside.
OUTSIDE = ("SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CACHE_HOME")

#: Every step takes the place of the one before, so that signals reach the program itself.
_ENTER = """\
#!/bin/sh
exec unshare --mount sh -c '
set -e
root=$1; checkout=$2; program=$3; shift 3
for each in /proc /dev /tmp; do mount --rbind "$each" "$root$each"; done
mount --bind "$checkout" "$root$checkout"
mount -o remount,bind,ro "$root$checkout"
exec chroot "$root" /usr/bin/env --chdir="$PWD" "$program" "$@"
' enter '{root}' '{checkout}' '{program}' "$@"
"""


def entrance(bare: BareRoot, program: str, folder: Path) -> str:
    """A program that starts another one inside."""
    script = folder / Path(program).name
    script.write_text(_ENTER.format(root=bare.folder, checkout=ROOT, program=program))
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def inside(bare: BareRoot, tmp_path: Path) -> dict[str, str]:
    """The environment that has the tests start what is inside."""
    (bare.folder / str(ROOT).lstrip("/")).mkdir(parents=True, exist_ok=True)
    named = ("HEARTH_EXECUTABLE", "HEARTH_WINDOW_DRIVER")
    programs = {name: entrance(bare, os.environ[name], tmp_path) for name in named}
    kept = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    return {**kept, **programs}


def test_they_pass(inside: dict[str, str]) -> None:
    # It is the root's own program: there is none of Python's in there.
    asked = [inside["HEARTH_EXECUTABLE"], "--version"]
    assert subprocess.run(asked, capture_output=True, check=True, cwd=ROOT).stdout
    aside = [f"--ignore={name}" for name in ASIDE]
    command = [sys.executable, "-m", "pytest", "tests/e2e", "-q", "-p", "no:cacheprovider", *aside]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=inside,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-2000:]
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in last
    print(last)
