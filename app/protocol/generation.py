"""A request for text and the events that answer it. Knows not who executes it.

Per request: any number of `Loading`, then `Started`, `PromptRead`s and `TokensArrived`s, then
exactly one of `Finished` or `Failed`. Cancelling is a finish reason, not an error.
A sink is called on a foreign thread and must return at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from app.foundation.errors import HearthError
from app.protocol.chat import Message
from app.protocol.model_ref import ModelRef

FinishReason = Literal["stop", "length", "cancelled", "context"]


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is drawn. `temperature` 0 is greedy and deterministic.

    `repeat_penalty`, `frequency_penalty` and `presence_penalty` look at the last
    `repeat_last_n` tokens. `logit_bias` pairs a token id with an addend to its logit.
    `grammar` is GBNF. `seed` None draws a fresh one.
    """

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repeat_last_n: int = 64
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    grammar: str | None = None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a face asks for. `continue_last` extends a final assistant message in place."""

    messages: tuple[Message, ...]
    model: ModelRef = field(default_factory=ModelRef)
    sampling: SamplingParams = field(default_factory=SamplingParams)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    continue_last: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """`cached_tokens` of the `prompt_tokens` were in memory and not read again."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall-clock figures. `load_ms` is 0 when the model was loaded already."""

    load_ms: float
    ttft_ms: float
    prompt_tokens_per_second: float
    generated_tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Loading:
    """The model is being made ready; `fraction` from 0 to 1, None when not known."""

    request_id: str
    fraction: float | None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """The request was admitted. `n_ctx` is the context this request has, in tokens."""

    request_id: str
    prompt_tokens: int
    cached_tokens: int
    n_ctx: int


@dataclass(frozen=True, slots=True)
class PromptRead:
    """`read` of `total` prompt tokens have been evaluated (cached ones included)."""

    request_id: str
    read: int
    total: int


@dataclass(frozen=True, slots=True)
class TokensArrived:
    """Valid text, never half a character; `n_tokens` is how many tokens it closes."""

    request_id: str
    text: str
    n_tokens: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a request that did not fail. `model` is the display name."""

    request_id: str
    reason: FinishReason
    usage: Usage
    timings: Timings
    model: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The last event of a request that failed."""

    request_id: str
    error: HearthError


Event = Loading | Started | PromptRead | TokensArrived | Finished | Failed
Sink = Callable[[Event], None]
