"""Builds what may ask the network: one client, what reads headers with it, what plans with those.

Nothing is connected, and no HTTP library imported, before something is asked for.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from app.bootstrap.once import once
from app.foundation.errors import InvalidInput, NetworkError
from app.foundation.paths import Profile
from app.network.connections import Connections
from app.network.policy import HUB, HUB_HOSTS, Policy, host_of
from app.settings.addresses import is_mirror
from app.settings.file import SettingsFile
from app.settings.folders import models_folder
from app.settings.option import Option
from app.settings.schema import (
    DOWNLOADS_AT_ONCE,
    DOWNLOADS_MOST_BYTES_PER_S,
    MIRROR,
    OFFLINE,
    PROXY,
)
from app.settings.secrets import PROXY_SIGN_IN, Secrets, token_for

if TYPE_CHECKING:
    from app.inference.catalogue_planning import CataloguePlanning
    from app.inference.planning import Planning
    from app.models.catalogue_update import CatalogueUpdates
    from app.models.download.crew import Finished
    from app.models.download.downloads import Downloads
    from app.models.hub import Hub
    from app.models.remote_header import RemoteHeaders
    from app.models.wanted import Located
    from app.network.client import Client
    from app.updates.updates import Updates

ENDPOINT = "HF_ENDPOINT"
"""Names a mirror of the hub, as other programs read it too; the settings go before it."""


class Network:
    """One profile's way out. `close` gives up what is still connected. Any thread may ask for its
    parts: each is made once. `secrets` are those of whoever made this, who closes them."""

    def __init__(
        self,
        profile: Profile,
        settings: SettingsFile,
        secrets: Secrets | None = None,
        installed: Finished | None = None,
    ) -> None:
        """`installed` is told, on a worker thread, of each download whose files are in place."""
        self._profile = profile
        self._settings = settings
        self._closes_secrets = secrets is None
        self.secrets = secrets or Secrets()
        self._installed = installed
        self._building = threading.RLock()

    def endpoint(self) -> str:
        """The hub, or the mirror that the settings name, or the environment. Raises InvalidInput
        for one that may not be asked."""
        return self._settings.get(MIRROR).rstrip("/") or endpoint()

    def proxy(self) -> str:
        """The proxy of the settings with its sign-in, or "" for the system's."""
        address = self._settings.get(PROXY)
        if not address:
            return ""
        return with_sign_in(address, self.secrets.get(PROXY_SIGN_IN))

    def token(self) -> str:
        """The token for the hub that is asked now: each has its own, so that a mirror never gets
        the one of the hub. "" where there is none."""
        return self.secrets.get(token_for(host_of(self.endpoint())))

    @once
    def connections(self) -> Connections:
        return Connections(self._profile.connections)

    @once
    def client(self) -> Client:
        from app.models.sources import catalogue_source
        from app.network.client import Client
        from app.updates.sources import program_source

        policy = Policy(
            lambda: self._settings.get(OFFLINE),
            (*HUB_HOSTS, *catalogue_source().hosts, *program_source().hosts),
            lambda: host_of(self.endpoint()),
        )
        made = Client(policy, self.connections, self.proxy)

        def changed(option: Option[Any], is_on: object) -> None:
            if option is OFFLINE and is_on:
                made.hang_up()

        self._settings.subscribe(changed)
        return made

    @once
    def hub(self) -> Hub:
        from app.models.hub import Hub

        return Hub(lambda: self.client, self.endpoint, self.token, self._gguf_of)

    @once
    def headers(self) -> RemoteHeaders:
        from app.models.header_cache import HeaderCache
        from app.models.remote_header import RemoteHeaders

        cache = HeaderCache(self._profile.cache / "headers")
        return RemoteHeaders(lambda: self.client, cache, self.endpoint, self.token)

    def _gguf_of(self, repo: str) -> str:
        """Where the catalogue has the model of a repository as GGUF; "" where it does not."""
        from app.models.catalog import catalogue

        wanted = f"{repo}-gguf".lower()
        names = {file.repo for entry in catalogue(self._profile).entries for file in entry.files}
        same = repo.partition("/")[2].lower() + "-gguf"
        exact = sorted(name for name in names if name.lower() == wanted)
        named = sorted(name for name in names if name.partition("/")[2].lower() == same)
        return next(iter((*exact, *named)), "")

    def models_folder(self) -> Path:
        """Where downloaded models go."""
        return models_folder(self._profile, self._settings)

    @once
    def downloads(self) -> Downloads:
        """Nothing of a former start goes on before its `begin`; who began it closes it."""
        from app.models.download.downloads import Downloads

        made = Downloads(
            self.models_folder,
            self._locate,
            lambda: self.client,
            self._profile.state,
            at_once=lambda: self._settings.get(DOWNLOADS_AT_ONCE),
            most_bytes_per_s=lambda: self._settings.get(DOWNLOADS_MOST_BYTES_PER_S),
            installed=self._installed,
        )

        def changed(option: Option[Any], _: object) -> None:
            if option.section in ("network", "downloads", "privacy"):
                made.try_now()

        self._settings.subscribe(changed)
        return made

    def _locate(self, repo: str, revision: str, name: str) -> Located:
        return self.hub.locate(repo, revision, name)

    @once
    def updates(self) -> Updates:
        from app.bootstrap.updating import updates

        limit = lambda: self._settings.get(DOWNLOADS_MOST_BYTES_PER_S)  # noqa: E731
        return updates(lambda: self.client, limit)

    @once
    def catalogue_updates(self) -> CatalogueUpdates:
        from app.models.catalogue_update import CatalogueUpdates

        return CatalogueUpdates(self._profile, lambda: self.client)

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
        if self._closes_secrets:
            self.secrets.close()


def endpoint() -> str:
    """The hub, or the mirror that the environment names. Raises InvalidInput for one that may
    not be asked."""
    asked = os.environ.get(ENDPOINT, "").strip().rstrip("/")
    if not asked:
        return f"https://{HUB}"
    try:
        host_of(asked)
    except NetworkError as error:
        detail = error.detail
    else:
        if is_mirror(asked):
            return asked
        detail = "It must begin with https://, and end with the name of the host or a path."
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
