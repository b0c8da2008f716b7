"""Each reason's one sentence. Pure; what a sentence needs stands in the reason's values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.foundation.units import bytes_text, rate_text
from app.planner.choice_sentences import CHOICES

NAMES: Final = {
    "n_ctx": "the context",
    "n_gpu_layers": "the layers on the graphics card",
    "n_threads": "the threads",
    "n_batch": "the size of a batch",
    "n_ubatch": "the step size (ubatch)",
    "n_seq_max": "how many conversations are kept in memory",
    "n_cpu_moe": "how many layers keep their experts in main memory",
    "cache_type_k": "the type of the keys in the context",
    "cache_type_v": "the type of the values in the context",
}


def _n(values: Mapping[str, Any], name: str = "n") -> str:
    return f"{values[name]:,}"


def threads_text(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _size(values: Mapping[str, Any], name: str) -> str:
    return bytes_text(values[name])


SENTENCES: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
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
    "card_slow": lambda v: (
        f"Only the processor is used: it is faster than {v['device']} with a model like this."
    ),
    "devices_pinned_none": lambda v: "Only the processor is used, because you chose that.",
    "device_missing": lambda v: (
        f"You chose the device {v['device']}, but it is not there or cannot be used."
    ),
    "device_rejected": lambda v: (
        f"{v['device']} is left alone, because it failed when it was tried"
        f"{': ' + v['why'] if v['why'] else ''}. hearth doctor can try it again."
    ),
    "device_silent": lambda v: (
        f"{v['device']} is left alone, because it does not say how much memory it has."
    ),
    "device_absurd": lambda v: (
        f"{v['device']} is left alone, because what it says about itself cannot be."
    ),
    "layers": lambda v: (
        f"All of the model fits on {v['device']}."
        if v["n"] >= v["most"]
        else f"{v['n']} of {v['most']} layers fit on {v['device']}; the processor does the rest."
    ),
    "layers_of_experts": lambda v: (
        f"{v['n']} of {v['most']} layers lie on {v['device']}, some of them without their experts."
    ),
    "experts": lambda v: (
        f"The experts of the first {v['n']} of {v['most']} layers stay in main memory: a token "
        "uses few of them, so they cost least speed there."
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
    "context_card": lambda v: (
        f"The context is {_n(v)} tokens instead of {_n(v, 'wanted')}, so that all of the model "
        "fits on the graphics card."
    ),
    "context_wanted": lambda v: f"The context is {_n(v)} tokens, as was asked for.",
    "context_halved": lambda v: (
        "The context is kept as Q8_0, which takes half the memory and changes answers less than "
        "the quant of the model does."
    ),
    "fewer_sequences": lambda v: (
        "Only the conversation you are in is kept in memory, to save some: going back to another "
        "one reads it again."
    ),
    "smaller_step": lambda v: (
        f"A prompt is read {v['n']} tokens at a time instead of {v['usual']}, to save memory."
    ),
    "margin_thin": lambda v: (
        f"Only {_size(v, 'margin')} would be left over: close other programs first."
    ),
    "stepped_down": lambda v: (
        f"It does with less than it could, so that more than {_size(v, 'least')} are left over."
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
    "threads_quota": lambda v: f"{threads_text(v['n'])}: the system grants no more processor time.",
    "threads_battery": lambda v: (
        f"{v['n']} of {v['cores']} fast cores are used, because the computer runs on battery."
    ),
    "on_battery": lambda v: "To use more while on battery, choose the number of threads yourself.",
    "threads_pinned": lambda v: f"{threads_text(v['n'])}, because you chose that.",
    "mapped": lambda v: (
        "The file is mapped into memory, so it opens fast and the system can share it."
    ),
    "load_mode_pinned": lambda v: (
        "The file is mapped into memory, because you chose that."
        if v["mode"] == "mmap"
        else "The file is read into memory, because you chose that."
    ),
    "read_to_card": lambda v: (
        "The file is read straight to the card: main memory has no room for it beside that."
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
    "step_fetching": lambda v: (
        f"A prompt is read {v['n']} tokens at a time: for every step the card fetches what lies in "
        "main memory, so large steps read faster. Stop may take a moment there."
    ),
    "speed_estimated": lambda v: (
        "The speeds are rough estimates from typical memory speeds; nothing was measured here yet."
    ),
    "speed_measured": lambda v: (
        "The speeds are calculated from how fast this computer's memory and processor were "
        "measured to be."
    ),
    "speed_learnt": lambda v: (
        "The speeds are those that models of this kind had here before, "
        f"{'once' if v['n'] == 1 else str(v['n']) + ' times'}."
    ),
    "memory_learnt": lambda v: (
        f"Models of this kind took {_size(v, 'bytes')} more than calculated here before; that is "
        "counted in."
    ),
    "beside": lambda v: (
        f"The part that sees pictures (projector) and its work take {_size(v, 'bytes')} of main "
        "memory; that is counted in."
    ),
    "slow": lambda v: (
        f"It would write about {rate_text(v['speed'])}, slower than the {v['least']:g} that were "
        "asked for."
    ),
    "pinned": lambda v: f"You chose {NAMES[v['name']]}.",
    "note": lambda v: str(v["text"]),
    "larger_context": lambda v: (
        f"A context of {_n(v)} tokens would need {_size(v, 'bytes')} and still fit well"
        f"{', but be slower' if v['slow'] else ''}."
    ),
    "smaller_context": lambda v: (
        f"With a context of {_n(v)} tokens it would need {_size(v, 'bytes')} and fit"
        f"{' well' if v['fit'] == 'well' else ', with little to spare'}."
    ),
    "smaller_quant": lambda v: (
        f"The same model as {v['quant']} is about {_size(v, 'bytes')} and would fit well."
    ),
    "smaller_model": lambda v: "A smaller model, or closing other programs, would help.",
    **CHOICES,
}
