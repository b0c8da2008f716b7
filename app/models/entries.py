"""What a catalogue holds, as frozen values: models, their files, what is known of both.

Pure. Knows neither how a catalogue is written nor where one comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from app.foundation.errors import CatalogueInvalid, ModelNotFound

_SPLIT: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z")
Pooling = Literal["mean", "cls", "last"]


@dataclass(frozen=True, slots=True)
class FilePart:
    """One part of a split file."""

    bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """One file to download. `bytes` are those of all parts where it is split.

    `tier` is a quality that the label alone does not tell; `types` corrects the types of named
    tensors. Where `sha256` or `revision` are empty they are not known. `parts` are those of a
    split file, in order, where they are known one by one. The `bytes` of a projector may be 0:
    not known.
    """

    quant: str
    repo: str
    name: str
    bytes: int
    sha256: str = ""
    revision: str = ""
    is_default: bool = False
    tier: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[FilePart, ...] = ()

    @property
    def n_parts(self) -> int:
        match = _SPLIT.search(self.name)
        return int(match[2]) if match else 1

    @property
    def part_names(self) -> tuple[str, ...]:
        """The paths of all its parts in the repository, in order."""
        match = _SPLIT.search(self.name)
        if match is None:
            return (self.name,)
        stem = self.name[: match.start()]
        return tuple(
            f"{stem}-{index:05d}-of-{match[2]}.gguf" for index in range(1, self.n_parts + 1)
        )


@dataclass(frozen=True, slots=True)
class Sampling:
    """What the publisher recommends in one mode; None where nothing is said."""

    mode: str
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    repeat_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Embedding:
    """How an embedding model is used: the length of its vectors, how tokens become one vector,
    and what stands in front of a question and of a text that is to be found."""

    dimensions: int
    pooling: Pooling
    query_prefix: str = ""
    document_prefix: str = ""


@dataclass(frozen=True, slots=True)
class HeaderNumbers:
    """What the files' headers say. `bytes` is how long they are, 0 where that is not known."""

    architecture: str
    keys: Mapping[str, Any]
    bytes: int
    tied: bool
    keys_as_values: bool


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One model. Without `header` it can be planned only from a file's own header."""

    id: str
    name: str
    family: str
    publisher: str
    rank: int
    sentence: str
    licence: str
    licence_note: str
    is_permissive: bool
    capabilities: tuple[str, ...]
    languages: tuple[str, ...]
    languages_words: str
    base_repo: str
    active_parameters: int
    n_ctx: int
    sampling: tuple[Sampling, ...]
    header: HeaderNumbers | None
    files: tuple[File, ...]
    projectors: tuple[File, ...] = ()
    embedding: Embedding | None = None

    @property
    def can_chat(self) -> bool:
        """False for an embedding model, which is never offered for a chat."""
        return "chat" in self.capabilities

    @property
    def default_file(self) -> File:
        return next(file for file in self.files if file.is_default)

    @property
    def projector(self) -> File | None:
        """The projector of the default file."""
        return self.projector_of(self.default_file)

    def projector_of(self, file: File) -> File | None:
        """What lets a model of this file see or hear: the projector of the same repository.

        Another's may fit as well, but was made from other weights by other code.
        """
        return next((each for each in self.projectors if each.repo == file.repo), None)

    def file_of(self, quant: str) -> File:
        """The file of that quant, whatever the case. Raises ModelNotFound."""
        for file in self.files:
            if file.quant.lower() == quant.lower():
                return file
        raise ModelNotFound(
            f"There is no file “{quant}” of {self.name} in the catalogue.",
            f"It has {', '.join(file.quant for file in self.files)}.",
            f"Name one of these: {self.id}:{self.default_file.quant}",
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries, the least capable first.

    `serial` counts the published catalogues, 0 for one that is not published. `problems` are
    the files of a merged catalogue that could not be used.
    """

    entries: tuple[Entry, ...]
    serial: int = 0
    problems: tuple[CatalogueInvalid, ...] = ()

    def find(self, model: str) -> Entry | None:
        """The entry with that id, whatever the case."""
        return next((entry for entry in self.entries if entry.id == model.lower()), None)
