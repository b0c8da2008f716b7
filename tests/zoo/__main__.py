"""`python -m tests.zoo [--write] [--machine NAME]`: the table, renewed, or one machine in full."""

from __future__ import annotations

import argparse
import sys

from tests.zoo.table import TABLE, card, page


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.zoo")
    parser.add_argument("--write", action="store_true", help="renew TABLE.md")
    parser.add_argument("--machine", metavar="NAME", help="one machine in full")
    asked = parser.parse_args(words)
    if asked.machine:
        sys.stdout.write(card(asked.machine))
        return 0
    text = page()
    if asked.write:
        TABLE.write_text(text, "utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
