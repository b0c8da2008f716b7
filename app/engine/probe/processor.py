"""Stage "processor": proves the CPU variant by small products, then times it and the memory.

An instruction that the processor lacks ends the process here. Takes under a second.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from typing import Any

from app.engine.native import Library, open_library
from app.engine.native.devices import instruction_sets, processor_device, runtime_version
from app.engine.native.product import Product, Shape, dequantized, quantized
from app.foundation.others import OthersBusy

JsonObject = dict[str, Any]

PROVED = ("f32", "f16", "q8_0", "q4_0", "q4_k", "q6_k")
_LARGEST_ERROR = 0.1
"""In sizes of the result. Inputs are rounded to 8 bits on the way, which costs 0.03 at worst."""
_NO_NUMBER = 1e9
_PROOF_INNER, _PROOF_ROWS, _PROOF_COLUMNS = 256, 32, 5
_SPEED = Shape("q4_k", 2048, 1024, 64)
_SPEED_S = 0.1
_READING_INNER = 4096
_READING_S = 0.2


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`request`: `n_threads` for reading, `reading_bytes` to read (more than the caches hold).

    Answers `variant`, `features`, `runtime`, `error` (the worst product's, relative), `wrong`
    (the kinds that came out wrong), `core_flops`, `bandwidth_bytes_per_s`, and `is_busy`: other
    programs were at work meanwhile.
    """
    progress({"step": "loading"})
    library = open_library()
    device = processor_device(library)
    errors = {}
    for kind in PROVED:
        progress({"step": f"multiplying {kind}"})
        errors[kind] = product_error(library, device, kind, n_threads=1)
    progress({"step": "timing"})
    others = OthersBusy()
    speeds = {
        "core_flops": core_flops(library, device),
        "bandwidth_bytes_per_s": read_bandwidth(
            library, device, int(request["n_threads"]), int(request["reading_bytes"])
        ),
    }
    return speeds | {
        "variant": library.variant,
        "features": instruction_sets(library),
        "runtime": runtime_version(library),
        "error": max(errors.values()),
        "wrong": [kind for kind, error in errors.items() if not error <= _LARGEST_ERROR],
        "is_busy": not others.were_idle(),
    }


def product_error(
    library: Library, device: int, kind: str, *, n_threads: int | None = None
) -> float:
    """How far the worst value is from the one calculated in Python, in sizes of the result."""
    values = random.Random(kind)
    weights = [values.gauss(0.0, 1.0) for _ in range(_PROOF_INNER * _PROOF_ROWS)]
    inputs = [values.gauss(0.0, 1.0) for _ in range(_PROOF_INNER * _PROOF_COLUMNS)]
    data = quantized(library, kind, weights, _PROOF_INNER)
    shape = Shape(kind, _PROOF_INNER, _PROOF_ROWS, _PROOF_COLUMNS)
    with Product(library, device, shape, n_threads=n_threads) as product:
        product.set(data, inputs)
        product.compute()
        found = product.result()
    exact = dequantized(library, kind, data, len(weights))
    rows = [exact[start : start + _PROOF_INNER] for start in range(0, len(exact), _PROOF_INNER)]
    columns = [
        inputs[start : start + _PROOF_INNER] for start in range(0, len(inputs), _PROOF_INNER)
    ]
    wanted = [
        sum(a * b for a, b in zip(row, column, strict=True)) for column in columns for row in rows
    ]
    size = math.sqrt(sum(b * b for b in wanted) / len(wanted))
    # A maximum may pass over what is not a number; a sum does not.
    if not math.isfinite(sum(found)):
        return _NO_NUMBER
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) / size


def core_flops(library: Library, device: int) -> float:
    """Operations a second of one core, at its best: a busy machine only makes it slower."""
    values = random.Random(1)
    row = [values.gauss(0.0, 1.0) for _ in range(_SPEED.n_inner)]
    with Product(library, device, _SPEED, n_threads=1) as product:
        product.set(quantized(library, _SPEED.kind, row, _SPEED.n_inner), row)
        return _SPEED.operations / best(product, _SPEED_S)


def read_bandwidth(library: Library, device: int, n_threads: int, n_bytes: int) -> float:
    """Bytes a second that come out of memory for a product with one column, as in writing.

    With all threads and with half of them: beside busy programs fewer may be faster, and what
    is asked for is what the memory can do.
    """
    n_rows = max(1, n_bytes // (4 * _READING_INNER))
    shape = Shape("f32", _READING_INNER, n_rows, 1)
    counts = {n_threads, max(1, n_threads // 2)}
    with Product(library, device, shape, n_threads=n_threads) as product:
        product.clear()
        took_s = []
        for count in sorted(counts):
            product.use_threads(count)
            took_s.append(best(product, _READING_S / len(counts)))
    return n_rows * 4 * _READING_INNER / min(took_s)


def best(product: Product, budget_s: float) -> float:
    """The shortest of the runs that fit into the budget; the first one only warms up."""
    product.compute()
    took_s, end_s = math.inf, time.perf_counter() + budget_s
    while True:
        took_s = min(took_s, product.compute())
        if time.perf_counter() >= end_s:
            return took_s
