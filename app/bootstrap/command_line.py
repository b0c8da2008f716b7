"""Hands the command line its services: builders over one `Runtime`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.bootstrap.checks import checks
from app.bootstrap.making import quantizing
from app.bootstrap.runtime import Runtime
from app.cli.services import CliServices, Reach
from app.hardware.probe import ledger_of, probe
from app.network.connections import Connections

if TYPE_CHECKING:
    from app.models.catalogue_update import CatalogueUpdates
    from app.models.download.downloads import Downloads
    from app.updates.updates import Updates

_CLOSE_S: Final = 10.0


def services_for(runtime: Runtime) -> CliServices:
    """What the commands may ask for."""
    return CliServices(
        profile=lambda: runtime.profile,
        inference=lambda: runtime.inference,
        planning=lambda: runtime.planning,
        machine=lambda: probe(runtime.profile.root),
        library=lambda: runtime.library,
        quantizing=lambda: quantizing(runtime),
        checks=lambda: checks(runtime),
        try_again=lambda: len(ledger_of(runtime.profile.root).forget_bad()),
        go_back=lambda: _go_back(runtime),
        reach=lambda: reach(runtime),
        connections=lambda: Connections(runtime.profile.connections),
        updates=lambda: updates(runtime),
        catalogue_updates=lambda: catalogue_updates(runtime),
    )


def _go_back(runtime: Runtime) -> list[Path]:
    from app.bootstrap.newer import way_back
    from app.conversations.schema import SCHEMA

    way = way_back(runtime.profile, SCHEMA.version)
    return way.take() if way is not None else []


@contextmanager
def reach(runtime: Runtime) -> Iterator[Reach]:
    """What may ask the network; its connections are given up at the end."""
    from app.bootstrap.reach import Network

    network = Network(runtime.profile, runtime.settings, installed=runtime.record_download)
    made: list[Downloads] = []

    def downloads() -> Downloads:
        # Not begun: what the window was fetching is not this command's to go on with.
        made[:] = [network.downloads]
        return network.downloads

    try:
        yield Reach(
            network.planning(runtime.planning), network.hub, downloads, runtime.models_folder()
        )
    finally:
        for each in made:
            each.close(_CLOSE_S)
        network.close()


@contextmanager
def updates(runtime: Runtime) -> Iterator[Updates]:
    """What may ask for newer versions; its connections are given up at the end."""
    from app.bootstrap.reach import Network

    network = Network(runtime.profile, runtime.settings)
    try:
        yield network.updates
    finally:
        network.close()


@contextmanager
def catalogue_updates(runtime: Runtime) -> Iterator[CatalogueUpdates]:
    """What may ask for a newer list of models; its connections are given up at the end."""
    from app.bootstrap.reach import Network

    network = Network(runtime.profile, runtime.settings)
    try:
        yield network.catalogue_updates
    finally:
        network.close()
