"""The body of the child "trial": a first load with a prompt and a few tokens, then the end.

Whatever this file and these settings can break breaks here. Knows nothing of what is done with
the verdict.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from app.engine.context import Context, Decoded
from app.engine.dry_run import measure, refused
from app.engine.messages import LoadSettings
from app.engine.model import Model
from app.engine.native import AbortFlag, open_library
from app.foundation.errors import LoadFailed

JsonObject = dict[str, Any]

_MAX_TOKENS = 8
_PROGRESS_S = 0.1


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`request["settings"]` are the fields of LoadSettings; progress is `{"fraction": 0…1}`.

    Answers `ok` and `measured`: `devices` as of the child "dry-run", `process_bytes` that the
    load and a full prompt added to this process, `load_ms`, and both speeds in tokens/s.
    Raises LoadFailed, NotEnoughMemory or ModelUnsupported with what llama.cpp says, or with
    what came out wrong.
    """
    settings = LoadSettings.of(request["settings"])
    settings.check()
    library = open_library()
    library.log.clear()
    before_bytes, began_s = _process_bytes(), time.perf_counter()
    report = _Reporter(progress)
    try:
        model = Model(library, settings, report.loaded)
    except RuntimeError as error:
        raise refused(library.log.errors()) from error
    try:
        try:
            context = Context(model, settings, AbortFlag())
        except RuntimeError as error:
            raise refused(library.log.errors()) from error
        try:
            load_ms = (time.perf_counter() - began_s) * 1e3
            speeds = _answered(model, context, settings)
            measured = {
                **measure(context.handle),
                "process_bytes": _process_bytes() - before_bytes,
                "load_ms": load_ms,
                **speeds,
            }
        finally:
            context.close()
    finally:
        model.close()
    return {"ok": True, "measured": measured}


class _Reporter:
    """Passes on the fraction that is loaded, a few times a second."""

    def __init__(self, progress: Callable[[JsonObject], None]) -> None:
        self._progress = progress
        self._last_s = 0.0

    def loaded(self, fraction: float) -> bool:
        now_s = time.perf_counter()
        if now_s - self._last_s >= _PROGRESS_S:
            self._last_s = now_s
            self._progress({"fraction": fraction})
        return True


def _answered(model: Model, context: Context, settings: LoadSettings) -> dict[str, float]:
    """Read one full ubatch, write a few tokens, each the likeliest. Speeds in tokens/s."""
    n_prompt = max(1, min(settings.n_ubatch, context.n_cells - _MAX_TOKENS - 1))
    n_vocab = model.vocabulary.n_vocab
    prompt = [(7 * index + 1) % n_vocab for index in range(n_prompt)]
    token, reading_s = _next(model, context, prompt, 0)
    writing_s = 0.0
    for position in range(n_prompt, n_prompt + _MAX_TOKENS):
        token, step_s = _next(model, context, [token], position)
        writing_s += step_s
    return {
        "prompt_tokens_per_second": n_prompt / reading_s,
        "generated_tokens_per_second": _MAX_TOKENS / writing_s,
    }


def _next(model: Model, context: Context, tokens: list[int], position: int) -> tuple[int, float]:
    """The likeliest next token, and how long llama.cpp took in seconds."""
    batch, api = context.batch, context.handle.library.api
    batch.clear()
    index = batch.add(0, tokens, position, wants_logits=True)
    began_s = time.perf_counter()
    if context.decode(batch) is not Decoded.DONE:
        raise refused(context.handle.library.log.errors())
    pointer = api.llama_get_logits_ith(context.handle.pointer, index)  # waits for a GPU
    took_s = max(time.perf_counter() - began_s, 1e-9)
    logits = pointer[: model.vocabulary.n_vocab] if pointer else []
    if not logits or not math.isfinite(sum(logits)):
        raise LoadFailed(
            "This model does not work here.",
            "What it computes is not a number: the file is damaged, or this computer's "
            "graphics driver is at fault.",
            "Download the model again, or run it on the processor only.",
        )
    return max(range(len(logits)), key=logits.__getitem__), took_s


def _process_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)
