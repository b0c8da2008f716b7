"""Runs the window: one QApplication from the first paint to the last service closed.

Main thread. Stages of the end: the window hides, the services close off this thread with a
deadline, the event loop ends. Knows no page.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QMetaObject, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFileOpenEvent, QGuiApplication, QSessionManager
from PySide6.QtWidgets import QApplication, QWidget

from app.foundation.errors import HearthError
from app.gui import icons, surroundings, theme, window_state
from app.gui.advice import AdviceBanner
from app.gui.bridge import Bridge
from app.gui.closing import Closing
from app.gui.collecting import Collecting
from app.gui.crash_log import CrashLog
from app.gui.instance import ProfileLock
from app.gui.main_window import MainWindow
from app.gui.notify import Notifier
from app.gui.screen import require_screen
from app.gui.services import GuiServices
from app.gui.signals import QuitSignals
from app.gui.updating import UpdateNotices
from app.gui.widgets.toast import Notice
from app.network import offline
from app.protocol.model_ref import BUILT_IN
from app.settings.schema import MODEL_PATH, OFFLINE, TEXT_SIZE, THEME

if TYPE_CHECKING:
    from app.gui.instance_server import InstanceServer

STATE_FILE = "window.json"
UNSEEN_MS = 500
SWITCH_S = 0.0002
"""How long another thread may go on with Python when this one wants it. Every call of Qt gives it
away: with the usual 5 ms a page that is built while something is computed stood for 340 ms, with
this for 25 to 43."""


class Application(QApplication):
    """`file_asked(path)`: macOS asks so for a file that was double-clicked or dropped on the dock,
    before the window is there too; `take_files` says that from now on somebody listens.
    """

    file_asked = Signal(str)

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self._waiting: list[str] | None = []

    def event(self, event: QEvent) -> bool:
        if not isinstance(event, QFileOpenEvent) or not event.file():
            return super().event(event)
        if self._waiting is None:
            self.file_asked.emit(event.file())
        else:
            self._waiting.append(event.file())
        return True

    def take_files(self) -> None:
        """Tell what has come already, and from now on what comes."""
        waiting, self._waiting = self._waiting, None
        for path in waiting or ():
            self.file_asked.emit(path)


def application() -> QApplication:
    """The one QApplication, made on first use. Raises NoDisplay or NotPossibleHere."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    release_screen = require_screen()
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(
        Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
    )
    surroundings.choose_input_method()
    app = Application(sys.argv[:1])
    surroundings.give_back()
    release_screen()
    app.setApplicationName("hearth")
    app.setApplicationDisplayName("Hearth")
    # Inside a Flatpak the desktop entry has the Flatpak's name.
    app.setDesktopFileName(os.environ.get("FLATPAK_ID", "hearth"))
    app.setQuitOnLastWindowClosed(False)
    return app


def run(services: GuiServices, lock: ProfileLock | None = None) -> int:
    """Open the window and stay until it is closed; the process's exit code.

    `lock` is what `instance.claim` gave; it is released at the very end.
    """
    app = application()
    session = Session(app, services)
    try:
        session.open()
        return app.exec()
    finally:
        session.end()
        if lock is not None:
            lock.release()


class FirstPaint(QObject):
    """`done` once a window has been drawn; soon at any rate, if nobody can see it."""

    done = Signal()

    def __init__(self, window: QWidget, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._finish)
        self._handle = window.windowHandle()
        exposed = self._handle is not None and self._handle.isExposed()
        self._timer.start(0 if exposed else UNSEEN_MS)
        if self._handle is not None:
            self._handle.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Expose:
            # The drawing follows in this same turn of the event loop.
            self._timer.start(0)
        return super().eventFilter(watched, event)

    def _finish(self) -> None:
        if self._handle is not None:
            self._handle.removeEventFilter(self)
        self.done.emit()
        self.deleteLater()


