"""What else could be had of one file, or what would make it fit, as data. Pure."""

from __future__ import annotations

from app.planner.candidates import LEAST_CONTEXT
from app.planner.plan import Plan, Reason
from app.planner.search import Search

_LARGER_CONTEXTS = (131_072, 65_536, 32_768, 16_384)
_SMALLER_QUANTS = (("Q8_0", 8.5), ("Q6_K", 6.56), ("Q4_K_M", 4.89), ("Q3_K_M", 4.0))
"""Bits a weight of the whole file (tools/quantize/README.md of llama.cpp, Llama 3.1 8B)."""


def alternatives_of(plan: Plan, search: Search) -> tuple[Reason, ...]:
    """A larger context that fits, or what would make it fit."""
    if plan.fits == "well":
        return tuple(_larger_context(plan, search))
    found = [*_smaller_context(plan, search), *_smaller_quant(plan, search)]
    if not found or plan.fits == "no":
        found.append(Reason("smaller_model"))
    return tuple(found)


def _larger_context(plan: Plan, search: Search) -> list[Reason]:
    for n_ctx in _LARGER_CONTEXTS:
        if plan.n_ctx < n_ctx <= search.facts.n_ctx_train:
            point = search.at(n_ctx).best_well()
            if point is not None:
                n_bytes = search.pools[0].free_bytes - point.margin_bytes
                values = {"n": n_ctx, "bytes": n_bytes, "slow": point.key.pace < plan.key.pace}
                return [Reason("larger_context", values)]
    return []


def _smaller_context(plan: Plan, search: Search) -> list[Reason]:
    if plan.n_ctx <= LEAST_CONTEXT:
        return []
    point = search.at(LEAST_CONTEXT).best()
    n_bytes = search.pools[0].free_bytes - point.margin_bytes
    values = {"n": LEAST_CONTEXT, "bytes": n_bytes, "fit": point.fit}
    return [Reason("smaller_context", values)] if point.fit != "no" else []


def _smaller_quant(plan: Plan, search: Search) -> list[Reason]:
    facts, main = search.facts, plan.memory[0]
    beside = plan.needed_bytes - main.need.weights_bytes
    for quant, bits in _SMALLER_QUANTS:
        n_bytes = round(facts.n_params * bits / 8)
        if n_bytes < 0.9 * facts.weight_bytes and n_bytes + beside <= main.pool.budget_bytes:
            return [Reason("smaller_quant", {"quant": quant, "bytes": n_bytes})]
    return []
