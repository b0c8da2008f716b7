"""Makes the bundle: PyInstaller by `build.spec`, then facts, licences, and no debug symbols.

Everything is made in a folder of its own and gets its name when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO, Any

from app.foundation.build import LIST
from installer.package import checks, contents, elf, facts, licences
from installer.package.source import SETTINGS, Setting
from installer.runtime import build as runtime_build
from installer.runtime.workshop import Workshop

PROGRAM = "hearth.exe" if os.name == "nt" else "hearth"


def make(workshop: Workshop, out: Path) -> Path:
    """The folder of a new bundle, made from this checkout. Replaces the one before."""
    runtime = runtime_build.built(workshop)
    said = _sources(workshop)
    work, fresh = out / "work", out / "work" / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    print("Packing the program …", flush=True)
    _freeze(workshop, runtime, work, fresh)
    folder = fresh / "hearth"
    inside = checks.inside_of(folder)
    told = facts.of(workshop.root, runtime)
    (inside / facts.FILE).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print("Collecting licences …", flush=True)
    _collect_licences(workshop, runtime, work, inside)
    _strip(workshop, inside)
    write_list(inside)
    for setting, named in said:
        setting.put(folder, named)
    _settle(folder, facts.epoch(workshop.root))
    target = out / "bundle" / "hearth"
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(target)
    return target


def _sources(workshop: Workshop) -> list[tuple[Setting, dict[str, Any]]]:
    try:
        return [(setting, setting.named(os.environ)) for setting in SETTINGS]
    except ValueError as error:
        workshop.refuse(f"{error}\nNothing was packed; installer/README.md says what is needed.")


def _freeze(workshop: Workshop, runtime: Path, work: Path, into: Path) -> None:
    command = [str(workshop.python), "-m", "PyInstaller", "build.spec", "--noconfirm"]
    command += ["--log-level", "WARN", "--distpath", str(into)]
    command += ["--workpath", str(work / "pyinstaller")]
    environment = {
        "HEARTH_PACKAGE_RUNTIME": str(runtime),
        "HEARTH_PACKAGE_WORK": str(work),
        "PYTHONHASHSEED": "1",
        "SOURCE_DATE_EPOCH": str(facts.epoch(workshop.root)),
    }
    if contents.system() == "win32":
        from installer.windows import looks  # which knows of what is made from a bundle

        environment |= looks.environment(workshop, work)
    workshop.run(command, work / "pyinstaller.log", environment, "Packing")


def _collect_licences(workshop: Workshop, runtime: Path, work: Path, inside: Path) -> None:
    taken = [tuple(entry) for entry in json.loads((work / "taken.json").read_text("utf-8"))]
    origins = licences.Origins(
        workshop.root, runtime, facts.of(workshop.root, runtime)["llama_cpp"], work
    )
    try:
        licences.collect([(a, b, c) for a, b, c in taken], origins, inside / "licences")
    except licences.NoLicence as error:
        workshop.refuse(
            f"{error}.\nNothing is packed whose licence is not known: add its text to "
            "installer/package/texts, or leave the file out in installer/package/contents.py."
        )


def _strip(workshop: Workshop, inside: Path) -> None:
    """Take the debug symbols out of all libraries but the runtime's, which come without and stay as
    they were tested, byte for byte."""
    if contents.system() != "linux" or not shutil.which("strip"):
        return
    for path in sorted(inside.rglob("*.so*")):
        if inside / "runtime" in path.parents or path.is_symlink():
            continue
        if elf.is_elf(path):
            path.chmod(0o755)
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)


def write_list(inside: Path) -> None:
    """Write down every file with its size: `hearth doctor` sees what was copied in part."""
    listed = {
        path.relative_to(inside).as_posix(): path.stat().st_size
        for path in sorted(inside.rglob("*"))
        if path.is_file()
    }
    (inside / LIST).write_text(json.dumps(listed, indent=0) + "\n", encoding="utf-8")


def _settle(folder: Path, epoch_s: int) -> None:
    """Rights and times that do not tell of the machine: everybody reads, programs start."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            continue
        if path.is_dir() or path.parent == folder:
            path.chmod(0o755)
        else:
            path.chmod(0o644)
        os.utime(path, (epoch_s, epoch_s))


def examined(workshop: Workshop, folder: Path) -> checks.Facts:
    """What holds of the bundle, and how big it is for those who fetch it."""
    found = checks.examine(folder, workshop.root)
    found.packed_bytes = packed(folder, workshop.root / "build" / "package" / "work")
    if found.packed_bytes > contents.MOST_PACKED_BYTES:
        found.problems.append(f"packed it has {found.packed_bytes:,} bytes, more than is allowed")
    return found


def packed(folder: Path, work: Path) -> int:
    """Bytes of the bundle as an archive that `xz` has packed. Kept until the bundle changes."""
    mark = work / "packed.json"
    newest = (folder / PROGRAM).stat().st_ctime_ns
    if mark.is_file() and (known := json.loads(mark.read_text("utf-8")))[0] == newest:
        return int(known[1])
    print("Packing it as for a download, to see its size …", flush=True)

    class Counter:
        n_bytes = 0

        def write(self, data: bytes) -> int:
            self.n_bytes += len(data)
            return len(data)

    counter = Counter()
    with tarfile.open(fileobj=_as_file(counter), mode="w|xz") as archive:
        archive.add(folder, "hearth")
    mark.write_text(json.dumps([newest, counter.n_bytes]), encoding="utf-8")
    return counter.n_bytes


def _as_file(counter: object) -> IO[bytes]:
    return counter  # type: ignore[return-value] # only `write` is called


def prepared(workshop: Workshop, out: Path) -> dict[str, str]:
    """For the tests: a copy of the bundle that nobody may write to, where no simple program expects
    it, with the driver of the window beside; and the environment that names both."""
    place = out / "verify" / "Räume für Hearth" / "hearth"
    _unlock(out / "verify")
    shutil.rmtree(out / "verify", ignore_errors=True)
    shutil.copytree(out / "bundle" / "hearth", place, symlinks=True)
    environment = {"HEARTH_EXECUTABLE": str(place / PROGRAM)}
    if contents.system() == "linux":
        print("Packing the driver of the window …", flush=True)
        command = [str(workshop.python), "-m", "PyInstaller", "installer/package/driver.spec"]
        command += ["--noconfirm", "--log-level", "WARN", "--distpath", str(out / "work")]
        command += ["--workpath", str(out / "work" / "pyinstaller-driver")]
        workshop.run(command, out / "work" / "driver.log", {}, "Packing the driver")
        _add(out / "work" / "hearth-driver", place)
        environment["HEARTH_WINDOW_DRIVER"] = str(place / "hearth-driver")
    for path in [*place.rglob("*"), place]:
        if path.is_dir():
            path.chmod(0o555)
    return environment


def _add(more: Path, place: Path) -> None:
    """Lay the files of a folder beside those of another, which stay as they are."""
    for path in sorted(more.rglob("*")):
        target = place / path.relative_to(more)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def _unlock(folder: Path) -> None:
    """Let what nobody may write to be removed."""
    for path in [folder, *folder.rglob("*")] if folder.is_dir() else []:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
