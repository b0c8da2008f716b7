"""The name of a model, as a person or a setting gives it. Does not know whether it exists."""

from __future__ import annotations

from dataclasses import dataclass

BUILT_IN = "hearth-guide"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """`name` is a path or the id of the built-in model; a catalogue id may follow later."""

    name: str = BUILT_IN

    @property
    def is_built_in(self) -> bool:
        return self.name == BUILT_IN
