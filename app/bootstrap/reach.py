"""Builds what may ask the network: one client, what reads headers with it, what plans with those.

Nothing is connected, and no HTTP library imported, before something is asked for.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from app.foundation.errors import InvalidInput, NetworkError
from app.foundation.paths import Profile
from app.network.connections import Connections
from app.network.policy import HUB, HUB_HOSTS, Policy, host_of, is_loopback
from app.settings.file import SettingsFile
from app.settings.schema import OFFLINE

if TYPE_CHECKING:
    from app.inference.catalogue_planning import CataloguePlanning
    from app.inference.planning import Planning
    from app.models.remote_header import RemoteHeaders
    from app.models.repository import Repositories
    from app.network.client import Client

ENDPOINT = "HF_ENDPOINT"
"""Names a mirror of the hub, as other programs read it too."""


class Network:
    """One profile's way out. `close` gives up what is still connected."""

    def __init__(self, profile: Profile, settings: SettingsFile) -> None:
        self._profile = profile
        self._settings = settings
        self.endpoint = endpoint()

    @cached_property
    def connections(self) -> Connections:
        return Connections(self._profile.connections)

    @cached_property
    def client(self) -> Client:
        from app.network.client import Client

        hosts = (*HUB_HOSTS, host_of(self.endpoint))
        return Client(Policy(lambda: self._settings.get(OFFLINE), hosts), self.connections)

    @cached_property
    def headers(self) -> RemoteHeaders:
        from app.models.header_cache import HeaderCache
        from app.models.remote_header import RemoteHeaders

        cache = HeaderCache(self._profile.cache / "headers")
        return RemoteHeaders(lambda: self.client, cache, self.endpoint)

    @cached_property
    def repositories(self) -> Repositories:
        from app.models.repository import Repositories

        return Repositories(lambda: self.client, self.endpoint)

    def planning(self, planning: Planning) -> CataloguePlanning:
        """Plans for what is not here, on the machine that `planning` knows."""
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
