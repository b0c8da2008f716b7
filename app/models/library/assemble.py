"""From single files to models: parts of a split one together, projectors and adapters with theirs,
and the same content once, however many names and places it has. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.models.adopt.found import Found
from app.models.library.kept import SOURCE_WORDS, Kept, Source, State
from app.models.library.names import SPLIT, are_alike, family_of, shown, stem_of
from app.models.library.scan import OnDisk, Seen

#: Whose word counts where several places hold the same: ours, then who says most of a file.
ORDER: Final[tuple[Source, ...]] = (
    *("hearth", "huggingface", "lmstudio", "jan", "llama.cpp", "gpt4all", "koboldcpp"),
    *("ollama", "folder", "opened"),
)
_RANK: Final = {source: place for place, source in enumerate(ORDER)}
_PERSONAL: Final[frozenset[Source]] = frozenset({"hearth", "folder", "opened"})
_MOST_NEAR: Final = 256
_PRECISION: Final = {"F16": 0, "BF16": 1, "Q8_0": 2, "F32": 3}


@dataclass(frozen=True, slots=True)
class Model:
    """A model with the files it consists of: its parts, then its projector, then its adapters."""

    kept: Kept
    files: tuple[OnDisk, ...]
    content: str
    """The SHA-256 that its first file should have, as its place says; "" where it does not."""
    is_shared: bool = False
    """Whether the very same file is among those of another program too."""


def models_of(seen: Iterable[Seen]) -> list[Model]:
    """The models among the files, each content once, in the order of their names."""
    groups: dict[tuple[Source, Path], list[Seen]] = defaultdict(list)
    for entry in seen:
        groups[entry.found.source, entry.found.path.parent].append(entry)
    beside = {place: _beside(entries) for place, entries in groups.items()}
    used: set[Path] = set()
    models: list[Model] = []
    for (source, folder), entries in groups.items():
        near = _Near([*beside[source, folder], *beside.get((source, folder.parent), ())])
        heads = _heads(entries)
        families = {family_of(head[0].file.path.name) for head in heads}
        for parts in heads:
            model = _assembled(parts, _own(parts, near, len(families) == 1))
            used.update(file.path for file in model.files)
            models.append(model)
    for entries in beside.values():
        models += [_alone(entry) for entry in entries if entry.file.path not in used]
    return sorted(_merged(models), key=lambda model: (model.kept.name.lower(), model.kept.id))


def _is_beside(entry: Seen) -> bool:
    return entry.file.facts.kind in ("projector", "adapter")


def _beside(entries: list[Seen]) -> list[Seen]:
    return [entry for entry in entries if _is_beside(entry)]


def _heads(entries: list[Seen]) -> list[list[Seen]]:
    """The models of one folder, each as its parts in order. A part without a first one is a model
    that lacks something; it stands for what is left of it."""
    heads: list[list[Seen]] = []
    splits: dict[tuple[str, int], list[Seen]] = defaultdict(list)
    for entry in entries:
        if _is_beside(entry):
            continue
        match = SPLIT.match(entry.file.path.name)
        if match is None or entry.file.facts.n_splits <= 1:
            heads.append([entry])
        else:
            splits[match[1], int(match[3])].append(entry)
    for parts in splits.values():
        heads.append(sorted(parts, key=lambda part: part.file.path.name))
    return heads


class _Near:
    """Projectors and adapters near models, by what they are named like. Among very many only
    those of the very same family are looked at, so that no folder takes for ever."""

    def __init__(self, entries: list[Seen]) -> None:
        self._all = [(family_of(entry.file.path.name), entry) for entry in entries]
        self._by_family: dict[str, list[Seen]] = defaultdict(list)
        for family, entry in self._all:
            self._by_family[family].append(entry)

    def like(self, family: str, only_family: bool) -> list[Seen]:
        if len(self._all) > _MOST_NEAR:
            return self._by_family.get(family, [])[:_MOST_NEAR]
        return [entry for other, entry in self._all if only_family or are_alike(other, family)]


def _own(parts: list[Seen], near: _Near, only_family: bool) -> tuple[OnDisk | None, list[OnDisk]]:
    """The projector and the adapters of a model: those its place names, else those nearby that
    fit and are named alike, or lie in a folder of this model alone."""
    head = parts[0]
    facts, family = head.file.facts, family_of(head.file.path.name)
    projectors = list(head.projectors)
    adapters = list(head.adapters)
    for entry in near.like(family, only_family):
        other = entry.file
        if other.facts.kind == "adapter":
            if other.facts.architecture in ("", facts.architecture) and not head.adapters:
                adapters.append(other)
        elif not head.projectors and _fits(other, head.file):
            projectors.append(other)
    projectors.sort(key=lambda file: (_PRECISION.get(file.facts.quant, 9), file.path.name))
    return (projectors[0] if projectors else None), adapters


def _fits(projector: OnDisk, model: OnDisk) -> bool:
    """Some projectors feed several layers: theirs is a multiple of the model's width."""
    width, own = projector.facts.n_embd, model.facts.n_embd
    return not width or not own or width == own or width % own == 0


