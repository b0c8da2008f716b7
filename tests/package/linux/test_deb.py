"""The Debian package as lintian and the loader of a bare Debian see it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from installer.linux.deb import LETTERS, OVERRIDES
from installer.package import contents, linking
from tests.fixtures.bare_root import BareRoot, field_of, package_names

#: Whatever the loader does not find for a file of the package, but for the ones that may be absent.
_UNRESOLVED = """\
export LD_LIBRARY_PATH=/usr/lib/hearth/_internal
find /usr/lib/hearth -type f \\( -name '*.so*' -o -name hearth \\) | while read -r file; do
    ldd "$file" 2>&1 | sed -n "s|.*[[:space:]]\\(lib[^ ]*\\) => not found|\\1 $file|p"
done
"""


def test_lintian_finds_no_error_but_those_with_a_reason(deb: Path) -> None:
    if not shutil.which("lintian"):
        pytest.skip("lintian is missing (Debian: apt-get install lintian)")
    done = subprocess.run(
        ["lintian", "--allow-root", "--show-overrides", "--tag-display-limit", "0", str(deb)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("E:")] == []
    overridden = {found[1] for line in lines if (found := re.match(r"O: hearth: (\S+)", line))}
    assert overridden <= set(OVERRIDES), done.stdout


def test_it_depends_on_what_its_files_ask_for_and_on_letters(deb: Path, out: Path) -> None:
    found = linking.linked(out / "bundle" / "hearth", contents.OLDEST)
    asked = {contents.package_of(name) for name in found.system} - {*contents.OPTIONAL_LIBRARIES}
    assert package_names(field_of(deb, "Depends")) == sorted(
        {str(name) for name in asked} | {LETTERS}
    )


def test_the_loader_finds_every_library_with_these_dependencies_alone(
    bare: BareRoot, deb: Path
) -> None:
    assert bare.install(deb).returncode == 0
    found = bare.as_root("sh", "-c", _UNRESOLVED)
    assert found.returncode == 0, found.stderr
    missing = set()
    for line in found.stdout.splitlines():
        package = contents.package_of(line.split()[0])  # None: of the bundle, which finds its own
        if package is not None and package not in contents.OPTIONAL_LIBRARIES:
            missing.add(line)
    assert missing == set()
    # The check can fail: without this library the plug-in for X11 is not whole.
    (cursor,) = (bare.folder / "usr" / "lib").glob("*/libxcb-cursor.so.0")
    cursor.unlink()
    assert "libxcb-cursor.so.0 " in bare.as_root("sh", "-c", _UNRESOLVED).stdout
