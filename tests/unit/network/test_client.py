"""One client, against a real server on loopback that behaves and misbehaves."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import HTTPServer
from pathlib import Path

import pytest

from app import __version__
from app.foundation.errors import HostRefused, NetworkError, Offline, StorageError
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy
from tests.fixtures import far_end as faults
from tests.fixtures.far_end import FarEnd, Reply, far_end, redirect

HERE = ("127.0.0.1", "localhost")
ELSEWHERE = "https://example.invalid/x"
_lookups: list[str] = []


def _note(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo":
        _lookups.append(str(args[0]))


sys.addaudithook(_note)


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with far_end() as server:
        yield server


@pytest.fixture
def connections(tmp_path: Path) -> Connections:
    return Connections(tmp_path / "connections.jsonl")


@contextlib.contextmanager
def client(connections: Connections, *, offline: bool = False) -> Iterator[Client]:
    made = Client(Policy(lambda: offline, HERE), connections)
    try:
        yield made
    finally:
        made.close()


def get(connections: Connections, url: str, **more: object) -> bytes:
    with client(connections) as asking:
        values = {"purpose": "a test", "most_bytes": 1000, **more}
        return asking.get(url, **values)[1]  # type: ignore[arg-type]


def test_what_was_asked_for_comes_back_and_is_recorded(
    far: FarEnd, connections: Connections
) -> None:
    far.files["/a"] = b"hello"
    assert get(connections, far.url + "/a") == b"hello"
    (one,) = connections.all()
    assert (one.host, one.purpose, one.outcome) == ("127.0.0.1", "a test", "200")
    assert one.received_bytes > 5
    assert one.sent_bytes > 20


def test_nothing_is_told_about_this_machine(far: FarEnd, connections: Connections) -> None:
    far.files["/a"] = b"hello"
    get(connections, far.url + "/a")
    headers = {name.lower(): value for name, value in far.asked[0].headers.items()}
    assert headers.pop("host") == f"127.0.0.1:{far.port}"
    assert headers.pop("user-agent") == f"Hearth/{__version__}"
    assert headers.pop("accept-encoding") == "identity"
    assert set(headers) <= {"accept", "connection"}


def test_cookies_are_not_kept(far: FarEnd, connections: Connections) -> None:
    far.answers["/a"] = lambda reply: reply.say(200, b"x", {"Set-Cookie": "who=you; Path=/"})
    with client(connections) as asking:
        for _ in range(2):
            asking.get(far.url + "/a", purpose="a test", most_bytes=10)
    assert all("Cookie" not in asked.headers for asked in far.asked)


def test_redirects_are_followed_each_recorded_and_the_first_answer_is_kept(
    far: FarEnd, connections: Connections
) -> None:
    far.files["/end"] = b"there"
    far.answers["/start"] = lambda reply: reply.say(
        302, b"", {"Location": "/end", "X-Linked-Size": "5"}
    )
    with client(connections) as asking:
        head, body = asking.get(far.url + "/start", purpose="a test", most_bytes=10)
    assert body == b"there"
    assert head.url.endswith("/end")
    assert head.first["x-linked-size"] == "5"
    assert [entry.outcome for entry in connections.all()] == ["302", "200"]


def test_five_redirects_are_enough(far: FarEnd, connections: Connections) -> None:
    for number in range(5):
        far.answers[f"/{number}"] = redirect(f"/{number + 1}")
    far.files["/5"] = b"there"
    assert get(connections, far.url + "/0") == b"there"
    far.answers["/round"] = redirect("/round")
    with pytest.raises(NetworkError, match="circles"):
        get(connections, far.url + "/round")
    assert sum(asked.path == "/round" for asked in far.asked) == 6


@pytest.mark.parametrize(
    "target",
    [
        ELSEWHERE,
        "http://example.invalid/x",
        "//example.invalid/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://user:secret@127.0.0.1/x",
        "http://127.0.0.1:99999/x",
        "\\\\evil\\share",
        "https:///x",
    ],
)
def test_a_redirect_to_where_hearth_does_not_go_is_refused_unlooked_up(
    target: str, far: FarEnd, connections: Connections
) -> None:
    far.answers["/a"] = redirect(target)
    _lookups.clear()
    with pytest.raises(NetworkError):
        get(connections, far.url + "/a")
    assert not [host for host in _lookups if host not in HERE]
    assert len(far.asked) == 1


def test_only_the_hub_may_be_asked_and_never_sends_us_home(connections: Connections) -> None:
    policy = Policy(lambda: False, ("huggingface.co", ".hf.co", "127.0.0.1"))
    hub = policy.check("https://huggingface.co/a/b")
    assert policy.check("https://cdn-lfs.hf.co/x", came_from=hub).host == "cdn-lfs.hf.co"
    refused = [
        "https://hf.co/x",
        "https://evilhf.co/x",
        "https://huggingface.co.evil.example/x",
        "https://hf.co.evil.example/x",
        "http://huggingface.co/x",
        "https://8.8.8.8/x",
        "https://localhost/x",
        "https://huggingface.co\\@evil.example/x",
        "https://huggingface.co /x",
        "https://evil.example%2f.hf.co/x",
        "https://evil.example^.hf.co/x",
        "https://evil.example%00.hf.co/x",
        "huggingface.co/x",
        "",
    ]
    for url in refused:
        with pytest.raises(HostRefused):
            policy.check(url)
    with pytest.raises(HostRefused):
        policy.check("http://127.0.0.1:80/x", came_from=hub)


def test_offline_asks_nobody_and_looks_nobody_up(connections: Connections) -> None:
    is_offline = [False]
    policy = Policy(lambda: is_offline[0])
    policy.check("https://huggingface.co/x")
    is_offline[0] = True
    asking = Client(policy, connections)
    _lookups.clear()
    with pytest.raises(Offline) as caught:
        asking.get("https://huggingface.co/x", purpose="a test", most_bytes=10)
    assert "Stay offline" in caught.value.remedy
    assert not _lookups
    assert connections.all() == ()


def test_this_computer_may_be_asked_while_offline(far: FarEnd, connections: Connections) -> None:
    far.files["/a"] = b"hello"
    with client(connections, offline=True) as asking:
        assert asking.get(far.url + "/a", purpose="a test", most_bytes=10)[1] == b"hello"


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (faults.endless, "stopped: NetworkError"),
        (faults.compressed, "stopped: NetworkError"),
        (faults.cut, "failed: RemoteProtocolError"),
    ],
)
def test_what_goes_wrong_is_said_and_recorded(
    fault: Callable[[Reply], None], outcome: str, far: FarEnd, connections: Connections
) -> None:
    far.answers["/a"] = fault
    with pytest.raises(NetworkError) as caught:
        get(connections, far.url + "/a")
    assert caught.value.title
    assert caught.value.remedy
    assert [entry.outcome for entry in connections.all()] == [outcome]


def test_a_slow_drip_ends_at_its_deadline(far: FarEnd, connections: Connections) -> None:
    far.answers["/a"] = faults.dripping
    with pytest.raises(NetworkError, match="too slowly"):
        get(connections, far.url + "/a", most_bytes=10_000_000, deadline_s=0.3)


def test_a_head_that_drips_ends_at_its_deadline_too(far: FarEnd, connections: Connections) -> None:
    far.answers["/a"] = faults.dripping_head
    far.files["/b"] = b"hello"
    with client(connections) as asking:
        for _ in range(2):  # what is kept of a connection takes part too
            assert asking.get(far.url + "/b", purpose="a test", most_bytes=10)[1] == b"hello"
            with pytest.raises(NetworkError, match="too slowly"):
                asking.get(far.url + "/a", purpose="a test", most_bytes=10, deadline_s=0.3)
        # A deadline of one request is none of the next one's.
        assert asking.get(far.url + "/b", purpose="a test", most_bytes=10)[1] == b"hello"


def test_a_body_shorter_than_promised_is_no_answer(far: FarEnd, connections: Connections) -> None:
    far.answers["/a"] = lambda reply: reply.say(200, b"half", {}, length=8)
    with pytest.raises(NetworkError):
        get(connections, far.url + "/a")


def test_nobody_there_is_said(connections: Connections) -> None:
    with far_end() as gone:
        url = gone.url
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1 could not be reached"):
        get(connections, url + "/a")
    (one,) = connections.all()
    assert one.outcome == "failed: ConnectError"


def test_what_cannot_be_recorded_is_not_done(far: FarEnd, tmp_path: Path) -> None:
    (tmp_path / "connections.jsonl").mkdir()
    with pytest.raises(StorageError):
        get(Connections(tmp_path / "connections.jsonl"), far.url + "/a")
    assert far.asked == []


def test_secrets_stay_with_the_host_they_were_meant_for(
    far: FarEnd, connections: Connections
) -> None:
    far.answers["/a"] = redirect(f"http://localhost:{far.port}/b")
    far.files["/b"] = b"there"
    headers = {"Authorization": "Bearer secret", "Range": "bytes=0-2"}
    get(connections, far.url + "/a", headers=headers)
    assert far.asked[0].headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in far.asked[1].headers
    assert far.asked[1].headers["Range"] == "bytes=0-2"


def test_the_proxy_of_the_system_is_used_and_looks_names_up_itself(
    far: FarEnd, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    far.answers["huggingface.co:443"] = lambda reply: reply.say(502, b"no line out", {})
    monkeypatch.setenv("HTTPS_PROXY", far.url)
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    asking = Client(Policy(lambda: False), connections)
    _lookups.clear()
    with pytest.raises(NetworkError):
        asking.get("https://huggingface.co/x", purpose="a test", most_bytes=10)
    asking.close()
    assert [(asked.method, asked.path) for asked in far.asked] == [
        ("CONNECT", "huggingface.co:443")
    ]
    assert not [host for host in _lookups if "huggingface" in host]


def test_a_proxy_of_an_unknown_kind_is_said(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(NetworkError, match="proxy"):
        Client(Policy(lambda: False), connections).get(
            "https://huggingface.co/x", purpose="a test", most_bytes=10
        )


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
def test_a_certificate_that_nobody_trusts_is_refused(
    connections: Connections, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run(
        [*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), Reply)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    with pytest.raises(NetworkError) as caught:
        get(connections, f"https://localhost:{server.server_address[1]}/a")
    thread.join()
    server.server_close()
    assert "could not prove" in caught.value.title
