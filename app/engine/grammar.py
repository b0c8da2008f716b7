"""Refuses grammars that llama.cpp 0.5.0 cannot bear, before it sees them. Pure.

A slip in the syntax, an undefined rule, left recursion, a huge repetition or deep nesting ends
the process there, or never ends. Reads GBNF as llama.cpp's own parser does (`llama-grammar.cpp`),
with limits of its own on size. What is accepted here may still be refused by the runtime.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import NoReturn

from app.foundation.errors import InvalidInput

MAX_CHARS = 1 << 17
MAX_DEPTH = 100
MAX_RULES = 2_048
MAX_ELEMENTS = 200_000
# MAX_REPETITION_THRESHOLD in llama-grammar.cpp.
MAX_REPETITIONS = 2_000
ROOT = "root"

_NAME = re.compile(r"[A-Za-z0-9-]+")
_DIGITS = re.compile(r"[0-9]+")
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_ESCAPE = re.compile(r'\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[trn\\"\[\]-])')
_REPETITION = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def check_grammar(text: str) -> None:
    """Raise InvalidInput, with the place, unless `text` is a GBNF grammar we can hand on."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput("The grammar is empty.", 'It needs a rule called "root".')
    if len(text) > MAX_CHARS:
        raise InvalidInput("The grammar is too long.", f"At most {MAX_CHARS:,} characters.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput("The grammar is not valid text.", str(error)) from error
    if "\0" in text:
        raise InvalidInput("The grammar is not valid text.", "It holds a NUL character.")
    parser = _Parser(text)
    parser.parse()
    _check_rules(parser)


@dataclass(slots=True)
class _Item:
    """One element of a sequence: a terminal, or a reference; `is_optional` if it may be absent."""

    reference: str | None
    is_optional: bool = False


@dataclass(slots=True)
class _Sequence:
    """What llama.cpp will make of a sequence: the items, and how many elements they become."""

    items: list[_Item] = field(default_factory=list)
    n_elements: int = 0
    # The last symbol, which a repetition applies to: its first item, its size, its rules.
    last_item: int = 0
    n_last_elements: int = 0
    n_last_rules: int = 1

    def begin(self) -> None:
        self.last_item = len(self.items)
        self.n_last_elements = 0
        self.n_last_rules = 1

    def add(self, item: _Item, n_elements: int) -> None:
        self.items.append(item)
        self.n_elements += n_elements
        self.n_last_elements += n_elements


class _Parser:
    """Recursive descent, in the order of llama.cpp's."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, list[list[_Item]]] = {}
        self.first_use: dict[str, int] = {}
        self._text = text
        self._position = 0
        self._depth = 0
        self._n_symbols = 0
        self._n_elements = 0

    def parse(self) -> None:
        self._skip_space(lines=True)
        while self._position < len(self._text):
            self._parse_rule()

    def fail(self, why: str, position: int | None = None) -> NoReturn:
        place = self._position if position is None else position
        line = self._text.count("\n", 0, place) + 1
        column = place - (self._text.rfind("\n", 0, place) + 1) + 1
        raise InvalidInput(
            "The grammar cannot be used.",
            f"Line {line}, column {column}: {why}",
            "Correct the grammar and try again.",
        )

    def _parse_rule(self) -> None:
        start = self._position
        name = self._parse_name()
        self._skip_space()
        if not self._text.startswith("::=", self._position):
            self.fail('"::=" was expected after the rule\'s name.')
        if name in self.rules:
            self.fail(f'the rule "{name}" is defined twice.', start)
        self._position += 3
        self._skip_space(lines=True)
        self._use(name, start)
        self.rules[name] = self._parse_alternates(is_nested=False)
        if self._position < len(self._text) and self._text[self._position] not in "\r\n":
            self.fail("a new line or the end was expected.")
        self._skip_space(lines=True)

    def _parse_alternates(self, *, is_nested: bool) -> list[list[_Item]]:
        alternates = [self._parse_sequence(is_nested=is_nested)]
        while self._peek() == "|":
            self._position += 1
            self._skip_space(lines=True)
            alternates.append(self._parse_sequence(is_nested=is_nested))
        self._count(len(alternates))
        return alternates

    def _parse_sequence(self, *, is_nested: bool) -> list[_Item]:
        sequence = _Sequence()
        while char := self._peek():
            if char == '"':
                self._parse_literal(sequence)
            elif char == "[":
                self._parse_class(sequence)
            elif char in "<!":
                # llama.cpp lets through a word whose rest meets a token here, and dies of it.
                self.fail("naming a token is not supported; write out its text.")
            elif _NAME.match(char):
                self._parse_reference(sequence)
            elif char == "(":
                self._parse_group(sequence)
            elif char == ".":
                sequence.begin()
                self._position += 1
                sequence.add(_Item(None), 1)
            elif char in "*+?{":
                self._parse_repetition(sequence, is_nested)
            else:
                break
            self._skip_space(lines=is_nested)
        self._count(sequence.n_elements)
        return sequence.items

    def _parse_literal(self, sequence: _Sequence) -> None:
        sequence.begin()
        self._position += 1
        n_chars = 0
        while self._peek() != '"':
            self._parse_char("the closing quote is missing.")
            n_chars += 1
        self._position += 1
        if n_chars:
            sequence.add(_Item(None), n_chars)

    def _parse_class(self, sequence: _Sequence) -> None:
        sequence.begin()
        start = self._position
        self._position += 1
        if self._peek() == "^":
            self._position += 1
        n_chars = 0
        while self._peek() != "]":
            self._parse_char('the closing "]" is missing.')
            n_chars += 1
            if self._peek() == "-" and self._text[self._position + 1 : self._position + 2] != "]":
                self._position += 1
                self._parse_char('the closing "]" is missing.')
                n_chars += 1
        self._position += 1
        if not n_chars:
            self.fail("a set of characters is empty.", start)
        sequence.add(_Item(None), n_chars)

    def _parse_char(self, if_missing: str) -> None:
        if not (char := self._peek()):
            self.fail(if_missing)
        if char != "\\":
            self._position += 1
        elif match := _ESCAPE.match(self._text, self._position):
            self._position = match.end()
        else:
            self.fail("this escape is not known.")

    def _parse_reference(self, sequence: _Sequence) -> None:
        sequence.begin()
        start = self._position
        name = self._parse_name()
        self._use(name, start)
        sequence.add(_Item(name), 1)

    def _parse_group(self, sequence: _Sequence) -> None:
        sequence.begin()
        start = self._position
        self._position += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(f"brackets are nested more than {MAX_DEPTH} deep.")
        self._skip_space(lines=True)
        n_before = self._n_symbols
        name = self._generate()
        self.rules[name] = self._parse_alternates(is_nested=True)
        if self._peek() != ")":
            self.fail('the ")" for this bracket is missing.', start)
        self._position += 1
        self._depth -= 1
        sequence.add(_Item(name), 1)
        sequence.n_last_rules = max(1, self._n_symbols - n_before)

    def _parse_repetition(self, sequence: _Sequence, is_nested: bool) -> None:
        start = self._position
        sign = self._text[start]
        self._position += 1
        if sign == "{":
            least, most = self._parse_bounds(is_nested)
        else:
            least, most = _REPETITION[sign]
        if len(sequence.items) == sequence.last_item:
            self.fail(f'nothing stands before "{sign}" that could be repeated.', start)
        if most is not None and most < least:
            self.fail(f"a repetition from {least} to {most} makes no sense.", start)
        n_rules = most or least or 1
        if sequence.n_last_rules * n_rules > MAX_REPETITIONS:
            self.fail(f"repetitions go beyond {MAX_REPETITIONS:,}.", start)
        sequence.n_last_rules *= n_rules
        n_optional = 1 if most is None else most - least
        grown = (least - 1) * sequence.n_last_elements + 1
        self._count(n_optional * (sequence.n_last_elements + 3))
        for _ in range(n_optional):
            self._generate_symbol()
        sequence.n_elements += grown
        sequence.n_last_elements += grown
        self._check_size(sequence.n_elements)
        if least == 0:
            for item in sequence.items[sequence.last_item :]:
                item.is_optional = True

    def _parse_bounds(self, is_nested: bool) -> tuple[int, int | None]:
        self._skip_space(lines=is_nested)
        least = self._parse_count()
        self._skip_space(lines=is_nested)
        most: int | None = least
        if self._peek() == ",":
            self._position += 1
            self._skip_space(lines=is_nested)
            most = self._parse_count() if _DIGITS.match(self._peek()) else None
            self._skip_space(lines=is_nested)
        if self._peek() != "}":
            self.fail('the "}" of a repetition is missing.')
        self._position += 1
        return least, most

    def _parse_count(self) -> int:
        match = _DIGITS.match(self._text, self._position)
        if match is None:
            self.fail("a number was expected.")
        if len(match[0]) > 6 or int(match[0]) > MAX_REPETITIONS:
            self.fail(f"repetitions go beyond {MAX_REPETITIONS:,}.")
        self._position = match.end()
        return int(match[0])

    def _parse_name(self) -> str:
        match = _NAME.match(self._text, self._position)
        if match is None:
            self.fail("the name of a rule was expected.")
        self._position = match.end()
        return match[0]

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _skip_space(self, *, lines: bool = False) -> None:
        match = (_SPACE_AND_LINES if lines else _SPACE).match(self._text, self._position)
        if match is not None:
            self._position = match.end()

    def _use(self, name: str, position: int) -> None:
        if name not in self.first_use:
            self.first_use[name] = position
            self._generate_symbol()

    def _generate(self) -> str:
        self._generate_symbol()
        # No rule of the text can have this name: "_" is not a letter of names.
        return f"_{self._n_symbols}"

    def _generate_symbol(self) -> None:
        self._n_symbols += 1
        if self._n_symbols > MAX_RULES:
            self.fail(f"it has more than {MAX_RULES:,} rules.")

    def _count(self, n_elements: int) -> None:
        self._n_elements += n_elements
        self._check_size(0)

    def _check_size(self, n_more: int) -> None:
        if self._n_elements + n_more > MAX_ELEMENTS:
            self.fail("it is too large once its repetitions are written out.")


def _check_rules(parser: _Parser) -> None:
    for name, position in parser.first_use.items():
        if name not in parser.rules:
            parser.fail(f'the rule "{name}" is used but not defined.', position)
    if ROOT not in parser.rules:
        raise InvalidInput(
            "The grammar cannot be used.", 'It has no rule called "root".', "Add one."
        )
    cycle = _left_recursion(parser.rules, _nullable(parser.rules))
    if cycle is not None:
        parser.fail(f'the rule "{cycle}" begins with itself.', parser.first_use.get(cycle, 0))


def _nullable(rules: dict[str, list[list[_Item]]]) -> set[str]:
    """Rules that can match nothing: linear, by counting what each alternate still waits for."""
    nullable: set[str] = set()
    missing: list[int] = []
    owner: list[str] = []
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    ready: deque[str] = deque()
    for name, alternates in rules.items():
        for items in alternates:
            needed = [item for item in items if not item.is_optional]
            if any(item.reference is None for item in needed):
                continue
            for item in needed:
                waiting[item.reference or ""].append(len(missing))
            missing.append(len(needed))
            owner.append(name)
            if not needed:
                ready.append(name)
    while ready:
        name = ready.popleft()
        if name in nullable:
            continue
        nullable.add(name)
        for index in waiting[name]:
            missing[index] -= 1
            if missing[index] == 0:
                ready.append(owner[index])
    return nullable


def _left_recursion(rules: dict[str, list[list[_Item]]], nullable: set[str]) -> str | None:
    """A named rule that can begin with itself, if there is one; without recursion of our own."""
    edges = {name: _first_references(alternates, nullable) for name, alternates in rules.items()}
    done: set[str] = set()
    for start in rules:
        path: list[tuple[str, list[str]]] = [(start, list(edges[start]))]
        on_path = {start}
        while path:
            name, left = path[-1]
            if name in done or not left:
                done.add(name)
                on_path.discard(name)
                path.pop()
                continue
            following = left.pop()
            if following in on_path:
                names = [entry for entry, _ in path[[e for e, _ in path].index(following) :]]
                return next((entry for entry in names if not entry.startswith("_")), following)
            if following not in done:
                on_path.add(following)
                path.append((following, list(edges[following])))
    return None


def _first_references(alternates: list[list[_Item]], nullable: set[str]) -> list[str]:
    found: dict[str, None] = {}
    for items in alternates:
        for item in items:
            if item.reference is not None:
                found[item.reference] = None
            if not item.is_optional and item.reference not in nullable:
                break
    return list(found)
