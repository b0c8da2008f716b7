"""What this machine taught: how far loads and speeds were from what had been predicted.

Pure data. Where it is kept and how it is measured is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Residual:
    """Measured against predicted, for one backend ("CPU", "CUDA"), driver and architecture.

    `memory_bytes` is what was taken beyond the prediction in that backend's memory (the 95th
    percentile; below 0 where less was taken). Ratios are measured by predicted tokens a second
    (medians); 0 where nothing was measured. `driver` is "" for the processor.
    """

    backend: str
    driver: str
    architecture: str
    memory_bytes: int = 0
    prompt_ratio: float = 1.0
    generated_ratio: float = 1.0
    n_samples: int = 1


@dataclass(frozen=True, slots=True)
class Learnt:
    """All residuals of a machine."""

    residuals: tuple[Residual, ...] = ()

    def of(self, backend: str, driver: str, architecture: str) -> Residual | None:
        """The residual of this very combination, if anything was measured."""
        for residual in self.residuals:
            key = (residual.backend, residual.driver, residual.architecture)
            if key == (backend, driver, architecture) and residual.n_samples > 0:
                return residual
        return None


NOTHING: Final = Learnt()
