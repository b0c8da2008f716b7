"""The installer for Windows: compiled from a made-up bundle, and where Wine is, installed for real.

Wine alone runs 64-bit programs here, so what it runs is made with NSIS's 64-bit stub; the script
is the same.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from installer.windows import nsis
from installer.windows.nsis import CannotPackage, Wanted

ROOT = Path(__file__).resolve().parents[3]
ODD_PLACE = "_internal/resources/a$b é/some $x file.txt"
FILES = ("hearth.exe", "hearth-cli.exe", "_internal/runtime/lib/ggml.dll", ODD_PLACE)
ONLY_OLD = "_internal/old/only-in-the-older.txt"
UNINSTALL = r"Software\Microsoft\Windows\CurrentVersion\Uninstall\Hearth"
CLASSES = r"HKCU\Software\Classes"
WINDOWS_64 = "amd64-unicode"

pytestmark = pytest.mark.skipif(
    not shutil.which("makensis"), reason="makensis is missing (Debian: apt-get install nsis)"
)


def bundle(folder: Path, *more: str) -> Path:
    for name in (*FILES, *more):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, "utf-8")
    return folder


@pytest.fixture(scope="module")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    line = [sys.executable, "-m", "installer.package.icons", str(folder)]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture
def wanted(tmp_path: Path, icons: Path) -> Wanted:
    made = bundle(tmp_path / "bundle")
    return Wanted(made, icons, "1.2.3", "x86_64", tmp_path / "out" / "Hearth-1.2.3.exe")


@pytest.mark.parametrize("architecture", nsis.ARCHITECTURES)
def test_it_compiles_without_a_warning(wanted: Wanted, architecture: str) -> None:
    made = nsis.compiled(dataclasses.replace(wanted, architecture=architecture))
    assert made.read_bytes()[:2] == b"MZ"


def test_each_program_the_uninstaller_and_the_installer_are_signed(
    wanted: Wanted, tmp_path: Path
) -> None:
    signer, record = tmp_path / "sign.sh", tmp_path / "signed"
    signer.write_text(f'#!/bin/sh\nhead -c 2 "$1" >> "{record}"\necho " $1" >> "{record}"\n')
    signer.chmod(0o755)
    nsis.compiled(dataclasses.replace(wanted, sign=str(signer)))
    signed = record.read_text("utf-8", "replace").splitlines()
    assert [Path(line[3:]).name for line in signed[:2]] == list(nsis.PROGRAMS)
    assert len(signed) == 4
    assert signed[-1].endswith("Hearth-1.2.3.exe")
    assert all(line.startswith("MZ ") for line in signed[2:])


def test_a_signer_that_fails_fails_the_whole(wanted: Wanted) -> None:
    with pytest.raises(CannotPackage, match=r"hearth\.exe could not be signed"):
        nsis.compiled(dataclasses.replace(wanted, sign="false"))


def test_what_is_no_bundle_is_refused(wanted: Wanted) -> None:
    (wanted.bundle / "hearth-cli.exe").unlink()
    with pytest.raises(CannotPackage, match=r"no bundle for Windows: no hearth-cli\.exe"):
        nsis.compiled(wanted)


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    if not shutil.which("wine") or not shutil.which("wineboot"):
        pytest.skip("wine is missing (Debian: apt-get install wine wine64)")
    made = Wine(tmp_path_factory.mktemp("wine") / "prefix")
    yield made
    made.close()


class Wine:
    """A Windows of one's own, of version 10."""

    def __init__(self, prefix: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "LC_ALL": "C.UTF-8"}
        self._environment = {**kept, **quiet, "WINEPREFIX": str(prefix)}
        self._run("wineboot", "-i")
        self._run("wine", "winecfg", "-v", "win10")
        self.drive = prefix / "drive_c"
        users = [path for path in (self.drive / "users").iterdir() if path.name != "Public"]
        self.person = users[0]
        self.local = self.person / "AppData" / "Local"
        self.own = self.local / "Programs" / "Hearth"

    def _run(self, *line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )

    def start(self, program: Path, *words: str) -> int:
        return self._run("wine", str(program), *words).returncode

    @contextmanager
    def running(self, program: Path) -> Iterator[None]:
        """A program that waits, until the block ends."""
        line = ["wine", str(program), "/k"]
        pipe = subprocess.PIPE
        with subprocess.Popen(line, env=self._environment, stdin=pipe, stdout=pipe) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            process.stdout.read(1)  # its prompt: it is there
            yield
            process.stdin.write(b"exit\r\n")
            process.stdin.close()
            process.stdout.read()

    def uninstall(self, folder: Path) -> int:
        """With `_?=` the uninstaller is its own process, and can be waited for; it then stays."""
        inside = folder.relative_to(self.drive).as_posix().replace("/", "\\")
        code = self.start(folder / "uninstall.exe", "/S", f"_?=C:\\{inside}")
        (folder / "uninstall.exe").unlink(missing_ok=True)
        return code

    def value(self, key: str, name: str = "") -> str | None:
        """A value of the registry; None if it is not there."""
        which = ["/v", name] if name else ["/ve"]
        done = self._run("wine", "reg", "query", key, *which)
        lines = [line for line in done.stdout.splitlines() if "REG_" in line]
        return lines[0].split("REG_SZ", 1)[-1].strip() if done.returncode == 0 and lines else None

    def set(self, key: str, value: str) -> None:
        assert self._run("wine", "reg", "add", key, "/ve", "/d", value, "/f").returncode == 0

    def remove(self, key: str) -> None:
        self._run("wine", "reg", "delete", key, "/f")

    def attach(self, letter: str, folder: Path) -> None:
        """Another disk."""
        (self.drive.parent / "dosdevices" / letter).symlink_to(folder)

    def has(self, key: str) -> bool:
        return self._run("wine", "reg", "query", key).returncode == 0

    def close(self) -> None:
        self._run("wineserver", "-k")
        self._run("wineserver", "-w")


