"""Headers that were fetched, kept in the profile by address. Any thread but the window's.

A file each, as GGUF writes headers, and beside it which file it was of. All of it may be lost:
what is damaged is as if it were not there. Bounded; the oldest go.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from app.foundation.errors import HearthError
from app.gguf.header import Header
from app.gguf.reader import header_from
from app.models.ranges import Identity
from app.models.skeleton import header_of_bytes

MOST_ENTRIES: Final = 200
_MOST_BYTES: Final = 8 * 1024 * 1024
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """A header, and which file it is of."""

    header: Header
    identity: Identity


class HeaderCache:
    """The headers in one folder. Never raises: a cache that fails is an empty one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, url: str) -> Kept | None:
        """What is kept for an address, be it still current or not."""
        path = self._path(url)
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES)
            about, _, header = data.partition(b"\n")
            fields = json.loads(about)
            if fields["format"] != _FORMAT or fields["url"] != url:
                return None
            identity = Identity(**fields["identity"])
            return Kept(_restored(header, fields), identity)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, HearthError):
            return None

    def put(self, url: str, kept: Kept) -> None:
        """Keep a light header; see `app.models.light`."""
        header = kept.header
        about = {
            "format": _FORMAT,
            "url": url,
            "path": header.path,
            "data_offset": header.data_offset,
            "identity": asdict(kept.identity),
        }
        content = json.dumps(about).encode("ascii") + b"\n" + header_of_bytes(header)
        path = self._path(url)
        temporary = path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(path)
            self._shorten()

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:40]}.header"

    def _shorten(self) -> None:
        entries = sorted(self._folder.glob("*.header"), key=lambda path: path.stat().st_mtime_ns)
        for path in entries[: max(0, len(entries) - MOST_ENTRIES)]:
            path.unlink(missing_ok=True)


def _restored(data: bytes, fields: dict[str, Any]) -> Header:
    file_bytes, offset = fields["identity"]["bytes"], fields["data_offset"]
    if type(file_bytes) is not int or type(offset) is not int:
        raise ValueError("not a number")
    header = header_from(io.BytesIO(data), str(fields["path"]), max(file_bytes, len(data)))
    return replace(header, file_bytes=file_bytes, data_offset=offset)
