"""What a repository holds, told from the names and sizes of its files alone. Pure.

Finds models, split ones, what is used beside a model, and forms that Hearth cannot load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from app.foundation.errors import ModelNotFound
from app.models.offered import FOREIGN, QuantGroup
from app.models.wanted import Part, Role

MOST_PARTS: Final = 64
LONGEST_NAME: Final = 512
_SPLIT: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z", re.IGNORECASE)
_QUANT: Final = re.compile(
    r"(?:^|[.\-_/ (])((?:UD-)?(?:I?Q\d(?:_[0-9A-Z]+)*|TQ\d_\d|BF16|F16|F32|MXFP4(?:_MOE)?|NVFP4))"
    r"(?=[.\-_/ )]|$)",
    re.IGNORECASE,
)
_PROJECTOR: Final = re.compile(r"mmproj", re.IGNORECASE)
_ADAPTER: Final = re.compile(
    r"(?:^|/)(?:lora|adapter)[^/]*\.gguf\Z|[-_.](?:lora|adapter)(?:-\d{5}-of-\d{5})?\.gguf\Z",
    re.IGNORECASE,
)
#: Files beside a model that are no use by themselves: draft heads, matrices, vocabularies.
_BESIDE: Final = re.compile(
    r"(?:^|/)(?:mtp|dflash|dspark|eagle3|imatrix|ggml-vocab)|[-_.](?:imatrix|vocab)\.gguf\Z",
    re.IGNORECASE,
)
_PIECE: Final = re.compile(r"\.gguf[-.](?:split|part)[^/]*\Z", re.IGNORECASE)
#: What to take where nobody says: the usual middle, then its neighbours.
_PREFERRED: Final = (
    *("Q4_K_M", "UD-Q4_K_M", "UD-Q4_K_XL", "MXFP4", "MXFP4_MOE", "Q4_K_S", "IQ4_XS", "Q4_0"),
    *("Q5_K_M", "Q6_K", "Q8_0", "Q3_K_M", "BF16", "F16"),
)
#: Of projectors: small against the model in any case, so the usual precision.
_PROJECTORS: Final = ("F16", "BF16", "Q8_0", "F32")
_FOREIGN_FILES: Final = {
    ".safetensors": "safetensors",
    ".onnx": "onnx",
    ".bin": "pytorch",
    ".pt": "pytorch",
    ".pth": "pytorch",
}
_WEIGHTS: Final = re.compile(r"(?:^|/)(?:pytorch_model|model|consolidated)[^/]*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RepoFile:
    """One file as the hub lists it; 0 bytes and no sum where they are not told."""

    name: str
    bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """The files of a repository, sorted out."""

    groups: tuple[QuantGroup, ...]
    projectors: tuple[Part, ...]
    adapters: tuple[Part, ...]
    foreign: tuple[str, ...]
    incomplete: tuple[str, ...]


class _Labelled(Protocol):
    @property
    def quant(self) -> str: ...


Labelled = TypeVar("Labelled", bound=_Labelled)


def sorted_out(files: Iterable[RepoFile], tags: Iterable[str] = ()) -> Holding:
    """Models smallest first, projectors by preference, everything else by name.

    Names that could lead anywhere else than into a folder are as if they were not there.
    """
    named = [file for file in files if is_plain(file.name)]
    ggufs = [file for file in named if file.name.lower().endswith(".gguf")]
    kinds: dict[Role, list[RepoFile]] = {"model": [], "projector": [], "adapter": []}
    for file in ggufs:
        role = _role(file.name)
        if role is not None:
            kinds[role].append(file)
    groups, incomplete = _groups(kinds["model"])
    ranked = {label: place for place, label in enumerate(_PROJECTORS)}
    projectors = sorted(
        (_part(file, "projector") for file in kinds["projector"]),
        key=lambda part: (ranked.get(quant_in(part.name), len(ranked)), part.name),
    )
    return Holding(
        groups,
        tuple(projectors),
        tuple(_part(file, "adapter") for file in sorted(kinds["adapter"], key=lambda f: f.name)),
        _foreign([file.name for file in named], tags),
        incomplete,
    )


def is_plain(name: str) -> bool:
    """Whether a name is a path below a repository: no way up or out, nothing that hides."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return False
    if any(character in name for character in '\\:*?"<>|') or name.startswith(("/", "~")):
        return False
    return all(word.strip(". ") for word in name.split("/"))


