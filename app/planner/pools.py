"""The memories that models go to, how much of each is free, and what is left to others.

Pure arithmetic over a machine's facts. What a probe says is bounded here: a device that reports
nonsense costs the device, never the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from app.foundation.units import GIB, MIB
from app.hardware.profile import Device, MachineProfile, Unknown, known
from app.planner.learnt import NOTHING, Learnt, Residual

Fit = Literal["well", "tight", "no"]
FITS: Final[tuple[Fit, ...]] = ("no", "tight", "well")
"""From worst to best."""

MAIN: Final = "CPU"
"""The name of main memory, as llama.cpp names the device that computes in it."""

_SLIVER_BYTES = 64 * MIB
LEAST_MARGIN_BYTES: Final = 256 * MIB
"""With less than this to spare a plan steps down where it can."""
_DEVICE_MARGIN_BYTES = GIB
"""Until it was measured: 0.45 GB of a CUDA context, and pools that grow with a batch, are in
no buffer that llama.cpp counts."""
_LEARNT_MARGIN_BYTES = 384 * MIB
_LEARNT_SPARE_BYTES = 128 * MIB
_ABSURD_BYTES = 1 << 46
"""No machine has 64 TiB: what says so was counted below zero."""

_MOST_NAME_CHARS = 128

_Q4, _MXFP4, _Q2, _Q5, _Q6, _Q8 = 4.5, 4.25, 2.625, 5.5, 6.5625, 8.5
_REPACKED_BITS = (
    ("AVX512", frozenset({_Q4, _MXFP4, _Q2})),
    ("AVX2", frozenset({_Q4, _MXFP4})),
    ("DOTPROD", frozenset({_Q4, _MXFP4, _Q5, _Q6, _Q8})),
)
"""Bits a weight of the types that ggml's processor backend stores anew (ggml-cpu/repack.cpp,
ggml_repack_get_optimal_repack_type), by the instruction set that makes it do so."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A memory that models go to. `shares_main` is a graphics chip's part of main memory.

    `repacked_bits` are the bits a weight of the types that the processor stores anew.
    `is_known` is false where the system hides how much is free: then nothing fits well.
    """

    name: str
    free_bytes: int
    total_bytes: int
    reserve_bytes: int
    shares_main: bool = False
    repacked_bits: frozenset[float] = frozenset()
    is_known: bool = True
    backend: str = ""
    driver: str = ""

    @property
    def budget_bytes(self) -> int:
        """What may be used well."""
        return self.free_bytes - self.reserve_bytes

    @property
    def tight_bytes(self) -> int:
        """What may be used at all: a sliver of the need stays free."""
        return min(self.free_bytes - _SLIVER_BYTES, self.free_bytes * 20 // 21)

    @property
    def others_bytes(self) -> int:
        """What other programs hold."""
        return self.total_bytes - self.free_bytes

    def fit_of(self, need_bytes: int) -> Fit:
        """`well` leaves the reserve, `tight` a sliver, `no` would page or fail."""
        if not self.is_known and not self.total_bytes:
            return "tight"
        if need_bytes <= self.budget_bytes:
            return "well" if self.is_known else "tight"
        return "tight" if need_bytes <= self.tight_bytes else "no"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A device that gets nothing, and the code of the reason."""

    device: Device
    code: Literal["device_rejected", "device_silent", "device_absurd"]


def pools_of(
    machine: MachineProfile,
    *,
    cpu_only: bool = False,
    only: tuple[str, ...] | None = None,
    learnt: Learnt = NOTHING,
    architecture: str = "",
) -> tuple[Pool, ...]:
    """Main memory first, then every device that layers may be put on.

    Graphics chips that share main memory count only where there is no card, as in llama.cpp,
    unless `only` names them. What is not known counts as nothing.
    """
    main = _main_pool(machine)
    if cpu_only:
        return (main,)
    usable = [device for device in _seen_once(machine) if _skip_code(device) is None]
    if only is None:
        cards = [device for device in usable if device.kind == "gpu"]
        chosen = cards or [device for device in usable if device.kind == "igpu"]
    else:
        chosen = [
            device for name in dict.fromkeys(only) for device in usable if device.name == name
        ]
    # A chip is what shares main memory then; a card beside it has its own.
    has_chip = any(device.kind == "igpu" for device in known(machine.devices, ()))
    unified = machine.memory.is_unified and not has_chip
    pools = []
    for device in chosen:
        residual = learnt.of(device.backend, known(device.driver, ""), architecture)
        pools.append(_device_pool(device, main, residual, unified))
    return (main, *pools)


