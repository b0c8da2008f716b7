"""Builds what the window is handed, and closes it again in the order that loses nothing."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from app.bootstrap.making import quantizing
from app.bootstrap.reach import Network
from app.bootstrap.runtime import Runtime
from app.bootstrap.watching import Watching
from app.chat.session import ChatService
from app.conversations.repository import Repository
from app.conversations.schema import SCHEMA
from app.database.connection import Database, Opened
from app.foundation import launcher, runtimes
from app.foundation.build import is_bundle
from app.foundation.errors import HearthError
from app.foundation.exchanged import Exchanged
from app.foundation.paths import (
    Profile,
    native_runtime,
    person_path,
    program_folder,
    write_problem,
)
from app.foundation.sentinel import Sentinels
from app.gui import application
from app.gui.instance import claim
from app.gui.services import CloseStep, Fact, GuiServices
from app.protocol.generation import Event, Failed, Finished
from app.protocol.model_ref import ModelRef
from app.settings.schema import KEEP_DELETED_DAYS, MODEL_PATH
from app.settings.secrets import Secrets

if TYPE_CHECKING:
    from app.inference.catalogue_planning import CataloguePlanning
    from app.inference.smaller_files import SmallerFiles
    from app.models.download.downloads import Downloads

STARTING = "start"
_UPKEEP_DELAY_S = 60.0
_DAY_S = 86_400.0
_PAINT_S = 2.0
_IN_BRIEF = ("Processor", "Memory available", "Graphics card", "Disk space free")

T = TypeVar("T")
_log = logging.getLogger(__name__)


def open_window(profile: Profile, model: str | None, *, ask_safe_mode: bool) -> int:
    """Open the window, or bring the one that is open to the front. Returns the exit code.

    Raises NoDisplay, ProfileInUse or a StorageError before anything was changed.
    """
    path = str(person_path(model).absolute()) if model else None
    with _ending_in_order():
        application.application()
        lock = claim(profile, path)
        if lock is None:
            return 0
        try:
            services = WindowServices(profile, path, ask_safe_mode=ask_safe_mode)
            return application.run(services.gui, lock)
        except (HearthError, KeyboardInterrupt):
            Sentinels(profile.state).close()
            raise
        finally:
            lock.release()


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Until the window listens itself, a request to end unwinds the start as Ctrl-C does.

    Otherwise it would look like a crash to the next start.
    """

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler or signal.SIG_DFL)


