"""The header of a model file that is not here, read by parts and kept for the next time.

Any thread but the window's; a first read takes one to three requests. Fetches no weights. What
the far end says is checked by `ranges`, what the bytes say by the same reader as for files here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, cast
from urllib.parse import quote

from app.foundation.errors import InvalidInput, NetworkError
from app.gguf.header import Header
from app.gguf.kinds import n_splits, split_index
from app.gguf.reader import header_from, invalid
from app.models.answers import Question
from app.models.header_cache import HeaderCache, Kept
from app.models.light import light
from app.models.parts import ROW_BYTES, Front, front_of, joined
from app.models.ranges import Identity, RemoteFile
from app.models.repository import is_plain
from app.models.schema import REPO, REVISION
from app.network.client import Client
from app.network.policy import HUB

FIRST_BYTES: Final = 256 * 1024
MOST_BYTES: Final = 64 * 1024 * 1024
"""No known header is a third as long; with this much read, the file is refused."""
MOST_PARTS: Final = 64
_GROWTH: Final = 2
_LARGEST_READ_BYTES: Final = 8 * 1024 * 1024
_SLACK_BYTES: Final = 16 * 1024
_SPLIT: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf\Z")
_BRANCH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """A file on the hub."""

    repo: str
    name: str
    revision: str = "main"

    def __post_init__(self) -> None:
        """Raises InvalidInput for what no address can be made of."""
        named = REPO.match(self.repo) and is_plain(self.name) and self.name.endswith(".gguf")
        if not named or not _BRANCH.match(self.revision) or ".." in self.repo:
            raise InvalidInput(
                f"“{self.repo}:{self.name}”, “{self.revision}” names no file on the hub.",
                "A repository is owner/name, a file ends in .gguf.",
                "Check the words.",
            )

    def url(self, endpoint: str) -> str:
        return f"{endpoint}/{self.repo}/resolve/{self.revision}/{quote(self.name)}"

    def parts(self) -> tuple[Place, ...]:
        """All files of a split model; just this one where it is not split."""
        match = _SPLIT.match(self.name)
        if match is None:
            return (self,)
        base, count = match[1], int(match[3])
        if not 1 <= int(match[2]) <= count or count > MOST_PARTS:
            raise InvalidInput(
                f"“{self.name}” cannot be a part of a model.",
                f"Models come in at most {MOST_PARTS} parts, numbered from 1.",
                "Check the name.",
            )
        return tuple(
            replace(self, name=f"{base}-{number:05d}-of-{count:05d}.gguf")
            for number in range(1, count + 1)
        )


@dataclass(frozen=True, slots=True)
class Remote:
    """What was read. The header has no vocabulary, only its size (see `light`); `file_bytes` and
    tensors are those of all parts. `read_bytes` came over the network this time."""

    place: Place
    header: Header
    parts: tuple[Identity, ...]
    read_bytes: int


class RemoteHeaders:
    """Reads them. `endpoint` gives the hub, or a mirror of it, and `token` what opens a file that
    is not given to everybody, or ""; both are asked for each file."""

    def __init__(
        self,
        client: Callable[[], Client],
        cache: HeaderCache,
        endpoint: Callable[[], str] = lambda: f"https://{HUB}",
        token: Callable[[], str] = lambda: "",
    ) -> None:
        self._client = client
        self._cache = cache
        self._endpoint = endpoint
        self._token = token

    def read(self, place: Place, header_bytes: int = 0) -> Remote:
        """The header of a file, or of all files of a split model together.

        `header_bytes` is how long it should be, if that is known: then its vocabulary is left
        out. Raises ModelNotFound, ModelFileInvalid, ModelUnsupported, Offline, NetworkError.
        """
        places = place.parts()
        read = [self._one(part, header_bytes if not i else 0) for i, part in enumerate(places)]
        headers = [kept.header for kept, _ in read]
        return Remote(
            place,
            headers[0] if len(headers) == 1 else _together(headers),
            tuple(kept.identity for kept, _ in read),
            sum(n_bytes for _, n_bytes in read),
        )

    def _one(self, place: Place, header_bytes: int) -> tuple[Kept, int]:
        endpoint = self._endpoint()
        url = place.url(endpoint)
        kept = self._cache.get(url)
        if kept is not None and REVISION.match(place.revision):
            return kept, 0  # what a commit holds does not change
        question = Question(endpoint, place.repo, place.name, place.revision)
        remote = RemoteFile(self._client(), url, question, self._token)
        if kept is not None:
            remote.read(0, 64)  # tells which file it is now
            if remote.identity == kept.identity:
                return kept, remote.read_bytes
        header = light(_read(remote, place.name, header_bytes))
        assert remote.identity is not None
        found = Kept(header, remote.identity)
        self._cache.put(url, found)
        return found, remote.read_bytes


def _read(remote: RemoteFile, name: str, header_bytes: int) -> Header:
    data = remote.read(0, FIRST_BYTES)
    assert remote.identity is not None
    if header_bytes > 2 * FIRST_BYTES:
        front = front_of(data)
        if front is not None and front.needs_table:
            header = _by_its_ends(remote, front, name, header_bytes)
            if header is not None:
                return header
    stream = _Growing(remote, data)
    return header_from(cast("BinaryIO", stream), name, remote.identity.bytes)


def _by_its_ends(remote: RemoteFile, front: Front, name: str, header_bytes: int) -> Header | None:
    """Without what lies between; None where the table is not where it should be."""
    assert remote.identity is not None
    span = front.n_tensors * ROW_BYTES + 2 * _SLACK_BYTES
    first = max(FIRST_BYTES, header_bytes + _SLACK_BYTES - span)
    if first + span > remote.identity.bytes:
        return None
    tail = remote.read(first, span)
    return joined(front, tail, name, remote.identity.bytes, first)


class _Growing:
    """The file from its start, as the reader asks for it; each request is larger than before."""

    def __init__(self, remote: RemoteFile, data: bytes) -> None:
        self._remote = remote
        self._waiting = data
        self._at = len(data)
        self._next_bytes = len(data) * _GROWTH

    def read(self, _n_bytes: int) -> bytes:
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            return waiting
        assert self._remote.identity is not None
        left = self._remote.identity.bytes - self._at
        if left <= 0:
            return b""
        if self._at >= MOST_BYTES:
            raise NetworkError(
                "The header of this file is longer than any model needs.",
                f"{MOST_BYTES >> 20} MB of it were read, and it had not ended.",
                "Choose another file of the model.",
            )
        data = self._remote.read(self._at, min(self._next_bytes, left))
        self._at += len(data)
        self._next_bytes = min(self._next_bytes * _GROWTH, _LARGEST_READ_BYTES)
        return data


def _together(headers: list[Header]) -> Header:
    """One header from those of all parts. Raises ModelFileInvalid where they do not belong."""
    first = headers[0]
    for index, header in enumerate(headers):
        if n_splits(header) != len(headers) or split_index(header) != index:
            raise invalid(header.path, f"It should be part {index + 1} of {len(headers)}.")
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise invalid(first.path, "Two of its parts hold the same tensor.")
    return replace(
        first,
        tensors=tensors,
        file_bytes=sum(header.file_bytes for header in headers),
        metadata={**first.metadata, "split.count": 1},
    )
