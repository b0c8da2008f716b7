"""The page of connections: what it lists, finds, says when there is nothing, and writes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.plugin import QtBot

from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.settings.connection_list import Role, outcome_words, went_wrong
from app.gui.settings.connections import ConnectionsPage
from app.gui.settings.page import SettingsPage
from app.network.connections import CUT_OFF, Connections

Settled = Callable[[Callable[[], bool]], None]
N_MANY = 20_000


def record(profile: Profile, n: int) -> None:
    """As the client writes it."""
    entries = Connections(profile.connections)
    for number in range(n):
        under_way = entries.begin("huggingface.co", f"header of maker/model-{number}")
        under_way.sent_bytes, under_way.received_bytes = 400, 1_000_000
        under_way.end("200" if number % 2 == 0 else "403")


def record_many(profile: Profile) -> None:
    """As many as the record holds, in one go, with older ones dropped before."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    lines = [{"dropped": 1204}]
    for number in range(N_MANY):
        lines += [
            {"id": str(number), "at": at, "host": "h.co", "purpose": f"part {number}"},
            {"id": str(number), "sent_bytes": 9, "received_bytes": 9, "outcome": "200"},
        ]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    profile.connections.write_text(text, "utf-8")


@pytest.fixture
def page(qtbot: QtBot, profile: Profile, bridge: Bridge, notify: Notifier) -> ConnectionsPage:
    made = ConnectionsPage(profile, bridge, notify)
    qtbot.addWidget(made)
    made.resize(640, 560)
    return made


def test_nothing_was_ever_connected(page: ConnectionsPage, settled: Settled) -> None:
    page.show()
    settled(lambda: page.sentence.text() == "Hearth has never connected to anything.")
    assert not page.search.isVisible()
    assert not page.export_button.isEnabled()


def test_the_newest_comes_first_with_all_that_is_known(
    page: ConnectionsPage, profile: Profile, settled: Settled
) -> None:
    record(profile, 3)
    page.show()
    settled(lambda: page.model.rowCount() == 3)
    first = page.model.index(0, 0)
    assert first.data() == "Header of maker/model-2"
    assert first.data(Role.SIZES) == "1.0 MB received, 400 bytes sent"
    spoken = first.data(Qt.ItemDataRole.AccessibleTextRole)
    assert "huggingface.co" in spoken
    assert "answered (200)" in spoken
    assert page.model.index(1, 0).data(Role.WENT_WRONG)
    assert page.view.isVisible()


def test_words_are_searched_for_in_names_hosts_and_outcomes(
    page: ConnectionsPage, profile: Profile, qtbot: QtBot, settled: Settled
) -> None:
    record(profile, 12)
    page.show()
    settled(lambda: page.model.rowCount() == 12)
    qtbot.keyClicks(page.search, "Model-1 refused")
    settled(lambda: page.model.rowCount() == 2)  # 1 and 11
    page.search.setText("nowhere")
    settled(page.sentence.isVisible)
    assert page.sentence.text() == "No connection has these words."
    page.search.clear()
    settled(lambda: page.model.rowCount() == 12)


def test_twenty_thousand_rows_are_drawn_only_where_they_are_seen(
    page: ConnectionsPage, profile: Profile, qtbot: QtBot, settled: Settled
) -> None:
    record_many(profile)
    page.show()
    settled(lambda: page.model.rowCount() == N_MANY)
    asked: set[int] = set()
    plain = page.model.data

    def noted(index, role=Qt.ItemDataRole.DisplayRole):  # type: ignore[no-untyped-def]
        asked.add(index.row())
        return plain(index, role)

    page.model.data = noted  # type: ignore[method-assign]
    page.view.scrollTo(page.model.index(N_MANY // 2, 0))
    QApplication.processEvents()
    page.view.viewport().repaint()
    assert N_MANY // 2 in asked
    assert len(asked) < 60
    page.search.setText("part 1999")
    settled(lambda: page.model.rowCount() == 12)  # 1999, 11999, 19990 to 19999
    said = QLocale().toString(1204) + " older connections"
    assert any(said in label for label in shown_words(page))


def shown_words(page: ConnectionsPage) -> list[str]:
    from app.gui.widgets.plain import PlainLabel

    return [label.text() for label in page.findChildren(PlainLabel) if label.isVisible()]


def test_everything_is_saved_whatever_is_searched_for(
    page: ConnectionsPage, profile: Profile, tmp_path: Path, settled: Settled
) -> None:
    record(profile, 4)
    page.show()
    settled(lambda: page.model.rowCount() == 4)
    page.search.setText("model-1")
    settled(lambda: page.model.rowCount() == 1)
    page.save_to(str(tmp_path / "out.json"))
    settled((tmp_path / "out.json").exists)
    document = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert len(document["connections"]) == 4
    page.save_to(str(tmp_path / "plain"))
    settled((tmp_path / "plain.csv").exists)


def test_a_record_that_cannot_be_read_says_so(
    page: ConnectionsPage, profile: Profile, settled: Settled
) -> None:
    profile.connections.mkdir()
    page.show()
    settled(lambda: "cannot be read" in page.sentence.text())
    assert not page.export_button.isEnabled()


def test_it_opens_from_the_settings_and_escape_leads_back(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier, settled: Settled
) -> None:
    page = SettingsPage(services, bridge, notify)
    page.fill()
    qtbot.addWidget(page)
    page.resize(640, 560)
    page.show()
    page.connections_button.click()
    assert page.connections is not None
    assert page.connections.isVisible()
    settled(lambda: page.connections.sentence.text().startswith("Hearth has never"))  # type: ignore[union-attr]
    qtbot.keyClick(page.connections, Qt.Key.Key_Escape)
    assert not page.connections.isVisible()
    assert page.connections_button.isVisible()


@pytest.mark.parametrize(
    ("outcome", "words", "wrong"),
    [
        ("200", "answered (200)", False),
        ("302", "sent on (302)", False),
        ("404", "refused (404)", True),
        ("503", "trouble at the other end (503)", True),
        ("timed out", "no answer in time", True),
        ("failed: ConnectError", "failed", True),
        ("stopped: LoadCancelled", "stopped", False),
        (CUT_OFF, "under way, or cut off", False),
    ],
)
def test_how_it_ended_is_said_in_words(outcome: str, words: str, wrong: bool) -> None:
    assert outcome_words(outcome) == words
    assert went_wrong(outcome) is wrong
