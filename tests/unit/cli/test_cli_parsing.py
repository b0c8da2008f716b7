"""The words of the command line, the exit codes, and how MODEL words are resolved."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap.command_line import services_for
from app.bootstrap.runtime import Runtime
from app.cli import main as cli
from app.cli.here import model_path, model_ref
from app.cli.output import DONE, FAILED, INTERRUPTED, NOT_POSSIBLE, WRONG_USE, Output, exit_code
from app.cli.services import Check, CliServices
from app.foundation import errors
from app.foundation.errors import HearthError, InvalidInput, ModelNotFound
from app.foundation.paths import open_profile, resource
from app.foundation.sentinel import Sentinels
from app.protocol.model_ref import BUILT_IN, ModelRef


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = Runtime(open_profile(tmp_path / "profile"))
    yield made
    assert made.close()


@pytest.fixture
def services(runtime: Runtime) -> CliServices:
    return services_for(runtime)


def test_no_command_is_the_window() -> None:
    command = cli.parse([])
    assert (command.command, command.profile, command.open) == (None, None, None)
    assert (command.safe_mode, command.verbose) == (False, False)
    opened = cli.parse(["--open", "m.gguf", "--safe-mode", "--profile", "p", "--verbose"])
    assert (opened.command, opened.open, opened.profile) == (None, "m.gguf", "p")
    assert opened.safe_mode
    assert opened.verbose


def test_a_menu_that_opens_no_file_opens_the_window() -> None:
    command = cli.parse(["--open"])
    assert (command.command, command.open) == (None, None)
    assert cli.parse(["--open", "m.gguf"]).open == "m.gguf"


@pytest.mark.parametrize(
    ("words", "is_offline"),
    [
        ([], False),
        (["probe"], False),
        (["--offline"], True),
        (["--offline", "probe"], True),
        (["probe", "--offline"], True),
        (["models", "list", "--offline"], True),
    ],
)
def test_offline_may_stand_before_or_behind_the_command(words: list[str], is_offline: bool) -> None:
    assert cli.parse(words).offline is is_offline


@pytest.mark.parametrize("words", [["--profile", "p", "probe"], ["probe", "--profile", "p"]])
def test_the_profile_may_stand_before_or_behind_the_command(words: list[str]) -> None:
    assert cli.parse(words).profile == "p"


def test_everything_that_can_be_asked_for() -> None:
    words = (
        "ask why --model m.gguf --system short --file a.txt --file b.txt --max-tokens 7"
        " --temperature 0.5 --seed 3 --json"
    )
    command = cli.parse(words.split())
    assert (command.text, command.model, command.system) == ("why", "m.gguf", "short")
    assert command.file == ["a.txt", "b.txt"]
    assert (command.max_tokens, command.temperature, command.seed) == (7, 0.5, 3)
    assert command.json


def test_a_question_may_look_like_a_command_or_a_file() -> None:
    assert cli.parse(["ask", "plan"]).text == "plan"
    assert cli.parse(["ask", "-"]).text == "-"
    assert cli.parse(["ask", "--", "--json"]).text == "--json"


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["ask"],
        ["plan"],
        ["models"],
        ["models", "nonsense"],
        ["models", "inspect"],
        ["models", "search"],
        ["models", "search", "x", "--sort", "size"],
        ["models", "get"],
        ["models", "import"],
        ["models", "remove"],
        ["models", "quantize"],
        ["ask", "a", "b"],
        ["ask", "a", "--seed", "x"],
        ["ask", "a", "--max-tokens", "1.5"],
        ["probe", "--no-such-option"],
        ["--json"],
    ],
)
def test_words_that_make_no_command_are_told_so(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        cli.parse(words)
    assert "--help" in caught.value.remedy
    assert cli.refuse(words, caught.value) == WRONG_USE
    assert cli.refuse([*words, "--json"], caught.value) == WRONG_USE
    told = capsys.readouterr()
    document = told.out[told.out.index("{") :]
    assert json.JSONDecoder().raw_decode(document)[0]["error"]["code"] == "invalid_input"


@pytest.mark.parametrize(
    "kind", [each for each in vars(errors).values() if isinstance(each, type)], ids=repr
)
def test_every_error_has_its_exit_code(kind: type) -> None:
    if not issubclass(kind, HearthError):
        return
    wanted = FAILED
    if issubclass(kind, InvalidInput):
        wanted = WRONG_USE
    elif issubclass(kind, errors.NotPossibleHere):
        wanted = NOT_POSSIBLE
    assert exit_code(kind.__new__(kind)) == wanted  # some are made with more than words


def test_errors_go_to_standard_error_and_as_json_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = ModelNotFound("No.", "It is not there.", "Look elsewhere.")
    assert Output(as_json=False).error(error) == FAILED
    assert capsys.readouterr() == ("", "No.\nIt is not there.\nLook elsewhere.\n")
    assert Output(as_json=True).error(error) == FAILED
    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads(told.out) == {
        "error": {
            "code": "model_not_found",
            "title": "No.",
            "detail": "It is not there.",
            "remedy": "Look elsewhere.",
        }
    }


def test_json_is_one_document_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.text("for people")
    output.piece("streamed")
    output.pairs([("Label", "value")])
    output.document({"größe": 1})
    assert json.loads(capsys.readouterr().out) == {"größe": 1}
    with pytest.raises(ValueError):
        output.document({"rate": float("nan")})


def test_text_holds_no_document_and_pairs_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False)
    output.document({"a": 1})
    output.pairs([("Name", "x"), ("Longer name", "y")])
    output.pairs([])
    assert capsys.readouterr().out == "Name         x\nLonger name  y\n"


def test_an_existing_file_wins_over_a_name(
    services: CliServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_ref(BUILT_IN, services) == ModelRef()
    (tmp_path / BUILT_IN).write_bytes(b"")
    assert model_ref(BUILT_IN, services) == ModelRef(str(tmp_path / BUILT_IN))


def test_the_built_in_model_has_its_names(services: CliServices) -> None:
    for word in (None, "hearth-guide", "Hearth-Guide", "guide", "guide.gguf"):
        assert model_ref(word, services).is_built_in
        assert model_path(word, services) == resource("starter", "guide.gguf")


def test_an_unknown_model_is_not_found(services: CliServices) -> None:
    with pytest.raises(ModelNotFound, match="no-such"):
        model_ref("no-such", services)


@pytest.mark.parametrize(("ok", "code"), [(True, DONE), (False, FAILED)])
def test_doctor_ends_as_its_checks_do(
    services: CliServices, capsys: pytest.CaptureFixture[str], ok: bool, code: int
) -> None:
    checks = [Check("One", True, "fine"), Check("Two", ok, "so", "" if ok else "Do this.")]
    looked = dataclasses.replace(services, checks=lambda: checks)
    assert cli.run(cli.parse(["doctor"]), looked) == code
    told = capsys.readouterr().out
    assert ("Do this." in told, "WRONG" in told) == (not ok, not ok)
    assert cli.run(cli.parse(["doctor", "--json"]), looked) == code
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is ok
    assert [each["name"] for each in document["checks"]] == ["One", "Two"]


def test_control_c_has_its_code(services: CliServices) -> None:
    def interrupted() -> Iterator[Check]:
        yield Check("One", True, "fine")
        raise KeyboardInterrupt

    looked = dataclasses.replace(services, checks=interrupted)
    assert cli.run(cli.parse(["doctor"]), looked) == INTERRUPTED


def test_commands_leave_no_crash_notes(runtime: Runtime) -> None:
    with runtime.sentinels.during("load"):
        assert list(runtime.profile.state.glob("during-*")) == []
    theirs = Sentinels(runtime.profile.state)
    theirs.set("load")
    runtime.sentinels.close()
    assert theirs.take_left_over() == ["load"]
