"""What a hub offers: repositories that were found, and what is in one of them. Pure.

Everything here is a claim of the far end, in its own words; whoever uses it checks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from app.models.wanted import Part, Wanted

Sort = Literal["downloads", "recent", "likes"]

#: Forms of a model that Hearth cannot load, by the word the hub uses, as people should read them.
FOREIGN: Final = {
    "safetensors": "Safetensors",
    "gptq": "GPTQ",
    "awq": "AWQ",
    "exl2": "EXL2",
    "exl3": "EXL3",
    "mlx": "MLX",
    "onnx": "ONNX",
    "pytorch": "PyTorch",
    "gguf-pieces": "GGUF cut into pieces by hand",
}


@dataclass(frozen=True, slots=True)
class FoundRepo:
    """One line of a search."""

    id: str
    """`owner/name`."""
    downloads: int
    """In the last month."""
    likes: int
    modified: str
    """ISO 8601, UTC; "" where the hub does not say."""
    gated: bool
    """Its terms must be agreed to with an account."""
    licence: str
    """The hub's word for it ("apache-2.0"), or ""."""
    tags: tuple[str, ...]
    architecture: str = ""
    """As in a GGUF header, or ""."""
    n_parameters: int = 0
    """0: not told."""
    base_repo: str = ""
    """What it was made from, or ""."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search; `next` asks for the page after it, None at the end."""

    repositories: tuple[FoundRepo, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class QuantGroup:
    """One model file, or all the files of a split one, in order."""

    quant: str
    """The label in its name ("Q4_K_M"), or ""."""
    name: str
    """That of its first file, in the repository."""
    parts: tuple[Part, ...]
    bytes: int
    """0 where the hub does not say."""


@dataclass(frozen=True, slots=True)
class RepositoryInfo:
    """What a repository holds at one commit."""

    id: str
    commit: str
    gated: bool
    private: bool
    licence: str
    groups: tuple[QuantGroup, ...]
    """What Hearth could load, smallest first."""
    projectors: tuple[Part, ...] = ()
    """For pictures and sound (mmproj), the one to take first."""
    adapters: tuple[Part, ...] = ()
    """LoRA files, to be used with a model."""
    foreign: tuple[str, ...] = ()
    """Forms that Hearth cannot load: keys of FOREIGN."""
    incomplete: tuple[str, ...] = ()
    """Split models of which a part is missing: their first files' names."""
    base_repo: str = ""
    gguf_repo: str | None = None
    """Another repository with the same model as GGUF, where one is known."""
    architecture: str = ""
    gate: Literal["", "auto", "manual"] = ""
    """"auto": agreeing to the terms is enough; "manual": its publisher decides."""
    n_files: int = 0
    n_unlisted: int = 0
    """Files beyond what is looked at."""

    @property
    def page(self) -> str:
        """Where its terms stand: without the scheme and host of the hub."""
        return f"/{self.id}"

    def wanted(self, group: QuantGroup, *, with_projector: bool = True) -> Wanted:
        """What to download for one of its groups; the projector comes last."""
        beside = self.projectors[:1] if with_projector else ()
        return Wanted(
            repo=self.id,
            revision=self.commit,
            parts=(*group.parts, *beside),
            name=self.id.partition("/")[2],
            quant=group.quant,
        )
