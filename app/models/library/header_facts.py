"""What the library needs to know of one file, from its header; kept by path, size and time.

Read on the library's own threads. The cache may be lost at any time: damaged is as good as empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, get_args

from app.foundation.atomic import write_atomically
from app.foundation.errors import HearthError, ModelUnsupported
from app.gguf.check import check_model
from app.gguf.facts import quant_of
from app.gguf.header import Header
from app.gguf.kinds import Kind, n_splits, purpose_of, split_index
from app.gguf.reader import read_header
from app.models.library.kept import State
from app.models.support import RUNTIME, Supported, problem_of

MOST_FILES: Final = 20_000
_MOST_BYTES: Final = 32 << 20
_FORMAT: Final = 1
_BLOCK_BYTES: Final = 1 << 20
_SAMPLE_BYTES: Final = 4096
_SAMPLES: Final = 16


@dataclass(frozen=True, slots=True)
class Facts:
    """One file. `fingerprint` is the same for equal contents: a hash of the header and of samples
    of the data. `problem` says why it cannot be used ("" where it can)."""

    fingerprint: str
    name: str
    architecture: str
    kind: Kind
    quant: str
    n_embd: int
    n_splits: int
    split_index: int
    state: State
    problem: str


def facts_at(path: Path, supported: Supported = RUNTIME) -> Facts:
    """The facts of a file, damaged ones too. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        file_bytes = os.fstat(file.fileno()).st_size
    try:
        header = read_header(path)
    except HearthError as error:
        return _without_header(path, file_bytes, error)
    state, problem = _judged(header, supported)
    purpose = purpose_of(header)
    return Facts(
        fingerprint=fingerprint(path, header.data_offset),
        name=header.text("general.name") or "",
        architecture=header.architecture,
        kind=purpose.kind,
        quant=quant_of(header),
        n_embd=_width(header),
        n_splits=n_splits(header),
        split_index=split_index(header),
        state=state,
        problem=problem,
    )


def fingerprint(path: Path, header_bytes: int) -> str:
    """A hash of a file's length, its first bytes, and blocks spread evenly over the rest."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file_bytes = os.fstat(file.fileno()).st_size
        digest.update(str(file_bytes).encode("ascii"))
        _feed(digest.update, file, min(header_bytes, file_bytes))
        step = max(_SAMPLE_BYTES, (file_bytes - header_bytes) // _SAMPLES)
        for at in range(header_bytes, file_bytes, step):
            file.seek(at)
            digest.update(file.read(_SAMPLE_BYTES))
        if file_bytes > _SAMPLE_BYTES:
            file.seek(-_SAMPLE_BYTES, os.SEEK_END)
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:32]


def _feed(update: Callable[[bytes], object], file: BinaryIO, n_bytes: int) -> None:
    while n_bytes > 0:
        block = file.read(min(_BLOCK_BYTES, n_bytes))
        if not block:
            return
        update(block)
        n_bytes -= len(block)


def _width(header: Header) -> int:
    """How wide the model is; of a projector, how wide its model should be (clip.cpp)."""
    if header.architecture == "clip":
        vision = header.whole("clip.vision.projection_dim")
        return vision or header.whole("clip.audio.projection_dim")
    return header.whole(header.own("embedding_length"))


def _judged(header: Header, supported: Supported) -> tuple[State, str]:
    try:
        unsupported = problem_of(header, supported)
        if unsupported is not None:
            raise unsupported
        check_model(header)
    except ModelUnsupported as error:
        return "unsupported", in_words(error)
    except HearthError as error:
        return "damaged", in_words(error)
    purpose = purpose_of(header)
    if purpose.kind in ("other", "vocabulary"):
        return "unsupported", f"It is {purpose.words}."
    return "ready", ""


def in_words(error: HearthError) -> str:
    """What is wrong with a file, where its name is said already."""
    return " ".join(part for part in (error.detail or error.title, error.remedy) if part)


def _without_header(path: Path, file_bytes: int, error: HearthError) -> Facts:
    state: State = "unsupported" if isinstance(error, ModelUnsupported) else "damaged"
    return Facts(
        fingerprint=fingerprint(path, min(file_bytes, _BLOCK_BYTES)),
        name="",
        architecture="",
        kind="other",
        quant="",
        n_embd=0,
        n_splits=1,
        split_index=0,
        state=state,
        problem=in_words(error),
    )


class FactsCache:
    """Facts of files that were read before, in one JSON file. Never raises; thread-safe."""

    def __init__(self, path: Path, supported: Supported = RUNTIME) -> None:
        self._path = path
        self._supported = supported
        # What a file is good for is kept too, so another runtime begins anew.
        names = repr([sorted(getattr(supported, name), key=str) for name in supported.__slots__])
        self._runtime = hashlib.sha256(names.encode()).hexdigest()[:16]
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, int, Facts]] | None = None
        self._same: dict[tuple[int, int, int, int], Facts] = {}
        self._is_changed = False

    def of(self, path: Path, status: os.stat_result) -> Facts:
        """The facts of the file as it is now. Raises OSError where it cannot be read."""
        key, n_bytes, mtime_ns = str(path), status.st_size, status.st_mtime_ns
        with self._lock:
            known = self._all().pop(key, None)
            if known is not None and known[:2] == (n_bytes, mtime_ns):
                self._all()[key] = known  # last in order: the least used go first
                return known[2]
            same = (status.st_dev, status.st_ino, n_bytes, mtime_ns)
            facts = self._same.get(same) if status.st_ino else None
        if facts is None:
            facts = facts_at(path, self._supported)
        with self._lock:
            self._same[same] = facts  # another name of it needs no reading
            self._all()[key] = (n_bytes, mtime_ns, facts)
            self._is_changed = True
        return facts

    def save(self) -> None:
        """Put on disk what is new."""
        with self._lock:
            self._same.clear()
            if not self._is_changed:
                return
            entries = list(self._all().items())[-MOST_FILES:]
            files = {key: [size, time, asdict(facts)] for key, (size, time, facts) in entries}
            self._is_changed = False
        document = {"format": _FORMAT, "runtime": self._runtime, "files": files}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(document).encode("ascii"))

    def _all(self) -> dict[str, tuple[int, int, Facts]]:
        """Hold the lock."""
        if self._known is None:
            self._known = self._read()
        return self._known

    def _read(self) -> dict[str, tuple[int, int, Facts]]:
        try:
            with self._path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            document = json.loads(content) if len(content) <= _MOST_BYTES else {}
            if document["format"] != _FORMAT or document["runtime"] != self._runtime:
                return {}
            return {
                str(key): (int(size), int(time), _facts_of(fields))
                for key, (size, time, fields) in document["files"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}


def _facts_of(fields: dict[str, Any]) -> Facts:
    """Facts as they were written. Raises ValueError, KeyError or TypeError for anything else."""
    facts = Facts(**fields)
    texts = (facts.fingerprint, facts.name, facts.architecture, facts.quant, facts.problem)
    numbers = (facts.n_embd, facts.n_splits, facts.split_index)
    good = all(type(text) is str for text in texts) and all(type(n) is int for n in numbers)
    if not good or facts.kind not in get_args(Kind) or facts.state not in get_args(State):
        raise ValueError("not the facts of a file")
    return facts
