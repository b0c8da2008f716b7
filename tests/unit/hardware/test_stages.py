"""The probe's stages over children that die, hang and lie: what is used, what is tried again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.foundation.children import ChildDied
from app.hardware import stages
from app.hardware.cards import Card
from app.hardware.ledger import Key, Ledger
from app.hardware.profile import Device, Unknown
from app.hardware.stages import Choice, Computing, Found, Place, Stages, choice

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PLACE = Place("runtime 1", "a processor", "driver 1")
SHORT_S = 3.0

Script = Callable[..., None]


def computed(variant: str, **changes: Any) -> dict[str, Any]:
    answer = {
        "variant": variant,
        "features": ["AVX2"],
        "runtime": "1",
        "wrong": [],
        "core_flops": 5e10,
        "bandwidth_bytes_per_s": 2e10,
    }
    return answer | changes


def card(name: str, **changes: Any) -> dict[str, Any]:
    raw = {
        "name": name,
        "description": "NVIDIA GeForce RTX 3060",
        "kind": "gpu",
        "backend": name[:-1],
        "id": "",
        "total_bytes": 12 << 30,
        "free_bytes": 11 << 30,
    }
    return raw | changes


def right(**changes: Any) -> dict[str, Any]:
    answer = {"distance": 0.01, "n_same": 12, "n_tokens": 12, "error": 0.01}
    return answer | {"flops": 1e13, "bandwidth_bytes_per_s": 3e11} | changes


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Say what children answer; later calls add to it."""
    planned: dict[str, Any] = {}
    child = [sys.executable, str(HERE / "scripted_child.py")]
    monkeypatch.setattr("app.foundation.children.command_for", lambda name: child)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))

    def say(**answers: Any) -> None:
        planned.update({key.replace("_", " "): value for key, value in answers.items()})
        monkeypatch.setenv("SCRIPT", json.dumps(planned))
        (tmp_path / "log").write_text("")

    say(
        runtime={"scores": {"best": 9, "good": 5, "plain": 1, "not-here": 0}, "modules": []},
        processor_best=computed("best"),
        processor_good=computed("good"),
    )
    return say


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[], list[str]]:
    """What children were asked since the script was last changed."""
    return lambda: (tmp_path / "log").read_text().split("\n")[:-1]


def find(ledger: Ledger, place: Place = PLACE, cards: list[Card] | None = None) -> Found:
    return Stages(ledger, place).find(lambda: cards or [])


def variant(found: Found) -> str:
    assert isinstance(found.processor, Computing)
    return found.processor.variant


def devices(found: Found) -> tuple[Device, ...]:
    assert not isinstance(found.devices, Unknown)
    return found.devices


def test_the_best_variant_is_proved_once(
    script: Script, ledger: Ledger, asked: Callable[[], list[str]]
) -> None:
    assert variant(find(ledger)) == "best"
    assert asked() == ["runtime", "processor best"]
    script()
    assert variant(find(ledger)) == "best"
    assert asked() == []
    Stages(ledger, PLACE).find(list, anew=True)
    assert asked() == ["processor best"]


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        ("signal 4", "instructions that this processor lacks"),
        ("signal 11", "signal 11"),
        ("exit 3", "exit code 3"),
        ("garbage", "makes no sense"),
        (computed("best", wrong=["q4_k"]), "multiplies wrongly (q4_k)"),
        (computed("good"), "does not load"),
        (computed("best", core_flops=-1), "makes no sense"),
        (computed("best", core_flops=float("inf")), "makes no sense"),
        (computed("best", bandwidth_bytes_per_s="fast"), "makes no sense"),
        (computed("best", features=7), "makes no sense"),
        ({}, "makes no sense"),
    ],
)
def test_a_variant_that_fails_has_the_next_in_its_place(
    script: Script, ledger: Ledger, asked: Callable[[], list[str]], planned: Any, words: str
) -> None:
    script(processor_best=planned)
    assert variant(find(ledger)) == "good"
    (entry,) = [entry for entry in ledger.entries() if entry.is_bad]
    assert words in entry.why
    assert choice(ledger, PLACE) == Choice("good", ())
    # Not tried again, in another process either…
    script(processor_best=computed("best"))
    assert variant(find(Ledger(ledger._path.parent))) == "good"
    assert asked() == []
    # …until the runtime is another one, or a person asks.
    assert variant(find(ledger, replace(PLACE, runtime="runtime 2"))) == "best"
    assert [entry.key.name for entry in ledger.forget_bad()] == ["best"]
    assert variant(find(ledger)) == "best"


