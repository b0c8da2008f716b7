"""What a Linux desktop is told: valid for its own tools, and in step with the program."""

from __future__ import annotations

import configparser
import gzip
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from app import __version__
from app.cli.main import COMMANDS, parse, whole_parser
from installer.package import desktop, icons, manual

BUILT_AT = 1_790_000_000
MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"


@pytest.fixture
def share(tmp_path: Path) -> Path:
    desktop.place(tmp_path, __version__, BUILT_AT)
    return tmp_path


def checked(tool: str, *words: str) -> str:
    """Run a checker of the system, or skip where it is missing; what it said."""
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def entry() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(desktop.LINUX / "hearth.desktop", "utf-8")
    return parser["Desktop Entry"]


def test_the_desktop_entry_starts_the_program_with_and_without_a_file() -> None:
    program, *words = entry()["Exec"].split()
    assert program == entry()["TryExec"] == "hearth"
    with_file = parse([word.replace("%f", "some model.gguf") for word in words])
    assert (with_file.command, with_file.open) == (None, "some model.gguf")
    without = parse([word for word in words if word != "%f"])
    assert (without.command, without.open) == (None, None)


def test_the_files_name_one_another(share: Path) -> None:
    metainfo = ET.parse(share / desktop.METAINFO).getroot()
    assert metainfo.findtext("id") == desktop.APP_ID
    assert metainfo.findtext("launchable") == Path(desktop.DESKTOP_ENTRY).name
    mime = ET.parse(share / desktop.MIME_TYPES).getroot().find(f"{MIME}mime-type")
    assert mime is not None
    kind = mime.attrib["type"]
    assert metainfo.findtext("provides/mediatype") == kind
    assert entry()["MimeType"] == f"{kind};"
    assert entry()["Icon"] == icons.APP_NAME
    assert kind.replace("/", "-") == icons.DOCUMENT_NAME


def test_the_release_is_the_one_that_is_made(share: Path) -> None:
    metainfo = ET.parse(share / desktop.METAINFO).getroot()
    release = metainfo.find("releases/release")
    assert release is not None
    assert release.attrib == {"version": __version__, "date": "2026-09-21"}


def test_the_systems_own_checker_finds_the_desktop_entry_sound(share: Path) -> None:
    assert checked("desktop-file-validate", str(share / desktop.DESKTOP_ENTRY)) == ""


def test_the_systems_own_checker_finds_the_metainfo_sound(share: Path) -> None:
    said = checked("appstreamcli", "validate", "--no-net", str(share / desktop.METAINFO))
    assert "successful" in said


def test_a_model_file_is_known_by_its_name_and_by_its_first_bytes(share: Path) -> None:
    checked("update-mime-database", str(share / "mime"))
    assert "application/x-gguf:*.gguf" in (share / "mime" / "globs").read_text("utf-8")
    assert b"GGUF" in (share / "mime" / "magic").read_bytes()


def test_the_man_page_is_in_step_with_the_command_line() -> None:
    written = manual.page(whole_parser(), __version__)
    kept = manual.PAGE.read_text("ascii")
    assert kept == written, "write it anew: python -m installer.package.manual"


def test_the_man_page_has_every_command_and_can_be_shown(share: Path) -> None:
    text = gzip.decompress((share / desktop.MANUAL).read_bytes()).decode("ascii")
    for name in COMMANDS:
        assert f".SS hearth {name}" in text
    page = share / "hearth.1"
    page.write_text(text)
    shown = checked("man", "--warnings=w", "-l", str(page))
    assert "warning" not in shown
    assert "answer" in shown.lower()


def test_what_roff_would_act_on_is_spelled_out() -> None:
    assert manual._roff(".b 'x' a\\b -c …") == "\\&.b \\(aqx\\(aq a\\eb \\-c \\[u2026]"


def test_a_cut_off_metainfo_is_refused() -> None:
    with pytest.raises(ValueError, match="no end"):
        desktop.with_release("<component>", "1.0", 0)
