from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import pytest

from app.conversations.ids import new_id
from app.conversations.records import DAMAGED_TEXT, ConversationOptions, Turn
from app.conversations.repository import Repository
from app.conversations.rows import TITLE_LIMIT
from app.foundation.errors import InvalidInput
from app.protocol.generation import Timings, Usage
from tests.fixtures.store import DEADLINE_S, chat, opened_database, opened_repository

T = TypeVar("T")


def got(future: Future[T]) -> T:
    return future.result(DEADLINE_S)


def texts(turns: tuple[Turn, ...]) -> list[str]:
    return [turn.text for turn in turns]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with opened_repository(tmp_path) as repository:
        yield repository


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(tmp_path: Path, clock: Clock) -> Iterator[Repository]:
    with opened_database(tmp_path) as opened:
        yield Repository(opened.database, clock)


def test_what_was_created_is_found_with_its_options(repository: Repository) -> None:
    options = ConversationOptions("model.gguf", "Be brief.", 0.0, 256)
    made = got(repository.create("Bread", options))
    assert got(repository.get(made.id)) == made
    assert made.title == "Bread"
    assert made.options == options
    assert got(repository.list()) == (made,)


def test_an_empty_title_stays_empty(repository: Repository) -> None:
    assert got(repository.create()).title == ""


def test_the_last_used_conversation_comes_first(timed: Repository, clock: Clock) -> None:
    ids = []
    for title in ("first", "second", "third"):
        clock.now += 1
        ids.append(got(timed.create(title)).id)
    clock.now += 1
    got(timed.append(ids[0], None, "user", "again"))
    assert [found.title for found in got(timed.list())] == ["first", "third", "second"]


def test_renaming_does_not_move_a_conversation_up(timed: Repository, clock: Clock) -> None:
    first = got(timed.create("old"))
    clock.now += 1
    got(timed.create("newer"))
    clock.now += 1
    assert got(timed.rename(first.id, "renamed")).updated_at == first.updated_at


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("  two \n lines\t", "two lines"),
        ("nul\0 and bell\a", "nul and bell"),
        ("x" * 1000, "x" * TITLE_LIMIT),
        ("broken \ud800 half", "broken ? half"),
        ("👩\u200d🌾", "👩\u200d🌾"),
    ],
)
def test_a_title_is_one_clean_line(repository: Repository, title: str, shown: str) -> None:
    assert got(repository.create(title)).title == shown