class Session(QObject):
    """Everything that lives exactly as long as the window does."""

    def __init__(self, app: QApplication, services: GuiServices) -> None:
        super().__init__()
        self._app = app
        self._services = services
        self._state_path = services.profile.state / STATE_FILE
        self._collecting = Collecting(self)
        self._apply_look()
        self.bridge = Bridge()
        self.notify = Notifier(self.bridge, CrashLog(services.profile.crash_report), self)
        self.notify.install_hooks()
        self._closing = Closing(services.close_steps, self.bridge, self)
        self._signals = QuitSignals(self)
        self._server: InstanceServer | None = None
        self._asked: QMetaObject.Connection | None = None
        self.window = MainWindow(services, self.bridge, self.notify)
        self.window.setWindowIcon(icons.app_icon())
        self._advice = AdviceBanner(services, self.bridge, self.notify, self.window.banners, self)
        self._updates = UpdateNotices(
            services, self.bridge, self.window.banners, self.window.show_settings, self
        )
        self._unsubscribe = services.settings.subscribe(self.bridge.relay(self._setting_changed))
        self._connect()

    def open(self) -> None:
        """Show the window; whatever is not needed for that follows the first paint."""
        self.window.show_first(window_state.load(self._state_path))
        FirstPaint(self.window, self).done.connect(self._after_first_paint)

    def quit(self) -> None:
        """Begin to end: the window is gone at once, the rest follows within the deadline."""
        if self._closing.has_begun:
            return
        self._stop_listening()
        self._save_state()
        self.window.hide()
        for each in self._app.topLevelWidgets():
            each.hide()
        self.window.downloads.close()
        self._closing.begin()

    def end(self) -> None:
        """After the event loop: close what is still open, and let go of everything."""
        self._closing.wait()
        self._unsubscribe()
        self._advice.close()
        self._updates.close()
        self._stop_listening()
        if self._asked is not None:
            QObject.disconnect(self._asked)
        self._signals.close()
        self.bridge.close()
        self.notify.remove_hooks()
        self._collecting.close()
        self.window.deleteLater()
        self.deleteLater()

    def _stop_listening(self) -> None:
        """A start that comes now waits for the lock: this window does not come back."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _connect(self) -> None:
        self.window.closed.connect(self.quit)
        self._signals.asked.connect(self.quit)
        self._closing.ended.connect(self._app.quit)
        self._app.commitDataRequest.connect(self._session_ends)
        self._app.aboutToQuit.connect(self._save_state)

    def _after_first_paint(self) -> None:
        self._show_notices()
        sys.setswitchinterval(SWITCH_S)
        self._services.after_first_paint()
        self.window.downloads.open()
        if self._services.first_load is not None:
            self.bridge.watch(self._services.first_load, self._loaded_first)
        self._listen()
        self.window.readying.begin_soon()
        self._updates.begin()
        self._collecting.settle()
        if self._services.open_model:
            self.window.open_model(self._services.open_model)
        if isinstance(self._app, Application):
            self._asked = self._app.file_asked.connect(self.raised)
            self._app.take_files()

    def _listen(self) -> None:
        """Hear of later starts. After the model was asked for, which takes longer: a start that
        comes meanwhile waits."""
        from app.gui.instance_server import InstanceServer

        settings = self._services.settings
        self._server = InstanceServer(
            self._services.profile,
            self,
            is_offline=lambda: offline.is_forced() or settings.get(OFFLINE),
        )
        self._server.raise_asked.connect(self.raised)

    def _show_notices(self) -> None:
        services = self._services
        if services.safe_mode:
            self.window.banners.add(
                Notice(
                    self.tr("Hearth started in safe mode."),
                    self.tr(
                        "The last start did not end well. Models run on the processor only, and "
                        "none is opened by itself. Close Hearth and open it again to leave safe "
                        "mode."
                    ),
                ),
                "shield",
            )
        for error in services.notices:
            self._show_notice(error)

    def _show_notice(self, error: HearthError) -> None:
        detail = " ".join(part for part in (error.detail, error.remedy) if part)
        restore = self._services.restore_backup
        if error.code == "database_damaged" and restore is not None:
            notice = Notice(error.title, detail, self.tr("Use the newest backup"), self._restore)
        else:
            notice = Notice(error.title, detail)
        self.window.banners.add(notice, "triangle-alert")

    def _loaded_first(self, error: HearthError | None) -> None:
        """Say why the model of the last time could not be opened, and offer the one at hand."""
        if error is None:
            return
        detail = " ".join(part for part in (error.detail, error.remedy) if part)
        notice = Notice(error.title, detail)
        if self._services.settings.get(MODEL_PATH) != BUILT_IN:
            words = self.tr("Use the built-in guide")
            notice = Notice(error.title, detail, words, self._use_built_in)
        self.window.banners.add(notice, "triangle-alert")

    def _use_built_in(self) -> None:
        self.window.chat_page.set_model(BUILT_IN)

    def _restore(self) -> None:
        restore = self._services.restore_backup
        if restore is not None:
            self.bridge.watch(restore(), self._restored)

    def _restored(self, _: object) -> None:
        self.notify.tell(self.tr("The newest backup is in use."))
        self.window.open_conversation(None)
        self.window.sidebar.reload()

    def raised(self, path: str) -> None:
        """Another start asked for this window, and perhaps for a model."""
        self.window.come_forward()
        if path:
            self.window.open_model(path)

    def _setting_changed(self, *_: object) -> None:
        self._apply_look()

    def _apply_look(self) -> None:
        settings = self._services.settings
        mode = cast(theme.Mode, settings.get(THEME))
        theme.current().set_look(mode, settings.get(TEXT_SIZE))

    def _session_ends(self, _manager: QSessionManager) -> None:
        # The system may take the process away right after this returns.
        self._save_state()
        self.window.downloads_place.telling.let_go()

    def _save_state(self) -> None:
        if self.window.isVisible():
            window_state.save(self._state_path, self.window.state())
