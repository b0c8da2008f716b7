"""What an option is: key, type, default, bounds, words. Pure; knows neither file nor widgets.

The settings page, the command line, the check of a value and the reference page all derive
from these objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from app.foundation.errors import InvalidInput

T = TypeVar("T")
TEXT_LIMIT_BYTES = 256 << 10
"""Far below what the settings file may hold, so that no value makes it unreadable."""

Kind = Literal["switch", "choice", "integer", "real", "text"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value a choice may take, and its name on the page."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Option(Generic[T]):
    """One setting. `check` gives the value in its type, or raises InvalidInput.

    `special` names what the value `default` of a number means ("automatic"); None where it is
    a number like any other. `shown` is False for what the settings page does not list.
    """

    key: str
    kind: Kind
    default: T
    section: str
    label: str
    help: str
    read: Callable[[object], T]
    choices: tuple[Choice, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str = ""
    special: str | None = None
    multiline: bool = False
    needs_restart: bool = False
    shown: bool = True
    form: str = ""
    """What a text must be, in words, where not every text will do."""

    def check(self, value: object) -> T:
        """The value as this option's type; raises InvalidInput with the bounds in words."""
        try:
            return self.read(value)
        except ValueError as error:
            raise InvalidInput(
                f"“{_short(value)}” is not a value for “{self.label}”.",
                f"{self.key} takes {self.allowed()}.",
                "The setting is as it was before.",
            ) from error

    def allowed(self) -> str:
        """The values it takes, in words: `a whole number from 0 to 256`."""
        if self.kind == "switch":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(choice.value for choice in self.choices)
        if self.form:
            return self.form
        if self.kind == "text":
            return f"text of at most {TEXT_LIMIT_BYTES >> 10} KiB"
        noun = "a whole number" if self.kind == "integer" else "a number"
        return f"{noun} from {self.minimum:g} to {self.maximum:g}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def switch(
    key: str,
    default: bool,
    *,
    section: str,
    label: str,
    note: str,
    needs_restart: bool = False,
    shown: bool = True,
) -> Option[bool]:
    """Something on or off."""

    def read(value: object) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError(value)

    return Option(
        key,
        "switch",
        default,
        section,
        label,
        note,
        read,
        needs_restart=needs_restart,
        shown=shown,
    )


def choice(
    key: str,
    default: str,
    choices: tuple[Choice, ...],
    *,
    section: str,
    label: str,
    note: str,
    needs_restart: bool = False,
) -> Option[str]:
    """One of a few named values."""
    values = frozenset(item.value for item in choices)

    def read(value: object) -> str:
        if isinstance(value, str) and value in values:
            return value
        raise ValueError(value)

    return Option(
        key,
        "choice",
        default,
        section,
        label,
        note,
        read,
        choices=choices,
        needs_restart=needs_restart,
    )


def integer(
    key: str,
    default: int,
    bounds: tuple[int, int],
    *,
    section: str,
    label: str,
    note: str,
    step: int = 1,
    unit: str = "",
    special: str | None = None,
    needs_restart: bool = False,
) -> Option[int]:
    """A whole number within `bounds`, both ends included."""

    def read(value: object) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and bounds[0] <= value <= bounds[1]:
            return value
        raise ValueError(value)

    return Option(
        key,
        "integer",
        default,
        section,
        label,
        note,
        read,
        minimum=bounds[0],
        maximum=bounds[1],
        step=step,
        unit=unit,
        special=special,
        needs_restart=needs_restart,
    )


def real(
    key: str,
    default: float,
    bounds: tuple[float, float],
    *,
    section: str,
    label: str,
    note: str,
    step: float,
    unit: str = "",
) -> Option[float]:
    """A finite number within `bounds`, both ends included."""

    def read(value: object) -> float:
        if type(value) is float or type(value) is int:
            number = float(value)
            if math.isfinite(number) and bounds[0] <= number <= bounds[1]:
                return number
        raise ValueError(value)

    return Option(
        key,
        "real",
        default,
        section,
        label,
        note,
        read,
        minimum=bounds[0],
        maximum=bounds[1],
        step=step,
        unit=unit,
    )


def text(
    key: str,
    default: str,
    *,
    section: str,
    label: str,
    note: str,
    multiline: bool = False,
    shown: bool = True,
    form: str = "",
    fits: Callable[[str], bool] = lambda _: True,
) -> Option[str]:
    """Text of at most TEXT_LIMIT_BYTES in UTF-8; `form` says in words what `fits` asks of it."""

    def read(value: object) -> str:
        if isinstance(value, str) and len(value.encode()) <= TEXT_LIMIT_BYTES and fits(value):
            return value
        raise ValueError(value)

    return Option(
        key,
        "text",
        default,
        section,
        label,
        note,
        read,
        multiline=multiline,
        shown=shown,
        form=form,
    )
