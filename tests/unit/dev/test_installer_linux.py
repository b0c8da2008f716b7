"""The Debian package and the archive for one person, made of a made-up bundle."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from installer.linux import copyright as copyrights
from installer.linux import deb, tar
from installer.linux.archive import Tree, write_tar_xz
from installer.linux.parts import Facts, facts_of
from installer.package import contents, desktop, updates
from installer.runtime import recipe

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux packages")
BUILT_AT = 1_790_000_000
PROGRAM = "#!/bin/sh\necho a program\n"
CHANGES = """# Changelog

## [Unreleased]

- Later.

## [1.2.0]

### Added

- One thing
  goes on.
- Two.
"""
QT = {"name": "Qt", "version": "6.1", "licence": "LGPL-3.0-only"}
Install = Callable[..., subprocess.CompletedProcess[str]]


def made_up(folder: Path, version: str = "1.2.0", machine: str = "") -> Path:
    """A bundle with the least that one has."""
    inside = folder / "_internal"
    (inside / "licences").mkdir(parents=True)
    program = folder / "hearth"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    machine = machine or recipe.this_system()[1]
    told = {"version": version, "machine": machine, "built_at": "2026-09-21T14:13:20Z"}
    (inside / "build.json").write_text(json.dumps(told))
    (inside / "a library.so").write_bytes(b"\0")
    (inside / "link.so").symlink_to("a library.so")
    index = [
        {"name": "Hearth", "version": "", "licence": "MIT", "texts": ["hearth.txt"], "source": ""},
        {**QT, "texts": ["qt.txt", "LGPL-3.0.txt"], "source": "https://download.qt.io"},
    ]
    (inside / "licences" / "index.json").write_text(json.dumps(index))
    text = "Copyright (c) 2026 The Hearth developers\n\nPermission is hereby granted.\n\nAS IS.\n"
    (inside / "licences" / "hearth.txt").write_text(text)
    return folder


@pytest.fixture
def share(tmp_path: Path) -> Path:
    desktop.place(tmp_path / "share", "1.2.0", BUILT_AT)
    return tmp_path / "share"


# --- the package ---


def test_the_same_bundle_gives_the_same_package(tmp_path: Path, share: Path) -> None:
    made = []
    for name in ("first", "second"):
        bundle = made_up(tmp_path / name / "hearth")
        os.utime(bundle / "hearth", (1, 1) if name == "first" else (2, 2))
        (tmp_path / name / "out").mkdir()
        made.append(deb.package(bundle, share, tmp_path / name / "out", CHANGES).read_bytes())
    assert made[0] == made[1]


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg is missing")
@pytest.mark.parametrize("preset", [0, None])
def test_dpkg_reads_it(tmp_path: Path, share: Path, preset: int | None) -> None:
    path = deb.package(made_up(tmp_path / "hearth"), share, tmp_path, CHANGES, preset)
    assert path.name.startswith("hearth_1.2.0_")
    shown = subprocess.run(
        ["dpkg-deb", "--field", str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert "Package: hearth\nVersion: 1.2.0\n" in shown
    into = tmp_path / "unpacked"
    subprocess.run(["dpkg-deb", "--extract", str(path), str(into)], check=True)
    assert (into / "usr/lib/hearth/hearth").read_text() == PROGRAM
    assert (into / "usr/bin/hearth").readlink() == Path("../lib/hearth/hearth")
    assert (into / "usr/bin/hearth").resolve() == (into / "usr/lib/hearth/hearth").resolve()
    assert (into / "usr/share/applications/hearth.desktop").is_file()
    about = tmp_path / "about"
    subprocess.run(["dpkg-deb", "--control", str(path), str(about)], check=True)
    assert sorted(each.name for each in about.iterdir()) == ["control", "md5sums"]
    subprocess.run(["md5sum", "--check", "--quiet", str(about / "md5sums")], cwd=into, check=True)


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg is missing")
@pytest.mark.parametrize(("machine", "called"), [("x86_64", "amd64"), ("arm64", "arm64")])
def test_there_is_one_for_each_processor_that_runtimes_are_built_for(
    tmp_path: Path, share: Path, machine: str, called: str
) -> None:
    path = deb.package(made_up(tmp_path / "hearth", machine=machine), share, tmp_path, "", None)
    assert path.name == f"hearth_1.2.0_{called}.deb"


@pytest.mark.parametrize("wanted", ["x86_64", "arm64"])
def test_the_script_knows_each_processor_by_what_linux_calls_it(
    tmp_path: Path, share: Path, home: Path, start: Install, wanted: str
) -> None:
    archive = unpacked(made_up(tmp_path / "b", machine=wanted), share, tmp_path / "downloads")
    other = tmp_path / "bin"
    other.mkdir()
    for called in ("x86_64", "aarch64"):
        tool = other / "uname"
        tool.write_text(f"#!/bin/sh\n[ $1 = -s ] && echo Linux || echo {called}\n")
        tool.chmod(0o755)
        done = start(archive / "install.sh", PATH=f"{other}:/usr/bin:/bin")
        fits = (wanted == "arm64") == (called == "aarch64")
        assert (done.returncode == 0) == fits, done.stderr
        assert ("Fetch the archive" in done.stderr) != fits


def test_what_is_opened_only_where_it_is_there_is_recommended() -> None:
    """apt brings it then, as nearly everybody wants it, and who does not can leave it out."""
    assert set(contents.OPTIONAL_LIBRARIES) <= set(deb.RECOMMENDS)
    # Without authorities nobody who vouches for a server is believed: no download.
    assert "ca-certificates" in deb.RECOMMENDS


def test_the_changelog_is_that_of_the_version() -> None:
    text = deb.changelog(CHANGES, Facts("1.2.0", "x86_64", BUILT_AT))
    assert text.startswith("hearth (1.2.0) unstable; urgency=medium\n\n  * One thing goes on.\n")
    assert "Later" not in text
    assert "  * Later.\n" in deb.changelog(CHANGES, Facts("1.3.0", "x86_64", BUILT_AT))


def test_the_notice_names_every_part_and_its_text(tmp_path: Path) -> None:
    text = copyrights.text(made_up(tmp_path / "hearth"), "/usr/lib/hearth")
    stanzas = text.split("\n\n")
    assert stanzas[0].startswith("Format: https://www.debian.org/")
    assert "Qt 6.1: LGPL-3.0-only. /usr/lib/hearth/_internal/licences/qt.txt" in text
    assert all(
        line.startswith(" ") or ": " in line or line.endswith(":")
        for line in text.split("\n")
        if line
    )


def test_every_override_has_a_reason() -> None:
    lines = deb.overrides().splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith("#"):
            assert lines[number - 1].startswith("# ")


# --- the archive for one person ---


def unpacked(bundle: Path, share: Path, into: Path) -> Path:
    """The archive, made, and unpacked as a person does."""
    into.mkdir()
    path = tar.package(bundle, share, into, preset=0)
    with tarfile.open(path) as archive:
        archive.extractall(into, filter="tar")
    return into / f"hearth-{facts_of(bundle).version}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / 'Jürgen "$Ž" 100%'
    folder.mkdir()
    return folder


@pytest.fixture
def start(home: Path) -> Install:
    def run(script: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        told = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        return subprocess.run(
            [str(script), *words],
            env={**told, "HEARTH_AS_ROOT": "yes", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def archive(tmp_path: Path, share: Path) -> Path:
    return unpacked(made_up(tmp_path / "hearth"), share, tmp_path / "downloads here")


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def test_installed_upgraded_and_removed(
    archive: Path, share: Path, home: Path, tmp_path: Path, start: Install
) -> None:
    profile = home / ".local/share/hearth/hearth.db"
    profile.parent.mkdir(parents=True)
    profile.write_text("chats")
    done = start(archive / "install.sh")
    assert done.returncode == 0, done.stderr
    assert "Hearth 1.2.0 is installed" in done.stdout
    assert start(home / ".local/bin/hearth").stdout == "a program\n"
    entry = (home / ".local/share/applications/hearth.desktop").read_text()
    place = f"{home}/.local/lib/hearth/hearth"
    quoted = place.replace('"', '\\\\"').replace("$", "\\\\$").replace("%", "%%")
    assert f'Exec="{quoted}" --open %f\n' in entry
    assert f"TryExec={place}\n" in entry

    bundle = made_up(tmp_path / "later" / "hearth", "1.10.0")
    (bundle / "_internal" / "a library.so").unlink()
    later = unpacked(bundle, share, tmp_path / "later downloads")
    done = start(later / "install.sh")
    assert "Hearth 1.10.0 takes the place of 1.2.0" in done.stdout
    assert not (home / ".local/lib/hearth/_internal/a library.so").exists()
    refused = start(archive / "install.sh")
    assert refused.returncode == 3
    assert "which is newer" in refused.stderr
    assert start(archive / "install.sh", "--downgrade").returncode == 0

    fetched = home / ".local/share/hearth-program/versions/2.0.0/hearth"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    done = start(home / ".local/lib/hearth/uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert f"still in {home}/.local/share/hearth" in done.stdout
    assert names(home) == {".local/share/hearth/hearth.db"}
    assert not (home / ".local/share/mime").exists()
    assert start(archive / "uninstall.sh").returncode == 3


def test_what_newer_versions_are_fetched_as_is_another_file(tmp_path: Path, share: Path) -> None:
    """It is laid out otherwise; both are made in one folder."""
    bundle = made_up(tmp_path / "hearth")
    made = tar.package(bundle, share, tmp_path, preset=0)
    fetched = updates.archive(bundle, tmp_path)
    assert made != fetched
    assert (
        json.loads(updates.latest(tmp_path, 1, "", "2026-09-21"))["artefacts"][
            updates.platform_name()
        ]["file"]
        == fetched.name
    )
    fetched.unlink()
    with pytest.raises(ValueError, match="Archives of one version"):
        updates.latest(tmp_path, 1, "", "2026-09-21")


def test_twice_is_as_once(archive: Path, home: Path, start: Install) -> None:
    assert start(archive / "install.sh").returncode == 0
    before = names(home)
    assert start(archive / "install.sh").returncode == 0
    assert names(home) == before


def tool(folder: Path, name: str, says: str) -> dict[str, str]:
    """A PATH in which a tool of the system says something else."""
    folder.mkdir(exist_ok=True)
    script = folder / name
    script.write_text(f"#!/bin/sh\necho '{says}'\n")
    script.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def refused(done: subprocess.CompletedProcess[str], home: Path, *words: str) -> None:
    assert done.returncode == 3, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert names(home) == set()


def test_what_does_not_suit_is_refused_in_words(
    archive: Path, home: Path, tmp_path: Path, start: Install
) -> None:
    script, other = archive / "install.sh", tmp_path / "bin"
    old = tool(other, "getconf", "glibc 2.9")
    refused(start(script, **old), home, "too old", "glibc 2.9")
    (other / "getconf").unlink()
    wrong = tool(other, "uname", "riscv64")
    refused(start(script, **wrong), home, "for Linux")
    (other / "uname").unlink()
    refused(start(script, HOME=str(tmp_path / "nobody")), home, "home folder")
    refused(start(script, **tool(other, "id", "0"), HEARTH_AS_ROOT=""), home, "without sudo")
    assert start(script, "--what").returncode == 2


@pytest.mark.parametrize("harm", ["missing", "cut", "no list"])
def test_an_archive_that_is_not_whole_is_refused(
    archive: Path, home: Path, start: Install, harm: str
) -> None:
    file = archive / "hearth/_internal/build.json"
    if harm == "missing":
        file.unlink()
    elif harm == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        (archive / "files.sha256").unlink()
    refused(start(archive / "install.sh"), home, "not unpacked whole")


def test_no_tool_is_asked_for_what_only_gnu_has(
    archive: Path, home: Path, tmp_path: Path, start: Install
) -> None:
    """BusyBox, which some systems with glibc have, knows no long words there."""
    other = tmp_path / "bin"
    other.mkdir()
    simple = '#!/bin/sh\ncase "$*" in *--*) exit 1;; esac\nexec /usr/bin/%s "$@"\n'
    for name in ("sha256sum", "sort", "cp", "ln", "find", "df", "du"):
        (other / name).write_text(simple % name)
        (other / name).chmod(0o755)
    done = start(archive / "install.sh", PATH=f"{other}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    (archive / "hearth" / "hearth").write_text("another")
    done = start(archive / "install.sh", PATH=f"{other}:/usr/bin:/bin")
    assert "hearth/hearth" in done.stderr


def test_what_is_not_hearths_is_left_alone(archive: Path, home: Path, start: Install) -> None:
    for name in (".local/bin/hearth", ".local/lib/hearth"):
        other = home / name
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text("mine")
        done = start(archive / "install.sh")
        assert done.returncode == 3
        assert "Move it away" in done.stderr
        assert names(home) == {name}
        other.unlink()


def test_a_hearth_that_runs_is_not_replaced(archive: Path, home: Path, start: Install) -> None:
    assert start(archive / "install.sh").returncode == 0
    program = home / ".local/lib/hearth/_internal/sleep"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([str(program), "60"]) as running:
        for script in (archive / "install.sh", home / ".local/lib/hearth/uninstall.sh"):
            done = start(script)
            assert done.returncode == 3
            assert "Hearth is running" in done.stderr
        running.kill()
    assert start(home / ".local/lib/hearth/uninstall.sh").returncode == 0


def fetched(home: Path, version: str) -> Path:
    """A newer version as Hearth fetches it by itself, which the next start takes; its program."""
    folder = home / ".local/share/hearth-program"
    program = folder / "versions" / version / "hearth" / "hearth"
    program.parent.mkdir(parents=True)
    shutil.copy("/bin/sleep", program)
    told = {"hearth": 1, "version": version, "proven": True, "before": "", "failed": []}
    (folder / "current.json").write_text(json.dumps(told) + "\n")
    return program


def test_a_fetched_version_that_runs_is_not_removed(
    archive: Path, home: Path, tmp_path: Path, start: Install
) -> None:
    """It has taken the place of the program that was installed, also where a link leads there."""
    (tmp_path / "elsewhere").mkdir()
    (home / ".local").symlink_to(tmp_path / "elsewhere")
    assert start(archive / "install.sh").returncode == 0
    for program in (fetched(home, "2.0.0"), home / ".local/lib/hearth/_internal/sleep"):
        if not program.exists():
            shutil.copy("/bin/sleep", program)
        with subprocess.Popen([str(program), "60"]) as running:
            done = start(home / ".local/lib/hearth/uninstall.sh")
            running.kill()
        assert done.returncode == 3, program
        assert "Hearth is running" in done.stderr
        assert program.exists()
    assert start(home / ".local/lib/hearth/uninstall.sh").returncode == 0
    assert names(home) == set()


def test_going_back_also_leaves_what_hearth_had_fetched(
    archive: Path, home: Path, start: Install
) -> None:
    fetched(home, "2.0.0")
    pointer = home / ".local/share/hearth-program/current.json"
    done = start(archive / "install.sh")
    assert done.returncode == 0
    assert "Hearth 2.0.0" in done.stdout, "what is started next is said"
    assert pointer.exists()
    done = start(archive / "install.sh", "--downgrade")
    assert done.returncode == 0
    assert "2.0.0" not in done.stdout
    assert not pointer.exists()


def test_what_was_there_is_put_back_when_it_is_broken_off(
    archive: Path, home: Path, tmp_path: Path, start: Install
) -> None:
    assert start(archive / "install.sh").returncode == 0
    before = names(home)
    other = tmp_path / "bin"
    other.mkdir()
    broken = other / "mv"
    # The second of the two renames that exchange the old one for the new never happens.
    broken.write_text(
        '#!/bin/sh\ncase "$1" in */.hearth-new) kill -TERM $PPID; exit 1;; esac\n'
        'exec /bin/mv "$@"\n'
    )
    broken.chmod(0o755)
    assert start(archive / "install.sh", PATH=f"{other}:/usr/bin:/bin").returncode != 0
    assert names(home) == before
    # And so it is after the power failed at that moment.
    (home / ".local/lib/hearth").rename(home / ".local/lib/.hearth-old")
    wrong = tool(other, "cp", "nothing is copied")
    (other / "cp").write_text("#!/bin/sh\nexit 1\n")
    assert start(archive / "install.sh", **wrong).returncode == 3
    assert names(home) == before


def test_a_home_that_no_desktop_entry_can_name_is_refused(
    archive: Path, tmp_path: Path, start: Install
) -> None:
    odd = tmp_path / "two\nlines"
    odd.mkdir()
    refused(start(archive / "install.sh", HOME=str(odd)), odd, "line")


def test_links_and_rights_are_kept(tmp_path: Path) -> None:
    tree = Tree()
    tree.add_folder("a", made_up(tmp_path / "hearth"))
    write_tar_xz(tree, tmp_path / "a.tar.xz", BUILT_AT, preset=0)
    with tarfile.open(tmp_path / "a.tar.xz") as archive:
        assert archive.getmember("a/_internal/link.so").linkname == "a library.so"
        assert archive.getmember("a/hearth").mode == 0o755
        assert {each.mtime for each in archive.getmembers()} == {BUILT_AT}
        assert {each.uname for each in archive.getmembers()} == {"root"}


def test_the_manual_is_packed_without_a_date(share: Path) -> None:
    assert gzip.decompress((share / desktop.MANUAL).read_bytes())
    assert (share / desktop.MANUAL).read_bytes()[4:8] == bytes(4)


def test_a_library_that_is_optional_is_not_demanded() -> None:
    demanded = tar.system_libraries(
        {"libxcb-cursor.so.0", "libvulkan.so.1", "libwayland-cursor.so.0"}
    )
    assert demanded == "libxcb-cursor.so.0 libxcb-cursor0\n"