@pytest.mark.parametrize("planned", ["hang", "signal 9", "signal 15"])
def test_what_may_be_the_computers_fault_is_tried_again(
    script: Script, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, planned: str
) -> None:
    monkeypatch.setattr(stages, "PROCESSOR_DEADLINE_S", SHORT_S)
    script(processor_best=planned)
    assert variant(find(ledger)) == "good"
    assert not [entry for entry in ledger.entries() if entry.is_bad]
    script(processor_best=computed("best"))
    assert variant(find(ledger)) == "best"


def test_how_windows_ends_a_process_is_put_in_the_same_words() -> None:
    def why(status: int) -> str:
        return stages._why(ChildDied("probe", "exit", status=status), "multiplying q4_k")

    illegal = "it uses instructions that this processor lacks (exit code 0xc000001d)"
    assert why(0xC000001D) == f"{illegal} while multiplying q4_k"
    assert why(0xC000001D - (1 << 32)) == why(0xC000001D)
    assert "not its own (exit code 0xc0000005)" in why(0xC0000005)
    assert why(3).startswith("it ended without an answer (exit code 3)")


def test_what_a_busy_computer_measured_is_measured_again(
    script: Script, tmp_path: Path, asked: Callable[[], list[str]]
) -> None:
    def start(flops: float, is_busy: bool) -> float:
        """One start of Hearth, which probes twice."""
        script(processor_best=computed("best", core_flops=flops, is_busy=is_busy))
        ledger = Ledger(tmp_path)
        find(ledger)
        found = find(ledger)
        assert isinstance(found.processor, Computing)
        return found.processor.core_flops

    assert start(2e10, True) == 2e10
    assert start(3e10, True) == 3e10
    assert start(1e10, True) == 3e10  # the best so far
    assert asked() == ["processor best"]
    assert start(4e10, False) == 4e10
    assert start(9e10, True) == 4e10  # a quiet computer's is good
    assert asked() == []


def test_a_computer_that_is_always_busy_is_left_alone(
    script: Script, tmp_path: Path, asked: Callable[[], list[str]]
) -> None:
    script(processor_best=computed("best", is_busy=True))
    for _ in range(10):
        find(Ledger(tmp_path))
    assert asked().count("processor best") == 6


def test_no_variant_at_all_is_said(script: Script, ledger: Ledger) -> None:
    script(processor_best="signal 4", processor_good="signal 4", processor_plain="signal 4")
    found = find(ledger)
    assert isinstance(found.processor, Unknown)
    assert "plain: it uses instructions" in found.processor.reason
    assert isinstance(find(ledger).processor, Unknown)
    assert choice(ledger, PLACE) == Choice("", ())
    script(runtime={"scores": {}, "modules": []})
    lost = find(ledger, replace(PLACE, runtime="empty"))
    assert lost.processor == Unknown("no part of the runtime suits this processor")


@pytest.mark.parametrize("planned", ["signal 6", {"scores": 3, "modules": []}, {}, "hang"])
def test_a_runtime_that_cannot_be_listed_is_unknown(
    script: Script, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, planned: Any
) -> None:
    monkeypatch.setattr(stages, "RUNTIME_DEADLINE_S", SHORT_S)
    script(runtime=planned)
    found = find(ledger)
    assert isinstance(found.processor, Unknown)
    assert isinstance(found.devices, Unknown)
    script(runtime={"scores": {"best": 1}, "modules": []})
    assert variant(find(ledger)) == "best"


