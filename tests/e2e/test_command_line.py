"""The program as a process, as a person or a script starts it: answers, JSON, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.foundation.paths import open_profile
from app.inference.learning import Learning
from tests.fixtures.far_end import Reply, far_end
from tests.fixtures.plans import plan_8b, predicted
from tests.fixtures.program import program
from tests.fixtures.tiny_models import make

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 120

Hearth = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def hearth(tmp_path: Path) -> Hearth:
    def run(*words: str, stdin: bytes = b"", **environment: str) -> Any:
        return subprocess.run(
            [*program(), "--profile", str(tmp_path / "profile"), *words],
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            timeout=DEADLINE_S,
            env={**os.environ, **environment},
            check=False,
        )

    return run


def document(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    parsed = json.loads(done.stdout)
    assert isinstance(parsed, dict)
    return parsed


def test_the_guide_answers_how_to_add_a_model(hearth: Hearth) -> None:
    done = hearth("ask", "How do I add a model?")
    assert done.returncode == 0, done.stderr
    assert b".gguf" in done.stdout
    assert done.stderr == b""


def test_ask_json_holds_what_is_documented(hearth: Hearth) -> None:
    done = hearth("ask", "How do I rename a chat?", "--json", "--max-tokens", "8", "--seed", "1")
    assert done.returncode == 0, done.stderr
    fields = document(done)
    assert set(fields) == {"text", "finish_reason", "model", "usage", "timings"}
    assert fields["finish_reason"] == "length"
    assert fields["usage"]["completion_tokens"] == 8
    assert set(fields["usage"]) == {"prompt_tokens", "cached_tokens", "completion_tokens"}
    assert fields["timings"]["load_ms"] > 0


def test_a_question_comes_from_standard_input(hearth: Hearth) -> None:
    done = hearth("ask", "-", "--max-tokens", "4", stdin="Wie heißt du?".encode())
    assert done.returncode == 0, done.stderr


def test_a_file_is_added_to_the_question(hearth: Hearth, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The theme is dark.")
    plain = document(hearth("ask", "What is this?", "--json", "--max-tokens", "1"))
    longer = document(
        hearth(
            "ask",
            "What is this?",
            "--file",
            str(tmp_path / "notes.txt"),
            "--json",
            "--max-tokens",
            "1",
        )
    )
    assert longer["usage"]["prompt_tokens"] > plain["usage"]["prompt_tokens"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words", [("models", "list"), ("models", "list", "--json"), ("plan", "gone.gguf", "--json")]
)
def test_output_that_takes_nothing_is_said_and_is_no_fault_of_ours(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*program(), "--profile", str(tmp_path / "profile"), *words],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=DEADLINE_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"The answer could not be written where you wanted it.")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "stdin", "code", "error"),
    [
        (("ask", ""), b"", 2, "invalid_input"),
        (("ask", "-"), b"  \n", 2, "invalid_input"),
        (("ask", "-"), b"caf\xe9 \xff", 2, "invalid_input"),
        (("ask", "-"), b"long text " * 104_858, 1, "context_length_exceeded"),
        (("ask", "hi", "--model", "missing.gguf"), b"", 1, "model_not_found"),
        (("ask", "hi", "--temperature", "-3"), b"", 2, "invalid_input"),
        (("ask", "hi", "--max-tokens", "0"), b"", 2, "invalid_input"),
        (("ask", "hi", "--file", "missing.txt"), b"", 2, "invalid_input"),
        (("plan", "missing.gguf"), b"", 1, "model_not_found"),
        (("plan", "hearth-guide", "--context", "0"), b"", 2, "invalid_input"),
        (("models", "inspect", "missing.gguf"), b"", 1, "model_not_found"),
    ],
)
def test_bad_input_is_a_sentence_and_the_right_code(
    hearth: Hearth, words: tuple[str, ...], stdin: bytes, code: int, error: str
) -> None:
    done = hearth(*words, "--json", stdin=stdin)
    assert (done.returncode, document(done)["error"]["code"]) == (code, error)
    spoken = hearth(*words, stdin=stdin)
    assert spoken.returncode == code
    assert spoken.stdout == b""
    assert len(spoken.stderr.splitlines()) >= 2
    assert b"Traceback" not in spoken.stderr


def broken(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.gguf"
    whole = make("llama", folder).read_bytes()
    content = {
        "empty": b"",
        "truncated": whole[: len(whole) // 2],
        "foreign": b"PK\x03\x04" + bytes(4096),
        "header-only": whole[:24],
    }[kind]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["empty", "truncated", "foreign", "header-only"])
@pytest.mark.parametrize("words", [("ask", "hi", "--model"), ("plan",), ("models", "inspect")])
def test_broken_model_files_are_refused_in_words(
    hearth: Hearth, tmp_path: Path, kind: str, words: tuple[str, ...]
) -> None:
    done = hearth(*words, str(broken(kind, tmp_path)), "--json")
    error = document(done)["error"]
    assert (done.returncode, error["code"]) == (1, "model_file_invalid")
    assert error["title"]
    assert error["remedy"]


def test_a_model_of_ones_own_answers(hearth: Hearth, tmp_path: Path) -> None:
    model = make("qwen2", tmp_path)
    done = hearth("ask", "hi", "--model", str(model), "--json", "--max-tokens", "4", "--seed", "3")
    assert done.returncode == 0, done.stderr + done.stdout
    assert 1 <= document(done)["usage"]["completion_tokens"] <= 4
    again = hearth("ask", "hi", "--model", str(model), "--json", "--max-tokens", "4", "--seed", "3")
    assert document(again)["text"] == document(done)["text"]


def test_an_embedding_model_is_refused_for_chat(hearth: Hearth, tmp_path: Path) -> None:
    done = hearth("ask", "hi", "--model", str(make("bert", tmp_path)), "--json")
    assert (done.returncode, document(done)["error"]["code"]) == (1, "model_unsupported")


def test_probe_knows_or_says_why_not(hearth: Hearth) -> None:
    done = hearth("probe", "--json")
    assert done.returncode == 0, done.stderr
    fields = document(done)
    assert set(fields) == {
        "system", "architecture", "processor", "memory", "devices", "disk", "power",
    }  # fmt: skip
    assert fields["memory"]["total_bytes"] > 0
    assert hearth("probe").returncode == 0


def test_plan_json_holds_what_is_documented(hearth: Hearth, tmp_path: Path) -> None:
    done = hearth("plan", "hearth-guide", "--context", "512", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    fields = document(done)
    assert {
        "model", "quant", "file_bytes", "n_gpu_layers", "n_layers", "n_ctx", "n_batch", "n_ubatch",
        "n_threads", "cache_type_k", "cache_type_v", "memory", "expected", "fits", "reasons",
        "alternatives",
    } <= set(fields)  # fmt: skip
    assert fields["n_ctx"] == 512
    assert fields["fits"] in ("well", "tight", "no")
    assert all(reason.endswith(".") for reason in fields["reasons"])
    machine = tmp_path / "machine.json"
    machine.write_bytes(hearth("probe", "--json").stdout)
    elsewhere = hearth("plan", "hearth-guide", "--machine", str(machine), "--json")
    assert elsewhere.returncode == 0, elsewhere.stderr + elsewhere.stdout
    machine.write_text("[1, 2")
    refused = hearth("plan", "hearth-guide", "--machine", str(machine), "--json")
    assert (refused.returncode, document(refused)["error"]["code"]) == (2, "invalid_input")


def test_models_are_listed_and_inspected(hearth: Hearth) -> None:
    listed = document(hearth("models", "list", "--json"))["models"]
    assert listed[0]["name"] == "hearth-guide"
    assert listed[0]["available"]
    inspected = document(hearth("models", "inspect", "hearth-guide", "--json"))
    assert (inspected["kind"], inspected["architecture"]) == ("chat", "llama")
    assert inspected["has_chat_template"]


def test_doctor_finds_all_well_and_a_damaged_database(hearth: Hearth, tmp_path: Path) -> None:
    done = hearth("doctor", "--json")
    assert done.returncode == 0, done.stdout
    (tmp_path / "profile" / "hearth.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    sick = hearth("doctor", "--json")
    assert sick.returncode == 1
    wrong = [check for check in document(sick)["checks"] if not check["ok"]]
    assert [check["name"] for check in wrong] == ["Conversations"]
    assert wrong[0]["remedy"]


def test_doctor_sets_measured_beside_predicted(hearth: Hearth, tmp_path: Path) -> None:
    learning = Learning(open_profile(tmp_path / "profile").state / "learnt.json")
    prediction = predicted(plan_8b())
    learning.loaded(prediction, {"CPU": prediction.memory[0].said_bytes * 2})
    learning.answered(prediction, {"generated": prediction.speed("generated").said / 2})
    (check,) = [
        check
        for check in document(hearth("doctor", "--json"))["checks"]
        if check["name"] == "Predicted and measured"
    ]
    assert check["ok"]
    assert "Llama 3.1 8B" in check["detail"]
    assert "predicted" in check["detail"]
    assert "(+100 %)" in check["detail"]
    assert "(-50 %)" in check["detail"]


def test_selftest_passes(hearth: Hearth) -> None:
    done = hearth("selftest", "--json")
    assert done.returncode == 0, done.stdout
    assert document(done)["passed"] is True


@pytest.mark.parametrize(
    "words", [("nonsense",), ("ask",), ("plan",), ("models",), ("ask", "hi", "--seed", "x")]
)
def test_wrong_use_ends_with_two(hearth: Hearth, words: tuple[str, ...]) -> None:
    done = hearth(*words)
    assert done.returncode == 2
    assert b"--help" in done.stderr


def test_help_and_version(hearth: Hearth) -> None:
    helped = hearth("--help")
    assert helped.returncode == 0
    for command in (b"ask", b"probe", b"plan", b"models", b"doctor", b"selftest"):
        assert command in helped.stdout
    assert re.match(rb"Hearth \d+\.\d+\.\d+", hearth("--version").stdout)


def test_the_window_without_a_screen_is_a_sentence(hearth: Hearth) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems always have a screen for Qt")
    done = hearth(DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
    assert done.returncode == 3
    assert b"screen" in done.stderr


def test_a_profile_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = subprocess.run(
        [*program(), "--profile", str(tmp_path / "file" / "p"), "probe", "--json"],
        cwd=ROOT,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 1
    assert document(done)["error"]["code"] == "storage_error"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_control_c_ends_with_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*program(), "--profile", str(tmp_path / "p"), "ask", "-"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1.0)  # long enough to be waiting for its input, whatever the machine does
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert b"Traceback" not in errors


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_control_c_while_answering_ends_with_130(tmp_path: Path) -> None:
    model = make("llama", tmp_path)
    process = subprocess.Popen(
        [
            *program(), "--profile", str(tmp_path / "p"),
            "ask", "hi", "--model", str(model), "--seed", "1",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode in (0, 130)
    assert b"Traceback" not in errors


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_control_c_while_the_hub_is_asked_ends_with_130(tmp_path: Path) -> None:
    asked, ended = threading.Event(), threading.Event()

    def hold(reply: Reply) -> None:
        asked.set()
        ended.wait(DEADLINE_S)

    with far_end() as far:
        far.answers["/some/repo/resolve/main/m-Q8_0.gguf"] = hold
        process = subprocess.Popen(
            [
                *program(), "--profile", str(tmp_path / "p"),
                "plan", "some/repo:m-Q8_0.gguf",
            ],
            cwd=ROOT,
            env={**os.environ, "HF_ENDPOINT": far.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        assert asked.wait(DEADLINE_S)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)
        ended.set()
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*program(), "--profile", str(tmp_path / "p"), "probe", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait(DEADLINE_S)
    assert b"Traceback" not in errors
