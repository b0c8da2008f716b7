"""The reasons of a plan: found as data, said in plain sentences.

Pure. Each code has one sentence; what a sentence needs stands in the reason's values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from app.foundation.units import bytes_text, rate_text
from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile, Unknown, known
from app.planner.memory import MAIN, Fit
from app.planner.speed import Threads

if TYPE_CHECKING:
    from app.planner.plan import CpuOnly, Plan, Reason, Wish

_LARGER_CONTEXTS = (131_072, 65_536, 32_768, 16_384)
# Bits a weight of the whole file (tools/quantize/README.md of llama.cpp, Llama 3.1 8B).
_SMALLER_QUANTS = (("Q8_0", 8.5), ("Q6_K", 6.56), ("Q4_K_M", 4.89), ("Q3_K_M", 4.0))

_NAMES = {
    "n_ctx": "the context",
    "n_gpu_layers": "the layers on the graphics card",
    "n_threads": "the threads",
    "n_ubatch": "the step size (ubatch)",
    "cache_type_k": "the type of the keys in the context",
    "cache_type_v": "the type of the values in the context",
}


def reasons_of(
    plan: Plan,
    facts: ModelFacts,
    machine: MachineProfile,
    *,
    threads: Threads,
    wanted: int,
    wish: Wish,
    repacked_share: float | None,
    cpu_only: CpuOnly | None,
) -> tuple[Reason, ...]:
    """Why the plan is as it is, the most important first. `wanted` is the context aimed at."""
    found = [
        *_memory_reasons(plan, machine),
        *_layers_reasons(plan, machine, wish, cpu_only),
        _context_reason(plan, facts, wanted, wish),
        _reason(f"threads_{threads.why or 'all'}", n=plan.n_threads, cores=threads.cores),
        _load_reason(plan, repacked_share),
        _reason("counted" if plan.confidence == "dry-run" else "calculated"),
    ]
    if "n_ubatch" not in plan.pinned and plan.configuration.n_gpu_layers <= plan.n_layers:
        found.append(_reason("step", n=plan.configuration.n_ubatch))
    found.append(_reason("speed_estimated"))
    pinned = [name for name in ("n_ubatch", "cache_type_k", "cache_type_v") if name in plan.pinned]
    found += [_reason("pinned", name=name) for name in pinned]
    return tuple(found)


def alternatives_of(
    plan: Plan, facts: ModelFacts, at_context: Callable[[int], tuple[int, Fit]]
) -> tuple[Reason, ...]:
    """What else could be chosen: a larger context that fits, or what would make it fit."""
    from app.planner.plan import LEAST_CONTEXT

    found = []
    if plan.fits == "well":
        for n_ctx in _LARGER_CONTEXTS:
            if plan.n_ctx < n_ctx <= facts.n_ctx_train:
                n_bytes, fit = at_context(n_ctx)
                if fit == "well":
                    found.append(_reason("larger_context", n=n_ctx, bytes=n_bytes))
                    break
        return tuple(found)
    if plan.n_ctx > LEAST_CONTEXT:
        n_bytes, fit = at_context(LEAST_CONTEXT)
        if fit != "no":
            found.append(_reason("smaller_context", n=LEAST_CONTEXT, bytes=n_bytes, fit=fit))
    beside = plan.needed_bytes - plan.memory[0].need.weights_bytes
    room = plan.free_bytes - plan.memory[0].pool.reserve_bytes
    for quant, bits in _SMALLER_QUANTS:
        n_bytes = round(facts.n_params * bits / 8)
        if n_bytes < 0.9 * facts.weight_bytes and n_bytes + beside <= room:
            found.append(_reason("smaller_quant", quant=quant, bytes=n_bytes))
            break
    if not found or plan.fits == "no":
        found.append(_reason("smaller_model"))
    return tuple(found)


def sentence(reason: Reason) -> str:
    """The reason in one plain sentence."""
    return _SENTENCES[reason.code](reason.values)


def lines(plan: Plan) -> list[str]:
    """The whole plan for people: what, where, how fast, why, and what else."""
    chosen, speed = plan.configuration, plan.expected
    fits = {
        "well": "fits well",
        "tight": "fits, with little to spare",
        "no": "does not fit",
    }[plan.fits]
    found = [
        f"{plan.model} ({plan.quant or 'quant unknown'}, {bytes_text(plan.file_bytes)}) {fits}.",
        (
            f"Context {plan.n_ctx:,} tokens, {_threads(plan.n_threads)}, "
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
        f"writes {rate_text(speed.generated_tokens_per_second)}."
    )
    found += ["", "Why:", *(f"- {sentence(reason)}" for reason in plan.reasons)]
    if plan.alternatives:
        found += ["", "Also possible:", *(f"- {sentence(other)}" for other in plan.alternatives)]
    return found


def _reason(code: str, **values: Any) -> Reason:
    from app.planner.plan import Reason

    return Reason(code, values)


def _memory_reasons(plan: Plan, machine: MachineProfile) -> list[Reason]:
    available = machine.memory.available_bytes
    if isinstance(available, Unknown):
        return [_reason("memory_unknown", why=available.reason, need=plan.needed_bytes)]
    main = plan.memory[0].pool
    found = [
        _reason(
            f"memory_{main.fit_of(plan.needed_bytes)}",
            need=plan.needed_bytes,
            free=plan.free_bytes,
            reserve=main.reserve_bytes,
        )
    ]
    for share in plan.memory[1:]:
        if share.pool.fit_of(share.need.total_bytes) != "well":
            found.append(
                _reason(
                    "device_short",
                    device=share.pool.name,
                    need=share.need.total_bytes,
                    free=share.pool.free_bytes,
                )
            )
    return found


def _layers_reasons(
    plan: Plan, machine: MachineProfile, wish: Wish, cpu_only: CpuOnly | None
) -> list[Reason]:
    n_gpu, most = plan.configuration.n_gpu_layers, plan.n_layers + 1
    found = known(machine.devices, ())
    cards = [device for device in found if device.kind in ("gpu", "igpu")]
    names = " and ".join(card.description or card.name for card in cards)
    if cpu_only is not None:
        reason = _reason(cpu_only)
    elif isinstance(machine.devices, Unknown):
        reason = _reason("devices_unknown", why=machine.devices.reason)
    elif not cards:
        reason = _reason("no_card")
    elif wish.n_gpu_layers is not None:
        return [_reason("layers_pinned", n=n_gpu, most=most)]
    elif n_gpu == 0:
        reason = _reason("card_too_small", device=names)
    else:
        reason = _reason("layers", n=n_gpu, most=most, device=names)
    if wish.n_gpu_layers:
        return [reason, _reason("layers_not_followed")]
    return [reason]


def _context_reason(plan: Plan, facts: ModelFacts, wanted: int, wish: Wish) -> Reason:
    trained = facts.n_ctx_train
    if "n_ctx" in plan.pinned:
        code = "context_pinned_beyond" if 0 < trained < plan.n_ctx else "context_pinned"
        if code == "context_pinned" and wish.n_ctx != plan.n_ctx:
            return _reason("context_pinned_up", n=plan.n_ctx, chosen=wish.n_ctx)
    elif plan.n_ctx < wanted:
        code = "context_memory"
    elif 0 < trained <= wanted:
        code = "context_trained"
    else:
        code = "context_usual"
    return _reason(code, n=plan.n_ctx, trained=trained, wanted=wanted)


def _load_reason(plan: Plan, repacked_share: float | None) -> Reason:
    if plan.configuration.load_mode == "mmap":
        return _reason("mapped")
    if repacked_share is None:
        return _reason("read")
    return _reason("read_repacked", share=repacked_share)


def _place(name: str) -> str:
    return "Memory" if name == MAIN else f"Graphics memory ({name})"


def _n(values: Mapping[str, Any], name: str = "n") -> str:
    return f"{values[name]:,}"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _size(values: Mapping[str, Any], name: str) -> str:
    return bytes_text(values[name])


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "memory_well": lambda v: (
        f"It needs {_size(v, 'need')} of memory and {_size(v, 'free')} are free, so at least "
        f"{_size(v, 'reserve')} stay for your other programs."
    ),
    "memory_tight": lambda v: (
        f"It needs {_size(v, 'need')} of the {_size(v, 'free')} of memory that are free: it "
        "fits, but leaves little for other programs."
    ),
    "memory_no": lambda v: (
        f"It needs {_size(v, 'need')} of memory and only {_size(v, 'free')} are free: the "
        "computer would start to swap, or the load would fail."
    ),
    "memory_unknown": lambda v: (
        f"It needs {_size(v, 'need')} of memory; how much is free is unknown, because {v['why']}."
    ),
    "device_short": lambda v: (
        f"{v['device']} would have to hold {_size(v, 'need')} and has {_size(v, 'free')} free."
    ),
    "safe_mode": lambda v: (
        "Only the processor is used, because Hearth is in safe mode after a failed start."
    ),
    "small": lambda v: (
        "Only the processor is used: a model this small gains nothing from a graphics card."
    ),
    "layers_pinned": lambda v: (
        f"{v['n']} of {v['most']} layers go to the graphics card, because you chose that."
    ),
    "layers_not_followed": lambda v: (
        "The layers that you chose for the graphics card are therefore not used."
    ),
    "devices_unknown": lambda v: (
        f"Only the processor is used: which graphics cards there are is unknown, "
        f"because {v['why']}."
    ),
    "no_card": lambda v: (
        "Only the processor is used: there is no graphics card that this build can use."
    ),
    "card_too_small": lambda v: (
        f"Only the processor is used: not one layer fits into what is free on {v['device']}."
    ),
    "layers": lambda v: (
        f"All of the model fits on {v['device']}."
        if v["n"] >= v["most"]
        else f"{v['n']} of {v['most']} layers fit on {v['device']}; the processor does the rest."
    ),
    "context_pinned": lambda v: f"The context is {_n(v)} tokens, because you chose it.",
    "context_pinned_up": lambda v: (
        f"The context is {_n(v)} tokens, the next size that llama.cpp can use: you chose "
        f"{_n(v, 'chosen')}."
    ),
    "context_pinned_beyond": lambda v: (
        f"The context is {_n(v)} tokens, because you chose it; the model was trained for "
        f"{_n(v, 'trained')} and may write nonsense beyond that."
    ),
    "context_trained": lambda v: (
        f"The context is {_n(v)} tokens: the model was trained for {_n(v, 'trained')}."
    ),
    "context_memory": lambda v: (
        f"The context is {_n(v)} tokens instead of {_n(v, 'wanted')}, so that it fits into memory."
    ),
    "context_usual": lambda v: (
        f"The context is {_n(v)} tokens, enough for a long chat."
        + (f" The model could read up to {_n(v, 'trained')}." if v["trained"] > v["n"] else "")
    ),
    "threads_all": lambda v: (
        "One thread for the one core that may be used."
        if v["n"] == 1
        else f"{v['n']} threads, one for each fast core; more would wait for each other."
    ),
    "threads_left_one": lambda v: (
        f"{v['n']} threads: one of the {v['cores']} fast cores is left to you."
    ),
    "threads_quota": lambda v: f"{_threads(v['n'])}: the system grants no more processor time.",
    "threads_battery": lambda v: (
        f"{v['n']} of {v['cores']} fast cores are used, because the computer runs on battery."
    ),
    "threads_pinned": lambda v: f"{_threads(v['n'])}, because you chose that.",
    "mapped": lambda v: (
        "The file is mapped into memory, so it opens fast and the system can share it."
    ),
    "read": lambda v: (
        "The file is read into memory: a model of this quant is often stored anew for the "
        "processor, and a mapped file would then be held twice."
    ),
    "read_repacked": lambda v: (
        f"The file is read into memory: {v['share']:.0%} of it is stored anew for this "
        "processor, and a mapped file would be held twice."
    ),
    "counted": lambda v: (
        "The memory was counted by llama.cpp itself, in a trial that loads nothing."
    ),
    "calculated": lambda v: "The memory was calculated from the file's header.",
    "step": lambda v: (
        f"A prompt is read {v['n']} tokens at a time, so that Stop acts within a tenth of a second."
    ),
    "speed_estimated": lambda v: (
        "The speeds are rough estimates from typical memory speeds; nothing was measured here yet."
    ),
    "pinned": lambda v: f"You chose {_NAMES[v['name']]}.",
    "note": lambda v: str(v["text"]),
    "larger_context": lambda v: (
        f"A context of {_n(v)} tokens would need {_size(v, 'bytes')} and still fit well."
    ),
    "smaller_context": lambda v: (
        f"With a context of {_n(v)} tokens it would need {_size(v, 'bytes')} and fit"
        f"{' well' if v['fit'] == 'well' else ', with little to spare'}."
    ),
    "smaller_quant": lambda v: (
        f"The same model as {v['quant']} is about {_size(v, 'bytes')} and would fit well."
    ),
    "smaller_model": lambda v: "A smaller model, or closing other programs, would help.",
}
