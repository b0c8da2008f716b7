"""Write the profile of the version being released, as data that later versions must open.

    python -m tests.upgrades.make          at a release, once; commit the folder it makes

`hearth.sql` is the database as text, `settings.json` the settings, `expected.json` what the code
of that version read from them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from app.conversations.records import ConversationOptions
from app.conversations.repository import Repository
from app.database.connection import Database
from app.protocol.generation import Timings, Usage
from app.settings.file import SettingsFile
from app.settings.schema import OPTIONS
from tests.fixtures.store import DEADLINE_S, chat, opened_database

HERE = Path(__file__).resolve().parent
CHOSEN = {
    "appearance.theme": "dark",
    "appearance.text_size": 120,
    "chat.system_prompt": "Answer in rhymes — always.",
    "chat.temperature": 0.35,
    "chat.max_tokens": 512,
    "chat.show_quiet_line": False,
    "model.path": "models/a model.gguf",
    "performance.n_threads": 3,
    "performance.n_ctx": 8192,
    "performance.n_gpu_layers": 12,
    "performance.n_cpu_moe": 4,
    "performance.devices": "Vulkan0",
    "performance.n_batch": 1024,
    "performance.n_ubatch": 256,
    "performance.n_seq_max": 2,
    "performance.cache_type_k": "q8_0",
    "performance.cache_type_v": "q8_0",
    "performance.load_mode": "none",
    "performance.least_tokens_per_second": 4.0,
    "performance.least_quality": "C",
    "performance.save_power": False,
    "library.adopt": False,
    "library.folders": "/srv/models\n/mnt/größere Modelle",
    "downloads.folder": "/srv/hearth models",
    "downloads.at_once": 3,
    "downloads.most_bytes_per_s": 2_000_000,
    "network.endpoint": "https://mirror.example",
    "network.proxy": "http://proxy.example:8080",
    "updates.daily": True,
    "updates.asked": True,
    "updates.told": "0.1.1",
    "privacy.offline": True,
    "privacy.keep_deleted_days": 7,
    "window.sidebar_visible": False,
}


def fill(repository: Repository) -> None:
    """Chats with everything that this version can store."""
    chat(repository, "Plain", 6)
    chat(repository, "Größe, 尺寸 and 🏡", 4, "Ünïcode 🏡, \u202eright to left, a\ttab ")
    chat(repository, "Long", 2, "A long message. " * 1500)
    repository.create().result(DEADLINE_S)
    deleted = chat(repository, "In the trash", 2)
    repository.delete(deleted).result(DEADLINE_S)
    _branches(repository)
    _states(repository)


def _branches(repository: Repository) -> None:
    key = chat(repository, "Branches", 4)
    turns = repository.turns(key).result(DEADLINE_S)
    repository.append(key, turns[0].id, "assistant", "Another answer").result(DEADLINE_S)
    repository.append(key, None, "user", "The question, asked anew").result(DEADLINE_S)
    repository.choose(key, turns[1].id).result(DEADLINE_S)


def _states(repository: Repository) -> None:
    options = ConversationOptions("models/other.gguf", "Be brief.", 0.0, 64)
    key = repository.create("Every state", options).result(DEADLINE_S).id
    parent = repository.append(key, None, "system", "A note").result(DEADLINE_S).id
    usage, timings = Usage(120, 100, 30), Timings(0.0, 51.5, 800.25, 31.0)
    for state, reason, error in (
        ("complete", "stop", None),
        ("complete", "length", None),
        ("stopped", "cancelled", None),
        ("failed", None, "The disk did not do what was asked."),
        ("interrupted", None, None),
    ):
        asked = repository.append(key, parent, "user", f"To be {state}").result(DEADLINE_S)
        answer = repository.append(key, asked.id, "assistant", "", state="writing", model="m")
        parent = answer.result(DEADLINE_S).id
        done = repository.finish(parent, f"Was {state}", state, reason, usage, timings, error=error)
        done.result(DEADLINE_S)
    last = repository.append(key, parent, "assistant", "", state="writing").result(DEADLINE_S)
    repository.checkpoint(last.id, "As far as it").result(DEADLINE_S)


def listing(database: Database) -> list[dict[str, Any]]:
    """Every conversation, in the trash or not, with the turns of its active path."""
    repository = Repository(database)
    found = []
    for is_deleted in (False, True):
        for conversation in repository.list(deleted=is_deleted).result(DEADLINE_S):
            turns = repository.turns(conversation.id).result(DEADLINE_S)
            entry = dataclasses.asdict(conversation)
            entry["turns"] = [dataclasses.asdict(turn) for turn in turns]
            found.append(entry)
    return found


def database_text(path: Path) -> str:
    """The whole database as SQL, with the two numbers of its header that SQL leaves out."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        numbers = [
            f"PRAGMA {name} = {connection.execute(f'PRAGMA {name}').fetchone()[0]};"
            for name in ("application_id", "user_version")
        ]
        return "\n".join([*numbers, *connection.iterdump()]) + "\n"


def make(folder: Path) -> None:
    """Fill `folder`, which must not exist, with the three files."""
    folder.mkdir()
    with tempfile.TemporaryDirectory() as name:
        profile = Path(name)
        with opened_database(profile) as opened:
            fill(Repository(opened.database))
            expected = {"conversations": listing(opened.database), "settings": CHOSEN}
        (folder / "hearth.sql").write_text(database_text(profile / "hearth.db"), "utf-8")
        settings = SettingsFile(profile / "settings.json")
        for option in OPTIONS:
            settings.set(option, CHOSEN[option.key])
        settings.close(DEADLINE_S)
        (folder / "settings.json").write_bytes((profile / "settings.json").read_bytes())
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


def main() -> int:
    project = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    folder = HERE / project["project"]["version"]
    if folder.exists():
        print(f"{folder.name} was written before; a released profile never changes")
        return 1
    make(folder)
    print(f"{folder.name} written; commit it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
