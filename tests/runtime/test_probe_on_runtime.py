"""The probe on the runtime that ships: its best variant, a software card, drivers that fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.hardware import stages
from app.hardware.ledger import Ledger
from app.hardware.probe import place
from app.hardware.profile import Unknown
from app.hardware.stages import Choice, Computing, Found, Stages, by_score, choice
from tests.fixtures import fake_gpu

HANG_S = 8.0
BROKEN = "zzz"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


@pytest.fixture
def probed(folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Found]:
    monkeypatch.setenv("HEARTH_RUNTIME", str(folder))
    return lambda: Stages(ledger, replace(place(), available_bytes=0)).find(list)


def variant(found: Found) -> str:
    assert isinstance(found.processor, Computing)
    return found.processor.variant


def test_the_best_variant_is_proved_and_chosen(
    probed: Callable[[], Found], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VK_DRIVER_FILES", "/nowhere.json")
    found = probed()
    (entry,) = [entry for entry in ledger.entries() if entry.key.kind == "runtime"]
    assert variant(found) == by_score(entry.found["scores"])[0]
    assert found.devices == ()
    assert choice(ledger, place()) == Choice(variant(found), ())


def test_a_variant_that_cannot_run_has_the_next_in_its_place(
    folder: Path, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "runtime"
    shutil.copytree(folder, ours)
    name = next((ours / "lib").glob("libggml-cpu-*.so")).name
    fake_gpu.make_variant(ours / "lib" / f"libggml-cpu-{BROKEN}{Path(name).suffix}")
    (ours / "manifest.json").unlink()  # its files tell what it is
    monkeypatch.setenv("HEARTH_RUNTIME", str(ours))
    monkeypatch.setenv("VK_DRIVER_FILES", "/nowhere.json")
    here = replace(place(), available_bytes=0)
    good = variant(Stages(ledger, here).find(list))
    assert good != BROKEN
    (entry,) = [entry for entry in ledger.entries() if entry.is_bad]
    assert (entry.key.name, entry.outcome) == (BROKEN, "died")
    assert "signal 4" in entry.why
    assert choice(ledger, here) == Choice(good, ())


def test_the_software_card_is_verified_and_told_apart_from_a_real_one(
    probed: Callable[[], Found], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0,0")
    found = probed()
    assert not isinstance(found.devices, Unknown)
    if not found.devices:
        pytest.skip("there is no software Vulkan device")
    # Asked for twice, it is two devices, in main memory.
    assert [device.name for device in found.devices] == ["Vulkan0", "Vulkan1"]
    for device in found.devices:
        assert (device.kind, device.module, device.verdict) == ("igpu", "vulkan", "verified")
        assert isinstance(device.driver, str)
        assert device.has_display is False
    chosen = choice(ledger, place())
    assert chosen is not None
    assert chosen.modules == ("vulkan",)


@pytest.mark.parametrize(("word", "outcome"), [("abort", "died"), ("hang", "hung")])
def test_a_driver_that_fails_leaves_the_processor(
    probed: Callable[[], Found],
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    outcome: str,
) -> None:
    monkeypatch.setattr(stages, "MODULE_DEADLINE_S", HANG_S)
    monkeypatch.setenv("VK_DRIVER_FILES", str(fake_gpu.make_driver(tmp_path)))
    monkeypatch.setenv("FAKE_DRIVER", word)
    found = probed()
    assert found.devices == ()
    assert [(e.key.name, e.outcome) for e in ledger.entries() if e.is_bad] == [("vulkan", outcome)]
    assert choice(ledger, place()) == Choice(variant(found), ())
    # Well again, but the same driver as far as anyone can tell.
    monkeypatch.setenv("FAKE_DRIVER", "nothing")
    assert probed().devices == ()
    assert [e.outcome for e in ledger.entries() if e.is_bad] == [outcome]
    ledger.forget_bad()
    assert probed().devices == ()
    assert not [entry for entry in ledger.entries() if entry.is_bad]
