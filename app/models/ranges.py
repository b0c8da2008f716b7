"""Reads parts of a remote file, and believes the far end only what it can check.

Any thread but the window's. Every answer must be exactly the bytes that were asked for, of the
same file as the answer before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from app.foundation.errors import NetworkError
from app.models.answers import Question, check
from app.network.client import Client, Head
from app.network.policy import origin_of

MOST_FILE_BYTES: Final = 1 << 43
DEADLINE_S: Final = 60.0
_RANGE: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})\Z")
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}\Z")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which file it is: `etag` changes with its content. `sha256` and `revision` as the hub
    gives them, or empty."""

    etag: str
    bytes: int
    sha256: str = ""
    revision: str = ""


class RemoteFile:
    """One file at one address. `identity` is known after the first read.

    It is asked for as nobody, and with what `token` gives where that is not enough.
    """

    def __init__(
        self, client: Client, url: str, question: Question, token: Callable[[], str] = lambda: ""
    ) -> None:
        self._client = client
        self._url = url
        self._question = question
        self._token = token
        self._private: dict[str, str] = {}
        self._name = question.name
        self.identity: Identity | None = None
        self.read_bytes = 0

    def read(self, first: int, n_bytes: int) -> bytes:
        """The bytes from `first` on, fewer only at the end of the file.

        Raises ModelNotFound, NetworkError and its kin.
        """
        content, expected = self._asked(first, n_bytes)
        if len(content) != expected:
            raise self._lied(f"It sent {len(content):,} bytes of the {expected:,} it promised.")
        self.read_bytes += len(content)
        return content

    def _asked(self, first: int, n_bytes: int) -> tuple[bytes, int]:
        """What came, and how much of it should have come."""
        with self._client.stream(
            self._url,
            purpose=f"header of {self._name}"[:120],
            headers={"Range": f"bytes={first}-{first + n_bytes - 1}", **self._private},
            deadline_s=DEADLINE_S,
        ) as incoming:
            if not self._may_ask_again(incoming.head):
                expected = self._check(incoming.head, first, n_bytes)
                return b"".join(incoming.chunks(expected)), expected
        return self._asked(first, n_bytes)

    def _may_ask_again(self, head: Head) -> bool:
        """Whether the hub itself wants to know who asks, and now can."""
        if head.status not in (401, 403) or self._private or not self._is_of_the_hub(head):
            return False
        token = self._token()
        if token:
            self._private = {"Authorization": f"Bearer {token}"}
            self._question = replace(self._question, as_somebody=True)
        return bool(token)

    def _is_of_the_hub(self, head: Head) -> bool:
        return origin_of(head.url) == origin_of(self._url)

    def _check(self, head: Head, first: int, n_bytes: int) -> int:
        """How much is on its way. Raises where it is not what was asked for."""
        self._check_status(head)
        begins, ends, total = self._range(head)
        expected = min(first + n_bytes, total) - first
        if begins != first or ends != first + expected - 1 or expected < 1:
            raise self._lied("It sent another part than was asked for.")
        self._identify(head, total)
        return expected

    def _check_status(self, head: Head) -> None:
        if head.status == 416:
            raise self._lied("It says the file ends before the part that was asked for.")
        if head.status in (401, 403) and not self._is_of_the_hub(head):
            raise NetworkError(
                f"{_place(head)} does not give out {self._name}.",
                f"The hub sent us there, but the address does not hold (status {head.status}).",
                "Try again.",
            )
        check(head, self._question)
        if head.status == 200:
            raise NetworkError(
                f"{_place(head)} does not give out parts of files.",
                "It began to send the whole file where a part was asked for.",
                "A proxy may do that; try without it.",
            )
        if head.status != 206:
            raise self._lied(f"It answered with status {head.status}.")

    def _range(self, head: Head) -> tuple[int, int, int]:
        match = _RANGE.match(head.headers.get("content-range", ""))
        if match is None:
            raise self._lied("It does not say which part of the file it sent.")
        begins, ends, total = (int(part) for part in match.groups())
        if not 0 <= begins <= ends < total <= MOST_FILE_BYTES:
            raise self._lied("The part it says it sent cannot be.")
        return begins, ends, total

    def _identify(self, head: Head, total: int) -> None:
        found = _identity(head, total)
        if self.identity is None:
            self.identity = found
        elif (found.etag, found.bytes) != (self.identity.etag, self.identity.bytes):
            raise NetworkError(
                f"{self._name} changed while it was read.",
                "Its publisher replaced it a moment ago.",
                "Try again.",
            )

    def _lied(self, detail: str) -> NetworkError:
        return NetworkError(
            f"What came for {self._name} cannot be right.",
            detail,
            "Try again; if it stays so, something stands between you and the hub.",
        )


def _identity(head: Head, total: int) -> Identity:
    """By what the hub says at its own address, else by what the store says."""
    etag = _plain(head.first.get("x-linked-etag") or head.headers.get("etag", ""))
    revision = head.first.get("x-repo-commit", "")
    return Identity(
        etag[:200],
        total,
        etag if _SHA256.match(etag) else "",
        revision if _COMMIT.match(revision) else "",
    )


def _plain(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _place(head: Head) -> str:
    return "The far end" if not head.url else head.url.split("/")[2].split(":")[0]
