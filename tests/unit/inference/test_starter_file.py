"""Whether the built-in model is the file that was shipped; never an error of the system's."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.inference.starter import StarterModel


def test_only_the_file_that_was_shipped_is_genuine(tmp_path: Path) -> None:
    starter = StarterModel(tmp_path)
    assert not starter.is_genuine()
    (tmp_path / "guide.gguf").write_bytes(b"shipped")
    assert not starter.is_genuine()
    digest = hashlib.sha256(b"shipped").hexdigest()
    (tmp_path / "guide.sha256").write_text(f"{digest}\n")
    assert StarterModel(tmp_path).is_genuine()
    (tmp_path / "guide.gguf").write_bytes(b"changed, and longer")
    assert not starter.is_genuine()
    (tmp_path / "guide.gguf").unlink()
    assert not starter.is_genuine()
