"""Stage "device": a tiny model's answers on one device against the processor's, then its speed.

Whatever the driver breaks, breaks here. Says how far apart both are, not whether that will do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.engine.context import Context, Decoded
from app.engine.messages import LoadSettings
from app.engine.model import Model
from app.engine.native import AbortFlag, Library, open_library
from app.engine.native.devices import device_named
from app.engine.native.product import Product, Shape
from app.engine.probe.processor import PROVED, best, product_error
from app.foundation.errors import ChildFailed, NotPossibleHere
from app.foundation.units import MIB

JsonObject = dict[str, Any]

# As the Guide is asked; another model reads it as a text like any other.
_PROMPT = "<|user|>What can you do, and what do you need for it?<|end|><|assistant|>"
_N_TOKENS = 12
_N_CTX = 256
_LONG_ENOUGH_S = 0.02
_BUDGET_S = 0.1
_SPEED_SIDES = (256, 512, 1024, 2048, 4096)
_SPEED_COLUMNS = 64
_READING_INNER = 4096
_READING_BYTES = (4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB)


@dataclass(frozen=True, slots=True)
class Said:
    """The likeliest token at each step, and what all tokens got."""

    tokens: list[int]
    logits: list[list[float]]


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`request`: `device` (ggml's name), `model` (a path), `free_bytes`, `is_software`.

    Answers `distance` (the farthest step's, in standard deviations of the processor's logits;
    a huge one where it is not a number), `n_same` of `n_tokens` that agree, `error` of a product
    as in stage "processor", `flops`, and `bandwidth_bytes_per_s`. A device made of software is
    asked for its answers only: it may take a minute to compile what a card compiles at once.
    """
    progress({"step": "loading"})
    library = open_library()
    name = str(request["device"])
    device = device_named(library, name)
    if not device:
        raise NotPossibleHere("The device is gone.", f"No driver offers {name} now.")
    progress({"step": "answering on the processor"})
    wanted = said(library, str(request["model"]), (), None)
    progress({"step": "answering"})
    found = said(library, str(request["model"]), (name,), wanted.tokens)
    pairs = list(zip(found.logits, wanted.logits, strict=True))
    answered: JsonObject = {
        "distance": max(distance(ours, theirs) for ours, theirs in pairs),
        "n_same": sum(a == b for a, b in zip(found.tokens, wanted.tokens, strict=True)),
        "n_tokens": len(wanted.tokens),
    }
    if request.get("is_software"):
        return answered | {"error": 0.0, "flops": None, "bandwidth_bytes_per_s": None}
    progress({"step": "multiplying"})
    answered["error"] = max(product_error(library, device, kind) for kind in PROVED)
    progress({"step": "timing"})
    answered["flops"] = _flops(library, device)
    answered["bandwidth_bytes_per_s"] = _bandwidth(library, device, int(request["free_bytes"]))
    return answered


def said(library: Library, path: str, devices: tuple[str, ...], follow: list[int] | None) -> Said:
    """Read the prompt, then write greedily, or along `follow`."""
    settings = LoadSettings(
        path,
        n_ctx=_N_CTX,
        n_batch=_N_CTX,
        n_ubatch=_N_CTX,
        n_seq_max=1,
        n_threads=1,
        n_threads_batch=1,
        n_gpu_layers=999 if devices else 0,
        devices=devices,
        load_mode="none",
    )
    settings.check()
    model = Model(library, settings, lambda fraction: True)
    try:
        context = Context(model, settings, AbortFlag())
        try:
            return _written(model, context, follow)
        finally:
            context.close()
    finally:
        model.close()


def distance(ours: list[float], theirs: list[float]) -> float:
    """Root of the mean square difference, in standard deviations of `theirs`."""
    mean = sum(theirs) / len(theirs)
    spread = sum((value - mean) ** 2 for value in theirs)
    off = sum((a - b) ** 2 for a, b in zip(ours, theirs, strict=True))
    found = math.sqrt(off / spread) if spread else math.inf
    return found if math.isfinite(found) else 1e9


def _written(model: Model, context: Context, follow: list[int] | None) -> Said:
    tokens: list[int] = []
    logits: list[list[float]] = []
    vocabulary = model.vocabulary
    following = vocabulary.tokenize(_PROMPT, add_special=True, parse_special=True)
    position = 0
    for step in range(_N_TOKENS):
        found = _next(model, context, following, position)
        position += len(following)
        tokens.append(max(range(len(found)), key=found.__getitem__))
        logits.append(found)
        following = [tokens[-1] if follow is None else follow[step]]
    return Said(tokens, logits)


def _next(model: Model, context: Context, tokens: list[int], position: int) -> list[float]:
    batch, api = context.batch, context.handle.library.api
    batch.clear()
    index = batch.add(0, tokens, position, wants_logits=True)
    if context.decode(batch) is not Decoded.DONE:
        raise ChildFailed("The device could not compute.", _why(context.handle.library))
    pointer = api.llama_get_logits_ith(context.handle.pointer, index)
    if not pointer:
        raise ChildFailed("The device gave no result.", _why(context.handle.library))
    return list(pointer[: model.vocabulary.n_vocab])


def _why(library: Library) -> str:
    return "; ".join(library.log.errors()) or "llama.cpp gave no reason"


def _flops(library: Library, device: int) -> float:
    """Operations a second of a product that is large enough for the device to show its speed."""
    for side in _SPEED_SIDES:
        shape = Shape("f16", side, side, _SPEED_COLUMNS)
        with Product(library, device, shape) as product:
            product.clear()
            product.compute()
            began_s = time.perf_counter()
            took_s = product.compute()
            if time.perf_counter() - began_s > _LONG_ENOUGH_S or side == _SPEED_SIDES[-1]:
                return shape.operations / min(took_s, best(product, _BUDGET_S))
    raise AssertionError("unreachable")


def _bandwidth(library: Library, device: int, free_bytes: int) -> float:
    """Bytes a second that a product with one column reads out of the device's memory."""
    found = 0.0
    for n_bytes in _READING_BYTES:
        if n_bytes > _READING_BYTES[0] and n_bytes * 8 > free_bytes:
            break
        shape = Shape("f16", _READING_INNER, n_bytes // (2 * _READING_INNER), 1)
        with Product(library, device, shape) as product:
            product.clear()
            took_s = best(product, _BUDGET_S / 4)
        found = n_bytes / took_s
        if took_s > _LONG_ENOUGH_S:
            break
    return found
