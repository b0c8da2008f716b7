"""Every colour of Hearth, light and dark. No colour stands in any other module.

Pairs are chosen so that each text colour reaches 4.5 : 1 on each surface (tests/gui).
Pure: knows no widget and no Qt.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Tokens:
    """One set of colours as `#RRGGBB`. Surfaces first, then what is written on them."""

    # Surfaces.
    background: str
    surface: str
    sidebar: str
    hover: str
    pressed: str
    selection: str
    accent_soft: str
    code: str
    # Lines.
    border: str
    border_strong: str
    shade: str
    # Text and icons.
    text: str
    secondary: str
    accent: str
    accent_hover: str
    on_accent: str
    good: str
    warning: str
    danger: str
    # Parts of a memory, on `surface`; what is free is `hover`.
    memory_weights: str
    memory_context: str
    memory_compute: str
    memory_others: str
    # Highlighted code, on `code`.
    syntax_keyword: str
    syntax_string: str
    syntax_number: str
    syntax_comment: str
    syntax_function: str
    syntax_type: str
    syntax_operator: str


SURFACES = (
    "background",
    "surface",
    "sidebar",
    "hover",
    "pressed",
    "selection",
    "accent_soft",
    "code",
)
MEMORY = ("memory_weights", "memory_context", "memory_compute", "memory_others")
TEXTS = ("text", "secondary", "accent", "good", "warning", "danger")
SYNTAX = tuple(field.name for field in fields(Tokens) if field.name.startswith("syntax_"))

LIGHT = Tokens(
    background="#FAF8F5",
    surface="#FFFFFF",
    sidebar="#F3EFEA",
    hover="#ECE7E0",
    pressed="#E7E1D9",
    selection="#F3E1D3",
    accent_soft="#F6E7DC",
    code="#F6F3EF",
    border="#E4DED6",
    border_strong="#8C8378",
    shade="#1F1B16",
    text="#1F1B16",
    secondary="#6B6259",
    accent="#9C4510",
    accent_hover="#85390B",
    on_accent="#FFFFFF",
    good="#276C43",
    warning="#8A5B00",
    danger="#B42318",
    memory_weights="#7A330A",
    memory_context="#B5581C",
    memory_compute="#BE8350",
    memory_others="#8C8378",
    syntax_keyword="#8A3FA0",
    syntax_string="#276C43",
    syntax_number="#8A5B00",
    syntax_comment="#6B6259",
    syntax_function="#1F5FA8",
    syntax_type="#0F6B75",
    syntax_operator="#57504A",
)

DARK = Tokens(
    background="#171513",
    surface="#1F1C19",
    sidebar="#1B1816",
    hover="#292420",
    pressed="#332D28",
    selection="#472D1D",
    accent_soft="#3A2619",
    code="#1B1816",
    border="#332E29",
    border_strong="#7A7067",
    shade="#000000",
    text="#EFEAE4",
    secondary="#A79D92",
    accent="#F0905A",
    accent_hover="#F5A678",
    on_accent="#171513",
    good="#5DBB84",
    warning="#E0A83B",
    danger="#F2766B",
    memory_weights="#F5A678",
    memory_context="#D0743F",
    memory_compute="#9C5C3A",
    memory_others="#7A7067",
    syntax_keyword="#CF9BE0",
    syntax_string="#8CCB9B",
    syntax_number="#E0A83B",
    syntax_comment="#A79D92",
    syntax_function="#86B8F0",
    syntax_type="#6CC4CF",
    syntax_operator="#C9C0B6",
)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.03928 else ((channel + 0.055) / 1.055) ** 2.4


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB`, 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
