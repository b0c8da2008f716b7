"""What goes wrong on the way, in sentences: proxies, certificates, clocks, against real servers."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.foundation.errors import NetworkError, Unreachable
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy
from app.network.trouble import trouble
from tests.fixtures.far_end import FarEnd, Reply, far_end

DAY = dt.timedelta(days=1)


class Maker:
    """A maker of certificates whose own lies where the system's store would have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A maker for tests")])
        own = self._signed(self._name, self._key, -DAY, 30 * DAY, None)
        self.store = folder / "store.pem"
        self.store.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def context(self, *, since: dt.timedelta, until: dt.timedelta, address: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        made = self._signed(name, key, since, until, address)
        path = self.folder / "server.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        since: dt.timedelta,
        until: dt.timedelta,
        address: str | None,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + since)
            .not_valid_after(now + until)
            .add_extension(x509.BasicConstraints(ca=address is None, path_length=None), True)
        )
        if address is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))])
            builder = builder.add_extension(names, False)
        return builder.sign(self._key, hashes.SHA256())


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), type("Here", (Reply,), {"far": FarEnd({"/x": b"ok"})}))
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}/x"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(url: str, folder: Path, proxy: Callable[[], str] = lambda: "") -> bytes:
    policy = Policy(lambda: False, ("127.0.0.1", ".invalid"))
    client = Client(policy, Connections(folder / "connections.jsonl"), proxy)
    try:
        return client.get(url, purpose="a test", most_bytes=1000)[1]
    finally:
        client.close()


def refused(url: str, folder: Path, proxy: Callable[[], str] = lambda: "") -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        ask(url, folder, proxy)
    assert caught.value.remedy
    return caught.value


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    made = Maker(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.store))
    return made


@pytest.mark.parametrize(("since", "until"), [(-9 * DAY, -DAY), (5 * DAY, 9 * DAY)])
def test_a_clock_that_is_wrong_is_named_with_the_day_it_shows(
    since: dt.timedelta, until: dt.timedelta, maker: Maker, tmp_path: Path
) -> None:
    context = maker.context(since=since, until=until, address="127.0.0.1")
    with tls_server(context) as url:
        error = refused(url, tmp_path)
    assert "date" in error.title
    assert f"{dt.datetime.now().astimezone():%Y-%m-%d}" in error.detail
    assert "date and time" in error.remedy
    assert not isinstance(error, Unreachable)


def test_a_proxy_that_reads_along_is_refused_and_named(tmp_path: Path) -> None:
    context = Maker(tmp_path).context(since=-DAY, until=9 * DAY, address="127.0.0.1")
    with tls_server(context) as url:
        error = refused(url, tmp_path)
    assert "reads along" in error.title
    assert "system's store" in error.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring theirs along")
def test_a_computer_without_any_list_of_certificates_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Maker(tmp_path).context(since=-DAY, until=9 * DAY, address="127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(empty))
    with tls_server(context) as url:
        error = refused(url, tmp_path)
    assert "trusts nobody" in error.title
    assert "ca-certificates" in error.remedy


@pytest.mark.parametrize("content", [None, b"", b"no certificates"])
def test_a_list_that_is_named_and_cannot_be_read_is_said(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "named.pem"
    if content is not None:
        named.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(named))
    error = refused("https://127.0.0.1:9/x", tmp_path)
    assert "cannot be used" in error.title
    assert "SSL_CERT_FILE" in error.detail
    assert "SSL_CERT_FILE" in error.remedy


def test_a_certificate_of_another_name_is_refused(maker: Maker, tmp_path: Path) -> None:
    with tls_server(maker.context(since=-DAY, until=9 * DAY, address="127.0.0.9")) as url:
        assert "somebody else" in refused(url, tmp_path).title


def test_what_the_system_trusts_is_trusted(maker: Maker, tmp_path: Path) -> None:
    with tls_server(maker.context(since=-DAY, until=9 * DAY, address="127.0.0.1")) as url:
        assert ask(url, tmp_path) == b"ok"


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("“huggingface.co” certificate is expired", "date"),
        ("A required certificate is not within its validity period when verifying", "date"),
        ("“huggingface.co” certificate is not trusted", "reads along"),
        ("A root certificate which is not trusted by the trust provider.", "reads along"),
        ("“huggingface.co” certificate name does not match input", "somebody else"),
        ("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure", "no safe way"),
        ("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred", "could not be reached"),
        ("[Errno -3] Temporary failure in name resolution", "could not be reached"),
    ],
)
def test_other_systems_words_are_known(words: str, title: str) -> None:
    assert title in trouble("huggingface.co", ConnectionError(words)).title


def test_a_proxy_of_the_settings_is_used_and_its_sign_in_goes_nowhere_else(tmp_path: Path) -> None:
    with far_end() as proxy:
        proxy.answers["store.invalid:443"] = lambda reply: reply.say(407, b"", {})
        error = refused(
            "https://store.invalid/file", tmp_path, lambda: proxy.url.replace("//", "//ann:pw@")
        )
    assert "sign in" in error.title
    assert "Network" in error.remedy
    assert [(asked.method, asked.path) for asked in proxy.asked] == [
        ("CONNECT", "store.invalid:443")
    ]
    assert proxy.asked[0].headers["Proxy-Authorization"] == "Basic YW5uOnB3"
    written = (tmp_path / "connections.jsonl").read_text("utf-8")
    assert "ann" not in written
    assert "YW5" not in written


def test_this_computer_itself_is_asked_without_the_proxy(tmp_path: Path) -> None:
    with far_end() as proxy, far_end() as far:
        far.files["/x"] = b"near"
        assert ask(f"{far.url}/x", tmp_path, lambda: proxy.url) == b"near"
        assert proxy.asked == []


@pytest.mark.parametrize("address", ["nonsense://here", "socks5://127.0.0.1:1"])
def test_a_proxy_that_cannot_be_one_is_a_sentence(address: str, tmp_path: Path) -> None:
    error = refused("https://store.invalid/file", tmp_path, lambda: address)
    assert error.title
    assert "Network" in error.remedy
