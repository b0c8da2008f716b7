"""What in a template would surprise the person whose words it carries. Runs in the child.

A template is code that comes with a model: it can act on a message without executing anything.
Says what it found as sentences; decides nothing. Reads the syntax tree, renders nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from app.templates.sandbox import parse_jinja

if TYPE_CHECKING:
    from jinja2 import nodes

N = TypeVar("N", bound="nodes.Node")

_ADDRESS = re.compile(
    r"(?:https?|ftp|wss?)://[^\s'\"<>{}]{1,80}|\bwww\.[a-z0-9-]+\.[a-z]{2,}", re.I
)
# What templates rightly look for in a message: tags, markers, switches, and the names of the
# parts of a message that is a list or a mapping; never other plain words.
_MARKER = re.compile(r"[<>\[\]{}|｜]|^\s*/[a-z_]+\s*$|^[\W_]*$|^detailed thinking o(?:n|ff)$")
_PARTS = frozenset(
    {"text", "image", "image_url", "video", "audio", "parts", "blocks", "thinking", "value"}
    | {"CONTINUE_FINAL_MESSAGE_TAG"}
)
_SEARCHES = frozenset(
    {"startswith", "endswith", "find", "rfind", "index", "count", "split", "rsplit", "partition"}
)
_CONTENT = frozenset({"content", "text"})


@lru_cache(maxsize=16)
def remarks(source: str) -> tuple[str, ...]:
    """Sentences about a template that carries a web address, reacts to plain words in messages
    or decides by the date; none for a template that cannot be parsed."""
    tree = parse_jinja(source)
    if tree is None:
        return ()
    found: list[str] = []
    if address := _ADDRESS.search(source):
        found.append(f"This model's chat template carries a web address: {address[0]}")
    if words := list(dict.fromkeys(_words_looked_for(tree))):
        shown = ", ".join(f"“{word[:40]}”" for word in words[:5])
        found.append(
            f"This model's chat template reacts to words in messages: {shown}. "
            "It may have been tampered with."
        )
    if _decides_by_date(tree):
        found.append("This model's chat template acts differently by date.")
    return tuple(found)


def _words_looked_for(tree: nodes.Template) -> Iterator[str]:
    """Plain words that conditions look for in what people wrote."""
    from jinja2 import nodes

    carriers = _carriers(tree)
    known = _constants(tree)
    for compare in tree.find_all(nodes.Compare):
        sides = [compare.expr, *(operand.expr for operand in compare.ops)]
        if any(_carries(side, carriers) for side in sides):
            for side in sides:
                if not _carries(side, carriers):
                    yield from _plain(side, known)
    for call in tree.find_all(nodes.Call):
        target = call.node
        if (
            isinstance(target, nodes.Getattr)
            and target.attr in _SEARCHES
            and _carries(target.node, carriers)
        ):
            for argument in call.args:
                yield from _plain(argument, known)
    for chosen in tree.find_all(nodes.Filter):
        if chosen.name in ("selectattr", "rejectattr") and chosen.args:
            attribute, *rest = chosen.args
            if isinstance(attribute, nodes.Const) and attribute.value in _CONTENT:
                for argument in rest[1:]:
                    yield from _plain(argument, known)


def _constants(tree: nodes.Template) -> dict[str, nodes.Node]:
    """What is assigned to, or looped over by, each variable; where words may come from."""
    from jinja2 import nodes

    found: dict[str, nodes.Node] = {}
    for assign in tree.find_all(nodes.Assign):
        if isinstance(assign.target, nodes.Name):
            found[assign.target.name] = assign.node
    for loop in tree.find_all(nodes.For):
        if isinstance(loop.target, nodes.Name):
            found[loop.target.name] = loop.iter
    return found


def _carriers(tree: nodes.Template) -> frozenset[str]:
    """Names of variables that hold what people wrote, found by following assignments."""
    from jinja2 import nodes

    names = set(_CONTENT)
    size = 0
    while size != len(names):
        size = len(names)
        for assign in tree.find_all(nodes.Assign):
            if isinstance(assign.target, nodes.Name) and _carries(assign.node, frozenset(names)):
                names.add(assign.target.name)
    return frozenset(names)


def _carries(node: nodes.Node, carriers: frozenset[str]) -> bool:
    """True if the value of the expression is (part of) what people wrote."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        return node.name in carriers
    if isinstance(node, nodes.Getattr):
        return node.attr in _CONTENT or (node.attr != "type" and _carries(node.node, carriers))
    if isinstance(node, nodes.Getitem):
        key = node.arg
        name = key.value if isinstance(key, nodes.Const) else None
        return name in _CONTENT or (name != "type" and _carries(node.node, carriers))
    if isinstance(node, nodes.Filter):
        return (
            node.name not in ("length", "count")
            and node.node is not None
            and _carries(node.node, carriers)
        )
    if isinstance(node, nodes.Call):
        return _carries(node.node, carriers)
    if isinstance(node, nodes.BinExpr | nodes.Concat):
        return any(_carries(part, carriers) for part in node.iter_child_nodes())
    if isinstance(node, nodes.CondExpr):
        branches = (node.expr1, node.expr2)
        return any(part is not None and _carries(part, carriers) for part in branches)
    return False


def _plain(part: nodes.Node, known: dict[str, nodes.Node]) -> Iterator[str]:
    """The plain words in an expression, or in what its variable was made from."""
    from jinja2 import nodes

    if isinstance(part, nodes.Name):
        part = known.get(part.name, part)
    for const in _self_and_below(part, nodes.Const):
        word = const.value
        if (
            isinstance(word, str)
            and re.search(r"\w{2}", word)
            and word.strip() not in _PARTS
            and not _MARKER.search(word)
        ):
            yield word


def _decides_by_date(tree: nodes.Template) -> bool:
    from jinja2 import nodes

    conditions = [branch.test for branch in tree.find_all(nodes.If)]
    conditions += [branch.test for branch in tree.find_all(nodes.CondExpr)]
    names = {"strftime_now"} | {
        assign.target.name
        for assign in tree.find_all(nodes.Assign)
        if isinstance(assign.target, nodes.Name) and _calls(assign.node, {"strftime_now"})
    }
    compared = [
        compare for condition in conditions for compare in _self_and_below(condition, nodes.Compare)
    ]
    return any(_uses(compare, names) for compare in compared)


def _self_and_below(node: nodes.Node, kind: type[N]) -> Iterator[N]:
    if isinstance(node, kind):
        yield node
    yield from node.find_all(kind)


def _calls(node: nodes.Node, names: set[str]) -> bool:
    from jinja2 import nodes

    calls = _self_and_below(node, nodes.Call)
    return any(isinstance(call.node, nodes.Name) and call.node.name in names for call in calls)


def _uses(node: nodes.Node, names: set[str]) -> bool:
    from jinja2 import nodes

    return any(name.name in names for name in node.find_all(nodes.Name))