class WindowServices:
    """Everything behind one window. Made on the main thread before Qt shows anything."""

    def __init__(self, profile: Profile, model: str | None, *, ask_safe_mode: bool) -> None:
        sentinels = Sentinels(profile.state)
        left_over = sentinels.take_left_over()
        if left_over:
            _log.warning("the last start died during: %s", ", ".join(left_over))
            runtimes.forget()
        safe_mode = ask_safe_mode or bool(left_over)
        self.runtime = Runtime(profile, sentinels=sentinels, safe_mode=safe_mode)
        sentinels.set(STARTING)
        opened = Database.open(profile.database, SCHEMA, backups=profile.backups)
        self.database = opened.database
        self.repository = Repository(self.database)
        self.repository.mark_interrupted()
        self.chat = ChatService(
            self.repository, self.runtime.inference, self.runtime.settings, self.runtime.recorder
        )
        self._first_load: Future[HearthError | None] = Future()
        self._is_painted = threading.Event()
        self._watching = Watching(self.runtime)
        self._secrets = Secrets()
        record = self.runtime.record_download
        self._network = Network(profile, self.runtime.settings, self._secrets, record)
        self._downloads: Downloads | None = None
        self._smaller: SmallerFiles | None = None
        self._building = threading.Lock()
        self.runtime.hold_downloads = self._hold_downloads
        self.gui = self._gui_services(opened, model)

    def _gui_services(self, opened: Opened, model: str | None) -> GuiServices:
        runtime, backup = self.runtime, opened.newest_backup
        notices = [opened.notice, runtime.settings.notice]
        if opened.notice is None:
            notices.append(write_problem(runtime.profile))
        return GuiServices(
            profile=runtime.profile,
            settings=runtime.settings,
            repository=self.repository,
            chat=self.chat,
            inference=runtime.inference,
            recorder=runtime.recorder,
            notices=[notice for notice in notices if notice is not None],
            safe_mode=runtime.safe_mode,
            open_model=model,
            after_first_paint=self._after_first_paint,
            first_load=self._first_load,
            machine_facts=lambda: _soon("machine-facts", self._machine_facts),
            runtime_facts=lambda: _soon("runtime-facts", self._runtime_facts),
            planning=lambda: runtime.planning,
            reaching=lambda: _reaching(runtime, self._secrets),
            library=lambda: runtime.library,
            models_folder=runtime.models_folder,
            updates=lambda: self._network.updates,
            replaced_by=Exchanged(Path(sys.executable)).by if is_bundle() else None,
            smaller_files=self._smaller_files,
            catalogue_updates=lambda: self._network.catalogue_updates,
            downloads=self._begin_downloads,
            hub=lambda: self._network.hub,
            secrets=lambda: self._secrets,
            endpoint=self._network.endpoint,
            adviser=runtime.adviser,
            follow_advice=self._watching.follow,
            restore_backup=None if backup is None else lambda: self._restore(backup),
            close_steps=[
                CloseStep("sentinels", self._ends_well),
                CloseStep("watching", self._watching.close),
                CloseStep("downloads", self._close_downloads),
                CloseStep("smaller file", self._close_smaller),
                CloseStep("library", runtime.close_library),
                CloseStep("answers", self.chat.close),
                CloseStep("engine", runtime.inference.close),
                CloseStep("database", self.database.close),
                CloseStep("settings", runtime.settings.close),
                CloseStep("pins", runtime.close_pins),
                CloseStep("updates", self._install_updates),
                CloseStep("network", self._leave_network),
            ],
        )

    def _after_first_paint(self) -> None:
        """The window is up: load the model, tidy, back up; each on a thread of its own."""
        self._is_painted.set()
        _soon("started-well", launcher.started_well)
        days = self.runtime.settings.get(KEEP_DELETED_DAYS)
        self.repository.purge(time.time() - days * _DAY_S)
        self.database.start_upkeep(_log_problem, _UPKEEP_DELAY_S)
        if self.runtime.safe_mode or self.gui.open_model:
            self.runtime.sentinels.clear(STARTING)
            _soon("watching", self._watching.begin)
            return
        ref = ModelRef(self.runtime.settings.get(MODEL_PATH))
        self.runtime.inference.load(ref, self._first_load_event)

    def _first_load_event(self, event: Event) -> None:
        """The start counts as good once the first model is there, or was refused in words."""
        if isinstance(event, Finished | Failed):
            self.runtime.sentinels.clear(STARTING)
            self._first_load.set_result(event.error if isinstance(event, Failed) else None)
            _soon("watching", self._watching.begin)

    def _ends_well(self, _deadline_s: float) -> bool:
        """First of all steps: a load that outlasts the deadline is no crash."""
        self.runtime.sentinels.close()
        return True

    def _begin_downloads(self) -> Downloads:
        """Go on with what the last start left. Any thread but the window's."""
        self._downloads = self._network.downloads
        self._downloads.begin()
        return self._downloads

    def _close_downloads(self, deadline_s: float) -> bool:
        downloads = self._downloads
        return downloads is None or downloads.close(deadline_s)

    def _smaller_files(self) -> SmallerFiles:
        from app.inference.smaller_files import SmallerFiles

        with self._building:
            if self._smaller is None:
                self._smaller = SmallerFiles(quantizing(self.runtime))
            return self._smaller

    def _close_smaller(self, deadline_s: float) -> bool:
        smaller = self._smaller
        return smaller is None or smaller.close(deadline_s)

    def _hold_downloads(self, why: str) -> AbstractContextManager[None]:
        return self._network.downloads.held(why)

    def _install_updates(self, deadline_s: float) -> bool:
        """What waits for Hearth to be quit; nothing is built where nothing waits."""
        with contextlib.suppress(RuntimeError):  # nobody's home
            if program_folder().is_dir():
                try:
                    return self._network.updates.close(deadline_s)
                except HearthError as error:
                    _log.warning("updates: %s", error)
        return True

    def _leave_network(self, _deadline_s: float) -> bool:
        self._network.close()
        self._secrets.close()
        return True

    def _restore(self, backup: Path) -> Future[None]:
        done: Future[None] = Future()

        def passed_on(restored: Future[int]) -> None:
            error = restored.exception()
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(None)

        self.database.restore(backup).add_done_callback(passed_on)
        return done

    def _machine_facts(self) -> Sequence[Fact]:
        # The first start asks at once, and Python runs one thread at a time: the paint is first.
        self._is_painted.wait(_PAINT_S)
        from app.hardware.probe import probe

        lines = probe(self.runtime.profile.root).lines()
        return [Fact(label, text, in_brief=label in _IN_BRIEF) for label, text in lines]

    def _runtime_facts(self) -> Sequence[Fact]:
        from app.hardware.probe import find_processor
        from app.hardware.profile import Unknown

        found = find_processor(self.runtime.profile.root)
        if isinstance(found, Unknown):
            return [Fact("llama.cpp", f"does not work: {found.reason}")]
        return [
            Fact("llama.cpp", f"{found.runtime}, variant {found.variant}"),
            Fact("Instruction sets in use", " ".join(found.features)),
            Fact("Graphics modules", ", ".join(_graphics_modules()) or "none inside"),
        ]


def _graphics_modules() -> tuple[str, ...]:
    """What the runtime in use could compute with; whether there is a card is the machine's."""
    from app.engine.native.backends import gpu_modules

    folder = native_runtime()
    return gpu_modules(folder) if folder is not None and folder.is_dir() else ()


@contextmanager
def _reaching(runtime: Runtime, secrets: Secrets) -> Iterator[CataloguePlanning]:
    """Plans for what is not here; the connections are given up at the end."""
    network = Network(runtime.profile, runtime.settings, secrets)
    try:
        yield network.planning(runtime.planning)
    finally:
        network.close()


def _soon(name: str, work: Callable[[], T]) -> Future[T]:
    """Run `work` on a thread of its own; for rare look-ups that may take seconds."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - the future carries it to who asked
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def _log_problem(error: HearthError) -> None:
    _log.warning("daily backup: %s", error)
