"""The body of the child "trial": a first load with a prompt and a few tokens, then the end.

Whatever this file and these settings can break breaks here. Knows nothing of what is done with
the verdict.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

from app.engine.context import Context, Decoded
from app.engine.dry_run import measure, refused
from app.engine.messages import LoadSettings
from app.engine.model import Model
from app.engine.native import AbortFlag, Library, open_library
from app.engine.native.devices import devices
from app.foundation.errors import LoadFailed
from app.foundation.others import OthersBusy
from app.foundation.priority import give_way, go_first, has_few_cores

JsonObject = dict[str, Any]

_MAX_TOKENS = 16
_PROGRESS_S = 0.1
_AGAIN_S = 1.0
"""A prompt that took less is read twice, and the second time counts."""
_TUNING_S = 1.2
"""What timing the numbers of threads may take in all."""
_TUNING_ROUNDS = 2
_FEWEST_TOKENS, _MOST_TOKENS = 2, 12
_CLEARLY = 1.03
"""Another number of threads must be so many times faster to be taken."""


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`request["settings"]` are the fields of LoadSettings; progress is `{"fraction": 0…1}`.

    Answers `ok` and `measured`: `devices` as of the child "dry-run", `process_bytes` that the
    load and a full prompt added to this process, `devices_taken` (ggml's name → bytes less
    free), `load_ms`, both speeds in tokens/s, `others_busy_cores`, and, with
    `request["tune_threads"]`, `thread_speeds` (number of threads → tokens/s) and the best
    number, `n_threads`. Raises LoadFailed, NotEnoughMemory or ModelUnsupported with what
    llama.cpp says, or with what came out wrong.
    """
    settings = LoadSettings.of(request["settings"])
    settings.check()
    go_first()
    if has_few_cores():
        give_way()
    library = open_library()
    library.log.clear()
    others, free_before = OthersBusy(), _free(library, settings)
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
            free_after = _free(library, settings)
            measured = {
                **measure(context.handle),
                "process_bytes": _process_bytes() - before_bytes,
                "devices_taken": {
                    name: free_before[name] - free_after[name] for name in free_after
                },
                "load_ms": load_ms,
                **speeds,
                "others_busy_cores": others.cores(),
            }
            if request.get("tune_threads") and settings.n_threads > 1:
                measured |= _tuned(model, context, settings.n_threads)
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
    if reading_s < _AGAIN_S:
        # The first time also brings the file's pages in and builds the graph.
        context.clear(0)
        token, again_s = _next(model, context, prompt, 0)
        reading_s = min(reading_s, again_s)
    steps_s = []
    for position in range(n_prompt, n_prompt + _MAX_TOKENS):
        token, step_s = _next(model, context, [token], position)
        steps_s.append(step_s)
    return {
        "prompt_tokens_per_second": n_prompt / reading_s,
        "generated_tokens_per_second": 1 / statistics.median(steps_s),
    }


def _tuned(model: Model, context: Context, n_threads: int) -> dict[str, Any]:
    """Write a few tokens with n, n - 1 and n / 2 threads, in turns, and keep the best.

    The fastest token of each is compared: other programs only ever make one slower.
    """
    numbers = sorted({n_threads, max(1, n_threads - 1), max(1, n_threads // 2)}, reverse=True)
    best_s: dict[int, float] = {}
    n_tokens = _FEWEST_TOKENS
    began_s = time.perf_counter()
    for round_number in range(_TUNING_ROUNDS):
        for number in numbers:
            if time.perf_counter() - began_s > _TUNING_S:
                break
            context.use_threads(number, number)
            context.clear(0)
            _next(model, context, [1], 0)  # the threads are started here
            for position in range(1, 1 + n_tokens):
                step_s = _next(model, context, [1], position)[1]
                best_s[number] = min(best_s.get(number, step_s), step_s)
        share_s = _TUNING_S / (2 * len(numbers))
        n_tokens = max(_FEWEST_TOKENS, min(_MOST_TOKENS, int(share_s / max(best_s.values()))))
        if round_number == 0 and n_tokens == _FEWEST_TOKENS:
            break
    context.use_threads(n_threads, n_threads)
    chosen = n_threads
    for number, step_s in best_s.items():
        if step_s * _CLEARLY < best_s[chosen]:
            chosen = number
    return {
        "n_threads": chosen,
        "thread_speeds": {str(number): 1 / step_s for number, step_s in best_s.items()},
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


def _free(library: Library, settings: LoadSettings) -> dict[str, int]:
    """Bytes free on the devices, by their drivers; none is asked if none is used."""
    if not settings.uses_gpu:
        return {}
    return {each["name"]: each["free_bytes"] for each in devices(library) if each["kind"] != "cpu"}


def _process_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)
