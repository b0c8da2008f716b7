"""How fast the processor multiplies weights of each type, relative to what the probe times.

The probe times Q4_K times 64 columns on one core (`core_flops`). Shares of that were measured with
the same product on one core with AVX-512 (matrices of 1024 to 1536 × 1024 to 8960, in cache): with
64 columns, as a prompt is read, and with one, as an answer is written. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """Of the probe's operations a second: while reading a prompt, while writing an answer."""

    reading: float
    writing: float


#: Where it is faster than Q4_K with AVX-512, it need not be so elsewhere: 1 is the most.
_BY_TYPE: Final = {
    "F32": Pace(0.60, 0.29),
    "F16": Pace(0.65, 0.23),
    "BF16": Pace(0.65, 0.23),
    "Q8_0": Pace(0.78, 0.39),
    "Q6_K": Pace(1.0, 0.46),
    "Q5_K": Pace(1.0, 0.33),
    "Q5_0": Pace(0.63, 0.29),
    "Q5_1": Pace(0.30, 0.29),
    "Q4_K": Pace(1.0, 0.57),
    "Q4_0": Pace(0.96, 0.50),
    "Q4_1": Pace(0.30, 0.30),
    "IQ4_NL": Pace(0.96, 0.50),
    "IQ4_XS": Pace(1.0, 0.33),
    "Q3_K": Pace(1.0, 0.37),
    "Q2_K": Pace(0.60, 0.59),
    "IQ3": Pace(1.0, 0.13),
    "IQ2": Pace(1.0, 0.21),
    "IQ1": Pace(1.0, 0.21),
    "MXFP4": Pace(0.68, 0.22),
}
_OTHER: Final = Pace(0.65, 0.30)
READING_REST: Final = 0.95
"""What is left of a product's speed in a whole layer: norms, rotations and copies take the rest
(4 to 7 % beside attention, in models of half a billion to one and a half billion weights)."""
READING_BANDWIDTH: Final = 0.95
"""What of the memory's speed arrives while weights of any type are multiplied by one column."""


#: Instruction sets with which llama.cpp multiplies several columns at once much faster than one.
_BLOCKS: Final = frozenset({"AVX2", "AVX512", "DOTPROD", "I8MM"})
_COLUMN_BY_COLUMN: Final = Pace(1.0, 1.0)


def pace_of(quant: str, instruction_sets: Iterable[str]) -> Pace:
    """That of the type which most weights of a file have, by the label of its quant.

    An old processor does the same for each column, however many there are.
    """
    if _BLOCKS.isdisjoint(instruction_sets):
        return _COLUMN_BY_COLUMN
    label = quant.upper().removeprefix("UD-")
    found = _BY_TYPE.get(label)
    while found is None and "_" in label:
        label = label.rpartition("_")[0]
        found = _BY_TYPE.get(label)
    return found or _OTHER
