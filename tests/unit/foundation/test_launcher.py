"""Which version is started, for real: processes that take one another's place, and die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.foundation.launcher import LAUNCHED, NOTE, STAY
from app.foundation.locks import is_held
from app.foundation.versions import Pointer, Versions, number

ROOT = Path(__file__).resolve().parents[3]
OLD = "0.1.0"
NEW = "0.2.0"
#: Stands in for a bundle: says which it is, and does with its note what it was made to do.
PROGRAM = """#!{python}
import json, os, sys, time
sys.path.insert(0, {root!r})
from app.foundation import launcher
assert launcher.launch(sys.argv[1:]) is None
print(json.dumps(["{version}", sys.argv[1:]]), flush=True)
way = "{way}"
if way == "well":
    launcher.started_well("{version}")
    launcher.ended_in_order()
elif way == "in order":
    launcher.ended_in_order()
elif way == "in order, held":
    from pathlib import Path
    def refuse(path, missing_ok=False):
        raise PermissionError(13, "Windows: another process has it open")
    Path.unlink = refuse
    launcher.ended_in_order()
elif way == "waits":
    sys.stdin.read()
elif way == "dies":
    os.kill(os.getpid(), 9)
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script is the program here")


class Installed:
    """A program that was installed first, and versions beside it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "hearth-program"
        self.folder.mkdir(parents=True, mode=0o700)
        self.versions = Versions(self.folder)
        self.versions.home("1").parent.mkdir(mode=0o700)
        first = home / "first" / "hearth"
        self.first = first
        first.parent.mkdir()
        first.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            "sys.frozen, sys.executable = True, sys.argv[0]\n"
            "from app.__main__ import CHILDREN\n"
            "from app.foundation.launcher import launch\n"
            f"code = launch(sys.argv[1:])\nprint('[\"{OLD}\", []]')\n"
        )
        first.chmod(0o755)

    def put(self, version: str, way: str = "well") -> Path:
        program = self.versions.program(version, "hearth")
        program.parent.mkdir(parents=True, exist_ok=True)
        text = PROGRAM.format(python=sys.executable, root=str(ROOT), version=version, way=way)
        program.write_text(text)
        program.chmod(0o755)
        return program

    def begin(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self.first, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.home,
            env={**os.environ, "XDG_DATA_HOME": str(self.home), **environment},
        )

    def start(self, *words: str, **environment: str) -> str:
        """The version that ran."""
        with self.begin(*words, **environment) as process:
            said = process.communicate()[0]
        version, heard = json.loads(said.splitlines()[0])
        assert heard in (list(words), [])
        return str(version)

    def note_count(self) -> int:
        return len(list(self.versions.tries.glob("*")))


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_without_anything_installed_the_first_one_runs(installed: Installed) -> None:
    assert installed.start() == OLD
    installed.put(NEW)
    assert installed.start() == OLD  # it is there, but nothing points to it


def test_a_new_version_is_good_once_its_window_was_drawn(installed: Installed) -> None:
    installed.put(NEW)
    installed.versions.point(Pointer(NEW, proven=False))
    assert installed.start("--open", "a file.gguf") == NEW
    assert installed.versions.pointer() == Pointer(NEW, proven=True)
    assert installed.note_count() == 0
    installed.put(NEW, "dies")
    for _ in range(4):  # what started once is not blamed later
        assert installed.start() == NEW


@pytest.mark.parametrize("before", ["", "0.1.5"])
def test_one_that_fails_to_start_twice_is_left_for_the_one_before(
    installed: Installed, before: str
) -> None:
    installed.put(NEW, "dies")
    installed.put("0.1.5")
    installed.versions.point(Pointer(NEW, proven=False, before=before))
    assert [installed.start() for _ in range(4)] == [NEW, NEW, before or OLD, before or OLD]
    assert installed.versions.pointer() == Pointer(before, proven=True, failed=(NEW,))
    assert installed.note_count() == 0


def test_one_failure_is_forgiven(installed: Installed) -> None:
    installed.put(NEW, "dies")
    installed.versions.point(Pointer(NEW, proven=False))
    assert installed.start() == NEW
    installed.put(NEW)
    assert installed.start() == NEW
    assert installed.versions.pointer().proven
    assert installed.note_count() == 0


def test_what_ended_in_order_is_no_failure(installed: Installed) -> None:
    installed.put(NEW, "in order")
    installed.versions.point(Pointer(NEW, proven=False))
    for _ in range(4):
        assert installed.start("plan", "model") == NEW
    assert not installed.versions.pointer().proven


def test_what_ended_in_order_is_none_either_where_its_note_cannot_be_removed(
    installed: Installed,
) -> None:
    """On Windows the one that started it holds the note as long as it runs."""
    installed.put(NEW, "in order, held")
    installed.versions.point(Pointer(NEW, proven=False))
    for _ in range(5):
        assert installed.start("plan", "model") == NEW
    assert installed.versions.pointer().failed == ()
    installed.put(NEW, "dies")
    assert [installed.start() for _ in range(3)] == [NEW, NEW, OLD]
    assert installed.note_count() == 0


def test_it_is_started_also_where_nobody_listens(installed: Installed) -> None:
    """Without an output Python has no stream to empty."""
    installed.put(NEW)
    installed.versions.point(Pointer(NEW, proven=False))
    environment = {**os.environ, "XDG_DATA_HOME": str(installed.home)}
    line = ["sh", "-c", '"$0" >&- 2>&-', str(installed.first)]
    subprocess.run(line, env=environment, check=False)
    assert installed.versions.pointer().proven


def test_starts_that_are_under_way_are_no_failures(installed: Installed) -> None:
    installed.put(NEW, "waits")
    installed.versions.point(Pointer(NEW, proven=False))
    running = [installed.begin() for _ in range(4)]
    for process in running:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())[0] == NEW
    assert installed.versions.pointer() == Pointer(NEW, proven=False)
    for process in running:
        process.kill()
        process.communicate()
    assert installed.start() == OLD  # four died


def test_one_that_cannot_be_started_counts_too_and_the_first_one_runs(
    installed: Installed,
) -> None:
    installed.put(NEW).write_bytes(b"\x7fELF that is none")
    installed.versions.point(Pointer(NEW, proven=False))
    assert [installed.start() for _ in range(3)] == [OLD, OLD, OLD]
    assert installed.versions.pointer().failed == (NEW,)
    installed.put("0.3.0").unlink()
    installed.versions.point(Pointer("0.3.0", proven=True))
    assert installed.start() == OLD


def test_a_newer_one_that_was_installed_over_the_first_goes_before(installed: Installed) -> None:
    for version in ("0.0.9", OLD):
        installed.put(version)
        installed.versions.point(Pointer(version))
        assert installed.start() == OLD


def test_a_person_may_say_that_this_very_one_is_to_run(installed: Installed) -> None:
    installed.put(NEW)
    installed.versions.point(Pointer(NEW))
    assert installed.start(**{STAY: "1"}) == OLD
    assert installed.start() == NEW


def test_what_others_may_write_is_not_run(installed: Installed) -> None:
    installed.put(NEW)
    installed.versions.point(Pointer(NEW))
    installed.versions.home(NEW).parent.chmod(0o777)
    assert installed.start() == OLD
    installed.versions.home(NEW).parent.chmod(0o700)
    assert installed.start() == NEW


def test_a_folder_that_is_named_from_where_one_stands_is_not_looked_into(
    installed: Installed,
) -> None:
    installed.put(NEW)
    installed.versions.point(Pointer(NEW))
    assert installed.start(XDG_DATA_HOME=".") == OLD
    (installed.home / ".local" / "share").mkdir(parents=True)
    installed.folder.rename(installed.home / ".local" / "share" / "hearth-program")
    assert installed.start(XDG_DATA_HOME=".", HOME=str(installed.home)) == NEW
    assert installed.start(XDG_DATA_HOME="", HOME=".") == OLD


def test_a_link_that_another_user_made_is_not_followed(installed: Installed) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make something another user's")
    installed.put(NEW)
    installed.versions.point(Pointer(NEW))
    real = installed.folder.rename(installed.home / "elsewhere")
    installed.folder.symlink_to(real)
    assert installed.start() == NEW
    os.chown(installed.folder, 4177, 4177, follow_symlinks=False)
    assert installed.start() == OLD


def test_one_that_was_damaged_since_is_not_started(installed: Installed) -> None:
    inside = installed.put(NEW).parent / "_internal"
    inside.mkdir()
    (inside / "library").write_bytes(b"1234")
    (inside / "files.json").write_text('{"library": 4}')
    installed.versions.point(Pointer(NEW))
    assert installed.start() == NEW
    (inside / "library").write_bytes(b"12")
    assert installed.start() == OLD
    (inside / "library").unlink()
    assert installed.start() == OLD
    (inside / "library").write_bytes(b"1234")
    installed.versions.note_programs(NEW, "hearth")
    assert installed.start() == NEW
    with installed.versions.program(NEW, "hearth").open("ab") as program:
        program.write(b"#")
    assert installed.start() == OLD


def test_a_later_one_knows_which_was_installed_first(installed: Installed) -> None:
    installed.put(NEW, "well")
    program = installed.versions.program(NEW, "hearth")
    told = "print(json.dumps([launcher.first_version(), sys.argv[1:]]), flush=True)"
    text = program.read_text().replace(
        f'print(json.dumps(["{NEW}", sys.argv[1:]]), flush=True)', told
    )
    assert told in text
    program.write_text(text)
    installed.versions.point(Pointer(NEW))
    assert installed.start() == OLD


def test_a_later_one_is_not_given_what_the_first_put_into_the_environment(
    installed: Installed,
) -> None:
    text = installed.first.read_text()
    ours = "os.environ['QT_PLUGIN_PATH'], sys.hearth_environment = 'ours', {'QT_PLUGIN_PATH': None}"
    installed.first.write_text(text.replace("code = launch", f"import os\n{ours}\ncode = launch"))
    program = installed.put(NEW)
    told = 'json.dumps([os.environ.get("QT_PLUGIN_PATH", "nothing"), []])'
    program.write_text(program.read_text().replace(f'json.dumps(["{NEW}", sys.argv[1:]])', told))
    installed.versions.point(Pointer(NEW))
    assert installed.start() == "nothing"


def test_one_that_runs_is_known_to_be_in_use(installed: Installed) -> None:
    installed.put(NEW, "waits")
    installed.versions.point(Pointer(NEW))
    assert not is_held(installed.versions.home(NEW))
    with installed.begin() as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_held(installed.versions.home(NEW))
        process.communicate()
    assert not is_held(installed.versions.home(NEW))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"hearth": 2, "version": "0.2.0", "proven": true, "before": "", "failed": []}',
        b'{"hearth": 1, "version": "../x", "proven": true, "before": "", "failed": []}',
        b'{"hearth": 1, "version": "0.2.0", "proven": 1, "before": "", "failed": []}',
        b'{"hearth": 1, "version": 2, "proven": true, "before": "", "failed": []}',
        b'{"hearth": 1, "version": "0.2.0", "proven": true, "before": "", "failed": "x"}',
        b"[" * 30_000,
        b"\xff\xfe",
    ],
)
def test_a_pointer_that_makes_no_sense_points_nowhere(installed: Installed, content: bytes) -> None:
    installed.put(NEW)
    (installed.folder / "current.json").write_bytes(content)
    assert installed.versions.pointer() == Pointer()
    assert installed.start() == OLD


def test_a_try_that_cannot_be_noted_is_not_made(installed: Installed) -> None:
    installed.put(NEW)
    installed.versions.point(Pointer(NEW, proven=False))
    installed.versions.tries.write_bytes(b"in the way")
    assert installed.start() == OLD


def test_the_notes_of_a_start_are_not_handed_on(installed: Installed) -> None:
    program = installed.put(NEW, "neither")
    with program.open("a") as file:
        file.write(f"assert not {{{LAUNCHED!r}, {NOTE!r}}} & os.environ.keys()\n")
        file.write(f"launcher.started_well({NEW!r})\n")
    installed.versions.point(Pointer(NEW, proven=False))
    assert installed.start() == NEW
    assert installed.versions.pointer().proven


def test_versions_are_compared_by_their_numbers() -> None:
    assert number("0.10") > number("0.9.9")
    assert number("1") == number("1.0.0.0")
