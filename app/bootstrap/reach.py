"""Builds what may ask the network: one client, what reads headers with it, what plans with those.

Nothing is connected, and no HTTP library imported, before something is asked for.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.foundation.errors import InvalidInput, NetworkError
from app.foundation.paths import Profile
from app.network.connections import Connections
from app.network.policy import HUB, HUB_HOSTS, Policy, host_of, is_loopback
from app.settings.file import SettingsFile
from app.settings.schema import MIRROR, OFFLINE, PROXY

if TYPE_CHECKING:
    from app.inference.catalogue_planning import CataloguePlanning
    from app.inference.planning import Planning
    from app.models.hub import Hub
    from app.models.remote_header import RemoteHeaders
    from app.network.client import Client
    from app.settings.secrets import Secrets

ENDPOINT = "HF_ENDPOINT"
"""Names a mirror of the hub, as other programs read it too; the settings go before it."""


class Network:
    """One profile's way out. `close` gives up what is still connected."""

    def __init__(self, profile: Profile, settings: SettingsFile) -> None:
        self._profile = profile
        self._settings = settings

    def endpoint(self) -> str:
        """The hub, or the mirror that the settings name, or the environment. Raises InvalidInput
        for one that may not be asked."""
        return self._settings.get(MIRROR).rstrip("/") or endpoint()

    def proxy(self) -> str:
        """The proxy of the settings with its sign-in, or "" for the system's."""
        address = self._settings.get(PROXY)
        if not address:
            return ""
        from app.settings.secrets import PROXY_SIGN_IN

        return with_sign_in(address, self.secrets.get(PROXY_SIGN_IN))

    def token(self) -> str:
        """The token for the hub that is asked now: each has its own, so that a mirror never gets
        the one of the hub. "" where there is none."""
        from app.settings.secrets import token_for

        return self.secrets.get(token_for(host_of(self.endpoint())))

    @cached_property
    def secrets(self) -> Secrets:
        from app.settings.secrets import Secrets

        return Secrets()

    @cached_property
    def connections(self) -> Connections:
        return Connections(self._profile.connections)

    @cached_property
    def client(self) -> Client:
        from app.network.client import Client

        policy = Policy(
            lambda: self._settings.get(OFFLINE), HUB_HOSTS, lambda: host_of(self.endpoint())
        )
        return Client(policy, self.connections, self.proxy)

    @cached_property
    def hub(self) -> Hub:
        from app.models.hub import Hub

        return Hub(lambda: self.client, self.endpoint, self.token)

    @cached_property
    def headers(self) -> RemoteHeaders:
        from app.models.header_cache import HeaderCache
        from app.models.remote_header import RemoteHeaders

        cache = HeaderCache(self._profile.cache / "headers")
        return RemoteHeaders(lambda: self.client, cache, self.endpoint, self.token)

    def planning(self, planning: Planning) -> CataloguePlanning:
        """Plans for what is not here, on the machine that `planning` knows. Raises InvalidInput
        for a mirror that may not be asked."""
        self.endpoint()
        from app.inference.catalogue_planning import CataloguePlanning

        return CataloguePlanning(
            planning,
            self.headers,
            self._profile.cache / "skeletons",
            learnt=planning.learning.learnt,
        )

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()
        if "secrets" in self.__dict__:
            self.secrets.close()


def endpoint() -> str:
    """The hub, or the mirror that the environment names. Raises InvalidInput for one that may
    not be asked."""
    asked = os.environ.get(ENDPOINT, "").strip().rstrip("/")
    if not asked:
        return f"https://{HUB}"
    try:
        host = host_of(asked)
    except NetworkError as error:
        host = ""
        detail = error.detail
    else:
        detail = "It must begin with https://."
    if host and (asked.startswith("https://") or is_loopback(host)):
        return asked
    raise InvalidInput(
        f"{ENDPOINT} names no mirror that can be asked.", detail, "Correct it, or unset it."
    )


def with_sign_in(proxy: str, sign_in: str) -> str:
    """The address of a proxy with `name:password` in it; as it is where there is none."""
    if not sign_in:
        return proxy
    name, _, password = sign_in.partition(":")
    scheme, _, rest = proxy.partition("://")
    return f"{scheme}://{quote(name, safe='')}:{quote(password, safe='')}@{rest}"
