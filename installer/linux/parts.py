"""What the package and the archive both take: facts of the bundle, and what desktops look for."""

from __future__ import annotations

import calendar
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from installer.package import desktop, facts
from installer.package.checks import inside_of
from installer.runtime.workshop import Workshop


@dataclass(frozen=True)
class Facts:
    """Of a bundle: its version, what machine it is for, and when it was made (seconds of 1970)."""

    version: str
    machine: str
    epoch_s: int


def facts_of(bundle: Path) -> Facts:
    """As the bundle says of itself."""
    told = json.loads((inside_of(bundle) / facts.FILE).read_text("utf-8"))
    made = time.strptime(told["built_at"], "%Y-%m-%dT%H:%M:%SZ")
    return Facts(told["version"], told["machine"], calendar.timegm(made))


def share_of(workshop: Workshop, bundle: Path, work: Path) -> Path:
    """A folder as `share` in usr or ~/.local: entries, types, manual, icons."""
    share = work / "share"
    shutil.rmtree(share, ignore_errors=True)
    told = facts_of(bundle)
    desktop.place(share, told.version, told.epoch_s)
    icons = work / "icons"
    shutil.rmtree(icons, ignore_errors=True)
    command = [str(workshop.python), "-m", "installer.package.icons", str(icons)]
    workshop.run(command, work / "icons.log", {}, "Drawing the icons")
    shutil.copytree(icons / "hicolor", share / "icons" / "hicolor")
    return share
