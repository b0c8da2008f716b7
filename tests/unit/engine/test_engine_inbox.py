"""Commands that cannot wait are seen at once; nothing is lost, nothing hits the wrong decode."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from app.engine.inbox import Inbox
from app.engine.messages import Cancel, Close, Command, Submit, Unload
from app.engine.messages import EngineRequest as Request
from app.foundation.errors import EngineDead
from app.protocol.generation import SamplingParams

REFUSAL = EngineDead("It is over.")


def submit(name: str) -> Submit:
    return Submit(Request(name, (1,), SamplingParams()), lambda event: None, 0.0)


def is_up(inbox: Inbox) -> bool:
    return inbox.flag.is_raised


def is_stopped(inbox: Inbox) -> bool:
    return inbox.is_load_stopped


def test_commands_come_out_in_order() -> None:
    inbox = Inbox()
    commands: list[Command] = [submit("a"), Cancel("a", "x"), submit("b")]
    for command in commands:
        inbox.put(command)
    assert inbox.take(wait=True) == commands
    assert inbox.take(wait=False) == []


def test_cancelling_a_watched_request_raises_the_flag_and_another_does_not() -> None:
    inbox = Inbox()
    inbox.watch({"a"})
    inbox.put(Cancel("b", "x"))
    assert not is_up(inbox)
    inbox.put(Cancel("a", "x"))
    assert is_up(inbox)
    inbox.take(wait=False)
    assert not is_up(inbox)


def test_a_cancel_between_taking_and_watching_is_not_lost() -> None:
    inbox = Inbox()
    inbox.take(wait=False)
    inbox.put(Cancel("a", "x"))
    inbox.watch({"a"})
    assert is_up(inbox)


def test_unloading_and_closing_stop_a_decode_and_a_load() -> None:
    for command in (Unload(Future()), Close()):
        inbox = Inbox()
        inbox.put(command)
        assert is_up(inbox)
        assert is_stopped(inbox)
        inbox.take(wait=False)
        assert not is_stopped(inbox)


def test_after_closing_the_last_command_still_comes_and_nothing_more_goes_in() -> None:
    inbox = Inbox()
    inbox.put(submit("a"))
    inbox.close(REFUSAL, Close())
    inbox.close(REFUSAL, Close())
    with pytest.raises(EngineDead, match="over"):
        inbox.put(submit("b"))
    taken = inbox.take(wait=True)
    assert [type(command) for command in taken] == [Submit, Close]


def test_a_dead_engine_gets_back_what_it_never_took() -> None:
    inbox = Inbox()
    inbox.put(submit("a"))
    assert [type(command) for command in inbox.close(REFUSAL)] == [Submit]
    assert inbox.take(wait=False) == []


def test_taking_waits_until_something_comes() -> None:
    inbox = Inbox()
    taken: list[object] = []
    thread = threading.Thread(target=lambda: taken.extend(inbox.take(wait=True)))
    thread.start()
    inbox.put(submit("a"))
    thread.join(10)
    assert [type(command) for command in taken] == [Submit]
