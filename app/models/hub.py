"""The hub: search, what a repository holds, where a file is to be had, whose a token is.

The only import of huggingface_hub, on first use; any thread but the window's. Downloads nothing.
Asks as nobody first: a token is sent only where the hub wants one, and to its own host alone.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from urllib.parse import parse_qs, urljoin, urlsplit

from app.foundation.errors import (
    AccessNeeded,
    HearthError,
    InvalidInput,
    ModelNotFound,
    NetworkError,
)
from app.models import answers
from app.models.answers import Question
from app.models.offered import Found, FoundRepo, QuantGroup, RepositoryInfo, Sort
from app.models.reading import MOST_FILE_BYTES, account_name, found_repo, repository_info
from app.models.repository import is_plain
from app.models.schema import REPO, REVISION, SHA256
from app.models.wanted import Located
from app.network.client import Client, Head
from app.network.policy import HUB, origin_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")
Call: TypeAlias = "Callable[[HfApi, str | bool], T]"
MOST_HOPS: Final = 5
PAGE: Final = 30
LONGEST_WORDS: Final = 200
LONGEST_CURSOR: Final = 2000
_SORTS: Final[Mapping[Sort, Any]] = {
    "downloads": "downloads",
    "recent": "last_modified",
    "likes": "likes",
}
_SHOWN: Final[list[Any]] = ["downloads", "likes", "lastModified", "gated", "tags", "gguf"]
_NEXT: Final = re.compile(r'<([^<>]{1,4000})>\s*;\s*rel="?next"?')
_BRANCH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-/]{0,199}\Z")
_TOKEN: Final = re.compile(r"[!-~]{8,500}\Z")
#: Read by the library when it is imported. It must send nothing of its own accord, tell nothing
#: of this computer, read no token but the one it is given, and write nothing anywhere.
_QUIET: Final = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_SYMLINKS_WARNING": "1",
    "HF_HUB_DISABLE_EXPERIMENTAL_WARNING": "1",
    "HF_HUB_ENABLE_HF_TRANSFER": "0",
    "HF_HUB_USER_AGENT_ORIGIN": "",
    "HF_HUB_VERBOSITY": "critical",
    "HF_DEBUG": "0",
}
#: What the library raises over an answer that is not what it should be.
_GARBLED: Final = (
    *(ValueError, TypeError, KeyError, AttributeError, IndexError),
    *(RecursionError, OverflowError),
)


class Hub:
    """The hub, or a mirror of it. `endpoint` and `token` are asked for each call; `token` gives ""
    where there is none; `gguf_of` knows a repository with the same model as GGUF, or "".

    Every method blocks and may raise Offline, NetworkError and its kin, and StorageError.
    """

    def __init__(
        self,
        client: Callable[[], Client],
        endpoint: Callable[[], str] = lambda: f"https://{HUB}",
        token: Callable[[], str] = lambda: "",
        gguf_of: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._token = token
        self._gguf_of = gguf_of
        self._closed: set[str] = set()
        """Repositories that were given out to somebody only."""

    def search(
        self,
        words: str,
        *,
        sort: Sort = "downloads",
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Found:
        """GGUF repositories with all of these words; `cursor` is the `next` of the page before.

        One request. Private repositories are not among them.
        """
        listed, link = self._ask(
            self._question(),
            f"search for “{words.strip()[:60]}”",
            lambda api, token: list(
                api.list_models(
                    filter="gguf",
                    search=words.strip()[:LONGEST_WORDS] or None,
                    sort=_SORTS[sort],
                    limit=max(1, min(limit, 100)),
                    expand=_SHOWN,
                    token=token,
                )
            ),
            cursor,
        )
        return Found(_lines(listed), _cursor(link))

    def repository(self, repo: str, revision: str = "") -> RepositoryInfo:
        """What it holds; of one without GGUF also where the same model is to be had as GGUF.

        One request, a second for such a repository, each twice where the hub wants a token.
        Raises ModelNotFound, AccessNeeded.
        """
        question = self._question(repo, revision=revision)
        info, _ = self._ask(
            question,
            f"files of {repo}",
            lambda api, token: repository_info(
                api.model_info(repo, revision=revision or None, files_metadata=True, token=token)
            ),
        )
        if info.gated or info.private:
            self._closed.update((info.id, repo))
        if info.groups or not info.foreign:
            return info
        return replace(info, gguf_repo=self._same_as_gguf(info))

    def files(self, repo: str, revision: str = "") -> tuple[QuantGroup, ...]:
        """The models in it. Raises ModelNotFound where there is none that Hearth can load."""
        info = self.repository(repo, revision)
        if not info.groups:
            raise answers.without_gguf(info)
        return info.groups

    def locate(self, repo: str, revision: str, name: str) -> Located:
        """Where one file is to be had, and what the hub says it holds. "" is the main revision.

        The address names the commit, so that what it leads to does not change. Raises
        ModelNotFound, AccessNeeded.
        """
        question = self._question(repo, name, revision)
        if not is_plain(name):
            raise ModelNotFound(
                f"“{name[:120]}” cannot be the name of a file in {repo}.",
                "It would lead out of the repository.",
                "Choose another file.",
            )
        return self._as_needed(question, self._located)

    def whoami(self, token: str | None = None) -> str:
        """The name of the account that a token is for: the one given, else the one that is kept.

        Raises InvalidInput, AccessNeeded.
        """
        given = self._token() if token is None else token.strip()
        if not _TOKEN.match(given):
            raise InvalidInput(
                "That is not a token.",
                "A token is one word of letters and digits; the hub's begin with hf_.",
                f"Copy it from {self._endpoint()}/settings/tokens.",
            )
        question = replace(self._question(), as_somebody=True)
        return self._once(
            question,
            given,
            "whose the token is",
            lambda api, token: account_name(api.whoami(token=token)),
        )[0]

    def _question(self, repo: str = "", name: str = "", revision: str = "") -> Question:
        """Raises ModelNotFound for what no address can be made of."""
        if repo:
            _check_name(repo)
        if revision and (not _BRANCH.match(revision) or ".." in revision):
            raise ModelNotFound(
                f"“{revision[:60]}” names no version of a repository.",
                "A version is a commit, a branch or a tag.",
                "Leave it out for the present one.",
            )
        return Question(self._endpoint(), repo, name, revision)

    def _ask(
        self, question: Question, purpose: str, call: Call[T], cursor: str | None = None
    ) -> tuple[T, str]:
        """The answer, and the Link header beside it."""

        def ask(question: Question, token: str) -> tuple[T, str]:
            return self._once(question, token, purpose, call, cursor)

        return self._as_needed(question, ask)

    def _as_needed(self, question: Question, ask: Callable[[Question, str], T]) -> T:
        """As nobody, and as somebody where that is not enough and there is a token."""
        token = self._token() if question.repo in self._closed else ""
        if not token:
            try:
                return ask(question, "")
            except _ForSomebody as refused:
                token = self._token()
                if not token:
                    raise refused.error from None
        answer = ask(replace(question, as_somebody=True), token)
        if question.repo:
            self._closed.add(question.repo)
        return answer

    def _once(
        self, question: Question, token: str, purpose: str, call: Call[T], cursor: str | None = None
    ) -> tuple[T, str]:
        """One call of the library, which sends one request and cannot send another."""
        from app.network.library import Errand, on

        links = []

        def check(head: Head, _: bytes) -> None:
            links.append(head.headers.get("link", ""))
            _check(head, question)

        library = _library()
        query = {} if cursor is None else {"cursor": cursor}
        errand = Errand(self._client(), origin_of(question.endpoint), purpose, check, query)
        try:
            with on(errand):
                api = library.HfApi(endpoint=question.endpoint, token=token or False)
                return call(api, token or False), links[0]
        except (HearthError, _ForSomebody):
            raise
        except _GARBLED as error:
            raise answers.garbled(question.host) from error

    def _same_as_gguf(self, info: RepositoryInfo) -> str | None:
        """From what is known here, else the one that most people take; None where none is found
        or nobody can be asked: it is only a hint."""
        is_derived = bool(set(info.foreign) - {"safetensors", "pytorch", "onnx"})
        origin = info.base_repo if is_derived and info.base_repo else info.id
        for repo in (info.id, info.base_repo):
            if repo and (known := self._gguf_of(repo)):
                return known
        try:
            listed, _ = self._ask(
                self._question(),
                f"GGUF files of {origin}",
                lambda api, token: list(
                    api.list_models(
                        filter=["gguf", f"base_model:quantized:{origin}"],
                        sort="downloads",
                        limit=1,
                        expand=_SHOWN,
                        token=token,
                    )
                ),
            )
        except NetworkError:
            return None
        return next((line.id for line in _lines(listed)), None)

    def _located(self, question: Question, token: str) -> Located:
        def address(revision: str) -> str:
            url: str = _library().hf_hub_url(
                question.repo, question.name, revision=revision, endpoint=question.endpoint
            )
            return url

        url = address(question.revision or "main")
        private = {"Authorization": f"Bearer {token}"} if token else {}
        head = self._head(url, question, private)
        commit = head.headers.get("x-repo-commit", "")
        commit = commit if REVISION.match(commit) else ""
        etag = head.headers.get("x-linked-etag", "").removeprefix("W/").strip('"')
        return Located(
            url=address(commit) if commit else url,
            bytes=_bytes_of(head),
            sha256=etag if SHA256.match(etag) else "",
            commit=commit,
            headers=private,
        )

    def _head(self, url: str, question: Question, private: Mapping[str, str]) -> Head:
        """What the hub itself says of a file: not followed to its store, only to a new name."""
        origin = origin_of(url)
        for _ in range(MOST_HOPS + 1):
            with self._client().stream(
                url,
                purpose=f"where {question.name} is"[:120],
                method="HEAD",
                headers=private,
                deadline_s=30.0,
                follow=False,
            ) as incoming:
                head = incoming.head
            _check(head, question)
            target = urljoin(url, head.headers.get("location", ""))
            is_told = "x-linked-size" in head.headers or "x-linked-etag" in head.headers
            if not 300 <= head.status < 400 or is_told or origin_of(target) != origin:
                return head
            url = target
        raise NetworkError(
            f"{question.host} sends us round in circles.",
            f"More than {MOST_HOPS} redirects followed one another.",
            "Try again later.",
        )


class _ForSomebody(Exception):
    """The hub wants to know who asks; `error` is what to say where that cannot be told."""

    def __init__(self, error: HearthError) -> None:
        super().__init__(error.title)
        self.error = error


def _check_name(repo: str) -> None:
    library = _library()
    try:
        library.utils.validate_repo_id(repo)
    except library.errors.HFValidationError:
        raise answers.unnamed(repo) from None
    if not REPO.match(repo):
        raise answers.unnamed(repo)


def _check(head: Head, question: Question) -> None:
    try:
        answers.check(head, question)
    except (AccessNeeded, ModelNotFound) as error:
        if question.as_somebody or head.status not in (401, 403):
            raise
        raise _ForSomebody(error) from None


def _lines(listed: Iterable[Any]) -> tuple[FoundRepo, ...]:
    found = []
    for info in listed:
        # A line that names no repository is left out: nothing could be done with it.
        with contextlib.suppress(ValueError):
            found.append(found_repo(info))
    return tuple(found)


def _cursor(link: str) -> str | None:
    """What the next page is asked with, out of a Link header."""
    match = _NEXT.search(link)
    if match is None:
        return None
    try:
        said = parse_qs(urlsplit(match[1]).query).get("cursor", [])
    except ValueError:
        return None
    return said[0] if said and len(said[0]) <= LONGEST_CURSOR else None


def _bytes_of(head: Head) -> int:
    """The size of a file as its address tells it; 0 where it does not."""
    said = head.headers.get("x-linked-size", "")
    if not said and head.status == 200:
        said = head.headers.get("content-length", "")
    n_bytes = int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0
    return n_bytes if n_bytes <= MOST_FILE_BYTES else 0


@lru_cache(maxsize=1)
def _library() -> ModuleType:
    """The hub library, told to be quiet before it is imported, with our client in it."""
    from app.network.library import library_client

    os.environ.update(_QUIET)
    import huggingface_hub

    huggingface_hub.set_client_factory(library_client)
    return huggingface_hub
