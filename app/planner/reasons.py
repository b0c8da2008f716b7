"""Why a plan is as it is, found as data: the most important first. Pure; says nothing itself."""

from __future__ import annotations

from typing import Any

from app.hardware.profile import MachineProfile, Unknown, known
from app.planner.memory import Configuration
from app.planner.plan import CpuOnly, Plan, Reason
from app.planner.pools import LEAST_MARGIN_BYTES, skipped_devices
from app.planner.search import Point, Search

_PINNED = ("n_ubatch", "n_batch", "n_seq_max", "cache_type_k", "cache_type_v", "n_cpu_moe")


def reasons_of(
    plan: Plan,
    search: Search,
    point: Point,
    machine: MachineProfile,
    cpu_only: CpuOnly | None,
) -> tuple[Reason, ...]:
    """All reasons of one plan."""
    threads, chosen = search.threads, plan.configuration
    found = [
        *_memory(plan, machine),
        *_devices(plan, search, machine, cpu_only),
        _context(plan, search),
        *_savings(plan, search, point),
        Reason(f"threads_{threads.why or 'all'}", {"n": plan.n_threads, "cores": threads.cores}),
    ]
    if threads.why == "battery":
        found.append(Reason("on_battery"))
    found.append(_load_mode(plan, search))
    found.append(Reason("counted" if plan.is_counted else "calculated"))
    if "n_ubatch" not in plan.pinned and not _is_whole(chosen, plan.n_layers):
        code = "step_fetching" if search.streams(point.layout.devices) else "step"
        found.append(Reason(code, {"n": chosen.n_ubatch}))
    found += _speed(plan, search, point)
    found += [Reason("pinned", {"name": name}) for name in _PINNED if name in plan.pinned]
    return tuple(found)


def _is_whole(chosen: Configuration, n_layers: int) -> bool:
    return chosen.n_gpu_layers > n_layers and not chosen.n_cpu_moe


def _memory(plan: Plan, machine: MachineProfile) -> list[Reason]:
    memory, main = machine.memory, plan.memory[0].pool
    if not main.is_known:
        facts = (memory.available_bytes, memory.total_bytes)
        lost = next((fact for fact in facts if isinstance(fact, Unknown)), None)
        why = lost.reason if lost is not None else "the system names a size that cannot be"
        return [Reason("memory_unknown", {"why": why, "need": plan.needed_bytes})]
    values: dict[str, Any] = {"need": plan.needed_bytes, "free": plan.free_bytes}
    code = f"memory_{main.fit_of(plan.needed_bytes)}"
    found = [Reason(code, {**values, "reserve": main.reserve_bytes})]
    for share in plan.memory[1:]:
        if share.pool.fit_of(share.need.total_bytes) != "well":
            need, free = share.need.total_bytes, share.pool.free_bytes
            values = {"device": share.pool.name, "need": need, "free": free}
            found.append(Reason("device_short", values))
    return found


def _devices(
    plan: Plan, search: Search, machine: MachineProfile, cpu_only: CpuOnly | None
) -> list[Reason]:
    wish, n_gpu, most = search.wish, plan.configuration.n_gpu_layers, plan.n_layers + 1
    names = _names(machine)
    cards = [names.get(pool.name, pool.name) for pool in search.pools[1:]]
    if cpu_only is not None:
        found = [Reason(cpu_only)]
    elif isinstance(machine.devices, Unknown):
        found = [Reason("devices_unknown", {"why": machine.devices.reason})]
    elif wish.devices == ():
        found = [Reason("devices_pinned_none")]
    elif not cards:
        found = [Reason("no_card"), *_skipped(machine)]
    elif wish.n_gpu_layers is not None:
        return [Reason("layers_pinned", {"n": n_gpu, "most": most}), *_experts(plan)]
    elif n_gpu == 0:
        found = [_left_alone(search, cards)]
    else:
        used = " and ".join(names.get(name, name) for name in plan.devices)
        whole = _is_whole(plan.configuration, plan.n_layers)
        code = "layers" if whole or not plan.n_cpu_moe else "layers_of_experts"
        values = {"n": n_gpu, "most": most, "device": used}
        found = [Reason(code, values), *_experts(plan), *_skipped(machine)]
    missing = [name for name in wish.devices or () if name not in names]
    found += [Reason("device_missing", {"device": name}) for name in missing]
    if wish.n_gpu_layers and not n_gpu:
        found.append(Reason("layers_not_followed"))
    return found


