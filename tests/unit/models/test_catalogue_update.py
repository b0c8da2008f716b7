"""A signed catalogue from a server on loopback: taken, refused, undone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.errors import (
    CatalogueInvalid,
    HostRefused,
    NetworkError,
    NotPossibleHere,
    StorageError,
)
from app.models.catalog import catalogue, fetched_file, load, own_file
from app.models.catalogue_update import CatalogueUpdates, Update
from app.models.sources import catalogue_source
from app.network.signed import SignedSource
from tests.fixtures.catalogues import NEXT, PATH, SHIPPED, SIGNATURE, Place, published
from tests.fixtures.far_end import compressed, cut, endless, far_end, page, redirect
from tests.fixtures.signing import Signer


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with far_end() as far:
        found = Place(tmp_path, far)
        yield found
        found.client.close()


def test_this_build_asks_nobody(place: Place) -> None:
    assert catalogue_source() == SignedSource()
    assert catalogue_source().hosts == ()
    assert SignedSource("https://models.invalid/c.toml", "RWQ").hosts == ("models.invalid",)
    place.updates = CatalogueUpdates(place.profile, lambda: place.client)
    assert not place.updates.state().is_configured
    error = place.refused(NotPossibleHere)
    assert error.title == "No update source is configured."
    assert place.far.asked == []
    for half in (SignedSource(address=place.far.url), SignedSource(public_key="RWQ")):
        place.updates = place.with_source(half)
        place.refused(NotPossibleHere)


def test_nothing_is_asked_before_somebody_asks(place: Place) -> None:
    state = place.updates.state()
    assert (state.is_configured, state.serial, state.is_fetched) == (True, load().serial, False)
    assert catalogue(place.profile) is load()
    assert place.far.asked == []


def test_a_signed_newer_one_is_used_from_now_on(place: Place) -> None:
    place.offer(published(NEXT))
    update = place.updates.fetch()
    assert (update.is_new, update.serial, update.added) == (True, NEXT, ("Renamed",))
    assert len(update.removed) == len(load().entries) - 5
    assert load().entries[0].name in update.removed
    assert place.has("renamed")
    assert catalogue(place.profile).serial == NEXT
    state = place.updates.state()
    assert (state.serial, state.is_fetched) == (NEXT, True)
    # And in another process, or after a restart.
    assert CatalogueUpdates(place.profile, lambda: place.client).state().serial == NEXT
    assert [asked.path for asked in place.far.asked] == [SIGNATURE, PATH]
    assert {each.purpose for each in place.connections.all()} == {"catalogue of models"}


def test_undoing_leads_back_step_by_step(place: Place) -> None:
    place.offer(published(NEXT, "Once"))
    place.updates.fetch()
    place.offer(published(NEXT + 1, "Twice"))
    assert place.updates.fetch() == Update(True, NEXT + 1, ("Twice",), ("Once",))
    assert place.updates.undo().serial == NEXT
    assert place.has("once")
    assert not place.has("twice")
    state = place.updates.undo()
    assert (state.serial, state.is_fetched) == (load().serial, False)
    assert catalogue(place.profile).entries == load().entries
    assert place.updates.undo() == state
    assert place.updates.fetch().serial == NEXT + 1  # undone is not forbidden


def test_what_was_before_an_undone_one_does_not_come_back(place: Place) -> None:
    for serial, name in ((NEXT, "Once"), (NEXT + 1, "Twice")):
        place.offer(published(serial, name))
        place.updates.fetch()
    place.updates.undo()
    place.updates.undo()
    place.offer(published(NEXT + 2, "Thrice"))
    place.updates.fetch()
    assert place.updates.undo().is_fetched is False


def test_the_same_one_again_changes_nothing(place: Place) -> None:
    place.offer(published(NEXT))
    place.updates.fetch()
    before = fetched_file(place.profile).stat().st_mtime_ns
    assert place.updates.fetch() == Update(False, NEXT)
    assert fetched_file(place.profile).stat().st_mtime_ns == before
    place.offer(SHIPPED.encode())
    place.updates.undo()
    assert place.updates.fetch() == Update(False, load().serial)


def test_an_older_one_is_refused_however_well_signed(place: Place) -> None:
    place.offer(published(NEXT + 5))
    place.updates.fetch()
    for serial in (NEXT, load().serial):
        place.offer(published(serial))
        assert "older" in place.refused(CatalogueInvalid).title
    place.offer(SHIPPED.replace(f"serial = {load().serial}\n", "", 1).encode())
    assert "older" in place.refused(CatalogueInvalid).title


def test_only_the_key_of_this_build_counts(place: Place) -> None:
    place.offer(published(NEXT), Signer())
    assert "not signed" in place.refused(CatalogueInvalid).title
    place.offer(published(NEXT))
    place.far.files[PATH] = published(NEXT, "Slipped-in")
    assert "not signed" in place.refused(CatalogueInvalid).title
    place.far.files[SIGNATURE] = b""
    assert "not signed" in place.refused(CatalogueInvalid).title
    assert not fetched_file(place.profile).exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"schema = 1\nserial = 99\nextra = 1",
        b"schema = 2\nserial = 99",
        published(NEXT).replace(b'repo = "', b'repo = "https://evil/', 1),
        published(NEXT).replace(b"block_count = 16", b"block_count = 0"),
        published(NEXT).replace(b"ssm.group_count = 1\n", b"ssm.group_count = 0\n"),
    ],
)
def test_a_wrong_one_is_refused_though_it_is_signed(content: bytes, place: Place) -> None:
    place.offer(content)
    assert "came" in place.refused(CatalogueInvalid).detail
    assert not fetched_file(place.profile).exists()


def test_a_far_end_that_misbehaves_changes_nothing(place: Place) -> None:
    place.refused(NetworkError)  # nothing there
    place.offer(b"#" * (5 << 20))
    place.refused(NetworkError)  # too large
    place.offer(published(NEXT))
    for answer in (compressed, cut, endless):
        for path in (PATH, SIGNATURE):
            place.far.answers = {path: answer}
            place.refused(NetworkError)
    place.far.answers = {SIGNATURE: page}
    place.refused(CatalogueInvalid)
    place.far.answers = {PATH: page}
    place.refused(CatalogueInvalid)
    place.far.answers = {PATH: redirect("https://example.invalid/models.toml")}
    place.refused(HostRefused)
    place.far.answers = {}
    assert place.updates.fetch().is_new


def test_a_newer_hearth_overtakes_what_was_fetched(place: Place) -> None:
    # As after an update of the program: what ships is as new as what was fetched once.
    file = fetched_file(place.profile)
    file.parent.mkdir()
    file.write_bytes(published(load().serial))
    assert catalogue(place.profile).entries == load().entries
    assert not place.updates.state().is_fetched


def test_a_damaged_fetched_file_is_said_and_overcome(place: Place) -> None:
    place.offer(published(NEXT))
    place.updates.fetch()
    fetched_file(place.profile).write_bytes(b"schema = ")
    found = catalogue(place.profile)
    assert found.entries == load().entries
    assert len(found.problems) == 1
    assert not place.updates.state().is_fetched
    assert place.updates.fetch().is_new
    assert place.has("renamed")
    assert not place.updates.undo().is_fetched  # what was damaged does not come back


def test_a_persons_own_file_stays_on_top(place: Place) -> None:
    block = re.split(r"(?m)^(?=\[\[models\]\]$)", SHIPPED)[1]
    mine = re.sub(r'(?m)^name = ".+"$', 'name = "Mine"', block, count=1)
    mine = re.sub(r'(?m)^id = ".+"$', 'id = "renamed"', mine, count=1)
    own_file(place.profile).write_text(f"schema = 1\n{mine}", "utf-8")
    place.offer(published(NEXT))
    place.updates.fetch()
    entry = catalogue(place.profile).find("renamed")
    assert entry is not None
    assert entry.name == "Mine"


def test_a_profile_that_cannot_be_written_is_said(place: Place) -> None:
    fetched_file(place.profile).parent.write_bytes(b"in the way")
    place.offer(published(NEXT))
    place.refused(StorageError)
