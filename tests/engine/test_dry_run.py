"""What a dry run counts is what a real load takes, to the byte, for every kind of model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from app.engine import dry_run
from app.engine.messages import LoadSettings
from app.foundation.children import run_child
from app.foundation.errors import LoadFailed
from app.gguf.facts import facts_of
from app.gguf.reader import read_header
from app.hardware.probe import probe
from app.inference.planning import count_memory
from app.planner.ledger import needs
from app.planner.memory import Configuration
from app.planner.pools import pools_of
from tests.fixtures.tiny_models import CHAT_KINDS, make

DEADLINE_S = 120
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in CHAT_KINDS),
    ("llama", {"n_ubatch": 32, "n_seq_max": 1, "n_threads": 2}),
    ("qwen3", {"cache_type_k": "q8_0", "cache_type_v": "q8_0", "flash_attn": "on"}),
    ("qwen2", {"flash_attn": "off"}),
    ("gemma3", {"n_ctx": 8192, "n_ubatch": 512, "n_seq_max": 8}),
]


def settings_for(path: Path, **changes: Any) -> LoadSettings:
    values: dict[str, Any] = {"n_ctx": 2048, "n_ubatch": 64, "load_mode": "none", **changes}
    return LoadSettings(str(path), **values)


def really(settings: LoadSettings) -> dict[str, Any]:
    """What a real load of these settings took, measured in a child of its own."""
    request = {"settings": dataclasses.asdict(settings)}
    return dict(run_child("trial", request, deadline_s=DEADLINE_S)["measured"])


@pytest.mark.parametrize(
    ("kind", "changes"), VARIANTS, ids=lambda value: value if isinstance(value, str) else None
)
def test_a_dry_run_counts_what_a_load_takes(
    kind: str, changes: dict[str, Any], tiny_models: Path
) -> None:
    settings = settings_for(make(kind, tiny_models), **changes)
    counted, taken = count_memory(settings), really(settings)
    assert counted["devices"] == taken["devices"]
    assert counted["exact"] == taken["exact"]


def test_a_mapped_file_is_counted_too(tiny_models: Path) -> None:
    # llama.cpp itself would abort here: a dry run cannot map.
    settings = settings_for(make("llama", tiny_models), load_mode="mmap")
    assert count_memory(settings)["devices"] == really(settings)["devices"]


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_the_formulas_agree(kind: str, tiny_models: Path, tmp_path: Path) -> None:
    path = make(kind, tiny_models)
    settings = settings_for(path)
    counted = count_memory(settings)["devices"]["CPU"]
    shape = Configuration(settings.n_ctx, n_ubatch=settings.n_ubatch)
    found = needs(facts_of(read_header(path)), shape, pools_of(probe(tmp_path)))["CPU"]
    assert found.kv_bytes == counted["context"]
    # Tensors begin at multiples of 32 bytes; whether a small table is stored anew depends on
    # its number of rows too.
    assert abs(found.weights_bytes - counted["model"]) <= counted["model"] * 0.2


def test_without_its_books_the_log_says_nearly_the_same(
    tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = {"settings": dataclasses.asdict(settings_for(make("gemma3", tiny_models)))}
    exact = dry_run.answer(request, print)
    monkeypatch.setattr("app.engine.native.memory.breakdown", lambda context: None)
    logged = dry_run.answer(request, print)
    assert (exact["exact"], logged["exact"]) == (True, False)
    host, by_log = exact["devices"]["CPU"], logged["devices"]["CPU"]
    assert by_log["model"] is None
    rounding = 0.005 * 1024 * 1024
    assert abs(by_log["compute"] - host["compute"]) <= 2 * rounding
    assert abs(by_log["context"] - host["context"]) <= 2 * rounding  # two caches, two lines
    assert by_log["output"] == host["output"]


def test_what_llama_cpp_refuses_is_said(tmp_path: Path) -> None:
    path = make("llama", tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(LoadFailed) as caught:
        count_memory(settings_for(path))
    assert caught.value.detail
    assert caught.value.remedy
