"""Why another file was not chosen, in one sentence each. Pure.

`a` is what was chosen, `b` the other: model, quant, tokens per second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.foundation.units import bytes_text, rate_text

_AS_FAST: Final = 1.25
"""Speeds within this factor are called about the same."""


def _name(values: Mapping[str, Any], which: str) -> str:
    return f"{values[which + '_quant']} of {values[which + '_model']}"


def _speed(values: Mapping[str, Any]) -> str:
    """How the chosen one's speed compares, as the end of a sentence."""
    chosen, other = values["a_speed"], values["b_speed"]
    if other <= 0 or chosen / other > _AS_FAST:
        return "and faster"
    if chosen * _AS_FAST >= other:
        return "and about as fast"
    return f"and still writes {rate_text(chosen)}"


def _pair(values: Mapping[str, Any]) -> tuple[str, str]:
    """Both as people would tell them apart."""
    if values["a_model"] == values["b_model"]:
        return str(values["a_quant"]), str(values["b_quant"])
    return _name(values, "a"), _name(values, "b")


def _than(words: str) -> Callable[[Mapping[str, Any]], str]:
    def said(values: Mapping[str, Any]) -> str:
        chosen, other = _pair(values)
        return f"{chosen} {words.format(other=other)}."

    return said


def _better_model(values: Mapping[str, Any]) -> str:
    chosen, other = _pair(values)
    return f"{chosen} is better than {other} here, {_speed(values)}."


def _better_quant(values: Mapping[str, Any]) -> str:
    chosen, other = _pair(values)
    return f"{chosen} keeps more of the model than {other} and fits here, {_speed(values)}."


def _too_big(values: Mapping[str, Any]) -> str:
    need, free = bytes_text(values["need"]), bytes_text(values["free"])
    return f"{_name(values, 'b')} needs {need} of memory and only {free} are free."


def _tight(values: Mapping[str, Any]) -> str:
    return f"{_name(values, 'b')} would fit, but leave too little for your other programs."


def _too_slow(values: Mapping[str, Any]) -> str:
    speed, least = values["b_speed"], values["least"]
    if round(speed, 1) >= least:
        return f"{_name(values, 'b')} would write a little slower here than was asked for."
    return (
        f"{_name(values, 'b')} would write about {rate_text(speed)} here, slower than the "
        f"{least:g} that were asked for."
    )


def _slower(values: Mapping[str, Any]) -> str:
    chosen, other = _pair(values)
    verb, speed = "writes", "speed"
    if values["b_speed"] * _AS_FAST >= values["a_speed"]:
        verb, speed = "reads", "read"
    slow, fast = rate_text(values[f"b_{speed}"]), rate_text(values[f"a_{speed}"])
    return f"{other} is better still, but {verb} only {slow} here; {chosen} {verb} {fast}."


def _damaged(values: Mapping[str, Any]) -> str:
    return f"{_name(values, 'b')} loses more of the model than was asked for."


def _unsound(values: Mapping[str, Any]) -> str:
    chosen, other = _pair(values)
    return (
        f"{other} loses so much of its model that {chosen} is the safer choice, {_speed(values)}."
    )


CHOICES: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "choice_too_big": _too_big,
    "choice_tight": _tight,
    "choice_too_slow": _too_slow,
    "choice_slower": _slower,
    "choice_damaged": _damaged,
    "choice_unsound": _unsound,
    "choice_better_model": _better_model,
    "choice_better_quant": _better_quant,
    "choice_not_pinned": lambda v: (
        f"{_name(v, 'b')} was left aside, because you chose the quant {v['wanted']}."
    ),
    "choice_context": _than("leaves more room for the conversation than {other}"),
    "choice_on_device": _than("fits on the graphics card as a whole, which {other} does not"),
    "choice_faster": _than("writes faster than {other}"),
    "choice_smaller": _than("is the smaller download and as good as {other} here"),
    "choice_fewer_devices": _than("needs fewer graphics cards than {other}"),
    "choice_same": _than("is as good as {other} here, and was listed under the first name"),
}
