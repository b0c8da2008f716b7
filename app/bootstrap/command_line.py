"""Hands the command line its services: builders over one `Runtime`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.bootstrap.checks import checks
from app.bootstrap.runtime import Runtime
from app.cli.services import CliServices, KnownModel, Reach
from app.hardware.probe import ledger_of, probe
from app.network.connections import Connections
from app.protocol.model_ref import BUILT_IN
from app.settings.schema import MODEL_PATH


def services_for(runtime: Runtime) -> CliServices:
    """What the commands may ask for."""
    return CliServices(
        profile=lambda: runtime.profile,
        inference=lambda: runtime.inference,
        planning=lambda: runtime.planning,
        machine=lambda: probe(runtime.profile.root),
        models=lambda: known_models(runtime),
        checks=lambda: checks(runtime),
        try_again=lambda: len(ledger_of(runtime.profile.root).forget_bad()),
        reach=lambda: reach(runtime),
        connections=lambda: Connections(runtime.profile.connections),
    )


@contextmanager
def reach(runtime: Runtime) -> Iterator[Reach]:
    """What may ask the network; its connections are given up at the end."""
    from app.bootstrap.reach import Network

    network = Network(runtime.profile, runtime.settings, installed=runtime.record_download)
    try:
        yield Reach(network.planning(runtime.planning), network.hub)
    finally:
        network.close()


def known_models(runtime: Runtime) -> Iterator[KnownModel]:
    """The built-in model, and the one that was opened last in the window."""
    yield KnownModel(BUILT_IN, runtime.starter.path, "comes with Hearth")
    opened = runtime.settings.get(MODEL_PATH)
    if opened and opened != BUILT_IN:
        path = Path(opened)
        yield KnownModel(path.stem, path, "opened by you")
