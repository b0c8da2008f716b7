"""Runs one Jinja template in an immutable sandbox, with the words that chat templates expect.

Bounds the length of the output and the cheapest bombs; time and memory are bounded by the child
that runs it (`child`). Knows neither models nor messages. Any thread.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from app.foundation.errors import TemplateFailed

if TYPE_CHECKING:
    from jinja2 import Template, nodes

MAX_OUTPUT_CHARS = 4 * 1024 * 1024
MAX_SOURCE_CHARS = 1024 * 1024
_MAX_REPEATED = 1_000_000
_MAX_POWER_BITS = 4096
_WIDE_FORMAT = re.compile(r"%[^a-zA-Z%]*(\d{5,}|\*)")


def render_jinja(source: str, variables: Mapping[str, Any]) -> str:
    """The template's output. Raises TemplateFailed whatever the template does wrong."""
    if len(source) > MAX_SOURCE_CHARS:
        raise failed("it is too long to be a chat template")
    try:
        return _joined(_compiled(source), variables)
    except (TemplateFailed, MemoryError):
        raise
    except Exception as error:
        raise failed(_one_line(error)) from error


def parse_jinja(source: str) -> nodes.Template | None:
    """The syntax tree of a template; None if it has none."""
    from jinja2 import TemplateSyntaxError

    try:
        tree: nodes.Template = _environment().parse(source)
    except (TemplateSyntaxError, RecursionError):
        return None
    return tree


def failed(reason: str) -> TemplateFailed:
    """The error for a template that cannot be used; `reason` completes "… because"."""
    return TemplateFailed(
        "This model's chat template does not work.",
        f"The template, which comes with the model, was given up: {reason}.",
        "Try another file of this model, or tell whoever made this one.",
    )


def _joined(template: Template, variables: Mapping[str, Any]) -> str:
    chunks: list[str] = []
    length = 0
    for chunk in template.generate(**variables):
        length += len(chunk)
        if length > MAX_OUTPUT_CHARS:
            raise failed(f"it wrote more than {MAX_OUTPUT_CHARS:,} characters")
        chunks.append(chunk)
    return "".join(chunks)


@lru_cache(maxsize=16)
def _compiled(source: str) -> Template:
    template: Template = _environment().from_string(source)
    return template


@lru_cache(maxsize=1)
def _environment() -> Any:
    """Built once; importing jinja2 is left until a template is really rendered."""
    from jinja2 import TemplateRuntimeError
    from jinja2.exceptions import SecurityError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Environment(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset(["*", "**", "%"])

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if _is_bomb(operator, left, right):
                raise SecurityError("it asks for an enormous value")
            return super().call_binop(context, operator, left, right)

    class GenerationTag(Extension):
        """`{% generation %}` marks the answer for training; it prints what it holds."""

        tags = {"generation"}  # noqa: RUF012 - the shape that jinja2 declares

        def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: object) -> None:
        raise TemplateRuntimeError(str(message))

    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, loopcontrols]
    )
    environment.globals.pop("lipsum", None)
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = _strftime_now
    environment.filters["tojson"] = _tojson()
    return environment


def _is_bomb(operator: str, left: Any, right: Any) -> bool:
    if operator == "**":
        if not isinstance(left, int) or not isinstance(right, int):
            return False
        return left.bit_length() * abs(right) > _MAX_POWER_BITS
    if operator == "%":
        return isinstance(left, str) and _WIDE_FORMAT.search(left) is not None
    for sequence, count in ((left, right), (right, left)):
        if isinstance(sequence, str | bytes | list | tuple) and isinstance(count, int):
            return len(sequence) * count > _MAX_REPEATED
    return False


def _strftime_now(form: str) -> str:
    return datetime.now().astimezone().strftime(form[:200])


def _tojson() -> Callable[..., str]:
    """As the templates were written for: no HTML escapes, and letters stay letters."""

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=min(indent, 16) if indent is not None else None,
            separators=separators,
            sort_keys=sort_keys,
        )

    return tojson


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200].rstrip(".")
