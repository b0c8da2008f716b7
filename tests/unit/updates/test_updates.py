"""From a signed file on loopback to the version that the next start takes, and back again."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from app.foundation.cancellation import Cancellation
from app.foundation.errors import (
    HearthError,
    HostRefused,
    NetworkError,
    NotPossibleHere,
    Offline,
    StorageError,
    StorageFull,
    UpdateRefused,
)
from app.foundation.locks import hold
from app.foundation.versions import Pointer, Versions
from app.network.signed import SignedSource
from app.updates.files import alone
from app.updates.sources import program_source
from app.updates.updates import Step
from tests.fixtures.far_end import compressed, cut, endless, page, redirect
from tests.fixtures.signing import Signer
from tests.fixtures.updating import (
    LATER_KEY,
    NEW,
    NEWER,
    OLD,
    PATH,
    Asking,
    program_of,
    runtime_of,
)
from tests.unit.updates.conftest import Place

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script is the program here")


def test_this_build_asks_nobody(place: Place) -> None:
    assert program_source() == SignedSource()
    assert program_source().hosts == ()
    place.source = program_source()
    place.updates = place.made()
    assert not place.updates.state().is_configured
    assert place.refused(NotPossibleHere).title == "No update source is configured."
    assert place.updates.check_daily() is None
    assert place.publisher.far.asked == []
    assert not place.folder.exists()


def test_a_signed_newer_version_is_installed_when_hearth_is_quit(place: Place) -> None:
    place.publisher.offer()
    assert place.updates.state().asked_s == 0
    offer = place.updates.check()
    assert place.updates.is_newer(offer, "program")
    assert "<b>nothing</b>" in offer.notes
    assert place.install()
    state = place.updates.state()
    assert (state.staged, state.next_version) == (NEW, "")
    assert {step.phase for step in place.steps} == {"download", "unpack"}
    assert place.steps[-1].done_bytes == place.steps[-1].total_bytes
    assert not place.updates.is_newer(offer, "program")
    assert place.updates.settle() == NEW
    state = place.updates.state()
    assert (state.staged, state.next_version, state.can_undo) == ("", NEW, True)
    program = place.folder / "versions" / NEW / "hearth" / "hearth"
    assert program.stat().st_mode & 0o111
    assert not list(place.folder.glob("incoming"))
    assert {each.purpose.split()[0] for each in place.connections.all()} == {"news", "download"}
    assert place.updates.undo("program") == OLD
    assert place.updates.state().next_version == ""


def test_the_one_before_is_kept_and_older_ones_go(place: Place) -> None:
    place.publisher.offer()
    assert place.install()
    place.updates.settle()
    program = place.folder / "versions" / NEW / "hearth" / "hearth"
    second = place.made(NEW, program)
    place.publisher.offer(NEWER)
    assert second.install("program", Cancellation(), place.steps.append)
    assert second.settle() == NEWER
    assert second.state().next_version == NEWER
    assert second.undo("program") == NEW
    third = place.made(NEWER, place.folder / "versions" / NEWER / "hearth" / "hearth")
    place.publisher.offer("0.4.0")
    assert third.install("program", Cancellation(), place.steps.append)
    third.settle()
    names = sorted(path.name for path in (place.folder / "versions").iterdir())
    assert names == [NEWER, "0.4.0"]


def test_one_that_was_started_by_the_first_goes_back_to_that(place: Place) -> None:
    place.publisher.offer()
    assert place.install()
    place.updates.settle()
    program = place.folder / "versions" / NEW / "hearth" / "hearth"
    later = place.made(NEW, program, first=OLD)
    assert later.state().next_version == ""
    assert later.undo("program") == OLD
    state = later.state()
    assert (state.version, state.next_version, state.can_undo) == (NEW, OLD, False)


def test_a_version_that_still_runs_is_not_taken_away(place: Place) -> None:
    place.publisher.offer()
    assert place.install()
    place.updates.settle()
    held = hold(place.folder / "versions" / NEW)  # as a window does that is open
    assert held is not None
    try:
        for own, version in ((OLD, NEWER), (NEWER, "0.4.0")):
            place.publisher.offer(version)
            later = place.made(own, place.folder / "versions" / NEWER / "hearth" / "hearth")
            assert later.install("program", Cancellation(), place.steps.append)
            assert later.settle() == version
        program = place.folder / "versions" / NEW / "hearth" / "hearth"
        assert program.is_file()
        Versions(place.folder).point(Pointer())
        place.publisher.offer()
        first = place.made()
        with pytest.raises(UpdateRefused, match=f"Hearth {NEW} is running"):
            first.install("program", Cancellation(), place.steps.append)
        assert program.is_file()
    finally:
        os.close(held)
    assert first.install("program", Cancellation(), place.steps.append)
    first.settle()
    names = {path.name for path in (place.folder / "versions").iterdir()}
    assert names == {NEW}


def test_what_a_newer_installed_hearth_has_overtaken_goes(place: Place) -> None:
    """It would never be started again; the package of a system knows nothing of it."""
    place.publisher.offer()
    assert place.install()
    place.updates.settle()
    home = place.folder / "versions" / NEW
    fetched = place.made(NEW, home / "hearth" / "hearth")
    assert fetched.settle() == ""
    assert place.updates.settle() == ""
    assert home.is_dir(), "it is the one in use"
    held = hold(home)
    assert held is not None
    later = place.made(NEWER)
    assert later.settle() == ""
    assert home.is_dir(), "it runs still"
    os.close(held)
    assert place.made(NEWER).settle() == ""
    assert not home.exists()
    assert Versions(place.folder).pointer().version == ""


def test_a_version_that_is_gone_or_damaged_is_installed_again(place: Place) -> None:
    place.publisher.offer()
    assert place.install()
    place.updates.settle()
    assert place.updates.state().damaged == ""
    program = place.folder / "versions" / NEW / "hearth" / "hearth"
    program.write_bytes(program.read_bytes()[:-1])
    assert place.updates.state().damaged == NEW
    program.unlink()
    state = place.updates.state()
    assert (state.next_version, state.damaged) == ("", NEW)
    assert place.updates.is_newer(place.updates.check(), "program")
    assert place.install()
    assert place.updates.settle() == NEW
    assert place.updates.state().next_version == NEW


def test_where_others_may_write_nothing_is_installed(place: Place) -> None:
    """The launcher would never start it, and nobody would know why."""
    place.publisher.offer(runtime_files=runtime_of(LATER_KEY))
    place.folder.mkdir(mode=0o777)
    place.folder.chmod(0o777)
    for kind in ("program", "runtime"):
        refused = place.refused(NotPossibleHere, kind)
        assert str(place.folder) in refused.detail
    assert place.updates.state().hindrance
    place.folder.chmod(0o700)
    assert place.install()


def test_only_the_key_of_this_build_counts(place: Place) -> None:
    place.publisher.offer(signer=Signer())
    assert "not signed" in place.refused(UpdateRefused).title
    content = place.publisher.offer()
    place.publisher.far.files[PATH] = content.replace(b"2026", b"2027")
    assert "not signed" in place.refused(UpdateRefused).title


def test_what_was_cut_off_at_any_byte_is_not_believed(place: Place) -> None:
    content = place.publisher.offer()
    signature = place.publisher.far.files[f"{PATH}.minisig"]
    for end in range(0, len(content), 17):
        place.publisher.far.files[PATH] = content[:end]
        place.refused(UpdateRefused)
    place.publisher.far.files[PATH] = content
    for end in range(0, len(signature) - 1, 11):
        place.publisher.far.files[f"{PATH}.minisig"] = signature[:end]
        place.refused(UpdateRefused)


def test_an_older_one_is_refused_however_well_signed(place: Place) -> None:
    old = place.publisher.offer()
    place.publisher.offer(NEWER)
    place.updates.check()
    place.publisher.publish(old)
    assert "older" in place.refused(UpdateRefused).title
    assert "older" in str(_raised(lambda: place.made().check()))  # and after a restart
    place.publisher.offer("0.0.9")
    offer = place.updates.check()
    assert not place.updates.is_newer(offer, "program")
    assert "nothing newer" in place.refused(UpdateRefused, "program").title


@pytest.mark.parametrize(
    "changed",
    [
        {"schema": 2},
        {"serial": 0},
        {"serial": "99"},
        {"version": "../0.2"},
        {"version": "0.2.0 "},
        {"version": "9" * 50},
        {"notes": 3},
        {"notes": "n" * 30_000},
        {"artefacts": []},
        {"artefacts": {"Linux": {}}},
        {"artefacts": {"linux-x86_64": {"file": "x.exe", "bytes": 1}}},
        {"bytes": 0},
        {"bytes": 1 << 60},
        {"sha256": "A" * 64},
        {"unpacked_bytes": -1},
        {"runtime": 3},
        {"runtime": {"key": "../up", "bindings": "1", "notes": "", "artefacts": {}}},
    ],
)
def test_a_wrong_one_is_refused_though_it_is_signed(
    place: Place, changed: dict[str, object]
) -> None:
    place.publisher.offer(**changed)  # type: ignore[arg-type]
    assert "makes no sense" in place.refused(UpdateRefused).title


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b"\xff", b"nul"])
def test_what_is_no_json_is_refused_though_it_is_signed(place: Place, content: bytes) -> None:
    place.publisher.publish(content)
    place.refused(UpdateRefused)


def test_a_far_end_that_misbehaves_changes_nothing(place: Place) -> None:
    place.refused(NetworkError)  # nothing there
    place.publisher.publish(b"#" * (2 << 20))
    place.refused(NetworkError)  # too large
    place.publisher.offer()
    for answer in (compressed, cut, endless):
        for path in (PATH, f"{PATH}.minisig"):
            place.publisher.far.answers = {path: answer}
            place.refused(NetworkError)
    place.publisher.far.answers = {PATH: page}
    place.refused(UpdateRefused)
    place.publisher.far.answers = {PATH: redirect("https://example.invalid/latest.json")}
    place.refused(HostRefused)


def test_offline_asks_nobody_and_says_so(tmp_path: Path) -> None:
    source = SignedSource("https://updates.invalid/latest.json", Signer().public_key)
    asking = Asking(tmp_path, source)
    asking.is_offline = True
    for _ in range(2):
        with pytest.raises(Offline):
            asking.updates.check()
        with pytest.raises(Offline):
            asking.updates.install("program", Cancellation(), lambda step: None)
    assert not asking.connections.all()
    assert asking.updates.state().asked_s == 0


def test_by_itself_it_is_asked_at_most_daily(place: Place) -> None:
    place.publisher.offer()
    assert place.updates.check_daily() is not None
    n_asked = len(place.publisher.far.asked)
    now_s = place.updates.state().asked_s
    for later_s in (0, 1, 86_399):
        assert place.updates.check_daily(now_s + later_s) is None
    assert len(place.publisher.far.asked) == n_asked
    assert place.updates.check_daily(now_s + 86_401) is not None
    assert place.made().check_daily(now_s - 1_000_000) is not None  # the clock was put back


def test_a_far_end_that_is_down_is_not_asked_more_often(place: Place) -> None:
    assert isinstance(_raised(place.updates.check_daily), NetworkError)
    n_asked = len(place.publisher.far.asked)
    assert place.updates.check_daily() is None
    assert len(place.publisher.far.asked) == n_asked


def test_a_damaged_download_is_thrown_away(place: Place) -> None:
    place.publisher.offer()
    name = f"/hearth/hearth-{NEW}.tar.xz"
    content = bytearray(place.publisher.far.files[name])
    content[len(content) // 2] ^= 1
    place.publisher.far.files[name] = bytes(content)
    assert "damaged" in place.refused(UpdateRefused, "program").title


def test_lying_sizes_are_found_out(place: Place) -> None:
    place.publisher.offer(unpacked_bytes=40_000)
    error = place.refused(UpdateRefused, "program")
    assert "more comes out of it" in error.detail
    place.updates = place.made()
    place.publisher.offer(unpacked_bytes=1 << 33)
    if os.statvfs(place.folder).f_bavail * os.statvfs(place.folder).f_frsize < 1 << 33:
        place.refused(StorageError, "program")


def test_a_version_that_does_not_work_here_is_not_installed(place: Place) -> None:
    place.publisher.offer(files=program_of(NEW, code=1))
    assert "does not work" in place.refused(UpdateRefused, "program").title
    place.updates = place.made()
    place.publisher.offer(files=program_of("0.2.1") | {"hearth/more": b""})
    error = place.refused(UpdateRefused, "program")
    assert "0.2.1" in error.detail  # another version than was said
    place.updates = place.made()
    place.publisher.offer(files={"readme": b"no program"})
    place.refused(UpdateRefused, "program")


@pytest.mark.parametrize("phase", ["download", "unpack"])
def test_a_full_disk_leaves_the_old_version(
    place: Place, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    place.publisher.offer(files=program_of(NEW, padding=3_000_000))
    write, real = os.write, os.fsync

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def told(step: Step) -> None:
        if step.phase == phase == "unpack":
            monkeypatch.setattr(os, "fsync", full)

    if phase == "download":
        monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull) as caught:
        place.updates.install("program", Cancellation(), told)
    assert caught.value.remedy.startswith("Free some space")
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", real)
    assert not list(place.folder.glob("versions/*"))
    assert place.updates.settle() == ""
    assert place.install()  # once there is room again
    assert place.updates.settle() == NEW


def test_two_hearths_do_not_install_at_once(place: Place) -> None:
    place.publisher.offer()
    with alone(place.folder):
        assert "Another Hearth" in str(_raised(place.install))
    assert place.install()
    with alone(place.folder):
        assert "Another Hearth" in str(_raised(place.updates.settle))
    assert place.made().settle() == NEW  # whoever is quit first does it
    assert place.updates.settle() == ""


def test_a_pointer_that_cannot_be_replaced_leaves_the_old_version(place: Place) -> None:
    place.publisher.offer()
    assert place.install()
    (place.folder / "current.json").mkdir()
    assert isinstance(_raised(place.updates.settle), StorageError)
    assert place.updates.state().next_version == ""
    (place.folder / "current.json").rmdir()
    assert place.updates.settle() == NEW


def test_stopping_keeps_what_is_here(place: Place) -> None:
    place.publisher.offer(files=program_of(NEW, padding=3_000_000))
    stop = Cancellation()

    def told(step: Step) -> None:
        if step.phase == "unpack":
            stop.cancel()

    assert place.updates.install("program", stop, told) is False
    assert place.updates.state().staged == ""
    place.publisher.far.asked.clear()
    assert place.install()
    assert not [asked for asked in place.publisher.far.asked if "tar" in asked.path]


def test_what_failed_before_is_not_news(place: Place) -> None:
    place.publisher.offer()
    assert place.install()
    place.updates.settle()
    versions = place.updates._program.versions
    versions.point(Pointer("", failed=(NEW,)))
    now_s = place.updates.state().asked_s + 100_000
    assert place.updates.state().failed == NEW
    assert place.updates.check_daily(now_s) is None
    assert place.install()  # but a person may try it again
    assert place.updates.settle() == NEW
    assert versions.pointer() == Pointer(NEW, proven=False)


def test_what_is_no_bundle_is_not_updated(place: Place) -> None:
    place.publisher.offer()
    place.updates._program._executable = None
    place.updates._runtime._own = None
    assert "not updated by itself" in place.refused(NotPossibleHere, "program").title
    assert "not updated apart" in place.refused(NotPossibleHere, "runtime").title
    assert place.updates.state().hindrance
    assert place.updates.check().version == NEW  # but told of


def _raised(act: object) -> HearthError:
    with pytest.raises(HearthError) as caught:
        act()  # type: ignore[operator]
    return caught.value