def _names(machine: MachineProfile) -> dict[str, str]:
    return {device.name: device.description or device.name for device in known(machine.devices, ())}


def _left_alone(search: Search, cards: list[str]) -> Reason:
    numbers = tuple(range(1, len(search.pools)))
    slow = all(search.timing.is_slower((number,)) for number in numbers)
    code = "card_slow" if slow else "card_too_small"
    return Reason(code, {"device": " and ".join(cards)})


def _skipped(machine: MachineProfile) -> list[Reason]:
    return [
        Reason(
            skipped.code,
            {
                "device": skipped.device.description or skipped.device.name or "a device",
                "why": skipped.device.verdict.removeprefix("rejected").lstrip(": "),
            },
        )
        for skipped in skipped_devices(machine)
    ]


def _experts(plan: Plan) -> list[Reason]:
    if not plan.n_cpu_moe:
        return []
    return [Reason("experts", {"n": plan.n_cpu_moe, "most": plan.n_layers})]


def _context(plan: Plan, search: Search) -> Reason:
    trained, wanted = search.facts.n_ctx_train, search.choices.wanted
    wish = search.wish
    if wish.n_ctx is not None:
        code = "context_pinned_beyond" if 0 < trained < plan.n_ctx else "context_pinned"
        if code == "context_pinned" and wish.n_ctx != plan.n_ctx:
            return Reason("context_pinned_up", {"n": plan.n_ctx, "chosen": wish.n_ctx})
    elif plan.n_ctx < wanted:
        whole = _is_whole(plan.configuration, plan.n_layers)
        code = "context_card" if whole else "context_memory"
    elif 0 < trained <= wanted:
        code = "context_trained"
    elif wish.n_ctx_wanted is not None:
        code = "context_wanted"
    else:
        code = "context_usual"
    return Reason(code, {"n": plan.n_ctx, "trained": trained, "wanted": wanted})


def _savings(plan: Plan, search: Search, point: Point) -> list[Reason]:
    """What was made smaller than usual, so that it fits."""
    found, chosen = [], plan.configuration
    usual = search.choices.rungs[0]
    if chosen.cache_type_k != usual.cache_type_k:
        found.append(Reason("context_halved"))
    if chosen.n_seq_max < usual.n_seq_max:
        found.append(Reason("fewer_sequences", {"n": chosen.n_seq_max}))
    on_devices = _is_whole(chosen, plan.n_layers) or search.streams(point.layout.devices)
    most = min(search.choices.ubatch(usual, on_devices=on_devices), chosen.n_ctx)
    if chosen.n_ubatch < most:
        found.append(Reason("smaller_step", {"n": chosen.n_ubatch, "usual": most}))
    if point.fit == "tight" and plan.memory[0].pool.is_known:
        values = {"margin": max(0, point.margin_bytes), "least": LEAST_MARGIN_BYTES}
        if point.margin_bytes < LEAST_MARGIN_BYTES:
            found.append(Reason("margin_thin", values))
        elif search.is_stepped_down:
            found.append(Reason("stepped_down", values))
    return found


def _load_mode(plan: Plan, search: Search) -> Reason:
    if "load_mode" in plan.pinned:
        return Reason("load_mode_pinned", {"mode": plan.configuration.load_mode})
    if plan.configuration.load_mode == "mmap":
        return Reason("mapped")
    if _is_whole(plan.configuration, plan.n_layers):
        return Reason("read_to_card")
    share = search.dry_run.repacked_share if search.dry_run is not None else None
    return Reason("read") if share is None else Reason("read_repacked", {"share": share})


def _speed(plan: Plan, search: Search, point: Point) -> list[Reason]:
    found = []
    if plan.is_slow:
        speed = plan.expected.generated_tokens_per_second
        values = {"speed": speed, "least": search.wish.least_tokens_per_second}
        found.append(Reason("slow", values))
    residual = search.timing.residual(point.layout)
    if residual is not None:
        found.append(Reason("speed_learnt", {"n": residual.n_samples}))
    elif plan.expected.spread < 0.5:
        found.append(Reason("speed_measured"))
    else:
        found.append(Reason("speed_estimated"))
    if search.ledger.more_main_bytes > 0:
        found.append(Reason("memory_learnt", {"bytes": search.ledger.more_main_bytes}))
    if search.wish.beside_bytes > 0:
        found.append(Reason("beside", {"bytes": search.wish.beside_bytes}))
    return found
