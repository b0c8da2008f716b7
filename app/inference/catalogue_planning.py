"""Plans for models that are not here: from the catalogue at once, then from the file's header,
then counted by llama.cpp over a file of holes.

Called on pool threads; a stage takes from milliseconds to seconds. A stage that cannot be reached
costs exactness, never the plan, and is said in a sentence.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from app.engine.messages import LoadCancelled
from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError, LoadFailed, ModelUnsupported
from app.gguf.check import check_model
from app.gguf.facts import ModelFacts
from app.gguf.facts import facts_of as header_facts
from app.gguf.header import Header
from app.hardware.profile import MachineProfile
from app.inference.planning import Planning, count_memory, noted
from app.models.catalog import Catalogue, Entry, File
from app.models.facts import facts_of, foretold
from app.models.light import stripped
from app.models.remote_header import Place, Remote, RemoteHeaders
from app.models.repository import quant_in
from app.models.skeleton import skeleton
from app.models.support import problem_of
from app.planner.choose import Candidate, Choice, choose
from app.planner.learnt import NOTHING, Learnt
from app.planner.memory import DryRun
from app.planner.plan import Plan, Wish, plan_for
from app.planner.quality import quality_of, tier_of

Stage = Literal["catalogue", "header", "counted"]
N_BEST: Final = 3
_ROUNDS: Final = 3
_SAID: Final[dict[Stage, str]] = {
    "catalogue": "This is calculated from the catalogue; the file itself was not looked at.",
    "header": "This is calculated from the file's own header, read without downloading it.",
    "counted": "llama.cpp counted this from the file's own header, before any download.",
}
_FORETOLD: Final = (
    "llama.cpp counted this for a file laid out as the catalogue says; the file itself was not "
    "looked at."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is planned: an entry of the catalogue, or a file anywhere on the hub."""

    place: Place
    quant: str
    entry: Entry | None = None
    file: File | None = None

    @property
    def header_bytes(self) -> int:
        header = self.entry.header if self.entry is not None else None
        return header.bytes if header is not None else 0


@dataclass(frozen=True, slots=True)
class Step:
    """A plan, how far it got, and what kept it from getting further ("" where nothing did)."""

    plan: Plan
    stage: Stage
    facts: ModelFacts
    held_up: str = ""


