"""The hub as the program is given it: mirrors, tokens of their own, proxies, from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap.reach import ENDPOINT, Network, with_sign_in
from app.foundation.errors import AccessNeeded, InvalidInput, NetworkError, Offline
from app.foundation.paths import Profile
from app.settings.file import SettingsFile
from app.settings.schema import MIRROR, OFFLINE, PROXY
from app.settings.secrets import PROXY_SIGN_IN, SERVICE, Secrets, token_for
from tests.fixtures.far_end import far_end
from tests.hub.samples import TOKEN, fill
from tests.hub.server import LoopbackHub

GATED = ("example-labs/Gated-Llama-GGUF", "", "Gated-Llama-F16.gguf")


class Chain:
    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[SettingsFile]:
    made = SettingsFile(tmp_path / "settings.json")
    yield made
    assert made.close(5.0)


@pytest.fixture
def network(tmp_path: Path, settings: SettingsFile, chain: Chain) -> Iterator[Network]:
    secrets = Secrets(lambda: chain)
    made = Network(Profile(tmp_path), settings, secrets)
    yield made
    made.close()
    secrets.close()


def test_a_mirror_of_the_settings_goes_before_that_of_the_environment(
    hub: LoopbackHub, network: Network, settings: SettingsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert network.endpoint() == "https://huggingface.co"
    monkeypatch.setenv(ENDPOINT, "https://other.example/")
    assert network.endpoint() == "https://other.example"
    settings.set(MIRROR, hub.url).result(10)
    fill(hub.shelf, large_bytes=1_000_000)
    assert network.hub.search("tiny llama").repositories
    assert [one.side for one in hub.record.asked] == ["hub"]


@pytest.mark.parametrize(
    "address",
    [
        "https://huggingface.co?to=",
        "https://huggingface.co/#",
        "https://huggingface.co#top",
        "http://huggingface.co",
        "https://ann:pw@huggingface.co",
        "https://huggingface.co\\@other.example",
        "ftp://huggingface.co",
        "huggingface.co",
    ],
)
def test_an_environment_that_names_no_mirror_is_said(
    network: Network, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(ENDPOINT, address)
    with pytest.raises(InvalidInput, match="HF_ENDPOINT"):
        network.endpoint()


def test_a_mirror_takes_effect_at_once_and_the_hub_stays_reachable(
    hub: LoopbackHub, network: Network, settings: SettingsFile
) -> None:
    fill(hub.shelf, large_bytes=1_000_000)
    settings.set(OFFLINE, True).result(10)
    with pytest.raises(Offline, match=r"huggingface\.co"):
        network.hub.search("tiny")
    settings.set(MIRROR, hub.url).result(10)
    assert network.hub.search("tiny").repositories  # this computer itself, though offline


def test_a_token_for_one_hub_is_not_sent_to_another(
    hub: LoopbackHub, network: Network, settings: SettingsFile, chain: Chain
) -> None:
    fill(hub.shelf, large_bytes=1_000_000)
    chain.held[SERVICE, token_for("huggingface.co")] = TOKEN
    settings.set(MIRROR, hub.url).result(10)
    with pytest.raises(AccessNeeded):
        network.hub.locate(*GATED)
    assert {one.token for one in hub.record.asked} == {""}
    network.secrets.set(token_for("127.0.0.1"), TOKEN)
    assert network.hub.locate(*GATED).sha256


def test_a_token_goes_to_the_hub_and_not_to_its_store(
    hub: LoopbackHub, network: Network, settings: SettingsFile
) -> None:
    fill(hub.shelf, large_bytes=1_000_000)
    settings.set(MIRROR, hub.url).result(10)
    network.secrets.set(token_for("127.0.0.1"), TOKEN)
    found = network.hub.locate(*GATED)
    head, body = network.client.get(
        found.url, purpose="a test", most_bytes=10_000_000, headers=found.headers
    )
    assert (head.status, len(body)) == (200, found.bytes)
    assert {one.token for one in hub.record.at("hub")} == {"", TOKEN}
    assert [one.token for one in hub.record.at("store")] == [""]


def test_a_header_of_a_gated_model_can_be_read_with_a_token(
    hub: LoopbackHub, network: Network, settings: SettingsFile
) -> None:
    from app.models.remote_header import Place

    fill(hub.shelf, large_bytes=1_000_000)
    settings.set(MIRROR, hub.url).result(10)
    place = Place(GATED[0], GATED[2])
    with pytest.raises(AccessNeeded):
        network.headers.read(place)
    network.secrets.set(token_for("127.0.0.1"), TOKEN)
    assert network.headers.read(place).header.tensors
    assert {one.token for one in hub.record.at("store")} == {""}


def test_a_proxy_of_the_settings_gets_its_sign_in_from_the_keyring(
    network: Network, settings: SettingsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "huggingface.co")  # the settings go before the system's
    with far_end() as proxy:
        settings.set(PROXY, proxy.url).result(10)
        network.secrets.set(PROXY_SIGN_IN, "ann:p@ss:word")
        proxy.answers["huggingface.co:443"] = lambda reply: reply.say(407, b"", {})
        with pytest.raises(NetworkError, match="sign in"):
            network.hub.search("tiny")
        network.close()
        assert [one.path for one in proxy.asked] == ["huggingface.co:443"]
        assert proxy.asked[0].headers["Proxy-Authorization"] == "Basic YW5uOnBAc3M6d29yZA=="


def test_a_sign_in_is_written_so_that_it_can_be_read_back() -> None:
    assert with_sign_in("http://p.example:80", "") == "http://p.example:80"
    assert with_sign_in("http://p.example:80", "a:b/c@d") == "http://a:b%2Fc%40d@p.example:80"


def test_the_catalogue_knows_a_model_as_gguf_without_asking(network: Network) -> None:
    assert network._gguf_of("Qwen/Qwen3.5-4B").lower().endswith("/qwen3.5-4b-gguf")
    assert network._gguf_of("nobody/Nothing-1B") == ""
