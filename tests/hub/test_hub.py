"""The loopback hub, asked by the library that speaks with the real one."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from huggingface_hub import HfApi, HfFileMetadata, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import _http

from tests.hub import samples
from tests.hub.content import Held, pieces, sown_model
from tests.hub.record import Asked, Record
from tests.hub.server import LoopbackHub

TINY = "example-labs/Tiny-Llama-GGUF"
TINY_FILE = "Tiny-Llama-F16.gguf"


@pytest.fixture(autouse=True)
def _the_library_by_itself() -> Iterator[None]:
    """The program gives the library its own way to ask; here it asks as it does elsewhere."""
    before = _http._GLOBAL_CLIENT_FACTORY
    _http.set_client_factory(_http.default_client_factory)
    yield
    _http.set_client_factory(before)


@pytest.fixture
def filled(hub: LoopbackHub) -> LoopbackHub:
    samples.fill(hub.shelf, large_bytes=20_000_000)
    return hub


def metadata(
    hub: LoopbackHub, repo: str, name: str, token: str | bool = False, rev: str = "main"
) -> HfFileMetadata:
    url = hf_hub_url(repo, name, revision=rev, endpoint=hub.url)
    return get_hf_file_metadata(url, token=token, endpoint=hub.url)


def test_search_sorts_filters_and_pages(filled: LoopbackHub) -> None:
    api = HfApi(endpoint=filled.url, token=False)
    found = list(api.list_models(filter="gguf", sort="likes"))
    assert [one.likes for one in found] == sorted((one.likes for one in found), reverse=True)
    assert all("gguf" in one.tags for one in found)
    assert [one.id for one in api.list_models(search="tiny qwen")] == [
        "example-labs/Tiny-Qwen-VL-GGUF"
    ]
    filled.record.clear()
    with httpx2.Client(trust_env=False) as client:
        address, seen = f"{filled.url}/api/models?limit=2&filter=gguf", []
        while address:
            answer = client.get(address)
            seen += [one["id"] for one in answer.json()]
            address = answer.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen)) == len(found)
    assert len(filled.record.asked) == (len(seen) + 1) // 2


def test_a_repository_tells_its_files_with_sizes_and_hashes(filled: LoopbackHub) -> None:
    api = HfApi(endpoint=filled.url, token=False)
    info = api.model_info(TINY, files_metadata=True)
    repository = filled.shelf.repositories[TINY]
    told = {one.rfilename: (one.size, one.lfs.sha256) for one in info.siblings}
    assert told == {name: (one.bytes, one.sha256) for name, one in repository.files.items()}
    assert info.sha == repository.commit
    paths = [entry.path for entry in api.list_repo_tree(TINY, revision=info.sha, recursive=True)]
    assert paths == list(repository.files)


def test_a_file_lies_at_the_store_and_comes_in_parts(filled: LoopbackHub) -> None:
    content = filled.shelf.repositories[TINY].files[TINY_FILE]
    found = metadata(filled, TINY, TINY_FILE)
    assert (found.etag, found.size) == (content.sha256, content.bytes)
    assert found.location.startswith(filled.store_url)
    with httpx2.Client(trust_env=False) as client:
        part = client.get(found.location, headers={"Range": "bytes=100-299"})
        assert (part.status_code, part.content) == (206, content.read(100, 200))
        assert part.headers["content-range"] == f"bytes 100-299/{content.bytes}"
        past = client.get(found.location, headers={"Range": f"bytes={content.bytes}-"})
        assert past.status_code == 416
        assert client.get(found.location).content == content.read(0, content.bytes)
        filled.store.forget_addresses()
        assert client.get(found.location).status_code == 403


def test_who_may_not_is_told_why(filled: LoopbackHub) -> None:
    gated, hidden = "example-labs/Gated-Llama-GGUF", "reader/Private-Qwen-GGUF"
    for token in (False, samples.POOR_TOKEN):
        with pytest.raises(GatedRepoError):
            metadata(filled, gated, "Gated-Llama-F16.gguf", token)
        with pytest.raises(RepositoryNotFoundError):
            metadata(filled, hidden, "Private-Qwen-Q4_K_M.gguf", token)
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        metadata(filled, gated, "Gated-Llama-F16.gguf", "hf_expired")
    with pytest.raises(EntryNotFoundError):
        metadata(filled, TINY, "nothing.gguf")
    with pytest.raises(RevisionNotFoundError):
        metadata(filled, TINY, TINY_FILE, rev="f" * 40)
    assert metadata(filled, gated, "Gated-Llama-F16.gguf", samples.TOKEN).size > 0
    assert HfApi(endpoint=filled.url).whoami(token=samples.TOKEN)["name"] == "reader"


def test_an_upload_makes_a_commit_and_older_ones_stay(hub: LoopbackHub) -> None:
    repository = hub.shelf.put("a/b", "m.gguf", Held(b"GGUF old"))
    before = metadata(hub, "a/b", "m.gguf")
    repository.replace("m.gguf", Held(b"GGUF newer"))
    after = metadata(hub, "a/b", "m.gguf")
    assert (before.size, after.size) == (8, 10)
    assert before.commit_hash != after.commit_hash
    assert metadata(hub, "a/b", "m.gguf", rev=before.commit_hash).etag == before.etag


def test_a_sown_file_reads_the_same_from_every_place() -> None:
    content = sown_model(3_000_000, seed=5)
    whole = b"".join(pieces(content, 0, content.bytes))
    assert len(whole) == content.bytes
    assert whole[:4] == b"GGUF"
    for first in (0, 1, 65_535, 65_536, 1_000_001):
        assert content.read(first, 70_000) == whole[first : first + 70_000]
    assert sown_model(3_000_000, seed=6).sha256 != content.sha256


def test_bytes_sent_twice_are_counted() -> None:
    record = Record()
    for first, n_bytes in ((0, 100), (90, 50), (140, 10)):
        record.note(Asked("store", "GET", "/x", {}, 206, first, n_bytes))
    assert record.sent_again_bytes() == 10
