"""The words after `dev.py package`. Artefacts are made by modules that are found by their names."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from installer.package import bundle, contents, table
from installer.package.made import Made
from installer.runtime.workshop import Workshop

_FULL = """Make what people install, in build/package, and hold its tests. Without --only, all that
can be made on this system."""


class Maker(Protocol):
    """What a module offers that makes an artefact from the bundle."""

    def make(self, workshop: Workshop, bundle: Path, into: Path) -> list[Made]: ...


@dataclass(frozen=True)
class Artefact:
    """Where it is made: the module with `make`, the systems that it can run on, its tests."""

    module: str
    systems: tuple[str, ...]
    tests: str


#: In the order in which they are made. The bundle comes first and is in all others.
ARTEFACTS = {
    "deb": Artefact("installer.linux.deb", ("linux",), "tests/package/linux"),
    "tar": Artefact("installer.linux.tar", ("linux",), "tests/package/linux"),
    "nsis": Artefact("installer.windows.nsis", ("linux", "win32"), "tests/package/windows"),
    "app": Artefact("installer.macos.app", ("darwin",), "tests/package/macos"),
    "update": Artefact(
        "installer.package.updates", ("linux", "win32", "darwin"), "tests/package/bundle"
    ),
    "bill": Artefact(
        "installer.package.bill", ("linux", "win32", "darwin"), "tests/package/bundle"
    ),
}
BUNDLE = "bundle"
ON_REQUEST = ("update",)
"""Made only where it is named: it takes minutes, and only those need it who publish."""
_TESTED = "HEARTH_TESTED_PACKAGE"


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("dev.py package", description=_FULL)
    parser.add_argument("--only", choices=[BUNDLE, *ARTEFACTS], help="make this one alone")
    parser.add_argument("--verify", action="store_true", help="hold the tests of what was made")
    parser.add_argument("--keep", action="store_true", help="take the bundle that was made before")
    parser.add_argument("tests", nargs="*", metavar="WORD", help="words for pytest, after --")
    return parser.parse_args(list(words))


def main(asked: argparse.Namespace, workshop: Workshop) -> int:
    """Make what was asked for, show it, and verify it. Returns the exit code."""
    out = workshop.root / "build" / "package"
    folder = out / "bundle" / "hearth"
    if not (asked.keep and folder.is_dir()):
        folder = bundle.make(workshop, out)
    made = [Made(BUNDLE, folder)]
    for name in wanted(asked.only):
        maker: Maker = importlib.import_module(ARTEFACTS[name].module)
        print(f"Making {name} …", flush=True)
        made += maker.make(workshop, folder, out)
    facts = bundle.examined(workshop, folder)
    print(table.of(made, facts))
    for problem in facts.problems:
        print(f"Not as it must be: {problem}")
    if facts.problems:
        return 1
    return _verify(asked, workshop, out) if asked.verify else 0


def wanted(only: str | None) -> list[str]:
    """The artefacts to make beside the bundle."""
    if only is not None:
        return [] if only == BUNDLE else [only]
    found = [name for name, each in ARTEFACTS.items() if contents.system() in each.systems]
    found = [name for name in found if name not in ON_REQUEST]
    return [name for name in found if _is_there(ARTEFACTS[name].module)]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _verify(asked: argparse.Namespace, workshop: Workshop, out: Path) -> int:
    """The tests of the bundle, and with it those of the program as a process."""
    environment = {**os.environ, **bundle.prepared(workshop, out), _TESTED: str(out)}
    places = ["tests/package/bundle", "tests/unit/package", "tests/e2e"]
    for name in wanted(asked.only):
        if ARTEFACTS[name].tests not in places and (workshop.root / ARTEFACTS[name].tests).is_dir():
            places.append(ARTEFACTS[name].tests)
    command = [str(workshop.python), "-m", "pytest", *places, *asked.tests]
    return subprocess.call(command, cwd=workshop.root, env=environment)
