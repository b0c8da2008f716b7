"""Every benchmark, or those named: `python3 dev.py bench [NAME…]`, for example `engine`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

BENCHES = {
    "engine": ("Generation and prompt speed against a bare loop over the C interface", "engine"),
    "stop": ("Stop while reading the prompt, writing and loading", "stop"),
    "drawn": ("Generation speed while the answer is being drawn", "drawn"),
    "start": ("Start-up and memory against an empty PySide6 window", "start"),
    "packed": ("Start-up of the bundle against that from source", "packed"),
    "runtime": ("The runtime that ships against a build for this processor", "runtime"),
    "sliders": ("A slider of a plan, from the move to the bar that is painted", "sliders"),
    "gui": ("The window's thread: a stream into 10,000 messages, first openings", "gui"),
}


def main() -> None:
    """Run what was asked for and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], metavar="NAME")
    names = parser.parse_args().names or list(BENCHES)
    if sys.platform.startswith("linux"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from tests.bench.table import show

    for name in names:
        title, module = BENCHES[name]
        show(title, importlib.import_module(f"tests.bench.{module}").run())


if __name__ == "__main__":
    main()
