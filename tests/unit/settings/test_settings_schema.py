from __future__ import annotations

import math

import pytest

from app.foundation.errors import InvalidInput
from app.settings import option as kinds
from app.settings.schema import (
    BY_KEY,
    CONTEXT,
    OPTIONS,
    SECTIONS,
    SYSTEM_PROMPT,
    TEMPERATURE,
    TEXT_SIZE,
    THEME,
    index,
    reference_markdown,
)

WORDS = {"section": "chat", "label": "L", "note": "H"}


def test_every_option_has_words_and_accepts_its_default() -> None:
    sections = {section.id for section in SECTIONS}
    for option in OPTIONS:
        assert option.key.startswith(f"{option.section}.")
        assert option.section in sections
        assert option.label
        assert option.help.endswith(".")
        assert option.check(option.default) == option.default
        assert option.allowed()
    assert list(BY_KEY) == [option.key for option in OPTIONS]


def test_an_option_declared_twice_or_wrongly_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        index((THEME, THEME))
    nowhere = kinds.switch("x.y", True, section="nowhere", label="L", note="H")
    with pytest.raises(ValueError, match="section"):
        index((nowhere,))
    with pytest.raises(InvalidInput):
        index((kinds.integer("chat.x", 9, (0, 5), **WORDS),))


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (THEME, ["system", "light", "dark"], ["", "Dark", None, 1, ["dark"]]),
        (TEXT_SIZE, [90, 150, 100.0], [89, 151, 100.5, "100", True, None, math.inf]),
        (TEMPERATURE, [0, 2, 0.35], [-0.1, 2.1, math.nan, math.inf, "1", False, None]),
        (CONTEXT, [0, 4096], [-1, 10**9, 1e30, 2**200]),
        (SYSTEM_PROMPT, ["", "Be kind.\n", "🏡"], ["\ud800", None, 1, b"x"]),
        (kinds.switch("chat.x", False, **WORDS), [True, False], [0, 1, "true", None]),
    ],
)
def test_values_are_checked(
    option: kinds.Option[object], good: list[object], bad: list[object]
) -> None:
    for value in good:
        checked = option.check(value)
        assert checked == value
        assert type(checked) is type(option.default)
    for value in bad:
        with pytest.raises(InvalidInput) as caught:
            option.check(value)
        assert option.key in caught.value.detail


def test_the_reference_names_every_option_once() -> None:
    page = reference_markdown()
    for option in OPTIONS:
        assert page.count(f"`{option.key}`") == 1
        assert option.help in page
    for section in SECTIONS:
        assert f"## {section.label}\n" in page
    assert "| `chat.system_prompt` " in page
    assert "0 (automatic)" in page
    assert "true or false | true |" in page
