"""Messages of a conversation. Knows neither templates nor storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the model sees it: plain text under a role."""

    role: Role
    text: str
