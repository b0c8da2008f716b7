"""Turns of conversations with a real repository, a real engine and tiny models."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from app.chat.answer import CHECKPOINT_S, Answer
from app.chat.events import (
    AnswerGrew,
    AnswerLoading,
    AnswerOpened,
    AnswerStored,
    TurnRefused,
    TurnStored,
)
from app.chat.session import ChatService
from app.conversations.records import Conversation, ConversationOptions, Turn
from app.conversations.repository import Repository
from app.engine.context import Context
from app.engine.messages import LoadSettings
from app.foundation.errors import (
    ContextExceeded,
    EngineDead,
    InvalidInput,
    ModelNotFound,
    RequestFailed,
    StorageError,
)
from app.inference.placement import Tried
from app.settings import schema
from app.settings.file import SettingsFile
from tests.fixtures.services import PATIENCE_S, Bench, Inbox, endless, make_bench, starter
from tests.fixtures.store import opened_database
from tests.fixtures.tiny_models import make


@dataclass
class Chat:
    """A chat service, the bench under it, and one conversation."""

    service: ChatService
    bench: Bench
    repository: Repository
    settings: SettingsFile
    conversation: Conversation

    def begun(self, call: Callable[..., None], *words: str) -> Inbox:
        inbox = Inbox()
        call(self.conversation.id, *words, inbox)
        return inbox

    def done(self, call: Callable[..., None], *words: str) -> tuple[Turn, Inbox]:
        inbox = self.begun(call, *words)
        end = inbox.until(AnswerStored, TurnRefused)
        assert isinstance(end, AnswerStored), end
        assert inbox.rest() == []
        return end.turn, inbox

    def refused(self, call: Callable[..., None], *words: str) -> tuple[TurnRefused, Inbox]:
        inbox = self.begun(call, *words)
        end = inbox.until(AnswerStored, TurnRefused)
        assert isinstance(end, TurnRefused), end
        assert inbox.rest() == []
        return end, inbox

    def path(self) -> list[Turn]:
        return list(self.repository.turns(self.conversation.id).result(PATIENCE_S))

    def options(self, **fields: Any) -> None:
        options = replace(self.conversation.options, **fields)
        self.conversation = self.repository.set_options(self.conversation.id, options).result(
            PATIENCE_S
        )


@pytest.fixture
def chat(tmp_path: Path, tiny_models: Path) -> Iterator[Chat]:
    model = endless(make("llama", tiny_models), tmp_path / "endless.gguf")
    bench = make_bench(starter(tmp_path / "starter", model))
    # Long enough that a test can stop an answer of a tiny, fast model while it is written.
    bench.placing.n_ctx = 16384
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        settings = SettingsFile(tmp_path / "settings.json")
        service = ChatService(repository, bench.service, settings, bench.recorder)
        conversation = repository.create(options=ConversationOptions(max_tokens=8)).result()
        yield Chat(service, bench, repository, settings, conversation)
        assert service.close(PATIENCE_S)
        assert bench.service.close(PATIENCE_S)


def test_message_is_durable_before_it_is_told_and_the_answer_after(
    chat: Chat, tmp_path: Path
) -> None:
    durable: list[tuple[str, str]] = []

    def look(event: object) -> None:
        if isinstance(event, TurnStored | AnswerStored):
            with sqlite3.connect(tmp_path / "hearth.db") as other:
                row = other.execute(
                    "SELECT text, state FROM turn WHERE id = ?", (event.turn.id,)
                ).fetchone()
            other.close()
            durable.append(row)
        inbox(event)

    inbox = Inbox()
    chat.service.send(chat.conversation.id, "What can you do for me?", look)
    end = inbox.until(AnswerStored, TurnRefused)
    assert isinstance(end, AnswerStored)
    assert durable == [("What can you do for me?", "complete"), (end.turn.text, "complete")]
    kinds = [type(event).__name__ for event in inbox.seen if not isinstance(event, AnswerLoading)]
    assert kinds[:2] == ["TurnStored", "AnswerOpened"]
    assert kinds[-1] == "AnswerStored"
    assert inbox.of(AnswerLoading)


def test_answer_is_what_grew_with_figures_and_a_title(chat: Chat) -> None:
    turn, inbox = chat.done(chat.service.send, "**What** can you do for me?")
    assert turn.text == "".join(event.text for event in inbox.of(AnswerGrew))
    assert turn.state == "complete"
    assert turn.finish_reason == "length"
    assert turn.usage is not None
    assert turn.usage.completion_tokens == 8
    assert turn.timings is not None
    assert turn.timings.load_ms > 0
    assert turn.model == "Tiny llama"
    assert inbox.of(AnswerOpened)[0].turn.state == "writing"
    conversation = chat.repository.get(chat.conversation.id).result(PATIENCE_S)
    assert conversation.title == "What can you do for me?"
    assert [(turn.role, turn.state) for turn in chat.path()] == [
        ("user", "complete"),
        ("assistant", "complete"),
    ]


def test_second_turn_reads_only_what_is_new(chat: Chat) -> None:
    first, _ = chat.done(chat.service.send, "Tell me about rivers.")
    second, inbox = chat.done(chat.service.send, "And about lakes?")
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.cached_tokens >= first.usage.prompt_tokens - 1
    assert second.timings is not None
    assert second.timings.load_ms == 0
    assert not inbox.of(AnswerLoading)
    assert len(chat.path()) == 4


def test_options_of_the_chat_come_before_the_settings(chat: Chat) -> None:
    chat.settings.set(schema.MAX_TOKENS, 3)
    chat.settings.set(schema.SYSTEM_PROMPT, "Be brief.")
    turn, _ = chat.done(chat.service.send, "Hello")
    assert turn.usage is not None
    assert turn.usage.completion_tokens == 8
    chat.options(max_tokens=None)
    turn, _ = chat.done(chat.service.send, "Hello")
    assert turn.usage is not None
    assert turn.usage.completion_tokens == 3
    shown = chat.service.prompt_for(chat.conversation, (), "Hi")
    assert [message.role for message in shown] == ["system", "user"]
    chat.options(system_prompt="")
    assert len(chat.service.prompt_for(chat.conversation, (), "Hi")) == 1


def test_stop_keeps_the_text_and_resume_goes_on_in_place(chat: Chat) -> None:
    chat.options(max_tokens=0, temperature=0.0)
    inbox = chat.begun(chat.service.send, "Go on for long")
    inbox.until(AnswerGrew)
    assert chat.service.is_answering(chat.conversation.id)
    chat.service.stop(chat.conversation.id)
    end = inbox.until(AnswerStored)
    assert end.turn.state == "stopped"
    assert end.turn.finish_reason == "cancelled"
    assert end.turn.text == "".join(event.text for event in inbox.of(AnswerGrew))
    assert end.turn.usage is not None
    assert end.turn.usage.completion_tokens > 0
    assert not chat.service.is_answering(chat.conversation.id)

    chat.options(max_tokens=4)
    resumed, again = chat.done(chat.service.resume, end.turn.id)
    assert again.of(AnswerOpened)[0].turn.text == end.turn.text
    assert again.of(AnswerOpened)[0].turn.state == "writing"
    assert resumed.id == end.turn.id
    assert resumed.text.startswith(end.turn.text)
    assert resumed.text[len(end.turn.text) :] == "".join(
        event.text for event in again.of(AnswerGrew)
    )
    assert resumed.state == "complete"
    assert resumed.usage is not None
    assert resumed.usage.cached_tokens > 0
    longer, _ = chat.done(chat.service.resume, end.turn.id)
    assert longer.text.startswith(resumed.text)
    assert len(chat.path()) == 2


def test_stop_while_loading_leaves_an_empty_stopped_answer(chat: Chat) -> None:
    held = threading.Event()

    class Slow:
        def check(self, settings: LoadSettings, *_words: object, **_more: object) -> Tried:
            assert held.wait(PATIENCE_S)
            return Tried(settings)

    chat.bench.host._loader._preflight = Slow()
    other = make("qwen2", Path(chat.settings.path).parent)
    chat.options(model=str(other))
    inbox = chat.begun(chat.service.send, "Hello")
    while "helper process" not in inbox.until(AnswerLoading).sentence:
        pass
    chat.service.stop(chat.conversation.id)
    end = inbox.until(AnswerStored, TurnRefused)
    held.set()
    assert isinstance(end, AnswerStored)
    assert (end.turn.state, end.turn.text) == ("stopped", "")
    again, _ = chat.done(chat.service.resume, end.turn.id)
    assert again.id == end.turn.id
    assert again.text
    assert again.state == "complete"


def test_regenerate_and_edit_make_versions(chat: Chat) -> None:
    chat.options(temperature=1.5)
    first, _ = chat.done(chat.service.send, "First question")
    second, inbox = chat.done(chat.service.regenerate, first.id)
    assert not inbox.of(TurnStored)
    assert second.id != first.id
    assert second.parent_id == first.parent_id
    assert (second.n_siblings, second.sibling_index) == (2, 1)
    question = chat.path()[0]
    third, inbox = chat.done(chat.service.edit, question.id, "Better question")
    assert inbox.of(TurnStored)[0].turn.n_siblings == 2
    assert [turn.text for turn in chat.path()] == ["Better question", third.text]
    turn, _ = chat.done(chat.service.regenerate, chat.path()[0].id)
    assert turn.n_siblings == 2


def test_senseless_steps_are_refused_and_give_the_text_back(chat: Chat) -> None:
    answer, _ = chat.done(chat.service.send, "Hello")
    question = chat.path()[0]
    service = chat.service
    for call, words, text in (
        (service.send, ("  ",), "  "),
        (service.edit, (answer.id, "no"), "no"),
        (service.edit, ("gone", "text"), "text"),
        (service.regenerate, ("gone",), ""),
        (service.resume, (question.id,), ""),
    ):
        end, _ = chat.refused(call, *words)
        assert isinstance(end.error, InvalidInput)
        assert end.text == text
    chat.done(service.send, "More")
    end, _ = chat.refused(service.resume, answer.id)
    assert "last answer" in end.error.title
    assert len(chat.path()) == 4


def test_one_answer_at_a_time_in_a_chat_but_several_chats(chat: Chat) -> None:
    chat.options(max_tokens=0)
    first = chat.begun(chat.service.send, "Long")
    first.until(AnswerGrew)
    end, _ = chat.refused(chat.service.send, "Too early")
    assert end.text == "Too early"
    other = chat.repository.create(options=ConversationOptions(max_tokens=4)).result(PATIENCE_S)
    second = Inbox()
    chat.service.send(other.id, "Here too", second)
    second.until(AnswerStored)
    assert chat.service.is_answering(chat.conversation.id)
    chat.service.stop(chat.conversation.id)
    first.until(AnswerStored)
    chat.service.stop(chat.conversation.id)


def test_too_long_for_the_loaded_model_is_refused_before_it_is_sent(chat: Chat) -> None:
    chat.bench.placing.n_ctx = 512
    chat.done(chat.service.send, "Hello")
    end, inbox = chat.refused(chat.service.send, "word " * 2000)
    assert isinstance(end.error, ContextExceeded)
    assert end.text == "word " * 2000
    assert not inbox.of(TurnStored)
    assert len(chat.path()) == 2
    chat.done(chat.service.send, "Shorter")


def test_too_long_for_a_model_yet_to_load_keeps_the_question(chat: Chat) -> None:
    chat.bench.placing.n_ctx = 512
    end, inbox = chat.refused(chat.service.send, "word " * 2000)
    assert isinstance(end.error, ContextExceeded)
    assert end.text == ""
    assert inbox.of(TurnStored)
    assert [turn.role for turn in chat.path()] == ["user"]
    chat.done(chat.service.edit, chat.path()[0].id, "Shorter")
    assert [turn.role for turn in chat.path()] == ["user", "assistant"]


def test_missing_model_keeps_the_question_and_can_be_asked_again(chat: Chat) -> None:
    chat.options(model="/nowhere/model.gguf")
    end, inbox = chat.refused(chat.service.send, "Hello")
    assert isinstance(end.error, ModelNotFound)
    assert inbox.of(TurnStored)
    chat.options(model=None)
    turn, _ = chat.done(chat.service.regenerate, chat.path()[-1].id)
    assert turn.parent_id == chat.path()[0].id


def test_engine_that_dies_while_writing_leaves_a_failed_answer(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.options(max_tokens=0)
    decode = Context.decode
    arrived = threading.Event()

    def break_later(*words: Any) -> Any:
        if arrived.is_set():
            raise OSError("the driver went away")
        return decode(*words)

    with monkeypatch.context() as patch:
        patch.setattr(Context, "decode", break_later)
        inbox = chat.begun(chat.service.send, "Hello")
        inbox.until(AnswerGrew)
        arrived.set()
        end = inbox.until(AnswerStored)
    assert end.turn.state == "failed"
    assert end.turn.text == "".join(event.text for event in inbox.of(AnswerGrew))
    assert end.turn.error
    assert EngineDead.__name__ not in end.turn.error
    chat.options(max_tokens=4)
    resumed, _ = chat.done(chat.service.resume, end.turn.id)
    assert resumed.text.startswith(end.turn.text)
    assert resumed.error is None


def test_answer_is_saved_on_the_way(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHECKPOINT_S <= 0.4
    saved: list[str] = []
    enough = threading.Event()
    checkpoint = Repository.checkpoint

    def watched(self: Repository, turn_id: str, text: str) -> Future[None]:
        saved.append(text)
        if len(saved) == 3:
            enough.set()
        return checkpoint(self, turn_id, text)

    monkeypatch.setattr(Repository, "checkpoint", watched)
    chat.options(max_tokens=0)
    inbox = chat.begun(chat.service.send, "Hello")
    assert enough.wait(PATIENCE_S)
    assert chat.path()[-1].text.startswith(saved[1])
    chat.service.stop(chat.conversation.id)
    text = inbox.until(AnswerStored).turn.text
    for earlier, later in zip(saved, [*saved[1:], text], strict=True):
        assert earlier
        assert later.startswith(earlier)


def test_closing_keeps_partial_answers_as_interrupted(chat: Chat) -> None:
    chat.options(max_tokens=0)
    inbox = chat.begun(chat.service.send, "Hello")
    inbox.until(AnswerGrew)
    assert chat.service.close(PATIENCE_S)
    end = inbox.until(AnswerStored)
    assert end.turn.state == "interrupted"
    assert end.turn.text
    late, _ = chat.refused(chat.service.send, "Still there?")
    assert isinstance(late.error, RequestFailed)
    assert late.text == "Still there?"


def test_database_that_refuses_gives_the_text_back(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The far end is the disk: SQLite itself refuses to write."""
    database = chat.repository._database
    database.read(lambda connection: connection.execute("PRAGMA query_only = 1")).result(PATIENCE_S)
    end, _ = chat.refused(chat.service.send, "Do not lose me")
    assert isinstance(end.error, StorageError)
    assert end.text == "Do not lose me"
    assert chat.bench.recorder.snapshot().errors == {end.error.code: 1}
    database.read(lambda connection: connection.execute("PRAGMA query_only = 0")).result(PATIENCE_S)
    chat.done(chat.service.send, "Do not lose me")


