"""The place “Hugging Face” over a hub on loopback: search, repositories, gates, faults."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.plugin import QtBot

from app.bootstrap.reach import ENDPOINT
from app.gui.models.hub.repository import RepositoryView
from app.gui.models.page import ModelsPage
from app.gui.services import GuiServices
from app.settings.file import SettingsFile
from app.settings.schema import OFFLINE
from tests.gui.models.conftest import Settled
from tests.hub.content import Held
from tests.hub.faults.answers import Status
from tests.hub.faults.lines import HungUp, Silent
from tests.hub.server import LoopbackHub
from tests.hub.shelf import Repository


def searched(page: ModelsPage, words: str, qtbot: QtBot, settled: Settled) -> list[str]:
    """Type words and press Enter; the repositories that are shown then."""
    page.hub.search.clear()
    qtbot.keyClicks(page.hub.search, words)
    qtbot.keyClick(page.hub.search, Qt.Key.Key_Return)
    settled(lambda: not page.hub.situation.is_busy and page.hub.feed.is_settled)
    return [row.repo.id for row in page.hub.rows]


def repository(page: ModelsPage, repo: str, settled: Settled) -> RepositoryView:
    """Open a repository and wait until all is known of it."""
    page.openings.open_repository(repo)
    view = page.openings.repository
    assert view is not None
    settled(lambda: not view.situation.is_busy and (view.info is None or _is_told(view)))
    return view


def _is_told(view: RepositoryView) -> bool:
    assert view.info is not None
    return view.weighed is not None or not view.info.groups


def asked_of_hub(hub: LoopbackHub) -> int:
    return len(hub.record.asked)


def test_nothing_is_asked_before_enter_is_pressed(
    online: ModelsPage, hub: LoopbackHub, qtbot: QtBot, settled: Settled
) -> None:
    qtbot.keyClicks(online.hub.search, "qwen")
    settled(lambda: bool(online.hub.known.made))
    online.hub.sorts.buttons[1].click()
    assert asked_of_hub(hub) == 0
    assert searched(online, "qwen", qtbot, settled) == ["example-labs/Tiny-Qwen-VL-GGUF"]
    assert asked_of_hub(hub) == 1


def test_it_says_whom_it_would_ask_and_is_ready_to_be_typed_into(
    online: ModelsPage, hub: LoopbackHub, services: GuiServices, qtbot: QtBot
) -> None:
    assert "huggingface.co" in online.hub.situation.sentence.text()
    services.endpoint = lambda: "https://mirror.example"
    online.places.buttons[0].click()
    qtbot.mouseClick(online.places.buttons[2], Qt.MouseButton.LeftButton)
    assert "mirror.example" in online.hub.situation.sentence.text()
    assert online.window().focusWidget() is online.hub.search


def test_order_and_the_same_search_again(
    online: ModelsPage, hub: LoopbackHub, qtbot: QtBot, settled: Settled
) -> None:
    first = searched(online, "tiny", qtbot, settled)
    assert first[0] == "example-labs/Tiny-Llama-GGUF"
    online.hub.sorts.buttons[2].click()
    settled(lambda: not online.hub.situation.is_busy)
    settled(lambda: online.hub.feed.is_settled)
    liked = [row.repo.id for row in online.hub.rows]
    assert liked[0] == "example-labs/Tiny-Mixtral-GGUF"
    before = asked_of_hub(hub)
    online.hub.sorts.buttons[0].click()
    settled(lambda: [row.repo.id for row in online.hub.rows] == first)
    assert asked_of_hub(hub) == before


def test_what_is_not_found_is_said(online: ModelsPage, qtbot: QtBot, settled: Settled) -> None:
    assert searched(online, "no-such-thing", qtbot, settled) == []
    assert "no-such-thing" in online.hub.situation.title.text()


def test_a_repository_shows_each_file_with_its_fit_and_downloads_to_a_chat(
    online: ModelsPage, qtbot: QtBot, settled: Settled
) -> None:
    searched(online, "tiny-llama", qtbot, settled)
    online.hub.rows[0].click()
    view = online.openings.repository
    assert view is not None
    settled(lambda: view.weighed is not None)
    names = [row.accessibleName() for row in view.files.rows.values()]
    assert len(names) == 2
    assert all("runs well" in name for name in names)
    assert sum("recommended" in name for name in names) == 1
    assert view.head.badge.text == "runs well"
    assert "Download" in view.head.offer.button.text()
    view.head.offer.button.click()
    settled(lambda: view.head.offer.choice != "")
    assert view.head.offer.button.text() == "Chat"
    with qtbot.waitSignal(online.use_asked) as used:
        view.head.offer.button.click()
    assert used.args is not None
    assert used.args[0].endswith(".gguf")


def test_details_of_a_file_of_the_hub(online: ModelsPage, settled: Settled, qtbot: QtBot) -> None:
    view = repository(online, "example-labs/Tiny-Llama-GGUF", settled)
    view.head.details.click()
    settled(lambda: online.details is not None)
    assert online.details is not None
    assert len(online.details.files.rows) == 2
    qtbot.keyClick(online.details, Qt.Key.Key_Escape)
    assert online.openings.repository is view
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert online.hub.isVisible()


def test_projectors_and_parts_come_along(online: ModelsPage, settled: Settled) -> None:
    view = repository(online, "example-labs/Tiny-Qwen-VL-GGUF", settled)
    assert view.info is not None
    assert "pictures" in view._notes.text()
    wanted = view.info.wanted(view.info.groups[0])
    assert wanted.parts[-1].role == "projector"
    view = repository(online, "example-labs/Tiny-Mixtral-GGUF", settled)
    assert "files" in view.files.rows[0].about


def test_other_formats_are_named_and_the_match_is_offered(
    online: ModelsPage, settled: Settled, qtbot: QtBot
) -> None:
    view = repository(online, "example-labs/Tiny-Llama", settled)
    assert "Safetensors" in view.situation.sentence.text()
    assert "Tiny-Llama-GGUF" in view.situation.action.text()
    view.situation.action.click()
    other = online.openings.repository
    assert other is not None
    assert other.repo == "example-labs/Tiny-Llama-GGUF"
    settled(lambda: other.weighed is not None)
    empty = repository(online, "example-labs/Empty-GGUF", settled)
    assert "no model file" in empty.situation.sentence.text()
    empty.situation.action.click()
    settled(lambda: online.openings.repository is None and not online.hub.situation.is_busy)
    assert online.hub.search.text() == "Empty-GGUF"


def test_terms_are_said_before_a_download_and_lead_to_the_token(
    online: ModelsPage, settled: Settled, qtbot: QtBot
) -> None:
    view = repository(online, "example-labs/Gated-Llama-GGUF", settled)
    assert view.gate.isVisible()
    assert "token" in view.gate.sentence.text()
    with qtbot.waitSignal(online.settings_asked):
        view.gate.settings_asked.emit()
    private = repository(online, "reader/Private-Qwen-GGUF", settled)
    assert private.info is None
    assert private.situation.isVisible()


def test_what_is_not_there_is_said(online: ModelsPage, settled: Settled) -> None:
    view = repository(online, "nobody/Nothing-GGUF", settled)
    assert view.situation.isVisible()
    assert view.situation.title.text()


@pytest.mark.parametrize("fault", [Status(503), HungUp()], ids=["busy", "hung up"])
def test_an_error_is_said_in_place_and_can_be_tried_again(
    online: ModelsPage, hub: LoopbackHub, fault: Status, qtbot: QtBot, settled: Settled
) -> None:
    hub.sabotage(fault)
    assert searched(online, "tiny", qtbot, settled) == []
    assert online.hub.situation.action.text() == "Try again"
    hub.heal()
    online.hub.situation.action.click()
    settled(lambda: bool(online.hub.rows))


def test_a_slow_answer_can_be_waited_for_no_longer(
    online: ModelsPage,
    hub: LoopbackHub,
    qtbot: QtBot,
    settled: Settled,
) -> None:
    hub.sabotage(Silent())
    qtbot.keyClicks(online.hub.search, "tiny")
    qtbot.keyClick(online.hub.search, Qt.Key.Key_Return)
    assert online.hub.situation.is_busy
    online.hub._is_slow()
    assert "slow" in online.hub.situation.title.text()
    online.hub.situation.action.click()
    assert not online.hub.situation.is_busy
    assert not online.hub._slow.isActive()
    hub.heal()
    online.hub.situation.action.click()
    settled(lambda: bool(online.hub.rows))


def test_offline_it_says_so_and_hearths_own_list_answers(
    online: ModelsPage,
    settings: SettingsFile,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
    settled: Settled,
) -> None:
    # The hub itself, which must not be asked; loopback may be while offline.
    monkeypatch.delenv(ENDPOINT)
    settings.set(OFFLINE, True)
    settled(lambda: online.listing.suited is not None)
    assert searched(online, "granite", qtbot, settled) == []
    assert "offline" in online.hub.situation.title.text().lower()
    assert online.hub.known.made


def test_words_from_afar_are_shown_as_they_are(
    online: ModelsPage, hub: LoopbackHub, qtbot: QtBot, settled: Settled
) -> None:
    hub.shelf.add(
        Repository(
            "bad/evil-GGUF",
            {"<img src=x>.txt": Held(b""), "evil-Q8_0.gguf": Held(b"not a model at all")},
            licence="<b>bold</b>\u202emit",
            downloads=10,
        )
    )
    searched(online, "evil", qtbot, settled)
    (row,) = online.hub.rows
    assert "\u202e" not in row.accessibleName()
    for label in online.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
    view = repository(online, "bad/evil-GGUF", settled)
    assert view.weighed is not None
    assert view.weighed.is_refused
    assert not view.head.offer.isVisible()


def test_hundreds_of_files_make_few_rows(
    online: ModelsPage, hub: LoopbackHub, settled: Settled
) -> None:
    content = hub.shelf.repositories["example-labs/Tiny-Llama-GGUF"].files["Tiny-Llama-F16.gguf"]
    files = {f"variant-{n:03d}-Q8_0.gguf": content for n in range(400)}
    hub.shelf.add(Repository("many/files-GGUF", files, downloads=10))
    view = repository(online, "many/files-GGUF", settled)
    assert view.info is not None
    assert len(view.info.groups) == 400
    assert len(view.files.made) < 60
    recommended = view.weighed.at if view.weighed is not None else 0
    assert view.files.rows[recommended].isChecked()
