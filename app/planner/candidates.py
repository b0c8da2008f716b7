"""What a search may choose from, for one file: devices, contexts, types, steps, sequences.

Pure. Pinned values leave one choice. Nothing here depends on how much memory is free, so that
more memory can only add plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise, permutations, product
from typing import Final

from app.gguf.facts import ModelFacts
from app.planner.memory import Configuration
from app.planner.pools import Pool
from app.planner.rates import Rate
from app.planner.wish import Wish

WANTED_CONTEXT: Final = 8192
"""Tokens that a chat gets if the model and the memory allow it and nobody asks for other."""
LEAST_CONTEXT: Final = 2048
"""Below this a plan would rather be tight than smaller."""
CONTEXT_STEP: Final = 256
_GRID: Final = 1024
_SEQUENCES: Final = 4
_BATCH: Final = 512
GPU_UBATCHES: Final = (512, 256, 128)
"""Steps where devices compute a prompt, the first if memory allows it."""
_SMALL_UBATCH: Final = 64
"""On the processor a prompt is read as fast in steps of this as in larger ones."""
_MOST_ORDERED: Final = 3
_MOST_DEVICES: Final = 16
"""As many as llama.cpp takes."""
_MOST_CONTEXTS: Final = 64
_LARGEST_CONTEXT: Final = 1 << 24

_HALVES_CONTEXT: Final = frozenset({"llama", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "phi3"})
"""Architectures whose keys and values may be kept as Q8_0 without being asked: their answers
are as good (KL divergence 0.001 on Llama 3 8B). Others were seen to break."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One choice of everything that saves memory and is not a place or a context.

    `step` numbers the choices of the ubatch, 0 the largest.
    """

    cache_type_k: str
    cache_type_v: str
    step: int
    n_seq_max: int

    @property
    def is_f16(self) -> bool:
        return self.cache_type_k == self.cache_type_v == "f16"


class Choices:
    """Everything that may be chosen for one file."""

    def __init__(self, facts: ModelFacts, wish: Wish, cpu_ubatch: int) -> None:
        """`cpu_ubatch` is the largest step that still stops in time on the processor."""
        self._facts = facts
        self._wish = wish
        self.wanted = wanted_context(facts, wish)
        self.least = self.wanted if wish.n_ctx is not None else min(LEAST_CONTEXT, self.wanted)
        self.usual = min(self.wanted, max(2 * LEAST_CONTEXT, self.least))
        """A context that a plan gives up only where it must."""
        self.contexts = self._contexts()
        self._cpu_ubatches = self._steps((cpu_ubatch, min(cpu_ubatch, _SMALL_UBATCH)))
        self._gpu_ubatches = self._steps(GPU_UBATCHES)
        self.rungs = self._rungs()

    def configuration(self, n_ctx: int, rung: Rung, *, on_devices: bool) -> Configuration:
        """A configuration of the processor; devices are filled in by the caller."""
        n_ubatch = min(self.ubatch(rung, on_devices=on_devices), n_ctx)
        n_batch = self._wish.n_batch or _BATCH
        return Configuration(
            n_ctx=n_ctx,
            n_seq_max=rung.n_seq_max,
            n_batch=max(n_batch, n_ubatch, rung.n_seq_max),
            n_ubatch=n_ubatch,
            cache_type_k=rung.cache_type_k,
            cache_type_v=rung.cache_type_v,
        )

    def ubatch(self, rung: Rung, *, on_devices: bool) -> int:
        steps = self._gpu_ubatches if on_devices else self._cpu_ubatches
        return steps[min(rung.step, len(steps) - 1)]

    def _contexts(self) -> tuple[int, ...]:
        """From the least to the wanted one, in steps of a thousand tokens."""
        step = -(-(self.wanted - self.least) // (_MOST_CONTEXTS * _GRID)) * _GRID
        first = -(-self.least // _GRID) * _GRID
        between = range(first, self.wanted, max(step, _GRID))
        return tuple(sorted({self.least, *between, self.wanted}))

    def _steps(self, usual: tuple[int, ...]) -> tuple[int, ...]:
        wish = self._wish
        if wish.n_ubatch is not None:
            return (wish.n_ubatch,)
        most = wish.n_batch or _BATCH
        return tuple(dict.fromkeys(min(step, most) for step in usual))

    def _rungs(self) -> tuple[Rung, ...]:
        """The one that saves nothing first."""
        wish, facts = self._wish, self._facts
        types = [(wish.cache_type_k or "f16", wish.cache_type_v or "f16")]
        if wish.cache_type_k is None and wish.cache_type_v is None and may_halve_context(facts):
            types.append(("q8_0", "q8_0"))
        sequences = [wish.n_seq_max or _SEQUENCES]
        if wish.n_seq_max is None and (facts.is_recurrent or any(facts.swa_layers)):
            sequences.append(1)
        n_steps = max(len(self._cpu_ubatches), len(self._gpu_ubatches))
        return tuple(
            Rung(*kinds, step, n_seq)
            for kinds, step, n_seq in product(types, range(n_steps), sequences)
        )


def may_halve_context(facts: ModelFacts) -> bool:
    """Whether keys and values may be kept as Q8_0 without being asked."""
    whole_blocks = facts.head_dim_k % 64 == 0 and facts.head_dim_v % 64 == 0
    plain = not facts.is_mla and not facts.is_recurrent
    return facts.architecture in _HALVES_CONTEXT and whole_blocks and plain


def wanted_context(facts: ModelFacts, wish: Wish) -> int:
    """The context aimed at: pinned, or wished for and no more than the model was trained for."""
    if wish.n_ctx is not None:
        return max(1, -(-wish.n_ctx // CONTEXT_STEP)) * CONTEXT_STEP
    aim = max(CONTEXT_STEP, wish.n_ctx_wanted or WANTED_CONTEXT)
    trained = facts.n_ctx_train if facts.n_ctx_train > 0 else WANTED_CONTEXT
    trained = min(trained, _LARGEST_CONTEXT)
    aim = min(-(-aim // CONTEXT_STEP) * CONTEXT_STEP, trained)
    return max(CONTEXT_STEP, aim // CONTEXT_STEP * CONTEXT_STEP)


def device_orders(
    pools: tuple[Pool, ...], rates: tuple[Rate, ...], wish: Wish
) -> tuple[tuple[int, ...], ...]:
    """Numbers of pools that could share the layers, none of them first.

    Every device alone, then the fastest two, three, four, eight and all of them. The last of an
    order is filled first, so it is the fastest; of equal ones up to three in every order.
    """
    numbers = list(range(1, len(pools)))[:_MOST_DEVICES]
    if wish.n_gpu_layers == 0 or not numbers:
        return ((),)
    alone = () if wish.n_gpu_layers or wish.devices else ((),)
    if wish.devices is not None:
        # The person's own order; llama.cpp gives the first of them the first layers.
        counts = range(1, len(numbers) + 1) if len(numbers) <= _MOST_ORDERED else (len(numbers),)
        return (*alone, *(order for count in counts for order in combinations(numbers, count)))
    numbers.sort(key=lambda n: (rates[n].bytes_per_s, pools[n].total_bytes, pools[n].name))
    orders: list[tuple[int, ...]] = [*alone, *((number,) for number in reversed(numbers))]
    for count in sorted({2, 3, 4, 8, len(numbers)} & set(range(2, len(numbers) + 1))):
        fastest = numbers[-count:]
        ways = permutations(fastest) if count <= _MOST_ORDERED else [tuple(fastest)]
        orders += (way for way in ways if _is_rising([rates[n].bytes_per_s for n in way]))
    return tuple(orders)


def _is_rising(values: list[float]) -> bool:
    return all(low <= high for low, high in pairwise(values))
