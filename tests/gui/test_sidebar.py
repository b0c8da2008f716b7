"""The list of chats: grouped, searched, opened, renamed, deleted and brought back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from PySide6.QtCore import QLocale, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu
from pytestqt.plugin import QtBot

from app.conversations.records import Conversation, ConversationOptions
from app.conversations.repository import Repository
from app.gui.bridge import Bridge
from app.gui.chat.sidebar import Sidebar
from app.gui.chat.sidebar_model import ConversationModel, Role, day_group
from app.gui.notify import Notifier
from app.gui.services import GuiServices

Settled = Callable[[Callable[[], bool]], None]


@pytest.fixture
def titles(repository: Repository) -> list[str]:
    """Three chats; the last is the newest."""
    names = ["Plum cake", "Trip to Lisbon", "Regular expressions"]
    for name in names:
        repository.create(name).result()
    return names


@pytest.fixture
def sidebar(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier, titles: list[str]
) -> Iterator[Sidebar]:
    made = Sidebar(services, bridge, notify)
    notify.attach(made)
    qtbot.addWidget(made)
    made.resize(260, 600)
    made.show()
    made.reload()
    qtbot.waitUntil(lambda: len(listed(made)) == len(titles))
    yield made
    if notify.toast is not None:
        notify.toast.dismiss()


def listed(sidebar: Sidebar) -> list[str]:
    """The titles shown, without the headings."""
    model = sidebar.model
    indexes = [model.index(row) for row in range(model.rowCount())]
    return [each.data() for each in indexes if not each.data(Role.HEADING)]


def index_of(sidebar: Sidebar, title: str) -> Any:
    model = sidebar.model
    for row in range(model.rowCount()):
        if model.index(row).data() == title:
            return model.index(row)
    raise AssertionError(title)


def choose(sidebar: Sidebar, title: str) -> Any:
    index = index_of(sidebar, title)
    sidebar.view.setFocus()
    sidebar.view.setCurrentIndex(index)
    return index


def test_the_newest_comes_first_under_its_day(sidebar: Sidebar) -> None:
    assert listed(sidebar) == ["Regular expressions", "Trip to Lisbon", "Plum cake"]
    heading = sidebar.model.index(0)
    assert (heading.data(), heading.data(Role.HEADING)) == ("Today", True)
    assert not heading.flags() & Qt.ItemFlag.ItemIsEnabled


def test_a_click_opens(sidebar: Sidebar, qtbot: QtBot) -> None:
    index = index_of(sidebar, "Plum cake")
    with qtbot.waitSignal(sidebar.opened) as opened:
        at = sidebar.view.visualRect(index).center()
        qtbot.mouseClick(sidebar.view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert opened.args == [index.data(Role.ID), False]
    assert not sidebar.view.shows_ring


def test_enter_opens_and_arrows_pass_the_heading(sidebar: Sidebar, qtbot: QtBot) -> None:
    choose(sidebar, "Regular expressions")
    qtbot.keyClick(sidebar.view, Qt.Key.Key_Down)
    with qtbot.waitSignal(sidebar.opened) as opened:
        qtbot.keyClick(sidebar.view, Qt.Key.Key_Return)
    assert opened.args == [index_of(sidebar, "Trip to Lisbon").data(Role.ID), True]
    assert sidebar.view.shows_ring


def test_what_is_typed_on_the_list_is_for_the_message(sidebar: Sidebar, qtbot: QtBot) -> None:
    choose(sidebar, "Plum cake")
    with qtbot.waitSignal(sidebar.typed) as typed:
        qtbot.keyClick(sidebar.view, "h")
    assert typed.args == ["h"]


def test_search_narrows_by_title_and_escape_ends_it(
    sidebar: Sidebar, qtbot: QtBot, settled: Settled
) -> None:
    sidebar.focus_search()
    qtbot.keyClicks(sidebar.search, "lisb")
    settled(lambda: listed(sidebar) == ["Trip to Lisbon"])
    qtbot.keyClick(sidebar.search, Qt.Key.Key_Down)
    assert sidebar.view.currentIndex().data() == "Trip to Lisbon"
    qtbot.keyClick(sidebar.search, Qt.Key.Key_Escape)
    settled(lambda: len(listed(sidebar)) == 3)


def test_a_search_without_result_says_so(sidebar: Sidebar, qtbot: QtBot, settled: Settled) -> None:
    qtbot.keyClicks(sidebar.search, "xyzzy")
    settled(lambda: sidebar.sentence == "No chat has this in its title.")
    sidebar.search.clear()
    settled(lambda: sidebar.sentence == "")


def test_f2_renames_in_place(
    sidebar: Sidebar, qtbot: QtBot, settled: Settled, repository: Repository
) -> None:
    index = choose(sidebar, "Plum cake")
    chat_id = index.data(Role.ID)
    qtbot.keyClick(sidebar.view, Qt.Key.Key_F2)
    field = sidebar.view.findChild(QLineEdit)
    assert field is not None
    assert field.text() == "Plum cake"
    field.selectAll()
    qtbot.keyClicks(field, "  Plum   cake for ten ")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    settled(lambda: "Plum cake for ten" in listed(sidebar))
    assert repository.get(chat_id).result().title == "Plum cake for ten"


@pytest.mark.parametrize("typed", ["", "   "])
def test_an_empty_title_changes_nothing(
    sidebar: Sidebar, qtbot: QtBot, repository: Repository, typed: str
) -> None:
    index = choose(sidebar, "Plum cake")
    qtbot.keyClick(sidebar.view, Qt.Key.Key_F2)
    field = sidebar.view.findChild(QLineEdit)
    assert field is not None
    field.setText(typed)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert repository.get(index.data(Role.ID)).result().title == "Plum cake"


def test_escape_ends_renaming_and_keeps_the_title(
    sidebar: Sidebar, qtbot: QtBot, settled: Settled, repository: Repository
) -> None:
    index = choose(sidebar, "Plum cake")
    qtbot.keyClick(sidebar.view, Qt.Key.Key_F2)
    field = sidebar.view.findChild(QLineEdit)
    assert field is not None
    field.setText("Other")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    settled(lambda: not sidebar.view.is_editing)
    assert repository.get(index.data(Role.ID)).result().title == "Plum cake"


def test_the_list_is_not_reloaded_under_a_title_being_typed(
    sidebar: Sidebar, qtbot: QtBot, settled: Settled, repository: Repository
) -> None:
    choose(sidebar, "Plum cake")
    qtbot.keyClick(sidebar.view, Qt.Key.Key_F2)
    repository.create("Meanwhile").result()
    sidebar.reload()
    qtbot.wait(50)
    assert sidebar.view.is_editing
    assert "Meanwhile" not in listed(sidebar)
    field = sidebar.view.findChild(QLineEdit)
    assert field is not None
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    settled(lambda: "Meanwhile" in listed(sidebar))


def test_delete_offers_undo_which_brings_it_back(
    sidebar: Sidebar, qtbot: QtBot, settled: Settled, notify: Notifier
) -> None:
    choose(sidebar, "Trip to Lisbon")
    with qtbot.waitSignal(sidebar.deleted):
        qtbot.keyClick(sidebar.view, Qt.Key.Key_Delete)
    settled(lambda: "Trip to Lisbon" not in listed(sidebar))
    toast = notify.toast
    assert toast is not None
    assert toast.notice is not None
    assert toast.notice.title == "“Trip to Lisbon” was deleted."
    assert sidebar.view.currentIndex().data() == "Plum cake"
    with qtbot.waitSignal(sidebar.opened):
        qtbot.mouseClick(toast.action, Qt.MouseButton.LeftButton)
    settled(lambda: "Trip to Lisbon" in listed(sidebar))


def test_undo_by_key_goes_back_one_deletion_at_a_time(
    sidebar: Sidebar, qtbot: QtBot, settled: Settled
) -> None:
    for title in ("Trip to Lisbon", "Plum cake"):
        choose(sidebar, title)
        with qtbot.waitSignal(sidebar.deleted):
            qtbot.keyClick(sidebar.view, Qt.Key.Key_Delete)
    settled(lambda: listed(sidebar) == ["Regular expressions"])
    sidebar.undo_delete()
    settled(lambda: "Plum cake" in listed(sidebar))
    sidebar.undo_delete()
    settled(lambda: "Trip to Lisbon" in listed(sidebar))
    sidebar.undo_delete()


def test_the_menu_has_every_action_and_opens_by_key(
    sidebar: Sidebar, qtbot: QtBot, qapp: QApplication
) -> None:
    choose(sidebar, "Plum cake")
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(5, 5), QPoint(5, 5))
    qapp.sendEvent(sidebar.view, event)
    menu = sidebar.view.findChild(QMenu)
    assert menu is not None
    texts = [action.text().split("\t")[0] for action in menu.actions()]
    assert texts == ["Open", "Rename", "Delete"]
    with qtbot.waitSignal(sidebar.deleted):
        menu.actions()[2].trigger()
    menu.close()


def test_the_open_chat_is_marked_and_stays_so_when_the_list_changes(
    sidebar: Sidebar, settled: Settled, repository: Repository
) -> None:
    chat_id = index_of(sidebar, "Plum cake").data(Role.ID)
    sidebar.set_open(chat_id)
    repository.create("Newer").result()
    sidebar.reload()
    settled(lambda: "Newer" in listed(sidebar))
    assert index_of(sidebar, "Plum cake").data(Role.OPEN)
    assert sidebar.view.currentIndex().data(Role.ID) == chat_id
    assert sidebar.title_of(chat_id) == "Plum cake"
    sidebar.set_open(None)
    assert not index_of(sidebar, "Plum cake").data(Role.OPEN)


def test_markup_in_a_title_is_shown_as_it_is(
    sidebar: Sidebar, settled: Settled, repository: Repository, notify: Notifier, qtbot: QtBot
) -> None:
    title = "<img src='file:///etc/hostname'><b>bold</b>"
    chat = repository.create(title).result()
    sidebar.reload()
    settled(lambda: title in listed(sidebar))
    sidebar.grab()
    with qtbot.waitSignal(sidebar.deleted):
        sidebar.delete(chat.id)
    assert notify.toast is not None
    assert all(
        label.textFormat() == Qt.TextFormat.PlainText
        for label in notify.toast.findChildren(type(notify.toast.title))
    )


def record(number: int, when: datetime) -> Conversation:
    stamp = when.timestamp()
    return Conversation(f"id-{number}", f"Chat {number}", stamp, stamp, ConversationOptions())


@pytest.mark.parametrize(
    ("age_days", "heading"),
    [(-1, "Today"), (0, "Today"), (1, "Yesterday"), (6, "Last 7 days"), (29, "Last 30 days")],
)
def test_headings_by_age(age_days: int, heading: str) -> None:
    today = date(2026, 11, 23)
    assert day_group(today - timedelta(days=age_days), today, QLocale.c()) == heading


def test_older_days_stand_under_their_month() -> None:
    today = date(2026, 11, 23)
    assert day_group(date(2026, 8, 2), today, QLocale.c()) == "August"
    assert day_group(date(2025, 8, 2), today, QLocale.c()) == "August 2025"


def test_five_thousand_chats_are_grouped_once_each(qapp: QApplication) -> None:
    model = ConversationModel(lambda _: False)
    noon = datetime.now().replace(hour=12, minute=0)
    records = [record(n, noon - timedelta(hours=n)) for n in range(5_000)]
    model.replace(records)
    headings = [
        model.index(row).data()
        for row in range(model.rowCount())
        if model.index(row).data(Role.HEADING)
    ]
    assert len(headings) == len(set(headings))
    assert model.rowCount() == 5_000 + len(headings)
    assert model.neighbour("id-4999") == "id-4998"
    assert model.neighbour("id-0") == "id-1"
    assert model.neighbour("nobody") is None


def test_a_reload_of_the_same_rows_resets_nothing(qapp: QApplication, qtbot: QtBot) -> None:
    model = ConversationModel(lambda _: False)
    records = [record(n, datetime.now()) for n in range(3)]
    model.replace(records)
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged):
        model.replace(records)


def test_a_chat_being_answered_is_marked(qapp: QApplication) -> None:
    answering = {"id-1"}
    model = ConversationModel(answering.__contains__)
    model.replace([record(n, datetime.now()) for n in range(2)])
    assert [model.index(row).data(Role.ANSWERING) for row in (1, 2)] == [False, True]


def test_the_headings_age_with_the_day(
    sidebar: Sidebar, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    from app.gui.chat import sidebar_model

    class Tomorrow(date):
        @classmethod
        def today(cls) -> Tomorrow:
            return cls.fromtimestamp(time.time() + 86_400)

    monkeypatch.setattr(sidebar_model, "date", Tomorrow)
    sidebar.reload_if_older_than_today()
    qtbot.waitUntil(lambda: sidebar.model.index(0).data() == "Yesterday")