class CataloguePlanning:
    """Plans for what is not here. Thread-safe: it keeps nothing but what it was made with."""

    def __init__(
        self,
        planning: Planning,
        headers: RemoteHeaders,
        folder: Path,
        *,
        learnt: Callable[[], Learnt] = lambda: NOTHING,
    ) -> None:
        """`folder` is where files of holes may stand for a moment."""
        self._planning = planning
        self._headers = headers
        self._folder = folder
        self._learnt = learnt

    def recommended(
        self,
        catalogue: Catalogue,
        wish: Wish | None = None,
        *,
        machine: MachineProfile | None = None,
        n_best: int = N_BEST,
    ) -> tuple[Choice, ...]:
        """The best models for this machine or a saved one, the best first, each with its file.

        At least one; more only where they run. A second of arithmetic, no network.
        """
        here, wish = self._terms(wish, machine)
        left = candidates(catalogue)
        found: list[Choice] = []
        while left and len(found) < n_best:
            choice = choose(here, left, wish, learnt=self._known(machine))
            if found and choice.plan.fits == "no":
                break
            found.append(choice)
            left = tuple(other for other in left if other.model != choice.candidate.model)
        return tuple(found)

    def chosen_file(
        self, entry: Entry, wish: Wish | None = None, *, machine: MachineProfile | None = None
    ) -> File:
        """The file of a model that suits best; the default one where nothing can be calculated."""
        choices = tuple(_candidate(entry, file) for file in entry.files if entry.header)
        if not choices:
            return entry.default_file
        best = self.chosen(choices, wish, machine=machine)
        return next(file for file in entry.files if file.name == best.candidate.file)

    def chosen(
        self,
        candidates: tuple[Candidate, ...],
        wish: Wish | None = None,
        *,
        machine: MachineProfile | None = None,
    ) -> Choice:
        """The best of some files, with its plan by formula. Needs at least one; no network."""
        here, wish = self._terms(wish, machine)
        return choose(here, candidates, wish, learnt=self._known(machine))

    def steps(
        self,
        subject: Subject,
        wish: Wish | None = None,
        *,
        machine: MachineProfile | None = None,
        here: MachineProfile | None = None,
        cancellation: Cancellation | None = None,
    ) -> Iterator[Step]:
        """Better and better plans, each as soon as it is there; the last says why no further.

        `here` is this computer as it is to be counted, where that is not as it is now. Another
        machine's is calculated, not counted: llama.cpp counts for the one it runs on.
        Raises what reading the header raises where the catalogue knows nothing either, and
        LoadCancelled.
        """
        present, wish = self._terms(wish, machine or here)
        if machine is None and here is not None:
            wish = wish.over(self._planning.wish())
        work = _Work(present, wish, self._known(machine), cancellation, is_here=machine is None)
        facts, header, is_exact = _from_catalogue(subject)
        if facts is not None:
            yield work.calculated(facts, "catalogue")
        _check(cancellation)
        try:
            remote = self._headers.read(subject.place, subject.header_bytes)
        except HearthError as error:
            if facts is None or header is None:
                raise
            _check(cancellation)
            why = f"{error.title} {error.detail}".strip()
            yield self._offline(work, facts, header if is_exact else None, why)
            return
        _check(cancellation)
        facts = _facts_of(remote, subject)
        step = work.calculated(facts, "header")
        yield step
        yield work.counted(step, stripped(remote.header), self._folder)

    def plan(
        self,
        subject: Subject,
        wish: Wish | None = None,
        *,
        machine: MachineProfile | None = None,
        here: MachineProfile | None = None,
        cancellation: Cancellation | None = None,
    ) -> Step:
        """The best plan that can be made now."""
        *_, last = self.steps(subject, wish, machine=machine, here=here, cancellation=cancellation)
        return last

    def _offline(self, work: _Work, facts: ModelFacts, header: Header | None, why: str) -> Step:
        """Without the file's header: what llama.cpp counts for the one it should have."""
        step = work.calculated(facts, "catalogue")
        if header is not None:
            step = work.counted(step, stripped(header), self._folder, stage="catalogue")
        text = f"The file's own header could not be read: {why}"
        return dataclasses.replace(step, plan=noted(step.plan, text), held_up=why)

    def _terms(
        self, wish: Wish | None, machine: MachineProfile | None
    ) -> tuple[MachineProfile, Wish]:
        wish = wish or Wish()
        if machine is not None:
            return machine, wish
        return self._planning.machine(), wish.over(self._planning.wish())

    def _known(self, machine: MachineProfile | None) -> Learnt:
        return NOTHING if machine is not None else self._learnt()


def _check(cancellation: Cancellation | None) -> None:
    if cancellation is not None and cancellation.is_set:
        raise LoadCancelled()


def candidates(catalogue: Catalogue) -> tuple[Candidate, ...]:
    """Every file of a chat model in the catalogue that can be planned from its numbers."""
    return tuple(
        _candidate(entry, file)
        for entry in catalogue.entries
        if entry.header is not None and entry.can_chat
        for file in entry.files
    )


def subject_of(entry: Entry, file: File) -> Subject:
    """What is planned for a file of the catalogue."""
    place = Place(file.repo, file.name, file.revision or "main")
    return Subject(place, file.quant, entry, file)


