"""Copy and save for each code block on the screen: real buttons over its header. GUI thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from app.gui.chat.transcript import Transcript
from app.gui.widgets.buttons import IconButton

if TYPE_CHECKING:
    from app.gui.chat.code_box import CodeBox

_COPIED_MS = 1_500
_SUFFIXES = {
    "python": "py",
    "javascript": "js",
    "typescript": "ts",
    "bash": "sh",
    "shell": "sh",
    "rust": "rs",
    "kotlin": "kt",
    "csharp": "cs",
    "c++": "cpp",
    "c#": "cs",
    "ruby": "rb",
    "markdown": "md",
    "powershell": "ps1",
    "haskell": "hs",
    "perl": "pl",
    "golang": "go",
}
_PLAIN = frozenset(
    [
        "py",
        "js",
        "ts",
        "sh",
        "c",
        "cpp",
        "h",
        "java",
        "go",
        "rs",
        "html",
        "xml",
        "css",
        "scss",
        "sql",
        "kt",
        "swift",
        "cs",
        "toml",
        "ini",
        "diff",
        "lua",
        "r",
        "md",
        "ps1",
        "bat",
        "php",
        "dart",
        "json",
        "yaml",
        "yml",
        "csv",
        "txt",
        "tex",
        "rb",
        "jsx",
        "tsx",
    ]
)


def file_name(language: str) -> str:
    """What a saved block is called, from its language; never from the model's own words."""
    suffix = _SUFFIXES.get(language.lower(), language.lower())
    return f"code.{suffix}" if suffix in _PLAIN else "code.txt"


class CodeTools(QWidget):
    """The two buttons of one block."""

    save_asked = Signal(str, str)  # file name, text

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.box: CodeBox | None = None
        self.copy_button = IconButton("copy", self.tr("Copy the code"))
        self.save_button = IconButton("download", self.tr("Save the code as a file"))
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(_COPIED_MS)
        self._copied.timeout.connect(self._show_copy)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.copy_button)
        row.addWidget(self.save_button)
        self.copy_button.clicked.connect(self._copy_code)
        self.save_button.clicked.connect(self._ask_to_save)
        self.resize(self.sizeHint())

    def serve(self, box: CodeBox) -> None:
        """Belong to another block from now on."""
        if box is not self.box:
            self.box = box
            self._copied.stop()
            self._show_copy()

    def _copy_code(self) -> None:
        if self.box is not None:
            QApplication.clipboard().setText(self.box.whole_text)
            self.copy_button.set_face("check", self.tr("Copied"))
            self._copied.start()

    def _show_copy(self) -> None:
        self.copy_button.set_face("copy", self.tr("Copy the code"))

    def _ask_to_save(self) -> None:
        if self.box is not None:
            self.save_asked.emit(file_name(self.box.block.language), self.box.whole_text)


class CodeToolsLayer(QWidget):
    """Keeps one pair of buttons over each visible block; has no face of its own."""

    save_asked = Signal(str, str)

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript.viewport())
        self.hide()
        self._view = transcript
        self.tools: list[CodeTools] = []
        transcript.laid_out.connect(self.place)

    def place(self) -> None:
        """Put the buttons where the blocks are."""
        used = 0
        column = self._view.column
        for _, message, top in self._view.flow.visible():
            for placed in message.visible(-top, self._view.flow.height - top):
                box = placed.box
                if not box.header_px:
                    continue
                tools = self._tool(used)
                tools.serve(cast("CodeBox", box))
                left = column.left() + message.text_left(column.width())
                x = left + box.width - tools.width() - 4
                y = top + placed.y + (box.header_px - tools.height()) // 2
                tools.move(x, y)
                tools.show()
                used += 1
        for tools in self.tools[used:]:
            tools.box = None
            tools.hide()

    def _tool(self, index: int) -> CodeTools:
        if index == len(self.tools):
            tools = CodeTools(self._view.viewport())
            tools.save_asked.connect(self.save_asked)
            self.tools.append(tools)
        return self.tools[index]


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all. Any thread but the window's."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
