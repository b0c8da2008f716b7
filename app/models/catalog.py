"""The catalogue of models: what can be recommended, and where its files are.

Read from models.toml once, on any thread but the window's. Knows no machine and no network;
`app.models.facts` turns an entry into what a planner needs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from app.foundation.errors import CatalogueInvalid, ModelNotFound
from app.foundation.paths import resource
from app.gguf.types import BY_NAME
from app.models.layout import has_layout
from app.models.schema import FILE_NAME, ID, LABEL, REPO, REVISION, SHA256, TIER, Reader

SCHEMA: Final = 1
CAPABILITIES: Final = ("chat", "tools", "vision", "audio", "thinking", "code")
_MOST_BYTES: Final = 1 << 43
_MOST_FILE_BYTES: Final = 4 * 1024 * 1024
_SPLIT: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z")


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """One file to download. `bytes` are those of all parts where it is split.

    `tier` is a quality that the label alone does not tell; `types` corrects the types of named
    tensors. Where `sha256` or `revision` are empty they are not known.
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

    @property
    def n_parts(self) -> int:
        match = _SPLIT.search(self.name)
        return int(match[2]) if match else 1


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
    projector: File | None

    @property
    def default_file(self) -> File:
        return next(file for file in self.files if file.is_default)

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
    """All entries, the least capable first."""

    entries: tuple[Entry, ...]

    def find(self, model: str) -> Entry | None:
        """The entry with that id, whatever the case."""
        return next((entry for entry in self.entries if entry.id == model.lower()), None)


@cache
def load() -> Catalogue:
    """The catalogue that ships with Hearth. Raises CatalogueInvalid."""
    return read_catalogue(resource("models.toml"))


def read_catalogue(path: Path) -> Catalogue:
    """A catalogue file. Raises CatalogueInvalid with a sentence that says where it is wrong."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_FILE_BYTES + 1)
        if len(text) > _MOST_FILE_BYTES:
            raise _unreadable(path, f"it is larger than {_MOST_FILE_BYTES >> 20} MB")
        table = tomllib.loads(text.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise _unreadable(path, str(error)) from None
    return parsed(table, path.name)


def parsed(table: Mapping[str, Any], source: str) -> Catalogue:
    """A catalogue from its parsed TOML; `source` names the file in sentences."""
    reader = Reader(source, "the file", table)
    if reader.whole("schema", 1, 1 << 16) != SCHEMA:
        raise reader.wrong(f"has another schema than {SCHEMA}, so another Hearth wrote it")
    entries: list[Entry] = []
    for model in reader.tables("models", "model"):
        entry = _entry(model)
        if any(other.id == entry.id for other in entries):
            raise model.wrong(f"has the id {entry.id}, which another model has as well")
        entries.append(entry)
    reader.done()
    return Catalogue(tuple(sorted(entries, key=lambda entry: (entry.rank, entry.id))))


def _unreadable(path: Path, why: str) -> CatalogueInvalid:
    return CatalogueInvalid(
        "The catalogue of models cannot be read.",
        f"{path}: {why}.",
        "Correct the file, or install Hearth again if you never changed it.",
    )


def _entry(reader: Reader) -> Entry:
    model = reader.text("id", ID)
    reader.where = f"the model “{model}”"
    entry = Entry(
        id=model,
        name=reader.text("name"),
        family=reader.text("family"),
        publisher=reader.text("publisher"),
        rank=reader.whole("rank", 1, 1000),
        sentence=_sentence(reader),
        licence=reader.text("licence"),
        licence_note=reader.text("licence_note", default=""),
        is_permissive=reader.switch("permissive"),
        capabilities=reader.texts("capabilities", CAPABILITIES),
        languages=reader.texts("languages"),
        languages_words=reader.text("languages_words", default=""),
        base_repo=reader.text("base", REPO, default=""),
        active_parameters=reader.whole("active_parameters", 1, 1 << 43, default=0),
        n_ctx=reader.whole("context", 256, 1 << 24, default=0),
        sampling=tuple(_sampling(entry) for entry in reader.tables("sampling", "sampling")),
        header=_header(reader.table("header", "header")),
        files=tuple(_file(entry) for entry in reader.tables("files", "file")),
        projector=_projector(reader.table("projector", "projector")),
    )
    reader.done()
    if "chat" not in entry.capabilities:
        raise reader.wrong("cannot chat; this version knows chat models only")
    if sum(file.is_default for file in entry.files) != 1:
        raise reader.wrong("does not have exactly one file with default = true")
    if len({file.quant.lower() for file in entry.files}) != len(entry.files):
        raise reader.wrong("has two files of the same quant")
    return entry


def _sentence(reader: Reader) -> str:
    sentence = reader.text("sentence")
    if not sentence.endswith(".") or len(sentence) > 140:
        raise reader.wrong(
            "has a sentence that is longer than 140 characters or lacks its full stop"
        )
    return sentence


def _file(reader: Reader) -> File:
    file = File(
        quant=reader.text("quant", LABEL),
        repo=reader.text("repo", REPO),
        name=reader.text("name", FILE_NAME),
        bytes=reader.whole("bytes", 1024, _MOST_BYTES),
        sha256=reader.text("sha256", SHA256, default=""),
        revision=reader.text("revision", REVISION, default=""),
        is_default=reader.switch("default", default=False),
        tier=reader.text("tier", TIER, default=""),
        types=reader.words("types", BY_NAME),
    )
    reader.done()
    return file


def _projector(reader: Reader | None) -> File | None:
    if reader is None:
        return None
    file = File(
        quant="",
        repo=reader.text("repo", REPO),
        name=reader.text("name", FILE_NAME),
        bytes=reader.whole("bytes", 1024, _MOST_BYTES),
        sha256=reader.text("sha256", SHA256, default=""),
        revision=reader.text("revision", REVISION, default=""),
    )
    reader.done()
    return file


def _sampling(reader: Reader) -> Sampling:
    sampling = Sampling(
        mode=reader.text("mode"),
        temperature=reader.real("temperature", 0, 2),
        top_p=reader.real("top_p", 0, 1),
        top_k=reader.real("top_k", 0, 1000),
        min_p=reader.real("min_p", 0, 1),
        presence_penalty=reader.real("presence_penalty", -2, 2),
        repeat_penalty=reader.real("repeat_penalty", 0.1, 2),
    )
    reader.done()
    return sampling


def _header(reader: Reader | None) -> HeaderNumbers | None:
    if reader is None:
        return None
    architecture = reader.text("architecture")
    if not has_layout(architecture):
        raise reader.wrong(f"names the architecture “{architecture}”, which has no layout here")
    keys = reader.table("keys", "keys")
    if keys is None:
        raise reader.wrong("has no keys")
    numbers = HeaderNumbers(
        architecture=architecture,
        keys=keys.flat(),
        bytes=reader.whole("bytes", 1024, 1 << 29, default=0),
        tied=reader.switch("tied"),
        keys_as_values=reader.switch("keys_as_values", default=False),
    )
    reader.done()
    for needed in ("block_count", "embedding_length", "vocab_size", "attention.head_count"):
        if not isinstance(numbers.keys.get(needed), int) or not numbers.keys[needed]:
            raise keys.wrong(f"have no {needed}")
    n_layers = numbers.keys["block_count"]
    if n_layers > 512:
        raise keys.wrong("have more than 512 layers")
    for key, value in numbers.keys.items():
        if not isinstance(value, int) and len(value) != n_layers:
            raise keys.wrong(f"list {len(value)} values of {key} for {n_layers} layers")
    return numbers
