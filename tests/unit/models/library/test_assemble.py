"""What belongs together among very many files; no folder takes for ever."""

from __future__ import annotations

from pathlib import Path

from app.gguf.kinds import Kind
from app.models.adopt.found import Found
from app.models.library.assemble import models_of
from app.models.library.header_facts import Facts
from app.models.library.scan import OnDisk, Seen


def seen(name: str, number: int, kind: Kind) -> Seen:
    path = Path("/models") / name
    fingerprint = f"{number:016d}{kind:>16}"
    facts = Facts(fingerprint, "", "llama", kind, "Q4_K_M", 64, 1, 0, "ready", "")
    return Seen(Found(path, "folder"), OnDisk(path, 100, 1, (1, hash(path)), facts))


def test_among_very_many_each_gets_its_own() -> None:
    files = [seen(f"name{n}-Q4_K_M.gguf", n, "chat") for n in range(3000)]
    files += [seen(f"mmproj-name{n}-F16.gguf", n + 3000, "projector") for n in range(3000)]
    models = models_of(files)
    assert len(models) == 3000
    for model in models:
        projector = model.kept.projector
        assert projector is not None
        assert projector.name == f"mmproj-{model.kept.path.stem.partition('-')[0]}-F16.gguf"


def test_one_model_does_not_take_thousands_along() -> None:
    files = [seen(f"name-Q{n}.gguf", n, "chat") for n in range(4, 9)]
    files += [seen(f"name-lora-{n}.gguf", 100 + n, "adapter") for n in range(1000)]
    models = models_of(files)
    assert max(len(model.kept.adapters) for model in models) <= 256
