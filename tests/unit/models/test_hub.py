"""The hub, asked over a real connection: search, repositories, places of files, accounts."""

from __future__ import annotations

import pytest

from app.foundation.errors import AccessNeeded, HearthError, InvalidInput, ModelNotFound
from app.models.reading import MOST_FILES
from tests.fixtures.hub_asking import GATED, OPEN, PRIVATE, Asking, asked
from tests.hub.content import Held
from tests.hub.samples import POOR_TOKEN, TOKEN
from tests.hub.server import LoopbackHub
from tests.hub.shelf import Repository


def said(caught: pytest.ExceptionInfo[HearthError]) -> str:
    assert caught.value.title
    assert caught.value.detail
    assert caught.value.remedy
    return str(caught.value)


# ── search ──


def test_a_search_is_one_request_and_finds_gguf_alone(far: LoopbackHub, asking: Asking) -> None:
    found = asking.hub.search("tiny llama")
    assert [one.id for one in found.repositories] == [OPEN]
    one = found.repositories[0]
    assert (one.downloads, one.likes, one.licence) == (120_000, 900, "apache-2.0")
    assert (one.architecture, one.n_parameters) == ("llama", 1_000_000)
    assert (one.modified, one.gated) == ("2026-03-01T12:00:00+00:00", False)
    assert one.base_repo == "example-labs/Tiny-Llama"
    assert found.next is None
    assert asked(far) == [("GET", "/api/models", "")]
    assert far.record.asked[0].query["filter"] == ["gguf"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("downloads", OPEN),
        ("likes", "example-labs/Tiny-Mixtral-GGUF"),
        ("recent", "example-labs/Tiny-Qwen-VL-GGUF"),
    ],
)
def test_a_search_can_be_sorted(sort: str, first: str, asking: Asking) -> None:
    found = asking.hub.search("", sort=sort)  # type: ignore[arg-type]
    assert found.repositories[0].id == first


def test_pages_follow_one_another_without_a_gap(far: LoopbackHub, asking: Asking) -> None:
    whole = [one.id for one in asking.hub.search("").repositories]
    assert len(whole) > 5
    far.record.clear()
    paged: list[str] = []
    cursor: str | None = None
    for _ in range(20):
        page = asking.hub.search("", limit=2, cursor=cursor)
        paged += [one.id for one in page.repositories]
        cursor = page.next
        if cursor is None:
            break
    assert paged == whole
    assert len(far.record.asked) == (len(whole) + 1) // 2


def test_words_that_look_like_an_address_stay_words(far: LoopbackHub, asking: Asking) -> None:
    words = "a&filter=x#/../?ü " + "y" * 1000
    assert asking.hub.search(words).repositories == ()
    assert len(far.record.asked) == 1
    assert far.record.asked[0].query["search"] == [words.strip()[:200]]


# ── repositories ──


def test_a_repository_is_sorted_out(far: LoopbackHub, asking: Asking) -> None:
    info = asking.hub.repository("example-labs/Tiny-Qwen-VL-GGUF")
    assert info.commit == far.shelf.repositories[info.id].commit
    assert {group.quant for group in info.groups} == {"Q8_0", "Q4_K_M"}
    assert [part.name for part in info.projectors] == ["mmproj-F16.gguf"]
    files = far.shelf.repositories[info.id].files
    for group in info.groups:
        (part,) = group.parts
        assert (part.bytes, part.sha256) == (files[part.name].bytes, files[part.name].sha256)
    wanted = info.wanted(info.groups[0])
    assert wanted.revision == info.commit
    assert [part.role for part in wanted.parts] == ["model", "projector"]
    assert asked(far) == [("GET", f"/api/models/{info.id}", "")]


def test_split_models_are_one_in_order(asking: Asking) -> None:
    (group,) = asking.hub.files("example-labs/Tiny-Mixtral-GGUF")
    assert len(group.parts) > 1
    assert group.name == group.parts[0].name
    assert [part.name for part in group.parts] == sorted(part.name for part in group.parts)
    assert group.bytes == sum(part.bytes for part in group.parts)


def test_a_repository_that_was_renamed_is_found_under_its_new_name(asking: Asking) -> None:
    assert asking.hub.repository("example-labs/Old-Llama-GGUF").id == OPEN


