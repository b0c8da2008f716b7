"""Making a smaller file of a model that is here: what it would take, and the making itself.

Any thread but the window's; every call blocks. llama.cpp works in a child; the result is checked
and put into the models folder under a name of ours. Knows neither the library nor a face.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from app.foundation.cancellation import Cancellation
from app.foundation.children import ChildDied, run_child
from app.foundation.errors import (
    HearthError,
    InvalidInput,
    ModelUnsupported,
    RequestFailed,
)
from app.foundation.units import MIB, bytes_text
from app.gguf.check import check_model
from app.gguf.facts import ModelFacts, facts_of
from app.gguf.header import Header
from app.gguf.reader import read_header
from app.gguf.split import read_model
from app.gguf.types import FILE_TYPES, row_bytes
from app.models.download.install import put
from app.models.download.places import component, inside, workshop
from app.models.download.space import (
    SPARE_BYTES,
    check_room,
    full,
    make_folder,
    refusal,
    spare_for,
)
from app.models.mixes import retyped
from app.planner.quality import TIERS, Tier, quality_of

QUANTS: Final = (
    *("Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "IQ4_NL", "IQ4_XS"),
    *("Q4_0", "Q3_K_M"),
)
"""What a model can be made into. What needs an importance matrix is not among
them: without one the result is worthless."""
HERE: Final = "made-here"
"""The folder in the models folder that stands where others have the name of a publisher."""
DEADLINE_S: Final = 24 * 3600.0
_WORTH_IT: Final = 0.98
"""A target must be smaller than this share of the source to be offered."""
_NEARLY_FULL_BYTES: Final = 16 * MIB
"""A disk with less is what a failure is put down to."""
_LEFT_BEHIND_S: Final = 3600
_BLOCK_BYTES: Final = 4 * MIB
_FULL: Final = frozenset({"F32", "F16", "BF16", "F64"})
_LIGHT: Final = _FULL | {"Q8_0"}
#: Types that publishers train for: nothing smaller comes of them that is any good.
_TRAINED: Final = frozenset({"MXFP4", "NVFP4", "TQ1_0", "TQ2_0", "Q1_0", "Q2_0"})
_NUMBERS: Final = {label: number for number, label in FILE_TYPES.items()}
_LABEL: Final = re.compile(
    r"[-_. ]+(?:UD-)?(?:I?Q\d(?:_[0-9A-Z]+)*|BF16|F16|F32|MXFP4(?:_MOE)?|NVFP4)\Z", re.IGNORECASE
)
_SPLIT: Final = re.compile(r"-\d{5}-of-\d{5}\Z")

Stage = Literal["making", "checking"]


@dataclass(frozen=True, slots=True)
class Target:
    """What the file would become. `bytes` is calculated; `tier` is at best the source's own.
    `facts` are those that its header would have."""

    quant: str
    bytes: int
    tier: Tier
    facts: ModelFacts = field(repr=False, compare=False)

    @property
    def room_bytes(self) -> int:
        """What must be free on the disk before it is made."""
        return self.bytes + spare_for(self.bytes, SPARE_BYTES)


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that is here and what can be made of it, the largest first; `targets` is empty where
    it is as small as it gets. A `warning` must be accepted before anything is made."""

    source: Path
    name: str
    quant: str
    bytes: int
    targets: tuple[Target, ...]
    warning: str = ""

    def target(self, quant: str) -> Target:
        """The target of that name, whatever the case. Raises InvalidInput."""
        for target in self.targets:
            if target.quant.lower() == quant.lower():
                return target
        can_be = ", ".join(target.quant for target in self.targets)
        raise InvalidInput(
            f"{self.name} cannot be made into {quant[:40]}.",
            f"It is {self.quant}, {bytes_text(self.bytes)}. "
            + (f"It can become {can_be}." if can_be else "Nothing smaller can be made of it."),
            "Choose one of these." if can_be else "Start from a larger file of the same model.",
        )


