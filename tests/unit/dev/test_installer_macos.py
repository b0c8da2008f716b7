"""What macOS is told of Hearth, and the scripts that seal it, as far as another system can look."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.foundation.build import UPDATES, damaged_in
from installer.macos import app
from installer.package import desktop, icons
from installer.package.bundle import write_list

SCRIPTS = sorted(app.HERE.glob("*.sh"))


def test_the_application_says_what_it_is_and_what_it_opens() -> None:
    told = app.information("1.2.3")
    assert told["CFBundleShortVersionString"] == told["CFBundleVersion"] == "1.2.3"
    assert told["CFBundleIdentifier"] == desktop.APP_ID
    assert told["CFBundleExecutable"] == "hearth"
    assert re.fullmatch(r"\d+\.\d+", told["LSMinimumSystemVersion"])
    (opened,) = told["CFBundleDocumentTypes"]
    (known,) = told["UTImportedTypeDeclarations"]
    assert opened["LSItemContentTypes"] == [known["UTTypeIdentifier"]]
    assert opened["LSHandlerRank"] == "Alternate", "others who open models are not pushed aside"
    tags = known["UTTypeTagSpecification"]
    assert tags["public.filename-extension"] == ["gguf"]
    assert tags["public.mime-type"] == [icons.DOCUMENT_NAME.replace("-", "/", 1)]
    named = {told["CFBundleIconFile"], opened["CFBundleTypeIconFile"]}
    assert named == set(app.ICONS)


def test_the_hardened_runtime_is_not_softened() -> None:
    granted = plistlib.loads((app.HERE / "entitlements.plist").read_bytes())
    assert granted == {}


def test_an_application_is_completed_from_the_bundle(tmp_path: Path) -> None:
    bundle, application, drawn = tmp_path / "hearth", tmp_path / "Hearth.app", tmp_path / "icons"
    (bundle / "_internal" / "licences").mkdir(parents=True)
    (bundle / "_internal" / "licences" / "index.json").write_text("[]")
    (bundle / "_internal" / "build.json").write_text(json.dumps({"version": "3.2.1"}))
    for folder in ("Resources", "Frameworks", "MacOS"):
        (application / "Contents" / folder).mkdir(parents=True)
    drawn.mkdir()
    for name in app.ICONS:
        (drawn / name).write_bytes(b"icns")
    for _ in range(2):  # again over what was there
        assert app.completed(application, bundle, drawn) == {"version": "3.2.1"}
    contents = application / "Contents"
    assert plistlib.loads((contents / "Info.plist").read_bytes())["CFBundleVersion"] == "3.2.1"
    for name in app.ADDED:
        link = contents / "Frameworks" / name
        assert link.is_symlink()
        assert not os.path.isabs(link.readlink())
    assert (contents / "Frameworks" / "licences" / "index.json").read_text() == "[]"
    assert {path.name for path in (contents / "Resources").glob("*.icns")} == set(app.ICONS)


def test_an_application_knows_its_files_and_where_it_asks_for_newer_ones(tmp_path: Path) -> None:
    """Without the list each one would say that it was copied in part; a program changes with its
    signature, whose seal says then whether it is whole."""
    bundle, application, drawn = tmp_path / "hearth", tmp_path / "Hearth.app", tmp_path / "icons"
    inside, contents = bundle / "_internal", application / "Contents"
    files = {"resources/models.toml": b"models", "lib.dylib": b"\xcf\xfa\xed\xfe" + bytes(60)}
    for folder in (inside, contents / "Frameworks"):
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    (contents / "Resources").mkdir()
    (inside / "licences").mkdir()
    (inside / "licences" / "index.json").write_text("[]")
    (inside / "build.json").write_text(json.dumps({"version": "3.2.1"}))
    source = {"address": "https://updates.invalid/latest.json", "public_key": "k", "stores": []}
    (inside / UPDATES).write_text(json.dumps(source))
    write_list(inside)
    drawn.mkdir()
    for name in app.ICONS:
        (drawn / name).write_bytes(b"icns")
    app.completed(application, bundle, drawn)
    frameworks = contents / "Frameworks"
    assert json.loads((frameworks / UPDATES).read_text()) == source
    (frameworks / "lib.dylib").write_bytes(b"\xcf\xfa\xed\xfe" + bytes(600))  # signed
    assert damaged_in(frameworks) == ()
    (frameworks / "resources/models.toml").write_bytes(b"mod")
    assert damaged_in(frameworks) == ("resources/models.toml",)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_started_and_end_at_the_first_failure(script: Path) -> None:
    text = script.read_text("utf-8")
    assert text.startswith("#!/bin/bash\n")
    assert "\nset -euo pipefail\n" in text
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_checker_of_shell_scripts_finds_nothing(script: Path) -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        ["shellcheck", "--enable=all", "--exclude=SC2250,SC2310,SC2312", str(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def stand_ins(folder: Path, *names: str) -> dict[str, str]:
    """Programs of macOS that write down how they were called."""
    folder.mkdir()
    for name in names:
        path = folder / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >> "{folder}/calls"\n')
        path.chmod(0o755)
    kind = folder / "file"
    kind.write_text('#!/bin/bash\ncase "$2" in *.dylib) echo Mach-O 64-bit;; *) echo text;; esac\n')
    kind.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("identity", ["", "Developer ID Application: Somebody (ABCDE12345)"])
def test_what_is_inside_is_signed_before_the_whole(tmp_path: Path, identity: str) -> None:
    application = tmp_path / "My Hearth.app"
    library = application / "Contents" / "Frameworks" / "lib" / "libggml base.dylib"
    framework = application / "Contents" / "Frameworks" / "Qt" / "QtCore.framework"
    framework.mkdir(parents=True)
    library.parent.mkdir()
    for path in (library, library.with_name("notes.txt")):
        path.write_text("")
    environment = stand_ins(tmp_path / "tools", "codesign")
    words = [str(application), *([identity] if identity else [])]
    subprocess.run([str(app.HERE / "sign.sh"), *words], env=environment, check=True)
    calls = (tmp_path / "tools" / "calls").read_text().splitlines()
    assert [
        call.endswith(end)
        for call, end in zip(calls, (library.name, "QtCore.framework", "app", "app"), strict=True)
    ] == [True] * 4
    assert "--entitlements" in calls[2]
    assert calls[3].startswith("codesign --verify")
    assert all(("--options runtime" in call) == bool(identity) for call in calls[:3])
    assert all(f"--sign {identity or '-'}" in call for call in calls[:3])


def test_what_cannot_be_signed_ends_it(tmp_path: Path) -> None:
    application = tmp_path / "Hearth.app"
    (application / "Contents" / "Frameworks").mkdir(parents=True)
    (application / "Contents" / "Frameworks" / "a.dylib").write_text("")
    environment = stand_ins(tmp_path / "tools", "codesign")
    (tmp_path / "tools" / "codesign").write_text("#!/bin/bash\nexit 1\n")
    done = subprocess.run(
        [str(app.HERE / "sign.sh"), str(application)], env=environment, check=False
    )
    assert done.returncode != 0


def test_apple_is_asked_only_by_somebody(tmp_path: Path) -> None:
    environment = stand_ins(tmp_path / "tools", "xcrun", "spctl")
    line = [str(app.HERE / "notarize.sh"), "Hearth.dmg"]
    refused = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "NOTARY_KEY" in refused.stderr
    assert not (tmp_path / "tools" / "calls").exists()
    who = dict.fromkeys(app.NOTARY, "x")
    subprocess.run(line, env={**environment, **who}, check=True)
    calls = (tmp_path / "tools" / "calls").read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [
        ["xcrun", "notarytool"],
        ["xcrun", "stapler"],
        ["spctl", "--assess"],
    ]
