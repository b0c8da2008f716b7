"""Ollama: manifests/HOST/NAMESPACE/MODEL/TAG name layers by digest, which lie in
blobs/sha256-HEX (ollama: manifest/paths.go, types/model/name.go, server/images.go).

Where: OLLAMA_MODELS, else ~/.ollama/models; on Linux the service's /usr/share/ollama (docs/faq).
A digest that is not one is never made a path of; blobs that no manifest names are not opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.models.adopt.found import Found, Store
from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk

MODEL: Final = "application/vnd.ollama.image.model"
PROJECTOR: Final = "application/vnd.ollama.image.projector"
ADAPTER: Final = "application/vnd.ollama.image.adapter"
_MOST_LAYERS: Final = 4096
_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-fA-F]{64})\Z")
_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,349}\Z")
_USUAL_HOST: Final = "registry.ollama.ai"
_USUAL_NAMESPACE: Final = "library"


@dataclass(frozen=True, slots=True)
class Layer:
    """One blob that a manifest names: what it is, its hash, and how long it should be."""

    kind: str
    sha256: str
    bytes: int


def places(surroundings: Surroundings) -> tuple[Path, ...]:
    """The chosen folder or the person's own, and those of the service on Linux."""
    found = [surroundings.named("OLLAMA_MODELS") or surroundings.home / ".ollama" / "models"]
    if surroundings.system == "linux":
        # The installer's, the packages' of Arch and others, and the snap's.
        found += [
            Path("/usr/share/ollama/.ollama/models"),
            Path("/var/lib/ollama/.ollama/models"),
            Path("/var/lib/ollama"),
            Path("/var/snap/ollama/common/models"),
        ]
    return tuple(found)


def look(folder: Path, walk: Walk) -> Iterator[Found]:
    """The models that the manifests name, under the names that `ollama list` shows."""
    for host, namespace, model, tag, manifest in _manifests(folder / "manifests", walk):
        layers = layers_of(walk.table(manifest))
        models = _blobs(folder, layers, MODEL, walk)
        if not models:
            continue
        path, layer = models[0]
        is_hub = host in ("hf.co", "huggingface.co")
        yield Found(
            path,
            "ollama",
            name=shown_name(host, namespace, model, tag),
            projectors=tuple(path for path, _ in _blobs(folder, layers, PROJECTOR, walk)),
            adapters=tuple(path for path, _ in _blobs(folder, layers, ADAPTER, walk)),
            repo=f"{namespace}/{model}" if is_hub else "",
            sha256=layer.sha256,
        )


def layers_of(manifest: dict[str, Any]) -> tuple[Layer, ...]:
    """The layers of a manifest that are named by a proper digest; others are left out."""
    listed = manifest.get("layers")
    layers: list[Layer] = []
    for entry in listed[:_MOST_LAYERS] if isinstance(listed, list) else ():
        if not isinstance(entry, dict):
            continue
        kind, digest, size = entry.get("mediaType"), entry.get("digest"), entry.get("size")
        match = _DIGEST.match(digest) if isinstance(digest, str) else None
        if match and isinstance(kind, str) and type(size) is int:
            layers.append(Layer(kind.partition(";")[0], match[1].lower(), size))
    return tuple(layers)


def shown_name(host: str, namespace: str, model: str, tag: str) -> str:
    """As `ollama list` has it: without the host and the namespace that go without saying."""
    name = f"{model}:{tag}"
    if host.lower() != _USUAL_HOST:
        return f"{host}/{namespace}/{name}"
    return name if namespace.lower() == _USUAL_NAMESPACE else f"{namespace}/{name}"


def _manifests(folder: Path, walk: Walk) -> Iterator[tuple[str, str, str, str, Path]]:
    """Host, namespace, model and tag with the file: exactly four levels."""

    def below(place: Path, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Path]]:
        for entry in walk.entries(place):
            if not _PART.match(entry.name):
                continue
            here = (*names, entry.name)
            if len(here) == 4:
                yield here, Path(entry.path)
            else:
                yield from below(Path(entry.path), here)

    for (host, namespace, model, tag), path in (
        ((names[0], names[1], names[2], names[3]), path) for names, path in below(folder, ())
    ):
        yield host, namespace, model, tag, path


def _blobs(
    folder: Path, layers: tuple[Layer, ...], kind: str, walk: Walk
) -> list[tuple[Path, Layer]]:
    """The blobs of one kind that are there, under the name of today or the one before."""
    found: list[tuple[Path, Layer]] = []
    for layer in layers:
        if layer.kind != kind:
            continue
        for name in (f"sha256-{layer.sha256}", f"sha256:{layer.sha256}"):
            path = folder / "blobs" / name
            if walk.is_file(path):
                found.append((path, layer))
                break
    return found


STORE: Final = Store("ollama", places, look)
