"""Advice from other threads becomes one banner with one button, and nothing else happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from app.foundation.errors import LoadFailed
from app.gui.application import Session
from app.gui.services import GuiServices
from app.gui.widgets.banner import Banner
from app.gui.widgets.buttons import TextButton
from app.inference.advice import Advice, Adviser
from app.inference.advice import Followed as Outcome

Settled = Callable[[Callable[[], Any]], None]
SHORT = Advice("Memory is nearly full.", "2 GB are held.", "smaller_context", "/a.gguf")


class Followed:
    """Notes what was asked for, and ends as the test says."""

    def __init__(self) -> None:
        self.asked: list[Advice] = []
        self.error: LoadFailed | None = None
        self.outcome: Outcome = "unloaded"

    def __call__(self, advice: Advice) -> Future[Outcome]:
        self.asked.append(advice)
        done: Future[Outcome] = Future()
        if self.error is None:
            done.set_result(self.outcome)
        else:
            done.set_exception(self.error)
        return done


@pytest.fixture
def followed() -> Followed:
    return Followed()


@pytest.fixture
def adviser() -> Adviser:
    return Adviser()


@pytest.fixture
def session(
    qapp: QApplication, services: GuiServices, adviser: Adviser, followed: Followed
) -> Iterator[Session]:
    made = Session(qapp, replace(services, adviser=adviser, follow_advice=followed))
    made.open()
    yield made
    made.end()


def told(session: Session) -> list[tuple[str, list[str]]]:
    return [
        (
            banner.accessibleName(),
            [button.text() for button in banner.findChildren(TextButton)],
        )
        for banner in session.window.banners.findChildren(Banner)
        if banner.isVisibleTo(session.window)
    ]


def tell(adviser: Adviser, advice: Advice) -> None:
    thread = threading.Thread(target=adviser.tell, args=(advice,))
    thread.start()
    thread.join()


def test_advice_is_shown_once_with_one_button(
    session: Session, adviser: Adviser, followed: Followed, settled: Settled
) -> None:
    tell(adviser, SHORT)
    settled(lambda: told(session) == [(SHORT.title, ["Use a smaller context"])])
    newer = replace(SHORT, title="It is full.", deed="unload")
    tell(adviser, newer)
    settled(lambda: told(session) == [("It is full.", ["Put the model away"])])
    assert followed.asked == []
    (banner,) = [b for b in session.window.banners.findChildren(Banner) if b.isVisible()]
    banner.take_action()
    assert followed.asked == [newer]
    settled(lambda: session.notify.toast is not None and session.notify.toast.notice is not None)
    assert told(session) == []


def test_advice_without_a_deed_has_no_button(
    session: Session, adviser: Adviser, settled: Settled
) -> None:
    tell(adviser, Advice("Only this.", "Nothing can be done."))
    settled(lambda: told(session) == [("Only this.", [])])


@pytest.mark.parametrize(
    ("outcome", "word"),
    [("less", "with less"), ("unloaded", "put away"), ("nothing", "Nothing was changed")],
)
def test_what_was_done_is_said_and_not_what_was_offered(
    session: Session,
    adviser: Adviser,
    followed: Followed,
    settled: Settled,
    outcome: Any,
    word: str,
) -> None:
    followed.outcome = outcome
    tell(adviser, SHORT)
    settled(lambda: bool(told(session)))
    (banner,) = [b for b in session.window.banners.findChildren(Banner) if b.isVisible()]
    banner.take_action()
    settled(
        lambda: (
            session.notify.toast is not None
            and session.notify.toast.notice is not None
            and word in session.notify.toast.notice.title
        )
    )


def test_what_fails_is_said(
    session: Session, adviser: Adviser, followed: Followed, settled: Settled
) -> None:
    followed.error = LoadFailed("It could not be opened again.")
    tell(adviser, replace(SHORT, deed="less_on_card"))
    settled(lambda: told(session) == [(SHORT.title, ["Put less on the card"])])
    (banner,) = [b for b in session.window.banners.findChildren(Banner) if b.isVisible()]
    banner.take_action()
    settled(
        lambda: (
            session.notify.toast is not None
            and session.notify.toast.notice is not None
            and session.notify.toast.notice.title == "It could not be opened again."
        )
    )


def test_after_the_end_nobody_listens(
    qapp: QApplication, services: GuiServices, adviser: Adviser
) -> None:
    made = Session(qapp, replace(services, adviser=adviser))
    made.open()
    made.end()
    tell(adviser, SHORT)
    assert adviser._listeners == []