@dataclasses.dataclass(frozen=True)
class Setups:
    older: Path
    newer: Path


@pytest.fixture(scope="module")
def setups(tmp_path_factory: pytest.TempPathFactory, icons: Path) -> Setups:
    folder = tmp_path_factory.mktemp("setups")
    made = []
    for version, more in (("1.9.0", (ONLY_OLD,)), ("1.10.0", ())):
        files = bundle(folder / version, *more)
        out = folder / f"Hearth-{version}.exe"
        made.append(nsis.compiled(Wanted(files, icons, version, "x86_64", out, target=WINDOWS_64)))
    return Setups(*made)


def installed(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


OURS = {*FILES, "model.ico", "uninstall.exe"}


def shortcuts(wine: Wine) -> list[Path]:
    return list(wine.drive.rglob("Hearth.lnk"))


def test_installed_upgraded_and_removed_with_nothing_left_but_the_profile(
    wine: Wine, setups: Setups
) -> None:
    profile = wine.local / "hearth" / "hearth.db"
    profile.parent.mkdir(parents=True)
    profile.write_text("chats")
    fetched = wine.local / "hearth-program" / "versions" / "2.0.0" / "hearth" / "hearth.exe"
    fetched.parent.mkdir(parents=True)
    fetched.write_text("newer")
    assert wine.start(setups.older, "/S") == 0
    assert installed(wine.own) == {*OURS, ONLY_OLD}
    assert wine.value(rf"HKCU\{UNINSTALL}", "DisplayVersion") == "1.9.0"
    assert wine.value(rf"HKCU\{UNINSTALL}", "Publisher") == "The Hearth developers"
    assert wine.value(rf"{CLASSES}\.gguf") == "Hearth.gguf"
    command = wine.value(rf"{CLASSES}\Hearth.gguf\shell\open\command")
    assert command is not None
    assert command.endswith(r'\AppData\Local\Programs\Hearth\hearth.exe" --open "%1"')
    assert len(shortcuts(wine)) == 1

    assert wine.start(setups.newer, "/S") == 0
    assert installed(wine.own) == OURS, "what only the older one had is gone"
    assert not (wine.own / ONLY_OLD).parent.exists()
    assert wine.value(rf"HKCU\{UNINSTALL}", "DisplayVersion") == "1.10.0"
    assert fetched.exists()

    assert wine.start(setups.older, "/S") == 4, "1.10 is newer than 1.9"
    assert wine.value(rf"HKCU\{UNINSTALL}", "DisplayVersion") == "1.10.0"
    pointer = wine.local / "hearth-program" / "current.json"
    pointer.write_text("{}")
    assert wine.start(setups.newer, "/S") == 0
    assert pointer.exists()
    assert wine.start(setups.older, "/S", "/Downgrade") == 0
    assert wine.value(rf"HKCU\{UNINSTALL}", "DisplayVersion") == "1.9.0"
    assert not pointer.exists(), "or the version that was fetched would be started, not this one"

    assert wine.uninstall(wine.own) == 0
    assert not wine.own.exists() or not any(wine.own.iterdir())
    assert profile.read_text() == "chats"
    assert not fetched.exists()
    assert shortcuts(wine) == []
    for key in (rf"HKCU\{UNINSTALL}", rf"{CLASSES}\.gguf", rf"{CLASSES}\Hearth.gguf"):
        assert not wine.has(key)
    assert not wine.has(r"HKCU\Software\Hearth")


def test_what_others_do_with_model_files_stays_theirs(wine: Wine, setups: Setups) -> None:
    wine.set(rf"{CLASSES}\.gguf", "Other.gguf")
    assert wine.start(setups.newer, "/S") == 0
    assert wine.value(rf"{CLASSES}\.gguf") == "Other.gguf"
    assert wine.value(rf"{CLASSES}\.gguf\OpenWithProgids", "Hearth.gguf") is not None
    assert wine.start(setups.newer, "/S", "/NoAssociation") == 0
    assert wine.value(rf"{CLASSES}\.gguf\OpenWithProgids", "Hearth.gguf") is None
    other = wine.own / "notes of mine.txt"
    other.write_text("kept")
    assert wine.uninstall(wine.own) == 0
    assert wine.value(rf"{CLASSES}\.gguf") == "Other.gguf"
    assert installed(wine.own) == {other.name}, "a file that is not ours is not removed"
    wine.remove(rf"{CLASSES}\.gguf")
    other.unlink()


def test_a_helper_that_still_runs_is_waited_for(wine: Wine, icons: Path, tmp_path: Path) -> None:
    """It holds the same libraries; a mixture of two versions would be left."""
    made = []
    for version in ("1.0.0", "1.1.0"):
        files = bundle(tmp_path / version)
        shutil.copy(wine.drive / "windows" / "system32" / "cmd.exe", files / "hearth-cli.exe")
        out = tmp_path / f"Hearth-{version}.exe"
        made.append(nsis.compiled(Wanted(files, icons, version, "x86_64", out, target=WINDOWS_64)))
    assert wine.start(made[0], "/S", "/CurrentUser") == 0
    with wine.running(wine.own / "hearth-cli.exe"):
        assert wine.start(made[1], "/S") == 5
        assert installed(wine.own) == OURS, "nothing of the older one was taken away"
        assert wine.value(rf"HKCU\{UNINSTALL}", "DisplayVersion") == "1.0.0"
        assert wine.uninstall(wine.own) == 5
    assert wine.start(made[1], "/S") == 0
    assert wine.uninstall(wine.own) == 0


def test_without_room_the_older_one_stays(wine: Wine, icons: Path, tmp_path: Path) -> None:
    """It is taken out before the newer one is put there."""
    drive = tmp_path / "small"
    drive.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(drive)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("only root can make a small disk")
    try:
        wine.attach("s:", drive)
        made = []
        for version, n_bytes in (("1.0.0", 2_000_000), ("1.1.0", 9_000_000)):
            files = bundle(tmp_path / version)
            (files / "_internal" / "weights").write_bytes(os.urandom(n_bytes))
            out = tmp_path / f"Hearth-{version}.exe"
            stub = Wanted(files, icons, version, "x86_64", out, target=WINDOWS_64)
            made.append(nsis.compiled(stub))
        assert wine.start(made[0], "/S", "/CurrentUser", r"/D=S:\Hearth") == 0
        before = installed(drive / "Hearth")
        assert wine.start(made[1], "/S") == 8
        assert installed(drive / "Hearth") == before
        assert wine.value(rf"HKCU\{UNINSTALL}", "DisplayVersion") == "1.0.0"
        assert wine.start(made[0], "/S") == 0, "there is room for what is as large as before"
        assert wine.start(drive / "Hearth" / "uninstall.exe", "/S", r"_?=S:\Hearth") == 0
    finally:
        subprocess.run(["umount", "--lazy", str(drive)], check=True)


def test_for_everyone_nothing_is_removed_where_a_person_may_write(
    wine: Wine, setups: Setups
) -> None:
    """There a link could lead an administrator's uninstaller anywhere."""
    fetched = wine.local / "hearth-program" / "versions" / "2.0.0" / "hearth.exe"
    fetched.parent.mkdir(parents=True)
    fetched.write_text("newer")
    assert wine.start(setups.newer, "/S", "/AllUsers") == 0
    assert wine.uninstall(wine.drive / "Program Files" / "Hearth") == 0
    assert fetched.exists()
    shutil.rmtree(wine.local / "hearth-program")


def test_for_everyone_it_goes_where_programs_are(wine: Wine, setups: Setups) -> None:
    assert wine.start(setups.older, "/S", "/AllUsers") == 0
    folder = wine.drive / "Program Files" / "Hearth"
    assert installed(folder) == {*OURS, ONLY_OLD}
    assert wine.value(rf"HKLM\{UNINSTALL}", "DisplayVersion") == "1.9.0"
    assert not wine.has(rf"HKCU\{UNINSTALL}")
    assert wine.start(setups.newer, "/S") == 0, "an upgrade finds where the older one is"
    assert installed(folder) == OURS
    assert installed(wine.own) == set()
    assert wine.uninstall(folder) == 0
    assert not wine.has(rf"HKLM\{UNINSTALL}")
    assert shortcuts(wine) == []


def test_another_folder_may_be_named_if_nothing_of_others_is_in_it(
    wine: Wine, setups: Setups
) -> None:
    folder = wine.drive / "Wärme und Licht" / "Hearth"
    folder.mkdir(parents=True)
    (folder / "theirs.txt").write_text("theirs")
    # NSIS takes the rest of the line as it is, and no quotes around it.
    there = [r"/D=C:\Wärme", r"und", r"Licht\Hearth"]
    assert wine.start(setups.newer, "/S", *there) == 7
    assert installed(folder) == {"theirs.txt"}
    assert not wine.has(rf"HKCU\{UNINSTALL}")
    (folder / "theirs.txt").unlink()
    assert wine.start(setups.newer, "/S", *there) == 0
    assert installed(folder) == OURS
    assert wine.uninstall(folder) == 0
    assert installed(folder) == set()