def with_cards(script: Script, **answers: Any) -> None:
    script(runtime={"scores": {"best": 9}, "modules": ["vulkan", "cuda"]}, **answers)


def test_free_memory_is_asked_anew_and_nothing_else(
    script: Script, ledger: Ledger, asked: Callable[[], list[str]]
) -> None:
    vulkan = {"devices": []}
    with_cards(
        script, module_cuda={"devices": [card("CUDA0")]}, module_vulkan=vulkan, device_CUDA0=right()
    )
    (first,) = devices(find(ledger))
    assert (first.verdict, first.flops, first.free_bytes) == ("verified", 1e13, 11 << 30)
    assert asked() == [
        "runtime", "processor best", "module cuda", "device CUDA0", "module vulkan",
    ]  # fmt: skip
    script(module_cuda={"devices": [card("CUDA0", free_bytes=2 << 30)]})
    (later,) = devices(find(ledger))
    assert (later.verdict, later.flops, later.free_bytes) == ("verified", 1e13, 2 << 30)
    assert asked() == ["module cuda"]


def test_an_updated_driver_is_tried_again(
    script: Script, ledger: Ledger, asked: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "MODULE_DEADLINE_S", SHORT_S)
    with_cards(script, module_cuda="hang", module_vulkan="signal 11")
    assert devices(find(ledger)) == ()
    assert {entry.outcome for entry in ledger.entries() if entry.is_bad} == {"hung", "died"}
    script(module_cuda={"devices": [card("CUDA0")]}, device_CUDA0=right())
    assert devices(find(ledger)) == ()
    assert asked() == []
    updated = replace(PLACE, drivers="driver 2")
    assert choice(ledger, updated) is None  # what is new is not opened before it was tried
    assert [device.name for device in devices(find(ledger, updated))] == ["CUDA0"]
    assert choice(ledger, updated) == Choice("best", ("cuda",))


@pytest.mark.parametrize(
    "planned",
    [
        {"devices": "many"},
        {"devices": [{"name": "CUDA0"}]},
        {"devices": [card("CUDA0", total_bytes=-5)]},
        {"devices": [card("CUDA0", free_bytes="all")]},
        {"devices": None},
        {},
    ],
)
def test_nonsense_about_devices_is_no_device(
    script: Script, ledger: Ledger, planned: dict[str, Any]
) -> None:
    with_cards(script, module_cuda=planned, module_vulkan={"devices": []})
    assert devices(find(ledger)) == ()
    (entry,) = [entry for entry in ledger.entries() if entry.is_bad]
    assert entry.why == stages.NONSENSE


@pytest.mark.parametrize(
    ("planned", "verdict"),
    [
        (right(distance=0.26, n_same=3), "rejected: it writes other text than the processor"),
        (right(distance=float("nan")), "rejected: it writes other text"),
        (right(error=0.4), "rejected: it multiplies wrongly"),
        (right(error=float("nan")), "rejected: it multiplies wrongly"),
        ("signal 6", "rejected: it ended itself"),
        ({}, "rejected: its answer makes no sense"),
        (right(distance="near"), "rejected: its answer makes no sense"),
        (right(flops=-1.0), "verified"),
    ],
)
def test_a_device_is_judged_by_what_it_writes(
    script: Script, ledger: Ledger, planned: Any, verdict: str
) -> None:
    with_cards(
        script,
        module_cuda={"devices": [card("CUDA0")]},
        module_vulkan={"devices": []},
        device_CUDA0=planned,
    )
    for _ in range(2):
        (device,) = devices(find(ledger))
        assert device.verdict.startswith(verdict)
    used = ("cuda",) if verdict == "verified" else ()
    assert choice(ledger, PLACE) == Choice("best", used)


