"""Headers read from a real server by parts, which behaves and misbehaves."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from app.foundation.errors import (
    AccessNeeded,
    Busy,
    HearthError,
    HostRefused,
    InvalidInput,
    ModelFileInvalid,
    ModelNotFound,
    NetworkError,
    Offline,
)
from app.gguf.facts import ModelFacts, facts_of
from app.gguf.header import Header, Strings, TensorInfo
from app.gguf.reader import header_from, read_header
from app.gguf.types import row_bytes
from app.models.header_cache import HeaderCache
from app.models.remote_header import FIRST_BYTES, Place, RemoteHeaders
from app.models.skeleton import header_of_bytes
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy
from tests.fixtures import far_end as faults
from tests.fixtures.far_end import FarEnd, Reply, far_end, redirect

PLACE = Place("someone/model-GGUF", "model-Q8_0.gguf")
N_TOKENS, WIDTH, N_LAYERS = 120_000, 32, 3


def _tensors(first: int, last: int) -> tuple[TensorInfo, ...]:
    shapes = [("token_embd.weight", (WIDTH, N_TOKENS)), ("output_norm.weight", (WIDTH,))]
    shapes = shapes if first == 0 else []
    for layer in range(first, last):
        shapes += [(f"blk.{layer}.{name}.weight", (WIDTH, WIDTH)) for name in ("attn_q", "ffn_up")]
    rows, offset = [], 0
    for name, shape in shapes:
        kind = "Q8_0" if len(shape) > 1 else "F32"
        n_bytes = row_bytes(kind, shape[0]) * (shape[1] if len(shape) > 1 else 1)
        rows.append(TensorInfo(name, kind, shape, offset, n_bytes))
        offset += -(-n_bytes // 32) * 32
    return tuple(rows)


def _header(tensors: tuple[TensorInfo, ...], **more: object) -> Header:
    tokens = [f"token number {index}".encode() for index in range(N_TOKENS)]
    metadata = {
        "general.architecture": "llama",
        "general.name": "Far Away",
        "llama.block_count": N_LAYERS,
        "llama.embedding_length": WIDTH,
        "llama.attention.head_count": 4,
        "llama.context_length": 4096,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": Strings(tokens),
        "tokenizer.ggml.token_type": array("i", [1] * N_TOKENS),
        "tokenizer.chat_template": "{{ messages }}",
        "general.file_type": 7,
        **more,
    }
    return Header("model-Q8_0.gguf", 3, metadata, {}, tensors, 32, 0, 0)  # type: ignore[arg-type]


def _file(header: Header) -> bytes:
    weights = sum(-(-tensor.n_bytes // 32) * 32 for tensor in header.tensors)
    return header_of_bytes(header) + b"\x5a" * weights


@cache
def content() -> bytes:
    """A model of few weights and many words: 5 MB of header."""
    return _file(_header(_tensors(0, N_LAYERS)))


@cache
def length() -> int:
    return len(header_of_bytes(_header(_tensors(0, N_LAYERS))))


@cache
def expected(folder: Path) -> ModelFacts:
    path = folder / PLACE.name
    path.write_bytes(content())
    return facts_of(read_header(path))


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with far_end() as server:
        server.files["/someone/model-GGUF/resolve/main/model-Q8_0.gguf"] = content()
        yield server


PATH = "/someone/model-GGUF/resolve/main/model-Q8_0.gguf"


class Asking:
    """A reader of headers with a profile of its own."""

    def __init__(self, far: FarEnd, folder: Path, *, offline: bool = False) -> None:
        self.connections = Connections(folder / "connections.jsonl")
        hosts = ("127.0.0.1", "huggingface.co")
        self.client = Client(Policy(lambda: offline, hosts), self.connections)
        self.headers = RemoteHeaders(
            lambda: self.client, HeaderCache(folder / "cache"), lambda: far.url
        )


@pytest.fixture
def asking(far: FarEnd, tmp_path: Path) -> Iterator[Asking]:
    made = Asking(far, tmp_path)
    yield made
    made.client.close()


def same(found: ModelFacts, real: ModelFacts) -> None:
    for name in ("layer_bytes", "input_bytes", "n_vocab", "n_params", "kind", "n_ctx_train"):
        assert getattr(found, name) == getattr(real, name), name
    assert found.file_bytes == real.file_bytes


def test_a_whole_header_is_read_in_growing_parts(
    far: FarEnd, asking: Asking, tmp_path: Path
) -> None:
    remote = asking.headers.read(PLACE)
    same(facts_of(remote.header), expected(tmp_path))
    assert facts_of(remote.header).quant == "Q8_0"
    assert remote.parts[0].bytes == len(content())
    assert length() <= remote.read_bytes < 2.5 * length()
    sizes = [_asked_bytes(asked.headers["Range"]) for asked in far.asked]
    assert sizes[0] == FIRST_BYTES
    assert sizes == sorted(sizes)
    assert len(sizes) <= 6
    assert all("model-Q8_0.gguf" in entry.purpose for entry in asking.connections.all())


def test_with_the_length_known_a_few_hundred_kilobytes_are_enough(
    far: FarEnd, asking: Asking, tmp_path: Path
) -> None:
    remote = asking.headers.read(PLACE, header_bytes=length() - 3_000)
    same(facts_of(remote.header), expected(tmp_path))
    assert remote.read_bytes < 400_000
    assert len(far.asked) == 2
    assert remote.header.data_offset == length()


@pytest.mark.parametrize("wrong", [600_000, 3 * 1024 * 1024, 10**9])
def test_a_wrong_length_costs_time_and_nothing_else(
    wrong: int, asking: Asking, tmp_path: Path
) -> None:
    remote = asking.headers.read(PLACE, header_bytes=wrong)
    same(facts_of(remote.header), expected(tmp_path))


def test_what_was_read_is_kept_until_the_file_changes(far: FarEnd, asking: Asking) -> None:
    first = asking.headers.read(PLACE)
    far.asked.clear()
    again = asking.headers.read(PLACE)
    assert again.read_bytes <= 64
    assert len(far.asked) == 1
    assert facts_of(again.header) == facts_of(first.header)
    changed = _header(_tensors(0, N_LAYERS), **{"general.name": "Another"})
    far.files[PATH] = _file(changed)
    assert facts_of(asking.headers.read(PLACE).header).name == "Another"


def test_a_commit_does_not_change_and_is_not_asked_for_twice(far: FarEnd, asking: Asking) -> None:
    commit = "a" * 40
    place = Place(PLACE.repo, PLACE.name, commit)
    far.files[PATH.replace("main", commit)] = content()
    asking.headers.read(place)
    far.asked.clear()
    assert asking.headers.read(place).read_bytes == 0
    assert far.asked == []


def test_a_damaged_cache_is_an_empty_one(far: FarEnd, asking: Asking, tmp_path: Path) -> None:
    place = Place(PLACE.repo, PLACE.name, "a" * 40)
    far.files[PATH.replace("main", "a" * 40)] = content()
    asking.headers.read(place)
    (kept,) = (tmp_path / "cache").glob("*.header")
    good = kept.read_bytes()
    for damage in (b"", b"{}\n", good[: len(good) // 2], b"[" * 10_000, good[:40] + good[60:]):
        kept.write_bytes(damage)
        assert asking.headers.read(place).read_bytes > 0
        assert kept.read_bytes() == good


def test_offline_reads_what_is_kept_and_says_why_not_more(far: FarEnd, tmp_path: Path) -> None:
    policy = Policy(lambda: True)
    client = Client(policy, Connections(tmp_path / "connections.jsonl"))
    headers = RemoteHeaders(lambda: client, HeaderCache(tmp_path / "cache"))
    with pytest.raises(Offline):
        headers.read(PLACE)
    assert not (tmp_path / "connections.jsonl").exists()


def _status(status: int) -> Callable[[Reply], None]:
    return lambda reply: reply.say(status, b"no", {})


FAULTS: list[tuple[str, Callable[[Reply], None], type[HearthError], str]] = [
    ("the whole file", faults.whole, NetworkError, "parts of files"),
    ("a lying 206", faults.elsewhere, NetworkError, "another part"),
    ("too little", faults.short, NetworkError, "could not be reached"),
    ("a web page", faults.page, NetworkError, "web page"),
    ("no end", faults.endless, NetworkError, "parts of files"),
    ("compressed", faults.compressed, NetworkError, "compressed"),
    ("a dead line", faults.cut, NetworkError, "could not be reached"),
    ("a foreign host", redirect("https://example.invalid/x"), HostRefused, "does not connect"),
    ("a circle", redirect(PATH), NetworkError, "circles"),
    ("nothing there", _status(404), ModelNotFound, "no file"),
    ("an account wanted", _status(401), ModelNotFound, "open to everybody"),
    ("not allowed", _status(403), AccessNeeded, "everybody"),
    ("too many requests", _status(429), Busy, "too often"),
    ("a broken server", _status(503), Busy, "busy"),
    ("no such part", _status(416), NetworkError, "cannot be right"),
    ("a status from nowhere", _status(299), NetworkError, "cannot be right"),
    ("no range named", lambda reply: reply.say(206, b"x" * 99, {}), NetworkError, "which part"),
    (
        "a range that cannot be",
        lambda reply: reply.say(206, b"x", {"Content-Range": "bytes 5-2/1"}),
        NetworkError,
        "cannot be",
    ),
    (
        "a file of petabytes",
        lambda reply: reply.say(206, b"x", {"Content-Range": f"bytes 0-0/{10**14}"}),
        NetworkError,
        "cannot be",
    ),
]


@pytest.mark.parametrize(
    ("fault", "kind", "said"), [entry[1:] for entry in FAULTS], ids=[entry[0] for entry in FAULTS]
)
def test_what_the_far_end_does_wrong_is_said(
    fault: Callable[[Reply], None],
    kind: type[HearthError],
    said: str,
    far: FarEnd,
    asking: Asking,
    tmp_path: Path,
) -> None:
    far.answers[PATH] = fault
    with pytest.raises(kind) as caught:
        asking.headers.read(PLACE)
    assert said in str(caught.value)
    assert caught.value.remedy
    assert not list(tmp_path.glob("cache/*"))


def test_another_part_under_a_right_name_is_no_header(far: FarEnd, asking: Asking) -> None:
    far.answers[PATH] = faults.pretended
    with pytest.raises(ModelFileInvalid):
        asking.headers.read(PLACE)


def test_a_file_that_changes_while_it_is_read_is_not_mixed(far: FarEnd, asking: Asking) -> None:
    other = _file(_header(_tensors(0, N_LAYERS), **{"general.name": "Far Away!"}))

    def changing(reply: Reply) -> None:
        reply.well()
        far.files[PATH] = other

    far.answers[PATH] = changing
    with pytest.raises(NetworkError, match="changed while"):
        asking.headers.read(PLACE)


def test_a_header_without_an_end_is_given_up(
    far: FarEnd, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.models.remote_header.MOST_BYTES", 1024 * 1024)
    with pytest.raises(NetworkError, match="longer than any model needs"):
        asking.headers.read(PLACE)
    assert sum(_asked_bytes(asked.headers["Range"]) for asked in far.asked) < 3 * 1024 * 1024


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04" * 50, b"<html>" * 50, b"GGUF" + b"\xff" * 200],
)
def test_what_is_no_model_is_said_to_be_none(content: bytes, far: FarEnd, asking: Asking) -> None:
    far.files[PATH] = content
    with pytest.raises(HearthError) as caught:
        asking.headers.read(PLACE, header_bytes=5_000_000)
    assert caught.value.code in ("model_file_invalid", "model_unsupported")


def test_sizes_that_lie_are_refused_as_for_files_here(far: FarEnd, asking: Asking) -> None:
    far.files[PATH] = content()[: -len(content()) // 3]
    with pytest.raises(ModelFileInvalid, match="damaged"):
        asking.headers.read(PLACE, header_bytes=length())


def test_a_split_model_is_read_from_all_its_parts(far: FarEnd, asking: Asking) -> None:
    names = [f"big-0000{number}-of-00002.gguf" for number in (1, 2)]
    base = "/someone/model-GGUF/resolve/main/"
    split = {"split.count": 2, "split.tensors.count": 0}
    first = _header(_tensors(0, 2), **split, **{"split.no": 0})
    second = Header(
        names[1],
        3,
        {"general.architecture": "llama", **split, "split.no": 1},  # type: ignore[dict-item]
        {},
        _tensors(2, 3),
        32,
        0,
        0,
    )
    far.files[base + names[0]], far.files[base + names[1]] = _file(first), _file(second)
    remote = asking.headers.read(Place(PLACE.repo, names[0]))
    whole = _header(_tensors(0, 3))
    assert {tensor.name for tensor in remote.header.tensors} == {t.name for t in whole.tensors}
    assert remote.header.file_bytes == sum(map(len, (far.files[base + name] for name in names)))
    assert facts_of(remote.header).layer_bytes == facts_of(whole).layer_bytes
    del far.files[base + names[1]]
    with pytest.raises(ModelNotFound, match="00002-of-00002"):
        asking.headers.read(Place(PLACE.repo, names[0]))
    far.files[base + names[1]] = _file(first)
    with pytest.raises(ModelFileInvalid, match="part 2 of 2"):
        asking.headers.read(Place(PLACE.repo, names[0]))


@pytest.mark.parametrize(
    ("repo", "name", "revision"),
    [
        ("someone", "x.gguf", "main"),
        ("someone/../other", "x.gguf", "main"),
        ("someone/model", "../x.gguf", "main"),
        ("someone/model", "x.gguf?download=1", "main"),
        ("someone/model", "x.bin", "main"),
        ("someone/model", "x.gguf", "../main"),
        ("someone/model", "x.gguf", ""),
        ("someone/model", "x.gguf#", "main"),
        ("some one/model", "x.gguf", "main"),
    ],
)
def test_names_that_make_no_address_are_refused(repo: str, name: str, revision: str) -> None:
    with pytest.raises(InvalidInput):
        Place(repo, name, revision)


@pytest.mark.parametrize("name", ["m-00003-of-00002.gguf", "m-00001-of-09999.gguf"])
def test_parts_that_cannot_be_are_refused(name: str, asking: Asking) -> None:
    with pytest.raises(InvalidInput):
        asking.headers.read(Place(PLACE.repo, name))


def _asked_bytes(asked: str) -> int:
    first, last = asked.removeprefix("bytes=").split("-")
    return int(last) - int(first) + 1


def test_the_written_header_is_the_one_that_was_meant(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content())
    read = read_header(path)
    again = header_of_bytes(read)
    assert again == content()[: len(again)]
    assert struct.unpack_from("<I", again, 4) == (3,)
    with path.open("rb") as file:
        assert header_of_bytes(header_from(file, str(path), len(content()))) == again
