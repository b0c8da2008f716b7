"""How much of a model's quality a quant keeps, as a published number and a letter.

Pure. The numbers are KL divergences from the full model, measured by llama.cpp's authors on
Llama 3 8B with Wikitext-2 (tools/perplexity/README.md). Larger models lose less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Tier = Literal["A", "B", "C", "D", "E", "F"]
TIERS: Final[tuple[Tier, ...]] = ("A", "B", "C", "D", "E", "F")
"""From best to worst: as good as the full model … damaged."""

LARGE_PARAMS: Final = 60_000_000_000
"""From this size a model gets one tier of tolerance: Q2_K costs 8.8 % perplexity there (Llama 2
70B), a third of what it costs a model of 8 billion weights."""

_UNKNOWN_KLD = 0.6
_BOUNDS: Final[tuple[tuple[Tier, float], ...]] = (
    ("A", 0.01),
    ("B", 0.02),
    ("C", 0.04),
    ("D", 0.11),
    ("E", 0.3),
)
_KLD: Final[dict[str, tuple[float, float]]] = {
    # quant: with an importance matrix, without one
    "F32": (0.0, 0.0),
    "BF16": (0.0, 0.0),
    "F16": (0.0, 0.0),
    "Q8_0": (0.0014, 0.0014),
    "Q6_K": (0.0055, 0.0055),
    "Q5_K_M": (0.0108, 0.0108),
    "Q5_K_S": (0.0166, 0.0166),
    "Q4_K_M": (0.0282, 0.0313),
    "Q4_K_S": (0.0320, 0.0431),
    "IQ4_NL": (0.0357, 0.0357),
    "IQ4_XS": (0.0363, 0.0363),
    "Q4_0": (0.0719, 0.0719),
    "Q3_K_L": (0.0731, 0.0880),
    "Q3_K_M": (0.0844, 0.1019),
    "IQ3_M": (0.1025, 0.1025),
    "IQ3_XS": (0.139, 0.139),
    "IQ3_XXS": (0.184, 0.184),
    "Q3_K_S": (0.20, 0.23),
    "IQ2_M": (0.326, 0.326),
    "Q2_K": (0.332, 0.445),
    "IQ2_XS": (0.55, 0.55),
    # Not in that table: placed beside their neighbours of equal bits, on the careful side. The
    # "I" types were published with a matrix only, and nobody makes them without one.
    "Q5_1": (0.0150, 0.0150),
    "Q5_0": (0.0180, 0.0180),
    "Q4_1": (0.0550, 0.0550),
    "NVFP4": (0.05, 0.05),
    "MXFP4": (0.05, 0.05),
    "MXFP4_MOE": (0.05, 0.05),
    "IQ3_S": (0.13, 0.13),
    "Q2_K_S": (0.45, 0.55),
}


@dataclass(frozen=True, slots=True)
class Quality:
    """`kld` is the published divergence; `tier` says what it means for this model."""

    tier: Tier
    kld: float

    def is_at_least(self, tier: Tier) -> bool:
        return TIERS.index(self.tier) <= TIERS.index(tier)


def quality_of(
    quant: str, *, imatrix: bool = False, n_params: int = 0, override: Tier | None = None
) -> Quality:
    """The quality of a quant ("Q4_K_M"; "UD-Q4_K_XL" counts as its base type).

    `override` is a tier known for one file, such as that of a model trained for its quant.
    """
    kld = _kld(quant, imatrix)
    if override is not None:
        return Quality(override, kld)
    place = next((i for i, (_, most) in enumerate(_BOUNDS) if kld <= most), len(_BOUNDS))
    if n_params >= LARGE_PARAMS:
        place = max(0, place - 1)
    return Quality(TIERS[place], kld)


def tier_of(text: str) -> Tier:
    """The tier a text names. Raises ValueError for any other text."""
    for tier in TIERS:
        if tier == text:
            return tier
    raise ValueError(f"{text!r} is no tier; tiers are {', '.join(TIERS)}")


def _kld(quant: str, imatrix: bool) -> float:
    name = quant.upper().removeprefix("UD-")
    if name not in _KLD:
        # Q4_K_XL, Q4_K_L: a larger mix of the same base type is no worse than its M.
        base = name.removesuffix("_XL").removesuffix("_L")
        name = base if base in _KLD else f"{base}_M"
    with_matrix, without = _KLD.get(name, (_UNKNOWN_KLD, _UNKNOWN_KLD))
    return with_matrix if imatrix else without
