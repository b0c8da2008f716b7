"""The statements that several operations of the repository share. Runs on the database thread.

Reads what is stored into records, however damaged; knows neither futures nor transactions.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from typing import Any

from app.conversations.branches import active_path
from app.conversations.records import Conversation, Turn, read_conversation, read_turn, storable
from app.foundation.errors import InvalidInput
from app.protocol.chat import Role
from app.protocol.generation import Timings

TITLE_LIMIT = 200

CONVERSATION = "id, title, created_at, updated_at, deleted_at, options"
TURN = (
    "id, parent_id, role, state, text, created_at, model, finish_reason, prompt_tokens, "
    "cached_tokens, completion_tokens, load_ms, ttft_ms, prompt_tokens_per_second, "
    "generated_tokens_per_second, error"
)


def title(text: str) -> str:
    """A title as it is stored and shown: one line, no control characters, bounded."""
    words = " ".join(storable(text).split())
    return "".join(char for char in words if char.isprintable() or char == "\u200d")[:TITLE_LIMIT]


def title_key(text: str) -> str:
    """What a search compares: the same for every case and composition of the letters."""
    folded = unicodedata.normalize("NFKD", storable(text)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def missing_conversation() -> InvalidInput:
    return InvalidInput(
        "This chat no longer exists.", "It was erased.", "Choose another chat from the list."
    )


def missing_turn() -> InvalidInput:
    return InvalidInput(
        "This message no longer exists.", "Its chat was erased.", "Open the chat again."
    )


def conversation(connection: sqlite3.Connection, conversation_id: str) -> Conversation:
    """The conversation of that id; InvalidInput when there is none."""
    row = connection.execute(
        f"SELECT {CONVERSATION} FROM conversation WHERE id = ?", (conversation_id,)
    ).fetchone()
    if row is None:
        raise missing_conversation()
    return read_conversation(row)


def changed(
    connection: sqlite3.Connection, conversation_id: str, assignment: str, values: tuple[Any, ...]
) -> Conversation:
    """Carry out `SET assignment` on one conversation and read it back."""
    connection.execute(
        f"UPDATE conversation SET {assignment} WHERE id = ?", (*values, conversation_id)
    )
    return conversation(connection, conversation_id)


def place_of(connection: sqlite3.Connection, turn_id: str) -> tuple[str, str | None]:
    """The conversation and the parent of a turn; InvalidInput when there is no such turn."""
    row = connection.execute(
        "SELECT conversation_id, parent_id FROM turn WHERE id = ?", (turn_id,)
    ).fetchone()
    if row is None:
        raise missing_turn()
    return row[0], row[1]


def role_of(connection: sqlite3.Connection, turn_id: str | None) -> Role | None:
    """Who spoke in a turn; None without a turn or where that cannot be read."""
    row = connection.execute("SELECT role FROM turn WHERE id = ?", (turn_id,)).fetchone()
    return row[0] if row else None


def versions(connection: sqlite3.Connection, turn_id: str) -> tuple[Turn, ...]:
    """The turn and those beside it under the same parent, in order of birth."""
    conversation_id, parent_id = place_of(connection, turn_id)
    after = role_of(connection, parent_id)
    found = connection.execute(
        f"SELECT {TURN} FROM turn WHERE conversation_id = ? AND parent_id IS ? ORDER BY id",
        (conversation_id, parent_id),
    ).fetchall()
    return tuple(
        read_turn(row, conversation_id, after, len(found), index) for index, row in enumerate(found)
    )


def youngest_child(
    connection: sqlite3.Connection, conversation_id: str, parent_id: str | None
) -> str | None:
    """The identifier of the last version under a parent."""
    row = connection.execute(
        "SELECT max(id) FROM turn WHERE conversation_id = ? AND parent_id IS ?",
        (conversation_id, parent_id),
    ).fetchone()
    return row[0] if isinstance(row[0], str) else None


def turn(connection: sqlite3.Connection, turn_id: str) -> Turn:
    """One turn and its place among its versions; InvalidInput when there is none."""
    conversation_id, parent_id = place_of(connection, turn_id)
    row = connection.execute(f"SELECT {TURN} FROM turn WHERE id = ?", (turn_id,)).fetchone()
    born = connection.execute(
        "SELECT id FROM turn WHERE conversation_id = ? AND parent_id IS ? ORDER BY id",
        (conversation_id, parent_id),
    ).fetchall()
    index = born.index((turn_id,)) if (turn_id,) in born else 0
    after = role_of(connection, parent_id)
    return read_turn(row, conversation_id, after, max(1, len(born)), index)


def structure(connection: sqlite3.Connection, conversation_id: str) -> list[tuple[str, str | None]]:
    """Every turn of a conversation and its parent, in order of birth."""
    return connection.execute(
        "SELECT id, parent_id FROM turn WHERE conversation_id = ? ORDER BY id",
        (conversation_id,),
    ).fetchall()


def path(connection: sqlite3.Connection, conversation_id: str) -> tuple[Turn, ...]:
    """The active path of a conversation, from its first turn to its head.

    One scan of its turns, walked here: reading 10,000 so takes 0.6 of the time of a recursive
    query, and the walk finds a way round lost rows.
    """
    head = connection.execute(
        "SELECT head_id FROM conversation WHERE id = ?", (conversation_id,)
    ).fetchone()
    if head is None:
        return ()
    found = connection.execute(
        f"SELECT {TURN} FROM turn WHERE conversation_id = ?", (conversation_id,)
    ).fetchall()
    # An identifier sorts by time of birth; a damaged one may be anything.
    found.sort(key=lambda row: str(row[0]))
    places = active_path([(row[0], row[1]) for row in found], head[0])
    turns: list[Turn] = []
    after: Role | None = None
    for position, n_siblings, index in places:
        shown = read_turn(found[position], conversation_id, after, n_siblings, index)
        turns.append(shown)
        after = shown.role
    return tuple(turns)


def figures(timings: Timings | None) -> tuple[float | None, ...]:
    """The four columns of a turn's timings."""
    if timings is None:
        return (None, None, None, None)
    return (
        timings.load_ms,
        timings.ttft_ms,
        timings.prompt_tokens_per_second,
        timings.generated_tokens_per_second,
    )
