"""Removing a model that is in use: let go first, the built-in one in its place, and back again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.foundation.errors import LoadFailed
from app.protocol.model_ref import BUILT_IN
from app.settings.schema import MODEL_PATH
from tests.fixtures.shelves import Desk, placed


@pytest.mark.usefixtures("trashed")
def test_a_model_that_is_used_is_let_go_before_it_is_removed(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    other = placed(desk.tiny("Other"), desk.folder / "o/s/other.gguf")
    desk.settings.set(MODEL_PATH, str(path))
    library = desk.library()
    seen: list[tuple[tuple[Path, ...], bool]] = []

    @contextmanager
    def letting_go(paths: Sequence[Path]) -> Iterator[None]:
        seen.append((tuple(paths), path.exists()))
        yield
        # Whoever is asked for an answer from here on finds a model that is there.
        seen.append(((Path(desk.settings.get(MODEL_PATH)),), path.exists()))

    desk.letting_go = letting_go
    kept = library.find("m.gguf")
    assert kept is not None
    assert library.remove(kept.id)
    assert seen == [((path,), True), ((Path(BUILT_IN),), False)]
    kept = library.find("other.gguf")
    assert kept is not None
    assert not library.remove(kept.id)
    assert not other.exists()


@pytest.mark.usefixtures("trashed")
def test_one_that_is_held_on_to_stays(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    desk.settings.set(MODEL_PATH, str(path))
    library = desk.library()

    @contextmanager
    def refuse(paths: Sequence[Path]) -> Iterator[None]:
        raise LoadFailed("It is held on to.", "", "")
        yield

    desk.letting_go = refuse
    with pytest.raises(LoadFailed):
        library.remove(library.look().models[0].id)
    assert path.exists()
    assert desk.settings.get(MODEL_PATH) == str(path)


def test_what_comes_back_from_the_trash_can_be_chosen_again(desk: Desk, trashed: Path) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    library = desk.library()
    before = library.look().models[0]
    library.remove(before.id)
    assert not library.look().models
    path.parent.mkdir(parents=True)
    (trashed / path.name).rename(path)
    (again,) = library.look().models
    assert (again.id, again.name) == (before.id, before.name)
    assert again.is_usable
    assert again.is_ours
