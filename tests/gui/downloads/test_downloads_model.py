"""Downloads as the window hears of them: real ones, from a hub on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.plugin import QtBot

from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.notify import Notifier
from app.models.download.downloads import Downloads
from tests.gui.downloads.conftest import LARGE_BYTES, large, missing, tiny
from tests.hub.server import LoopbackHub

Settled = Callable[[Callable[[], bool]], None]


def state_of(model: DownloadsModel, key: str) -> str:
    progress = model.at(key)
    return "" if progress is None else progress.state


def partials(profile: Profile) -> list[Path]:
    return list((profile.root / "models" / ".hearth").glob("*/*.part"))


def test_a_download_is_listed_at_once_and_told_when_it_is_there(
    model: DownloadsModel, settled: Settled
) -> None:
    finished: list[str] = []
    changed: list[str] = []
    model.finished.connect(finished.append)
    model.changed.connect(changed.append)
    wanted = tiny()
    model.add(wanted)
    assert state_of(model, wanted.key) == "queued"
    assert changed == [wanted.key]
    settled(lambda: state_of(model, wanted.key) == "done")
    progress = model.of(wanted)
    assert progress is not None
    assert progress.path is not None
    assert progress.path.is_file()
    assert finished == [wanted.key]
    model.clear(wanted.key)
    settled(lambda: model.states() == ())


def test_what_is_paused_stays_as_it_is_and_goes_on_when_asked(
    model: DownloadsModel, slow: LoopbackHub, settled: Settled
) -> None:
    wanted = large()
    model.add(wanted)
    settled(lambda: (at := model.of(wanted)) is not None and at.done_bytes > 0)
    model.pause(wanted.key)
    assert state_of(model, wanted.key) == "paused"
    slow.heal()
    settled(lambda: (at := model.of(wanted)) is not None and at.bytes_per_s == 0)
    assert state_of(model, wanted.key) == "paused"
    model.resume(wanted.key)
    assert state_of(model, wanted.key) != "paused"
    settled(lambda: state_of(model, wanted.key) == "done")


def test_what_is_cancelled_is_gone_at_once_and_can_be_brought_back(
    model: DownloadsModel, slow: LoopbackHub, profile: Profile, settled: Settled
) -> None:
    wanted = large()
    model.add(wanted)
    settled(lambda: (at := model.of(wanted)) is not None and at.done_bytes > 0)
    model.cancel(wanted.key)
    assert model.of(wanted) is None
    assert model.states() == ()
    left = model.leaving.at(wanted.key)
    assert left is not None
    assert partials(profile)
    model.undo(wanted.key)
    slow.heal()
    settled(lambda: state_of(model, wanted.key) == "done")


def test_after_a_while_nothing_is_left_of_what_was_cancelled(
    model: DownloadsModel, slow: LoopbackHub, profile: Profile, settled: Settled
) -> None:
    wanted = large()
    model.undo_ms = 0
    model.add(wanted)
    settled(lambda: bool(partials(profile)))
    model.cancel(wanted.key)
    settled(lambda: model.leaving.at(wanted.key) is None)
    settled(lambda: not partials(profile))
    assert model.states() == ()
    model.undo(wanted.key)  # too late, and nothing happens
    assert model.states() == ()


def test_asked_for_again_while_it_leaves_it_stays(
    model: DownloadsModel, slow: LoopbackHub, settled: Settled
) -> None:
    wanted = large()
    model.add(wanted)
    settled(lambda: (at := model.of(wanted)) is not None and at.done_bytes > 0)
    model.cancel(wanted.key)
    model.add(wanted)
    assert model.of(wanted) is not None
    slow.heal()
    settled(lambda: state_of(model, wanted.key) == "done")


def test_what_fails_says_why_and_can_be_tried_again(
    model: DownloadsModel, hub: LoopbackHub, settled: Settled
) -> None:
    failed: list[str] = []
    model.failed.connect(failed.append)
    wanted = missing()
    model.add(wanted)
    settled(lambda: state_of(model, wanted.key) == "failed")
    progress = model.of(wanted)
    assert progress is not None
    assert progress.error is not None
    settled(lambda: failed == [wanted.key])
    repository = hub.shelf.repositories[wanted.repo]
    repository.files["none.gguf"] = repository.files["Tiny-Llama-Q8_0.gguf"]
    model.resume(wanted.key)
    settled(lambda: state_of(model, wanted.key) == "done")


def test_what_a_former_start_left_goes_on_by_itself(
    qtbot: QtBot,
    build: Callable[[], Downloads],
    bridge: Bridge,
    notify: Notifier,
    slow: LoopbackHub,
    settled: Settled,
) -> None:
    wanted = large()
    former = build()
    former.add(wanted)
    settled(lambda: (at := former.state(wanted.key)) is not None and at.done_bytes > 0)
    assert former.close(20)
    slow.heal()
    model = DownloadsModel(build, bridge, notify.error)
    finished: list[str] = []
    model.finished.connect(finished.append)
    model.open()
    settled(lambda: state_of(model, wanted.key) == "done")
    at = model.of(wanted)
    assert at is not None
    assert at.total_bytes > LARGE_BYTES  # its header comes on top
    settled(lambda: finished == [wanted.key])
    model.close()
    model.deleteLater()


def test_without_a_downloader_nothing_is_offered(bridge: Bridge, notify: Notifier) -> None:
    model = DownloadsModel(None, bridge, notify.error)
    model.open()
    model.add(tiny())
    assert not model.is_available
    assert model.states() == ()
    model.close()
    model.deleteLater()