def best_of(files: tuple[Labelled, ...], quant: str | None = None) -> Labelled:
    """The one of that quant; without one, of the usual quant. Raises ModelNotFound."""
    if quant is not None:
        for file in files:
            if file.quant.lower() == quant.lower():
                return file
        labels = ", ".join(sorted({file.quant for file in files if file.quant}))
        raise ModelNotFound(
            f"There is no file “{quant}” in that repository.",
            f"It has {labels or 'files without a label'}.",
            "Name one of these, or the file itself.",
        )
    ranked = {label: place for place, label in enumerate(_PREFERRED)}
    return min(files, key=lambda file: ranked.get(file.quant.upper(), len(ranked)))


def quant_in(name: str) -> str:
    """The label of the quant in a file's name, or ""; "UD-Q4_K_XL" is one of its own."""
    bare = re.sub(r"\.gguf\Z", "", name, flags=re.IGNORECASE)
    found = [match.upper() for match in _QUANT.findall(bare)]
    return found[-1] if found else ""


def _role(name: str) -> Role | None:
    """What a GGUF file is for; None for what is no use by itself."""
    if _PROJECTOR.search(name):
        return "projector"
    if _BESIDE.search(name):
        return None
    return "adapter" if _ADAPTER.search(name) else "model"


def _groups(files: list[RepoFile]) -> tuple[tuple[QuantGroup, ...], tuple[str, ...]]:
    """The whole models, and the first names of those of which a part is missing."""
    wholes: list[QuantGroup] = []
    split: dict[tuple[str, int], dict[int, RepoFile]] = {}
    for file in files:
        match = _SPLIT.search(file.name)
        if match is None:
            wholes.append(_group([file]))
        else:
            base = file.name[: match.start()]
            split.setdefault((base, int(match[2])), {})[int(match[1])] = file
    incomplete = []
    for (base, count), parts in split.items():
        if 1 <= count <= MOST_PARTS and sorted(parts) == list(range(1, count + 1)):
            wholes.append(_group([parts[number] for number in range(1, count + 1)]))
        else:
            incomplete.append(f"{base}-00001-of-{count:05d}.gguf")
    wholes.sort(key=lambda group: (group.bytes, group.name))
    return tuple(wholes), tuple(sorted(incomplete))


def _group(files: list[RepoFile]) -> QuantGroup:
    sizes = [file.bytes for file in files]
    return QuantGroup(
        quant=quant_in(files[0].name),
        name=files[0].name,
        parts=tuple(_part(file, "model") for file in files),
        bytes=sum(sizes) if all(sizes) else 0,
    )


def _part(file: RepoFile, role: Role) -> Part:
    return Part(file.name, file.bytes, file.sha256, role)


def _foreign(names: list[str], tags: Iterable[str]) -> tuple[str, ...]:
    """The forms that are there, in the order of FOREIGN."""
    found = {tag.lower() for tag in tags} & {"gptq", "awq", "exl2", "exl3", "mlx", "onnx"}
    for name in names:
        ending = name[name.rfind(".") :].lower() if "." in name else ""
        form = _FOREIGN_FILES.get(ending)
        if form is not None and (form != "pytorch" or _WEIGHTS.search(name)):
            found.add(form)
        if _PIECE.search(name):
            found.add("gguf-pieces")
    return tuple(form for form in FOREIGN if form in found)
