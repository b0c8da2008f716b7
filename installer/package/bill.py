"""The software bill of materials, as CycloneDX: what is inside of a bundle, from where, its sums.

Standard library alone. Made from what the bundle says of itself (its licences, its facts, the
runtime's manifest) and from the lock file, which must say the same. Looks nothing up.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from installer.package.made import Made
from installer.runtime.workshop import Workshop

SPEC_VERSION: Final = "1.6"
#: Parts that have another name in the bundle than where they are from.
_DISTRIBUTION_OF: Final = {
    "Qt and PySide6": "pyside6-essentials",
    "Shiboken (part of PySide6)": "shiboken6",
    "PyInstaller's start of the bundle": "pyinstaller",
}
_DEBIAN: Final = re.compile(r"(.+) \(Debian and Ubuntu\)")
#: Names that the SPDX list has, of those that parts say they are under.
_SPDX: Final = frozenset(
    (
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND"),
        *("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "ISC"),
        *("LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT"),
        *("MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib"),
    )
)
#: For names of our own that are always the same for the same thing.
_OURS: Final = uuid.UUID("5f0f8c3e-8b0c-5d4e-9a37-2f6f0b9d1c55")


class DoesNotAgree(ValueError):
    """The bundle and the lock file say different things."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One pinned distribution; `sums` are the SHA-256 of every file of it that may be installed."""

    version: str
    sums: tuple[str, ...]


Lock = Mapping[str, Sequence[Locked]]


def make(workshop: Workshop, bundle: Path, into: Path) -> list[Made]:
    """The bill of this bundle."""
    inside = inside_of(bundle)
    lock = locked((workshop.root / "requirements.lock").read_text("utf-8"))
    try:
        told = bill(inside, lock)
    except DoesNotAgree as error:
        workshop.refuse(str(error))
    facts = told["metadata"]["component"]
    system = next(one["value"] for one in facts["properties"] if one["name"] == "hearth:system")
    path = into / f"Hearth-{facts['version']}-{system}.cdx.json"
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [Made("bill", path, f"{len(told['components'])} parts")]


def inside_of(bundle: Path) -> Path:
    return bundle / "_internal"


def locked(text: str) -> dict[str, list[Locked]]:
    """What the lock file pins, by name; several for one name where systems need different ones."""
    found: dict[str, list[Locked]] = {}
    for entry in re.findall(r"^[A-Za-z0-9].*?(?=^[A-Za-z0-9#]|\Z)", text, re.M | re.S):
        name, _, rest = entry.partition("==")
        version = re.split(r"[\s;\\]", rest, maxsplit=1)[0]
        sums = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
        found.setdefault(_canonical(name.partition("[")[0]), []).append(Locked(version, sums))
    return found


def bill(inside: Path, lock: Lock) -> dict[str, Any]:
    """The document for the bundle whose data are in a folder. Raises DoesNotAgree."""
    facts = json.loads((inside / "build.json").read_text("utf-8"))
    parts = json.loads((inside / "licences" / "index.json").read_text("utf-8"))
    manifest = json.loads((inside / "runtime" / "manifest.json").read_text("utf-8"))
    components = [_part(part, lock) for part in parts if part["name"] != "Hearth"]
    for component in components:
        if component["name"].startswith("llama.cpp"):
            component |= _runtime(manifest)
    components.append(_model(inside / "resources" / "starter" / "guide.gguf"))
    hearth = _hearth(facts)
    known = f"{facts['version']} {facts['commit']} {facts['system']} {facts['machine']}"
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_OURS, known)}",
        "version": 1,
        "metadata": {
            "timestamp": facts["built_at"],
            "component": hearth,
            "lifecycles": [{"phase": "build"}],
        },
        "components": components,
        "dependencies": [
            {"ref": hearth["bom-ref"], "dependsOn": [each["bom-ref"] for each in components]}
        ],
    }


def _hearth(facts: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "commit": facts["commit"],
        "system": f"{facts['system']}-{facts['machine']}",
        "python": facts["python"],
        "packed_with": facts["packed_with"],
    }
    return {
        "bom-ref": "hearth",
        "type": "application",
        "name": "Hearth",
        "version": facts["version"],
        "licenses": _licences("MIT"),
        "properties": _properties(told),
    }


def _part(part: Mapping[str, Any], lock: Lock) -> dict[str, Any]:
    name, version = part["name"], part["version"]
    component: dict[str, Any] = {
        "bom-ref": f"{_canonical(name)}@{version}" if version else _canonical(name),
        "type": "library",
        "name": name,
        "licenses": _licences(part["licence"]),
    }
    if version:
        component["version"] = version
    key = _DISTRIBUTION_OF.get(name, _canonical(name))
    if pinned := lock.get(key):
        same = [each for each in pinned if each.version == version]
        if not same:
            raise DoesNotAgree(
                f"The bundle holds {name} {version}, and requirements.lock pins "
                f"{' or '.join(each.version for each in pinned)}. "
                "Set up anew (python3 dev.py clean) and make the bundle again."
            )
        component["purl"] = f"pkg:pypi/{key}@{version}"
        sums = {f"locked_sha256_{n}": each for n, each in enumerate(same[0].sums, 1)}
        component["properties"] = _properties(sums)
    elif found := _DEBIAN.fullmatch(name):
        component["purl"] = f"pkg:deb/debian/{found[1]}@{version.replace('+', '%2B')}"
    if part["source"]:
        component["properties"] = [
            *component.get("properties", ()),
            *_properties({"source": part["source"]}),
        ]
    return component


def _runtime(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the runtime's manifest knows: what it was built from, and each of its files."""
    built = ("key", "compiler", "vulkan_headers", "shader_compiler")
    told = {f"runtime_{name}": str(manifest[name]) for name in built if manifest.get(name)}
    source = {"runtime_source_sha256": manifest["distribution"]}
    files = [
        {
            "bom-ref": f"runtime/{file['path']}",
            "type": "file",
            "name": file["path"],
            "hashes": [{"alg": "SHA-256", "content": file["sha256"]}],
        }
        for file in manifest["files"]
    ]
    return {"properties": _properties({**source, **told}), "components": files}


def _model(path: Path) -> dict[str, Any]:
    return {
        "bom-ref": "guide",
        "type": "machine-learning-model",
        "name": "Hearth's built-in guide",
        "licenses": _licences("MIT"),
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
    }


def _licences(said: str) -> list[dict[str, Any]]:
    """An SPDX expression where all its words are known, else the words as a name."""
    words = re.findall(r"[^\s()]+", said)
    names = [word for word in words if word not in ("AND", "OR", "WITH")]
    if names and all(name in _SPDX for name in names):
        return [{"expression": said}] if len(words) > 1 else [{"license": {"id": said}}]
    return [{"license": {"name": said or "not known"}}]


def _properties(told: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"hearth:{name}", "value": value} for name, value in told.items()]


def _canonical(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.strip().lower()).strip("-")
