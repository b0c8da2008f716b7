"""A newer bundle takes the place of an older one, fails to, is undone: as people have it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.foundation.launcher import STAY
from app.foundation.paths import profile_at
from app.foundation.versions import Pointer
from app.settings.file import SettingsFile
from app.settings.schema import UPDATES_DAILY
from tests.fixtures.far_end import far_end
from tests.fixtures.signing import Signer
from tests.package.bundle.conftest import DEADLINE_S
from tests.package.bundle.newer import Offered, Person, Street, held, open_folder, somebody

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="programs are remade as on Linux here"),
    pytest.mark.skipif(not shutil.which("objcopy"), reason="objcopy, of binutils, is missing"),
]
NEEDS_TRACER = pytest.mark.skipif(not shutil.which("strace"), reason="strace is missing")
QUESTION = "How do I add a model?"
TITLE = "Newer versions of Hearth"
PATIENCE_S = 90.0
#: Dies as a library would that this computer cannot run, once there is to be a window.
ABORTS = {"app.bootstrap.window": "import os\nos.abort()\n"}


@pytest.fixture(scope="module")
def street(executable: Path) -> Iterator[Street]:
    with open_folder("hearth-street-") as base, far_end() as far:
        yield Street(executable.parent, base, far)


@pytest.fixture(autouse=True)
def well_behaved(street: Street) -> Iterator[None]:
    """The next one is answered as it should be."""
    yield
    street.publisher.far.answers.clear()


@pytest.fixture(scope="module")
def newer(street: Street) -> Offered:
    return street.offered(street.later(1))


@pytest.fixture
def person(street: Street) -> Iterator[Person]:
    with somebody(street.base, street.old) as found:
        yield found


@pytest.fixture(scope="module")
def settled(street: Street, newer: Offered) -> Iterator[Person]:
    """Somebody who has installed the newer one by the command line and not opened it yet."""
    street.publisher.offer(newer.told, newer.content)
    with somebody(street.base, street.old) as found:
        done = found.document(street.old / "hearth", "update", "install")
        assert done == {"installed": newer.version, "kind": "program"}
        yield found


@pytest.fixture
def neighbour(settled: Person, person: Person) -> Person:
    """Somebody else in that state."""
    there, here = settled.versions.folder, person.versions.folder
    shutil.copytree(there, here, symlinks=True, copy_function=os.link)
    person.own(person.home)
    return person


def until(holds: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for this while a process runs."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.002)


def loaded(pid: int) -> set[str]:
    """The files that a process has in its memory."""
    maps = Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines()
    return {line.split(maxsplit=5)[5] for line in maps if len(line.split(maxsplit=5)) == 6}


def end_all(process: subprocess.Popen[str]) -> None:
    """As a power cut, but for helpers: those end by themselves."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    psutil.wait_procs(family, timeout=PATIENCE_S)


def test_a_newer_version_is_installed_from_the_window_and_undone(
    street: Street, newer: Offered, person: Person
) -> None:
    street.publisher.offer(newer.told, newer.content)
    old, pointer = street.old, person.versions.pointer
    with person.window(old) as window:
        window.ready()
        window.ask(QUESTION)
        window.until(lambda seen: seen.is_answered)
        (chat,) = window.now.chats
        window.until(lambda seen: seen.says("Shall Hearth look for newer versions?"))
        window.do("click", name="Look once a day")
        window.until(lambda seen: seen.says(f"Hearth {newer.version}"))
        window.do("click", name="Show it")
        window.until(lambda seen: f"Download: {TITLE}" in seen.buttons)
        window.do("click", name=f"Download: {TITLE}")
        window.until(lambda seen: f"Do not install: {TITLE}" in seen.buttons)
        assert pointer() == Pointer()
        assert window.close() == 0
        assert "Traceback" not in window.complaints()
    assert pointer() == Pointer(newer.version, proven=False)
    assert person.version_of(old) == newer.version
    assert not pointer().proven  # only a window that was drawn proves it
    with person.window(old) as window:
        window.ready()
        window.until(lambda seen: pointer().proven)
        program = person.versions.program(newer.version, "hearth-driver")
        assert Path(f"/proc/{window.process.pid}/exe").readlink() == program
        assert window.now.chats == (chat,)
        window.do("chat", title=chat)
        window.until(lambda seen: [each.role for each in seen.messages] == ["user", "assistant"])
        assert window.close() == 0
        assert "Traceback" not in window.complaints()
    told = person.document(old / "hearth", "update")
    assert (told["version"], told["next_version"]) == (newer.version, newer.version)
    assert (told["can_undo"], told["failed"], told["damaged"]) == (True, "", "")
    assert person.run(old / "hearth", "selftest").returncode == 0
    assert not list(person.versions.tries.iterdir())
    with person.window(old) as window:
        window.ready()
        window.do("press", keys="Ctrl+,")
        window.until(lambda seen: f"Go back: {TITLE}" in seen.buttons)
        window.do("click", name=f"Go back: {TITLE}")
        window.until(lambda seen: f"Go back: {TITLE}" not in seen.buttons)
        window.found(lambda: pointer().version == "")
        assert window.close() == 0
    with person.window(old) as window:
        window.ready()
        assert Path(f"/proc/{window.process.pid}/exe").readlink() == old / "hearth-driver"
        assert window.now.chats == (chat,)
        assert window.close() == 0
    assert person.version_of(old) == street.version


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc")
def test_the_window_of_a_newer_version_has_nothing_of_the_older_one(
    street: Street, newer: Offered, neighbour: Person
) -> None:
    home = neighbour.versions.home(newer.version)
    with neighbour.begin(street.old / "hearth") as process:
        until(lambda: neighbour.versions.pointer().proven, process)
        pid = process.pid
        files, said = loaded(pid), Path(f"/proc/{pid}/environ").read_bytes().decode()
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
    ours = {each for each in files if "/_internal/" in each}
    assert len(ours) > 50
    assert any("libQt6Widgets" in each for each in ours)
    assert {each for each in ours if not each.startswith(f"{home}/")} == set()
    assert not [each for each in files if str(street.old) in each]
    said = dict(each.split("=", 1) for each in said.split("\0") if each)
    assert {name: text for name, text in said.items() if str(street.old) in text} == {}
    assert said["LD_LIBRARY_PATH"] == f"{home}/hearth/_internal"


