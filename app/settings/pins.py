"""What a person pinned for one model: options of the section "performance", by model file.

One small file, read once and written whole on a thread that lives while there is something to
write. Safe from any thread; `of` and `set` never touch the disk after the first look.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from app.foundation.errors import HearthError, InvalidInput, StorageError
from app.foundation.paths import storage_error
from app.settings.option import Option
from app.settings.schema import OPTIONS
from app.settings.writer import SoonWriter

Pins = dict[str, Any]

MODEL_OPTIONS: Final[Mapping[str, Option[Any]]] = {
    option.key: option for option in OPTIONS if option.section == "performance"
}
"""The options that one model may have a value of its own for, by key."""
LIMIT_BYTES: Final = 1 << 20
_VERSION: Final = 1
_KEPT: Final = 1000

_log = logging.getLogger(__name__)


class ModelPins:
    """The pins of every model. A model is known by the path of its file."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet. A damaged file is as good as none: see `notice`."""
        self._path = path
        self._pins: dict[str, Pins] | None = None
        self._notice: HearthError | None = None
        self._writer = SoonWriter(path, self._content, "hearth-pins")
        self._changed = self._writer.lock

    @property
    def notice(self) -> HearthError | None:
        """What was wrong with the file, if anything; reads it."""
        with self._changed:
            self._known()
            return self._notice

    def of(self, model: Path | str) -> Pins:
        """The values pinned for this model, by the keys of options; empty where none are."""
        with self._changed:
            return dict(self._known().get(_name(model), {}))

    def set(self, model: Path | str, values: Mapping[str, Any]) -> Future[None]:
        """Pin these values, and no others, for the model; the future is done once on disk.

        A value of None, or the option's default, leaves it to the settings for all models.
        Raises InvalidInput and changes nothing where an option does not take its value.
        """
        checked: Pins = {}
        for key, value in values.items():
            option = MODEL_OPTIONS.get(key)
            if option is None:
                raise InvalidInput(
                    f"“{key}” cannot be set for one model.",
                    f"What can be is: {', '.join(MODEL_OPTIONS)}.",
                    "Set it in Settings, for all of them.",
                )
            if value is not None and option.check(value) != option.default:
                checked[key] = option.check(value)
        with self._changed:
            known = self._known()
            known.pop(_name(model), None)
            if checked:
                known[_name(model)] = checked
                while len(known) > _KEPT:
                    known.pop(next(iter(known)))
            return self._writer.ask()

    def close(self, deadline_s: float) -> bool:
        """Wait until everything set is on disk; False if that took longer."""
        return self._writer.close(deadline_s)

    def _known(self) -> dict[str, Pins]:
        """Hold the lock."""
        if self._pins is None:
            self._pins = {}
            try:
                self._pins = _read(self._path)
            except FileNotFoundError:
                pass
            except OSError as error:
                self._notice = storage_error(error, self._path)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                _log.warning("the pins of models cannot be read: %s", error)
                self._notice = StorageError(
                    "What was set for single models could not be read.",
                    f"{self._path.name} is damaged; the usual settings are used instead.",
                    "Set it anew in the details of a model.",
                )
        return self._pins

    def _content(self) -> bytes:
        return json.dumps({"version": _VERSION, "models": self._pins}, indent=1).encode("utf-8")


def _read(path: Path) -> dict[str, Pins]:
    with path.open("rb") as file:
        content = file.read(LIMIT_BYTES + 1)
    if len(content) > LIMIT_BYTES:
        raise ValueError("it is far too large")
    saved = json.loads(content)
    if saved["version"] != _VERSION:
        raise ValueError(f"version {saved['version']!r}")
    found: dict[str, Pins] = {}
    for name, values in saved["models"].items():
        usable = {}
        for key, value in values.items():
            try:
                usable[key] = MODEL_OPTIONS[key].check(value)
            except (KeyError, InvalidInput):
                _log.warning("what was set for a model is not used: %s", key)
        found[str(name)] = usable
    return found


def _name(model: Path | str) -> str:
    return str(model)
