"""A smaller file made from the page of models: offered, made, left, stopped, and what is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.plugin import QtBot

from app.gui.bridge import Bridge
from app.gui.models.library.row import KeptRow
from app.gui.models.page import HERE, ModelsPage
from app.gui.models.smaller.view import SmallerView
from app.gui.models.smaller.words import line_of, share_of
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.inference.planning import Planning
from app.inference.quantizing import Quantizing
from app.inference.smaller_files import Job, SmallerFiles
from tests.fixtures.shelves import Desk as PersonsDesk
from tests.fixtures.shelves import placed
from tests.gui.models.conftest import Settled

WIDE: dict[str, Any] = {"n_embd": 256, "head_dim": 64, "n_ff": 512, "n_layer": 4}
CLOSE_S = 60.0


@pytest.fixture
def files(person: PersonsDesk, services: GuiServices) -> Iterator[SmallerFiles]:
    """What makes smaller files of the person's models, and is closed as at quitting."""
    made = SmallerFiles(Quantizing(lambda: person.folder))
    services.smaller_files = lambda: made
    yield made
    assert made.close(CLOSE_S)
    assert not list((person.folder / ".hearth").glob("*.part"))


@pytest.fixture
def here(
    files: SmallerFiles,
    planning: Planning,
    services: GuiServices,
    qtbot: QtBot,
    bridge: Bridge,
    notify: Notifier,
) -> Iterator[ModelsPage]:
    services.planning = lambda: planning
    page = ModelsPage(services, bridge, notify)
    qtbot.addWidget(page)
    page.resize(1000, 800)
    notify.attach(page)
    page.show()
    page.show_place(HERE)
    yield page
    page.hide()
    if notify.toast is not None:
        notify.toast.dismiss()


@pytest.fixture
def own(person: PersonsDesk) -> Path:
    """A model of the person's own, as it was published."""
    source = person.tiny("Mine", **WIDE)
    return placed(source, person.folder / "some" / "Mine-GGUF" / "Mine-F16.gguf")


def row_of(page: ModelsPage, name: str, settled: Settled) -> KeptRow:
    page.library.look()
    settled(lambda: any(name in row.item.name for row in page.library.rows))
    return next(row for row in page.library.rows if name in row.item.name)


def opened(page: ModelsPage, name: str, settled: Settled) -> SmallerView:
    """Ask for it by the row's menu, and wait for what can be made."""
    row = row_of(page, name, settled)
    words = dict(row.menu_actions())
    assert words["smaller"] == "Make a smaller file…"
    row.smaller_asked.emit()
    view = page.sheets.top
    assert isinstance(view, SmallerView)
    settled(lambda: not view.situation.is_busy)
    return view


def chosen(view: SmallerView, quant: str) -> None:
    assert view.prospect is not None
    at = [target.quant for target in view.prospect.offer.targets].index(quant)
    view.files.show_up_to(at + 1)
    view.files.rows[at].click()


def test_sizes_and_quality_come_first_and_then_the_file(
    here: ModelsPage, own: Path, settled: Settled, qtbot: QtBot
) -> None:
    view = opened(here, "Mine", settled)
    assert here.sheets.title == "A smaller file of Mine"
    assert "F16" in view.about.text()
    assert view.warning.isHidden()
    said = [row.accessibleName() for row in view.files.rows.values()]
    assert sum("recommended" in each for each in said) == 1
    assert all("runs well" in each for each in said)
    assert any("as good as the full model" in each for each in said)
    chosen(view, "Q4_K_M")
    assert view.make.text().startswith("Make Q4_K_M, ")
    assert "free" in view.room.text()
    view.make.click()
    assert not view.making.isHidden()
    assert view.make.isHidden()
    settled(lambda: not view.ended.isHidden())
    assert "Q4_K_M of Mine is here and checked" in view.ended.text()
    assert view.making.isHidden()
    with qtbot.waitSignal(here.use_asked) as used:
        view.chat.click()
    assert Path(used.args[0]).is_file()
    here.go_back()
    settled(lambda: len(here.library.rows) == 3)
    quants = {row.item.kept.quant for row in here.library.rows if row.item.kept is not None}
    assert quants == {"F16", "Q4_K_M"}
    assert own.exists()


def test_it_goes_on_when_the_page_is_left(
    here: ModelsPage, own: Path, settled: Settled, notify: Notifier, files: SmallerFiles
) -> None:
    view = opened(here, "Mine", settled)
    chosen(view, "Q4_K_M")
    view.make.click()
    here.go_back()
    here.hide()
    settled(lambda: files.job is not None and files.job.state == "done")
    settled(lambda: notify.toast is not None and notify.toast.notice is not None)
    assert notify.toast is not None
    assert notify.toast.notice is not None
    assert "Q4_K_M of Mine is here" in notify.toast.notice.title
    assert notify.toast.notice.action == "Chat"
    here.show()
    settled(lambda: len(here.library.rows) == 3)