@NEEDS_TRACER
def test_neither_a_newer_version_nor_its_helpers_open_anything_of_the_older_one(
    street: Street, newer: Offered, neighbour: Person
) -> None:
    log = neighbour.home / "opened.txt"
    trace = ("-f", "-s", "4096", "-e", "trace=execve,open,openat", "-o", str(log))
    words = (*trace, str(street.old / "hearth"), "doctor", "--json")
    done = neighbour.run(Path(str(shutil.which("strace"))), *words)
    assert done.returncode == 0, done.stderr + done.stdout
    lines = [line for line in log.read_text("utf-8").splitlines() if "ENOENT" not in line]
    lines = [unescaped(line) for line in lines]
    program = neighbour.versions.program(newer.version, "hearth")
    begins = [number for number, line in enumerate(lines) if f'execve("{program}"' in line]
    assert len(begins) > 2  # itself, and its helpers
    assert any(f'"{street.old}/_internal' in line for line in lines[: begins[0]])
    assert [line for line in lines[begins[0] + 1 :] if str(street.old) in line] == []
    assert any(f'"{program.parent}/_internal/runtime/' in line for line in lines)


def unescaped(line: str) -> str:
    """A line of strace's, with letters that are not ASCII as they are."""
    raw = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), line.encode())
    return raw.decode("utf-8", "replace")


def library_of(bundle: Path) -> Path:
    return bundle / "_internal" / "PySide6" / "QtWidgets.abi3.so"


def without_a_library(bundle: Path) -> None:
    (bundle / "_internal" / "PySide6" / "Qt" / "lib" / "libQt6Widgets.so.6").unlink()


def without_python(bundle: Path) -> None:
    (library,) = bundle.glob("_internal/libpython3*.so*")
    library.unlink()


