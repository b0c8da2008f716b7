"""Makes Hearth.app and its disk image. Standard library alone; runs on macOS.

PyInstaller lays the application out (`build.spec`); what the bundle says of itself is put in here,
then all is sealed. HEARTH_SIGN_IDENTITY names whose signature it gets; without one it is for this
computer alone, and not sent to Apple.
"""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from app.foundation.build import CATALOGUE, LIST, UPDATES
from installer.package.made import Made
from installer.runtime.workshop import Workshop

HERE: Final = Path(__file__).resolve().parent
NAME: Final = "Hearth.app"
IDENTITY: Final = "HEARTH_SIGN_IDENTITY"
NOTARY: Final = ("NOTARY_KEY", "NOTARY_KEY_ID", "NOTARY_ISSUER")
#: What was written into the bundle after PyInstaller had ended, and no program.
ADDED: Final = ("build.json", "licences")
#: Programs and libraries, of one or several processors: a signature changes them, and vouches.
_PROGRAM: Final = re.compile(
    rb"[\xce\xcf]\xfa\xed\xfe|\xfe\xed\xfa[\xce\xcf]|\xca\xfe\xba[\xbe\xbf]"
)
ICONS: Final = ("hearth.icns", "application-x-gguf.icns")


def make(workshop: Workshop, bundle: Path, into: Path) -> list[Made]:
    """The application and its disk image."""
    laid_out = into / "work" / "fresh" / NAME
    if not laid_out.is_dir():
        workshop.refuse(f"PyInstaller made no {NAME}: this needs macOS and a fresh bundle.")
    icons = into / "icons"
    line = [str(workshop.python), "-m", "installer.package.icons", str(icons)]
    if subprocess.call(line, cwd=workshop.root):
        workshop.refuse("The icons could not be drawn.")
    application = into / NAME
    shutil.rmtree(application, ignore_errors=True)
    shutil.copytree(laid_out, application, symlinks=True)
    facts = completed(application, bundle, icons)
    identity = os.environ.get(IDENTITY, "")
    image = into / f"Hearth-{facts['version']}-macos-{facts['machine']}.dmg"
    _step(workshop, "sign.sh", str(application), *([identity] if identity else []))
    _step(workshop, "dmg.sh", str(application), str(image), *([identity] if identity else []))
    note = "signed" if identity else "signed for this computer alone"
    if identity and all(os.environ.get(name) for name in NOTARY):
        _step(workshop, "notarize.sh", str(image))
        note = "signed and notarized"
    return [Made("app", application, note), Made("dmg", image, note)]


def completed(application: Path, bundle: Path, icons: Path) -> dict[str, Any]:
    """Put into the application what says what it is; the facts of the bundle."""
    inside = bundle / "_internal"
    contents = application / "Contents"
    facts: dict[str, Any] = json.loads((inside / "build.json").read_text("utf-8"))
    # Among the programs a seal takes files of any other kind for programs without one: what is no
    # program is in Resources, and where the program looks for it stands a link.
    for name in (*ADDED, *(name for name in (UPDATES, CATALOGUE) if (inside / name).is_file())):
        there = contents / "Resources" / name
        if (inside / name).is_dir():
            shutil.copytree(inside / name, there, dirs_exist_ok=True)
        else:
            shutil.copy2(inside / name, there)
        _link(contents, name)
    (contents / "Resources" / LIST).write_text(_listed(inside, contents), encoding="utf-8")
    _link(contents, LIST)
    for name in ICONS:
        shutil.copy2(icons / name, contents / "Resources" / name)
    with (contents / "Info.plist").open("wb") as file:
        plistlib.dump(information(facts["version"]), file)
    return facts


def _link(contents: Path, name: str) -> None:
    link = contents / "Frameworks" / name
    link.unlink(missing_ok=True)
    link.symlink_to(Path("..", "Resources", name))


def _listed(inside: Path, contents: Path) -> str:
    """The bundle's list of files and sizes, but for programs and what the application lacks."""
    try:
        listed: dict[str, int] = json.loads((inside / LIST).read_text("utf-8"))
    except OSError:
        listed = {}
    kept = {}
    for name, size in listed.items():
        path = contents / "Frameworks" / name
        if path.is_file():
            with path.open("rb") as file:
                if not _PROGRAM.match(file.read(4)):
                    kept[name] = size
    return json.dumps(kept, indent=0) + "\n"


def information(version: str) -> dict[str, Any]:
    """What macOS reads of the application."""
    told: dict[str, Any] = plistlib.loads((HERE / "Info.plist").read_bytes())
    told["CFBundleShortVersionString"] = told["CFBundleVersion"] = version
    return told


def _step(workshop: Workshop, script: str, *words: str) -> None:
    if subprocess.call([str(HERE / script), *words]):
        workshop.refuse(f"installer/macos/{script} failed; what it said stands above.")
