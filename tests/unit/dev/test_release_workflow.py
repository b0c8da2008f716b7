"""The release workflow: what it names is there, it may do little, what it makes is published."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from installer.linux import deb
from installer.package import command
from installer.package.source import SETTINGS
from installer.windows import nsis

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / ".github" / "workflows" / "release.yml"
WORKFLOW: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
JOBS: dict[str, Any] = WORKFLOW["jobs"]
BUILDS = ("linux", "windows", "macos")
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
COMMANDS = [(name, step) for name, step in STEPS if "run" in step]


def said(job: str) -> str:
    return "\n".join(step["run"] for name, step in COMMANDS if name == job)


def test_every_system_and_processor_is_made_and_all_of_them_before_anything_is_published() -> None:
    made = {
        (name, entry["machine"])
        for name in BUILDS
        for entry in JOBS[name]["strategy"]["matrix"]["include"]
    }
    assert made == {(name, machine) for name in BUILDS for machine in nsis.ARCHITECTURES}
    assert JOBS["release"]["needs"] == list(BUILDS)


def test_only_the_last_job_may_write() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in JOBS[name] for name in BUILDS)
    granted = JOBS["release"]["permissions"]
    assert {"contents", "id-token", "attestations"} <= set(granted)


def test_nothing_is_published_but_from_a_tag() -> None:
    publishing = [step for _, step in COMMANDS if "gh release" in step["run"]]
    assert publishing
    assert all(step["if"] == "startsWith(github.ref, 'refs/tags/v')" for step in publishing)
    assert all("--draft" in step["run"] for step in publishing)
    triggers = WORKFLOW[True]  # YAML 1.1 reads `on` as yes
    assert triggers["push"] == {"tags": ["v*"]}
    assert "pull_request_target" not in triggers


@pytest.mark.parametrize("step", [step for _, step in STEPS if "uses" in step], ids=str)
def test_actions_of_others_are_pinned_by_commit(step: dict[str, Any]) -> None:
    assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"])
    assert re.search(rf"{step['uses']} # v\d+\.\d+\.\d+", FILE.read_text("utf-8"))


def test_no_secret_and_no_name_from_outside_stands_in_a_command() -> None:
    for _, step in COMMANDS:
        assert "secrets." not in step["run"]
        assert "github." not in step["run"], "through the environment, where it is only text"


def test_every_script_that_is_named_is_there() -> None:
    text = FILE.read_text("utf-8")
    named = set(re.findall(r"\b(?:installer/[\w/.-]+\.\w+|dev\.py)\b", text))
    assert {"dev.py", "installer/windows/prepare.ps1", "installer/macos/keychain.sh"} <= named
    for name in named:
        assert (ROOT / name).is_file(), name
    for module in re.findall(r"-m (installer[\w.]+)", text):
        assert ROOT.joinpath(*module.split(".")).with_suffix(".py").is_file(), module


def test_the_words_for_dev_py_are_understood() -> None:
    for name in BUILDS:
        lines = re.findall(r"dev\.py package(.*)", said(name))
        parsed = [command.parse(line.split()) for line in lines]
        # First the bundle, or all; then, of the same bundle, the rest, and what is fetched by who
        # has it.
        assert [(asked.only, asked.keep) for asked in parsed] == {
            "linux": [(None, False), ("update", True)],
            "windows": [("bundle", False), (None, True), ("update", True)],
            "macos": [("bundle", False), (None, True)],
        }[name]


def test_nothing_of_others_is_built_where_a_secret_can_be_read() -> None:
    """Packages that are compiled on the way run their own scripts."""
    for name in BUILDS:
        steps = JOBS[name]["steps"]
        secret = [number for number, step in enumerate(steps) if "secrets." in str(step)]
        built = [
            number
            for number, step in enumerate(steps)
            if "dev.py package" in step.get("run", "") and "--keep" not in step["run"]
        ]
        assert len(built) == 1
        assert all(number > built[0] for number in secret), name
        assert "secrets." not in str(JOBS[name].get("env", "")) + str(WORKFLOW["env"])


def test_who_publishes_names_the_source_of_newer_versions_and_nobody_else() -> None:
    named = [name for each in SETTINGS for name in (each.address, each.key, each.stores)]
    for name in (*named, deb.MAINTAINER):
        assert WORKFLOW["env"][name] == f"${{{{ vars.{name} }}}}"


@pytest.mark.parametrize(
    ("job", "tried"),
    [
        ("linux", "hearth/hearth selftest"),
        ("windows", "try.ps1"),
        ("macos", "MacOS/hearth selftest"),
    ],
)
def test_what_was_made_is_tried(job: str, tried: str) -> None:
    assert tried in said(job)


def test_linux_is_built_on_the_oldest_image() -> None:
    assert JOBS["linux"]["container"]["image"] == "debian:12"
    assert "fetch-depth" in str(JOBS["linux"]["steps"])


def test_no_check_of_the_linux_packages_is_left_out_for_want_of_a_tool() -> None:
    """Without these, tests of the packages say so and are skipped."""
    sources = [*(ROOT / "tests" / "package").rglob("*.py"), ROOT / "tests/fixtures/bare_root.py"]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    wanted = set(re.findall(r"which\(\"([\w-]+)\"\)", text))
    wanted |= {
        word
        for words in re.findall(r"for program in \(([^)]*)\)", text)
        for word in re.findall(r"\w+", words)
    }
    assert {"debootstrap", "lintian", "strace", "xdotool", "Xvfb"} <= wanted
    brought_by = {
        "Xvfb": "xvfb",
        "import": "imagemagick",
        "makensis": "nsis",
        "objcopy": "binutils",
    }
    not_for_this_image = {"wine", "wineboot", "unshare"}
    installed = set(said("linux").replace("\\\n", " ").split())
    missing = {brought_by.get(each, each) for each in wanted - not_for_this_image} - installed
    assert missing == set()
    # Namespaces and mounts of its own are what the bare root is entered by.
    assert JOBS["linux"]["container"]["options"] == "--privileged"


def test_all_that_is_made_is_kept_and_its_absence_noticed() -> None:
    kept = {"linux": {".deb", ".tar.xz"}, "windows": {".exe", ".tar.xz"}, "macos": {".dmg"}}
    for job, endings in kept.items():
        (upload,) = [
            step["with"] for step in JOBS[job]["steps"] if "upload" in step.get("uses", "")
        ]
        assert upload["if-no-files-found"] == "error"
        paths = upload["path"].split()
        assert {path.partition("*")[2] for path in paths} == endings | {".cdx.json"}


def test_sums_come_before_provenance_and_both_before_the_draft() -> None:
    steps = JOBS["release"]["steps"]
    names = [step.get("name") for step in steps if step.get("name")]
    assert names == ["Sums", "Provenance", "Draft"]
    (provenance,) = [step for step in steps if step.get("name") == "Provenance"]
    assert provenance["with"]["subject-path"] == "release/*"


@pytest.mark.parametrize(("job", "step"), [(n, s) for n, s in COMMANDS if n != "windows"])
def test_the_shell_understands_each_command(job: str, step: dict[str, Any]) -> None:
    subprocess.run(["bash", "-n", "-c", step["run"]], check=True)


@pytest.mark.parametrize("script", ["prepare.ps1", "try.ps1"])
def test_scripts_for_windows_end_at_the_first_failure_and_are_closed(script: str) -> None:
    text = (ROOT / "installer" / "windows" / script).read_text("ascii")
    assert "$ErrorActionPreference = 'Stop'" in text
    code = re.sub(r"#[^\n]*|'[^'\n]*'", "", text)
    for opening, closing in ("{}", "()", "[]"):
        assert code.count(opening) == code.count(closing)
