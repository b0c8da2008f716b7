"""Draws the icons that systems want, all from resources/icons/hearth.svg, with Qt and no screen.

`python -m installer.package.icons FOLDER`; main thread of a process of its own. PNG and SVG for
Linux, .ico for Windows, .icns for macOS, each for the program and for a model file.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DRAWING: Final = ROOT / "resources" / "icons" / "hearth.svg"
APP_NAME: Final = "hearth"
#: What shared-mime-info makes of the type's name: the icon of a model file.
DOCUMENT_NAME: Final = "application-x-gguf"

PNG_PX: Final = (16, 22, 24, 32, 48, 64, 96, 128, 256, 512)
ICO_PX: Final = (16, 20, 24, 32, 40, 48, 64, 128, 256)
#: What macOS calls each size; the second name of a size is the fine screens' half of it.
ICNS_TYPES: Final = {
    16: ("icp4",),
    32: ("icp5", "ic11"),
    64: ("ic12",),
    128: ("ic07",),
    256: ("ic08", "ic13"),
    512: ("ic09", "ic14"),
    1024: ("ic10",),
}
#: macOS leaves a margin around an icon's ground: 100 of 1024 points on each side.
MAC_MARGIN: Final = 100 / 1024

_UNIT: Final = 64  # of the drawing's own coordinates
_PAGE: Final = """\
  <path d="M14 2h26l12 12v44a4 4 0 0 1-4 4H14a4 4 0 0 1-4-4V6a4 4 0 0 1 4-4z"
        fill="{sheet}" stroke="{line}" stroke-width="2" stroke-linejoin="round"/>
  <path d="M40 2v12h12z" fill="{line}"/>
"""


def document_drawing(drawing: str) -> str:
    """The sheet of paper that stands for a model file: the drawing of Hearth on it, as SVG."""
    from app.gui.palette import LIGHT

    found = re.fullmatch(r"\s*<svg\b[^>]*>(.*)</svg>\s*", drawing, re.S)
    if not found:
        raise ValueError(f"{DRAWING.name} is not one drawing")
    inner = re.sub(r"\s*<title>.*?</title>", "", found[1])
    sheet = _PAGE.format(sheet=LIGHT.surface, line=LIGHT.border_strong)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512" '
        f'viewBox="0 0 {_UNIT} {_UNIT}">\n{sheet}'
        f'  <g transform="translate(16 24) scale(0.5)">{inner}</g>\n</svg>\n'
    )


def rendered(drawing: str, size_px: int, margin: float = 0.0) -> bytes:
    """The drawing as PNG of `size_px` squared, `margin` of its size left free on each side."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    renderer = QSvgRenderer(QByteArray(drawing.encode()))
    if not renderer.isValid():
        raise ValueError("Qt cannot read the drawing")
    image = QImage(size_px, size_px, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    free_px = round(size_px * margin)
    inner_px = size_px - 2 * free_px
    renderer.render(painter, QRectF(free_px, free_px, inner_px, inner_px))
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    # Qt's own overload for a device names the format as text, its stubs as bytes.
    if not image.save(buffer, "PNG"):  # type: ignore[call-overload]
        raise ValueError(f"Qt could not write a picture of {size_px} pixels")
    return bytes(buffer.data().data())


def ico(pictures: Mapping[int, bytes]) -> bytes:
    """A Windows icon of PNG entries, by size in pixels; Windows reads those since Vista."""
    if not pictures or max(pictures) > 256:
        raise ValueError("an .ico has pictures of at most 256 pixels")
    head = struct.pack("<HHH", 0, 1, len(pictures))
    at_bytes = len(head) + 16 * len(pictures)
    entries, data = b"", b""
    for size_px, png in sorted(pictures.items()):
        side = size_px % 256  # 256 is written as 0
        entries += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(png), at_bytes + len(data))
        data += png
    return head + entries + data


def icns(pictures: Mapping[int, bytes]) -> bytes:
    """A macOS icon of PNG entries, by size in pixels."""
    data = b""
    for size_px, png in sorted(pictures.items()):
        for kind in ICNS_TYPES[size_px]:
            data += kind.encode("ascii") + struct.pack(">I", 8 + len(png)) + png
    return b"icns" + struct.pack(">I", 8 + len(data)) + data


def draw(folder: Path) -> list[Path]:
    """Every icon below `folder`; hicolor/ there is laid out as it is installed. The files made."""
    made: list[Path] = []
    drawing = DRAWING.read_text("utf-8")
    for name, context, text in (
        (APP_NAME, "apps", drawing),
        (DOCUMENT_NAME, "mimetypes", document_drawing(drawing)),
    ):
        theme = folder / "hicolor"
        for size_px in PNG_PX:
            place = theme / f"{size_px}x{size_px}" / context / f"{name}.png"
            made.append(_written(place, rendered(text, size_px)))
        made.append(_written(theme / "scalable" / context / f"{name}.svg", text.encode()))
        # The sheet of paper has its margin in the drawing.
        margin = MAC_MARGIN if name == APP_NAME else 0.0
        at_sizes = {size_px: rendered(text, size_px) for size_px in ICO_PX}
        made.append(_written(folder / f"{name}.ico", ico(at_sizes)))
        at_sizes = {size_px: rendered(text, size_px, margin) for size_px in ICNS_TYPES}
        made.append(_written(folder / f"{name}.icns", icns(at_sizes)))
    return made


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def main(words: Sequence[str]) -> int:
    """Draw into the folder that is named."""
    if len(words) != 1:
        print("Say where to: python -m installer.package.icons FOLDER", file=sys.stderr)
        return 2
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtGui import QGuiApplication

    application = QGuiApplication([])
    made = draw(Path(words[0]))
    print(f"{len(made)} icons, {sum(path.stat().st_size for path in made)} bytes")
    del application
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
