"""The window's one translator of errors: a toast for people, a report for bugs. GUI thread.

A HearthError says what happened and what to do. Anything else is a bug: it is written to the
crash log and shown with a way to pass it on. Says nothing about recovering.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.foundation.errors import HearthError
from app.gui.bridge import Bridge
from app.gui.crash_log import CrashLog
from app.gui.widgets.report import ReportDialog
from app.gui.widgets.toast import Notice, Toast


class Notifier(QObject):
    """One for the whole window. What is told before `attach` is shown by it."""

    def __init__(self, bridge: Bridge, crash_log: CrashLog, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._crash_log = crash_log
        self._toast: Toast | None = None
        self._host: QWidget | None = None
        self._waiting: list[Notice] = []
        self._bugs_waiting: list[str] = []
        self._report: ReportDialog | None = None
        self._relay_bug = bridge.relay(self._show_bug)
        self._hooks: tuple[Any, Any, Any] | None = None
        bridge.set_failure_receiver(self.error)

    def attach(self, host: QWidget) -> None:
        """Show what comes over this widget, and what has come so far."""
        self._host = host
        self._toast = Toast(host)
        for notice in self._waiting:
            self._toast.show_notice(notice)
        self._waiting.clear()
        for text in self._bugs_waiting:
            self._show_bug(text)
        self._bugs_waiting.clear()

    def keep_clear(self, widget: QWidget) -> None:
        """Show toasts above this widget: nothing lies on what is being written."""
        if self._toast is not None:
            self._toast.keep_clear(widget)

    @property
    def toast(self) -> Toast | None:
        return self._toast

    def tell(self, title: str, detail: str = "") -> None:
        """Say something that needs no answer; it goes by itself."""
        self.show(Notice(title, detail))

    def offer(self, title: str, action: str, act: Callable[[], None]) -> None:
        """Say what was done and offer one action, such as Undo, for ten seconds."""
        self.show(Notice(title, action=action, act=act))

    def error(self, error: BaseException) -> None:
        """Show any error rightly: a sentence with a remedy, or a report of a bug."""
        if isinstance(error, HearthError):
            detail = " ".join(part for part in (error.detail, error.remedy) if part)
            self.show(Notice(error.title, detail, lasting=True))
        else:
            self.bug(type(error), error, error.__traceback__)

    def show(self, notice: Notice) -> None:
        """Show a notice as a toast."""
        if self._toast is None:
            self._waiting.append(notice)
        else:
            self._toast.show_notice(notice)

    def withdraw(self) -> None:
        """Put away an offer that was met in another way; an error stays."""
        notice = self._toast.notice if self._toast is not None else None
        if self._toast is not None and notice is not None and not notice.lasting:
            self._toast.dismiss()

    def bug(
        self,
        kind: type[BaseException],
        error: BaseException | None,
        trace: TracebackType | None,
        where: str = "",
    ) -> None:
        """Any thread: keep a bug's traceback and show the report."""
        text = "".join(traceback.format_exception(kind, error, trace))
        self._crash_log.append(text, where)
        self._relay_bug(text)

    def install_hooks(self) -> None:
        """Catch what nobody caught, in slots, threads and finalizers. `remove_hooks` undoes it."""
        self._hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)

        def of_main(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            if issubclass(kind, KeyboardInterrupt):
                return
            self.bug(kind, error, trace)

        def of_thread(args: threading.ExceptHookArgs) -> None:
            if not issubclass(args.exc_type, SystemExit):
                name = args.thread.name if args.thread else ""
                self.bug(args.exc_type, args.exc_value, args.exc_traceback, name)

        def of_finalizer(args: Any) -> None:
            self.bug(args.exc_type, args.exc_value, args.exc_traceback, repr(args.object)[:200])

        sys.excepthook = of_main
        threading.excepthook = of_thread
        sys.unraisablehook = of_finalizer

    def remove_hooks(self) -> None:
        """Put back the hooks that were there before."""
        if self._hooks is not None:
            sys.excepthook, threading.excepthook, sys.unraisablehook = self._hooks
            self._hooks = None

    def _show_bug(self, text: str) -> None:
        if self._host is None:
            self._bugs_waiting.append(text)
            return
        if self._report is None:
            self._report = ReportDialog(self._crash_log.path, self._host.window())
        self._report.add(text)
        self._report.show()
