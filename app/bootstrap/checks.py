"""What `hearth doctor` looks at. Every check ends in a sentence; none of them changes anything."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from app import __version__
from app.bootstrap.learnt_check import learnt
from app.bootstrap.runtime import Runtime
from app.cli.services import Check
from app.conversations.schema import SCHEMA
from app.foundation.build import build, damaged
from app.foundation.children import run_child
from app.foundation.errors import HearthError, NotPossibleHere
from app.foundation.paths import write_problem
from app.foundation.units import bytes_text
from app.hardware.ledger import Entry
from app.hardware.probe import find_processor, find_runtime, ledger_of, memory
from app.hardware.profile import Device, Unknown
from app.network import offline
from app.network.client import Client
from app.network.connections import Connections
from app.settings.schema import OFFLINE, UPDATES_DAILY

_WINDOW_DEADLINE_S = 30.0
_LITTLE_DISK_BYTES = 1_000_000_000


def checks(runtime: Runtime) -> Iterator[Check]:
    """Each check in turn; a check that fails in an unforeseen way is a failed check."""
    for name, check in _CHECKS:
        try:
            yield check(runtime)
        except HearthError as error:
            yield Check(name, False, f"{error.title} {error.detail}".strip(), error.remedy)
        except Exception as error:  # noqa: BLE001 - doctor must go on to the next check
            yield Check(name, False, f"{type(error).__name__}: {error}", "See the log folder.")


def _program(runtime: Runtime) -> Check:
    words = f"Hearth {__version__} on Python {sys.version.split()[0]}"
    if (told := build()) is None:
        return Check("Program", True, words)
    words += f", built on {told.day} from {told.commit[:12]}"
    if bad := damaged():
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        words += f"; not as it was made: {bad[0]}{more}"
        return Check("Program", False, words, "Install Hearth again.")
    return Check("Program", True, f"{words}; complete")


def _profile(runtime: Runtime) -> Check:
    problem = write_problem(runtime.profile)
    if problem is not None:
        raise problem
    return Check("Profile folder", True, str(runtime.profile.root))


def _settings(runtime: Runtime) -> Check:
    notice = runtime.settings.notice
    if notice is not None:
        raise notice
    return Check("Settings", True, "can be read")


def _database(runtime: Runtime) -> Check:
    path = runtime.profile.database
    if not path.exists():
        return Check("Conversations", True, "none yet")
    remedy = "Start Hearth: it keeps the damaged file aside and offers the newest backup."
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return Check("Conversations", False, f"the database cannot be read ({error})", remedy)
    if result != "ok":
        return Check("Conversations", False, f"the database is damaged ({result})", remedy)
    if version > SCHEMA.version:
        return Check(
            "Conversations",
            False,
            "written by a newer Hearth",
            "Start the newer one; --go-back uses the copy from before it, where there is one.",
        )
    return Check("Conversations", True, f"sound, {bytes_text(path.stat().st_size)}")


def _disk(runtime: Runtime) -> Check:
    import psutil

    free = psutil.disk_usage(str(runtime.profile.root)).free
    enough = free >= _LITTLE_DISK_BYTES
    remedy = "" if enough else "Free some space; new messages need a little, models need a lot."
    return Check("Disk space", enough, f"{bytes_text(free)} free", remedy)


def _memory(runtime: Runtime) -> Check:
    available = memory().available_bytes
    if isinstance(available, Unknown):
        return Check("Memory", False, available.reason, "Models are planned with caution.")
    return Check("Memory", True, f"{bytes_text(available)} available")


def _network(runtime: Runtime) -> Check:
    """Which of the switches is on, and how often anything was asked. Asks nobody."""
    n_made = len(Connections(runtime.profile.connections).all())
    record = f"{n_made:,} connection{'' if n_made == 1 else 's'} so far, see: hearth connections"
    if by := offline.forced_by():
        return Check("Network", True, f"offline until the next start ({by}); {record}")
    if runtime.settings.get(OFFLINE):
        return Check("Network", True, f"offline, by the switch in the settings; {record}")
    return Check("Network", True, f"asked only for what you ask for; {record}")


def _updates(runtime: Runtime) -> Check:
    """What will be started next time, and whether anything did not start. Asks nobody."""
    from app.bootstrap.updating import updates

    def nobody() -> Client:
        raise NotPossibleHere("Nobody is asked here.")

    state = updates(nobody, lambda: 0).state()
    words = [] if state.is_configured else ["no update source is configured"]
    if state.staged:
        words.append(f"{state.staged} is installed when Hearth is quit")
    if state.next_version:
        words.append(f"{state.next_version} is started next")
    if state.can_undo_runtime:
        words.append(f"runtime {state.runtime[:12]}, installed later than Hearth")
    if state.failed:
        words.append(f"{state.failed} did not start twice and is not used")
    if state.damaged:
        words.append(f"{state.damaged} was damaged since it was installed and is not used")
    if state.is_configured and runtime.settings.get(UPDATES_DAILY):
        words.append("asked for once a day")
    return Check("Updates", True, "; ".join(words) or "asked for only when you ask")


def _built_in(runtime: Runtime) -> Check:
    if runtime.starter.is_genuine():
        return Check("Built-in model", True, "complete")
    return Check("Built-in model", False, "is not the file that was shipped", "Reinstall Hearth.")


def _runtime(runtime: Runtime) -> Check:
    found = find_processor(runtime.profile.root, anew=True)
    if isinstance(found, Unknown):
        return Check("llama.cpp", False, found.reason, "Install Hearth again.")
    speed = f"{found.core_flops / 1e9:.0f} billion operations/s a core"
    reading = f"memory is read at {bytes_text(round(found.bandwidth_bytes_per_s))}/s"
    words = f"{found.runtime}; variant {found.variant} ({' '.join(found.features)})"
    return Check("llama.cpp", True, f"{words}; {speed}; {reading}")


def _devices(runtime: Runtime) -> Check:
    found = find_runtime(runtime.profile.root)
    if isinstance(found.devices, Unknown):
        return Check("Graphics", False, found.devices.reason, "Install Hearth again.")
    words = [_device_words(device) for device in found.devices if device.kind != "cpu"]
    words += [f"{double.name} is {device.name} again" for double, device in found.left_out]
    return Check("Graphics", True, "; ".join(words) or "none that Hearth can use")


def _device_words(device: Device) -> str:
    free, total = bytes_text(device.free_bytes), bytes_text(device.total_bytes)
    driver = f", driver {device.driver}" if isinstance(device.driver, str) else ""
    card = f"{device.name}: {device.description}{driver}"
    return f"{card}, {free} free of {total}, {device.verdict}"


def _tried(runtime: Runtime) -> Check:
    """What is not tried again. A variant that does not run has others in its place."""
    bad = [entry for entry in ledger_of(runtime.profile.root).entries() if entry.is_bad]
    if not bad:
        return Check("Hardware tests", True, "none went wrong")
    well = all(entry.key.kind in ("variant", "disk") for entry in bad)
    remedy = "Update the graphics driver if it is an old one, then: hearth doctor --retry"
    return Check("Hardware tests", well, "; ".join(map(_entry_words, bad)), remedy)


def _entry_words(entry: Entry) -> str:
    kind = {"variant": "processor variant", "module": "graphics module", "device": "device"}
    name = f"{kind.get(entry.key.kind, entry.key.kind)} {entry.key.name}".strip()
    day = time.strftime("%Y-%m-%d", time.localtime(entry.since_s))
    return f"{name} is not used since {day}: {entry.why}"


def _window(runtime: Runtime) -> Check:
    answer = run_child("window", {}, deadline_s=_WINDOW_DEADLINE_S)
    return Check("Window", True, f"Qt {answer['qt']} on {answer['platform']}")


def _last_crash(runtime: Runtime) -> Check:
    left = [path for path in (runtime.profile.native_abort,) if path.exists()]
    if not left or not (words := left[0].read_text("utf-8", "replace").strip()):
        return Check("Last native fault", True, "none recorded")
    return Check("Last native fault", True, words.splitlines()[-1][:200])


_CHECKS: tuple[tuple[str, Callable[[Runtime], Check]], ...] = (
    ("Program", _program),
    ("Profile folder", _profile),
    ("Settings", _settings),
    ("Conversations", _database),
    ("Disk space", _disk),
    ("Memory", _memory),
    ("Network", _network),
    ("Updates", _updates),
    ("Built-in model", _built_in),
    ("llama.cpp", _runtime),
    ("Graphics", _devices),
    ("Hardware tests", _tried),
    ("Predicted and measured", learnt),
    ("Last native fault", _last_crash),
    ("Window", _window),
)
