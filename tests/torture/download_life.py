"""One life of a program that downloads: a child process with the real client, hub and queue.

Started by the torture, told over a pipe what to do, and killed at any moment. What it finds on its
disk from an earlier life is all that it knows.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from app.foundation.errors import HearthError
from app.models.download.downloads import Downloads
from app.models.download.patience import Patience
from app.models.download.transfer import Drip
from app.models.hub import Hub
from app.models.wanted import Progress, Wanted
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy, host_of

SILENCE_S = 0.4
PATIENCE = Patience(
    first_s=0.01,
    most_s=0.1,
    again_s=0.005,
    offline_s=0.05,
    elsewhere_s=0.05,
    folder_s=0.05,
    look_s=0.2,
    drip=Drip(over_s=0.4, bytes=16 * 1024),
)
"""As patient as the program is, in another measure of time."""


@dataclass(frozen=True)
class Place:
    """Where a life takes place. `sandbox` holds all that it may write."""

    sandbox: Path
    endpoint: str
    token: str = ""
    owner: str = "profile"
    """Whose profile it is: two programs share the models folder, not that."""

    @property
    def models(self) -> Path:
        return self.sandbox / "models"

    @property
    def profile(self) -> Path:
        return self.sandbox / self.owner

    @property
    def desk(self) -> Path:
        """The current folder, and the home: nothing may appear there."""
        return self.sandbox / "desk"

    def prepare(self) -> None:
        for folder in (self.models, self.profile, self.desk):
            folder.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class News:
    """What a life tells: how one download stands."""

    key: str
    state: str
    done_bytes: int
    total_bytes: int
    path: str
    error: str
    note: str


def live(place: Place, wanted: tuple[Wanted, ...], line: Connection) -> None:
    """Until the pipe says "close", or until killed. Other words are what a person clicks."""
    os.chdir(place.desk)
    os.environ["HOME"] = str(place.desk)
    telling = threading.Lock()

    def tell(key: str) -> None:
        progress = downloads.state(key)
        if progress is not None:
            with telling:
                line.send(_news(progress))

    connections = Connections(place.profile / "connections.jsonl")
    policy = Policy(lambda: False, (host_of(place.endpoint),))
    client = Client(policy, connections, silence_s=SILENCE_S)
    hub = Hub(lambda: client, lambda: place.endpoint, lambda: place.token)
    downloads = Downloads(
        lambda: place.models, hub.locate, lambda: client, place.profile, patience=PATIENCE
    )
    stop_listening = downloads.listen(tell)
    try:
        downloads.begin()
        for one in wanted:
            try:
                if downloads.state(one.key) is None:
                    downloads.add(one)
            except HearthError as error:
                line.send(News(one.key, "refused", 0, 0, "", error.code, ""))
            tell(one.key)
        while (word := line.recv()) != "close":
            for one in wanted:
                _click(downloads, one, word)
    except EOFError:
        pass
    finally:
        stop_listening()
        downloads.close(5.0)
        client.close()


def _click(downloads: Downloads, wanted: Wanted, word: str) -> None:
    if word == "again":
        downloads.add(wanted)
    elif word == "pause":
        downloads.pause(wanted.key)
    elif word == "resume":
        downloads.resume(wanted.key)
    elif word == "cancel":
        downloads.cancel(wanted.key)


def _news(progress: Progress) -> News:
    return News(
        progress.key,
        progress.state,
        progress.done_bytes,
        progress.total_bytes,
        str(progress.path or ""),
        progress.error.code if progress.error else "",
        progress.note,
    )
