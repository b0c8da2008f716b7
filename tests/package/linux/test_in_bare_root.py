"""The package in a bare Debian: installed, used through its window, upgraded, removed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from installer.linux import deb as debian
from installer.linux.parts import facts_of
from tests.fixtures.bare_root import HOME, BareRoot, Screen, field_of, opened
from tests.fixtures.windows import stored_turns

QUESTION = "How do I add a model?"
NEWER = "99.1.0"
ONLY_OLD = "licences/zipp.txt"
PROFILE = ".local/share/hearth"


def newer(out: Path, into: Path) -> Path:
    """A package of a later version, which has one file less."""
    bundle = into / "hearth"
    shutil.copytree(out / "bundle" / "hearth", bundle, symlinks=True, copy_function=os.link)
    told = bundle / "_internal" / "build.json"
    facts = {**json.loads(told.read_text("utf-8")), "version": NEWER}
    told.unlink()
    told.write_text(json.dumps(facts), encoding="utf-8")
    (bundle / "_internal" / ONLY_OLD).unlink()
    return debian.package(bundle, out / "work" / "share", into, "", preset=None)


def answers(bare: BareRoot, copy: Path) -> list[str]:
    """What was said, the newest chat first; read from a copy, for the window may be open."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in (bare.home / PROFILE).glob("hearth.db*"):
        shutil.copy(path, copy)
    return [turn.text for turn in stored_turns(copy) if turn.state == "complete"]


def ask_in_the_window(bare: BareRoot, screen: Screen, copy: Path, picture: Path) -> list[str]:
    """Open the window, write the question, wait for its answer, close the window."""
    line = bare.line("hearth", DISPLAY=screen.display)
    before = len(answers(bare, copy)) if (bare.home / PROFILE / "hearth.db").exists() else 0
    with opened(line) as window:
        screen.until(screen.windows, "a window")
        screen.do("windowfocus", screen.windows()[0])
        screen.do("type", "--delay", "30", QUESTION)
        screen.do("key", "Return")
        screen.until(
            lambda: len(found := answers(bare, copy)) == before + 2 and ".gguf" in found[1],
            "the answer",
        )
        screen.picture(picture)
        screen.until(lambda: screen.ended(window), "the end")
        assert window.stderr is not None
        assert window.stderr.read() == b""
        assert window.returncode == 0
    return answers(bare, copy)


def test_installed_used_upgraded_and_removed(
    bare: BareRoot, deb: Path, out: Path, screen: Screen, tmp_path: Path
) -> None:
    untouched = bare.files()
    installed = bare.install(deb)
    assert installed.returncode == 0, installed.stderr
    assert bare.run("sh", "-c", "command -v python3 python perl6").stdout == ""
    assert bare.run("sh", "-c", "echo > /usr/lib/hearth/x").returncode != 0
    version = bare.run("hearth", "--version")
    assert version.stdout.startswith("Hearth ")
    tested = bare.run("hearth", "selftest")
    assert (tested.returncode, tested.stderr) == (0, "")
    assert "All is well." in tested.stdout
    checked = bare.run("hearth", "doctor", DISPLAY=screen.display)
    assert checked.returncode == 0, checked.stdout
    assert "xcb" in checked.stdout

    pictures = out / "pictures"
    pictures.mkdir(exist_ok=True)
    said = ask_in_the_window(bare, screen, tmp_path / "copy", pictures / "installed.png")
    assert said[0] == QUESTION

    later = newer(out, tmp_path)
    assert bare.install(later).returncode == 0
    assert NEWER in bare.as_root("dpkg", "-s", "hearth").stdout
    assert not (bare.folder / "usr/lib/hearth/_internal" / ONLY_OLD).exists()
    assert answers(bare, tmp_path / "copy") == said
    again = ask_in_the_window(bare, screen, tmp_path / "copy", pictures / "upgraded.png")
    assert again[2:] == said

    removed = bare.as_root("dpkg", "--purge", "hearth")
    assert removed.returncode == 0, removed.stderr
    assert "not empty" not in removed.stdout + removed.stderr
    home = HOME.lstrip("/")
    left = {place for place in bare.files() - untouched if not place.startswith(f"{home}/")}
    assert left == set()
    inside = {path.relative_to(bare.home).as_posix() for path in bare.home.rglob("*")}
    assert {place for place in inside if not place.startswith(PROFILE)} <= {
        *(".local", ".local/share", ".cache", ".config"),
        *(place for place in inside if place.startswith((".cache/", ".config/"))),
    }
    assert answers(bare, tmp_path / "copy") == again


def test_the_version_is_that_of_the_bundle(deb: Path, out: Path) -> None:
    assert field_of(deb, "Version") == facts_of(out / "bundle" / "hearth").version
