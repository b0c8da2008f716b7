"""The body of the child "golden": whether this runtime computes what it is known to compute.

The built-in model reads questions and is led along the answers that are known; at each token it
is seen how likely that one was. A process of its own, because a runtime may be broken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from app.engine.context import Context, Decoded
from app.engine.dry_run import refused
from app.engine.messages import LoadSettings
from app.engine.model import Model
from app.engine.native import AbortFlag, open_library

JsonObject = dict[str, Any]

_MOST_TOKENS = 96


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`request["settings"]` are the fields of LoadSettings, `request["cases"]` a list of `prompt`
    (a text with its control tokens) and `answer` (tokens; none: the likeliest are found).

    Answers `cases`: of each the `prompt_tokens`, the `answer`, and as `leads` by how much, in
    units of a logit, each of its tokens was likelier than the next best. Raises LoadFailed.
    """
    settings = LoadSettings.of(request["settings"])
    settings.check()
    library = open_library()
    library.log.clear()
    try:
        model = Model(library, settings, lambda fraction: True)
    except RuntimeError as error:
        raise refused(library.log.errors()) from error
    try:
        context = Context(model, settings, AbortFlag())
        try:
            return {"cases": [_case(model, context, case) for case in request["cases"]]}
        finally:
            context.close()
    except RuntimeError as error:
        raise refused(library.log.errors()) from error
    finally:
        model.close()


def _case(model: Model, context: Context, case: JsonObject) -> JsonObject:
    known = list(case["answer"])
    prompt = model.vocabulary.tokenize(case["prompt"], add_special=False, parse_special=True)
    context.clear(0)
    logits = _logits(model, context, prompt, 0)
    said: list[int] = []
    leads: list[float] = []
    while len(said) < (len(known) or _MOST_TOKENS):
        token = known[len(said)] if known else max(range(len(logits)), key=logits.__getitem__)
        leads.append(logits[token] - max(logits[:token] + logits[token + 1 :]))
        said.append(token)
        if not known and model.vocabulary.is_end(token):
            break
        logits = _logits(model, context, [token], len(prompt) + len(said) - 1)
    return {"prompt_tokens": prompt, "answer": said, "leads": leads}


def _logits(model: Model, context: Context, tokens: list[int], position: int) -> list[float]:
    batch = context.batch
    batch.clear()
    index = batch.add(0, tokens, position, wants_logits=True)
    if context.decode(batch) is not Decoded.DONE:
        raise RuntimeError("a step was not carried out")
    pointer = context.handle.library.api.llama_get_logits_ith(context.handle.pointer, index)
    found = list(pointer[: model.vocabulary.n_vocab]) if pointer else []
    if not found or not math.isfinite(sum(found)):
        raise RuntimeError("what it computes is no number")
    return found
