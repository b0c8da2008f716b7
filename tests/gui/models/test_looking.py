"""Looking at a file that is not here: only when asked, against a hub on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from app.bootstrap.reach import ENDPOINT, Network
from app.engine.messages import LoadCancelled
from app.gui.models.details import Details
from app.gui.models.page import ModelsPage
from app.gui.models.subjects import Outlook
from app.gui.services import GuiServices
from app.hardware.profile import MachineProfile
from app.inference.catalogue_planning import CataloguePlanning
from app.inference.planning import Planning
from app.models.facts import foretold
from app.models.skeleton import header_of_bytes
from app.settings.file import SettingsFile
from app.settings.schema import OFFLINE
from tests.fixtures.far_end import FarEnd, Reply, far_end, holed
from tests.gui.models.conftest import Settled, saved


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[FarEnd]:
    with far_end() as server:
        monkeypatch.setenv(ENDPOINT, server.url)
        yield server


@pytest.fixture
def machine() -> MachineProfile:
    """Without a card: llama.cpp counts for devices that are really there."""
    return saved("laptop-8gb-no-gpu")


@pytest.fixture
def details(
    far: FarEnd,
    services: GuiServices,
    settings: SettingsFile,
    planning: Planning,
    page: ModelsPage,
    settled: Settled,
) -> Details:
    """The details of a small model of the catalogue, in a window that may ask the hub."""

    @contextmanager
    def reaching() -> Iterator[CataloguePlanning]:
        network = Network(services.profile, settings)
        try:
            yield network.planning(planning)
        finally:
            network.close()

    services.reaching = reaching
    settled(lambda: bool(page.listing.rows))
    assert page.listing.suited is not None
    found = [*page.listing.suited.best, *page.listing.suited.others]
    outlook = next(each for each in found if each.model.name == "Llama 3.2 1B Instruct")
    serve(far, outlook)
    page.listing.details_asked.emit(outlook)
    settled(lambda: page.details is not None)
    assert page.details is not None
    return page.details


def serve(far: FarEnd, outlook: Outlook) -> None:
    """The file as the hub has it, as far as anybody reads."""
    entry, file = outlook.variant.subject.entry, outlook.variant.subject.file
    made = foretold(entry, file)
    header = header_of_bytes(made.header)
    weights = sum(-(-tensor.n_bytes // 32) * 32 for tensor in made.header.tensors)
    path = f"/{file.repo}/resolve/{file.revision or 'main'}/{file.name}"
    far.answers[path] = holed(header, len(header) + weights)


def test_nothing_is_asked_until_a_person_asks_and_then_it_is_counted(
    details: Details, far: FarEnd, settled: Settled
) -> None:
    settled(lambda: not details._rest.isActive())
    assert far.asked == []
    assert details.look.isVisible()
    details.look.click()
    settled(lambda: details.plan.is_counted)
    assert details.origin.text().startswith("Counted by llama.cpp")
    assert far.asked
    details.values.context.slider.setValue(0)
    settled(lambda: details.plan.n_ctx == details.values.context.values[0])
    settled(lambda: details.origin.text() == "Calculated from the file's own header.")


def test_offline_it_says_why_and_the_plan_stays(
    details: Details, monkeypatch: pytest.MonkeyPatch, settings: SettingsFile, settled: Settled
) -> None:
    # The hub itself, which must not be asked; loopback may be while offline.
    monkeypatch.delenv(ENDPOINT)
    settings.set(OFFLINE, True)
    before = details.plan.n_ctx
    details.look.click()
    settled(lambda: "offline" in details.origin.text().lower())
    assert details.plan.n_ctx == before


def test_a_file_that_is_gone_is_said(details: Details, far: FarEnd, settled: Settled) -> None:
    far.answers.clear()
    details.look.click()
    settled(lambda: "There is no file" in details.origin.text())


@pytest.mark.parametrize("leave", [Details.hide, lambda details: details._changed(0, details.pins)])
def test_who_leaves_does_not_let_it_be_counted(
    details: Details,
    far: FarEnd,
    services: GuiServices,
    settled: Settled,
    leave: Callable[[Details], None],
) -> None:
    assert services.reaching is not None
    reaching, broken_off = services.reaching, list[type[BaseException]]()

    @contextmanager
    def watched() -> Iterator[CataloguePlanning]:
        try:
            with reaching() as planning:
                yield planning
        except BaseException as error:
            broken_off.append(type(error))
            raise

    services.reaching = watched
    arrived, may_answer = threading.Event(), threading.Event()
    ((path, well),) = far.answers.items()

    def slowly(reply: Reply) -> None:
        arrived.set()
        may_answer.wait(20)
        well(reply)

    far.answers[path] = slowly
    details.look.click()
    settled(arrived.is_set)
    leave(details)
    may_answer.set()
    settled(lambda: not details._looker.is_busy)
    assert broken_off == [LoadCancelled]
    assert "Reading" not in details.origin.text()
