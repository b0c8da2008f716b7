"""Reads a catalogue file into entries, or says in a sentence where it is wrong.

Any thread but the window's. Knows no machine, no network and no profile.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from app.foundation.errors import CatalogueInvalid
from app.gguf.types import BY_NAME
from app.models.entries import (
    Catalogue,
    Embedding,
    Entry,
    File,
    FilePart,
    HeaderNumbers,
    Pooling,
    Sampling,
)
from app.models.layout import has_layout
from app.models.schema import FILE_NAME, ID, LABEL, REPO, REVISION, SHA256, TIER, Reader

SCHEMA: Final = 1
CAPABILITIES: Final = ("chat", "tools", "vision", "audio", "thinking", "code", "embedding")
MOST_FILE_BYTES: Final = 4 * 1024 * 1024
MOST_PARTS: Final = 1024
_MOST_BYTES: Final = 1 << 43
_POOLINGS: Final[tuple[Pooling, ...]] = get_args(Pooling)


def read_catalogue(path: Path) -> Catalogue:
    """A catalogue file. Raises CatalogueInvalid with a sentence that says where it is wrong."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_FILE_BYTES + 1)
    except OSError as error:
        raise _unreadable(str(path), error.strerror or str(error)) from None
    return catalogue_of(text, str(path))


def catalogue_of(text: bytes, source: str) -> Catalogue:
    """A catalogue from the bytes of its file, which is called `source` in sentences.

    Raises CatalogueInvalid.
    """
    if len(text) > MOST_FILE_BYTES:
        raise _unreadable(source, f"it is larger than {MOST_FILE_BYTES >> 20} MB")
    try:
        table = tomllib.loads(text.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise _unreadable(source, str(error)) from None
    return parsed(table, Path(source).name)


def parsed(table: Mapping[str, Any], source: str) -> Catalogue:
    """A catalogue from its parsed TOML; `source` names the file in sentences."""
    reader = Reader(source, "the file", table)
    if reader.whole("schema", 1, 1 << 16) != SCHEMA:
        raise reader.wrong(f"has another schema than {SCHEMA}, so another Hearth wrote it")
    serial = reader.whole("serial", 1, 1 << 31, default=0)
    entries: list[Entry] = []
    for model in reader.tables("models", "model"):
        entry = _entry(model)
        if any(other.id == entry.id for other in entries):
            raise model.wrong(f"has the id {entry.id}, which another model has as well")
        entries.append(entry)
    reader.done()
    return Catalogue(tuple(sorted(entries, key=lambda entry: (entry.rank, entry.id))), serial)


def _unreadable(source: str, why: str) -> CatalogueInvalid:
    return CatalogueInvalid(
        "The catalogue of models cannot be read.",
        f"{source}: {why}.",
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
        projectors=tuple(_projector(each) for each in reader.tables("projectors", "projector")),
        embedding=_embedding(reader.table("embedding", "embedding")),
    )
    reader.done()
    _check_use(reader, entry)
    if sum(file.is_default for file in entry.files) != 1:
        raise reader.wrong("does not have exactly one file with default = true")
    if len({file.quant.lower() for file in entry.files}) != len(entry.files):
        raise reader.wrong("has two files of the same quant")
    if len({each.repo for each in entry.projectors}) != len(entry.projectors):
        raise reader.wrong("has two projectors of the same repository")
    return entry


def _check_use(reader: Reader, entry: Entry) -> None:
    """Either a chat model, or one for embeddings, with how its vectors are made."""
    if "embedding" not in entry.capabilities:
        if not entry.can_chat:
            raise reader.wrong("can neither chat nor make embeddings")
        if entry.embedding is not None:
            raise reader.wrong("has an embedding, but not among its capabilities")
    elif len(entry.capabilities) > 1 or entry.projectors or entry.sampling:
        raise reader.wrong("makes embeddings, and so can do nothing else")
    elif entry.embedding is None:
        raise reader.wrong("makes embeddings, but has no embedding that says how")


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
        parts=tuple(_part(each) for each in reader.tables("parts", "part")),
    )
    reader.done()
    if not 1 <= file.n_parts <= MOST_PARTS:
        raise reader.wrong(f"has a name that says {file.n_parts} parts")
    if file.n_parts > 1 and file.name != file.part_names[0]:
        raise reader.wrong("names another part than the first")
    if file.n_parts > 1 and file.sha256:
        raise reader.wrong("has one sha256 for several parts")
    if file.parts and (file.n_parts == 1 or len(file.parts) != file.n_parts):
        raise reader.wrong(f"lists {len(file.parts)} parts, but its name says {file.n_parts}")
    if file.parts and sum(part.bytes for part in file.parts) != file.bytes:
        raise reader.wrong("has bytes that are not those of its parts together")
    return file


def _part(reader: Reader) -> FilePart:
    part = FilePart(
        bytes=reader.whole("bytes", 1, _MOST_BYTES),
        sha256=reader.text("sha256", SHA256, default=""),
    )
    reader.done()
    return part


def _projector(reader: Reader) -> File:
    file = File(
        quant="",
        repo=reader.text("repo", REPO),
        name=reader.text("name", FILE_NAME),
        bytes=reader.whole("bytes", 1024, _MOST_BYTES, default=0),
        sha256=reader.text("sha256", SHA256, default=""),
        revision=reader.text("revision", REVISION, default=""),
    )
    reader.done()
    if file.n_parts > 1:
        raise reader.wrong("is split, which no projector is")
    return file


def _embedding(reader: Reader | None) -> Embedding | None:
    if reader is None:
        return None
    pooling = reader.text("pooling")
    known = next((each for each in _POOLINGS if each == pooling), None)
    if known is None:
        raise reader.wrong(f"has the pooling “{pooling}”, which is not known")
    embedding = Embedding(
        dimensions=reader.whole("dimensions", 1, 1 << 16),
        pooling=known,
        query_prefix=reader.prefix("query_prefix"),
        document_prefix=reader.prefix("document_prefix"),
    )
    reader.done()
    return embedding


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