@pytest.mark.parametrize(
    ("title", "search"),
    [
        ("Über Äpfel", "ÜBER ä"),
        ("STRASSE", "straße"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("Cafe\u0301", "café"),
        ("100% sure", "0% s"),
        ("snake_case", "e_c"),
        ("back\\slash", "\\s"),
        ("Привет", "ПРИВ"),
        ("quote ' and \"", "' AND \""),
    ],
)
def test_search_finds_titles_in_any_case_and_takes_signs_as_they_are(
    repository: Repository, title: str, search: str
) -> None:
    made = got(repository.create(title))
    for other in ("100 percent", "snakeXcase", "something else"):
        got(repository.create(other))
    assert got(repository.list(search)) == (made,)


def test_search_follows_a_new_title(repository: Repository) -> None:
    made = got(repository.create("Before"))
    got(repository.rename(made.id, "After"))
    assert got(repository.list("before")) == ()
    assert [found.id for found in got(repository.list("after"))] == [made.id]


def test_deleted_conversations_come_back_whole(repository: Repository) -> None:
    key = chat(repository, "Kept", 4)
    before = got(repository.turns(key))
    got(repository.delete(key))
    assert got(repository.list()) == ()
    assert [found.id for found in got(repository.list(deleted=True))] == [key]
    got(repository.restore(key))
    assert got(repository.list(deleted=True)) == ()
    assert got(repository.turns(key)) == before


def test_purge_erases_only_what_was_deleted_long_ago(timed: Repository, clock: Clock) -> None:
    long_ago, lately, kept = (chat(timed, title, 6) for title in ("a", "b", "c"))
    got(timed.delete(long_ago))
    clock.now += 100
    got(timed.delete(lately))
    assert got(timed.purge(clock.now - 50)) == 1
    with pytest.raises(InvalidInput):
        got(timed.get(long_ago))
    assert got(timed.turns(long_ago)) == ()
    assert len(got(timed.turns(lately))) == 6
    assert len(got(timed.turns(kept))) == 6


def test_a_long_chain_of_turns_can_be_purged(timed: Repository, clock: Clock) -> None:
    key = chat(timed, "long", 1500)
    got(timed.delete(key))
    assert got(timed.purge(clock.now + 1)) == 1


def test_options_are_replaced_and_read_back(repository: Repository) -> None:
    made = got(repository.create("x", ConversationOptions(model="m", temperature=1.0)))
    changed = got(repository.set_options(made.id, ConversationOptions(max_tokens=5)))
    assert changed.options == ConversationOptions(max_tokens=5)
    assert got(repository.get(made.id)).options == ConversationOptions(max_tokens=5)


def test_turns_come_in_order_with_everything_in_them(repository: Repository) -> None:
    key = got(repository.create()).id
    asked = got(repository.append(key, None, "user", "How?"))
    answer = got(repository.append(key, asked.id, "assistant", "", state="writing", model="m"))
    usage, timings = Usage(12, 3, 40), Timings(100.0, 50.5, 900.0, 30.25)
    done = got(repository.finish(answer.id, "So.", "complete", "stop", usage, timings))
    assert got(repository.turns(key)) == (asked, done)
    assert (done.usage, done.timings, done.finish_reason) == (usage, timings, "stop")
    assert (done.model, done.text, done.state, done.error) == ("m", "So.", "complete", None)
    assert done.parent_id == asked.id


def test_text_is_stored_to_the_letter(repository: Repository) -> None:
    key = got(repository.create()).id
    text = "NUL \0, CR \r\n, \u202e bidi, 𝔘nicode 🏡, " + "x" * 200_000
    stored = got(repository.append(key, None, "user", text))
    assert stored.text == text
    assert got(repository.turns(key))[0].text == text


def test_a_lone_surrogate_does_not_stop_a_message(repository: Repository) -> None:
    key = got(repository.create()).id
    assert got(repository.append(key, None, "user", "half \udc80 sign")).text == "half ? sign"


def test_regenerating_makes_a_version_beside_and_shows_it(repository: Repository) -> None:
    key = got(repository.create()).id
    asked = got(repository.append(key, None, "user", "Q"))
    first = got(repository.append(key, asked.id, "assistant", "A1"))
    second = got(repository.append(key, asked.id, "assistant", "A2"))
    assert (second.n_siblings, second.sibling_index) == (2, 1)
    assert texts(got(repository.turns(key))) == ["Q", "A2"]
    versions = got(repository.siblings(second.id))
    assert [(turn.id, turn.sibling_index) for turn in versions] == [(first.id, 0), (second.id, 1)]


def test_editing_the_first_message_makes_a_second_root(repository: Repository) -> None:
    key = chat(repository, "x", 4)
    edited = got(repository.append(key, None, "user", "asked anew"))
    assert got(repository.turns(key)) == (edited,)
    assert (edited.n_siblings, edited.sibling_index) == (2, 1)


def test_choosing_a_version_brings_back_what_followed_it(repository: Repository) -> None:
    key = chat(repository, "x", 6)
    before = got(repository.turns(key))
    got(repository.append(key, before[1].id, "user", "another way"))
    shown = got(repository.choose(key, before[2].id))
    assert texts(shown) == texts(before)
    assert shown[2].n_siblings == 2
    assert texts(got(repository.turns(key))) == texts(before)


def test_the_head_can_be_set_to_any_turn(repository: Repository) -> None:
    key = chat(repository, "x", 6)
    before = got(repository.turns(key))
    got(repository.set_head(key, before[2].id))
    assert got(repository.turns(key)) == before[:3]


def test_turns_of_another_conversation_are_refused(repository: Repository) -> None:
    key, other = chat(repository, "x", 2), chat(repository, "y", 2)
    foreign = got(repository.turns(other))[-1].id
    for refused in (
        repository.append(key, foreign, "user", "no"),
        repository.set_head(key, foreign),
        repository.choose(key, foreign),
    ):
        with pytest.raises(InvalidInput):
            got(refused)
    assert len(got(repository.turns(key))) == 2


def test_what_does_not_exist_is_said_in_words(repository: Repository) -> None:
    for future in (
        repository.get("none"),
        repository.rename("none", "x"),
        repository.delete("none"),
        repository.set_options("none", ConversationOptions()),
        repository.append("none", None, "user", "x"),
        repository.checkpoint("none", "x"),
        repository.finish("none", "x", "complete", "stop", None, None),
        repository.reopen("none"),
        repository.siblings("none"),
    ):
        with pytest.raises(InvalidInput) as caught:
            got(future)
        assert caught.value.title
        assert caught.value.remedy
    assert got(repository.turns("none")) == ()


def test_an_answer_grows_and_a_late_checkpoint_does_not_undo_its_end(
    repository: Repository,
) -> None:
    key = got(repository.create()).id
    answer = got(repository.append(key, None, "assistant", "", state="writing"))
    got(repository.checkpoint(answer.id, "Half of"))
    assert texts(got(repository.turns(key))) == ["Half of"]
    got(repository.finish(answer.id, "Half of it all.", "complete", "stop", None, None))
    got(repository.checkpoint(answer.id, "Half of it"))
    assert texts(got(repository.turns(key))) == ["Half of it all."]


def test_answers_cut_off_are_interrupted_and_can_be_continued(tmp_path: Path) -> None:
    with opened_repository(tmp_path) as repository:
        key = got(repository.create()).id
        asked = got(repository.append(key, None, "user", "Q"))
        answer = got(repository.append(key, asked.id, "assistant", "", state="writing"))
        got(repository.checkpoint(answer.id, "Half"))
    with opened_repository(tmp_path) as repository:
        assert got(repository.mark_interrupted()) == 1
        cut = got(repository.turns(key))[1]
        assert (cut.state, cut.text) == ("interrupted", "Half")
        assert got(repository.reopen(answer.id)).state == "writing"
        got(repository.checkpoint(answer.id, "Half and half"))
        done = got(repository.finish(answer.id, "Whole", "complete", "stop", None, None))
        assert (done.text, done.state) == ("Whole", "complete")
        assert got(repository.mark_interrupted()) == 0


def test_a_failure_is_kept_with_its_words(repository: Repository) -> None:
    key = got(repository.create()).id
    answer = got(repository.append(key, None, "assistant", "", state="writing"))
    got(repository.finish(answer.id, "Some", "failed", None, None, None, error="The engine died."))
    assert got(repository.turns(key))[0].error == "The engine died."


DAMAGE = [
    ("role", "'wizard'"),
    ("role", "x'ff'"),
    ("role", "7"),
    ("state", "'pondering'"),
    ("state", "x'00'"),
    ("text", "x'ff41'"),
    ("text", "CAST(x'ff41fe' AS TEXT)"),
    ("text", "x''"),
    ("created_at", "'yesterday'"),
    ("created_at", "9e999"),
    ("parent_id", "'gone'"),
    ("parent_id", "x'00'"),
    ("parent_id", "id"),
    ("parent_id", "(SELECT max(id) FROM turn)"),
    ("model", "x'ff'"),
    ("finish_reason", "5"),
    ("prompt_tokens", "'many'"),
    ("cached_tokens", "-4"),
    ("completion_tokens", "1.5"),
    ("load_ms", "'slow'"),
    ("ttft_ms", "9e999"),
    ("prompt_tokens_per_second", "x'01'"),
    ("generated_tokens_per_second", "'fast'"),
    ("error", "x'fe'"),
]


@pytest.mark.parametrize(("column", "value"), DAMAGE)
@pytest.mark.parametrize("position", [0, 2, 5])
def test_a_damaged_turn_never_blocks_its_chat(
    tmp_path: Path, column: str, value: str, position: int
) -> None:
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        key = chat(repository, "x", 6)
        before = got(repository.turns(key))
        hit = before[position]
        statement = f"UPDATE turn SET {column} = {value} WHERE id = ?"
        got(opened.database.call(lambda connection: connection.execute(statement, (hit.id,))))
        after = got(repository.turns(key))
        assert after[-1].id == before[-1].id
        if column != "parent_id":
            assert [turn.id for turn in after] == [turn.id for turn in before]
            assert after[position].role in ("user", "assistant")
            assert after[position].text
            others = [turn for turn in after if turn.id != hit.id]
            assert others == [turn for turn in before if turn.id != hit.id]
        if column in ("role", "state", "text"):
            assert after[position].damaged
            assert after[position].error
        if column == "role":
            assert after[position].role == hit.role
        assert [found.id for found in got(repository.list())] == [key]
        for turn in after:
            assert got(repository.siblings(turn.id))
        got(repository.append(key, after[-1].id, "user", "still works"))


def test_a_message_without_a_readable_letter_says_so(tmp_path: Path) -> None:
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        key = chat(repository, "x", 1)
        got(opened.database.call(lambda db: db.execute("UPDATE turn SET text = x''")))
        assert texts(got(repository.turns(key))) == [DAMAGED_TEXT]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("title", "x'ff'"),
        ("title", "CAST(x'ff' AS TEXT)"),
        ("title", "12"),
        ("created_at", "'then'"),
        ("updated_at", "x'00'"),
        ("options", "'{'"),
        ("options", "x'00'"),
        ("options", """'{"model": 3, "temperature": "hot", "max_tokens": -1}'"""),
        ("options", "'[]'"),
        ("head_id", "'gone'"),
        ("head_id", "NULL"),
        ("head_id", "x'ff'"),
    ],
)
def test_a_damaged_conversation_is_listed_and_opens(
    tmp_path: Path, column: str, value: str
) -> None:
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        key = chat(repository, "x", 6)
        statement = f"UPDATE conversation SET {column} = {value}"
        got(opened.database.call(lambda connection: connection.execute(statement)))
        assert [found.id for found in got(repository.list())] == [key]
        assert len(got(repository.turns(key))) == 6
        assert got(repository.rename(key, "mended")).title == "mended"


