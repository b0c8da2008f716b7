"""Sizes that keep the house habitable: files, classes, functions, parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    ROOT / "dev.py",
    *(
        path
        for folder in ("app", "installer", "resources")
        for path in ROOT.glob(f"{folder}/**/*.py")
    ),
]
TESTS = list(ROOT.glob("tests/**/*.py"))

FILE_LINES, CLASS_LINES, CLASS_METHODS, FUNCTION_LINES, PARAMETERS = 500, 300, 25, 60, 6


def excesses(path: Path) -> Iterator[str]:
    """What in `path` is over its budget, in words."""
    text = path.read_text("utf-8")
    if (lines := text.count("\n")) > FILE_LINES:
        yield f"{lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            yield from _class_excess(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _function_excess(node)


def _length(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _class_excess(node: ast.ClassDef) -> Iterator[str]:
    methods = sum(isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body)
    if _length(node) > CLASS_LINES or methods > CLASS_METHODS:
        yield f"class {node.name}: {_length(node)} lines, {methods} methods"


def _function_excess(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    positional = [*node.args.posonlyargs, *node.args.args]
    own = [argument for argument in positional if argument.arg not in ("self", "cls")]
    if _length(node) > FUNCTION_LINES or len(own) > PARAMETERS:
        yield f"function {node.name}: {_length(node)} lines, {len(own)} positional parameters"


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_within_budget(path: Path) -> None:
    assert list(excesses(path)) == []


def test_the_check_sees_excess(tmp_path: Path) -> None:
    long = "def f(a, b, c, d, e, g, h):\n" + "    x = 1\n" * 61
    path = tmp_path / "long.py"
    path.write_text(long + "\n" * 440)
    assert len(list(excesses(path))) == 2


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("app/**/*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_module_says_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring, "a module begins by saying what it owns"
