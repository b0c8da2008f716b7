#!/usr/bin/env python3
"""Hearth from a checkout: sets up what is needed, then runs, tests or measures it.

    python3 dev.py run [WORDS]     open the window, or pass WORDS to the command line
    python3 dev.py test [WORDS]    every check: format, lint, types, import contracts, tests
    python3 dev.py runtime [WORDS] the llama.cpp that ships: build it, list it, --verify it
    python3 dev.py package [WORDS] what people install: make it, and --verify it
    python3 dev.py bench [WORDS]   speed and memory against bare llama.cpp and an empty window
    python3 dev.py lock            renew requirements.lock
    python3 dev.py clean           remove the virtual environment and caches

Only the standard library is used here.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "hearth-installed.json"
MINIMUM = (3, 11)

#: Shared libraries that Qt opens on Linux, and the Debian package that holds each.
QT_LIBRARIES = {
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}

LOCK_HEADER = (
    "# What Hearth needs, pinned with hashes. Written by `python3 dev.py lock`.\n"
    "# The first section runs it; the second is added to test it, the third to package it.\n"
)
SECTIONS = ("runtime", "development")
PACKAGING = (*SECTIONS, "package")

MANY_STEPS = 50  # a build of fewer is a tool made on the way


class Stop(Exception):
    """Something is missing that this script cannot provide; the text says how to get it."""


def main(words: Sequence[str]) -> int:
    """Carry out one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Where the terminal's encoding has no "…", a "?" is better than a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if sys.version_info < MINIMUM:
        print(f"Hearth needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
        print("Install a newer one (for example from your system's package manager) and use it.")
        return 3
    command, rest = (words[0], list(words[1:])) if words else ("help", [])
    commands = {"run": run, "test": test, "bench": bench, "runtime": runtime, "lock": lock}
    commands |= {"package": package, "clean": clean}
    if command not in commands:
        print(__doc__)
        return 0 if command in ("help", "-h", "--help") else 2
    try:
        return commands[command](rest)
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130


def run(words: list[str]) -> int:
    """Set up, then become Hearth in the caller's folder, where paths in WORDS are meant."""
    set_up(SECTIONS[:1])
    return become([str(python()), "-P", "-m", "app", *words])


def bench(words: list[str]) -> int:
    """Set up, then measure."""
    set_up(SECTIONS)
    os.chdir(ROOT)
    return become([str(python()), "-P", "-m", "tests.bench", *words])


def runtime(words: list[str]) -> int:
    """Build the runtime that ships, or hold its tests; installer/runtime has the recipe."""
    sys.path.insert(0, str(ROOT))
    from installer.runtime import command
    from installer.runtime.workshop import Workshop

    asked = command.parse(words)
    set_up(SECTIONS if asked.verify else SECTIONS[:1])
    shop = Workshop(ROOT, python(), followed, apt_install, need_compiler, Stop)
    return command.main(asked, shop)


def package(words: list[str]) -> int:
    """Make what people install, or hold its tests; installer/README.md says what and how."""
    set_up(PACKAGING if "--verify" in words else (PACKAGING[0], PACKAGING[2]))
    os.chdir(ROOT)
    return become([str(python()), "-P", "-m", "installer.package", *words])


def followed(line: list[str], log: Path, environment: dict[str, str]) -> int:
    """Run a step of a build with its log in a file, and show how far it is."""
    with log.open("w", encoding="utf-8", errors="replace") as record:
        return follow(line, record, Progress(), environment)


def test(words: list[str]) -> int:
    """Every check in the order in which a failure is cheapest to learn of."""
    set_up(SECTIONS)
    tool = [str(python()), "-m"]
    checks = [
        ("format", [*tool, "ruff", "format", "--check", "--quiet", "."]),
        ("lint", [*tool, "ruff", "check", "--quiet", "."]),
        ("types", [*tool, "mypy"]),
        ("imports", [str(python().with_name("lint-imports")), "--no-logo"]),
        ("tests", [*tool, "pytest", *words]),
    ]
    for name, command in checks:
        print(f"── {name}", flush=True)
        started = time.monotonic()
        code = subprocess.call(command, cwd=ROOT)
        if code:
            print(f"{name} failed (exit code {code}).", file=sys.stderr)
            return code
        print(f"   {time.monotonic() - started:.0f} s", flush=True)
    return 0


def clean(_: list[str]) -> int:
    """Remove what this script and the checks have made."""
    for folder in (
        VENV,
        *(ROOT / name for name in (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")),
        ROOT / ".import_linter_cache",
        *ROOT.glob("app/**/__pycache__"),
        *ROOT.glob("tests/**/__pycache__"),
        *ROOT.glob("installer/**/__pycache__"),
    ):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


# ── set-up ────────────────────────────────────────────────────────────────────────────────


def python() -> Path:
    """The interpreter of the virtual environment."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def become(command: list[str]) -> int:
    """Replace this process where the system can, so that signals reach the program itself."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(command[0], command, environment)
    return subprocess.call(command, env=environment)


def set_up(sections: Sequence[str]) -> None:
    """Make the environment hold `sections` of the lock file; at once when it already does."""
    wanted = {name: fingerprint(section_text(name)) for name in sections}
    installed = read_stamp()
    if all(installed.get(name) == mark for name, mark in wanted.items()):
        return
    provide_system_libraries()
    create_environment()
    for name in sections:
        if installed.get(name) != wanted[name]:
            # While packages are exchanged the environment holds neither what it did nor this.
            if installed.pop(name, None):
                STAMP.write_text(json.dumps(installed), encoding="utf-8")
            install(name)
            installed[name] = wanted[name]
            STAMP.write_text(json.dumps(installed), encoding="utf-8")


def section_text(name: str) -> str:
    """The requirements of one section of the lock file."""
    try:
        text = LOCK.read_text("utf-8")
    except OSError as error:
        raise Stop(f"requirements.lock cannot be read ({error.strerror}). Restore it.") from None
    found = re.search(rf"^# \[{name}\]\n(.*?)(?=^# \[|\Z)", text, re.M | re.S)
    if not found:
        raise Stop(f"requirements.lock has no section [{name}]; it was cut short. Restore it.")
    return found.group(1)


def fingerprint(text: str) -> str:
    """What an installed section is known by: its text and the interpreter it is for."""
    return hashlib.sha256(f"{sys.version}\n{text}".encode()).hexdigest()


def read_stamp() -> dict[str, str]:
    """Which sections the environment holds; nothing when there is none or it is broken."""
    with contextlib.suppress(OSError, ValueError):
        marks = json.loads(STAMP.read_text("utf-8"))
        if python().exists() and is_of_this_python() and isinstance(marks, dict):
            return marks
    return {}


def is_of_this_python() -> bool:
    """Whether the environment was made for this version: after an upgrade of the system's Python
    its interpreter is the new one, and its packages are where that does not look."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}."
    lines = Path(VENV, "pyvenv.cfg").read_text("utf-8").splitlines()
    return any(re.match(rf"version(_info)?\s*=\s*{re.escape(version)}", line) for line in lines)


def create_environment() -> None:
    """A fresh virtual environment, unless a usable one stands there."""
    if python().exists() and read_stamp():
        return
    print("Setting up a virtual environment in .venv …", flush=True)
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if not make_environment(VENV) and not (apt_install([package]) and make_environment(VENV)):
        raise Stop(
            "Python could not make a virtual environment: its venv and pip parts are missing.\n"
            f"On Debian and Ubuntu: sudo apt-get install {package}"
        )


def make_environment(folder: Path) -> bool:
    """An empty virtual environment with pip; False where Python lacks the parts for it."""
    try:
        import venv

        venv.EnvBuilder(clear=True, with_pip=True).create(folder)
    except (ImportError, subprocess.CalledProcessError):
        return False
    return True


def install(section: str) -> None:
    """Install one section of the lock file, with progress in words."""
    need_compiler()
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(section_text(section), encoding="utf-8")
        log = Path(VENV, f"install-{section}.log")
        command = [str(python()), "-m", "pip", "install", "--verbose", "--no-input"]
        command += ["--disable-pip-version-check", "--require-hashes", "--no-deps"]
        command += ["-r", str(requirements)]
        started = time.monotonic()
        with log.open("w", encoding="utf-8", errors="replace") as record:
            code = follow(command, record, Progress())
    if code:
        tail = "".join(log.read_text("utf-8", "replace").splitlines(keepends=True)[-25:])
        raise Stop(f"{tail}\nInstalling failed. The whole log is {log.relative_to(ROOT)}.")
    print(f"Installed ({time.monotonic() - started:.0f} s).", flush=True)


def follow(
    command: list[str], record: IO[str], progress: Progress, env: dict[str, str] | None = None
) -> int:
    """Run pip, keep its log, and show how far it is."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=env,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            record.write(line)
            progress.line(line)
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    finally:
        progress.end()


class Progress:
    """Turns pip's log into one line that says what is being done and how far it is."""

    def __init__(self) -> None:
        self._shown = ""
        self._building = ""
        self._on_terminal = sys.stdout.isatty()

    def line(self, line: str) -> None:
        """Take one line of the log."""
        if found := re.match(r"\s*(?:Downloading|Using cached) (\S+?)-\d[\w.]*", line):
            self.show(f"Fetching {Path(found.group(1)).name}")
        elif found := re.search(r"Building wheel for (\S+)", line):
            self._building = found.group(1)
            self.show(f"Building {self._building} (the first time, llama.cpp takes minutes)")
        elif self._building and (found := re.match(r"\s*\[(\d+)/(\d+)\]", line)):
            step, steps = int(found.group(1)), int(found.group(2))
            if steps >= MANY_STEPS:
                self.show(f"Building {self._building}: {20 * step // steps * 5} %")
        elif line.startswith("Installing collected packages"):
            self.show("Installing")

    def show(self, text: str) -> None:
        """Print `text` once: over the last one on a terminal, as a line of its own elsewhere."""
        if text == self._shown:
            return
        end = "" if self._on_terminal else "\n"
        start = "\r\x1b[K" if self._on_terminal else ""
        print(f"{start}{text} …", end=end, flush=True)
        self._shown = text

    def end(self) -> None:
        """Leave the line."""
        if self._on_terminal and self._shown:
            print("\r\x1b[K", end="", flush=True)


def provide_system_libraries() -> None:
    """Qt's system libraries: found, or installed as root on Debian, or named with the command."""
    if not sys.platform.startswith("linux"):
        return
    packages = sorted({QT_LIBRARIES[name] for name in missing_libraries()})
    if not packages:
        return
    if not apt_install(packages):
        raise Stop(
            "Some system libraries that the window needs are missing. Install them with:\n"
            f"    sudo apt-get install {' '.join(packages)}\n"
            "(the names are Debian's and Ubuntu's; other systems call them much the same)"
        )
    if left := list(missing_libraries()):
        raise Stop(f"Still missing after installing: {', '.join(left)}.")


def missing_libraries() -> Iterable[str]:
    """The Qt libraries that the system cannot open."""
    for name in QT_LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            yield name


def need_compiler() -> None:
    """llama.cpp is compiled on this machine: a C++ compiler must be there."""
    if any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl")) or visual_studio():
        return
    if sys.platform.startswith("linux") and apt_install(["build-essential"]):
        return
    hint = {
        "darwin": "xcode-select --install",
        "win32": "winget install Microsoft.VisualStudio.2022.BuildTools --override "
        '"--passive --wait --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"',
    }.get(sys.platform, "sudo apt-get install build-essential")
    raise Stop(f"A C++ compiler is needed to build llama.cpp. Install one with:\n    {hint}")


def visual_studio() -> bool:
    """Whether Visual Studio's C++ tools are there: CMake finds them, though no path leads there."""
    programs = os.environ.get("PROGRAMFILES(X86)")
    if os.name != "nt" or not programs:
        return False
    finder = Path(programs, "Microsoft Visual Studio", "Installer", "vswhere.exe")
    tools = ["-requires", "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return bool(subprocess.check_output([str(finder), "-products", "*", *tools]).strip())
    return False


def apt_install(packages: list[str]) -> bool:
    """Install Debian packages; False where that is not possible (not Debian, not root)."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    print(f"Installing system packages: {' '.join(packages)} …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install_command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    for command in (install_command, ["apt-get", "update"], install_command):
        code = subprocess.call(command, stdout=subprocess.DEVNULL, env=environment)
        if code == 0 and command is install_command:
            return True
    return False


# ── the lock file ─────────────────────────────────────────────────────────────────────────


def lock(_: list[str]) -> int:
    """Resolve pyproject.toml for Python 3.11 and later on all systems and write the lock file."""
    with tempfile.TemporaryDirectory() as folder:
        uv = lock_tool(Path(folder, "tools"))
        runtime = resolve(uv, [])
        pinned = Path(folder, "runtime.txt")
        pinned.write_text(runtime, encoding="utf-8")
        both = resolve(uv, ["--extra", "development", "--constraints", str(pinned)])
        pinned.write_text(both, encoding="utf-8")
        all_three = resolve(
            uv, ["--extra", "development", "--extra", "package", "--constraints", str(pinned)]
        )
    tested, packaged = beyond(both, runtime), beyond(all_three, both)
    text = f"{LOCK_HEADER}# [runtime]\n{runtime}# [development]\n{tested}# [package]\n{packaged}"
    if "://" in text:
        raise Stop("The resolver named an address; the lock file was left as it was.")
    LOCK.write_text(text, encoding="utf-8")
    counts = [len(list(entries(each))) for each in (runtime, tested, packaged)]
    print("requirements.lock: {} packages to run, {} to test, {} to package.".format(*counts))
    return 0


def beyond(more: str, less: str) -> str:
    """The requirements of `more` that `less` does not have."""
    known = set(entries(less))
    return "".join(entry for entry in entries(more) if entry not in known)


def lock_tool(folder: Path) -> str:
    """uv in an environment of its own."""
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    install_command = [str(scripts / "python"), "-m", "pip", "install", "--quiet", "uv"]
    if not make_environment(folder) or subprocess.call(install_command):
        raise Stop("uv, which resolves the requirements, could not be installed.")
    return str(scripts / "uv")


def resolve(uv: str, words: list[str]) -> str:
    """The pinned requirements with hashes, without comments."""
    command = [uv, "pip", "compile", "--universal", "--generate-hashes", "--no-header", "--quiet"]
    command += ["--no-annotate", "--python-version", ".".join(map(str, MINIMUM))]
    command += [*words, "pyproject.toml"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Stop("The requirements could not be resolved; the lock file was left as it was.")
    return done.stdout


def entries(text: str) -> Iterable[str]:
    """The requirements of `text`, each with its hash lines."""
    return re.findall(r"^[A-Za-z0-9].*?\n(?=[A-Za-z0-9#]|\Z)", text, re.M | re.S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
