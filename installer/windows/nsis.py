"""Makes the installer for Windows with makensis, which runs on Linux too.

Standard library alone. Writes down file by file what the bundle holds, so that the uninstaller
removes that and nothing else. Signs nothing itself: a command that does is handed over in
HEARTH_SIGN_COMMAND, and is given a program's path as its last word.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from installer.package.made import Made
from installer.runtime.workshop import Workshop

SCRIPT: Final = Path(__file__).with_name("hearth.nsi")
SIGN: Final = "HEARTH_SIGN_COMMAND"
ARCHITECTURES: Final = ("x86_64", "arm64")
PROGRAMS: Final = ("hearth.exe", "hearth-cli.exe")
#: Windows' own limit is 260; a profile's folder and a file's temporary name need room too.
MOST_PATH_LENGTH: Final = 180


class CannotPackage(Exception):
    """What is missing or wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`bundle` as PyInstaller made it; `icons` from installer.package.icons; `sign` a command that
    is given a program's path as its last word; `target` one of NSIS's, empty for the usual."""

    bundle: Path
    icons: Path
    version: str
    architecture: str
    out: Path
    sign: str = ""
    target: str = ""


def make(workshop: Workshop, bundle: Path, into: Path) -> list[Made]:
    """The installer of a bundle for Windows; nothing where the bundle is another system's."""
    if not (bundle / PROGRAMS[0]).is_file():
        print("The bundle is not one for Windows: no installer is made of it.")
        return []
    facts = json.loads((bundle / "_internal" / "build.json").read_text("utf-8"))
    icons = into / "icons"
    line = [str(workshop.python), "-m", "installer.package.icons", str(icons)]
    if subprocess.call(line, cwd=workshop.root):
        workshop.refuse("The icons could not be drawn.")
    name = f"Hearth-{facts['version']}-windows-{facts['machine']}.exe"
    sign = os.environ.get(SIGN, "")
    wanted = Wanted(bundle, icons, facts["version"], facts["machine"], into / name, sign)
    try:
        path = compiled(wanted)
    except CannotPackage as error:
        workshop.refuse(str(error))
    return [Made("nsis", path, "signed" if sign else "not signed")]


def compiled(wanted: Wanted) -> Path:
    """The installer's file. Raises CannotPackage."""
    # makensis looks for relative paths beside its script.
    wanted = replace(
        wanted, **{n: getattr(wanted, n).resolve() for n in ("bundle", "icons", "out")}
    )
    makensis = shutil.which("makensis")
    if makensis is None:
        raise CannotPackage("makensis is missing. On Debian and Ubuntu: apt-get install nsis")
    missing = [name for name in PROGRAMS if not (wanted.bundle / name).is_file()]
    if missing:
        raise CannotPackage(f"{wanted.bundle} is no bundle for Windows: no {', '.join(missing)}")
    for name in PROGRAMS:
        _sign(wanted.sign, wanted.bundle / name)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "files.nsh")
        files.write_text(listing(wanted.bundle), encoding="utf-8")
        line = [makensis, "-V2", "-WX", "-INPUTCHARSET", "UTF8", *_defines(wanted, files)]
        wanted.out.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [*line, str(SCRIPT)], capture_output=True, text=True, errors="replace", check=False
        )
    if done.returncode or not wanted.out.is_file():
        raise CannotPackage(f"makensis failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return wanted.out


def listing(bundle: Path) -> str:
    """What puts each file of the bundle into its folder, and what takes each one out again."""
    paths = sorted(path for path in bundle.rglob("*") if path.is_file())
    folders = sorted(path for path in bundle.rglob("*") if path.is_dir())
    put, removed, here = [], [], None
    for path in paths:
        _check(path.relative_to(bundle))
        if path.parent != here:
            here = path.parent
            put.append(f'  SetOutPath "{_inside(bundle, here)}"')
        put.append(f'  File "/oname={_literal(path.name)}" "{path}"')
        removed.append(f'  Delete "{_inside(bundle, path)}"')
    # The deepest first; one that holds something of others stays.
    removed += [f'  RMDir "{_inside(bundle, path)}"' for path in reversed(folders)]
    size_kib = sum(path.stat().st_size for path in paths) // 1024
    return "\n".join(
        (
            f"!define SIZE_KIB {size_kib}",
            *("!macro InstallFiles", *put, "!macroend"),
            *("!macro UninstallFiles", *removed, "!macroend\n"),
        )
    )


def _defines(wanted: Wanted, files: Path) -> list[str]:
    if wanted.architecture not in ARCHITECTURES:
        raise CannotPackage(f"Windows runs on {' or '.join(ARCHITECTURES)}.")
    values = {
        "VERSION": wanted.version,
        "NUMBERS": numbers(wanted.version),
        "ARCH": wanted.architecture,
        "FILES": str(files),
        "ICON": str(wanted.icons / "hearth.ico"),
        "DOCUMENT_ICON": str(wanted.icons / "application-x-gguf.ico"),
        "OUT": str(wanted.out),
        "SIGN": wanted.sign,
        "TARGET": wanted.target,
    }
    return [f"-D{name}={value}" for name, value in values.items() if value]


def numbers(version: str) -> str:
    """A version as Windows wants it: four numbers."""
    found = re.match(r"\d+(\.\d+){0,3}", version)
    if not found:
        raise CannotPackage(f"“{version}” is no version.")
    return ".".join([*found[0].split("."), "0", "0", "0"][:4])


def _check(path: Path) -> None:
    """Raises CannotPackage for a name that Windows cannot have."""
    if len(str(path)) > MOST_PATH_LENGTH:
        raise CannotPackage(f"The path is too long for Windows: {path}")
    for part in path.parts:
        reserved = re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)", part)
        if reserved or re.search(r'[<>:"|?*\\\x00-\x1f]|[. ]$|\$\{', part):
            raise CannotPackage(f"Windows cannot have a file of this name: {path}")


def _inside(bundle: Path, path: Path) -> str:
    parts = path.relative_to(bundle).parts
    return "\\".join(["$INSTDIR", *map(_literal, parts)])


def _literal(text: str) -> str:
    return text.replace("$", "$$")


def _sign(command: str, program: Path) -> None:
    if command and subprocess.call(f'{command} "{program}"', shell=True):  # noqa: S602 - the hook
        raise CannotPackage(f"{program.name} could not be signed.")
