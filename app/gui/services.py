"""What the window is handed by the composition root. Plain data, made before Qt starts.

Names types only: nothing heavy is imported for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.foundation.errors import HearthError
from app.foundation.paths import Profile

if TYPE_CHECKING:
    from app.chat.session import ChatService
    from app.conversations.repository import Repository
    from app.inference.advice import Advice, Adviser, Followed
    from app.inference.catalogue_planning import CataloguePlanning
    from app.inference.planning import Planning
    from app.inference.service import InferenceService
    from app.inference.smaller_files import SmallerFiles
    from app.metrics.recorder import Recorder
    from app.models.catalogue_update import CatalogueUpdates
    from app.settings.file import SettingsFile
    from app.settings.secrets import Secrets
    from app.updates.updates import Updates


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what was found on this computer or of this program, in words.

    `in_brief` marks the few that the first start shows.
    """

    label: str
    text: str
    in_brief: bool = False


@dataclass(frozen=True, slots=True)
class CloseStep:
    """One stage of shutting down: `close(deadline_s)` says whether it ended in time.

    Runs off the GUI thread; steps run in the order given.
    """

    name: str
    close: Callable[[float], bool]


def _nothing() -> None:
    return None


@dataclass(slots=True)
class GuiServices:
    """The services, and what the start found.

    `notices` are shown as quiet banners. `after_first_paint` is called on the GUI thread when
    the window is visible and must return at once: it starts loading what is heavy elsewhere.
    `first_load` ends with why the model could not be loaded at the start, or None if it was.
    `machine_facts` and `runtime_facts` start (or repeat) their look-up on another thread.
    `planning` makes plans of models off the GUI thread; building it takes a moment.
    `reaching` plans for models that are not here; only when asked it looks at their files.
    `adviser` tells unasked of memory that runs short and the like; `follow_advice` does what
    it offers, once the present answer is written.
    `downloads` builds, off the GUI thread, what downloads models; None where nothing can.
    `library` builds, off the GUI thread, what knows the models on this computer, `hub` what asks
    Hugging Face, which it does only when told to. `secrets` keeps tokens for `endpoint`,
    the hub or the mirror that is asked now; `models_folder` is where downloads go.
    `updates` builds, off the GUI thread, what asks for newer versions of Hearth when told to.
    `replaced_by` looks, off the GUI thread, which version was put in the place of the program that
    runs, "" if that cannot be told, None if none was.
    `smaller_files` builds, off the GUI thread, what makes smaller files of models; what is being
    made outlives the page that asked. `catalogue_updates` builds, off the GUI thread, what asks
    for a newer list of models when told to.
    `restore_backup`, where the database was damaged, brings the newest backup back.
    """

    profile: Profile
    settings: SettingsFile
    repository: Repository
    chat: ChatService
    inference: InferenceService
    recorder: Recorder
    notices: list[HearthError] = field(default_factory=list)
    safe_mode: bool = False
    open_model: str | None = None
    after_first_paint: Callable[[], None] = _nothing
    first_load: Future[HearthError | None] | None = None
    machine_facts: Callable[[], Future[Sequence[Fact]]] | None = None
    runtime_facts: Callable[[], Future[Sequence[Fact]]] | None = None
    planning: Callable[[], Planning] | None = None
    reaching: Callable[[], AbstractContextManager[CataloguePlanning]] | None = None
    adviser: Adviser | None = None
    follow_advice: Callable[[Advice], Future[Followed]] | None = None
    downloads: Callable[[], Any] | None = None
    library: Callable[[], Any] | None = None
    hub: Callable[[], Any] | None = None
    secrets: Callable[[], Secrets] | None = None
    endpoint: Callable[[], str] | None = None
    models_folder: Callable[[], Path] | None = None
    updates: Callable[[], Updates] | None = None
    replaced_by: Callable[[], str | None] | None = None
    smaller_files: Callable[[], SmallerFiles] | None = None
    catalogue_updates: Callable[[], CatalogueUpdates] | None = None
    restore_backup: Callable[[], Future[None]] | None = None
    close_steps: list[CloseStep] = field(default_factory=list)
