"""A Hearth that asks, and its publisher on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError
from app.updates.updates import Step
from tests.fixtures.far_end import far_end
from tests.fixtures.updating import Asking, Publisher


class Place(Asking):
    """A Hearth and its publisher."""

    def __init__(self, home: Path, publisher: Publisher) -> None:
        super().__init__(home, publisher.source)
        self.publisher = publisher
        self.steps: list[Step] = []

    def install(self, kind: str = "program") -> bool:
        return self.updates.install(kind, Cancellation(), self.steps.append)  # type: ignore[arg-type]

    def refused(self, kind: type[HearthError], what: str = "check") -> HearthError:
        """The refusal; the version that runs is the one that is started again."""
        with pytest.raises(kind) as caught:
            self.updates.check() if what == "check" else self.install(what)
        assert caught.value.title
        assert self.updates.settle() == ""
        state = self.updates.state()
        assert (state.next_version, state.staged) == ("", "")
        assert not list(self.folder.glob("versions/*"))
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with far_end() as far:
        found = Place(tmp_path, Publisher(far))
        yield found
        found.client.close()