def test_a_revision_can_be_named_and_one_that_is_not_there_is_said(
    far: LoopbackHub, asking: Asking
) -> None:
    commit = far.shelf.repositories[OPEN].commit
    assert asking.hub.repository(OPEN, commit).commit == commit
    with pytest.raises(ModelNotFound) as caught:
        asking.hub.repository(OPEN, "no-such-branch")
    assert "no-such-branch" in said(caught)


@pytest.mark.parametrize(
    ("repo", "forms"),
    [
        ("example-labs/Tiny-Llama", ("safetensors",)),
        ("example-labs/Tiny-Llama-AWQ", ("safetensors", "awq")),
    ],
)
def test_another_form_is_named_and_the_matching_gguf_offered(
    repo: str, forms: tuple[str, ...], far: LoopbackHub, asking: Asking
) -> None:
    far.shelf.repositories["example-labs/Tiny-Llama-AWQ"].base = "example-labs/Tiny-Llama"
    info = asking.hub.repository(repo)
    assert (info.groups, info.foreign) == ((), forms)
    assert info.gguf_repo == OPEN
    assert len(far.record.asked) == 2
    with pytest.raises(ModelNotFound) as caught:
        asking.hub.files(repo)
    assert OPEN in said(caught)
    far.record.clear()
    asking.known["example-labs/Tiny-Llama"] = "known/here-GGUF"
    assert asking.hub.repository(repo).gguf_repo == "known/here-GGUF"
    assert len(far.record.asked) == 1


def test_a_repository_with_nothing_says_so(asking: Asking) -> None:
    assert asking.hub.repository("example-labs/Empty-GGUF").groups == ()
    with pytest.raises(ModelNotFound) as caught:
        asking.hub.files("example-labs/Empty-GGUF")
    assert "no file that Hearth can use" in said(caught)


def test_ten_thousand_files_are_looked_at_and_more_are_counted(
    far: LoopbackHub, asking: Asking
) -> None:
    content = Held(b"x")
    files = {f"m{index:05d}-Q8_0.gguf": content for index in range(MOST_FILES + 50)}
    far.shelf.add(Repository("many/files-GGUF", dict(files)))
    try:
        info = asking.hub.repository("many/files-GGUF")
    finally:
        del far.shelf.repositories["many/files-GGUF"]
    assert len(info.groups) == MOST_FILES
    assert (info.n_files, info.n_unlisted) == (MOST_FILES + 50, 50)


@pytest.mark.parametrize(
    "repo", ["some", "../x", "a/b/c", "some/..", "some/repo?x=1", "a/b--c", "a/b.git", " a/b"]
)
@pytest.mark.parametrize("way", ["repository", "locate"])
def test_names_that_are_none_are_not_asked_for(
    repo: str, way: str, far: LoopbackHub, asking: Asking
) -> None:
    words = (repo, "", "x.gguf") if way == "locate" else (repo,)
    with pytest.raises(ModelNotFound) as caught:
        getattr(asking.hub, way)(*words)
    assert said(caught)
    assert far.record.asked == []


# ── where a file is ──


def test_a_file_is_located_at_its_commit(far: LoopbackHub, asking: Asking) -> None:
    repository = far.shelf.repositories[OPEN]
    found = asking.hub.locate(OPEN, "", "Tiny-Llama-Q8_0.gguf")
    content = repository.files["Tiny-Llama-Q8_0.gguf"]
    assert (found.bytes, found.sha256) == (content.bytes, content.sha256)
    assert found.commit == repository.commit
    assert found.url == f"{far.url}/{OPEN}/resolve/{repository.commit}/Tiny-Llama-Q8_0.gguf"
    assert found.headers == {}
    assert asked(far) == [("HEAD", f"/{OPEN}/resolve/main/Tiny-Llama-Q8_0.gguf", "")]


def test_a_small_file_has_no_sum_and_a_renamed_repository_is_followed(asking: Asking) -> None:
    assert asking.hub.locate(OPEN, "", "README.md").sha256 == ""
    assert asking.hub.locate("example-labs/Old-Llama-GGUF", "", "Tiny-Llama-F16.gguf").sha256


def test_what_a_hub_says_of_a_file_is_only_believed_in_bounds(
    far: LoopbackHub, asking: Asking
) -> None:
    repository = far.shelf.repositories[OPEN]
    for size, bytes_ in ((-1, 0), ("9" * 40, 0), (1 << 60, 0), ("1e3", 0), (77, 77)):
        repository.claims["Tiny-Llama-F16.gguf"] = {"size": size, "sha256": "not a sum"}
        found = asking.hub.locate(OPEN, "", "Tiny-Llama-F16.gguf")
        assert (found.bytes, found.sha256) == (bytes_, "")
    repository.claims.clear()


