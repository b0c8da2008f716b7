"""A small hub to try Hearth against: tiny models that really load, and one of each awkward kind."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Final

import gguf
import numpy as np

from tests.fixtures import tiny_models
from tests.hub.content import Content, Held, sown_model
from tests.hub.shelf import Repository, Shelf

TOKEN: Final = "hf_loopbackReaderToken"
"""Knows the gated and the private repository."""
POOR_TOKEN: Final = "hf_loopbackStrangerToken"
"""A user of the hub who was let into neither."""
LARGE_BYTES: Final = 400_000_000
_PROJECTOR: Final = "mmproj-F16.gguf"


def fill(shelf: Shelf, *, large_bytes: int = LARGE_BYTES) -> None:
    """Put the samples on a shelf. Deterministic."""
    models, parts = _made()
    shelf.tokens |= {TOKEN: "reader", POOR_TOKEN: "stranger"}
    _ordinary(shelf, models, parts)
    _awkward(shelf, models)
    shelf.add(
        Repository(
            "example-labs/Sown-8B-GGUF",
            {"Sown-8B-Q4_K_M.gguf": _large(large_bytes)},
            downloads=90_000,
            likes=200,
        )
    )


@functools.cache
def _made() -> tuple[dict[str, Content], list[tuple[str, Content]]]:
    with tempfile.TemporaryDirectory() as folder:
        return _models(Path(folder)), _parts(Path(folder) / "split")


@functools.cache
def _large(n_bytes: int) -> Content:
    return sown_model(n_bytes, 8)


def _models(folder: Path) -> dict[str, Content]:
    return {
        kind: Held.of(tiny_models.make(kind, folder)) for kind in ("llama", "qwen2", "qwen3")
    } | {
        "llama Q8_0": Held.of(tiny_models.make("llama", folder, quant="Q8_0")),
        "projector": _projector(folder / _PROJECTOR),
    }


def _projector(path: Path) -> Held:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name("Tiny projector")
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_tensor("mm.0.weight", np.ones((64, 64), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Held.of(path)


def _parts(folder: Path) -> list[tuple[str, Content]]:
    tiny_models.make("mixtral", folder, most_tensors=12)
    return [(path.name, Held.of(path)) for path in sorted(folder.iterdir())]


def _ordinary(shelf: Shelf, models: dict[str, Content], parts: list[tuple[str, Content]]) -> None:
    shelf.add(
        Repository(
            "example-labs/Tiny-Llama-GGUF",
            {
                "README.md": Held(b"# Tiny Llama\n"),
                "Tiny-Llama-Q8_0.gguf": models["llama Q8_0"],
                "Tiny-Llama-F16.gguf": models["llama"],
            },
            downloads=120_000,
            likes=900,
            base="example-labs/Tiny-Llama",
        )
    )
    shelf.add(
        Repository(
            "example-labs/Tiny-Qwen-VL-GGUF",
            {
                "Tiny-Qwen-VL-Q8_0.gguf": models["qwen2"],
                "Tiny-Qwen-VL-Q4_K_M.gguf": models["qwen3"],
                _PROJECTOR: models["projector"],
            },
            tags=("gguf", "image-text-to-text"),
            downloads=50_000,
            likes=300,
            modified="2026-04-02T08:00:00.000Z",
        )
    )
    shelf.add(
        Repository(
            "example-labs/Tiny-Mixtral-GGUF",
            {f"F32/{name}": content for name, content in parts},
            downloads=20_000,
            likes=1_000,
        )
    )


def _awkward(shelf: Shelf, models: dict[str, Content]) -> None:
    weights = Held(b"\x08\0\0\0\0\0\0\0{}      ")
    for suffix, name in (("", "model.safetensors"), ("-AWQ", "model.safetensors")):
        shelf.add(
            Repository(
                f"example-labs/Tiny-Llama{suffix}",
                {"config.json": Held(b"{}"), name: weights},
                tags=("transformers", "safetensors", *(("awq",) if suffix else ())),
                downloads=300_000,
            )
        )
    gated = shelf.add(
        Repository(
            "example-labs/Gated-Llama-GGUF",
            {"Gated-Llama-F16.gguf": models["llama"]},
            licence="llama3.2",
            gated="manual",
            downloads=70_000,
        )
    )
    hidden = shelf.add(
        Repository(
            "reader/Private-Qwen-GGUF",
            {"Private-Qwen-Q4_K_M.gguf": models["qwen3"]},
            is_private=True,
            downloads=1,
        )
    )
    gated.readers.add(TOKEN)
    hidden.readers.add(TOKEN)
    shelf.add(Repository("example-labs/Empty-GGUF", {"README.md": Held(b"soon")}, downloads=5))
    shelf.renamed["example-labs/Old-Llama-GGUF"] = "example-labs/Tiny-Llama-GGUF"