def test_sink_that_raises_costs_no_answer(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def sink(event: object) -> None:
        if isinstance(event, AnswerStored):
            done.set()
        raise ValueError("a bug of the face")

    chat.service.send(chat.conversation.id, "Hello", sink)
    assert done.wait(PATIENCE_S)
    assert "a bug of the face" in caplog.text
    assert chat.path()[-1].state == "complete"


def test_answer_that_cannot_be_stored_is_not_written_on(chat: Chat) -> None:
    """The far end is the disk: it refuses between the question and the answer."""
    chat.options(max_tokens=0)
    database = chat.repository._database
    inbox = Inbox()

    def full_from_now_on(event: object) -> None:
        if isinstance(event, TurnStored):
            database.read(lambda connection: connection.execute("PRAGMA query_only = 1")).result()
        inbox(event)

    chat.service.send(chat.conversation.id, "Go on for long", full_from_now_on)
    end = inbox.until(AnswerStored, TurnRefused)
    assert isinstance(end, TurnRefused)
    assert isinstance(end.error, StorageError)
    database.read(lambda connection: connection.execute("PRAGMA query_only = 0")).result(PATIENCE_S)
    # The engine is told to end the first one before it is told of this one.
    chat.options(max_tokens=4)
    chat.done(chat.service.regenerate, chat.path()[0].id)
    counters = chat.bench.recorder.snapshot().counters
    assert (counters["requests_cancelled"], counters["requests_finished"]) == (1, 1)


def test_resumed_answer_stays_as_it_was_when_the_model_is_taken_away(chat: Chat) -> None:
    answer, _ = chat.done(chat.service.send, "Hello")
    begun, held = threading.Event(), threading.Event()

    class Slow:
        def check(self, settings: LoadSettings, *_words: object, **_more: object) -> Tried:
            begun.set()
            assert held.wait(PATIENCE_S)
            return Tried(settings)

    chat.bench.host._loader._preflight = Slow()
    chat.options(model=str(make("qwen2", Path(chat.settings.path).parent)))
    inbox = chat.begun(chat.service.resume, answer.id)
    assert begun.wait(PATIENCE_S)
    unloaded = chat.bench.service.unload()
    end = inbox.until(AnswerStored, TurnRefused)
    held.set()
    unloaded.result(PATIENCE_S)
    assert isinstance(end, AnswerStored)
    assert end.turn == answer
    assert chat.path()[-1] == answer


def test_closing_just_as_an_answer_begins_ends_that_answer_too(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Answer.start
    closed: list[bool] = []
    closer = threading.Thread(target=lambda: closed.append(chat.service.close(PATIENCE_S)))

    def start_late(answer: Answer) -> None:
        closer.start()
        closer.join(0.2)
        start(answer)

    monkeypatch.setattr(Answer, "start", start_late)
    inbox = chat.begun(chat.service.send, "Hello")
    end = inbox.until(AnswerStored, TurnRefused)
    closer.join(PATIENCE_S)
    assert closed == [True]
    assert isinstance(end, AnswerStored)
