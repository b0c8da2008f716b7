"""The short form of the torture of downloads; the long form is a command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.torture import downloads
from tests.torture.download_life import Place
from tests.torture.download_rounds import installed_in, strangers

SEED = 20261125
MOST_AGAIN = 0.01


def test_five_hundred_sabotaged_downloads_install_nothing_wrong() -> None:
    tally = downloads.run(500, SEED, jobs=8)
    assert tally.wrong == []
    assert (tally.corrupt, tally.outside) == (0, 0)
    assert tally.share >= 0.99, tally.unfinished
    assert len(tally.faults) > 60
    assert tally.resumed > 0
    assert max(tally.again["drops"] + tally.again["kills"]) <= MOST_AGAIN


def test_files_where_none_should_be_are_seen(tmp_path: Path) -> None:
    place = Place(tmp_path / "sandbox", "http://127.0.0.1:1")
    place.prepare()
    (place.profile / "downloads.json").touch()
    model = place.models / "a" / "b" / "model.gguf"
    model.parent.mkdir(parents=True)
    model.touch()
    (place.models / ".hearth").mkdir()
    (place.models / ".hearth" / "00.part").touch()
    assert (installed_in(place.models), strangers(place)) == ([model], [])
    planted = [tmp_path / "evil.gguf", place.sandbox / "evil.gguf", place.desk / "evil.gguf"]
    for path in planted:
        path.touch()
    assert set(strangers(place)) == set(planted)


def test_the_control_is_caught() -> None:
    words = [sys.executable, "-m", "tests.torture.downloads", "--control"]
    assert subprocess.run(words, cwd=downloads.ROOT, check=False).returncode == 0
