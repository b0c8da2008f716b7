"""Lays ready what the Flatpak takes beside the bundle: what desktops look for, and the icons.

`python3 -m installer.flatpak.prepare build/package`, after the bundle was made. Needs Qt for the
icons, and so the project's own Python environment.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from calendar import timegm
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from installer.package import desktop

SHARE: Final = "flatpak-share"


def laid(package: Path) -> Path:
    """The folder beside the bundle in `package`. Raises OSError where there is no bundle."""
    told = json.loads((package / "bundle" / "hearth" / "_internal" / "build.json").read_text())
    share = package / SHARE
    shutil.rmtree(share, ignore_errors=True)
    made = timegm(time.strptime(told["built_at"], "%Y-%m-%dT%H:%M:%SZ"))
    desktop.place(share, told["version"], made)
    icons = package / "work" / "icons"
    line = [sys.executable, "-m", "installer.package.icons", str(icons)]
    subprocess.run(line, cwd=desktop.ROOT, check=True)
    shutil.copytree(icons / "hicolor", share / "icons" / "hicolor")
    return share


def main(words: Sequence[str]) -> int:
    """Lay ready in the folder that is named."""
    try:
        (package,) = words
        print(laid(Path(package).resolve()))
    except (ValueError, OSError) as error:
        print(f"{error}\nMake the bundle first: python3 dev.py package", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
