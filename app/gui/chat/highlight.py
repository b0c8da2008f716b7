"""Which parts of code are keywords, strings and so on: a little at a time, resumable by line.

Pure (Pygments, imported on first use). Takes slices of a few milliseconds so that the window
never waits; knows no colour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from pygments.lexer import RegexLexer

Kind = Literal["keyword", "string", "number", "comment", "function", "type", "operator"]
Span = tuple[int, int, Kind]  # start and length in the line

MAX_CHARS = 64 * 1024
MAX_LINE_CHARS = 1_000
_CHECK_EVERY = 8

_KINDS: tuple[tuple[str, Kind], ...] = (
    ("Token.Comment", "comment"),
    ("Token.Literal.String", "string"),
    ("Token.Literal.Number", "number"),
    ("Token.Keyword.Type", "type"),
    ("Token.Keyword", "keyword"),
    ("Token.Operator.Word", "keyword"),
    ("Token.Operator", "operator"),
    ("Token.Punctuation", "operator"),
    ("Token.Name.Function", "function"),
    ("Token.Name.Class", "type"),
    ("Token.Name.Exception", "type"),
    ("Token.Name.Builtin", "function"),
    ("Token.Name.Decorator", "function"),
    ("Token.Name.Tag", "keyword"),
    ("Token.Name.Attribute", "function"),
    ("Token.Name.Namespace", "type"),
    ("Token.Generic.Inserted", "string"),
    ("Token.Generic.Deleted", "keyword"),
    ("Token.Generic.Heading", "type"),
    ("Token.Generic.Subheading", "type"),
    ("Token.Generic.Prompt", "comment"),
)
# Only languages whose rules are plain regular expressions: those can stop at any line.
_NAMES = frozenset(
    [
        "python",
        "py",
        "python3",
        "javascript",
        "js",
        "typescript",
        "ts",
        "jsx",
        "tsx",
        "c",
        "cpp",
        "c++",
        "java",
        "go",
        "golang",
        "rust",
        "rs",
        "bash",
        "sh",
        "shell",
        "zsh",
        "html",
        "xml",
        "css",
        "scss",
        "sql",
        "kotlin",
        "kt",
        "swift",
        "csharp",
        "cs",
        "c#",
        "toml",
        "ini",
        "diff",
        "patch",
        "lua",
        "perl",
        "r",
        "scala",
        "haskell",
        "hs",
        "powershell",
        "ps1",
        "dockerfile",
        "docker",
        "markdown",
        "md",
        "batch",
        "bat",
        "php",
        "objective-c",
        "dart",
        "elixir",
        "nix",
        "cmake",
        "graphql",
        "protobuf",
        "json",
    ]
)
_ALIASES = {
    "json": "javascript",
    "jsx": "javascript",
    "tsx": "typescript",
    "patch": "diff",
    "kt": "kotlin",
    "zsh": "bash",
    "c#": "csharp",
    "cs": "csharp",
}
_kind_of: dict[Any, Kind | None] = {}
_lexers: dict[str, RegexLexer | None] = {}


def _lexer(language: str) -> RegexLexer | None:
    name = language.lower()
    if name not in _NAMES:
        return None
    if name not in _lexers:
        from pygments.lexer import ExtendedRegexLexer, RegexLexer
        from pygments.lexers import find_lexer_class_by_name

        made = find_lexer_class_by_name(_ALIASES.get(name, name))()
        usable = isinstance(made, RegexLexer) and not isinstance(made, ExtendedRegexLexer)
        _lexers[name] = cast("RegexLexer", made) if usable else None
    return _lexers[name]


def _kind(token: Any) -> Kind | None:
    if token not in _kind_of:
        name = str(token)
        _kind_of[token] = next(
            (kind for prefix, kind in _KINDS if name == prefix or name.startswith(prefix + ".")),
            None,
        )
    return _kind_of[token]


class Highlighter:
    """Spans by line of one code block, whose text may still grow at its end."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._text = ""
        self._open = False
        self._done = True
        self._steps: Iterator[None] | None = None
        self._safe: tuple[int, tuple[str, ...]] = (0, ("root",))
        self._lines: list[list[Span]] = []

    def spans(self, line: int) -> list[Span]:
        """What is known about a line so far; empty is plain."""
        return self._lines[line] if line < len(self._lines) else []

    @property
    def finished(self) -> bool:
        return self._done

    def set_text(self, text: str, *, closed: bool) -> None:
        """The block's text now. Growing at the end goes on from the last whole line; the end of
        the block reads it once more, since what follows can change what came before."""
        if text == self._text and closed != self._open:
            return
        grown = text.startswith(self._text)
        restart = not grown or (closed and self._open and self._spans_lines())
        self._text, self._open = text, not closed
        self._done = len(text) > MAX_CHARS or not text
        self._steps = None
        if restart:
            self._safe = (0, ("root",))
        if not grown:
            self._lines = []

    def advance(self, clock: Any, until: float) -> bool:
        """Work until `clock()` passes `until` (seconds) or all is read. True if spans changed."""
        if self._done:
            return False
        if self._steps is None:
            lexer = _lexer(self._language)
            if lexer is None:
                self._done = True
                return False
            self._steps = self._read(lexer)
        for _ in self._steps:
            if clock() > until:
                return True
        self._steps = None
        self._done = True
        return True

    def _spans_lines(self) -> bool:
        return any(mark in self._text for mark in ("/*", '"""', "'''", "<!--", "`", "=begin"))

    def _read(self, lexer: RegexLexer) -> Iterator[None]:
        at, stack = self._safe
        text = self._text
        starts = _line_starts(text)
        line = bisect_right(starts, at) - 1
        del self._lines[line:]
        for count, (position, token, value, now) in enumerate(_tokens(lexer, text, at, [*stack])):
            if now is not None:
                self._safe = (position, now)
            kind = _kind(token)
            if value and kind is not None:
                while line + 1 < len(starts) and starts[line + 1] <= position:
                    line += 1
                self._mark(starts, line, position, position + len(value), kind)
            if count % _CHECK_EVERY == 0:
                yield

    def _mark(self, starts: list[int], line: int, start: int, end: int, kind: Kind) -> None:
        while start < end:
            while len(self._lines) <= line:
                self._lines.append([])
            following = starts[line + 1] if line + 1 < len(starts) else len(self._text) + 1
            stop = min(end, following - 1)
            if stop > start:
                self._lines[line].append((start - starts[line], stop - start, kind))
            start = following
            line += 1