def _assembled(parts: list[Seen], own: tuple[OnDisk | None, list[OnDisk]]) -> Model:
    head = parts[0]
    projector, adapters = own
    weights = tuple(part.file for part in parts)
    files = (*weights, *((projector,) if projector else ()), *adapters)
    state, problem = _state(weights)
    facts, found = head.file.facts, head.found
    kept = Kept(
        id=facts.fingerprint[:16],
        name=_name(found, facts.name),
        path=head.file.path,
        parts=tuple(file.path for file in weights),
        projector=projector.path if projector else None,
        adapters=tuple(file.path for file in adapters),
        bytes=sum(file.bytes for file in files),
        quant=facts.quant,
        architecture=facts.architecture,
        kind=facts.kind,
        source=found.source,
        source_words=SOURCE_WORDS[found.source],
        is_ours=found.source == "hearth",
        state=state,
        problem=problem,
        repo=found.repo,
        revision=found.revision,
        sha256=found.sha256,
    )
    return Model(kept, files, found.sha256)


def _alone(entry: Seen) -> Model:
    """A projector or an adapter whose model is not here."""
    model = _assembled([entry], (None, []))
    what = "an image or sound projector" if model.kept.kind == "projector" else "an adapter"
    if model.kept.state != "ready":
        return model
    words = f"It is {what}: it belongs to a model that is not beside it."
    return replace(model, kept=replace(model.kept, state="unsupported", problem=words))


def _state(weights: tuple[OnDisk, ...]) -> tuple[State, str]:
    for file in weights:
        if file.facts.state != "ready":
            return file.facts.state, file.facts.problem
    facts = weights[0].facts
    if facts.n_splits > 1:
        if SPLIT.match(weights[0].path.name) is None:
            return "unsupported", (
                f"It is one of {facts.n_splits} files of a model, but is not named as such."
            )
        missing = facts.n_splits - len({file.facts.split_index for file in weights})
        if missing or facts.split_index:
            return "damaged", (
                f"{missing} of its {facts.n_splits} files are not there. Download the missing "
                "files into the same folder."
            )
    return "ready", ""


def _name(found: Found, stated: str) -> str:
    """As its program calls it, else as its header does where that says something, else the file."""
    said = shown(stated)
    if "/" in said or "\\" in said or len(said) < 3 or said.lower() in ("model", "tmp", "none"):
        said = ""
    return shown(found.name) or said or shown(stem_of(found.path.name)) or "A model without a name"


def _merged(models: list[Model]) -> list[Model]:
    """The same content once: under the place that counts most, with the others named."""
    by_content: dict[tuple[str, int], list[Model]] = defaultdict(list)
    for model in models:
        weights = model.files[: len(model.kept.parts)]
        size = sum(file.bytes for file in weights)
        by_content[model.kept.id, size].append(model)
    return [_one(group) for group in by_content.values()]


def _one(group: list[Model]) -> Model:
    group.sort(key=lambda model: (model.kept.state != "ready", _RANK[model.kept.source]))
    first = group[0]
    kept = first.kept
    others = tuple(dict.fromkeys(m.kept.path for m in group[1:] if m.kept.path != kept.path))
    beside = next((model for model in group if model.kept.projector), first)
    files = first.files
    if kept.projector is None and beside is not first:
        extra = beside.files[len(beside.kept.parts)]
        weights = len(kept.parts)
        files = (*files[:weights], extra, *files[weights:])
        kept = replace(kept, projector=extra.path, bytes=kept.bytes + extra.bytes)
    repo = next((model.kept for model in group if model.kept.repo), kept)
    kept = replace(
        kept,
        also_at=others,
        also_named=tuple(dict.fromkeys(m.kept.name for m in group if m.kept.name != kept.name)),
        repo=kept.repo or repo.repo,
        revision=kept.revision or repo.revision,
        sha256=kept.sha256 or next((m.content for m in group if m.content), ""),
    )
    is_shared = any(
        model.kept.source not in _PERSONAL and model.files[0].identity == files[0].identity
        for model in group[1:]
    )
    return Model(kept, files, kept.sha256, is_shared)
