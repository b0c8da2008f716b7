"""The archive for one person, for every distribution: the bundle and a script that installs it
below ~/.local without administrator rights. The same bundle gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from installer.linux.archive import PRESET, Tree, write_tar_xz
from installer.linux.parts import Facts, facts_of, share_of
from installer.package import contents, desktop, linking
from installer.package.made import Made
from installer.runtime.workshop import Workshop

_README = """\
Hearth {version} for Linux ({machine})

Start ./install.sh, as yourself and without sudo: it puts Hearth below ~/.local and among your
programs. A version that is there already is replaced; chats, settings and models stay.
~/.local/lib/hearth/uninstall.sh removes it again.

Without installing: hearth/hearth opens the window.
"""


def make(workshop: Workshop, bundle: Path, into: Path) -> list[Made]:
    """The archive for this machine's architecture."""
    path = package(bundle, share_of(workshop, bundle, into / "work"), into)
    return [Made("tar.xz", path, path.name)]


def package(bundle: Path, share: Path, into: Path, preset: int = PRESET) -> Path:
    """An archive of a bundle, and of the folder `share` with what desktops look for."""
    facts = facts_of(bundle)
    name = f"hearth-{facts.version}"
    path = into / f"{name}-linux-{facts.machine}.tar.xz"
    part = path.with_suffix(".part")
    tree = contents_of(bundle, share, facts)
    write_tar_xz(tree, part, facts.epoch_s, front=f"{name}/", preset=preset)
    os.replace(part, path)
    return path


def contents_of(bundle: Path, share: Path, facts: Facts) -> Tree:
    """Every file of the archive."""
    tree = Tree()
    tree.add_folder("hearth", bundle)
    tree.add_folder("share", share)
    found = linking.linked(bundle, contents.OLDEST)
    least = found.newest.get("GLIBC", ((2, 17), ""))[0]
    words = {
        "@LEAST_GLIBC@": ".".join(map(str, least)),
        "@MACHINE@": facts.machine,
        "@VERSION@": facts.version,
    }
    for script in ("install.sh", "uninstall.sh"):
        tree.add(script, _filled(desktop.LINUX / script, words), 0o755)
    tree.add("README", _README.format(version=facts.version, machine=facts.machine).encode())
    tree.add("system-libraries.txt", system_libraries(found.system).encode())
    tree.add("files.sha256", _sums(tree).encode())
    return tree


def _filled(script: Path, words: dict[str, str]) -> bytes:
    text = script.read_text("utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text.encode()


def system_libraries(names: set[str]) -> str:
    """What must be there, for whoever lacks one: the library and the Debian package of it."""
    packages = {name: contents.package_of(name) for name in sorted(names)}
    return "".join(
        f"{name} {package}\n"
        for name, package in packages.items()
        if package not in contents.OPTIONAL_LIBRARIES
    )


def _sums(tree: Tree) -> str:
    return "".join(
        f"{hashlib.sha256(entry.read()).hexdigest()}  {name}\n" for name, entry in tree.files()
    )
