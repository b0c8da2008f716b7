"""Every key of the window, declared once: for the actions and for the list behind F1."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication
from PySide6.QtGui import QKeySequence

NEW = "Ctrl+N"
OPEN_MODEL = "Ctrl+O"
SEARCH = "Ctrl+F"
RENAME = "F2"
UNDO = "Ctrl+Z"
REGENERATE = "Ctrl+R"
OPTIONS = "Ctrl+Shift+O"
SIDEBAR = "Ctrl+B"
MODELS = "Ctrl+Shift+M"
DOWNLOADS = "Ctrl+J"
SETTINGS = "Ctrl+,"
SHORTCUTS = "F1"
QUIT = "Ctrl+Q"

_LIST = (
    ("Enter", QT_TRANSLATE_NOOP("Keys", "Send")),
    ("Shift+Enter", QT_TRANSLATE_NOOP("Keys", "New line")),
    ("Esc", QT_TRANSLATE_NOOP("Keys", "Stop the answer")),
    ("Alt+Up", QT_TRANSLATE_NOOP("Keys", "Go through the messages")),
    (REGENERATE, QT_TRANSLATE_NOOP("Keys", "Answer again")),
    (OPTIONS, QT_TRANSLATE_NOOP("Keys", "Options of this chat")),
    (NEW, QT_TRANSLATE_NOOP("Keys", "New chat")),
    (SEARCH, QT_TRANSLATE_NOOP("Keys", "Search chats")),
    (RENAME, QT_TRANSLATE_NOOP("Keys", "Rename the chat")),
    ("Del", QT_TRANSLATE_NOOP("Keys", "Delete the chat (in the list)")),
    (UNDO, QT_TRANSLATE_NOOP("Keys", "Bring back a deleted chat")),
    (OPEN_MODEL, QT_TRANSLATE_NOOP("Keys", "Open a model file")),
    (SIDEBAR, QT_TRANSLATE_NOOP("Keys", "Show or hide the sidebar")),
    (MODELS, QT_TRANSLATE_NOOP("Keys", "Models")),
    (DOWNLOADS, QT_TRANSLATE_NOOP("Keys", "Downloads")),
    (SETTINGS, QT_TRANSLATE_NOOP("Keys", "Settings")),
    (SHORTCUTS, QT_TRANSLATE_NOOP("Keys", "This list")),
    (QUIT, QT_TRANSLATE_NOOP("Keys", "Quit")),
)


def native(key: str) -> str:
    """A key as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def key_list() -> list[tuple[str, str]]:
    """Each key as this system writes it, and what it does."""
    return [(native(key), QCoreApplication.translate("Keys", str(what))) for key, what in _LIST]
