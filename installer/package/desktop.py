"""Where a Linux desktop looks for what it must know of Hearth: below `share` in usr or ~/.local.

Standard library alone. Knows the places; the files are in installer/linux, the icons are drawn by
installer.package.icons.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LINUX: Final = ROOT / "installer" / "linux"
#: Names nobody's domain: `local` can be registered by nobody. Who publishes Hearth puts their own.
APP_ID: Final = "local.hearth.hearth"

DESKTOP_ENTRY: Final = "applications/hearth.desktop"
METAINFO: Final = f"metainfo/{APP_ID}.metainfo.xml"
MIME_TYPES: Final = "mime/packages/hearth.xml"
MANUAL: Final = "man/man1/hearth.1.gz"


def place(share: Path, version: str, built_at: int) -> list[Path]:
    """Put everything but the icons below `share`; `built_at` is in seconds since 1970 and the date
    of the release. The files made.
    """
    metainfo = (LINUX / f"{APP_ID}.metainfo.xml").read_text("utf-8")
    manual = (LINUX / "hearth.1").read_bytes()
    contents = {
        DESKTOP_ENTRY: (LINUX / "hearth.desktop").read_bytes(),
        METAINFO: with_release(metainfo, version, built_at).encode(),
        MIME_TYPES: (LINUX / "hearth.xml").read_bytes(),
        MANUAL: gzip.compress(manual, 9, mtime=0),
    }
    for name, content in contents.items():
        path = share / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [share / name for name in contents]


def with_release(metainfo: str, version: str, built_at: int) -> str:
    """The AppStream text with the release that is being made."""
    date = time.strftime("%Y-%m-%d", time.gmtime(built_at))
    end = "</component>"
    head, found, rest = metainfo.rpartition(end)
    if not found:
        raise ValueError("the AppStream file has no end")
    release = f'<release version="{version}" date="{date}"/>'
    return f"{head}  <releases>\n    {release}\n  </releases>\n{end}{rest}"
