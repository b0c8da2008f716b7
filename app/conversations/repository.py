"""Everything that is done to stored conversations. Callers on any thread get futures.

The work itself runs on the database thread, one transaction a call: when the future of a write
is done, what it wrote survives a power cut. Knows neither generation nor Qt.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from app.conversations import rows
from app.conversations.branches import newest_leaf
from app.conversations.ids import new_id
from app.conversations.records import (
    Conversation,
    ConversationOptions,
    Turn,
    TurnState,
    options_text,
    read_conversation,
    storable,
)
from app.database.connection import Database
from app.protocol.chat import Role
from app.protocol.generation import Timings, Usage


class Repository:
    """Conversations and turns in one database. Without state; safe from any thread."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def list(self, search: str = "", *, deleted: bool = False) -> Future[tuple[Conversation, ...]]:
        """Conversations with `search` in their title, in any case; the last used one first.

        `deleted` gives those in the trash instead.
        """
        needle = rows.title_key(search)
        where = "deleted_at IS NOT NULL" if deleted else "deleted_at IS NULL"
        query = f"SELECT {rows.CONVERSATION} FROM conversation WHERE {where}"
        values: tuple[str, ...] = ()
        if needle:
            query += " AND instr(title_key, ?) > 0"
            values = (needle,)
        query += " ORDER BY updated_at DESC, id DESC"

        def work(connection: sqlite3.Connection) -> tuple[Conversation, ...]:
            return tuple(map(read_conversation, connection.execute(query, values)))

        return self._database.read(work)

    def get(self, conversation_id: str) -> Future[Conversation]:
        """One conversation, also from the trash. InvalidInput when there is none of that id."""
        return self._database.read(
            lambda connection: rows.conversation(connection, conversation_id)
        )

    def create(
        self, title: str = "", options: ConversationOptions | None = None
    ) -> Future[Conversation]:
        """A new, empty conversation."""
        now = self._clock()
        shown = rows.title(title)
        stored = options_text(options or ConversationOptions())

        def work(connection: sqlite3.Connection) -> Conversation:
            key = new_id()
            connection.execute(
                "INSERT INTO conversation (id, title, title_key, created_at, updated_at, options)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (key, shown, rows.title_key(shown), now, now, stored),
            )
            return rows.conversation(connection, key)

        return self._database.call(work)

    def rename(self, conversation_id: str, title: str) -> Future[Conversation]:
        """Give it another title: one line, of at most `rows.TITLE_LIMIT` characters."""
        shown = rows.title(title)
        return self._change(
            conversation_id, "title = ?, title_key = ?", (shown, rows.title_key(shown))
        )

    def set_options(
        self, conversation_id: str, options: ConversationOptions
    ) -> Future[Conversation]:
        """Replace the options of one chat."""

        def work(connection: sqlite3.Connection) -> Conversation:
            row = connection.execute(
                "SELECT options FROM conversation WHERE id = ?", (conversation_id,)
            ).fetchone()
            kept = row[0] if row and isinstance(row[0], str) else "{}"
            return rows.changed(
                connection, conversation_id, "options = ?", (options_text(options, kept),)
            )

        return self._database.call(work)

    def delete(self, conversation_id: str) -> Future[Conversation]:
        """Move it to the trash, from which `restore` brings it back whole."""
        return self._change(conversation_id, "deleted_at = ?", (self._clock(),))

    def restore(self, conversation_id: str) -> Future[Conversation]:
        """Bring it back from the trash."""
        return self._change(conversation_id, "deleted_at = NULL", ())

    def purge(self, older_than: float) -> Future[int]:
        """Erase for good what was deleted before the moment `older_than`; how many there were."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM conversation WHERE deleted_at < ?", (older_than,)
            ).rowcount

        return self._database.call(work)

    def turns(self, conversation_id: str) -> Future[tuple[Turn, ...]]:
        """The active path, from the first turn to the head; empty for an unknown conversation."""
        return self._database.read(lambda connection: rows.path(connection, conversation_id))

    def siblings(self, turn_id: str) -> Future[tuple[Turn, ...]]:
        """Every version of a turn, oldest first, itself included."""

        return self._database.read(lambda connection: rows.versions(connection, turn_id))

    def append(
        self,
        conversation_id: str,
        parent_id: str | None,
        role: Role,
        text: str,
        *,
        state: TurnState = "complete",
        model: str | None = None,
    ) -> Future[Turn]:
        """Add a turn under `parent_id` (None: a first turn) and make it the head.

        A turn under a parent that has children already is a version beside them. InvalidInput
        when the conversation is gone or the parent is not one of its turns.
        """
        now = self._clock()
        kept = storable(text)

        def work(connection: sqlite3.Connection) -> Turn:
            rows.conversation(connection, conversation_id)
            if parent_id is not None and rows.place_of(connection, parent_id)[0] != conversation_id:
                raise rows.missing_turn()
            youngest = rows.youngest_child(connection, conversation_id, parent_id)
            turn_id = new_id(parent_id, youngest)
            connection.execute(
                "INSERT INTO turn (id, conversation_id, parent_id, role, state, text, created_at,"
                " model) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (turn_id, conversation_id, parent_id, role, state, kept, now, model),
            )
            connection.execute(
                "UPDATE conversation SET head_id = ?, updated_at = ? WHERE id = ?",
                (turn_id, now, conversation_id),
            )
            return rows.turn(connection, turn_id)

        return self._database.call(work)

    def checkpoint(self, turn_id: str, text: str) -> Future[None]:
        """Store what an answer being written holds so far. Changes nothing once it is finished."""
        kept = storable(text)

        def work(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE turn SET text = ? WHERE id = ? AND state = 'writing'", (kept, turn_id)
            )
            if changed.rowcount == 0:
                rows.place_of(connection, turn_id)

        return self._database.call(work)

    def finish(
        self,
        turn_id: str,
        text: str,
        state: TurnState,
        finish_reason: str | None,
        usage: Usage | None,
        timings: Timings | None,
        *,
        error: str | None = None,
    ) -> Future[Turn]:
        """Store the last word on an answer: its text, how it ended, and its figures."""
        now = self._clock()
        counts = (
            (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)
            if usage
            else (None, None, None)
        )
        figures = rows.figures(timings)
        values = (storable(text), state, finish_reason, *counts, *figures, error, turn_id)

        def work(connection: sqlite3.Connection) -> Turn:
            changed = connection.execute(
                "UPDATE turn SET text = ?, state = ?, finish_reason = ?, prompt_tokens = ?,"
                " cached_tokens = ?, completion_tokens = ?, load_ms = ?, ttft_ms = ?,"
                " prompt_tokens_per_second = ?, generated_tokens_per_second = ?, error = ?"
                " WHERE id = ?",
                values,
            )
            if changed.rowcount == 0:
                raise rows.missing_turn()
            turn = rows.turn(connection, turn_id)
            connection.execute(
                "UPDATE conversation SET updated_at = ? WHERE id = ?",
                (now, turn.conversation_id),
            )
            return turn

        return self._database.call(work)

    def reopen(self, turn_id: str) -> Future[Turn]:
        """Set an answer that ended early back to "writing", to be continued where it stopped."""

        def work(connection: sqlite3.Connection) -> Turn:
            changed = connection.execute(
                "UPDATE turn SET state = 'writing', finish_reason = NULL, error = NULL"
                " WHERE id = ? AND role = 'assistant'",
                (turn_id,),
            )
            if changed.rowcount == 0:
                raise rows.missing_turn()
            return rows.turn(connection, turn_id)

        return self._database.call(work)

    def set_head(self, conversation_id: str, turn_id: str) -> Future[None]:
        """End the active path at `turn_id`."""

        def work(connection: sqlite3.Connection) -> None:
            if rows.place_of(connection, turn_id)[0] != conversation_id:
                raise rows.missing_turn()
            connection.execute(
                "UPDATE conversation SET head_id = ? WHERE id = ?", (turn_id, conversation_id)
            )

        return self._database.call(work)

    def choose(self, conversation_id: str, turn_id: str) -> Future[tuple[Turn, ...]]:
        """Show the version `turn_id` and what followed it last; the path that is active then."""

        def work(connection: sqlite3.Connection) -> tuple[Turn, ...]:
            if rows.place_of(connection, turn_id)[0] != conversation_id:
                raise rows.missing_turn()
            leaf = newest_leaf(rows.structure(connection, conversation_id), turn_id)
            connection.execute(
                "UPDATE conversation SET head_id = ? WHERE id = ?", (leaf, conversation_id)
            )
            return rows.path(connection, conversation_id)

        return self._database.call(work)

    def mark_interrupted(self) -> Future[int]:
        """At start, before anything is written: answers cut off by the last end; how many."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE turn SET state = 'interrupted' WHERE state = 'writing'"
            ).rowcount

        return self._database.call(work)

    def _change(
        self, conversation_id: str, assignment: str, values: tuple[Any, ...]
    ) -> Future[Conversation]:
        return self._database.call(
            lambda connection: rows.changed(connection, conversation_id, assignment, values)
        )
