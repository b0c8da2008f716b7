"""Which model files a repository on the hub holds, and which of them to take.

Any thread but the window's; one request. Looks at names and sizes only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from app.foundation.errors import ModelNotFound, NetworkError
from app.models.schema import FILE_NAME, REPO
from app.network.client import Client, Head
from app.network.policy import HUB

MOST_BYTES: Final = 16 * 1024 * 1024
MOST_FILES: Final = 10_000
_SPLIT: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z")
_QUANT: Final = re.compile(
    r"(?:^|[.\-_/])((?:UD-)?(?:I?Q\d(?:_[0-9A-Z]+)*|BF16|F16|F32|MXFP4(?:_MOE)?|NVFP4))"
    r"(?=[.\-_/]|$)",
    re.IGNORECASE,
)
#: Files beside a model that are not one: projectors, draft models, matrices.
_BESIDE: Final = re.compile(r"mmproj|(?:^|/)(?:mtp|dflash|dspark|eagle3|imatrix)", re.IGNORECASE)
#: What to take where nobody says: the usual middle, then its neighbours.
_PREFERRED: Final = (
    *("Q4_K_M", "UD-Q4_K_M", "UD-Q4_K_XL", "MXFP4", "MXFP4_MOE", "Q4_K_S", "IQ4_XS", "Q4_0"),
    *("Q5_K_M", "Q6_K", "Q8_0", "Q3_K_M", "BF16", "F16"),
)


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A model in a repository; `bytes` are those of all its parts, 0 where they are not told."""

    name: str
    quant: str
    bytes: int


class Repositories:
    """Asks the hub, or a mirror of it, what a repository holds."""

    def __init__(self, client: Callable[[], Client], endpoint: str = f"https://{HUB}") -> None:
        self._client = client
        self._endpoint = endpoint.rstrip("/")

    def files(self, repo: str) -> tuple[RepoFile, ...]:
        """The models in it, split ones once. Raises ModelNotFound, NetworkError and its kin."""
        if not REPO.match(repo) or ".." in repo:
            raise _missing(repo)
        url = f"{self._endpoint}/api/models/{repo}?blobs=true"
        head, body = self._client().get(
            url, purpose=f"files of {repo}"[:120], most_bytes=MOST_BYTES
        )
        found = models_in(_listed(head, body, repo))
        if not found:
            raise ModelNotFound(
                f"{repo} holds no file that Hearth can use.",
                "There is no GGUF model among its files.",
                "Look for a repository of the same model whose name ends in -GGUF.",
            )
        return found


def models_in(listed: list[tuple[str, int]]) -> tuple[RepoFile, ...]:
    """The models among named files with their sizes, in the order they came."""
    sizes: dict[str, int] = {}
    for name, n_bytes in listed:
        match = _SPLIT.search(name)
        first = name if match is None else f"{name[: match.start()]}-00001-of-{match[2]}.gguf"
        if FILE_NAME.match(name) and not _BESIDE.search(name):
            sizes[first] = sizes.get(first, 0) + n_bytes
    return tuple(RepoFile(name, quant_in(name), n_bytes) for name, n_bytes in sizes.items())


def best_of(files: tuple[RepoFile, ...], quant: str | None = None) -> RepoFile:
    """The file of that quant; without one, of the usual quant. Raises ModelNotFound."""
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
    found = [match.upper() for match in _QUANT.findall(name.removesuffix(".gguf"))]
    return found[-1] if found else ""


def _listed(head: Head, body: bytes, repo: str) -> list[tuple[str, int]]:
    if head.status in (401, 403, 404):
        raise _missing(repo)
    if head.status != 200:
        raise NetworkError(
            "The hub is busy or broken.",
            f"It answered with status {head.status}.",
            "Try again in a while.",
        )
    try:
        siblings = json.loads(body)["siblings"]
        if not isinstance(siblings, list):
            raise ValueError("no list")
        return [_sibling(entry) for entry in siblings[:MOST_FILES] if isinstance(entry, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NetworkError(
            "The hub's answer cannot be read.",
            "It is not the list of files that was asked for.",
            "Try again; a network that wants you to sign in does that too.",
        ) from None


def _sibling(entry: dict[str, Any]) -> tuple[str, int]:
    name, n_bytes = entry.get("rfilename"), entry.get("size")
    if not isinstance(n_bytes, int) or not 0 <= n_bytes < 1 << 43:
        n_bytes = 0
    return (name if isinstance(name, str) else "", n_bytes)


def _missing(repo: str) -> ModelNotFound:
    return ModelNotFound(
        f"There is no repository “{repo[:120]}” that is open to everybody.",
        "The hub does not know it, or wants an account first.",
        "Check the name: it is owner/name.",
    )
