"""Other versions of the bundle that is tested: its files, with some modules of its programs
exchanged as PyInstaller lays them in. What else another build would change is changed as well:
build.json, and where it asks for newer versions.
"""

from __future__ import annotations

import json
import marshal
import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from app.foundation.build import LIST
from installer.package import checks
from installer.package.facts import FILE
from installer.package.source import VERSIONS

PROGRAMS: Final = ("hearth", "hearth-driver")
_PYZ: Final = "PYZ.pyz"
_PYZ_HEAD: Final = struct.Struct("!4s4si")
_SECTION: Final = "pydata"


def remade(
    bundle: Path,
    into: Path,
    *,
    version: str = "",
    asks: Mapping[str, Any] | None = None,
    modules: Mapping[str, str] | None = None,
) -> Path:
    """The folder `into/hearth`: of another `version`, with other texts of `modules`, asking where
    `asks` says. Files that are the same are links to those of the bundle."""
    folder = into / "hearth"
    shutil.copytree(bundle, folder, symlinks=True, copy_function=_linked)
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    if version or modules:
        texts = {**(modules or {}), "app": f'__version__ = "{version}"\n'}
        for name in PROGRAMS:
            exchange(folder / name, texts)
        inside = checks.inside_of(folder)
        _change(inside / FILE, lambda told: {**told, "version": version})
        _change(inside / LIST, lambda told: {**told, FILE: (inside / FILE).stat().st_size})
    if asks is not None:
        VERSIONS.put(folder, asks)
    return folder


def exchange(program: Path, texts: Mapping[str, str]) -> None:
    """Have a program hold other modules, by their names and texts."""
    from PyInstaller.archive.readers import CArchiveReader

    whole = CArchiveReader(str(program))
    codes = {
        name: zlib.compress(marshal.dumps(compile(text, f"{name.replace('.', '/')}.py", "exec")))
        for name, text in texts.items()
    }
    with tempfile.TemporaryDirectory() as work:
        packed = Path(work) / "packed"
        packed.write_bytes(_packed(whole, codes))
        made = Path(work) / program.name
        shutil.copyfile(program, made)
        command = ["objcopy", "--update-section", f"{_SECTION}={packed}", str(made)]
        subprocess.run(command, check=True)
        program.unlink()  # it is a link to the bundle's
        shutil.copyfile(made, program)
        program.chmod(0o755)


def _packed(whole: Any, codes: Mapping[str, bytes]) -> bytes:
    """The archive of a program, with other code in the archive of modules that is inside."""
    from PyInstaller.archive.writers import CArchiveWriter

    raw = whole.raw_pkg_data()
    content, entries = b"", []
    for name, (offset, n_bytes, plain_bytes, is_packed, kind) in whole.toc.items():
        piece = raw[offset : offset + n_bytes]
        if name == _PYZ:
            piece = _modules(piece, codes)
            plain_bytes = len(piece)
        entries.append((len(content), len(piece), plain_bytes, is_packed, kind, name))
        content += piece
    entries += [(len(content), 0, 0, 0, "o", option) for option in whole.options]
    listed = CArchiveWriter._serialize_toc(entries)
    cookie = struct.Struct(CArchiveWriter._COOKIE_FORMAT)
    magic, _, _, _, python, library = cookie.unpack(raw[-cookie.size :])
    n_bytes = len(content) + len(listed) + cookie.size
    return (
        content + listed + cookie.pack(magic, n_bytes, len(content), len(listed), python, library)
    )


def _modules(raw: bytes, codes: Mapping[str, bytes]) -> bytes:
    """An archive of modules with other code for some of them."""
    magic, python, listed_at = _PYZ_HEAD.unpack_from(raw)
    listed = dict(marshal.loads(raw[listed_at:]))
    content = raw[:listed_at]
    for name, code in codes.items():
        kind = listed[name][0]
        listed[name] = (kind, len(content), len(code))
        content += code
    head = _PYZ_HEAD.pack(magic, python, len(content))
    return head + content[len(head) :] + marshal.dumps(list(listed.items()))


def _change(path: Path, how: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    content = json.dumps(how(json.loads(path.read_text("utf-8"))), indent=1) + "\n"
    path.unlink()  # it is a link to the bundle's
    path.write_text(content, encoding="utf-8")


def _linked(source_path: str, target: str) -> None:
    """On one disk nothing is copied."""
    try:
        os.link(source_path, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source_path, target)
