"""What the command line may pin of a plan; each value has the bounds of its setting."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.foundation.errors import InvalidInput
from app.settings import schema
from app.settings.option import Option

if TYPE_CHECKING:
    from app.planner.wish import Wish


class _Pin(NamedTuple):
    word: str
    field: str
    option: Option[Any]
    kind: type
    help: str


_PINS: Final = (
    _Pin("context", "n_ctx", schema.CONTEXT, int, "the context wanted, in tokens"),
    _Pin("layers", "n_gpu_layers", schema.GPU_LAYERS, int, "layers on graphics cards; -1 is all"),
    _Pin("threads", "n_threads", schema.THREADS, int, "processor threads"),
    _Pin("batch", "n_batch", schema.BATCH, int, "tokens handed over at once"),
    _Pin("ubatch", "n_ubatch", schema.UBATCH, int, "tokens computed at once"),
    _Pin("sequences", "n_seq_max", schema.SEQUENCES, int, "answers written at the same time"),
    _Pin("cpu-moe", "n_cpu_moe", schema.EXPERTS, int, "layers whose experts stay in main memory"),
    _Pin("cache-type-k", "cache_type_k", schema.CACHE_K, str, "type of the context's keys"),
    _Pin("cache-type-v", "cache_type_v", schema.CACHE_V, str, "type of the context's values"),
    _Pin("load-mode", "load_mode", schema.LOAD_MODE, str, "mmap or none"),
)
_NOT_ZERO: Final = frozenset({"context", "threads", "batch", "ubatch", "sequences"})


def add_pins(parser: argparse.ArgumentParser) -> None:
    """Add an option for each pin, and for what a plan should aim at."""
    for pin in _PINS:
        metavar = "N" if pin.kind is int else "TYPE"
        parser.add_argument(
            f"--{pin.word}", dest=f"pin_{pin.field}", metavar=metavar, type=pin.kind, help=pin.help
        )
    parser.add_argument("--devices", metavar="NAMES", help="graphics cards to use, or none")
    add_aims(parser)


def add_aims(parser: argparse.ArgumentParser) -> None:
    """Add the options for what is aimed at, and for the quant."""
    parser.add_argument("--quant", metavar="LABEL", help="the quant to take, such as Q4_K_M")
    parser.add_argument(
        "--min-speed", metavar="N", type=float, help="tokens a second that are fast enough"
    )


def wish_from(words: argparse.Namespace) -> Wish:
    """The wish that the words say. Raises InvalidInput for a value that makes no sense."""
    from app.planner.wish import Wish

    values: dict[str, Any] = {}
    for pin in _PINS:
        value = getattr(words, f"pin_{pin.field}", None)
        if value is not None:
            values[pin.field] = _checked(pin.word, pin.option, value)
    devices = getattr(words, "devices", None)
    if devices is not None:
        names = [name.strip() for name in devices.split(",") if name.strip()]
        values["devices"] = () if names == ["none"] else tuple(names)
    if words.quant:
        values["quant"] = words.quant.upper()
    if words.min_speed is not None:
        speed = _checked("min-speed", schema.LEAST_SPEED, words.min_speed)
        values["least_tokens_per_second"] = speed
    return Wish(**values)


def _checked(word: str, option: Option[Any], value: Any) -> Any:
    makes_sense = not (word in _NOT_ZERO and value == 0) and value != schema.AUTOMATIC
    if makes_sense:
        try:
            return option.check(value)
        except InvalidInput:
            pass
    raise InvalidInput(
        f"--{word} {value} makes no sense.",
        f"It takes {option.allowed()}{' but not 0' if word in _NOT_ZERO else ''}.",
        "Leave it out to have it chosen.",
    )
