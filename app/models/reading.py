"""The hub library's objects as ours, each value checked. Pure; imports no hub library.

What has another type than it should is left out, what cannot be told apart raises ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal

from app.models.offered import FoundRepo, RepositoryInfo
from app.models.repository import RepoFile, sorted_out
from app.models.schema import REPO, REVISION, SHA256

MOST_FILES: Final = 10_000
MOST_TAGS: Final = 400
MOST_FILE_BYTES: Final = 1 << 43
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}\Z")
_BASE: Final = re.compile(r"base_model:(?:quantized:|finetune:|adapter:|merge:)?(.+)\Z")


def found_repo(info: Any) -> FoundRepo:
    """One line of a search. Raises ValueError where it names no repository."""
    tags = _tags(info)
    return FoundRepo(
        id=_id(info),
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        modified=_when(info.last_modified),
        gated=_gate(info) != "",
        licence=_licence(tags),
        tags=tags,
        architecture=_architecture(info),
        n_parameters=_count(_gguf(info).get("total")),
        base_repo=_base(tags),
    )


def repository_info(info: Any) -> RepositoryInfo:
    """A repository with its files. Raises ValueError where it is none."""
    if not isinstance(info.siblings, list):
        raise ValueError("no list of files")
    tags = _tags(info)
    listed = info.siblings[:MOST_FILES]
    held = sorted_out([_file(sibling) for sibling in listed], _hints(info, tags))
    gate = _gate(info)
    return RepositoryInfo(
        id=_id(info),
        commit=info.sha if isinstance(info.sha, str) and REVISION.match(info.sha) else "",
        gated=gate != "",
        private=info.private is True,
        licence=_licence(tags),
        groups=held.groups,
        projectors=held.projectors,
        adapters=held.adapters,
        foreign=held.foreign,
        incomplete=held.incomplete,
        base_repo=_base(tags),
        architecture=_architecture(info),
        gate=gate,
        n_files=len(info.siblings),
        n_unlisted=len(info.siblings) - len(listed),
    )


def account_name(said: object) -> str:
    """Whose a token is. Raises ValueError where that is not said."""
    name = said.get("name") if isinstance(said, dict) else None
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 100:
        raise ValueError("no name")
    return name


def _id(info: Any) -> str:
    if not isinstance(info.id, str) or not REPO.match(info.id):
        raise ValueError("no repository")
    return info.id


def _file(sibling: Any) -> RepoFile:
    name = sibling.rfilename if isinstance(sibling.rfilename, str) else ""
    lfs = sibling.lfs
    sha256 = lfs.sha256 if lfs is not None and isinstance(lfs.sha256, str) else ""
    n_bytes = lfs.size if lfs is not None else sibling.size
    return RepoFile(name, _size(n_bytes), sha256 if SHA256.match(sha256) else "")


def _size(value: object) -> int:
    return value if type(value) is int and 0 <= value <= MOST_FILE_BYTES else 0


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 1 << 53 else 0


def _when(value: object) -> str:
    if not isinstance(value, datetime):
        return ""
    return value.astimezone(UTC).isoformat(timespec="seconds")


def _gate(info: Any) -> Literal["", "auto", "manual"]:
    if info.gated == "auto":
        return "auto"
    return "manual" if info.gated else ""


def _tags(info: Any) -> tuple[str, ...]:
    if not isinstance(info.tags, list):
        return ()
    return tuple(
        tag
        for tag in info.tags[:MOST_TAGS]
        if isinstance(tag, str) and len(tag) <= 200 and tag.isprintable()
    )


def _licence(tags: Iterable[str]) -> str:
    found = (tag.removeprefix("license:") for tag in tags if tag.startswith("license:"))
    return next((word for word in found if _WORD.match(word)), "")


def _base(tags: Iterable[str]) -> str:
    """What it was made from, where that is one thing."""
    found = {match[1] for tag in tags if (match := _BASE.match(tag)) and REPO.match(match[1])}
    return found.pop() if len(found) == 1 else ""


def _gguf(info: Any) -> dict[str, Any]:
    return info.gguf if isinstance(info.gguf, dict) else {}


def _architecture(info: Any) -> str:
    found = _gguf(info).get("architecture")
    return found if isinstance(found, str) and _WORD.match(found) else ""


def _hints(info: Any, tags: tuple[str, ...]) -> tuple[str, ...]:
    """Words that name a form: tags, the library, how the weights were made smaller."""
    words = [*tags, info.library_name]
    config = info.config if isinstance(info.config, dict) else {}
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict):
        words.append(quantization.get("quant_method"))
    return tuple(word for word in words if isinstance(word, str))
