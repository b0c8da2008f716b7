"""What the signed file says: a version, its notes, and a file for each kind of computer.

Pure. A claim is believed because it is signed, and checked all the same: a slip of whoever
publishes must not become a path, an address or a number that harms.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

from app.foundation.errors import UpdateRefused
from app.foundation.versions import is_version

SCHEMA: Final = 1
MOST_FILE_BYTES: Final = 1 << 20
MOST_NOTES_CHARS: Final = 20_000
_MOST_ARTEFACT_BYTES: Final = 4 << 30
_MOST_SERIAL: Final = 1 << 53
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\.tar\.(xz|gz)\Z")
_KEY: Final = re.compile(r"[0-9a-f]{8,64}\Z")
_BINDINGS: Final = re.compile(r"[0-9][0-9A-Za-z.+-]{0,30}\Z")
_PLATFORM: Final = re.compile(r"[a-z0-9]{1,20}-[a-z0-9_]{1,20}\Z")
#: Only lines and tabs of what controls a screen; nothing that turns the direction of writing.
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file: where it is, what it must be, and how much comes out of it."""

    url: str
    name: str
    bytes: int
    sha256: str
    unpacked_bytes: int


@dataclass(frozen=True, slots=True)
class RuntimeOffer:
    """A runtime apart from the program. `bindings` are those of llama-cpp-python that it fits."""

    key: str
    bindings: str
    notes: str
    artefact: Artefact | None


@dataclass(frozen=True, slots=True)
class Offer:
    """`serial` counts what was published. Without an artefact there is none for this computer."""

    serial: int
    version: str
    published: str
    notes: str
    artefact: Artefact | None
    runtime: RuntimeOffer | None = None


def platform_name() -> str:
    """This kind of computer, as artefacts are named: `linux-x86_64`, `macos-arm64`."""
    import platform

    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}.get(machine, machine)
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    return f"{system}-{machine}"


def offer_of(content: bytes, address: str, platform: str) -> Offer:
    """The offer in the signed file that lies at `address`. Raises UpdateRefused."""
    try:
        said = json.loads(content)
        if not isinstance(said, dict):
            raise _Wrong("it is no JSON object")
        return _offer(said, address, platform)
    except (ValueError, RecursionError) as error:
        raise _refused("it is no JSON") from error
    except _Wrong as error:
        raise _refused(str(error)) from None


class _Wrong(Exception):
    """What is wrong, in a few words."""


def _offer(said: dict[str, Any], address: str, platform: str) -> Offer:
    if said.get("schema") != SCHEMA:
        raise _Wrong("it is of another form; a newer Hearth may read it")
    runtime = said.get("runtime")
    version = _text(said, "version", 40)
    if not is_version(version):
        raise _Wrong("its version is no number of a version")
    return Offer(
        _whole(said, "serial", _MOST_SERIAL),
        version,
        _text(said, "published", 40),
        _text(said, "notes", MOST_NOTES_CHARS),
        _artefact(said, address, platform),
        None if runtime is None else _runtime(runtime, address, platform),
    )


def _runtime(said: Any, address: str, platform: str) -> RuntimeOffer:
    if not isinstance(said, dict):
        raise _Wrong("its runtime is no object")
    key, bindings = _text(said, "key", 64), _text(said, "bindings", 32)
    if not _KEY.match(key) or not _BINDINGS.match(bindings):
        raise _Wrong("its runtime has no name that makes sense")
    notes = _text(said, "notes", MOST_NOTES_CHARS)
    return RuntimeOffer(key, bindings, notes, _artefact(said, address, platform))


def _artefact(said: dict[str, Any], address: str, platform: str) -> Artefact | None:
    """All are checked, so that a slip is seen wherever it is looked at."""
    listed = said.get("artefacts")
    if not isinstance(listed, dict) or len(listed) > 50:
        raise _Wrong("it has no list of files")
    found = None
    for name, item in listed.items():
        if not _PLATFORM.match(name) or not isinstance(item, dict):
            raise _Wrong("it names a kind of computer that cannot be")
        artefact = _one(item, address)
        if name == platform:
            found = artefact
    return found


def _one(item: dict[str, Any], address: str) -> Artefact:
    file, sha256 = _text(item, "file", 1000), _text(item, "sha256", 64)
    name = file.rpartition("/")[2]
    if not _NAME.match(name) or not _SHA256.match(sha256):
        raise _Wrong("a file of it has no name or no checksum that makes sense")
    return Artefact(
        urljoin(address, file),
        name,
        _whole(item, "bytes", _MOST_ARTEFACT_BYTES),
        sha256,
        _whole(item, "unpacked_bytes", 4 * _MOST_ARTEFACT_BYTES),
    )


def _text(said: dict[str, Any], key: str, most_chars: int) -> str:
    value = said.get(key)
    if not isinstance(value, str) or len(value) > most_chars:
        raise _Wrong(f"its “{key}” is no text, or too long")
    return _UNSEEN.sub("", value)


def _whole(said: dict[str, Any], key: str, most: int) -> int:
    value = said.get(key)
    if type(value) is not int or not 0 < value <= most:
        raise _Wrong(f"its “{key}” is no number that makes sense")
    return value


def _refused(why: str) -> UpdateRefused:
    return UpdateRefused(
        "What came about newer versions makes no sense.",
        f"It is signed by those who make Hearth, but {why}.",
        "Nothing was changed. Try again another day.",
    )
