"""What the place asks of the hub, and what is worked out from the answers.

Every method is called off the GUI thread, and only because a person asked. Knows no widget.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError, ModelError
from app.gguf.facts import ModelFacts
from app.gui.models.desk import Desk
from app.gui.models.known import address_of
from app.gui.models.subjects import Model, Variant
from app.gui.services import GuiServices
from app.inference.repository_planning import header_group, resized, subject_of
from app.models.offered import Found, QuantGroup, RepositoryInfo, Sort
from app.planner.plan import Plan
from app.planner.quality import quality_of

PAGE = 30


class HubDoor(Protocol):
    """What the page needs of `app.models.hub`. Every call waits for the network."""

    def search(
        self, words: str, *, sort: Sort = ..., limit: int = ..., cursor: str | None = ...
    ) -> Found: ...

    def repository(self, repo: str, revision: str = "") -> RepositoryInfo: ...


@dataclass(frozen=True, slots=True)
class Weighed:
    """How the files of a repository would run here. `at` is the recommended one; `model` is None
    where that could not be found out, and `error` says why."""

    info: RepositoryInfo
    model: Model | None = None
    at: int = 0
    plans: tuple[Plan, ...] = ()
    error: HearthError | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the model itself is of no use here, whatever the network does."""
        return isinstance(self.error, ModelError)


class HubDesk:
    """One for the place. Thread-safe: it keeps nothing but what it was made with."""

    def __init__(self, services: GuiServices, desk: Desk) -> None:
        self._services = services
        self._desk = desk

    @property
    def is_available(self) -> bool:
        return self._services.hub is not None

    @property
    def host(self) -> str:
        return self._desk.host

    def _hub(self) -> HubDoor:
        assert self._services.hub is not None
        return self._services.hub()

    def search(self, words: str, sort: Sort, cursor: str | None = None) -> Found:
        """One page of repositories. Raises what the hub raises."""
        return self._hub().search(words, sort=sort, limit=PAGE, cursor=cursor)

    def repository(self, repo: str) -> RepositoryInfo:
        """What is in one. Raises what the hub raises."""
        return self._hub().repository(repo)

    def weighed(self, info: RepositoryInfo, cancellation: Cancellation) -> Weighed:
        """Read the header of one file, and work out how all of them would run here."""
        if not info.groups or self._services.reaching is None:
            return Weighed(info)
        group = header_group(info)
        try:
            facts = self._facts(info, group, cancellation)
        except HearthError as error:
            return Weighed(info, error=error)
        model = model_of(info, group, facts)
        at, plans = self._desk.best_of(model)
        return Weighed(info, model, at, plans)

    def _facts(
        self, info: RepositoryInfo, group: QuantGroup, cancellation: Cancellation
    ) -> ModelFacts:
        assert self._services.reaching is not None
        with self._services.reaching() as reaching:
            steps = reaching.steps(subject_of(info, group), cancellation=cancellation)
            return next(steps).facts


def model_of(info: RepositoryInfo, read: QuantGroup, facts: ModelFacts) -> Model:
    """The repository as a model of the page; the facts of one file stand for all, resized."""
    name = info.id.partition("/")[2]
    variants = []
    for group in info.groups:
        own = facts if group == read else resized(facts, group)
        own = dataclasses.replace(own, quant=group.quant or own.quant, name=name)
        variants.append(
            Variant(
                own,
                quality_of(own.quant, n_params=own.n_params),
                file_name=group.name,
                address=address_of(info.id, info.commit, group.name),
                wanted=info.wanted(group),
                subject=subject_of(info, group),
                sibling="" if group == read else (read.quant or read.name),
            )
        )
    return Model(name, tuple(variants), licence=info.licence, repo=info.id)
