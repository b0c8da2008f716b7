"""The library as every face is handed it: one for all, following the settings and moving them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.bootstrap.runtime import Runtime
from app.foundation.paths import open_profile
from app.models.wanted import Part, Wanted
from app.settings.file import SettingsFile
from app.settings.schema import ADOPT, DOWNLOADS_FOLDER, MODEL_PATH
from tests.fixtures.shelves import sha256_of
from tests.fixtures.tiny_models import make

DEADLINE_S = 60.0


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(open_profile(tmp_path / "profile"))
    runtime.settings.set(ADOPT, False)  # what lies about on this machine is none of its business
    yield runtime
    assert runtime.close_library(DEADLINE_S)
    assert runtime.close(DEADLINE_S)


def test_what_was_downloaded_is_in_the_library(runtime: Runtime) -> None:
    path = make("llama", runtime.models_folder() / "o/r")
    wanted = Wanted("o/r", "", (Part(path.name, 0, ""),), "As people say", "F16")
    runtime.record_download(wanted, (path,), (sha256_of(path),))
    (kept,) = runtime.library.look().models
    assert (kept.name, kept.verified, kept.is_ours) == ("As people say", "yes", True)
    assert runtime.library is runtime.library


def test_moving_the_folder_moves_what_names_it(runtime: Runtime, tmp_path: Path) -> None:
    old = make("llama", runtime.models_folder() / "o/r")
    runtime.settings.set(MODEL_PATH, str(old))
    pinned = {"performance.n_ctx": 4096}
    runtime.planning.pins.set(old, pinned).result(DEADLINE_S)
    held: list[str] = []

    @contextmanager
    def hold(why: str) -> Iterator[None]:
        held.append(why)
        yield

    runtime.library.look()
    runtime.hold_downloads = hold
    assert runtime.library.move_folder(tmp_path / "disk")
    new = tmp_path / "disk/o/r" / old.name
    assert runtime.models_folder() == tmp_path / "disk"
    assert runtime.settings.get(MODEL_PATH) == str(new)
    assert runtime.planning.pins.of(new) == pinned
    assert held
    assert runtime.settings.close(DEADLINE_S)
    again = SettingsFile(runtime.profile.settings)
    assert again.get(DOWNLOADS_FOLDER) == str(tmp_path / "disk")
    assert [kept.path for kept in runtime.library.shelf().models] == [new]
