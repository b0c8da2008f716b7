"""The parts of dev.py that need no network and no new environment."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCK_TEXT = (
    "# What Hearth needs.\n"
    "# [runtime]\n"
    "alpha==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    "beta==2.0 ; sys_platform == 'win32' \\\n    --hash=sha256:cc\n"
    "# [development]\n"
    "gamma==3.0 \\\n    --hash=sha256:dd\n"
)


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    """dev.py as a module of its own, whose checkout is an empty folder with a short lock file."""
    spec = importlib.util.spec_from_file_location("dev_under_test", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT = tmp_path
    module.VENV = tmp_path / ".venv"
    module.LOCK = tmp_path / "requirements.lock"
    module.STAMP = module.VENV / "hearth-installed.json"
    module.LOCK.write_text(LOCK_TEXT, encoding="utf-8")
    return module


def stand_in_environment(dev: ModuleType, version: str, marks: object) -> None:
    """Files that look like an environment made by Python `version`, holding `marks`."""
    dev.python().parent.mkdir(parents=True)
    dev.python().touch()
    (dev.VENV / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n")
    dev.STAMP.write_text(json.dumps(marks), encoding="utf-8")


def test_a_section_ends_where_the_next_begins(dev: ModuleType) -> None:
    runtime = dev.section_text("runtime")
    assert runtime.startswith("alpha==1.0")
    assert runtime.endswith("--hash=sha256:cc\n")
    assert dev.section_text("development") == "gamma==3.0 \\\n    --hash=sha256:dd\n"


def test_a_lock_file_that_was_cut_short_or_lost_is_a_sentence(dev: ModuleType) -> None:
    dev.LOCK.write_text(LOCK_TEXT.partition("# [development]")[0], encoding="utf-8")
    with pytest.raises(dev.Stop, match="development"):
        dev.section_text("development")
    dev.LOCK.unlink()
    with pytest.raises(dev.Stop, match="cannot be read"):
        dev.section_text("runtime")


def test_entries_keep_their_hashes(dev: ModuleType) -> None:
    found = list(dev.entries(dev.section_text("runtime")))
    assert [entry.partition("==")[0] for entry in found] == ["alpha", "beta"]
    assert found[0].count("--hash") == 2
    assert "".join(found) == dev.section_text("runtime")


def test_the_lock_file_of_the_checkout_can_be_read(dev: ModuleType) -> None:
    dev.LOCK = ROOT / "requirements.lock"
    for section in dev.PACKAGING:
        text = dev.section_text(section)
        found = list(dev.entries(text))
        assert found
        assert "".join(found) == text
        assert all("--hash=sha256:" in entry for entry in found)
        assert "://" not in text


def test_a_fingerprint_knows_the_text_and_the_interpreter(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = dev.fingerprint("alpha==1.0\n")
    assert mark == dev.fingerprint("alpha==1.0\n")
    assert mark != dev.fingerprint("alpha==1.1\n")
    monkeypatch.setattr(sys, "version", "3.99.0 (another one)")
    assert mark != dev.fingerprint("alpha==1.0\n")


def test_an_environment_of_this_python_is_used_again(dev: ModuleType) -> None:
    stand_in_environment(dev, f"{sys.version_info.major}.{sys.version_info.minor}.0", {"a": "b"})
    assert dev.read_stamp() == {"a": "b"}


@pytest.mark.parametrize("version", ["3.9.1", "3.1.0", "4.11.0"])
def test_an_environment_of_another_python_is_not(dev: ModuleType, version: str) -> None:
    stand_in_environment(dev, version, {"a": "b"})
    assert dev.read_stamp() == {}


@pytest.mark.parametrize("stamp", ["", "[1]", '{"runtime": "x"'])
def test_a_broken_stamp_is_as_good_as_none(dev: ModuleType, stamp: str) -> None:
    stand_in_environment(dev, sys.version.split()[0], {})
    dev.STAMP.write_text(stamp, encoding="utf-8")
    assert dev.read_stamp() == {}


def test_nothing_is_done_when_all_is_installed(dev: ModuleType) -> None:
    marks = {name: dev.fingerprint(dev.section_text(name)) for name in dev.SECTIONS}
    stand_in_environment(dev, sys.version.split()[0], marks)
    before = dev.STAMP.stat()
    dev.set_up(dev.SECTIONS)
    assert dev.STAMP.stat() == before


def test_an_install_that_was_interrupted_is_not_taken_for_the_one_before(dev: ModuleType) -> None:
    marks = {name: dev.fingerprint(dev.section_text(name)) for name in dev.SECTIONS}
    stand_in_environment(dev, sys.version.split()[0], marks)
    dev.LOCK.write_text(LOCK_TEXT.replace("alpha==1.0", "alpha==1.1"), encoding="utf-8")

    def interrupted(_section: str) -> None:
        raise KeyboardInterrupt

    dev.install = interrupted
    dev.missing_libraries = list
    with pytest.raises(KeyboardInterrupt):
        dev.set_up(dev.SECTIONS)
    assert dev.read_stamp() == {"development": marks["development"]}


def test_progress_names_what_is_fetched_and_how_far_the_build_is(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = dev.Progress()
    for line in (
        "Collecting jinja2==3.1.6\n",
        "  Downloading jinja2-3.1.6-py3-none-any.whl (134 kB)\n",
        "  [1/2] not a build yet\n",
        "  Building wheel for llama-cpp-python (pyproject.toml): started\n",
        "  [3/60] Building CXX object a.o\n",
        "  [4/60] Building CXX object b.o\n",
        "  [31/60] Building CXX object c.o\n",
        "Installing collected packages: jinja2\n",
    ):
        progress.line(line)
    progress.end()
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "Fetching jinja2 …"
    assert shown[1].startswith("Building llama-cpp-python (")
    assert shown[2:] == [
        "Building llama-cpp-python: 5 % …",
        "Building llama-cpp-python: 50 % …",
        "Installing …",
    ]


def test_a_missing_compiler_is_named_with_its_command(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(dev.Stop, match="compiler") as stop:
        dev.need_compiler()
    assert "install" in str(stop.value).splitlines()[-1]


@pytest.mark.parametrize("compiler", ["c++", "clang++"])
def test_any_compiler_will_do(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, compiler: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == compiler else None)
    dev.need_compiler()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only asked for on Linux")
def test_missing_libraries_are_named_with_their_packages(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.QT_LIBRARIES = {"libno-such-thing.so.7": "libno-such7", "libc.so.6": "libc6"}
    assert list(dev.missing_libraries()) == ["libno-such-thing.so.7"]
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(dev.Stop) as stop:
        dev.provide_system_libraries()
    assert "apt-get install libno-such7\n" in str(stop.value)
    assert "libc6" not in str(stop.value)


def test_wrong_words_show_what_there_is(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(["help"]) == 0
    assert dev.main(["rum"]) == 2
    assert capsys.readouterr().out.count("dev.py run ") == 2


def test_words_that_the_terminal_cannot_show_end_nothing(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert dev.main(["help"]) == 0
    dev.Progress().show("Building")
    narrow.flush()
    assert narrow.buffer.getvalue().rstrip().endswith(b"Building ?")


def test_paths_are_meant_where_the_caller_stands(tmp_path: Path) -> None:
    """What `run` becomes finds Hearth from anywhere, and never the caller's own modules."""
    (tmp_path / "app.py").write_text("raise SystemExit('the wrong app')")
    (tmp_path / "hello.gguf").write_bytes(b"no model")
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import dev; from pathlib import Path\n"
        "dev.set_up = lambda sections: None\n"
        "dev.python = lambda: Path(sys.executable)\n"
        f"sys.exit(dev.main({['run', '--profile', 'p', 'models', 'inspect', 'hello.gguf']!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "hello.gguf" in done.stderr
    assert "no model" not in done.stderr.lower()
    assert (tmp_path / "p" / "logs").is_dir()