def test_options_that_a_later_hearth_stored_survive(tmp_path: Path) -> None:
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        key = got(repository.create()).id
        later = """UPDATE conversation SET options = '{"top_k": 7, "model": "m"}'"""
        got(opened.database.call(lambda connection: connection.execute(later)))
        got(repository.set_options(key, ConversationOptions(temperature=0.5)))
        stored = got(
            opened.database.read(
                lambda connection: connection.execute("SELECT options FROM conversation").fetchone()
            )
        )
        assert stored == ('{"temperature": 0.5, "top_k": 7}',)


def test_ten_thousand_turns_keep_their_order(tmp_path: Path) -> None:
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        key = got(repository.create()).id
        first = got(repository.append(key, None, "user", "0")).id

        def append_many(connection: sqlite3.Connection) -> str:
            parent = first
            for number in range(1, 10_000):
                turn = new_id()
                connection.execute(
                    "INSERT INTO turn (id, conversation_id, parent_id, role, state, text,"
                    " created_at) VALUES (?, ?, ?, 'user', 'complete', ?, 0)",
                    (turn, key, parent, str(number)),
                )
                parent = turn
            return parent

        got(repository.set_head(key, got(opened.database.call(append_many))))
        assert texts(got(repository.turns(key))) == [str(number) for number in range(10_000)]
