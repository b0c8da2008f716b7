"""The built-in model's file and its recorded hash. Any thread that may read 12 MB."""

from __future__ import annotations

from pathlib import Path

from app.foundation.paths import resource


class StarterModel:
    """`resources/starter/guide.gguf` and whether it is the file that was shipped."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._checked: tuple[int, int, bool] | None = None

    @property
    def path(self) -> Path:
        return self._file("guide.gguf")

    def is_genuine(self) -> bool:
        """True if the file's SHA-256 is the recorded one. Read again only if it changed."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        stamp = (status.st_size, status.st_mtime_ns)
        if self._checked is None or self._checked[:2] != stamp:
            self._checked = (*stamp, self._matches())
        return self._checked[2]

    def _matches(self) -> bool:
        # Brings OpenSSL along, for which the window's first paint does not wait.
        import hashlib

        try:
            recorded = self._file("guide.sha256").read_text("ascii").split()[0].lower()
            return hashlib.sha256(self.path.read_bytes()).hexdigest() == recorded
        except (OSError, ValueError, IndexError):
            return False

    def _file(self, name: str) -> Path:
        return self._folder / name if self._folder is not None else resource("starter", name)
