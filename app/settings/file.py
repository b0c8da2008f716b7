"""The settings file: read once, kept in memory, written whole and atomically on its own thread.

Safe from any thread; `get` and `set` never touch the disk. Whatever the file holds, there are
settings: what cannot be used is kept aside or left in place, and said. Knows no widgets.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from app.foundation.errors import HearthError, InvalidInput, StorageError
from app.foundation.paths import storage_error, unused
from app.settings.migrations import MIGRATIONS, Migration, Values, migrated
from app.settings.option import Option
from app.settings.schema import BY_KEY
from app.settings.writer import SoonWriter

log = logging.getLogger(__name__)
T = TypeVar("T")
Callback = Callable[[Option[Any], Any], None]

LIMIT_BYTES = 4 << 20


class _Unusable(Exception):
    """Why a file cannot be read as settings."""


class SettingsFile:
    """Every option's value, and the file that remembers those which were chosen."""

    def __init__(
        self,
        path: Path,
        options: dict[str, Option[Any]] = BY_KEY,
        migrations: tuple[Migration, ...] = MIGRATIONS,
        *,
        is_owner: bool = True,
    ) -> None:
        """Read `path`; waits for the disk. Never fails: see `notice`.

        Only the owner, the window, moves a damaged file aside: whoever else did that would
        leave it nothing to say. The others just look.
        """
        self.path = path
        self._is_owner = is_owner
        self.notice: HearthError | None = None
        self._options = options
        self._migrations = migrations
        self._callbacks: list[Callback] = []
        self._writer = SoonWriter(path, self._content, "hearth-settings")
        self._changed = self._writer.lock
        self._stored: Values = self._read()
        self._values = self._checked(self._stored)

    @property
    def schema(self) -> int:
        return len(self._migrations) + 1

    def get(self, option: Option[T]) -> T:
        """The value chosen, or the default."""
        with self._changed:
            value: T = self._values.get(option.key, option.default)
            return value

    def set(self, option: Option[T], value: T) -> Future[None]:
        """Use `value` from now on; the future is done when it is safely on disk.

        Raises InvalidInput and changes nothing when the option does not take it. Subscribers are
        called on this thread before `set` returns. A full disk fails the future; the value is
        used all the same, and written with the next change.
        """
        checked = option.check(value)
        with self._changed:
            before = self._values.get(option.key, option.default)
            self._values[option.key] = checked
            self._stored[option.key] = checked
            future = self._writer.ask()
        if checked != before:
            self._tell(option, checked)
        return future

    def reset(self, option: Option[Any]) -> Future[None]:
        """Back to the default, also to the one a later Hearth may have."""
        with self._changed:
            before = self._values.pop(option.key, option.default)
            self._stored.pop(option.key, None)
            future = self._writer.ask()
        if before != option.default:
            self._tell(option, option.default)
        return future

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call `callback(option, value)` after every change; the result ends that.

        It runs on the thread that made the change and must return at once.
        """
        with self._changed:
            self._callbacks.append(callback)

        def unsubscribe() -> None:
            with self._changed, contextlib.suppress(ValueError):
                self._callbacks.remove(callback)

        return unsubscribe

    def close(self, deadline_s: float) -> bool:
        """Wait until everything set is on disk; False if that took longer."""
        return self._writer.close(deadline_s)

    def _tell(self, option: Option[Any], value: Any) -> None:
        with self._changed:
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback(option, value)

    def _content(self) -> bytes:
        """Hold the lock."""
        saved = {"schema": self.schema, "values": self._stored}
        return (json.dumps(saved, indent=2, sort_keys=True) + "\n").encode()

    def _read(self) -> Values:
        try:
            found, values = _parsed(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.notice = storage_error(error, self.path)
            return {}
        except _Unusable as error:
            self._give_up(str(error))
            return {}
        if found == self.schema:
            return values
        self._keep_copy(f"schema-{found}")
        if found > self.schema:
            self.notice = StorageError(
                "Your settings were last changed by a newer Hearth.",
                "What this version understands is used; the rest is kept.",
                "Start the newer Hearth to change what is missing here.",
            )
            return values
        try:
            return migrated(values, found, self._migrations)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.exception("settings: schema %d could not be brought up to date", found)
            self._give_up(f"its old form could not be read: {error}")
            return {}

    def _checked(self, stored: Values) -> Values:
        """The usable values; the others stay in the file until they are set anew."""
        values: Values = {}
        refused: list[str] = []
        for key, value in stored.items():
            option = self._options.get(key)
            if option is None:
                continue
            try:
                values[key] = option.check(value)
            except InvalidInput:
                refused.append(key)
        if refused and self.notice is None:
            self.notice = InvalidInput(
                "Some settings could not be used.",
                f"{self.path.name} holds values that make no sense for {', '.join(refused)}; "
                "the usual ones are used instead.",
                "Choose them anew in Settings.",
            )
        return values

    def _give_up(self, why: str) -> None:
        """Keep the file aside under a dated name and start with the defaults."""
        kept = self._set_aside() if self._is_owner else "It was left as it is."
        self.notice = StorageError(
            "Your settings could not be read.",
            f"{self.path.name} is damaged ({why}). {kept} The usual settings are used instead.",
            "Choose your settings anew; your chats are not affected.",
        )

    def _set_aside(self) -> str:
        stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d-%H%M%S")
        aside = unused(self.path.with_name(f"{self.path.stem}-damaged-{stamp}.json"))
        try:
            self.path.replace(aside)
        except OSError as error:
            log.warning("settings: could not keep the damaged file aside: %s", error)
            return "It is replaced when a setting is changed."
        return f"It was kept as {aside.name}."

    def _keep_copy(self, word: str) -> None:
        """A copy of the form found; one is enough, however many starts find it."""
        if not self._is_owner:
            return
        copies = self.path.parent.glob(f"{self.path.stem}-{word}*.json")
        aside = unused(self.path.with_name(f"{self.path.stem}-{word}.json"))
        try:
            content = self.path.read_bytes()
            if any(copy.read_bytes() == content for copy in copies):
                return
            shutil.copyfile(self.path, aside)
            aside.chmod(0o600)
        except OSError as error:
            log.warning("settings: no copy of the old form: %s", error)


def schema_of(path: Path) -> int | None:
    """The form that a settings file says it is of; None where there is none that can be read."""
    try:
        return _parsed(path)[0]
    except (OSError, _Unusable):
        return None


def _parsed(path: Path) -> tuple[int, Values]:
    """Schema number and values; _Unusable says why there are none."""
    with path.open("rb") as file:
        content = file.read(LIMIT_BYTES + 1)
    if len(content) > LIMIT_BYTES:
        raise _Unusable("it is far too large")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _Unusable("it is no JSON") from error
    if not isinstance(document, dict):
        raise _Unusable("it is no JSON object")
    schema, values = document.get("schema"), document.get("values")
    if type(schema) is not int or schema < 1 or not isinstance(values, dict):
        raise _Unusable("it does not say its schema and values")
    return schema, values
