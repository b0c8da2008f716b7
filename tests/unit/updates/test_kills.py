"""kill -9 at any moment of an installation: what is started is whole, and the next try succeeds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.foundation.cancellation import Cancellation
from app.foundation.versions import Versions
from tests.fixtures.far_end import far_end
from tests.fixtures.updating import NEW, PATH, Asking, Publisher, program_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script is the program here")
ROOT = Path(__file__).resolve().parents[3]
SEED, N_KILLS = 20261125, 12


def whole(versions: Versions, files: dict[str, bytes]) -> bool:
    """What is pointed to holds every byte that was published."""
    version = versions.pointer().version
    return not version or all(
        (versions.home(version) / name).read_bytes() == content for name, content in files.items()
    )


def test_a_kill_at_any_moment_leaves_a_version_that_runs(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    files = program_of(NEW, padding=4_000_000)
    with far_end() as far:
        publisher = Publisher(far)
        publisher.offer(files=files)
        address = far.url + PATH
        lasts_s = 1.0
        for number in range(N_KILLS):
            home = tmp_path / f"home-{number % 4}"  # some are tried again, some begin anew
            command = [sys.executable, "-m", "tests.fixtures.updating_child", str(home)]
            process = subprocess.Popen(
                [*command, address, publisher.signer.public_key], cwd=ROOT, stdout=subprocess.PIPE
            )
            assert process.stdout is not None
            process.stdout.readline()
            began_s = time.monotonic()
            try:
                process.wait(chance.uniform(0.0, 1.2 * lasts_s))
                lasts_s = time.monotonic() - began_s
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
            versions = Versions(home / "hearth-program")
            assert whole(versions, files)
        for number in range(4):
            asking = Asking(tmp_path / f"home-{number}", publisher.source)
            if asking.updates.state().next_version != NEW:
                if not asking.updates.state().staged:
                    assert asking.updates.install("program", Cancellation(), lambda step: None)
                assert asking.updates.settle() == NEW
            asking.client.close()
            versions = Versions(asking.folder)
            assert versions.pointer().version == NEW
            assert whole(versions, files)
            names = {path.name for path in (asking.folder / "versions").iterdir()}
            assert names == {NEW}