def _line_starts(text: str) -> list[int]:
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


def _tokens(
    lexer: RegexLexer, text: str, at: int, stack: list[str]
) -> Iterator[tuple[int, Any, str, tuple[str, ...] | None]]:
    """Pygments' own loop (RegexLexer.get_tokens_unprocessed), started anywhere and telling the
    stack of states after each token, so that reading can go on from there later."""
    from pygments.token import Error, Whitespace

    definitions: Any = lexer._tokens  # type: ignore[attr-defined]
    rules = definitions[stack[-1]]
    end = len(text)
    while at < end:
        line_end = text.find("\n", at)
        if (end if line_end < 0 else line_end) - at > MAX_LINE_CHARS:
            stop = end if line_end < 0 else line_end
            yield at, Whitespace, text[at:stop], None
            at = stop
            continue
        for matches, action, new_state in rules:
            match = matches(text, at)
            if match is None:
                continue
            if action is not None:
                if callable(action):
                    for position, token, value in action(lexer, match):
                        yield position, token, value, None
                else:
                    yield at, action, match.group(), None
            at = match.end()
            if new_state is not None:
                _move(stack, new_state)
                rules = definitions[stack[-1]]
            if at > 0 and text[at - 1] == "\n":
                yield at, Whitespace, "", tuple(stack)
            break
        else:
            if text[at] == "\n":
                stack[:] = ["root"]
                rules = definitions["root"]
                yield at + 1, Whitespace, "", ("root",)
            else:
                yield at, Error, text[at], None
            at += 1


def _move(stack: list[str], change: Any) -> None:
    steps = change if isinstance(change, tuple) else (change,)
    for step in steps:
        if step == "#pop" or (isinstance(step, int) and step < 0):
            drop = -step if isinstance(step, int) else 1
            del stack[max(1, len(stack) - drop) :]
        elif step == "#push":
            stack.append(stack[-1])
        else:
            stack.append(step)
