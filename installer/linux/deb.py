"""The Debian package: the bundle in usr/lib/hearth, `hearth` in usr/bin, what desktops look for.

No script runs when it is installed: the caches of desktop entries, types, icons and manuals are
renewed by triggers of those who own them. The same bundle gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import re
import textwrap
from email.utils import formatdate
from pathlib import Path

from app.foundation.build import UPDATES
from installer.linux import copyright as copyrights
from installer.linux.archive import PRESET, Tree, write_ar, write_tar, write_tar_xz
from installer.linux.parts import Facts, facts_of, share_of
from installer.package import contents, linking
from installer.package.made import Made
from installer.runtime.workshop import Workshop

NAME = "hearth"
PROGRAM = "usr/lib/hearth"
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
#: Who answers for the package: a setting of the build. No domain is made up.
MAINTAINER = "HEARTH_MAINTAINER"
_NOBODY = "Hearth <hearth@hearth.invalid>"

#: The first version of Debian's libstdc++6 with these symbols.
_LIBSTDCXX = {29: "11", 30: "12", 31: "13.1", 32: "13.2", 33: "14", 34: "15"}
#: Not a library: without the settings of fontconfig, and the letters that they depend on, every
#: word in the window is a row of boxes.
LETTERS = "fontconfig-config"
#: Not needed to start: authorities that servers are checked by, a graphics card, links in a
#: browser, the pointer and keyboards under Wayland.
RECOMMENDS = ("ca-certificates", "libvulkan1", "libwayland-cursor0", "xdg-utils", "xkb-data")
SUGGESTS = ("mesa-vulkan-drivers", "xdg-desktop-portal")

_DESCRIPTION = """\
 Hearth runs a quantized language model on this computer, in the same process,
 and connects to the internet only for what you ask of it. It looks at the
 hardware, picks the model and the settings that will work well on it, and
 says why. A small guide is built in and answers before anything is
 downloaded.
 .
 Chats and settings are kept in each person's own folder and stay there when
 this package is removed."""

OVERRIDES = {
    "embedded-library": (
        "One bundle runs on all distributions, most of which have other versions of these",
        "libraries or none. Their security fixes come with new versions of Hearth.",
    ),
    "custom-library-search-path": (
        "Libraries inside the bundle find one another by places relative to themselves, all of",
        "them below /usr/lib/hearth.",
    ),
    "library-not-linked-against-libc": (
        "Small libraries of Qt, Python and ggml that call nothing of libc themselves; they are",
        "taken as their makers built them.",
    ),
}


def make(workshop: Workshop, bundle: Path, into: Path) -> list[Made]:
    """The package for this machine's architecture."""
    share = share_of(workshop, bundle, into / "work")
    path = package(bundle, share, into, (workshop.root / "CHANGELOG.md").read_text("utf-8"))
    return [Made("deb", path, path.name)]


def package(
    bundle: Path, share: Path, into: Path, changes: str, preset: int | None = PRESET
) -> Path:
    """A package of a bundle, and of the folder `share` with what desktops look for. With None as
    `preset` its files are not packed: quick to make, and three times as large."""
    facts = facts_of(bundle)
    tree = contents_of(bundle, share, facts, changes)
    architecture = ARCHITECTURES[facts.machine]
    path = into / f"{NAME}_{facts.version}_{architecture}.deb"
    data = path.with_suffix(".data")
    try:
        if preset is None:
            with data.open("wb") as plain:
                write_tar(tree, plain, facts.epoch_s, "./")
        else:
            write_tar_xz(tree, data, facts.epoch_s, front="./", preset=preset)
        members: list[tuple[str, bytes | Path]] = [
            ("debian-binary", b"2.0\n"),
            ("control.tar.xz", _control_archive(tree, bundle, facts)),
            ("data.tar" if preset is None else "data.tar.xz", data),
        ]
        write_ar(path.with_suffix(".part"), members, facts.epoch_s)
    finally:
        data.unlink(missing_ok=True)
    os.replace(path.with_suffix(".part"), path)
    return path


