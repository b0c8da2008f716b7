"""What one download of the torture meets: which model, which faults, when it is killed.

Pure chance from a seed and a number, so that any round can be had again by itself.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from app.models.wanted import Part, Wanted
from tests.fixtures import tiny_models
from tests.hub.content import Content, Held, sown_model
from tests.hub.faults.contents import Replaced, Rewritten
from tests.hub.faults.every import BROKEN_LINE, EVERY, HARMLESS
from tests.hub.faults.fault import ALWAYS, Fault
from tests.hub.faults.lines import Dropped, Slow
from tests.hub.faults.names import EVIL
from tests.hub.server import LoopbackHub
from tests.hub.shelf import Repository

TOKEN: Final = "hf_tortureReaderToken"
Kind = Literal[
    *("faults", "drops", "kills", "damage", "clicks", "twins", "several"),
    *("sleep", "away", "replaced", "names"),
]
WEIGHTS: Final[dict[Kind, int]] = {
    "faults": 46,
    "drops": 10,
    "kills": 12,
    "damage": 8,
    "clicks": 6,
    "twins": 4,
    "several": 4,
    "sleep": 2,
    "away": 2,
    "replaced": 3,
    "names": 3,
}
#: Those in which something happens while the bytes come, so that they should not come at once.
_IN_TIME: Final = frozenset({"kills", "damage", "clicks", "twins", "several", "sleep", "away"})
#: Those of which a download may well hang for as long as silence is borne.
_SLOW: Final = ("silent", "falls silent", "dripping head", "dripping body", "reset at connect")


@dataclass(frozen=True)
class Moment:
    """When that share of all bytes was sent, at the latest after so long."""

    share: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """`kills` are moments of successive lives; faults end `heal_after_s` from the last start."""

    number: int
    kind: Kind
    repository: Repository
    wanted: tuple[Wanted, ...]
    faults: tuple[Fault, ...]
    fault_names: tuple[str, ...]
    kills: tuple[Moment, ...]
    hang_up_after_s: tuple[float, ...]
    heal_after_s: float
    good: frozenset[str]
    """SHA-256 of every file that may be installed."""
    chance: random.Random
    """For what befalls it on the way."""

    @property
    def bytes(self) -> int:
        return sum(content.bytes for content in self.repository.files.values())

    @property
    def n_files(self) -> int:
        return sum(len(one.parts) for one in self.wanted)

    @property
    def words(self) -> str:
        return " + ".join(self.fault_names) or "none"


class Models:
    """Files to serve, made once."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            where = Path(folder)
            self.tiny = [
                Held.of(tiny_models.make(kind, where)) for kind in ("llama", "qwen2", "gemma3")
            ]
            tiny_models.make("mixtral", where / "split", most_tensors=9)
            self.split = [
                (path.name, Held.of(path)) for path in sorted((where / "split").iterdir())
            ]
        self.middling = [
            sown_model(n_bytes, seed) for seed, n_bytes in enumerate((3 << 20, 9 << 20))
        ]
        self.large = sown_model(64 << 20, seed=7)


def plan_of(
    seed: int,
    number: int,
    models: Models,
    hub: LoopbackHub,
    *,
    large: bool,
    only: Kind | None = None,
) -> Plan:
    """The plan of one round, of that kind if one is named; its repository stands on the hub's
    shelf then."""
    source = random.Random(f"{seed}/{number}")
    by_chance = source.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    kind = only or by_chance
    files = _files(source, models, kind, large=large)
    repository = Repository(f"torture/Round-{number}-GGUF", dict(files))
    if source.random() < 0.1:
        repository.gated = "auto"
        repository.readers.add(TOKEN)
    hub.shelf.add(repository)
    n_bytes = sum(content.bytes for content in repository.files.values())
    faults, names = _faults(source, kind, models, n_bytes)
    kills = ()
    if kind in ("kills", "damage", "several"):
        kills = tuple(moment(source) for _ in range(source.randint(1, 3)))
    hang_ups = (source.uniform(0, 0.3),) if source.random() < 0.05 else ()
    good = {content.sha256 for content in repository.files.values()}
    if kind == "replaced":
        good |= {content.sha256 for content in models.tiny}
    return Plan(
        number,
        kind,
        repository,
        _wanted(source, kind, repository),
        faults,
        names,
        kills,
        hang_ups,
        source.uniform(0.05, 0.5),
        frozenset(good),
        random.Random(f"{seed}/{number}/mischief"),
    )


