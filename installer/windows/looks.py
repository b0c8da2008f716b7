"""What Windows shows of a program: its icon, and what stands under "Details". For PyInstaller."""

from __future__ import annotations

import subprocess
from pathlib import Path

from installer.package import facts
from installer.runtime.workshop import Workshop
from installer.windows.nsis import numbers

_DETAILS = """\
VSVersionInfo(
  ffi=FixedFileInfo(
    filevers=({numbers}), prodvers=({numbers}), mask=0x3F, flags=0x0, OS=0x40004, fileType=0x1,
    subtype=0x0, date=(0, 0)
  ),
  kids=[
    StringFileInfo([
      StringTable('040904B0', [
        StringStruct('FileDescription', 'Hearth'),
        StringStruct('FileVersion', '{version}'),
        StringStruct('InternalName', 'hearth'),
        StringStruct('LegalCopyright', 'MIT licence'),
        StringStruct('ProductName', 'Hearth'),
        StringStruct('ProductVersion', '{version}'),
      ])
    ]),
    VarFileInfo([VarStruct('Translation', [1033, 1200])])
  ]
)
"""


def environment(workshop: Workshop, work: Path) -> dict[str, str]:
    """The words by which `build.spec` is told of them; the files are made in `work`."""
    icons, details = work / "icons", work / "details.txt"
    line = [str(workshop.python), "-m", "installer.package.icons", str(icons)]
    if subprocess.call(line, cwd=workshop.root):
        workshop.refuse("The icons could not be drawn.")
    details.write_text(described(facts.version(workshop.root)), encoding="utf-8")
    return {
        "HEARTH_PACKAGE_ICON": str(icons / "hearth.ico"),
        "HEARTH_PACKAGE_VERSION_INFO": str(details),
    }


def described(version: str) -> str:
    """The details of a program of this version, as PyInstaller reads them."""
    return _DETAILS.format(version=version, numbers=numbers(version).replace(".", ", "))
