"""The colours are the product's, and can be read."""

from __future__ import annotations

import pytest

from app.gui.palette import DARK, LIGHT, MEMORY, SURFACES, SYNTAX, TEXTS, Tokens, contrast

READABLE = 4.5
VISIBLE = 3.0

BOTH = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


@BOTH
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("text", TEXTS)
def test_every_text_is_readable_on_every_surface(tokens: Tokens, text: str, surface: str) -> None:
    assert contrast(getattr(tokens, text), getattr(tokens, surface)) >= READABLE


@BOTH
@pytest.mark.parametrize("text", SYNTAX)
def test_highlighted_code_is_readable(tokens: Tokens, text: str) -> None:
    for surface in ("code", "surface", "background"):
        assert contrast(getattr(tokens, text), getattr(tokens, surface)) >= READABLE


@BOTH
@pytest.mark.parametrize("part", MEMORY)
def test_the_parts_of_a_memory_are_visible(tokens: Tokens, part: str) -> None:
    assert contrast(getattr(tokens, part), tokens.surface) >= VISIBLE


@BOTH
def test_text_on_the_accent_is_readable(tokens: Tokens) -> None:
    assert contrast(tokens.on_accent, tokens.accent) >= READABLE
    assert contrast(tokens.on_accent, tokens.accent_hover) >= READABLE


@BOTH
@pytest.mark.parametrize("surface", SURFACES)
def test_the_focus_ring_is_visible(tokens: Tokens, surface: str) -> None:
    assert contrast(tokens.accent, getattr(tokens, surface)) >= VISIBLE


@pytest.mark.parametrize(
    ("names", "light", "dark"),
    [
        ("background surface sidebar", "FAF8F5 FFFFFF F3EFEA", "171513 1F1C19 1B1816"),
        ("border", "E4DED6", "332E29"),
        ("text secondary", "1F1B16 6B6259", "EFEAE4 A79D92"),
        ("accent on_accent accent_soft", "9C4510 FFFFFF F6E7DC", "F0905A 171513 3A2619"),
        ("good warning danger", "276C43 8A5B00 B42318", "5DBB84 E0A83B F2766B"),
    ],
)
def test_the_tokens_are_those_of_the_product(names: str, light: str, dark: str) -> None:
    for tokens, colours in ((LIGHT, light), (DARK, dark)):
        assert [getattr(tokens, name) for name in names.split()] == [
            f"#{colour}" for colour in colours.split()
        ]


def test_contrast_is_measured_as_the_standard_says() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert contrast(LIGHT.text, LIGHT.text) == pytest.approx(1.0)