@dataclass(frozen=True, slots=True)
class _Work:
    """What all stages of one asking share."""

    machine: MachineProfile
    wish: Wish
    learnt: Learnt
    cancellation: Cancellation | None
    is_here: bool

    def calculated(self, facts: ModelFacts, stage: Stage) -> Step:
        plan = plan_for(self.machine, facts, self.wish, learnt=self.learnt)
        return Step(_from_where(plan, _SAID[stage]), stage, facts)

    def counted(
        self, step: Step, header: Header, folder: Path, *, stage: Stage = "counted"
    ) -> Step:
        """The same counted by llama.cpp; the step as it is, and why, where that fails."""
        if not self.is_here:
            why = "This is for another machine, from its saved probe."
            return dataclasses.replace(step, plan=noted(step.plan, why), held_up=why)
        try:
            with skeleton(header, folder) as path:
                plan = self._agreed(step, path)
        except LoadCancelled:
            raise
        except LoadFailed as error:
            why = f"llama.cpp refuses this file: {error.detail or error.title}"
            plan = dataclasses.replace(noted(step.plan, why), fits="no", alternatives=())
            return dataclasses.replace(step, plan=plan, held_up=why)
        except HearthError as error:
            _log.warning("the dry run of %s failed: %s", step.facts.name, error)
            why = f"llama.cpp could not count it: {error.detail or error.title}"
            return dataclasses.replace(step, plan=noted(step.plan, why), held_up=why)
        said = _SAID["counted"] if stage == "counted" else _FORETOLD
        return Step(_from_where(plan, said), stage, step.facts)

    def _agreed(self, step: Step, path: Path) -> Plan:
        """Let llama.cpp count and plan again until both agree."""
        plan = step.plan
        for _ in range(_ROUNDS):
            configuration = dataclasses.replace(plan.configuration, load_mode="none")
            # One thread counts as much memory as many, and starts faster.
            settings = dataclasses.replace(
                plan.settings(path), n_threads=1, n_threads_batch=1, load_mode="none"
            )
            run = DryRun.from_answer(configuration, count_memory(settings, self.cancellation))
            plan = plan_for(self.machine, step.facts, self.wish, dry_run=run, learnt=self.learnt)
            if plan.is_counted:
                break
        return plan


def _from_where(plan: Plan, said: str) -> Plan:
    """The plan with where its memory comes from said for what is not here."""
    reasons = tuple(r for r in plan.reasons if r.code not in ("calculated", "counted"))
    return noted(dataclasses.replace(plan, reasons=reasons), said)


def _candidate(entry: Entry, file: File) -> Candidate:
    facts = facts_of(entry, file)
    quality = quality_of(
        file.quant,
        n_params=facts.n_params,
        override=tier_of(file.tier) if file.tier else None,
    )
    return Candidate(entry.name, entry.rank, facts, file.name, quality)


def _from_catalogue(subject: Subject) -> tuple[ModelFacts | None, Header | None, bool]:
    """What the catalogue knows: facts, the header they come from, whether its tensors are exact."""
    entry, file = subject.entry, subject.file
    if entry is not None and not entry.can_chat:
        raise _not_for_chats(entry.name, "an embedding model, which measures likeness of texts")
    if entry is None or file is None or entry.header is None:
        return None, None, False
    found = foretold(entry, file)
    return facts_of(entry, file), found.header, found.is_exact


def _facts_of(remote: Remote, subject: Subject) -> ModelFacts:
    """The facts of a header that was read. Raises what a file here would raise."""
    if (problem := problem_of(remote.header)) is not None:
        raise problem
    check_model(stripped(remote.header))
    facts = header_facts(remote.header)
    if facts.kind != "chat":
        raise _not_for_chats(subject.place.name, facts.kind_words)
    # The label may stand behind the vocabulary, which was not read.
    quant = subject.quant or quant_in(subject.place.name) or facts.quant
    name = subject.entry.name if subject.entry is not None else facts.name
    return dataclasses.replace(facts, quant=quant, name=name)


def _not_for_chats(name: str, what: str) -> ModelUnsupported:
    return ModelUnsupported(
        f"{name} cannot be used for a chat.", f"It is {what}.", "Choose another model, or file."
    )