def contents_of(bundle: Path, share: Path, facts: Facts, changes: str) -> Tree:
    """Every file of the package, where it is installed."""
    tree = Tree()
    tree.add_folder(PROGRAM, bundle)
    # The system brings newer versions, not Hearth itself.
    tree.entries.pop(f"{PROGRAM}/_internal/{UPDATES}", None)
    tree.link("usr/bin/hearth", "../lib/hearth/hearth")
    tree.add_folder("usr/share", share)
    document = "usr/share/doc/hearth"
    tree.add(f"{document}/copyright", copyrights.text(bundle, f"/{PROGRAM}").encode())
    packed = gzip.compress(changelog(changes, facts).encode(), 9, mtime=0)
    tree.add(f"{document}/changelog.gz", packed)
    tree.add("usr/share/lintian/overrides/hearth", overrides().encode())
    return tree


def _control_archive(tree: Tree, bundle: Path, facts: Facts) -> bytes:
    sums = "".join(
        f"{hashlib.md5(entry.read(), usedforsecurity=False).hexdigest()}  {name}\n"
        for name, entry in tree.files()
    )
    about = Tree()
    about.add("control", control(facts, depends(bundle), _installed_kib(tree)).encode())
    about.add("md5sums", sums.encode())
    plain = io.BytesIO()
    write_tar(about, plain, facts.epoch_s, "./")
    return lzma.compress(plain.getvalue(), preset=PRESET)


def _installed_kib(tree: Tree) -> int:
    """As dpkg counts: whole KiB a file, one for each link and folder."""
    files = sum(-(-entry.n_bytes // 1024) for _, entry in tree.files())
    n_links = sum(1 for entry in tree.entries.values() if entry.link)
    return files + n_links + len(tree.folders())


def control(facts: Facts, needed: list[str], installed_kib: int) -> str:
    """What dpkg knows of the package."""
    fields = {
        "Package": NAME,
        "Version": facts.version,
        "Architecture": ARCHITECTURES[facts.machine],
        "Maintainer": os.environ.get(MAINTAINER) or _NOBODY,
        "Installed-Size": str(installed_kib),
        "Depends": ", ".join(needed),
        "Recommends": ", ".join(RECOMMENDS),
        "Suggests": ", ".join(SUGGESTS),
        "Section": "utils",
        "Priority": "optional",
        "Description": f"private assistant on your own computer\n{_DESCRIPTION}",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def depends(bundle: Path) -> list[str]:
    """The packages that bring what the bundle's files ask for, with the versions they ask for."""
    found = linking.linked(bundle, contents.OLDEST)
    least = {}
    if (libc := found.newest.get("GLIBC")) is not None:
        least["libc6"] = ".".join(map(str, libc[0]))
    if (symbols := found.newest.get("GLIBCXX")) is not None:
        least["libstdc++6"] = _LIBSTDCXX.get(symbols[0][-1], "11")
    names = sorted([*contents.packages_needed(found.system), LETTERS])
    return [f"{name} (>= {least[name]})" if name in least else name for name in names]


def changelog(changes: str, facts: Facts) -> str:
    """What CHANGELOG.md says of this version, or has not released yet, in Debian's form."""
    sections = re.split(r"^## \[([^\]]+)\].*$", changes, flags=re.M)
    by_version = dict(zip(sections[1::2], sections[2::2], strict=True))
    section = by_version.get(facts.version) or by_version.get("Unreleased", "")
    items = re.findall(r"^- (.*(?:\n {2}.*)*)", section, re.M) or ["A new version."]
    lines = [f"{NAME} ({facts.version}) unstable; urgency=medium", ""]
    for item in items:
        lines += textwrap.wrap(
            " ".join(item.split()), 78, initial_indent="  * ", subsequent_indent="    "
        )
    who = os.environ.get(MAINTAINER) or _NOBODY
    return "\n".join([*lines, "", f" -- {who}  {formatdate(facts.epoch_s)}", ""])


def overrides() -> str:
    """What lintian may find, and why it stays."""
    lines: list[str] = []
    for tag, reason in OVERRIDES.items():
        lines += [*(f"# {line}" for line in reason), f"{NAME}: {tag} *", ""]
    return "\n".join(lines[:-1]) + "\n"