def test_another_page_finds_what_an_earlier_one_began(
    here: ModelsPage,
    own: Path,
    settled: Settled,
    files: SmallerFiles,
    services: GuiServices,
    qtbot: QtBot,
) -> None:
    files.begin(files.offer(own), "Q4_K_M")
    settled(lambda: here.smaller.job is not None)
    later = ModelsPage(services, here._bridge, here._notify)
    qtbot.addWidget(later)
    settled(lambda: later.smaller.job is not None)
    settled(lambda: files.job is not None and files.job.state == "done")
    settled(lambda: later.smaller.job == files.job)


def test_it_is_seen_and_stopped_from_the_list(
    here: ModelsPage, own: Path, settled: Settled, files: SmallerFiles, person: PersonsDesk
) -> None:
    view = opened(here, "Mine", settled)
    view.make.click()
    making = here.library.making
    assert not making.isHidden()
    assert making.title.text() == view.making.title.text()
    view.making.stop.click()
    settled(lambda: files.job is not None and not files.job.is_under_way)
    settled(making.isHidden)
    assert files.job is not None
    assert files.job.state == "stopped"
    assert "Stopped" in view.ended.text()
    assert not view.make.isHidden()
    assert not list((person.folder / "made-here").rglob("*.gguf"))


def test_what_was_made_smaller_once_is_warned_of(
    here: ModelsPage, person: PersonsDesk, settled: Settled
) -> None:
    source = person.tiny("Once", kind="qwen3", quant="Q5_K")
    placed(source, person.folder / "some" / "Once-GGUF" / "Once-Q5_K_M.gguf")
    view = opened(here, "Once", settled)
    assert not view.warning.isHidden()
    assert "made smaller once already" in view._warned.text()
    said = [row.accessibleName() for row in view.files.rows.values()]
    assert all("at best" in each and "recommended" not in each for each in said)
    assert "all the same" in view.make.text()
    view.make.click()
    settled(lambda: not view.ended.isHidden())
    assert "is here and checked" in view.ended.text()


def test_what_is_there_already_is_said_in_place(
    here: ModelsPage, own: Path, settled: Settled, files: SmallerFiles
) -> None:
    view = opened(here, "Mine", settled)
    view.make.click()
    settled(lambda: files.job is not None and files.job.state == "done")
    settled(lambda: not view.ended.isHidden())
    here.smaller.clear()
    assert view.ended.isHidden()
    view.make.click()
    settled(lambda: "is there already" in view.ended.text())
    assert not view.make.isHidden()


def test_too_little_room_is_said_before(
    here: ModelsPage, own: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    view = opened(here, "Mine", settled)
    assert "only 1 kB are free" in view.room.text()
    assert not view.make.isEnabled()


def test_a_file_that_went_away_is_said_and_looked_at_again(
    here: ModelsPage, own: Path, settled: Settled
) -> None:
    row = row_of(here, "Mine", settled)
    content = own.read_bytes()
    own.unlink()
    row.smaller_asked.emit()
    view = here.sheets.top
    assert isinstance(view, SmallerView)
    settled(lambda: not view.situation.is_busy)
    assert "Mine-F16.gguf" in view.situation.title.text() + view.situation.sentence.text()
    assert view.make.isHidden()
    own.write_bytes(content)
    view.situation.action.click()
    settled(lambda: not view.make.isHidden())


def test_it_is_not_offered_where_nothing_can_be_made(
    page: ModelsPage, person: PersonsDesk, own: Path, settled: Settled
) -> None:
    page.show_place(HERE)
    row = row_of(page, "Mine", settled)
    assert "smaller" not in dict(row.menu_actions())


def job(state: Any, done: int, total: int, left_s: float | None = None) -> Job:
    return Job(Path("m.gguf"), "Mine", "Q4_K_M", state, done, total, left_s)


@pytest.mark.parametrize(
    ("made", "words", "share"),
    [
        (job("making", 0, 4_900_000_000), "Beginning…", None),
        (job("making", 1_200_000_000, 4_800_000_000), "1.2 of 4.8 GB", 0.25),
        (job("making", 1_200_000_000, 4_800_000_000, 170), "1.2 of 4.8 GB, 3 minutes left", 0.25),
        (job("making", 480_000_000, 4_800_000_000, 5), "480 MB of 4.8 GB, 5 seconds left", 0.1),
        (job("checking", 1, 4), "Checking what was written…", 1.0),
        (job("stopped", 0, 4), "Stopped. Nothing was left on the disk.", None),
    ],
)
def test_how_far_it_is_in_words(made: Job, words: str, share: float | None) -> None:
    assert line_of(made) == words
    assert share_of(made) == share