def skipped_devices(machine: MachineProfile) -> tuple[Skipped, ...]:
    """The graphics devices that cannot be counted on."""
    found = []
    for device in _seen_once(machine):
        code = _skip_code(device)
        if code is not None:
            found.append(Skipped(device, code))
    return tuple(found)


def main_reserve(total_bytes: int) -> int:
    """What is left to the person: 2 GiB or 12 % of all, but at most a quarter of it."""
    reserve = min(max(2 * GIB, total_bytes * 12 // 100), total_bytes // 4)
    return max(reserve, LEAST_MARGIN_BYTES) if total_bytes else 0


def _main_pool(machine: MachineProfile) -> Pool:
    memory = machine.memory
    said, limit = _sound(memory.total_bytes), _sound(memory.limit_bytes)
    total = said or 0
    if limit is not None:
        total = min(total or limit, limit)
    # Half of the memory is the usual state of a computer that does not say.
    free = max(0, min(known(memory.available_bytes, total // 2), total))
    # What was said to be nothing hides nothing.
    is_nothing = not total and (said is not None or limit is not None)
    is_known = said is not None and not isinstance(memory.available_bytes, Unknown)
    return Pool(
        MAIN,
        free,
        total,
        main_reserve(total),
        repacked_bits=_repacked_bits(machine),
        is_known=is_known or is_nothing,
        backend=MAIN,
    )


def _sound(n_bytes: int | Unknown | None) -> int | None:
    """An amount that can be, at least 0; None where none was said, or an absurd one."""
    if not isinstance(n_bytes, int) or n_bytes >= _ABSURD_BYTES:
        return None
    return max(0, n_bytes)


def _device_pool(device: Device, main: Pool, residual: Residual | None, unified: bool) -> Pool:
    # Metal counts only its own use as taken, and calls itself a card.
    shares = unified or device.kind == "igpu" or device.backend.lower() in ("metal", "mtl")
    free = min(device.free_bytes, device.total_bytes) if device.free_bytes < _ABSURD_BYTES else 0
    if isinstance(device.used_by_others_bytes, int):
        free = min(free, device.total_bytes - max(0, device.used_by_others_bytes))
    if shares and main.is_known:
        free = min(free, main.free_bytes)
    reserve = _DEVICE_MARGIN_BYTES
    if residual is not None:
        reserve = max(_LEARNT_MARGIN_BYTES, residual.memory_bytes + _LEARNT_SPARE_BYTES)
    if known(device.has_display, True):
        reserve = max(reserve, device.total_bytes // 20)
    return Pool(
        device.name,
        max(0, free),
        device.total_bytes,
        reserve,
        shares,
        backend=device.backend,
        driver=known(device.driver, ""),
    )


def _seen_once(machine: MachineProfile) -> list[Device]:
    """The graphics devices; a card that two backends see is the first one's."""
    found: list[Device] = []
    for device in known(machine.devices, ()):
        twice = any(device.id and other.id == device.id for other in found)
        same = any(other.name == device.name for other in found)
        if device.kind in ("gpu", "igpu") and not twice and not same and device.name != MAIN:
            found.append(device)
    return found


def _skip_code(
    device: Device,
) -> Literal["device_rejected", "device_silent", "device_absurd"] | None:
    if device.is_rejected:
        return "device_rejected"
    if device.total_bytes <= 0:
        return "device_silent"
    is_named = device.name.isprintable() and 0 < len(device.name) <= _MOST_NAME_CHARS
    return None if is_named and device.total_bytes < _ABSURD_BYTES else "device_absurd"


def _repacked_bits(machine: MachineProfile) -> frozenset[float]:
    """Where instruction sets are unknown, everything that any processor stores anew."""
    sets = machine.processor.instruction_sets
    if isinstance(sets, Unknown):
        return frozenset().union(*(bits for _, bits in _REPACKED_BITS))
    return next((bits for name, bits in _REPACKED_BITS if name in sets), frozenset())
