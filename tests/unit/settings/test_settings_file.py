from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.foundation.atomic import write_atomically
from app.foundation.errors import InvalidInput, StorageError, StorageFull
from app.settings import file as file_module
from app.settings import schema
from app.settings.file import SettingsFile
from app.settings.option import TEXT_LIMIT_BYTES, Option
from app.settings.schema import (
    BY_KEY,
    KEEP_DELETED_DAYS,
    MODEL_PATH,
    OPTIONS,
    SYSTEM_PROMPT,
    TEMPERATURE,
    TEXT_SIZE,
    THEME,
)

DEADLINE_S = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def stored(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["schema"] == schema.SCHEMA_VERSION
    values: dict[str, Any] = document["values"]
    return values


def write(path: Path, values: dict[str, Any], number: int = 1) -> None:
    path.write_text(json.dumps({"schema": number, "values": values}), encoding="utf-8")


def asides(path: Path) -> list[Path]:
    return sorted(path.parent.glob("settings-*.json"))


def test_without_a_file_every_option_has_its_default(path: Path) -> None:
    found = SettingsFile(path)
    assert found.notice is None
    assert {option.key: found.get(option) for option in OPTIONS} == {
        option.key: option.default for option in OPTIONS
    }
    assert not path.exists()


def test_what_was_set_is_used_at_once_and_found_after_a_restart(path: Path) -> None:
    found = SettingsFile(path)
    done = found.set(THEME, "dark")
    assert found.get(THEME) == "dark"
    done.result(DEADLINE_S)
    found.set(TEMPERATURE, 1)  # a whole number is a number
    assert found.close(DEADLINE_S)
    again = SettingsFile(path)
    assert (again.get(THEME), again.get(TEMPERATURE)) == ("dark", 1.0)
    assert stored(path) == {"appearance.theme": "dark", "chat.temperature": 1.0}


def test_the_file_is_for_its_owner_only_and_nothing_lies_beside_it(path: Path) -> None:
    SettingsFile(path).set(THEME, "dark").result(DEADLINE_S)
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_value_that_makes_no_sense_is_refused_and_changes_nothing(path: Path) -> None:
    found = SettingsFile(path)
    for option, value in ((THEME, "pink"), (TEXT_SIZE, 500), (TEMPERATURE, float("nan"))):
        with pytest.raises(InvalidInput) as caught:
            found.set(option, value)  # type: ignore[type-var]
        assert option.allowed() in caught.value.detail
        assert found.get(option) == option.default
    assert not path.exists()


def test_values_in_the_file_that_make_no_sense_give_way_to_the_default_and_are_said(
    path: Path,
) -> None:
    write(path, {"appearance.theme": 7, "appearance.text_size": 120, "chat.max_tokens": -2})
    found = SettingsFile(path)
    assert isinstance(found.notice, InvalidInput)
    assert "appearance.theme" in found.notice.detail
    assert "chat.max_tokens" in found.notice.detail
    assert found.get(THEME) == "system"
    assert found.get(TEXT_SIZE) == 120


def test_keys_that_hearth_does_not_know_are_kept(path: Path) -> None:
    write(path, {"future.option": {"deep": [1, 2]}, "appearance.theme": "dark"})
    found = SettingsFile(path)
    assert found.notice is None
    found.set(TEXT_SIZE, 110).result(DEADLINE_S)
    assert stored(path)["future.option"] == {"deep": [1, 2]}


def test_reset_goes_back_to_the_default_and_out_of_the_file(path: Path) -> None:
    found = SettingsFile(path)
    found.set(THEME, "dark")
    found.reset(THEME).result(DEADLINE_S)
    assert found.get(THEME) == "system"
    assert stored(path) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4096,
        b"{",
        b"[]",
        b"7",
        b'{"values": {}}',
        b'{"schema": 0, "values": {}}',
        b'{"schema": "1", "values": {}}',
        b'{"schema": 1, "values": []}',
        b'{"schema": 1, "values": {"a": "\xff"}}',
        b"[" * 100_000,
        b'{"schema": 1, "values": {}}' + b" " * (file_module.LIMIT_BYTES + 1),
    ],
    ids=[
        "empty",
        "zeros",
        "cut",
        "list",
        "number",
        "no schema",
        "schema 0",
        "schema text",
        "values list",
        "no utf-8",
        "deep",
        "huge",
    ],
)
def test_a_damaged_file_is_kept_aside_whole_and_said(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    found = SettingsFile(path)
    (aside,) = asides(path)
    assert aside.read_bytes() == content
    assert found.notice is not None
    assert aside.name in found.notice.detail
    assert found.get(THEME) == "system"
    found.set(THEME, "dark").result(DEADLINE_S)
    assert SettingsFile(path).get(THEME) == "dark"
    assert aside.read_bytes() == content


def test_two_damaged_files_are_both_kept(path: Path) -> None:
    for content in (b"first", b"second"):
        path.write_bytes(content)
        SettingsFile(path)
    assert {aside.read_bytes() for aside in asides(path)} == {b"first", b"second"}


def test_a_file_of_a_newer_hearth_is_copied_and_read_as_far_as_possible(path: Path) -> None:
    write(path, {"appearance.theme": "dark", "new.thing": 1}, number=99)
    content = path.read_bytes()
    found = SettingsFile(path)
    assert isinstance(found.notice, StorageError)
    assert found.get(THEME) == "dark"
    found.set(TEXT_SIZE, 110).result(DEADLINE_S)
    assert [aside.read_bytes() for aside in asides(path)] == [content]
    assert stored(path)["new.thing"] == 1


def _rename_theme(values: dict[str, Any]) -> dict[str, Any]:
    values["appearance.theme"] = values.pop("theme")
    return values


def test_an_older_file_is_copied_and_brought_up_to_date(path: Path) -> None:
    write(path, {"theme": "dark", "other": 1}, number=1)
    content = path.read_bytes()
    found = SettingsFile(path, BY_KEY, (_rename_theme,))
    assert found.notice is None
    assert found.get(THEME) == "dark"
    assert [aside.read_bytes() for aside in asides(path)] == [content]
    found.set(TEXT_SIZE, 110).result(DEADLINE_S)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["schema"] == 2
    assert document["values"]["other"] == 1
    assert SettingsFile(path, BY_KEY, (_rename_theme,)).get(THEME) == "dark"


def test_an_older_file_that_cannot_be_brought_up_to_date_is_kept_aside(path: Path) -> None:
    write(path, {"other": 1}, number=1)
    content = path.read_bytes()
    found = SettingsFile(path, BY_KEY, (_rename_theme,))
    assert found.notice is not None
    assert content in [aside.read_bytes() for aside in asides(path)]


def test_who_only_looks_moves_nothing_and_leaves_the_window_its_notice(path: Path) -> None:
    path.write_bytes(b"{broken")
    looked = SettingsFile(path, is_owner=False)
    assert looked.notice is not None
    assert (path.read_bytes(), asides(path)) == (b"{broken", [])
    write(path, {}, number=9)
    SettingsFile(path, is_owner=False)
    assert asides(path) == []


def test_one_copy_of_another_schema_is_enough_for_many_starts(path: Path) -> None:
    write(path, {"other": 1}, number=9)
    for _ in range(3):
        SettingsFile(path)
    assert [aside.name for aside in asides(path)] == ["settings-schema-9.json"]
    write(path, {"other": 2}, number=9)
    SettingsFile(path)
    assert len(asides(path)) == 2


@pytest.mark.parametrize("letter", ["a", "\x01", "ü", "\U0001f600"])
def test_no_text_makes_the_file_unreadable(path: Path, letter: str) -> None:
    longest = letter * (TEXT_LIMIT_BYTES // len(letter.encode()))
    found = SettingsFile(path)
    found.set(MODEL_PATH, longest)
    found.set(SYSTEM_PROMPT, longest).result(DEADLINE_S)
    with pytest.raises(InvalidInput, match="256 KiB"):
        found.set(SYSTEM_PROMPT, longest + letter)
    again = SettingsFile(path)
    assert (again.notice, again.get(SYSTEM_PROMPT)) == (None, longest)


def test_subscribers_hear_of_changes_and_only_of_changes(path: Path) -> None:
    found = SettingsFile(path)
    heard: list[tuple[str, Any]] = []

    def hear(option: Option[Any], value: Any) -> None:
        heard.append((option.key, value))
        assert found.get(option) == value

    unsubscribe = found.subscribe(hear)
    found.set(THEME, "dark")
    found.set(THEME, "dark")
    found.reset(THEME)
    found.reset(THEME)
    unsubscribe()
    unsubscribe()
    found.set(THEME, "light")
    assert found.close(DEADLINE_S)
    assert heard == [("appearance.theme", "dark"), ("appearance.theme", "system")]


def test_a_subscriber_may_change_a_setting(path: Path) -> None:
    found = SettingsFile(path)

    def answer(option: Option[Any], _value: Any) -> None:
        if option is THEME:
            found.set(TEXT_SIZE, 120)

    found.subscribe(answer)
    found.set(THEME, "dark")
    assert found.get(TEXT_SIZE) == 120
    assert found.close(DEADLINE_S)
    assert stored(path)["appearance.text_size"] == 120


def test_many_threads_may_set_and_the_last_value_is_on_disk(path: Path) -> None:
    found = SettingsFile(path)

    def work(start: int) -> None:
        for number in range(start, 200, 4):
            found.set(KEEP_DELETED_DAYS, number)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.close(DEADLINE_S)
    assert stored(path)["privacy.keep_deleted_days"] == found.get(KEEP_DELETED_DAYS)


def test_a_full_disk_fails_the_future_keeps_the_file_and_the_value(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SettingsFile(path)
    found.set(THEME, "dark").result(DEADLINE_S)
    real = os.fsync

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        found.set(TEXT_SIZE, 110).result(DEADLINE_S)
    assert found.get(TEXT_SIZE) == 110
    assert stored(path) == {"appearance.theme": "dark"}
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]
    monkeypatch.setattr(os, "fsync", real)
    found.set(KEEP_DELETED_DAYS, 7).result(DEADLINE_S)
    assert stored(path)["appearance.text_size"] == 110


def test_in_a_folder_that_is_gone_settings_still_work(tmp_path: Path) -> None:
    found = SettingsFile(tmp_path / "gone" / "settings.json")
    with pytest.raises(StorageError):
        found.set(THEME, "dark").result(DEADLINE_S)
    assert found.get(THEME) == "dark"


def test_a_folder_in_place_of_the_file_is_said(path: Path) -> None:
    path.mkdir()
    found = SettingsFile(path)
    assert isinstance(found.notice, StorageError)
    assert found.get(THEME) == "system"


def test_an_atomic_write_keeps_the_old_content_when_it_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(path, b"old")

    def refuse(_source: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert len(list(path.parent.iterdir())) == 1


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@settings(
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_no_content_keeps_hearth_from_starting(
    scratch: Path, noise: bytes, at: int, is_inserted: bool
) -> None:
    path = scratch / "settings.json"
    write(path, {option.key: option.default for option in OPTIONS})
    content = path.read_bytes()
    end = at if is_inserted else at + len(noise)
    path.write_bytes(content[:at] + noise + content[end:])
    found = SettingsFile(path)
    for option in OPTIONS:
        assert option.check(found.get(option)) == found.get(option)
    for aside in asides(path):
        aside.unlink()
