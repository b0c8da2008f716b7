"""What the hub's own host answers: search, repositories, trees, who you are, where a file lies.

Pure: a request and a shelf in, a reply out. Paths, headers and errors are those that
huggingface_hub 2.4 asks for and reads.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from tests.hub.content import Content
from tests.hub.record import Asked
from tests.hub.reply import Reply, data, part_of, refusal
from tests.hub.shelf import Repository, Shelf

PAGE: Final = 1000
_SORTS: Final[dict[str, Callable[[Repository], Any]]] = {
    "downloads": lambda one: one.downloads,
    "likes": lambda one: one.likes,
    "lastModified": lambda one: one.modified,
    "createdAt": lambda one: one.modified,
    "trendingScore": lambda one: one.likes,
}
_BAD_TOKEN: Final = "Invalid credentials in Authorization header"
#: Where a file's bytes can be had for a while, for a repository, commit and file name.
Sign = Callable[[Content, str], str]


class Api:
    """Answers for one shelf; `sign` makes an address at the store."""

    def __init__(self, shelf: Shelf, sign: Sign) -> None:
        self._shelf = shelf
        self._sign = sign

    def answer(self, asked: Asked) -> Reply:
        if asked.token and asked.token not in self._shelf.tokens:
            return refusal(401, _BAD_TOKEN)
        words = [unquote(word) for word in urlsplit(asked.target).path.split("/")[1:]]
        if words[:2] == ["api", "whoami-v2"]:
            return self._whoami(asked)
        if words == ["api", "models"]:
            return self._search(asked)
        if words[:2] == ["api", "models"] and len(words) >= 4:
            return self._model(asked, f"{words[2]}/{words[3]}", words[4:])
        if len(words) >= 5 and words[2] == "resolve":
            return self._resolve(asked, f"{words[0]}/{words[1]}", words[3], "/".join(words[4:]))
        return refusal(404, "Not Found")

    def _whoami(self, asked: Asked) -> Reply:
        name = self._shelf.tokens.get(asked.token)
        if name is None:
            return refusal(401, "Invalid username or password.")
        token = {"displayName": "desk", "role": "read", "createdAt": "2026-01-01T00:00:00.000Z"}
        auth = {"type": "access_token", "accessToken": token}
        return data({"type": "user", "id": "6" * 24, "name": name, "auth": auth, "orgs": []})

    def _search(self, asked: Asked) -> Reply:
        query = asked.query
        words = " ".join(query.get("search", [])).lower().split()
        tags = query.get("filter", [])
        found = [
            one
            for one in self._shelf.repositories.values()
            if self._may_see(one, asked)
            and all(word in one.id.lower() for word in words)
            and set(tags) <= set(one.all_tags())
        ]
        for author in query.get("author", []):
            found = [one for one in found if one.id.startswith(f"{author}/")]
        sort = query.get("sort", ["downloads"])[0]
        if sort not in _SORTS:
            return refusal(400, f'"sort" cannot be {sort}')
        found.sort(key=_SORTS[sort], reverse=query.get("direction", ["-1"])[0] == "-1")
        limit = min(int(query.get("limit", ["1000"])[0]), PAGE)
        start = _place(query.get("cursor", [""])[0])
        page = [self._listed(one, query) for one in found[start : start + limit]]
        return data(page, *_next(asked, start + limit, len(found)))

    def _listed(self, one: Repository, query: dict[str, list[str]]) -> dict[str, Any]:
        """A repository as search shows it: all of `expand`, or what is usual."""
        whole = _info(one, one.commit, one.files, blobs=False)
        names = {"_id", "id", "modelId", "likes", "downloads", "private", "tags", "createdAt"}
        names |= {"pipeline_tag", "library_name"}
        expand = query.get("expand", []) + query.get("expand[]", [])
        if expand:
            names = {"_id", "id", *expand}
        elif "full" in query:
            names |= {"author", "sha", "lastModified", "gated", "siblings", "disabled"}
        if "cardData" in query:
            names.add("cardData")
        return {name: value for name, value in whole.items() if name in names}

    def _model(self, asked: Asked, repo: str, words: list[str]) -> Reply:
        found = self._find(asked, repo, f"/api/models/{{}}{''.join('/' + w for w in words)}")
        if isinstance(found, Reply):
            return found
        revision = words[1] if words[:1] in (["revision"], ["tree"]) and len(words) > 1 else "main"
        state = found.at(revision)
        if state is None:
            return refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        commit, files = state
        if words[:1] == ["tree"]:
            return self._tree(asked, found, files, "/".join(words[2:]))
        if words and words[0] != "revision":
            return refusal(404, "Not Found")
        info = _info(found, commit, files, blobs="blobs" in asked.query)
        expand = asked.query.get("expand", [])
        if expand:
            info = {name: value for name, value in info.items() if name in {"_id", "id", *expand}}
        return data(info)

    def _tree(
        self, asked: Asked, repository: Repository, files: dict[str, Content], under: str
    ) -> Reply:
        prefix = f"{under}/" if under else ""
        entries: dict[str, dict[str, Any]] = {}
        for name, content in files.items():
            if not name.startswith(prefix):
                continue
            inner = name.removeprefix(prefix)
            if "/" in inner and asked.query.get("recursive", [""])[0].lower() != "true":
                folder = prefix + inner.split("/")[0]
                entries[folder] = {"type": "directory", "oid": _oid(folder), "size": 0}
                entries[folder]["path"] = folder
                continue
            lfs = _blob(repository, name, content)
            entry = {"type": "file", "oid": lfs["blobId"], "size": lfs["size"], "path": name}
            entry["lfs"] = {
                "oid": lfs["lfs"]["sha256"],
                "size": lfs["lfs"]["size"],
                "pointerSize": 134,
            }
            entries[name] = entry
        listed = list(entries.values())
        start = _place(asked.query.get("cursor", [""])[0])
        return data(listed[start : start + PAGE], *_next(asked, start + PAGE, len(listed)))

    def _resolve(self, asked: Asked, repo: str, revision: str, name: str) -> Reply:
        found = self._find(asked, repo, f"/{{}}/resolve/{revision}/{quote(name)}")
        if isinstance(found, Reply):
            return found
        if found.is_disabled:
            return refusal(403, "Access to this resource is disabled.")
        if found.gated and asked.token not in found.readers:
            return _closed(found, bool(asked.token))
        state = found.at(revision)
        if state is None:
            return refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        commit, files = state
        said = ("X-Repo-Commit", commit)
        content = files.get(name)
        if content is None:
            return refusal(404, "Entry not found", "EntryNotFound").with_header(*said)
        if not name.endswith(".gguf"):
            return part_of(content, asked.headers.get("range", ""), said, ("ETag", _oid(name)))
        sha256 = found.claims.get(name, {}).get("sha256", content.sha256)
        return Reply(
            302,
            (
                said,
                ("Location", self._sign(content, name)),
                ("X-Linked-ETag", f'"{sha256}"'),
                ("X-Linked-Size", str(found.claims.get(name, {}).get("size", content.bytes))),
                ("ETag", f'"{_oid(content.sha256)}"'),
                ("Accept-Ranges", "bytes"),
                ("X-Xet-Hash", hashlib.sha256(content.sha256.encode()).hexdigest()),
                ("Vary", "Origin"),
            ),
        )

    def _find(self, asked: Asked, repo: str, form: str) -> Repository | Reply:
        """The repository; or where it has gone to, or why it is not there for this asker."""
        if repo in self._shelf.renamed:
            return Reply(307, (("Location", form.format(self._shelf.renamed[repo])),))
        found = self._shelf.repositories.get(repo)
        if found is not None and self._may_see(found, asked):
            return found
        if asked.token:
            return refusal(404, "Repository not found", "RepoNotFound")
        return refusal(401, "Invalid username or password.", "RepoNotFound")

    def _may_see(self, one: Repository, asked: Asked) -> bool:
        return not one.is_private or asked.token in one.readers


def _closed(one: Repository, is_known: bool) -> Reply:
    if not is_known:
        text = f"Access to model {one.id} is restricted. You must have access to it and be "
        return refusal(401, text + "authenticated to access it. Please log in.", "GatedRepo")
    text = f"Access to model {one.id} is restricted and you are not in the authorized list. "
    return refusal(403, text + f"Visit https://huggingface.co/{one.id} to ask.", "GatedRepo")


def _info(
    one: Repository, commit: str, files: dict[str, Content], *, blobs: bool
) -> dict[str, Any]:
    card: dict[str, Any] = {"license": one.licence}
    if one.base:
        card["base_model"] = [one.base]
    siblings: list[dict[str, Any]] = [{"rfilename": name} for name in files]
    if blobs:
        siblings = [
            {"rfilename": name, **_blob(one, name, content)} for name, content in files.items()
        ]
    return {
        "_id": _oid(one.id)[:24],
        "id": one.id,
        "modelId": one.id,
        "author": one.id.split("/")[0],
        "sha": commit,
        "lastModified": one.modified,
        "createdAt": one.modified,
        "private": one.is_private,
        "gated": one.gated or False,
        "disabled": one.is_disabled,
        "downloads": one.downloads,
        "likes": one.likes,
        "tags": one.all_tags(),
        "pipeline_tag": "text-generation",
        "library_name": "gguf" if "gguf" in one.tags else "transformers",
        "cardData": card,
        "gguf": {"total": 1_000_000, "architecture": "llama", "context_length": 32_768},
        "siblings": siblings,
        "usedStorage": sum(content.bytes for content in files.values()),
        "spaces": [],
    }


def _blob(one: Repository, name: str, content: Content) -> dict[str, Any]:
    claims = one.claims.get(name, {})
    size = claims.get("size", content.bytes)
    sha256 = claims.get("sha256", content.sha256)
    lfs = {"sha256": sha256, "size": size, "pointerSize": 134}
    return {"size": size, "blobId": _oid(name), "lfs": lfs}


def _oid(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def _place(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor or "MA=="))
    except ValueError:
        return 0


def _next(asked: Asked, start: int, total: int) -> tuple[tuple[str, str], ...]:
    """The Link header to the next page, where there is one."""
    if start >= total:
        return ()
    cursor = base64.urlsafe_b64encode(str(start).encode()).decode()
    query = urlencode({**asked.query, "cursor": [cursor]}, doseq=True)
    address = f"http://{asked.host}{urlsplit(asked.target).path}?{query}"
    return (("Link", f'<{address}>; rel="next"'),)
