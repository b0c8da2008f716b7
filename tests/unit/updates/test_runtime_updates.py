"""A runtime apart from the program: tried before it is used, and taken back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.foundation.errors import (
    UpdateRefused,
)
from app.foundation.runtimes import CHOSEN, RuntimePointer, Runtimes, choose
from tests.fixtures.updating import (
    LATER_KEY,
    OLD,
    OWN_KEY,
    runtime_of,
)
from tests.unit.updates.conftest import Place

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script is the program here")


def test_a_runtime_is_used_once_it_passed_and_can_be_taken_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    place.gate = tried.append
    place.updates = place.made()
    place.publisher.offer(OLD, runtime_files=runtime_of(LATER_KEY))
    assert place.updates.is_newer(place.updates.check(), "runtime")
    assert place.updates.state().runtime == OWN_KEY
    assert place.install("runtime")
    home = place.folder / "runtimes" / LATER_KEY
    assert tried == [home]
    state = place.updates.state()
    assert (state.runtime, state.can_undo_runtime, state.staged) == (LATER_KEY, True, "")
    # Emptied through the fixture, so that what is chosen below does not outlive the test.
    monkeypatch.setenv(CHOSEN, "")
    assert choose(place.folder, place.own_runtime) == home
    assert os.environ[CHOSEN] == str(home)
    assert choose(place.folder, place.own_runtime) is None  # what is named stands
    monkeypatch.setenv(CHOSEN, "")
    assert place.updates.undo("runtime") == ""
    assert choose(place.folder, place.own_runtime) is None
    assert place.updates.state().runtime == OWN_KEY
    with pytest.raises(UpdateRefused, match="no runtime update"):
        place.updates.undo("runtime")


def test_a_runtime_that_answers_otherwise_is_not_used(place: Place) -> None:
    def wrong(_runtime: Path) -> None:
        raise UpdateRefused("The new runtime does not compute what it should.", "", "")

    place.gate = wrong
    place.updates = place.made()
    place.publisher.offer(OLD, runtime_files=runtime_of(LATER_KEY))
    assert "does not compute" in place.refused(UpdateRefused, "runtime").title
    assert not list((place.folder / "runtimes").iterdir())
    place.gate = lambda runtime: None
    place.updates = place.made()
    place.publisher.offer(OLD, runtime_files=runtime_of("cc" * 10))
    assert "not what it was said" in place.refused(UpdateRefused, "runtime").title
    assert place.updates.state().runtime == OWN_KEY


def test_a_newer_hearth_uses_the_runtime_that_it_brought(place: Place) -> None:
    place.publisher.offer(OLD, runtime_files=runtime_of(LATER_KEY))
    assert place.install("runtime")
    (place.own_runtime / "manifest.json").write_text(json.dumps({"key": "dd" * 10}))
    assert Runtimes(place.folder).in_use(place.own_runtime) is None
    (place.folder / "runtime.json").write_text("{")
    assert Runtimes(place.folder).pointer() == RuntimePointer()


def test_a_runtime_for_other_bindings_is_not_offered(place: Place) -> None:
    content = place.publisher.offer(OLD, runtime_files=runtime_of(LATER_KEY))
    place.publisher.publish(content.replace(b'"0.3.36"', b'"0.3.37"'))
    assert not place.updates.is_newer(place.updates.check(), "runtime")
