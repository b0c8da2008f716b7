"""`dev.py package`, in the environment that it has set up."""

from __future__ import annotations

import sys

import dev
from installer.package import command
from installer.runtime.workshop import Workshop


def main() -> int:
    """Returns the exit code."""
    shop = Workshop(
        dev.ROOT, dev.python(), dev.followed, dev.apt_install, dev.need_compiler, dev.Stop
    )
    try:
        return command.main(command.parse(sys.argv[1:]), shop)
    except dev.Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
