"""Which turns of a conversation are on the page: the path from its root to its head.

Pure, linear in the number of turns. Every set of turns has a path, also one with lost parents,
cycles or a lost head; of sound turns it is the obvious one.
"""

from __future__ import annotations

from collections.abc import Sequence

# Position in the sequence given, number of siblings, index among them. A plain tuple: there are
# as many as messages in the chat.
Place = tuple[int, int, int]


def active_path(turns: Sequence[tuple[str, str | None]], head: str | None) -> list[Place]:
    """The path from root to `head` through `turns`, pairs of id and parent in order of birth.

    A turn whose parent is lost follows the turn born just before it. A lost head is replaced
    by the turn born last.
    """
    if not turns:
        return []
    positions = {turn_id: position for position, (turn_id, _) in enumerate(turns)}
    parents: list[int] = []
    children: dict[int, list[int]] = {}
    for position, (_, parent_id) in enumerate(turns):
        parent = -1 if parent_id is None else positions.get(parent_id, position - 1)
        parents.append(parent)
        children.setdefault(parent, []).append(position)
    path: list[int] = []
    seen: set[int] = set()
    position = len(turns) - 1 if head is None else positions.get(head, len(turns) - 1)
    while position >= 0 and position not in seen:
        seen.add(position)
        path.append(position)
        position = parents[position]
    path.reverse()
    places: list[Place] = []
    for position in path:
        siblings = children[parents[position]]
        n_siblings = len(siblings)
        places.append((position, n_siblings, siblings.index(position) if n_siblings > 1 else 0))
    return places


def newest_leaf(turns: Sequence[tuple[str, str | None]], start: str) -> str:
    """The end of the branch below `start`: at every fork the version born last."""
    youngest = {parent: turn for turn, parent in turns if parent is not None and parent != turn}
    seen = {start}
    leaf = start
    while (following := youngest.get(leaf)) is not None and following not in seen:
        seen.add(following)
        leaf = following
    return leaf
