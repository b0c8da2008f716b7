"""The KV cache and state bytes predicted from a header against what llama.cpp allocates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.client import EngineClient
from app.engine.messages import LoadSettings
from app.foundation.cancellation import Cancellation
from app.gguf.facts import facts_of
from app.gguf.reader import read_header
from tests.fixtures.tiny_models import CHAT_KINDS

#: llama.cpp logs MiB with two decimals, in at most four lines a context.
ROUNDING_BYTES = 4 * 5300


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_kv_bytes_are_exact(kind: str, client: EngineClient, tiny: Callable[..., Path]) -> None:
    path = tiny(kind)
    facts = facts_of(read_header(path))
    for n_ctx, n_seq, n_ubatch in ((20_000, 1, 64), (30_000, 4, 256)):
        settings = LoadSettings(
            str(path), n_ctx=n_ctx, n_seq_max=n_seq, n_batch=512, n_ubatch=n_ubatch
        )
        loaded = client.load(
            settings, on_progress=lambda fraction: None, cancellation=Cancellation()
        ).result(60.0)
        predicted = facts.kv_bytes(n_ctx, n_seq, n_ubatch=n_ubatch)
        assert loaded.memory["kv_bytes"] == pytest.approx(predicted, abs=ROUNDING_BYTES)
        assert facts.is_recurrent == loaded.is_recurrent
        assert facts.n_layers == loaded.n_layers
        assert facts.n_vocab == loaded.n_vocab
        client.unload().result(60.0)
