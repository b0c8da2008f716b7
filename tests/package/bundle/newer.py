"""A street with a publisher of newer versions and people who have one: real bundles, real
processes, a server on loopback that signs with a key of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.foundation.versions import Versions
from installer.package import updates
from tests.fixtures.far_end import FarEnd, Reply
from tests.fixtures.signing import Signer
from tests.fixtures.windows import Window, started
from tests.package.bundle.conftest import DEADLINE_S, as_nobody
from tests.package.bundle.remade import remade

FOLDER: Final = "/hearth/"
PUBLISHED: Final = "2026-12-01"
NOTES: Final = "What is new: <b>nothing</b> that could be seen."


class Publisher:
    """Offers one version at a time, at one address."""

    def __init__(self, far: FarEnd) -> None:
        self.far = far
        self.signer = Signer()
        self.serial = 0

    @property
    def asks(self) -> dict[str, Any]:
        """What a bundle is to say so that it asks here."""
        address = self.far.url + FOLDER + updates.LATEST
        return {"address": address, "public_key": self.signer.public_key, "stores": []}

    def told(self, archive: Path) -> dict[str, Any]:
        """What is said of an archive that lies alone in its folder."""
        content = updates.latest(archive.parent, 1, NOTES, PUBLISHED)
        return dict(json.loads(content))

    def offer(
        self,
        told: Mapping[str, Any],
        content: bytes,
        *,
        signer: Signer | None = None,
        serial: int = 0,
    ) -> None:
        """Offer what was told with this archive, as the newest of all or with a number."""
        self.serial = max(self.serial + 1, serial)
        said = json.dumps({**told, "serial": serial or self.serial}).encode()
        self.far.files[FOLDER + updates.LATEST] = said
        signature = (signer or self.signer).sign(said)
        self.far.files[f"{FOLDER}{updates.LATEST}.minisig"] = signature
        self.far.files[self.path(told)] = content

    @staticmethod
    def path(told: Mapping[str, Any]) -> str:
        """Where the archive is."""
        (item,) = told["artefacts"].values()
        return FOLDER + str(item["file"])


@dataclass
class Offered:
    """A version as it is put there: the bundle, what is told, the archive."""

    version: str
    bundle: Path
    told: dict[str, Any]
    content: bytes

    @property
    def unpacked_bytes(self) -> int:
        (item,) = self.told["artefacts"].values()
        return int(item["unpacked_bytes"])

    def says(self, content: bytes) -> dict[str, Any]:
        """What a publisher tells who has signed another archive."""
        said = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return {
            **self.told,
            "artefacts": {k: {**v, **said} for k, v in self.told["artefacts"].items()},
        }


class Street:
    """The bundle that people have, `old`, and makers of newer ones."""

    def __init__(self, tested: Path, base: Path, far: FarEnd) -> None:
        self.base = base
        self.publisher = Publisher(far)
        self._tested = tested
        self.version = _version(tested)
        self.old = self.made(self.version, "Räume für Hearth")
        _lock(self.old)

    def later(self, steps: int) -> str:
        """The number of a version that is newer by so many."""
        first, *_ = self.version.split(".")
        return f"{int(first) + steps}.0.0"

    def made(self, version: str, folder: str, modules: Mapping[str, str] | None = None) -> Path:
        """Another version of the bundle."""
        named = "" if version == self.version else version
        into = self.base / folder
        into.mkdir()
        return remade(self._tested, into, version=named, asks=self.publisher.asks, modules=modules)

    def offered(self, version: str, modules: Mapping[str, str] | None = None) -> Offered:
        """Another version, packed."""
        bundle = self.made(version, f"made {version}", modules)
        into = self.base / f"packed {version}"
        into.mkdir()
        archive = updates.archive(bundle, into, is_quick=True)
        return Offered(version, bundle, self.publisher.told(archive), archive.read_bytes())


@dataclass
class Person:
    """Somebody with a home of their own, who may not write where Hearth was installed."""

    home: Path
    rights: dict[str, int]
    environment: dict[str, str]

    @property
    def versions(self) -> Versions:
        return Versions(self.home / ".local" / "share" / "hearth-program")

    def begin(self, program: Path, *words: str, **more: str) -> subprocess.Popen[str]:
        """Start a program as this person."""
        return subprocess.Popen(
            [program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **self._how(more),
        )

    def run(self, program: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        with self.begin(program, *words, **more) as process:
            try:
                said, complained = process.communicate(timeout=DEADLINE_S)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, said, complained)

    def document(self, program: Path, *words: str, **more: str) -> Any:
        """What a command that succeeds prints."""
        done = self.run(program, *words, "--json", **more)
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def refused(self, program: Path, *words: str) -> str:
        """The sentences of a command that refuses, and says so without a traceback."""
        done = self.run(program, *words, "--json")
        assert done.returncode == 1, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        error = json.loads(done.stdout)["error"]
        return f"{error['title']} {error['detail']} {error['remedy']}"

    def window(self, bundle: Path, **more: str) -> contextlib.AbstractContextManager[Window]:
        """The window of a bundle, driven."""
        return started([str(bundle / "hearth-driver")], **self._how(more))

    def version_of(self, bundle: Path, **more: str) -> str:
        """Which version a start leads to."""
        done = self.run(bundle / "hearth", "--version", **more)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()[-1]

    def own(self, path: Path) -> None:
        """Have something belong to this person."""
        if self.rights:
            for each in [path, *path.rglob("*")]:
                os.chown(each, self.rights["user"], self.rights["group"], follow_symlinks=False)

    def _how(self, more: Mapping[str, str]) -> dict[str, Any]:
        return {"cwd": self.home, "env": {**self.environment, **more}, **self.rights}


@contextlib.contextmanager
def somebody(base: Path, bundle: Path) -> Iterator[Person]:
    """A person with an empty home."""
    with tempfile.TemporaryDirectory(prefix="home-", dir=base) as above:
        Path(above).chmod(0o755)
        home = Path(above) / "Jürgen Žižek"
        home.mkdir()
        rights = as_nobody(home, bundle / "hearth")
        nothing = Path(above) / "nothing"
        nothing.mkdir()
        environment = {
            "HOME": str(home),
            "PATH": str(nothing),
            "QT_QPA_PLATFORM": "offscreen",
            "LANG": "C",
        }
        yield Person(home, rights, environment)


@contextlib.contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """A folder for the time of a `with`, where others may come as well."""
    base = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
    base.chmod(0o755)
    try:
        yield base
    finally:
        for path in base.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(base)


def held(n_bytes: int) -> Any:
    """So many bytes of the file, and then silence until the other end is gone."""

    def answer(reply: Reply) -> None:
        content = reply.far.files[reply.path]
        first, last = reply.wanted(len(content))
        part = content[first or 0 : last + 1]
        reply.send_response(200 if first is None else 206)
        for name, value in reply.names().items():
            reply.send_header(name, value)
        if first is not None:
            reply.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        reply.send_header("Content-Length", str(len(part)))
        reply.end_headers()
        reply.close_connection = True
        reply.wfile.write(part[: max(0, n_bytes - (first or 0))])
        reply.wfile.flush()
        reply.connection.recv(1)

    return answer


def _version(bundle: Path) -> str:
    told = json.loads((bundle / "_internal" / "build.json").read_text("utf-8"))
    return str(told["version"])


def _lock(folder: Path) -> None:
    """Nobody may write there."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o555)
