"""Graphics drivers that abort, hang or lie: real modules in a runtime folder, loaded by ggml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.hardware import stages
from app.hardware.ledger import Ledger
from app.hardware.probe import place
from app.hardware.profile import Device, Unknown
from app.hardware.stages import Choice, Computing, Found, Stages, choice
from tests.fixtures import fake_gpu

pytestmark = pytest.mark.skipif(bool(fake_gpu.why_not()), reason=fake_gpu.why_not() or "-")

HANG_S = 6.0
Probe = Callable[..., Found]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_gpu.make_runtime(tmp_path_factory.mktemp("runtime"), ("cuda", "vulkan"))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


@pytest.fixture
def probed(runtime: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Probe:
    """Probe with these drivers: what each module does, by name."""
    monkeypatch.setenv("HEARTH_RUNTIME", str(runtime))

    def probe(**behaviour: str) -> Found:
        for name, word in behaviour.items():
            monkeypatch.setenv(f"FAKE_GPU_{name}", word)
        # As if memory were short: then less of it is read to time it.
        return Stages(ledger, replace(place(), available_bytes=0)).find(list)

    return probe


def devices(found: Found) -> tuple[Device, ...]:
    assert not isinstance(found.devices, Unknown)
    return found.devices


def outcomes(ledger: Ledger) -> list[tuple[str, str]]:
    return [(entry.key.kind, entry.outcome) for entry in ledger.entries() if entry.is_bad]


def test_a_good_driver_is_verified_and_timed(
    probed: Probe, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GPU_ID", "0000:01:00.0")
    found = probed(cuda="good", vulkan="good")
    (device,) = devices(found)
    assert (device.name, device.module, device.verdict) == ("cuda0", "cuda", "verified")
    assert isinstance(device.flops, float)
    assert isinstance(device.bandwidth_bytes_per_s, float)
    assert device.used_by_others_bytes == 2 << 30
    # Vulkan sees the same card: it is told once, and only one module is to be opened.
    assert [(double.name, twin.name) for double, twin in found.left_out] == [("vulkan0", "cuda0")]
    assert choice(ledger, place()) == Choice("native", ("cuda",))
    assert isinstance(found.processor, Computing)


@pytest.mark.parametrize("word", ["wrong", "subtle"])
def test_a_driver_that_computes_wrongly_is_rejected_and_another_takes_the_card(
    probed: Probe, ledger: Ledger, word: str
) -> None:
    liar, other = devices(probed(cuda=word, vulkan="good"))
    assert liar.is_rejected
    assert ("other text" if word == "subtle" else "multiplies wrongly") in liar.verdict
    assert (other.module, other.verdict) == ("vulkan", "verified")
    assert choice(ledger, place()) == Choice("native", ("vulkan",))
    assert outcomes(ledger) == [("device", "rejected")]


@pytest.mark.parametrize("word", ["abort-loading", "abort-asking"])
def test_a_driver_that_ends_the_process_is_not_opened_again(
    probed: Probe, ledger: Ledger, word: str
) -> None:
    assert [d.module for d in devices(probed(cuda=word, vulkan="good"))] == ["vulkan"]
    assert outcomes(ledger) == [("module", "died")]
    (entry,) = [entry for entry in ledger.entries() if entry.is_bad]
    assert "signal 6" in entry.why
    # Though it would be well again, nobody knows: the driver is the same.
    assert [d.module for d in devices(probed(cuda="good"))] == ["vulkan"]
    ledger.forget_bad()
    assert devices(probed(cuda="good"))[0].module == "cuda"


@pytest.mark.parametrize("word", ["abort-computing", "illegal"])
def test_a_driver_that_dies_while_computing_is_rejected(
    probed: Probe, ledger: Ledger, word: str
) -> None:
    dead, well = devices(probed(cuda=word, vulkan="good"))
    assert dead.verdict.startswith("rejected: it ")
    assert dead.verdict.endswith("while answering")  # answers come before products
    assert well.verdict == "verified"
    assert choice(ledger, place()) == Choice("native", ("vulkan",))


@pytest.mark.parametrize(
    ("word", "name"),
    [("hang-asking", "MODULE_DEADLINE_S"), ("hang-computing", "DEVICE_DEADLINE_S")],
)
def test_a_driver_that_hangs_is_left_behind(
    probed: Probe, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, word: str, name: str
) -> None:
    monkeypatch.setattr(stages, name, HANG_S)
    found = devices(probed(cuda=word, vulkan="abort-asking"))
    assert all(device.is_rejected for device in found)
    assert {outcome for _, outcome in outcomes(ledger)} == {"hung", "died"}
    assert choice(ledger, place()) == Choice("native", ())


@pytest.mark.parametrize(
    ("word", "free", "verdict"),
    [
        ("empty", 0, "rejected: its driver reports no memory"),
        ("absurd", 0, "rejected: its driver reports an absurd amount of memory"),
        ("overfull", 8 << 30, "verified"),
        ("wrapped", 0, "verified"),
    ],
)
def test_absurd_numbers_are_made_safe_and_said(
    probed: Probe, word: str, free: int, verdict: str
) -> None:
    (device,) = devices(probed(cuda=word, vulkan="abort-loading"))
    assert (device.free_bytes, device.verdict) == (free, verdict)
    if verdict == "verified":
        assert isinstance(device.used_by_others_bytes, Unknown)
        assert "driver reports" in device.used_by_others_bytes.reason


def test_one_driver_that_offers_a_card_twice_was_told_to(probed: Probe) -> None:
    found = devices(probed(cuda="twice", vulkan="abort-loading"))
    assert [device.name for device in found] == ["cuda0", "cuda1"]
    assert {device.verdict for device in found} == {"verified"}
