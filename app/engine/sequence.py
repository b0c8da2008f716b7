"""One request's life in the engine: waiting, running, ended. Pure bookkeeping.

Reading the prompt and writing the answer are one thing here: `tokens` grows at its end, and
whatever the slot does not hold yet is still to be evaluated. Knows no native code, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.engine.messages import EngineRequest
from app.engine.prefix_cache import Slot
from app.protocol.generation import FinishReason


@dataclass(slots=True, eq=False)
class Sequence:
    """`order` is the order of arrival; `n_ctx` how many tokens this request may have in all."""

    request: EngineRequest
    order: int
    n_ctx: int
    tokens: list[int] = field(default_factory=list)
    slot: Slot | None = None
    n_cached: int = 0
    was_started: bool = False

    def __post_init__(self) -> None:
        self.tokens = list(self.request.prompt)

    @property
    def request_id(self) -> str:
        return self.request.request_id

    @property
    def n_prompt(self) -> int:
        return len(self.request.prompt)

    @property
    def n_generated(self) -> int:
        return len(self.tokens) - self.n_prompt

    @property
    def n_held(self) -> int:
        return 0 if self.slot is None else self.slot.n_held

    @property
    def n_pending(self) -> int:
        """Tokens still to be evaluated before the next one can be drawn."""
        return len(self.tokens) - self.n_held

    @property
    def is_writing(self) -> bool:
        """One token is drawn per step; reading again after a loss does not count."""
        return self.n_pending == 1 and self.n_generated > 0

    @property
    def wants_token(self) -> bool:
        """A request for no tokens only has its prompt read."""
        return self.request.max_tokens != 0

    def limit_reached(self) -> FinishReason | None:
        """Why no further token may follow the last one, if so."""
        limit = self.request.max_tokens
        if limit is not None and self.n_generated >= limit:
            return "length"
        return "context" if len(self.tokens) >= self.n_ctx else None
