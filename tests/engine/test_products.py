"""The matrix product that proves a processor variant, against one calculated in Python."""

from __future__ import annotations

import pytest

from app.engine.native import open_library
from app.engine.native.devices import devices, processor_device
from app.engine.native.product import Product, Shape, dequantized, quantized
from app.engine.probe import answer
from app.engine.probe.processor import PROVED, product_error
from app.engine.probe.tokens import distance

MIB = 1 << 20


@pytest.mark.parametrize("kind", PROVED)
def test_a_product_is_what_it_should_be(kind: str) -> None:
    library = open_library()
    error = product_error(library, processor_device(library), kind, n_threads=2)
    assert error < (1e-5 if kind == "f32" else 0.05)


def test_what_is_altered_is_found_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    library = open_library()
    right = Product.result
    monkeypatch.setattr(Product, "result", lambda product: [0.0, *right(product)[1:]])
    assert product_error(library, processor_device(library), "q8_0") > 0.1
    monkeypatch.setattr(Product, "result", lambda product: [float("nan"), *right(product)[1:]])
    assert product_error(library, processor_device(library), "q8_0") > 1e6


def test_blocks_stand_for_what_was_put_in() -> None:
    library = open_library()
    values = [(index % 64 - 32) / 32 for index in range(512)]
    for kind, tolerance in (("q8_0", 0.01), ("q4_0", 0.15), ("f32", 1e-7)):
        data = quantized(library, kind, values, 256)
        back = dequantized(library, kind, data, 512)
        assert max(abs(a - b) for a, b in zip(values, back, strict=True)) <= tolerance


def test_a_product_is_freed_once() -> None:
    library = open_library()
    product = Product(library, processor_device(library), Shape("f16", 64, 8, 2), n_threads=1)
    product.clear()
    assert product.compute() > 0
    assert product.result() == [0.0] * 16
    product.close()
    product.close()


def test_the_stage_of_the_processor_tells_all() -> None:
    steps: list[str] = []
    found = answer(
        {"stage": "processor", "n_threads": 1, "reading_bytes": 16 * MIB},
        lambda progress: steps.append(progress["step"]),
    )
    assert found["variant"] == open_library().variant
    assert found["wrong"] == []
    assert found["features"]
    assert found["core_flops"] > 1e7
    assert found["bandwidth_bytes_per_s"] > 1e7
    assert steps[0] == "loading"
    assert "multiplying q4_k" in steps


def test_the_plain_build_has_one_variant_and_what_was_built_in() -> None:
    assert answer({"stage": "runtime"}, lambda progress: None) == {
        "scores": {"native": 1},
        "modules": [""],
    }
    found = answer({"stage": "module"}, lambda progress: None)["devices"]
    kinds = {device["kind"] for device in devices(open_library())}
    assert {device["kind"] for device in found} == kinds - {"cpu"}


def test_distance_is_in_deviations_of_the_other() -> None:
    assert distance([1.0, -1.0], [1.0, -1.0]) == 0
    assert distance([2.0, -2.0], [1.0, -1.0]) == pytest.approx(1.0)
    assert distance([float("nan"), 0.0], [1.0, -1.0]) > 1e6
    assert distance([1.0, 1.0], [3.0, 3.0]) > 1e6
