"""Which sampling values make sense. Pure; says no before native code sees them."""

from __future__ import annotations

import math

from app.engine.grammar import check_grammar
from app.foundation.errors import InvalidInput
from app.protocol.generation import SamplingParams

# Native code takes single precision; beyond this a float would become infinite there.
_LARGEST = 3.0e38
MAX_SEED = 2**32 - 2
MAX_REPEAT_LAST_N = 1 << 20
MAX_LOGIT_BIAS = 1 << 16

_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("temperature", 0.0, 100.0),
    ("top_p", 0.0, 1.0),
    ("min_p", 0.0, 1.0),
    ("repeat_penalty", 0.01, 100.0),
    ("frequency_penalty", -100.0, 100.0),
    ("presence_penalty", -100.0, 100.0),
)


def validate(params: SamplingParams, n_vocab: int) -> None:
    """Raise InvalidInput for values that are not finite, out of range, or not in the vocabulary."""
    for name, low, high in _BOUNDS:
        value = getattr(params, name)
        if not _is_number(value) or not low <= value <= high:
            raise InvalidInput(
                f"{name} cannot be {value}.", f"It must be a number from {low:g} to {high:g}."
            )
    _check_whole("top_k", params.top_k, 0, 2**31 - 1)
    _check_whole("repeat_last_n", params.repeat_last_n, 0, MAX_REPEAT_LAST_N)
    if params.seed is not None:
        _check_whole("seed", params.seed, 0, MAX_SEED)
    _check_logit_bias(params.logit_bias, n_vocab)
    if params.grammar is not None:
        check_grammar(params.grammar)


def _check_whole(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidInput(
            f"{name} cannot be {value}.", f"It must be a whole number from {low} to {high}."
        )


def _check_logit_bias(pairs: tuple[tuple[int, float], ...], n_vocab: int) -> None:
    if len(pairs) > MAX_LOGIT_BIAS:
        raise InvalidInput("logit_bias is too long.", f"At most {MAX_LOGIT_BIAS} tokens.")
    for token, bias in pairs:
        if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < n_vocab:
            raise InvalidInput(
                f"logit_bias names a token {token} that this model does not have.",
                f"Its tokens are numbered 0 to {n_vocab - 1}.",
            )
        # Minus infinity is the plain way to forbid a token.
        if bias != -math.inf and (not _is_number(bias) or abs(bias) > _LARGEST):
            raise InvalidInput(f"logit_bias for token {token} cannot be {bias}.")
    if len({token for token, _ in pairs}) == n_vocab and all(
        bias == -math.inf for _, bias in pairs
    ):
        raise InvalidInput("logit_bias forbids every token.", "Nothing could be written.")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