def moment(source: random.Random) -> Moment:
    """Mostly while bytes come, at times while the program starts or ends."""
    if source.random() < 0.3:
        return Moment(2.0, source.uniform(0, 0.5))
    return Moment(source.random(), 3.0)


def _files(
    source: random.Random, models: Models, kind: Kind, *, large: bool
) -> Sequence[tuple[str, Content]]:
    if kind == "replaced":
        return [("model-Q8_0.gguf", source.choice(models.tiny))]
    if kind in ("drops", *_IN_TIME) and source.random() < 0.5:
        return [("model-Q4_K_M.gguf", models.large if large else source.choice(models.middling))]
    if kind == "several":
        few = source.sample([*models.tiny, *models.middling], source.randint(2, 4))
        return [(f"model-{number}.gguf", content) for number, content in enumerate(few)]
    if kind == "names":
        names = source.sample(EVIL, source.randint(1, 4))
        return [(name, source.choice(models.tiny)) for name in names]
    choice = source.random()
    if choice < 0.2:
        return models.split
    if choice < 0.3:
        return [("model-Q4_K_M.gguf", models.middling[0])]
    if choice < 0.45:
        first, second = source.sample(models.tiny, 2)
        return [("sub/model-Q8_0.gguf", first), ("mmproj-F16.gguf", second)]
    return [("model-Q8_0.gguf", source.choice(models.tiny))]


def _faults(
    source: random.Random, kind: Kind, models: Models, n_bytes: int
) -> tuple[tuple[Fault, ...], tuple[str, ...]]:
    if kind == "drops":
        count = source.randint(1, 5)
        drops = tuple(Dropped(source.uniform(0, 100), 1) for _ in range(count))
        return drops, ("dropped",) * count
    made: list[Fault] = []
    names: list[str] = []
    if kind in _IN_TIME:
        made.append(Slow(int(n_bytes / source.uniform(0.1, 0.7))))
        names.append("comes slowly")
    if kind == "replaced":
        how, name = source.choice(((Replaced, "replaced"), (Rewritten, "history rewritten")))
        made.append(Dropped(source.uniform(5, 95), 2))
        made.append(how(lambda: source.choice(models.tiny)))
        names.append(name)
    wanted = {"faults": source.choices((1, 2, 3), (60, 30, 10))[0], "replaced": 1}.get(kind, 0)
    if kind in _IN_TIME and source.random() < 0.3:
        wanted = 1
    pool = list(EVERY) if kind != "replaced" else [*BROKEN_LINE, *HARMLESS]
    for name in source.sample(pool, wanted):
        most = (1, 2) if name in _SLOW else (1, 2, 3, 6, ALWAYS)
        made.append(EVERY[name](source, source.choice(most)))
        names.append(name)
    return tuple(made), tuple(names)


def _wanted(source: random.Random, kind: Kind, repository: Repository) -> tuple[Wanted, ...]:
    """Known in advance by hash and size, by size only, or by name only; of a commit or of main."""
    knows = "name" if kind == "replaced" else source.choice(("hash", "size", "name"))
    parts = tuple(
        Part(
            name,
            0 if knows == "name" else content.bytes,
            content.sha256 if knows == "hash" else "",
            "projector" if name.startswith("mmproj") else "model",
        )
        for name, content in repository.files.items()
    )
    revision = source.choice(("", "main", repository.commit)) if kind != "replaced" else ""
    groups = [(part,) for part in parts] if kind == "several" else [parts]
    return tuple(Wanted(repository.id, revision, group, "Tortured", "Q8_0") for group in groups)