def test_a_file_that_is_not_there_is_said(asking: Asking) -> None:
    with pytest.raises(ModelNotFound) as caught:
        asking.hub.locate(OPEN, "", "missing-Q8_0.gguf")
    assert "missing-Q8_0.gguf" in said(caught)
    with pytest.raises(ModelNotFound):
        asking.hub.locate(OPEN, "", "../../api/whoami-v2")


# ── accounts ──


@pytest.mark.parametrize(
    ("token", "need", "words"),
    [
        ("", "token", "agreed to its terms"),
        (POOR_TOKEN, "licence", "agree to its terms first"),
        ("hf_expiredLongAgo", "renewal", "not accepted any more"),
    ],
)
def test_a_gated_model_says_what_is_needed(
    token: str, need: str, words: str, far: LoopbackHub, asking: Asking
) -> None:
    asking.token = token
    info = asking.hub.repository(GATED)
    assert (info.gated, info.gate) == (True, "manual")
    with pytest.raises(AccessNeeded) as caught:
        asking.hub.locate(GATED, "", "Gated-Llama-F16.gguf")
    assert words in said(caught)
    assert caught.value.need == need
    assert caught.value.page.startswith(far.url)
    assert token not in said(caught) or not token


def test_a_token_that_may_opens_what_is_gated_and_what_is_private(
    far: LoopbackHub, asking: Asking
) -> None:
    asking.token = TOKEN
    found = asking.hub.locate(GATED, "", "Gated-Llama-F16.gguf")
    assert found.sha256
    assert found.headers == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(found)
    assert asking.hub.repository(PRIVATE).private
    sent = [one.token for one in far.record.asked]
    assert sent == ["", TOKEN, "", TOKEN]
    far.record.clear()
    assert asking.hub.locate(PRIVATE, "", "Private-Qwen-Q4_K_M.gguf").headers
    assert [one.token for one in far.record.asked] == [TOKEN]


def test_a_private_model_is_no_model_to_others(asking: Asking) -> None:
    with pytest.raises(ModelNotFound) as caught:
        asking.hub.repository(PRIVATE)
    assert "open to everybody" in said(caught)
    asking.token = POOR_TOKEN
    with pytest.raises(ModelNotFound) as caught:
        asking.hub.repository(PRIVATE)
    assert "that you may see" in said(caught)


def test_a_token_is_not_sent_where_none_is_needed(far: LoopbackHub, asking: Asking) -> None:
    asking.token = TOKEN
    asking.hub.search("tiny")
    asking.hub.repository(OPEN)
    asking.hub.locate(OPEN, "", "Tiny-Llama-F16.gguf")
    assert {one.token for one in far.record.asked} == {""}
    assert asking.n_tokens_read == 0


def test_an_expired_token_does_not_close_what_is_open(asking: Asking) -> None:
    asking.token = "hf_expiredLongAgo"
    assert asking.hub.search("tiny").repositories
    assert asking.hub.repository(OPEN).groups


def test_whose_a_token_is(far: LoopbackHub, asking: Asking) -> None:
    assert asking.hub.whoami(TOKEN) == "reader"
    asking.token = POOR_TOKEN
    assert asking.hub.whoami() == "stranger"
    with pytest.raises(AccessNeeded) as caught:
        asking.hub.whoami("hf_expiredLongAgo")
    assert caught.value.need == "renewal"
    assert len(far.record.asked) == 3
    for wrong in ("", "short", "two words here", "hf_with\nnewline", "x" * 1000):
        with pytest.raises(InvalidInput) as caught_input:
            asking.hub.whoami(wrong)
        assert said(caught_input)
    assert len(far.record.asked) == 3


def test_a_closed_repository_says_so(far: LoopbackHub, asking: Asking) -> None:
    far.shelf.repositories[OPEN].is_disabled = True
    try:
        with pytest.raises(ModelNotFound) as caught:
            asking.hub.locate(OPEN, "", "Tiny-Llama-F16.gguf")
    finally:
        far.shelf.repositories[OPEN].is_disabled = False
    assert "closed by the hub" in said(caught)
