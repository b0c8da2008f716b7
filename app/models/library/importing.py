"""Takes in a file that a person hands over: looked at first, then remembered where it is, or copied
whole into Hearth's folder with all that belongs to it. On the caller's thread, never the window's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError, InvalidInput, ModelNotFound, ModelUnsupported
from app.gguf.check import check_model
from app.gguf.kinds import purpose_of
from app.gguf.split import read_model
from app.models.adopt.walk import Walk
from app.models.download.install import put
from app.models.download.places import WORKSHOP, component, homes, inside
from app.models.library.assemble import Model, models_of
from app.models.library.header_facts import FactsCache
from app.models.library.index import Checked, Origin
from app.models.library.names import stem_of
from app.models.library.scan import Seen, on_disk, opened_with
from app.models.library.whole import Progress, Steps, check_space, copied, file_error
from app.models.support import problem_of

_OWNER = "imported"


def examined(path: Path, cache: FactsCache) -> Model:
    """The model that a file is or begins, with what lies beside it and belongs to it.

    Raises ModelNotFound, ModelFileInvalid or ModelUnsupported for what cannot be used.
    """
    if path.suffix.lower() != ".gguf":
        raise InvalidInput(
            "Hearth uses models in GGUF files.",
            f"{path.name} is not named like one.",
            "Choose a file whose name ends in .gguf.",
        )
    header = read_model(path)
    problem = problem_of(header)
    if problem is not None:
        raise problem
    check_model(header)
    purpose = purpose_of(header)
    if purpose.kind not in ("chat", "embedding"):
        raise ModelUnsupported(
            f"{path.name} is no model by itself.",
            f"It is {purpose.words}.",
            "Put projectors and adapters into the folder of their model; they are found there.",
        )
    model = next((model for model in _beside(path, cache) if path in model.kept.parts), None)
    if model is None:
        raise ModelNotFound(
            "The model file cannot be used.",
            f"{path} is not an ordinary file, or is still being written.",
            "Wait until it is complete, and try again.",
        )
    return model


def _beside(path: Path, cache: FactsCache) -> list[Model]:
    """The models among the file and what lies beside it."""
    seen: list[Seen] = []
    for found in opened_with(path, Walk()):
        file = on_disk(found.path, cache, lambda: None)
        if file is not None:
            seen.append(Seen(found, file))
    return models_of(seen)


def copy_in(
    model: Model,
    folder: Path,
    cancellation: Cancellation | None,
    progress: Progress | None,
) -> list[tuple[Path, Checked, Origin]]:
    """Copy all files of a model into Hearth's folder; says what each now is, the first one first.

    Nothing shows under its name before all of it is there. Raises StorageError and kin, Stopped.
    """
    check_space(folder, model.kept.bytes)
    stem = component(stem_of(model.kept.path.name))
    workshop = folder / WORKSHOP / f"import-{model.kept.id}-{os.getpid()}"
    steps = Steps(2 * model.kept.bytes, cancellation, progress)
    try:
        inside(folder, workshop)
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(parents=True)
        hashes = [copied(file.path, workshop / file.path.name, steps) for file in model.files]
        home = _free_home(folder, stem, model)
        names = [file.path.name for file in model.files]
        put([(workshop / name, home / name) for name in names])
        return [
            _arrived(home / file.path.name, sha256, model)
            for file, sha256 in zip(model.files, hashes, strict=True)
        ]
    except HearthError:
        raise
    except OSError as error:
        raise file_error(error, folder) from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
        with contextlib.suppress(OSError):
            workshop.parent.rmdir()


def _free_home(folder: Path, stem: str, model: Model) -> Path:
    """A folder in which nothing has one of the names."""
    names = [file.path.name for file in model.files]
    for home in homes(folder, f"{_OWNER}/{stem}", model.kept.id):
        if not any(os.path.lexists(home / name) for name in names):
            return home
    raise InvalidInput(
        "This model was copied too often.",
        f"{folder / _OWNER} holds many models of this name.",
        "Remove those that are not needed.",
    )


def _arrived(path: Path, sha256: str, model: Model) -> tuple[Path, Checked, Origin]:
    status = path.stat()
    kept = model.kept
    checked = Checked(status.st_size, status.st_mtime_ns, sha256, is_good=True)
    origin = Origin(sha256, kept.repo, kept.revision, kept.name, kept.quant)
    return path, checked, origin
