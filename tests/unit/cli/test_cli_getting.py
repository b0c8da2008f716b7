"""What `models get` takes on a small computer, and what it refuses before a byte is fetched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap.command_line import services_for
from app.bootstrap.runtime import Runtime
from app.cli import main as cli
from app.cli.choosing import pick
from app.cli.output import DONE, FAILED, NOT_POSSIBLE, WRONG_USE
from app.cli.services import CliServices
from app.foundation.paths import open_profile
from app.hardware.profile import MachineProfile, Unknown
from app.inference import planning
from tests.fixtures.machines import machine
from tests.fixtures.tiny_models import make
from tests.hub import samples
from tests.hub.content import Content, Held
from tests.hub.server import LoopbackHub
from tests.hub.shelf import Repository

LLAMA = "example-labs/Tiny-Llama-GGUF"
SMALL = machine(2.5, 4.0)


class Small(Runtime):
    """The services of a computer with 4 GB of memory, of which 2.5 are free."""

    def _find_machine(self, folder: Path, not_asked: Unknown | None) -> MachineProfile:
        return SMALL


@pytest.fixture
def services(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CliServices]:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr(planning, "memory", lambda: SMALL.memory)
    runtime = Small(open_profile(tmp_path / "profile"))
    yield services_for(runtime)
    assert runtime.close()


@pytest.fixture
def printed(services: CliServices, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `models get WORD --json`; its exit code and what it printed."""

    def run(word: str) -> tuple[int, list[dict[str, Any]]]:
        code = cli.run(cli.parse(["models", "get", word, "--json"]), services)
        text = capsys.readouterr().out
        one_a_line = text.startswith('{"')
        return code, [json.loads(each) for each in (text.splitlines() if one_a_line else [text])]

    return run


def test_what_is_too_big_is_refused_with_its_sizes(
    services: CliServices, hub: LoopbackHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(cli.parse(["models", "get", "gpt-oss-20b", "--json"]), services) == NOT_POSSIBLE
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "not_enough_memory"
    assert "of memory" in error["detail"]
    assert "--force" in error["remedy"]
    assert hub.record.asked == []


def test_force_goes_on_to_the_hub(
    services: CliServices, hub: LoopbackHub, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["models", "get", "gpt-oss-20b", "--force", "--json"]
    assert cli.run(cli.parse(words), services) == FAILED  # this hub does not have it
    chosen, refused = map(json.loads, capsys.readouterr().out.splitlines())
    assert (chosen["event"], chosen["fits"]) == ("chosen", "no")
    assert refused["error"]["code"] == "model_not_found"
    assert hub.record.asked


def test_without_a_quant_the_planner_chooses_and_with_one_the_person(
    services: CliServices,
) -> None:
    with services.reach() as reach:
        chosen = pick("qwen3.5-2b", services, reach)
        named = pick("qwen3.5-2b:Q8_0", services, reach)
    assert chosen.is_recommended
    assert chosen.problem is None
    assert chosen.plan is not None
    assert chosen.plan.fits != "no"
    assert not named.is_recommended
    assert named.wanted.quant == "Q8_0"


@pytest.mark.parametrize(
    ("word", "code", "error"),
    [
        ("example-labs/Gated-Llama-GGUF", FAILED, "access_needed"),
        ("example-labs/Tiny-Llama", FAILED, "model_not_found"),
        ("example-labs/Empty-GGUF", FAILED, "model_not_found"),
        ("example-labs/No-Such-GGUF", FAILED, "model_not_found"),
        (f"{LLAMA}:Q3_K_S", FAILED, "model_not_found"),
        ("no-such-model", FAILED, "model_not_found"),
        ("model.gguf", WRONG_USE, "invalid_input"),
    ],
)
def test_what_cannot_be_had_is_said_and_nothing_is_begun(
    services: CliServices, hub: LoopbackHub, printed: Any, word: str, code: int, error: str
) -> None:
    samples.fill(hub.shelf, large_bytes=2_000_000)
    ended, (told,) = printed(word)
    assert (ended, told["error"]["code"]) == (code, error)
    assert told["error"]["remedy"]
    root = services.profile().root
    assert list(root.rglob("*.gguf")) == []
    assert not (root / "state" / "downloads.json").exists()


@pytest.mark.parametrize("word", [LLAMA, "qwen3.5-0.8b"])
def test_offline_it_ends_at_once(printed: Any, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    monkeypatch.setenv("HEARTH_OFFLINE", "1")
    code, told = printed(word)
    assert (code, told[-1]["error"]["code"]) == (FAILED, "offline")


def test_a_model_that_this_runtime_does_not_know_is_refused_before_it_is_fetched(
    hub: LoopbackHub, printed: Any, tmp_path: Path
) -> None:
    content = bytearray(make("llama", tmp_path).read_bytes())
    at = content.index(b"llama", content.index(b"general.architecture"))
    content[at : at + 5] = b"xlama"
    files: dict[str, Content] = {"New-Q8_0.gguf": Held(bytes(content))}
    hub.shelf.add(Repository("example-labs/New-GGUF", files))
    code, (told,) = printed("example-labs/New-GGUF")
    assert (code, told["error"]["code"]) == (FAILED, "model_unsupported")
    assert "--force" in told["error"]["remedy"]
    assert all(asked.sent_bytes < len(content) for asked in hub.record.asked)


def test_words_of_a_search_that_cannot_run_here_are_left_out(
    services: CliServices, hub: LoopbackHub, capsys: pytest.CaptureFixture[str]
) -> None:
    files: dict[str, Content] = {"x-Q4_K_M.gguf": Held(b"GGUF")}
    for repo in ("ggml-org/gpt-oss-20b-GGUF", "somebody/gpt-oss-tiny-GGUF"):
        hub.shelf.add(Repository(repo, files))
    shown = []
    for words in ((), ("--all",)):
        command = ["models", "search", "gpt-oss", "--json", *words]
        assert cli.run(cli.parse(command), services) == DONE
        shown.append(json.loads(capsys.readouterr().out))
    usual, everything = shown
    assert [repo["id"] for repo in usual["repositories"]] == ["somebody/gpt-oss-tiny-GGUF"]
    assert (usual["n_hidden"], usual["repositories"][0]["fits"]) == (1, None)
    fits = {repo["id"]: repo["fits"] for repo in everything["repositories"]}
    assert fits["ggml-org/gpt-oss-20b-GGUF"] == "no"
