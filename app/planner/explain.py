"""A plan in words and as JSON. Pure; reasons are found elsewhere, as data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.foundation.units import bytes_text, rate_text
from app.planner.pools import MAIN
from app.planner.sentences import SENTENCES, threads_text

if TYPE_CHECKING:
    from app.planner.plan import Plan, Reason, Share

FIT_WORDS = {"well": "runs well", "tight": "tight", "no": "too big"}
"""The three words in the front."""


def sentence(reason: Reason) -> str:
    """The reason in one plain sentence."""
    return SENTENCES[reason.code](reason.values)


def lines(plan: Plan) -> list[str]:
    """The whole plan for people: what, where, how fast, why, and what else."""
    chosen, speed = plan.configuration, plan.expected
    low, high = speed.generated_range
    fits = {
        "well": "fits well",
        "tight": "fits, with little to spare",
        "no": "does not fit",
    }[plan.fits]
    found = [
        f"{plan.model} ({plan.quant or 'quant unknown'}, {bytes_text(plan.file_bytes)}) {fits}.",
        (
            f"Context {plan.n_ctx:,} tokens, {threads_text(plan.n_threads)}, "
            f"{chosen.n_gpu_layers} of {plan.n_layers + 1} layers on a graphics card, "
            f"reading {chosen.n_ubatch} tokens at a step."
        ),
    ]
    for share in plan.memory:
        need = share.need
        found.append(
            f"{_place(share.pool.name)}: {bytes_text(need.total_bytes)} of "
            f"{bytes_text(share.pool.free_bytes)} free (weights {bytes_text(need.weights_bytes)}, "
            f"context {bytes_text(need.kv_bytes)}, computing {bytes_text(need.compute_bytes)})."
        )
    found.append(
        f"Expected: reads {rate_text(speed.prompt_tokens_per_second)}, "
        f"writes {rate_text(speed.generated_tokens_per_second)} "
        f"({low:g} to {high:g}), {plan.reading_words.text}."
    )
    found += ["", "Why:", *(f"- {sentence(reason)}" for reason in plan.reasons)]
    if plan.alternatives:
        found += ["", "Also possible:", *(f"- {sentence(other)}" for other in plan.alternatives)]
    return found


def as_dict(plan: Plan) -> dict[str, Any]:
    """`hearth plan --json`; documented in app/cli/README.md."""
    chosen, speed = plan.configuration, plan.expected
    return {
        "model": plan.model,
        "quant": plan.quant,
        "file_bytes": plan.file_bytes,
        "n_gpu_layers": chosen.n_gpu_layers,
        "n_layers": plan.n_layers,
        "n_cpu_moe": chosen.n_cpu_moe,
        "devices": list(chosen.devices),
        "tensor_split": list(chosen.tensor_split),
        "n_ctx": chosen.n_ctx,
        "n_batch": chosen.n_batch,
        "n_ubatch": chosen.n_ubatch,
        "n_seq_max": chosen.n_seq_max,
        "n_threads": plan.n_threads,
        "n_threads_batch": plan.n_threads_batch,
        "cache_type_k": chosen.cache_type_k,
        "cache_type_v": chosen.cache_type_v,
        "load_mode": chosen.load_mode,
        "memory": {share.pool.name: _share_dict(share) for share in plan.memory},
        "expected": {
            "prompt_tokens_per_second": speed.prompt_tokens_per_second,
            "generated_tokens_per_second": speed.generated_tokens_per_second,
            "prompt_range": list(speed.prompt_range),
            "generated_range": list(speed.generated_range),
            "reading": asdict(plan.reading_words),
        },
        "fits": plan.fits,
        "is_slow": plan.is_slow,
        "reasons": [sentence(reason) for reason in plan.reasons],
        "alternatives": [sentence(reason) for reason in plan.alternatives],
        "confidence": plan.confidence,
        "pinned": sorted(plan.pinned),
    }


def _share_dict(share: Share) -> dict[str, int]:
    need = share.need
    return {
        "weights_bytes": need.weights_bytes,
        "kv_bytes": need.kv_bytes,
        "compute_bytes": need.compute_bytes,
        "total_bytes": need.total_bytes,
        "free_bytes": share.pool.free_bytes,
        "margin_bytes": share.margin_bytes,
        "reserve_bytes": share.pool.reserve_bytes,
        "others_bytes": share.pool.others_bytes,
    }


def _place(name: str) -> str:
    return "Memory" if name == MAIN else f"Graphics memory ({name})"
