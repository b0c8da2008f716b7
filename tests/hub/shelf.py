"""What a hub holds: repositories with their history, who may read them, the tokens it knows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.hub.content import Content


@dataclass
class Repository:
    """One repository. `gated` is "", "auto" or "manual"; `readers` are the tokens that may read it
    where it is gated or private. `replace` makes a new commit, and older ones stay."""

    id: str
    files: dict[str, Content] = field(default_factory=dict)
    licence: str = "apache-2.0"
    tags: tuple[str, ...] = ("gguf",)
    downloads: int = 100
    likes: int = 10
    modified: str = "2026-03-01T12:00:00.000Z"
    base: str = ""
    gated: str = ""
    is_private: bool = False
    is_disabled: bool = False
    readers: set[str] = field(default_factory=set)
    #: What the hub says of a file in place of the truth, by name: "size" and "sha256".
    claims: dict[str, Mapping[str, int | str]] = field(default_factory=dict)
    _older: dict[str, dict[str, Content]] = field(default_factory=dict)
    _n_commits: int = 1

    @property
    def commit(self) -> str:
        return hashlib.sha1(f"{self.id}/{self._n_commits}".encode()).hexdigest()

    def replace(self, name: str, content: Content) -> None:
        """Another file under the same name: what a publisher does who uploads it again."""
        self._older[self.commit] = self.files
        self.files = {**self.files, name: content}
        self._n_commits += 1

    def forget_history(self) -> None:
        """Older commits are gone: what a publisher does who pushes over them."""
        self._older.clear()

    def at(self, revision: str) -> tuple[str, dict[str, Content]] | None:
        """The commit and files of a branch or commit; None where there is none such."""
        if revision in ("main", self.commit):
            return self.commit, self.files
        older = self._older.get(revision)
        return None if older is None else (revision, older)

    def all_tags(self) -> list[str]:
        """As the hub lists them: its own, the licence, the base model."""
        own = [*self.tags, f"license:{self.licence}", "region:us"]
        if self.base:
            own += [f"base_model:{self.base}", f"base_model:quantized:{self.base}"]
        return own


@dataclass
class Shelf:
    """All repositories by name; `tokens` by what they are, with the user's name."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def add(self, repository: Repository) -> Repository:
        self.repositories[repository.id] = repository
        return repository

    def put(self, repo: str, name: str, content: Content) -> Repository:
        """A file in a repository, which is made if need be."""
        found = self.repositories.get(repo) or self.add(Repository(repo))
        found.files[name] = content
        return found
