"""Predicted beside measured for the last loads, in words for `hearth doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.cli.services import Check
from app.foundation.units import bytes_text, rate_text

if TYPE_CHECKING:
    from app.bootstrap.runtime import Runtime
    from app.inference.learning import LoadRecord, Measured

SHOWN = 5
_NAME = "Predicted and measured"
_SPEEDS = {"prompt": "reads", "generated": "writes"}


def learnt(runtime: Runtime) -> Check:
    """The newest kinds of loads of which something was measured."""
    learning = runtime.planning.learning
    notice = learning.take_notice()
    if notice is not None:
        raise notice
    records = [record for record in learning.records() if any(_lines(record))][:SHOWN]
    if not records:
        return Check(_NAME, True, "nothing was measured yet; small models teach nothing")
    return Check(_NAME, True, "; ".join(map(_words, records)))


def _words(record: LoadRecord) -> str:
    where = "on the processor"
    if record.n_gpu_layers:
        where = f"with {record.n_gpu_layers} layers on a graphics card"
    head = f"{record.model}, context {record.n_ctx:,}, {where}"
    return f"{head}: {', '.join(_lines(record))}"


def _lines(record: LoadRecord) -> Iterator[str]:
    for entry in record.memory:
        if entry.newest is not None:
            place = "memory" if entry.name == "CPU" else f"memory of {entry.name}"
            said, found = bytes_text(round(entry.said)), bytes_text(round(entry.newest))
            yield f"{place} {said} predicted, {found} measured ({_off(entry)})"
    for entry in record.speeds:
        if entry.newest is not None:
            said, found = rate_text(entry.said), rate_text(entry.newest)
            yield f"{_SPEEDS[entry.name]} {said} predicted, {found} measured ({_off(entry)})"


def _off(entry: Measured) -> str:
    """How far what was measured is from what was said: "+3 %"."""
    assert entry.newest is not None
    return f"{entry.newest / entry.said - 1:+.0%}".replace("%", " %") if entry.said > 0 else "new"