def test_a_card_that_two_backends_see_is_taken_once(
    script: Script, ledger: Ledger, asked: Callable[[], list[str]]
) -> None:
    twin = card("Vulkan0", description="NVIDIA GeForce RTX 3060 (NVK)")
    chip = card("Vulkan1", description="Intel(R) UHD Graphics 770 (ADL-S GT1)", kind="igpu")
    with_cards(
        script,
        module_cuda={"devices": [card("CUDA0")]},
        module_vulkan={"devices": [twin, chip]},
        device_CUDA0=right(),
        device_Vulkan0=right(),
        device_Vulkan1=right(),
    )
    found = find(ledger)
    assert [device.name for device in devices(found)] == ["CUDA0", "Vulkan1"]
    assert [(a.name, b.name) for a, b in found.left_out] == [("Vulkan0", "CUDA0")]
    assert "device Vulkan0" not in asked()
    assert choice(ledger, PLACE) == Choice("best", ("cuda", "vulkan"))


def test_the_other_backend_has_the_card_where_the_first_fails(
    script: Script, ledger: Ledger
) -> None:
    with_cards(
        script,
        module_cuda={"devices": [card("CUDA0")]},
        module_vulkan={"devices": [card("Vulkan0")]},
        device_CUDA0="signal 6",
        device_Vulkan0=right(),
    )
    assert [(d.name, d.is_rejected) for d in devices(find(ledger))] == [
        ("CUDA0", True),
        ("Vulkan0", False),
    ]
    assert choice(ledger, PLACE) == Choice("best", ("vulkan",))


def test_the_systems_facts_about_cards_are_added(script: Script, ledger: Ledger) -> None:
    with_cards(
        script,
        module_cuda={"devices": [card("CUDA0", id="0000:01:00.0")]},
        module_vulkan={"devices": []},
        device_CUDA0=right(),
    )
    ours = Card("0000:01:00.0", "NVIDIA 10de:2504", "nvidia 550.54", has_display=True)
    other = Card("0000:00:02.0", "Intel 8086:4680", "i915", has_display=False)
    (device,) = devices(find(ledger, cards=[other, ours]))
    assert (device.driver, device.has_display) == ("nvidia 550.54", True)
    assert device.used_by_others_bytes == 1 << 30


@pytest.mark.parametrize("kills", [0, 1, 2])
def test_a_step_that_took_hearth_with_it_twice_is_not_tried_again(
    tmp_path: Path, script: Script, asked: Callable[[], list[str]], kills: int
) -> None:
    with_cards(script, module_cuda={"devices": []}, module_vulkan={"devices": []})
    ledger, key = Ledger(tmp_path), Key("module", "cuda", "runtime 1", "driver 1")
    for _ in range(max(1, kills)):
        end_while_trying(ledger, tmp_path, key, is_killed=kills > 0)
    find(ledger)
    assert ("module cuda" in asked()) is (kills < 2)
    entry = ledger.get(key)
    assert entry is not None
    assert entry.outcome == ("died" if kills == 2 else "good")


def end_while_trying(ledger: Ledger, folder: Path, key: Key, *, is_killed: bool) -> None:
    """Another process that ends while it tries the module: killed, or in order."""
    body = f"""
import sys, time
from pathlib import Path
from app.hardware.ledger import Key, Ledger
with Ledger(Path({str(folder)!r})).trying({key!r}):
    print("trying", flush=True)
    {"time.sleep(60)" if is_killed else "sys.exit()"}
"""
    with subprocess.Popen(
        [sys.executable, "-c", body], cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if is_killed:
            seen = ledger.get(key)
            assert seen is not None
            assert seen.outcome == "trying"  # by one that lives: nothing is wrong yet
            process.send_signal(signal.SIGKILL)
        process.wait(30)
