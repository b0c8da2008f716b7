"""What the library says of the models on this computer, as frozen values. Reads no file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from app.gguf.kinds import Kind

Source: TypeAlias = Literal[
    "hearth",
    "huggingface",
    "lmstudio",
    "ollama",
    "jan",
    "gpt4all",
    "llama.cpp",
    "koboldcpp",
    "folder",
    "opened",
]
State: TypeAlias = Literal["ready", "gone", "damaged", "unsupported"]
Verified: TypeAlias = Literal["yes", "changed", "no", "failed"]

SOURCE_WORDS: Final[dict[Source, str]] = {
    "hearth": "Hearth",
    "huggingface": "the Hugging Face cache",
    "lmstudio": "LM Studio",
    "ollama": "Ollama",
    "jan": "Jan",
    "gpt4all": "GPT4All",
    "llama.cpp": "llama.cpp",
    "koboldcpp": "KoboldCpp",
    "folder": "a folder of yours",
    "opened": "opened by you",
}
"""Where a model is from, for people. Names of programs are not translated."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One model, with all files that belong to it.

    `path` is its first file, `parts` all files of its weights in order; `bytes` counts these,
    the projector and the adapters. `id` stays the same while the content does, wherever it is
    moved to. `also_at` are other places that hold the same content, `also_named` what it is
    called there. `source_words` is for people. `state` says whether it can be used, and
    `problem` why not, in a sentence ("" where it can).
    `verified`: "yes" read whole and as it should be, "changed" its size or time changed since,
    "no" never, "failed" its content is not what it should be. `sha256` is the first file's where
    it is known, `repo` and `revision` the hub's. `seen_at` is when it was last there (seconds
    since 1970).
    """

    id: str
    name: str
    path: Path
    parts: tuple[Path, ...]
    projector: Path | None
    adapters: tuple[Path, ...]
    bytes: int
    quant: str
    architecture: str
    kind: Kind
    source: Source
    source_words: str
    is_ours: bool
    also_at: tuple[Path, ...] = ()
    state: State = "ready"
    problem: str = ""
    verified: Verified = "no"
    repo: str = ""
    revision: str = ""
    sha256: str = ""
    seen_at: float = 0.0
    also_named: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that belong to it."""
        return (*self.parts, *((self.projector,) if self.projector else ()), *self.adapters)

    @property
    def is_usable(self) -> bool:
        """Whether it can be chosen for a chat."""
        return self.state == "ready" and self.kind == "chat"


@dataclass(frozen=True, slots=True)
class Shelf:
    """All models that were found. `notes` are sentences on what could not be looked at, such as
    a folder on a disk that does not answer; without one the look was complete."""

    models: tuple[Kept, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, model_id: str) -> Kept | None:
        """The model with that id."""
        return next((kept for kept in self.models if kept.id == model_id), None)


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes on disk: by source, each file once, and what is free where ours are kept (None where
    that cannot be told)."""

    ours_bytes: int
    others_bytes: int
    by_source: tuple[tuple[Source, int], ...]
    free_bytes: int | None
