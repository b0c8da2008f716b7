"""The repository against a dictionary, through random histories and restarts."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from app.conversations.repository import Repository
from app.conversations.schema import SCHEMA
from app.database.connection import Database
from tests.fixtures.store import DEADLINE_S

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@dataclass
class Chat:
    title: str
    deleted: bool = False
    head: str | None = None
    turns: dict[str, tuple[str | None, str]] = field(default_factory=dict)

    def path(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        key = self.head
        while key is not None:
            parent, text = self.turns[key]
            found.append((key, text))
            key = parent
        return found[::-1]


class Store(RuleBasedStateMachine):
    chats = Bundle("chats")
    turns = Bundle("turns")

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.model: dict[str, Chat] = {}
        self.connect()

    def connect(self) -> None:
        opened = Database.open(self.folder / "hearth.db", SCHEMA, backups=self.folder / "backups")
        assert opened.notice is None
        self.database = opened.database
        self.repository = Repository(self.database)

    def teardown(self) -> None:
        assert self.database.close(DEADLINE_S)
        shutil.rmtree(self.folder)

    @rule(target=chats, title=st.sampled_from(["bread", "Brot", "", "BREAD & butter"]))
    def create(self, title: str) -> str:
        key = self.repository.create(title).result(DEADLINE_S).id
        self.model[key] = Chat(title)
        return key

    @rule(target=turns, key=chats, text=TEXT, role=st.sampled_from(["user", "assistant"]))
    def append_at_head(self, key: str, text: str, role: str) -> tuple[str, str] | object:
        if key not in self.model:
            return multiple()
        return self.add(key, self.model[key].head, text, role)

    @rule(target=turns, place=turns, text=TEXT)
    def append_beside(self, place: tuple[str, str], text: str) -> tuple[str, str] | object:
        key, turn = place
        if key not in self.model:
            return multiple()
        return self.add(key, self.model[key].turns[turn][0], text, "assistant")

    def add(self, key: str, parent: str | None, text: str, role: str) -> tuple[str, str]:
        made = self.repository.append(key, parent, role, text).result(DEADLINE_S)  # type: ignore[arg-type]
        chat = self.model[key]
        chat.turns[made.id] = (parent, text)
        chat.head = made.id
        same_parent = [turn for turn, (above, _) in chat.turns.items() if above == parent]
        assert (made.n_siblings, made.sibling_index) == (len(same_parent), len(same_parent) - 1)
        return key, made.id

    @rule(place=turns, text=TEXT)
    def rewrite(self, place: tuple[str, str], text: str) -> None:
        key, turn = place
        if key in self.model:
            self.repository.finish(turn, text, "complete", "stop", None, None).result(DEADLINE_S)
            self.model[key].turns[turn] = (self.model[key].turns[turn][0], text)

    @rule(place=turns)
    def set_head(self, place: tuple[str, str]) -> None:
        key, turn = place
        if key in self.model:
            self.repository.set_head(key, turn).result(DEADLINE_S)
            self.model[key].head = turn

    @rule(place=turns)
    def choose(self, place: tuple[str, str]) -> None:
        key, turn = place
        if key in self.model:
            chat = self.model[key]
            leaf = turn
            while below := [child for child, (above, _) in chat.turns.items() if above == leaf]:
                leaf = below[-1]
            self.repository.choose(key, turn).result(DEADLINE_S)
            chat.head = leaf

    @rule(key=chats)
    def delete(self, key: str) -> None:
        if key in self.model:
            self.repository.delete(key).result(DEADLINE_S)
            self.model[key].deleted = True

    @rule(key=chats)
    def restore(self, key: str) -> None:
        if key in self.model:
            self.repository.restore(key).result(DEADLINE_S)
            self.model[key].deleted = False

    @rule(key=consumes(chats))
    def purge(self, key: str) -> None:
        if key in self.model:
            doomed = {other for other, chat in self.model.items() if chat.deleted}
            assert self.repository.purge(9e12).result(DEADLINE_S) == len(doomed)
            self.model = {k: chat for k, chat in self.model.items() if k not in doomed}

    @rule()
    def restart(self) -> None:
        assert self.database.close(DEADLINE_S)
        self.connect()

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "model"):
            return
        listed = {chat.id: chat.title for chat in self.repository.list().result(DEADLINE_S)}
        assert listed == {k: chat.title for k, chat in self.model.items() if not chat.deleted}
        found = {chat.id for chat in self.repository.list("BREAD").result(DEADLINE_S)}
        assert found == {key for key, title in listed.items() if "bread" in title.lower()}
        for key, chat in self.model.items():
            path = self.repository.turns(key).result(DEADLINE_S)
            assert [(turn.id, turn.text) for turn in path] == chat.path()


Store.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestStore = Store.TestCase
