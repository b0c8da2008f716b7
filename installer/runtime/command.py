"""The words after `dev.py runtime`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from installer.runtime import build, contents
from installer.runtime.workshop import Workshop

_FULL = """Build the llama.cpp that ships, for every computer of this kind, and list what is inside.
Kept outside the checkout; `HEARTH_RUNTIME=FOLDER python3 dev.py run` uses it."""


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("dev.py runtime", description=_FULL)
    parser.add_argument("--verify", action="store_true", help="hold its tests (tests/runtime)")
    parser.add_argument("--wheel", type=Path, help="take the libraries from this wheel")
    parser.add_argument("--addon", choices=["cuda"], default="", help="build this module alone")
    parser.add_argument("--where", action="store_true", help="print only the folder")
    parser.add_argument("tests", nargs="*", metavar="WORD", help="words for pytest, after --")
    return parser.parse_args(list(words))


def main(asked: argparse.Namespace, workshop: Workshop) -> int:
    """Build or find the runtime, then show or verify it. Returns the exit code."""
    if asked.wheel is not None:
        folder = build.from_wheel(workshop, asked.wheel)
    else:
        folder = build.built(workshop, asked.addon)
    if asked.where:
        print(folder)
        return 0
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    print(contents.table(manifest))
    print(f"It is in {folder}")
    if not asked.verify:
        return 0
    command = [str(workshop.python), "-m", "pytest", "tests/runtime", *asked.tests]
    environment = {**os.environ, "HEARTH_TESTED_RUNTIME": str(folder)}
    return subprocess.call(command, cwd=workshop.root, env=environment)
