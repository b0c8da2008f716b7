"""The icon files: each picture is there, at its size, and the containers can be read back."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from installer.package import icons

ROOT = Path(__file__).resolve().parents[3]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    line = [sys.executable, "-m", "installer.package.icons", str(folder)]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return folder


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(PNG)
    width_px, height_px = struct.unpack_from(">II", png, 16)
    return width_px, height_px


@pytest.mark.parametrize(
    ("context", "name"), [("apps", "hearth"), ("mimetypes", "application-x-gguf")]
)
def test_a_theme_finds_each_size_and_the_drawing(drawn: Path, context: str, name: str) -> None:
    for size_px in icons.PNG_PX:
        png = drawn / "hicolor" / f"{size_px}x{size_px}" / context / f"{name}.png"
        assert size_of(png.read_bytes()) == (size_px, size_px)
    assert (drawn / "hicolor" / "scalable" / context / f"{name}.svg").read_text("utf-8")


@pytest.mark.parametrize("name", ["hearth", "application-x-gguf"])
def test_windows_reads_each_entry(drawn: Path, name: str) -> None:
    data = (drawn / f"{name}.ico").read_bytes()
    assert struct.unpack_from("<HHH", data) == (0, 1, len(icons.ICO_PX))
    end_bytes = 0
    for index, size_px in enumerate(icons.ICO_PX):
        entry = struct.unpack_from("<BBBBHHII", data, 6 + 16 * index)
        assert (entry[0] or 256, entry[1] or 256) == (size_px, size_px)
        n_bytes, at_bytes = entry[6:]
        assert size_of(data[at_bytes : at_bytes + n_bytes]) == (size_px, size_px)
        end_bytes = at_bytes + n_bytes
    assert end_bytes == len(data)


@pytest.mark.parametrize("name", ["hearth", "application-x-gguf"])
def test_macos_reads_each_entry(drawn: Path, name: str) -> None:
    data = (drawn / f"{name}.icns").read_bytes()
    assert struct.unpack_from(">4sI", data) == (b"icns", len(data))
    sizes = {kind: size_px for size_px, kinds in icons.ICNS_TYPES.items() for kind in kinds}
    at_bytes, seen = 8, set()
    while at_bytes < len(data):
        kind, n_bytes = struct.unpack_from(">4sI", data, at_bytes)
        assert size_of(data[at_bytes + 8 : at_bytes + n_bytes]) == (sizes[kind.decode()],) * 2
        seen.add(kind.decode())
        at_bytes += n_bytes
    assert seen == set(sizes)


def test_what_windows_could_not_show_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 256"):
        icons.ico({512: PNG})
    with pytest.raises(ValueError, match="one drawing"):
        icons.document_drawing("no drawing at all")


def test_without_a_folder_the_script_says_what_it_needs() -> None:
    assert icons.main([]) == 2
