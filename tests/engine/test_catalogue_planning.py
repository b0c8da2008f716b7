"""Plans for models that are not here, stage by stage, against a hub on loopback."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap.command_line import services_for
from app.bootstrap.reach import ENDPOINT, Network
from app.bootstrap.runtime import Runtime
from app.cli import main as cli
from app.cli.output import DONE, FAILED, WRONG_USE
from app.engine.messages import LoadCancelled
from app.foundation.cancellation import Cancellation
from app.foundation.errors import ModelFileInvalid
from app.foundation.paths import open_profile
from app.inference.catalogue_planning import CataloguePlanning, Subject, candidates, subject_of
from app.models.catalog import Entry, File, load
from app.models.facts import facts_of, foretold
from app.models.remote_header import Place
from app.models.skeleton import header_of_bytes
from app.planner.plan import Plan, Wish
from app.settings.schema import OFFLINE
from tests.fixtures import far_end as faults
from tests.fixtures.far_end import FarEnd, far_end, holed
from tests.fixtures.machines import machine
from tests.fixtures.tiny_models import make


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[FarEnd]:
    with far_end() as server:
        monkeypatch.setenv(ENDPOINT, server.url)
        yield server


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = Runtime(open_profile(tmp_path / "profile"))
    yield made
    made.close()


@pytest.fixture
def network(far: FarEnd, runtime: Runtime) -> Iterator[Network]:
    made = Network(runtime.profile, runtime.settings)
    yield made
    made.close()


@pytest.fixture
def planning(network: Network, runtime: Runtime) -> CataloguePlanning:
    return network.planning(runtime.planning)


def entry_of(model: str) -> Entry:
    found = load().find(model)
    assert found is not None
    return found


def serve(far: FarEnd, entry: Entry, file: File) -> None:
    """The file as the hub has it, as far as anybody reads."""
    made = foretold(entry, file)
    header = header_of_bytes(made.header)
    weights = sum(-(-tensor.n_bytes // 32) * 32 for tensor in made.header.tensors)
    path = f"/{file.repo}/resolve/{file.revision or 'main'}/{file.name}"
    far.answers[path] = holed(header, len(header) + weights)


def said(plan: Plan) -> str:
    return " ".join(str(r.values["text"]) for r in plan.reasons if r.code == "note")


@pytest.mark.parametrize("model", ["llama-3.2-1b", "granite-4.0-h-tiny"])
def test_from_the_catalogue_to_the_header_to_llama_cpp(
    model: str, far: FarEnd, planning: CataloguePlanning, runtime: Runtime
) -> None:
    entry = entry_of(model)
    file = entry.default_file
    serve(far, entry, file)
    catalogue, header, counted = planning.steps(subject_of(entry, file), Wish(n_ctx=4096))
    stages = [step.stage for step in (catalogue, header, counted)]
    assert stages == ["catalogue", "header", "counted"]
    assert not catalogue.plan.is_counted
    assert counted.plan.is_counted
    assert counted.held_up == ""
    assert "from the catalogue" in said(catalogue.plan)
    assert "llama.cpp counted" in said(counted.plan)
    assert header.facts.layer_bytes == catalogue.facts.layer_bytes
    assert counted.plan.quant == file.quant
    needs = [step.plan.memory[0].need for step in (catalogue, counted)]
    assert needs[0].weights_bytes == pytest.approx(needs[1].weights_bytes, rel=0.01)
    assert needs[0].kv_bytes == needs[1].kv_bytes
    assert needs[0].total_bytes == pytest.approx(needs[1].total_bytes, rel=0.05)
    assert not list((runtime.profile.cache / "skeletons").iterdir())


def test_where_nobody_answers_the_plan_stays_and_says_why(
    far: FarEnd, planning: CataloguePlanning
) -> None:
    entry = entry_of("llama-3.2-1b")
    subject = subject_of(entry, entry.default_file)
    step = planning.plan(subject, Wish(n_ctx=2048))
    assert step.stage == "catalogue"
    assert "There is no file" in step.held_up
    assert "could not be read" in said(step.plan)
    # The catalogue knows its layout to the tensor: llama.cpp can count that.
    assert step.plan.is_counted
    assert "laid out as the catalogue says" in said(step.plan)


def test_offline_asks_nobody_and_still_plans(
    far: FarEnd, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENDPOINT)
    runtime.settings.set(OFFLINE, True).result()
    network = Network(runtime.profile, runtime.settings)
    entry = entry_of("qwen3.5-4b")
    subject = subject_of(entry, entry.default_file)
    step = network.planning(runtime.planning).plan(subject, Wish(n_ctx=2048))
    assert step.stage == "catalogue"
    assert step.held_up.startswith("Hearth is offline.")
    assert network.connections.all() == ()


def test_another_machine_is_calculated_from_the_header(
    far: FarEnd, planning: CataloguePlanning
) -> None:
    entry = entry_of("llama-3.2-1b")
    serve(far, entry, entry.default_file)
    step = planning.plan(subject_of(entry, entry.default_file), machine=machine(30, 32))
    assert step.stage == "header"
    assert not step.plan.is_counted
    assert "another machine" in step.held_up


def test_any_repository_can_be_planned(
    far: FarEnd, planning: CataloguePlanning, tiny_models: Path
) -> None:
    path = make("llama", tiny_models)
    far.files["/some/repo/resolve/main/tiny-Q8_0.gguf"] = path.read_bytes()
    header, counted = planning.steps(Subject(Place("some/repo", "tiny-Q8_0.gguf"), ""))
    assert (header.stage, counted.stage) == ("header", "counted")
    assert counted.plan.quant == "Q8_0"
    far.files["/some/repo/resolve/main/tiny-Q8_0.gguf"] = path.read_bytes()[:-500]
    with pytest.raises(ModelFileInvalid):
        planning.plan(Subject(Place("some/repo", "tiny-Q8_0.gguf"), ""))


def test_what_llama_cpp_refuses_does_not_fit(far: FarEnd, planning: CataloguePlanning) -> None:
    entry = entry_of("gemma-4-e4b")
    file = entry.file_of("Q8_0")
    made = foretold(entry, file).header
    # Well formed, but no longer what the architecture needs.
    key = made.own("embedding_length_per_layer_input")
    metadata = {name: value for name, value in made.metadata.items() if name != key}
    header = header_of_bytes(dataclasses.replace(made, metadata=metadata))
    weights = sum(-(-tensor.n_bytes // 32) * 32 for tensor in made.tensors)
    far.answers[f"/{file.repo}/resolve/main/{file.name}"] = holed(header, len(header) + weights)
    step = planning.plan(subject_of(entry, file))
    assert step.stage == "header"
    assert step.plan.fits == "no"
    assert "llama.cpp refuses this file" in step.held_up


def test_recommended_are_different_models_that_run_each_with_reasons(
    planning: CataloguePlanning,
) -> None:
    small = planning.recommended(load(), machine=machine(3, 4))
    large = planning.recommended(load(), machine=machine(60, 64))
    for choices in (small, large):
        names = [choice.candidate.model for choice in choices]
        assert len(set(names)) == len(names)
        assert all(choice.plan.fits != "no" for choice in choices)
        assert all(choice.rejected for choice in choices)
    assert len(large) == 3
    assert large[0].candidate.rank > small[0].candidate.rank
    nothing = planning.recommended(load(), machine=machine(0.1, 1))
    assert [choice.plan.fits for choice in nothing] == ["no"]


def test_every_file_with_numbers_is_a_candidate() -> None:
    found = candidates(load())
    expected = sum(len(entry.files) for entry in load().entries if entry.header)
    assert len(found) == expected
    mixed = next(one for one in found if "gpt-oss-20b" in one.file)
    assert mixed.quality.tier == "A"


def run(runtime: Runtime, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = cli.run(cli.parse([*words, "--json"]), services_for(runtime))
    return code, json.loads(capsys.readouterr().out)


def test_the_command_plans_an_id_with_and_without_a_quant(
    far: FarEnd, runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = entry_of("qwen3-4b-instruct-2507")
    for file in entry.files:
        serve(far, entry, file)
    code, plan = run(runtime, capsys, "plan", "Qwen3-4B-Instruct-2507:q8_0", "--context", "2048")
    assert code == DONE
    assert (plan["quant"], plan["n_ctx"], plan["stage"]) == ("Q8_0", 2048, "counted")
    assert plan["id"] == entry.id
    assert plan["file_bytes"] == pytest.approx(entry.file_of("Q8_0").bytes, rel=0.01)
    assert "n_ctx" in plan["pinned"]
    code, plan = run(runtime, capsys, "plan", entry.id, "--quant", "Q4_K_M", "--threads", "1")
    assert (code, plan["quant"], plan["n_threads"]) == (DONE, "Q4_K_M", 1)
    code, plan = run(runtime, capsys, "plan", entry.id)
    assert (code, plan["stage"]) == (DONE, "counted")
    code, error = run(runtime, capsys, "plan", f"{entry.id}:Q9_K")
    assert code == FAILED
    assert error["error"]["code"] == "model_not_found"


def test_the_command_plans_a_repository_by_what_the_hub_lists(
    far: FarEnd, runtime: Runtime, capsys: pytest.CaptureFixture[str], tiny_models: Path
) -> None:
    content = make("llama", tiny_models).read_bytes()
    siblings = [
        {"rfilename": "README.md", "size": 5},
        {"rfilename": "mmproj-tiny-F16.gguf", "size": 5},
        {"rfilename": "tiny-Q8_0.gguf", "size": len(content)},
        {"rfilename": "tiny-Q4_K_M.gguf", "size": len(content)},
        {"rfilename": "../tiny-Q2_K.gguf", "size": 5},
    ]
    listing = json.dumps({"id": "some/repo", "siblings": siblings}).encode()
    far.files["/api/models/some/repo?blobs=true"] = listing
    for name in ("tiny-Q8_0.gguf", "tiny-Q4_K_M.gguf"):
        far.files[f"/some/repo/resolve/main/{name}"] = content
    code, plan = run(runtime, capsys, "plan", "some/repo")
    # Of the same size: the better quality is what a planner takes.
    assert (code, plan["file"], plan["quant"]) == (DONE, "tiny-Q8_0.gguf", "Q8_0")
    code, plan = run(runtime, capsys, "plan", "some/repo:tiny-Q8_0.gguf")
    assert (code, plan["quant"], plan["id"]) == (DONE, "Q8_0", "")
    code, plan = run(runtime, capsys, "plan", "some/repo:q8_0")
    assert (code, plan["file"]) == (DONE, "tiny-Q8_0.gguf")
    code, error = run(runtime, capsys, "plan", "some/repo", "--quant", "Q6_K")
    assert (code, error["error"]["code"]) == (FAILED, "model_not_found")
    far.answers["/api/models/some/repo?blobs=true"] = faults.page
    code, error = run(runtime, capsys, "plan", "some/repo")
    assert (code, error["error"]["code"]) == (FAILED, "network_error")
    code, error = run(runtime, capsys, "plan", "some/other")
    assert (code, error["error"]["code"]) == (FAILED, "model_not_found")


def test_a_file_that_is_here_wins_over_what_is_elsewhere(
    far: FarEnd,
    runtime: Runtime,
    capsys: pytest.CaptureFixture[str],
    tiny_models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qwen3.5-4b").write_bytes(make("llama", tiny_models).read_bytes())
    code, plan = run(runtime, capsys, "plan", "qwen3.5-4b")
    assert code == DONE
    assert "stage" not in plan
    assert far.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ("--context", "0"),
        ("--context", "-5"),
        ("--layers", "-2"),
        ("--threads", "0"),
        ("--cache-type-k", "q3"),
        ("--cache-type-v", "automatic"),
        ("--ubatch", "0"),
        ("--sequences", "65"),
        ("--cpu-moe", "-2"),
        ("--min-speed", "nan"),
        ("--min-speed", "-1"),
        ("--load-mode", "carefully"),
    ],
)
def test_pins_that_make_no_sense_are_refused(
    words: tuple[str, str], runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = run(runtime, capsys, "plan", "qwen3.5-4b", *words)
    assert code == WRONG_USE
    assert words[0] in error["error"]["title"]


def test_the_command_recommends_for_a_saved_machine(
    far: FarEnd, runtime: Runtime, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    saved = tmp_path / "machine.json"
    saved.write_text(json.dumps(machine(14, 16).as_dict()))
    code, found = run(runtime, capsys, "models", "recommend", "--machine", str(saved))
    assert code == DONE
    assert len(found["models"]) == 3
    for model in found["models"]:
        entry = entry_of(model["id"])
        assert entry.file_of(model["quant"]).bytes == model["file_bytes"]
        assert model["plan"]["fits"] in ("well", "tight")
        assert model["why"]
        assert facts_of(entry, entry.file_of(model["quant"])).n_layers == model["plan"]["n_layers"]
    assert far.asked == []
    code, listed = run(runtime, capsys, "models", "list", "--all")
    assert {row["id"] for row in listed["catalogue"]} == {entry.id for entry in load().entries}
    code, listed = run(runtime, capsys, "models", "list")
    assert "catalogue" not in listed


@pytest.mark.parametrize(
    "mirror", ["http://mirror.example", "ftp://x", "mirror.example", "https://u:p@m.example"]
)
def test_a_mirror_that_may_not_be_asked_is_said(
    mirror: str,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(ENDPOINT, mirror)
    code, error = run(runtime, capsys, "plan", "qwen3.5-4b")
    assert code == WRONG_USE
    assert ENDPOINT in error["error"]["title"]


def test_a_stop_is_no_verdict_on_the_model(
    planning: CataloguePlanning, far: FarEnd, tiny_models: Path
) -> None:
    path = make("llama", tiny_models)
    far.files["/some/repo/resolve/main/tiny-Q8_0.gguf"] = path.read_bytes()
    stopped = Cancellation()
    stopped.cancel()
    with pytest.raises(LoadCancelled):
        list(
            planning.steps(Subject(Place("some/repo", "tiny-Q8_0.gguf"), ""), cancellation=stopped)
        )


def test_this_computer_may_be_counted_as_it_will_be(
    planning: CataloguePlanning, far: FarEnd, tiny_models: Path
) -> None:
    """As the page of models does, for which the model in use is not there."""
    far.files["/some/repo/resolve/main/tiny-Q8_0.gguf"] = make("llama", tiny_models).read_bytes()
    last = planning.plan(Subject(Place("some/repo", "tiny-Q8_0.gguf"), ""), here=machine(7, 9))
    assert last.stage == "counted"
    assert last.plan.is_counted
    assert last.plan.memory[0].pool.free_bytes == 7 << 30
