"""The place “On this computer” over a real library: where from, what may be done, taking in."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.plugin import QtBot

from app.gui.models.library.row import KeptRow
from app.gui.models.page import HERE, ModelsPage
from app.gui.models.subjects import Outlook
from app.gui.notify import Notifier
from tests.fixtures.shelves import Desk as PersonsDesk
from tests.fixtures.shelves import hub_cache, placed
from tests.gui.models.conftest import Settled


@pytest.fixture
def here(person: PersonsDesk, page: ModelsPage) -> ModelsPage:
    page.show_place(HERE)
    return page


def looked(page: ModelsPage, settled: Settled, n_rows: int) -> list[KeptRow]:
    """Look anew and wait for so many rows."""
    page.library.look()
    settled(lambda: len(page.library.rows) == n_rows and not page.library._look.is_busy)
    return page.library.rows


def named(rows: list[KeptRow], name: str) -> KeptRow:
    return next(row for row in rows if name in row.item.name)


def test_models_of_other_programs_are_listed_with_where_they_are_from(
    here: ModelsPage, person: PersonsDesk, settled: Settled, qtbot: QtBot
) -> None:
    model = person.tiny()
    placed(model, person.folder / "some" / "Own-GGUF" / "Own-F16.gguf")
    hub_cache(
        person.home / ".cache" / "huggingface" / "hub",
        "some/Other-GGUF",
        {"Other-F16.gguf": person.tiny("Other", kind="qwen3")},
    )
    rows = looked(here, settled, 3)
    assert rows[0].item.is_built_in
    settled(lambda: all(isinstance(row.outlook, Outlook) for row in here.library.rows))
    said = [row.tile.accessibleName() for row in here.library.rows]
    assert any("in Hearth's folder" in each for each in said)
    assert any("from the Hugging Face cache" in each for each in said)
    assert all("runs well" in each for each in said)
    assert "Models take" in here.library._use.text()
    other = next(row for row in rows if row.item.kept and not row.item.kept.is_ours)
    assert [what for what, _ in other.menu_actions()] == ["verify", "reveal", "forget"]
    with qtbot.waitSignal(here.use_asked) as used:
        other.chat.click()
    assert used.args == [other.item.choice]


def test_a_model_is_checked_and_says_so(
    here: ModelsPage, person: PersonsDesk, settled: Settled
) -> None:
    placed(person.tiny(), person.folder / "some" / "Own-GGUF" / "Own-F16.gguf")
    row = looked(here, settled, 2)[1]
    assert "checked" not in row.tile.accessibleName()
    row.asked.emit("verify")
    assert row.strip.isVisible()
    settled(lambda: "checked" in here.library.rows[1].tile.accessibleName())


def test_removing_asks_for_one_word_in_place(
    here: ModelsPage,
    person: PersonsDesk,
    settled: Settled,
    notify: Notifier,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = placed(person.tiny(), person.folder / "some" / "Own-GGUF" / "Own-F16.gguf")
    row = looked(here, settled, 2)[1]
    row.asked.emit("remove")
    assert "trash" in row.strip.words.text()
    assert row.window().focusWidget() is row.strip.other
    row.strip.other.click()
    assert path.exists()
    assert row.strip.isHidden()
    row.asked.emit("remove")
    row.strip.act.click()
    assert row.window().focusWidget() is row.tile
    settled(lambda: len(here.library.rows) == 1)
    assert not path.exists()
    assert notify.toast is not None
    assert "is in the trash" in notify.toast.title.text()
    assert here.window().focusWidget() is here.library.rows[0].tile


def test_a_question_stays_while_another_model_comes(
    here: ModelsPage, person: PersonsDesk, settled: Settled
) -> None:
    placed(person.tiny(), person.folder / "some" / "Own-GGUF" / "Own-F16.gguf")
    row = looked(here, settled, 2)[1]
    row.asked.emit("remove")
    other = person.tiny("Another", n_ctx=8_192)
    placed(other, person.folder / "some" / "Another-GGUF" / "Another-F16.gguf")
    assert row in looked(here, settled, 3)
    assert row.strip.isVisible()
    assert row.window().focusWidget() is row.strip.other


def test_a_file_that_went_away_is_shown_as_gone_and_can_be_forgotten(
    here: ModelsPage, person: PersonsDesk, settled: Settled
) -> None:
    path = placed(person.tiny(), person.folder / "some" / "Own-GGUF" / "Own-F16.gguf")
    looked(here, settled, 2)
    path.unlink()
    row = looked(here, settled, 2)[1]
    settled(lambda: not here.library.rows[1].item.is_usable)
    row = here.library.rows[1]
    assert row.item.kept is not None
    assert row.item.kept.state == "gone"
    assert row.item.kept.problem in row.tile.accessibleName()
    assert row.chat.isHidden()
    assert [what for what, _ in row.menu_actions()] == ["forget"]
    row.asked.emit("forget")
    settled(lambda: len(here.library.rows) == 1)


def test_a_dropped_file_is_used_where_it_is_or_copied_in(
    here: ModelsPage, person: PersonsDesk, settled: Settled, qtbot: QtBot
) -> None:
    looked(here, settled, 1)
    path = person.tiny("Dropped")
    here.take_file(str(path))
    importing = here.library.importing
    assert importing.isVisible()
    with qtbot.waitSignal(here.use_asked) as used:
        importing.strip.act.click()
    assert used.args == [str(path)]
    assert importing.isHidden()
    here.take_file(str(path))
    importing.strip.other.click()
    settled(lambda: len(here.library.rows) == 2)
    assert importing.isHidden()
    assert list(person.folder.rglob("*.gguf"))
    assert path.exists()


def test_what_is_no_model_is_refused_in_place(
    here: ModelsPage, settled: Settled, tmp_path: Path
) -> None:
    looked(here, settled, 1)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"nothing")
    here.take_file(str(broken))
    here.library.importing.strip.other.click()
    settled(lambda: not here.library.importing.is_running)
    assert here.library.importing.isVisible()
    assert here.library.importing.strip.words.text()


def test_hundreds_of_models_make_few_rows_and_can_be_filtered(
    here: ModelsPage, person: PersonsDesk, settled: Settled, qtbot: QtBot
) -> None:
    for number in range(300):
        source = person.tiny(f"Model {number:03d}")
        placed(source, person.folder / "many" / f"m{number:03d}-GGUF" / f"m{number:03d}.gguf")
    here.library.look()
    settled(lambda: here.library.stock is not None and len(here.library.stock.items) > 300)
    assert len(here.library.rows) < 60
    assert here.library.search.isVisible()
    qtbot.keyClicks(here.library.search, "model 123")
    settled(lambda: here.library.feed.is_settled)
    shown = [row for row in here.library.rows if row.isVisible()]
    assert [row.item.name for row in shown] == ["Model 123"]
