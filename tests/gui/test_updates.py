"""Newer versions in the window: asked first, shown as written, installed when Hearth is quit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.plugin import QtBot

from app.foundation.exchanged import Exchanged
from app.foundation.versions import Pointer
from app.gui.application import Session
from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.settings.page import SettingsPage
from app.gui.settings.updates.card import UpdatesCard
from app.gui.widgets.banner import Banner
from app.settings.schema import UPDATES_ASKED, UPDATES_DAILY, UPDATES_TOLD
from app.updates.sources import program_source
from tests.fixtures.far_end import far_end
from tests.fixtures.updating import LATER_KEY, NEW, OLD, Asking, Publisher, program_of, runtime_of

Settled = Callable[[Callable[[], bool]], None]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script is the program here")


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with far_end() as far:
        yield Publisher(far)


@pytest.fixture
def asking(tmp_path: Path, publisher: Publisher) -> Iterator[Asking]:
    found = Asking(tmp_path / "of updates", publisher.source)
    yield found
    found.client.close()


@pytest.fixture
def show(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier, asking: Asking
) -> Callable[[], UpdatesCard]:
    """Opens the settings page; the card for newer versions on it."""

    def opened() -> UpdatesCard:
        page = SettingsPage(replace(services, updates=lambda: asking.updates), bridge, notify)
        page.fill()
        qtbot.addWidget(page)
        page.resize(900, 700)
        page.show()
        assert page.updates is not None
        return page.updates

    return opened


def test_a_version_is_found_read_about_downloaded_and_waits(
    show: Callable[[], UpdatesCard], settled: Settled, asking: Asking, publisher: Publisher
) -> None:
    publisher.offer()
    card = show()
    row = card.program
    settled(lambda: row.state.text() == f"This is Hearth {OLD}.")
    assert publisher.far.asked == []
    assert not card.daily.isHidden()
    assert card.runtime.isHidden()
    row.check.setFocus()
    row.check.click()
    assert card.window().focusWidget() is row
    settled(lambda: row.state.text().startswith(f"Hearth {NEW} can be downloaded:"))
    assert card.window().focusWidget() is row.install
    assert "- <b>nothing</b> is *drawn* here." in row.notes.text()
    assert row.check.isHidden()
    row.install.click()
    assert not row.stop.isHidden()
    assert row.install.isHidden()
    settled(lambda: "It is installed when you quit" in row.state.text())
    assert row.stop.isHidden()
    assert row.bar.isHidden()
    assert asking.updates.state().next_version == ""
    assert asking.updates.close(30.0)
    assert asking.updates.state().next_version == NEW
    row.undo.click()
    settled(lambda: asking.updates.state().next_version == "")
    settled(lambda: row.undo.isHidden() and not row.install.isHidden())


def test_what_goes_wrong_is_said_in_place(
    show: Callable[[], UpdatesCard], settled: Settled, asking: Asking, publisher: Publisher
) -> None:
    card = show()
    row = card.program
    settled(lambda: bool(row.state.text()) and not row.check.isHidden())
    row.check.click()
    settled(lambda: "could not ask" in row.problem.text())
    publisher.offer(files=program_of(NEW, code=1))
    row.check.click()
    settled(lambda: not row.install.isHidden())
    assert row.problem.isHidden()
    row.install.click()
    settled(lambda: "does not work on this computer" in row.problem.text())
    assert not asking.updates.state().staged


def test_a_build_without_a_source_says_so_and_offers_nothing(
    show: Callable[[], UpdatesCard], settled: Settled, asking: Asking
) -> None:
    asking.source = program_source()
    asking.updates = asking.made()
    card = show()
    row = card.program
    settled(lambda: "names no place to ask" in row.state.text())
    hidden = (row.check, row.install, row.stop, row.undo, row.notes, card.daily, card.runtime)
    assert all(each.isHidden() for each in hidden)


def test_a_runtime_is_offered_apart(
    show: Callable[[], UpdatesCard], settled: Settled, asking: Asking, publisher: Publisher
) -> None:
    publisher.offer(OLD, runtime_files=runtime_of(LATER_KEY))
    card = show()
    settled(lambda: not card.program.check.isHidden())
    card.program.check.click()
    settled(lambda: not card.runtime.isHidden())
    assert card.program.state.text() == f"Hearth {OLD} is the newest."
    assert card.runtime.notes.text() == "Faster."
    card.runtime.install.click()
    settled(lambda: not card.runtime.undo.isHidden())
    assert asking.updates.state().runtime == LATER_KEY
    card.runtime.undo.click()
    settled(lambda: card.runtime.undo.isHidden() and not card.runtime.install.isHidden())


def banners(session: Session) -> list[Banner]:
    return session.window.banners.findChildren(Banner)


@pytest.fixture
def opened(
    qapp: QApplication, services: GuiServices, asking: Asking
) -> Iterator[Callable[[], Session]]:
    made: list[Session] = []

    def open_session() -> Session:
        session = Session(qapp, replace(services, updates=lambda: asking.updates))
        made.append(session)
        session.open()
        return session

    yield open_session
    for session in made:
        session.end()


def test_the_question_comes_once_and_yes_looks_at_once(
    opened: Callable[[], Session], services: GuiServices, settled: Settled, publisher: Publisher
) -> None:
    publisher.offer()
    session = opened()
    settled(lambda: any("Shall Hearth look" in each.accessibleName() for each in banners(session)))
    assert publisher.far.asked == []
    assert services.settings.get(UPDATES_ASKED)
    assert not services.settings.get(UPDATES_DAILY)
    (question,) = banners(session)
    question.take_action()
    settled(lambda: any(NEW in each.accessibleName() for each in banners(session)))
    assert services.settings.get(UPDATES_DAILY)
    news = next(each for each in banners(session) if NEW in each.accessibleName())
    news.take_action()
    settled(lambda: isinstance(session.window.pages.currentWidget(), SettingsPage))


def test_nobody_is_asked_before_yes_was_said(
    opened: Callable[[], Session], services: GuiServices, settled: Settled, publisher: Publisher
) -> None:
    publisher.offer()
    services.settings.set(UPDATES_ASKED, True).result(30.0)
    session = opened()
    settled(session._updates._timer.isActive)
    assert banners(session) == []
    assert publisher.far.asked == []


def test_a_version_that_did_not_start_is_said_once(
    opened: Callable[[], Session], services: GuiServices, settled: Settled, asking: Asking
) -> None:
    asking.source = program_source()
    asking.updates = asking.made()
    asking.folder.mkdir(parents=True)
    asking.updates._program.versions.point(Pointer("", failed=(NEW,)))
    session = opened()
    settled(
        lambda: any("did not start, twice" in each.accessibleName() for each in banners(session))
    )
    (told,) = banners(session)
    assert OLD in told.accessibleDescription()
    assert services.settings.get(UPDATES_ASKED) is False  # nothing to ask about


def test_that_another_version_was_put_in_its_place_is_said_once(
    qapp: QApplication, services: GuiServices, settled: Settled, tmp_path: Path
) -> None:
    """As a package of the system does, whether or not a window is open."""
    program = tmp_path / "hearth"
    (tmp_path / "_internal").mkdir()
    program.write_text("a program")
    exchanged = Exchanged(program)
    session = Session(qapp, replace(services, replaced_by=exchanged.by))
    try:
        session.open()
        settled(session._updates._exchange_timer.isActive)
        session._updates._exchange_timer.timeout.emit()
        (tmp_path / "_internal" / "build.json").write_text(json.dumps({"version": NEW}))
        program.write_text("another program")
        for _ in range(2):
            session._updates._exchange_timer.timeout.emit()
            settled(lambda: bool(banners(session)))
        (told,) = banners(session)
        assert NEW in told.accessibleName()
        assert "open it again" in told.accessibleDescription()
        assert not session._updates._exchange_timer.isActive()
    finally:
        session.end()


def test_a_version_that_was_damaged_since_is_said_once(
    opened: Callable[[], Session], services: GuiServices, settled: Settled, asking: Asking
) -> None:
    asking.source = program_source()
    asking.updates = asking.made()
    (asking.folder / "versions" / NEW).mkdir(parents=True, mode=0o700)
    asking.folder.chmod(0o700)
    (asking.folder / "versions").chmod(0o700)
    asking.updates._program.versions.point(Pointer(NEW, proven=True))
    session = opened()
    settled(lambda: any("missing or damaged" in each.accessibleName() for each in banners(session)))
    (told,) = banners(session)
    assert NEW in told.accessibleName()
    assert OLD in told.accessibleDescription()
    settled(lambda: services.settings.get(UPDATES_TOLD) == NEW)
