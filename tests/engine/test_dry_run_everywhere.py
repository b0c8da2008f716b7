"""V1 in short: a few settings on every kind of tiny model and four architectures of other makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.tiny_models import CHAT_KINDS, make
from tests.torture.gguf_architectures import build_all
from tests.verify.dry_run import SHORT, combinations, judged, outcomes_of


@pytest.mark.parametrize("name", [*CHAT_KINDS, *SHORT])
def test_what_is_counted_is_what_is_taken(name: str, tiny_models: Path) -> None:
    known = name in CHAT_KINDS
    path = make(name, tiny_models) if known else build_all(tiny_models, (name,))[name]
    verdict = judged(name, outcomes_of(path, combinations(short=True)))
    assert verdict.wrong == ()
    assert verdict.counts["equal"] >= 3
    assert verdict.counts["control"] >= 1, "other settings' figures would have passed too"