def with_half_a_library(bundle: Path) -> None:
    written(library_of(bundle), lambda content: content[: len(content) // 2])


def with_half_a_program(bundle: Path) -> None:
    written(bundle / "hearth", lambda content: content[: len(content) // 2])


def with_a_rotten_library(bundle: Path) -> None:
    written(library_of(bundle), lambda content: bytes(len(content)))


def with_a_rotten_program(bundle: Path) -> None:
    half = 1_000_000  # what starts is whole, and what it is to start is not
    written(bundle / "hearth", lambda content: content[:half] + bytes(len(content) - half))


def written(path: Path, how: Callable[[bytes], bytes]) -> None:
    """Something else in a file, which has other names elsewhere that stay as they are."""
    content, mode = path.read_bytes(), path.stat().st_mode
    path.unlink()
    path.write_bytes(how(content))
    path.chmod(mode)


SEEN = (without_a_library, without_python, with_half_a_library, with_half_a_program)
NOT_SEEN = (with_a_rotten_library, with_a_rotten_program)


@pytest.mark.parametrize("damage", SEEN, ids=lambda each: each.__name__)
@pytest.mark.parametrize("proven", [False, True])
def test_one_that_has_lost_something_is_not_started_and_that_is_said(
    street: Street, newer: Offered, neighbour: Person, damage: Callable[[Path], None], proven: bool
) -> None:
    neighbour.versions.point(Pointer(newer.version, proven=proven))
    damage(neighbour.versions.home(newer.version) / "hearth")
    neighbour.own(neighbour.home)
    assert neighbour.version_of(street.old) == street.version
    told = neighbour.document(street.old / "hearth", "update")
    assert (told["next_version"], told["damaged"]) == (street.version, newer.version)


@pytest.mark.parametrize("damage", NOT_SEEN, ids=lambda each: each.__name__)
def test_one_that_fails_twice_is_left_and_that_is_said(
    street: Street, newer: Offered, neighbour: Person, damage: Callable[[Path], None]
) -> None:
    damage(neighbour.versions.home(newer.version) / "hearth")
    neighbour.own(neighbour.home)
    comes_back(street, neighbour, newer.version)


def test_one_that_was_damaged_is_installed_again_from_the_window(
    street: Street, newer: Offered, neighbour: Person
) -> None:
    street.publisher.offer(newer.told, newer.content)
    without_a_library(neighbour.versions.home(newer.version) / "hearth")
    with neighbour.window(street.old) as window:
        window.until(lambda seen: seen.says(f"Files of Hearth {newer.version} are missing"))
        window.do("click", name="Show it")
        window.until(lambda seen: f"Look now: {TITLE}" in seen.buttons)
        window.do("click", name=f"Look now: {TITLE}")
        window.until(lambda seen: f"Download: {TITLE}" in seen.buttons)
        window.do("click", name=f"Download: {TITLE}")
        window.until(lambda seen: f"Do not install: {TITLE}" in seen.buttons)
        assert window.close() == 0
    assert neighbour.version_of(street.old) == newer.version
    assert neighbour.document(street.old / "hearth", "update")["damaged"] == ""


def test_one_that_dies_before_its_window_is_left_and_not_offered_again(
    street: Street, person: Person
) -> None:
    worse = street.offered(street.later(2), ABORTS)
    street.publisher.offer(worse.told, worse.content)
    assert person.document(street.old / "hearth", "update", "install")["installed"] == worse.version
    assert person.version_of(street.old) == worse.version
    comes_back(street, person, worse.version, wants=-signal.SIGABRT)
    told = person.document(street.old / "hearth", "update", "check")
    assert (told["is_newer"], told["has_failed"]) == (True, True)  # who asks is told
    look_daily(person)
    asked = len(street.publisher.far.asked)
    (person.versions.folder / "seen.json").unlink()  # as if a day had passed
    with person.window(street.old) as window:
        window.found(lambda: len(street.publisher.far.asked) >= asked + 2)
        window.do("settle")
        assert not window.now.says("There is a newer version")
        assert not window.now.says("did not start")  # it was said once
        assert window.close() == 0


def look_daily(person: Person) -> None:
    """Have the next window ask by itself."""
    settings = SettingsFile(profile_at(person.home / ".local" / "share" / "hearth").settings)
    settings.set(UPDATES_DAILY, True).result(DEADLINE_S)
    assert settings.close(DEADLINE_S)
    person.own(person.home)


def comes_back(street: Street, person: Person, version: str, wants: int | None = None) -> None:
    """Two starts fail; the third is the older one's by itself, and says so."""
    assert person.versions.pointer() == Pointer(version, proven=False)
    for _ in range(2):
        with person.begin(street.old / "hearth") as process:
            code = ended(process)
            assert code != 0
            assert wants in (None, code)
    with person.window(street.old) as window:
        window.until(lambda seen: seen.says(f"Hearth {version} did not start, twice."))
        assert Path(f"/proc/{window.process.pid}/exe").readlink().parent == street.old
        assert window.close() == 0
    assert person.versions.pointer() == Pointer("", proven=True, failed=(version,))
    assert person.version_of(street.old) == street.version
    assert person.document(street.old / "hearth", "update")["failed"] == version


def ended(process: subprocess.Popen[str]) -> int:
    """The exit code of a start; whatever its words are, they are sentences."""
    _, complaints = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in complaints
    return process.returncode


def test_a_kill_at_any_moment_leaves_the_older_one_and_the_next_try_succeeds(
    street: Street, newer: Offered, person: Person
) -> None:
    street.publisher.offer(newer.told, newer.content)
    path, answers = street.publisher.path(newer.told), street.publisher.far.answers
    n_bytes = len(newer.content)
    for share in (0.0, 0.0001, 0.2, 0.7, 0.9999):
        wanted = int(share * n_bytes)
        answers[path] = held(wanted)
        asked = len(street.publisher.far.asked)
        with person.begin(street.old / "hearth", "update", "install") as process:
            until(lambda asked=asked: came(street, path, asked), process)  # type: ignore[misc]
            until(lambda wanted=wanted: arrived(person) >= wanted * 0.9, process)  # type: ignore[misc]
            end_all(process)
        still_the_older(street, person)
    del answers[path]
    moments: list[Callable[[], bool]] = [
        lambda: unpacked(person, newer) > 0,
        lambda: unpacked(person, newer) > newer.unpacked_bytes // 2,
        lambda: unpacked(person, newer) > newer.unpacked_bytes * 0.98,
        lambda: person.versions.home(newer.version).exists(),
    ]
    for moment in moments:
        with person.begin(street.old / "hearth", "update", "install") as process:
            until(moment, process)
            end_all(process)
        still_the_older(street, person)
    done = person.document(street.old / "hearth", "update", "install")
    assert done["installed"] == newer.version
    assert person.version_of(street.old) == newer.version
    same_files(newer.bundle, person.versions.home(newer.version) / "hearth")
    names = {each.name for each in person.versions.home(newer.version).parent.iterdir()}
    assert names == {newer.version}


def came(street: Street, path: str, before: int) -> bool:
    return any(each.path == path for each in street.publisher.far.asked[before:])


def arrived(person: Person) -> int:
    """Bytes of the archive that are on the disk."""
    folder = person.versions.folder / "incoming"
    return max((each.stat().st_size for each in folder.rglob("*.part")), default=0)


def unpacked(person: Person, newer: Offered) -> int:
    """Bytes that have come out of it so far."""
    home = person.versions.home(newer.version)
    if home.exists():
        return newer.unpacked_bytes
    total = 0
    for folder, _, names in os.walk(home.with_name(f".new-{home.name}")):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total


def still_the_older(street: Street, person: Person) -> None:
    """It runs, and nothing waits to take its place."""
    told = person.document(street.old / "hearth", "update")
    assert (told["version"], told["next_version"]) == (street.version, street.version)
    assert (told["staged"], told["failed"], told["can_undo"]) == ("", "", False)


def same_files(one: Path, other: Path) -> None:
    def seen(folder: Path) -> dict[str, Any]:
        return {
            str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mode & 0o100)
            for path in folder.rglob("*")
            if path.is_file()
        }

    assert seen(one) == seen(other)


def test_what_is_not_as_it_was_signed_is_refused_in_a_sentence(
    street: Street, newer: Offered, person: Person
) -> None:
    publisher, program = street.publisher, street.old / "hearth"
    middle = len(newer.content) // 2
    flipped = bytearray(newer.content)
    flipped[middle] ^= 1
    publisher.offer(newer.told, bytes(flipped))
    assert "arrived damaged" in person.refused(program, "update", "install")
    still_the_older(street, person)
    part = newer.content[:middle]
    publisher.offer(newer.says(part), part)  # a slip of who publishes: signed, and not whole
    assert "cannot be unpacked" in person.refused(program, "update", "install")
    still_the_older(street, person)
    publisher.offer(newer.told, newer.content, signer=Signer())
    assert "not signed" in person.refused(program, "update", "install")
    still_the_older(street, person)
    publisher.offer(newer.told, newer.content, serial=1)
    assert "older than what came before" in person.refused(program, "update", "install")
    still_the_older(street, person)
    homes = person.versions.home(newer.version).parent
    assert not list(homes.iterdir())


def test_one_that_does_not_work_here_is_not_installed(
    street: Street, newer: Offered, person: Person
) -> None:
    from installer.package import updates

    bundle = street.made(street.later(4), "made incomplete")
    without_python(bundle)
    for name in ("PySide6", "runtime"):  # what comes later is not looked for then
        shutil.rmtree(bundle / "_internal" / name)
    into = street.base / "packed incomplete"
    into.mkdir()
    archive = updates.archive(bundle, into, is_quick=True)
    street.publisher.offer(street.publisher.told(archive), archive.read_bytes())
    said = person.refused(street.old / "hearth", "update", "install")
    assert "does not work on this computer" in said
    assert "libpython" in said
    still_the_older(street, person)
    assert not list(person.versions.home("1").parent.iterdir())


def test_of_two_that_are_installed_the_newer_one_starts(
    street: Street, newer: Offered, neighbour: Person
) -> None:
    system = street.made(street.later(9), "system")
    assert neighbour.version_of(system) == street.later(9)
    told = neighbour.document(system / "hearth", "update")
    assert (told["version"], told["next_version"]) == (street.later(9), street.later(9))
    assert neighbour.version_of(street.old) == newer.version
    assert neighbour.version_of(street.old, **{STAY: "1"}) == street.version
    told = neighbour.document(street.old / "hearth", "update", **{STAY: "1"})
    assert (told["version"], told["next_version"]) == (street.version, newer.version)
    undone = neighbour.document(street.old / "hearth", "update", "undo")
    assert undone == {"kind": "program", "back_to": street.version}
    assert neighbour.version_of(street.old) == street.version
