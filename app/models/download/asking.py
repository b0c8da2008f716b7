"""What the hub says of each file of a download, held against what was said before.

Runs on the download's own thread. One commit is asked for all along; what it holds cannot change,
and a far end that says otherwise is asked again before it is believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from app.foundation.errors import InvalidInput, ModelNotFound, NetworkError
from app.models.download.entry import Entry
from app.models.download.partial import Expected
from app.models.download.places import file_names
from app.models.download.transfer import Changed
from app.models.wanted import Locate, Located, Wanted

MOST_FILE_BYTES: Final = 1 << 43
SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_REPO: Final = re.compile(r"[^\s/\\]{1,96}/[^\s/\\]{1,96}\Z")
_LONGEST_NAME: Final = 400
_COMMIT: Final = re.compile(r"[0-9a-f]{40}\Z")


class Asking:
    """Of one download, for one run."""

    def __init__(self, entry: Entry, locate: Locate) -> None:
        self._entry = entry
        self._locate = locate
        self._located: dict[int, Located] = {}

    def expect_all(self, between: Callable[[], None]) -> list[Expected]:
        """What each file must be. Asks where that is not known; `between` may raise."""
        for index, part in enumerate(self._entry.wanted.parts):
            between()
            if part.sha256 and part.bytes:
                self._entry.expected[index] = Expected(part.sha256, part.bytes)
            elif index not in self._entry.expected:
                found = self._ask(index)
                self._entry.expected[index] = Expected(found.sha256, found.bytes)
        return [self._entry.expected[index] for index in range(len(self._entry.wanted.parts))]

    def locate(self, index: int) -> Located:
        """Where a file is to be had now. Raises Changed where it is another one."""
        found = self._located.get(index) or self._ask(index)
        said, before = Expected(found.sha256, found.bytes), self._entry.expected[index]
        if said == before:
            self._entry.surprises.pop(index, None)
            return found
        self._located.pop(index, None)
        is_free = not self._entry.wanted.parts[index].sha256
        if is_free and self._entry.surprises.get(index) == said:
            # Said twice, and nobody asked for a certain content: so be it, from the start.
            del self._entry.surprises[index]
            self._entry.expected[index] = said
        else:
            self._entry.surprises[index] = said
        raise Changed(
            f"{self._entry.wanted.parts[index].name[:80]} is another file than it was.",
            "Its publisher replaced it since it was chosen.",
            "Look at the model again, and choose it anew.",
        )

    def _ask(self, index: int) -> Located:
        entry, part = self._entry, self._entry.wanted.parts[index]
        asked = entry.commit or entry.wanted.revision
        try:
            found = self._locate(entry.wanted.repo, asked, part.name)
        except ModelNotFound:
            if asked == entry.wanted.revision:
                raise
            # The commit is gone: history was rewritten. Whether the file is the same is seen now.
            found = self._locate(entry.wanted.repo, entry.wanted.revision, part.name)
            entry.commit = ""
        if not SHA256.match(found.sha256) or not 0 < found.bytes <= MOST_FILE_BYTES:
            raise NetworkError(
                f"{part.name[:80]} cannot be checked, so it is not fetched.",
                "The hub does not say its size and SHA-256.",
                "Choose another file, or try again; a mirror may leave that out.",
            )
        if _COMMIT.match(found.commit):
            entry.commit = entry.commit or found.commit
        self._located[index] = found
        return found


def check(wanted: Wanted) -> None:
    """Raises InvalidInput for claims that make no sense."""
    file_names(wanted.parts)
    is_sound = bool(_REPO.match(wanted.repo)) and len(wanted.revision) <= _LONGEST_NAME
    for part in wanted.parts:
        is_sound = (
            is_sound
            and len(part.name) <= _LONGEST_NAME
            and 0 <= part.bytes <= MOST_FILE_BYTES
            and (not part.sha256 or bool(SHA256.match(part.sha256)))
        )
    if not is_sound:
        raise InvalidInput(
            "That cannot be downloaded.",
            f"What is known of {wanted.name[:80]} makes no sense.",
            "Look at the model again, and choose it anew.",
        )
