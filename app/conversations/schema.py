"""The tables of conversations, as numbered steps. Runs on the database thread.

A step that was released is never changed; a new one is added at the end. `deleted_at`, `head_id`
and `parent_id` carry the trash and the branches. Parents and heads are not foreign keys:
a chat with one lost turn must still open.
"""

from __future__ import annotations

import sqlite3

from app.database.migrations import Schema


def _conversations_and_turns(connection: sqlite3.Connection) -> None:
    connection.execute("""
        CREATE TABLE conversation (
            id TEXT NOT NULL PRIMARY KEY,
            title TEXT NOT NULL,
            title_key TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            deleted_at REAL,
            head_id TEXT,
            options TEXT NOT NULL DEFAULT '{}'
        )""")
    connection.execute("""
        CREATE TABLE turn (
            id TEXT NOT NULL PRIMARY KEY,
            conversation_id TEXT NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
            parent_id TEXT,
            role TEXT NOT NULL,
            state TEXT NOT NULL,
            text TEXT NOT NULL,
            created_at REAL NOT NULL,
            model TEXT,
            finish_reason TEXT,
            prompt_tokens INTEGER,
            cached_tokens INTEGER,
            completion_tokens INTEGER,
            load_ms REAL,
            ttft_ms REAL,
            prompt_tokens_per_second REAL,
            generated_tokens_per_second REAL,
            error TEXT
        )""")
    connection.execute("CREATE INDEX turn_place ON turn(conversation_id, parent_id)")
    connection.execute("CREATE INDEX turn_writing ON turn(state) WHERE state = 'writing'")


_RECOVERED = "Recovered chat"
_MARK = '{"recovered": true}'


def _mend(connection: sqlite3.Connection) -> None:
    """Give turns whose conversation was lost a conversation again, so that they can be seen."""
    connection.execute(
        "INSERT OR IGNORE INTO conversation"
        " (id, title, title_key, created_at, updated_at, options)"
        " SELECT conversation_id, ?, ?, min(created_at), max(created_at), ? FROM turn"
        " WHERE conversation_id NOT IN (SELECT id FROM conversation) GROUP BY conversation_id",
        (_RECOVERED, _RECOVERED.casefold(), _MARK),
    )


def _unmend(connection: sqlite3.Connection) -> None:
    """Make room for the true conversation, unless a person has taken to the recovered one."""
    connection.execute(
        "DELETE FROM conversation WHERE title = ? AND options = ?", (_RECOVERED, _MARK)
    )


SCHEMA = Schema(steps=(_conversations_and_turns,), mend=_mend, unmend=_unmend)