@dataclass(frozen=True, slots=True)
class Making:
    """How far it has come. `total_bytes` is what was calculated before."""

    stage: Stage
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made, checked and put into its place."""

    path: Path
    source: Path
    name: str
    quant: str
    bytes: int
    sha256: str


class QuantizingStopped(RequestFailed):
    """The person stopped it; nothing was left on the disk."""

    code = "quantizing_stopped"

    def __init__(self) -> None:
        super().__init__("It was stopped.", "No smaller file was made.", "Start it again.")


class Quantizing:
    """Thread-safe: it keeps nothing but what it was made with."""

    def __init__(
        self, folder: Callable[[], Path], record: Callable[[Made], None] = lambda made: None
    ) -> None:
        """`folder` is where models are kept; `record` is told of every file that was made."""
        self._folder = folder
        self._record = record

    def offer(self, source: Path) -> Offer:
        """What can be made of a model: sizes by arithmetic, nothing is started.

        Raises ModelNotFound, ModelFileInvalid, or ModelUnsupported for what cannot be made
        smaller at all.
        """
        return _offer(*_read(source))

    def free_bytes(self) -> int | None:
        """What is free where it would be written; None where the disk does not say."""
        folder = self._folder()
        for place in (folder, *folder.parents):
            with contextlib.suppress(OSError):
                return shutil.disk_usage(place).free
        return None

    def make(
        self,
        source: Path,
        quant: str,
        *,
        accept_warning: bool = False,
        cancellation: Cancellation | None = None,
        progress: Callable[[Making], None] = lambda making: None,
    ) -> Made:
        """Make it, check it and put it into its place; minutes for a large model.

        `progress` is called on this thread. Raises as `offer`, InvalidInput (also for a warning
        that was not accepted, and for a file that is there already), QuantizingStopped,
        StorageError and its kin, RequestFailed, ChildFailed.
        """
        header, facts = _read(source)
        offer = _offer(header, facts)
        target = offer.target(quant)
        if offer.warning and not accept_warning:
            raise InvalidInput(
                "Making this smaller costs more than usual.",
                offer.warning,
                "Start from the original file, or say that it is meant.",
            )
        folder = self._folder()
        make_folder(folder, was_there=False)
        place = _place(folder, offer.name, target.quant)
        if os.path.lexists(place):
            raise _taken(place)
        partial = inside(folder, workshop(folder, f"quantize-{uuid.uuid4().hex}.part"))
        try:
            _prepare(partial.parent, target.bytes)
            _run(offer, target, partial, cancellation, progress)
            _check(partial, header, target)
            sha256 = _settled(partial, cancellation, progress)
            n_bytes = partial.stat().st_size
            put([(partial, place)])
        except FileExistsError:
            raise _taken(place) from None
        except OSError as error:
            raise refusal(error, folder, wanted_bytes=target.bytes) from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        made = Made(place, source, offer.name, target.quant, n_bytes, sha256)
        self._record(made)
        return made


def _taken(place: Path) -> InvalidInput:
    return InvalidInput(
        f"{place.name} is there already.", f"{place}.", "Remove or rename it first."
    )


def _read(source: Path) -> tuple[Header, ModelFacts]:
    header = read_model(source)
    facts = facts_of(header)
    if facts.kind not in ("chat", "embedding"):
        raise ModelUnsupported(
            f"{source.name} cannot be made smaller.",
            f"It is {facts.kind_words}.",
            "Choose the file of a model.",
        )
    check_model(header)
    return header, facts


def _offer(header: Header, facts: ModelFacts) -> Offer:
    source = Path(header.path)
    types = _weight_types(header)
    if trained := types & _TRAINED:
        raise ModelUnsupported(
            f"{facts.name} is as small as it gets.",
            f"Its weights were trained to be kept in few bits ({min(trained)}); "
            "fewer would ruin it.",
            "Choose a smaller model instead.",
        )
    own = quality_of(facts.quant, n_params=facts.n_params).tier
    targets: list[Target] = []
    for quant in QUANTS:
        becoming = _becoming(header, facts, quant)
        n_bytes = becoming.file_bytes
        # Rows that do not fit a type get another: a worse one may then come out the same.
        is_same = n_bytes in [target.bytes for target in targets]
        if not is_same and n_bytes <= _WORTH_IT * facts.file_bytes:
            tier = quality_of(quant, n_params=facts.n_params).tier
            worse = max(tier, own, key=TIERS.index)
            targets.append(Target(quant, n_bytes, worse, becoming))
    warning = ""
    if not types <= _LIGHT:
        warning = (
            f"This file was made smaller once already ({facts.quant}). What is made from it is "
            "worse than the same made from the original."
        )
    name = _name(header)
    targets.sort(key=lambda target: -target.bytes)
    return Offer(source, name, facts.quant, facts.file_bytes, tuple(targets), warning)


def _weight_types(header: Header) -> set[str]:
    """The types of the matrices; vectors are kept as they are and say nothing."""
    return {tensor.type_name for tensor in header.tensors if len(tensor.shape) > 1}


def _becoming(header: Header, facts: ModelFacts, quant: str) -> ModelFacts:
    """What the file will be: a header of the same length, and tensors by llama.cpp's rules."""
    n_layers = max(1, header.whole(header.own("block_count")))
    heads, kv_heads = max(facts.n_head, default=0), max(facts.n_head_kv, default=0)
    n_gqa = heads // kv_heads if kv_heads else 0
    types = retyped(quant, header.tensors, n_layers, n_gqa, facts.n_expert)
    tensors = []
    weights = 0
    for tensor in header.tensors:
        rows = tensor.n_elements // tensor.shape[0]
        n_bytes = row_bytes(types[tensor.name], tensor.shape[0]) * rows
        tensors.append(replace(tensor, type_name=types[tensor.name], n_bytes=n_bytes))
        weights += -(-n_bytes // 32) * 32
    becoming = replace(
        header,
        metadata=header.metadata | {"general.file_type": _NUMBERS[quant]},
        tensors=tuple(tensors),
        file_bytes=header.data_offset + weights,
    )
    return facts_of(becoming)


def _name(header: Header) -> str:
    """What the file calls itself, without a label that will no longer hold."""
    text = header.text("general.name") or _SPLIT.sub("", Path(header.path).stem)
    return _LABEL.sub("", text).strip() or "model"


def _place(folder: Path, name: str, quant: str) -> Path:
    word = "-".join(name.split())
    if not re.search(r"[A-Za-z0-9]", word):
        word = f"model-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
    home = folder / HERE / component(f"{word}-GGUF")
    return inside(folder, home / component(f"{word}-{quant}", ".gguf"))


def _prepare(folder: Path, n_bytes: int) -> None:
    """Make the workshop, clear what a process that was killed left, and look at the room."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob("quantize-*.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFT_BEHIND_S:
                path.unlink()
    check_room(folder.parent, n_bytes, spare_for(n_bytes, SPARE_BYTES))


def _run(
    offer: Offer,
    target: Target,
    partial: Path,
    cancellation: Cancellation | None,
    progress: Callable[[Making], None],
) -> None:
    """Let llama.cpp write the file, in a child."""
    request = {
        "source": str(offer.source.absolute()),
        "target": str(partial.absolute()),
        "file_type": _NUMBERS[target.quant],
    }
    progress(Making("making", 0, target.bytes))
    try:
        run_child(
            "quantize",
            request,
            deadline_s=DEADLINE_S,
            cancellation=cancellation,
            on_progress=lambda told: progress(
                Making("making", min(int(told["bytes"]), target.bytes), target.bytes)
            ),
        )
    except ChildDied as death:
        if death.verdict == "cancelled":
            raise QuantizingStopped from None
        raise _or_full(death, partial, target.bytes) from death
    except RequestFailed as error:
        raise _or_full(error, partial, target.bytes) from error


def _check(partial: Path, source: Header, target: Target) -> None:
    """Raise RequestFailed where this is not the whole of the same model in the wanted type.

    A disk that ran full leaves a file that is too short or has no header, without an error.
    """
    try:
        header = read_header(partial)
        check_model(header)
        facts = facts_of(header)
        shapes = {tensor.name: tensor.shape for tensor in header.tensors}
        is_same = shapes == {tensor.name: tensor.shape for tensor in source.tensors}
        end = header.data_offset + max(t.offset + t.n_bytes for t in header.tensors)
        is_whole = is_same and facts.quant == target.quant and end <= header.file_bytes
        why = "" if is_whole else "It is not the same model in the type that was asked for."
    except HearthError as error:
        why = error.detail or error.title
    if why:
        failed = RequestFailed(
            "The smaller file came out wrong and was removed.",
            why,
            "Check that there is room on the disk and that the model itself is whole.",
        )
        raise _or_full(failed, partial, target.bytes)


def _settled(
    partial: Path, cancellation: Cancellation | None, progress: Callable[[Making], None]
) -> str:
    """Its SHA-256, once all of it is on the disk."""
    digest, done = hashlib.sha256(), 0
    with partial.open("r+b") as file:
        os.fsync(file.fileno())
        total = os.fstat(file.fileno()).st_size
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            progress(Making("checking", done, total))
            if cancellation is not None and cancellation.is_set:
                raise QuantizingStopped
    return digest.hexdigest()


def _or_full(error: HearthError, partial: Path, n_bytes: int) -> HearthError:
    """The error, or that the disk is full where that explains it."""
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(partial.parent).free
        if free < _NEARLY_FULL_BYTES:
            return full(partial.parent.parent, n_bytes, n_bytes - free)
    return error
