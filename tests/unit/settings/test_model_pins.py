"""What is pinned for one model: checked, kept, bounded, and forgotten when damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.foundation.errors import InvalidInput, StorageError
from app.settings import pins as module
from app.settings.pins import ModelPins

MODEL = Path("/models/a.gguf")
CONTEXT, KEYS = "performance.n_ctx", "performance.cache_type_k"


def test_what_is_pinned_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    first = ModelPins(path)
    assert first.of(MODEL) == {}
    first.set(MODEL, {CONTEXT: 4096, KEYS: "q8_0"}).result(5)
    first.set(MODEL.with_name("b.gguf"), {CONTEXT: 1024}).result(5)
    assert first.close(5)
    again = ModelPins(path)
    assert again.of(MODEL) == {CONTEXT: 4096, KEYS: "q8_0"}
    assert again.notice is None


def test_the_default_and_none_leave_it_open(tmp_path: Path) -> None:
    pins = ModelPins(tmp_path / "models.json")
    pins.set(MODEL, {CONTEXT: 4096}).result(5)
    pins.set(MODEL, {CONTEXT: 0, KEYS: None}).result(5)
    assert pins.of(MODEL) == {}
    assert pins.close(5)


@pytest.mark.parametrize(
    "values", [{CONTEXT: -1}, {KEYS: "q1"}, {"appearance.theme": "dark"}, {"no.such": 1}]
)
def test_what_makes_no_sense_changes_nothing(tmp_path: Path, values: dict[str, object]) -> None:
    pins = ModelPins(tmp_path / "models.json")
    pins.set(MODEL, {CONTEXT: 4096}).result(5)
    with pytest.raises(InvalidInput) as caught:
        pins.set(MODEL, values)
    assert caught.value.remedy
    assert pins.of(MODEL) == {CONTEXT: 4096}
    assert pins.close(5)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b'{"version": 9, "models": {}}', b'{"version": 1, "models": [1]}'],
)
def test_a_damaged_file_is_as_good_as_none_and_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "models.json"
    path.write_bytes(content)
    pins = ModelPins(path)
    assert pins.of(MODEL) == {}
    assert isinstance(pins.notice, StorageError)
    pins.set(MODEL, {CONTEXT: 4096}).result(5)
    assert pins.close(5)
    assert ModelPins(path).of(MODEL) == {CONTEXT: 4096}


def test_a_value_that_makes_no_sense_any_more_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text(
        '{"version": 1, "models": {"/models/a.gguf": '
        '{"performance.n_ctx": 2048, "performance.n_batch": "many", "gone": 1}}}'
    )
    assert ModelPins(path).of(MODEL) == {CONTEXT: 2048}


def test_the_file_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    pins = ModelPins(tmp_path / "models.json")
    for number in range(5):
        pins.set(f"/m{number}", {CONTEXT: 1024}).result(5)
    assert [bool(pins.of(f"/m{number}")) for number in range(5)] == [False, False, True, True, True]
    assert pins.close(5)


def test_a_full_disk_fails_the_future_and_the_value_is_used(tmp_path: Path) -> None:
    (tmp_path / "models.json").mkdir()
    pins = ModelPins(tmp_path / "models.json")
    with pytest.raises(StorageError):
        pins.set(MODEL, {CONTEXT: 4096}).result(5)
    assert pins.of(MODEL) == {CONTEXT: 4096}
    assert pins.close(5)
