"""The bundle as people have it: no Python around, a folder that nobody may write to, a home with
letters that are not English, and nothing but what lies beside the program.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from installer.package import checks, contents
from tests.fixtures.far_end import Reply
from tests.hub import samples
from tests.hub.server import LoopbackHub
from tests.package.bundle.conftest import Hearth

ROOT = Path(__file__).resolve().parents[3]
NEEDS_TRACER = pytest.mark.skipif(not shutil.which("strace"), reason="strace is missing")


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and when it was written to."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def test_everything_holds_that_can_be_seen_from_outside(bundle: Path) -> None:
    facts = checks.examine(bundle, ROOT)
    assert facts.problems == []
    assert facts.n_files > 100


def test_selftest_answers_and_writes_nothing_beside_the_program(
    hearth: Hearth, executable: Path
) -> None:
    before = listing(executable.parent)
    done = hearth("selftest")
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stderr == ""
    assert listing(executable.parent) == before


def test_the_guide_answers(hearth: Hearth) -> None:
    answer = document(hearth("ask", "How do I add a model?", "--json"))
    assert ".gguf" in answer["text"]
    assert answer["model"]


def test_doctor_finds_nothing_wrong_and_names_the_build(hearth: Hearth, bundle: Path) -> None:
    told = json.loads((checks.inside_of(bundle) / "build.json").read_text("utf-8"))
    found = {each["name"]: each for each in document(hearth("doctor", "--json"))["checks"]}
    assert [each for each in found.values() if not each["ok"]] == []
    assert told["version"] in found["Program"]["detail"]
    assert told["commit"][:12] in found["Program"]["detail"]
    assert told["qt"] in found["Window"]["detail"]
    assert any(variant in found["llama.cpp"]["detail"] for variant in told["runtime_variants"])


def test_probe_takes_a_variant_of_the_runtime_inside(hearth: Hearth, bundle: Path) -> None:
    told = json.loads((checks.inside_of(bundle) / "build.json").read_text("utf-8"))
    found = document(hearth("probe", "--json"))
    assert any(variant in json.dumps(found) for variant in told["runtime_variants"])


def test_the_catalogue_is_inside(hearth: Hearth) -> None:
    assert document(hearth("models", "recommend", "--json"))
    assert document(hearth("plan", "qwen3.5-4b", "--json"))["file_bytes"] > 0


def test_a_hub_is_searched(hearth: Hearth, hub: LoopbackHub) -> None:
    samples.fill(hub.shelf, large_bytes=2_000_000)
    done = hearth("models", "search", "Tiny", "--json", HF_ENDPOINT=hub.url)
    assert "Tiny-Llama-GGUF" in json.dumps(document(done))


def test_a_certificate_that_nobody_vouches_for_is_refused_in_a_sentence(
    hearth: Hearth, tmp_path: Path
) -> None:
    """Certificates are checked by the system's store: what that takes is inside."""
    with tls_server(tmp_path) as address:
        done = hearth("models", "search", "Tiny", "--json", HF_ENDPOINT=address)
    assert done.returncode == 1
    assert "certificate" in json.loads(done.stdout)["error"]["detail"].lower()


def test_no_keyring_is_a_state_and_no_fault(hearth: Hearth) -> None:
    done = hearth("doctor", "--json", DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@NEEDS_TRACER
def test_helpers_are_the_program_itself(
    hearth: Hearth, executable: Path, tmp_path: Path, home: Path
) -> None:
    log = home / "started.txt"
    strace = str(shutil.which("strace"))
    done = hearth("doctor", "--json", under=(strace, "-f", "-e", "trace=execve", "-o", str(log)))
    assert done.returncode == 0, done.stderr
    started = [line for line in log.read_text().splitlines() if "execve(" in line]
    assert len(started) > 2
    name = executable.name
    assert [line for line in started if f'/{name}", ' not in line and "ENOENT" not in line] == []


def test_every_module_that_is_found_by_its_name_is_inside(bundle: Path) -> None:
    from pygments.lexers._mapping import LEXERS

    modules = packed_modules(bundle)
    wanted = {module for module, *_ in LEXERS.values()}
    wanted |= set(contents.modules_of(ROOT))
    wanted |= set(contents.HIDDEN_MODULES[contents.system()])
    wanted |= {"truststore", "huggingface_hub.hf_api", "llama_cpp.llama_cpp", "secretstorage"}
    assert wanted - modules == set()


def test_nothing_unwanted_is_inside(bundle: Path) -> None:
    modules = packed_modules(bundle)
    unwanted = {
        name
        for name in modules
        for each in contents.UNWANTED_MODULES
        if name == each or name.startswith(f"{each}.")
    }
    assert unwanted == set()


def test_the_licence_of_every_distribution_inside_is_there(bundle: Path) -> None:
    folder = checks.inside_of(bundle) / "licences"
    index = json.loads((folder / "index.json").read_text("utf-8"))
    names = {part["name"] for part in index}
    assert {"Python", "Qt and PySide6", "llama.cpp and ggml", "Hearth", "Pygments"} <= names
    for part in index:
        assert part["texts"], part["name"]
        for text in part["texts"]:
            assert (folder / text).stat().st_size > 200, text
    read_me = (folder / "READ ME.txt").read_text("utf-8")
    assert "LGPL-3.0.txt" in read_me
    assert "download.qt.io" in read_me


def packed_modules(bundle: Path) -> set[str]:
    """The names of all modules inside the program and beside it."""
    from PyInstaller.archive.readers import CArchiveReader

    archive = CArchiveReader(str(bundle / "hearth"))
    found: set[str] = set()
    for name, (*_, kind) in archive.toc.items():
        if kind == "z":
            found |= set(archive.open_embedded_archive(name).toc)
    return found


class tls_server:  # noqa: N801 - used as a function
    """A server on loopback that vouches for itself."""

    def __init__(self, folder: Path) -> None:
        if not (openssl := shutil.which("openssl")):
            pytest.skip("openssl, which makes the certificate, is missing")
        self._certificate, key = folder / "certificate.pem", folder / "key.pem"
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", str(key), "-out", str(self._certificate)],
            check=True,
            capture_output=True,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, key)
        self._server = HTTPServer(("127.0.0.1", 0), Reply)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"https://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
