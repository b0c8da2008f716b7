"""Repositories in words: how popular, how old, how large. Pure.

All text of the far end passes through here: one line, nothing hidden in it, at a length.
"""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import QCoreApplication, QLocale

from app.gui.safe_text import one_line
from app.hardware.profile import MachineProfile
from app.models.offered import FOREIGN, FoundRepo
from app.planner.pools import pools_of

translate = QCoreApplication.translate
_LEAST_BYTES_A_WEIGHT = 0.4
"""About what the smallest useful files (three bits a weight) take in memory."""


def owner_and_name(repo: str) -> tuple[str, str]:
    """Both parts of `owner/name`, safe to show."""
    owner, _, name = repo.partition("/")
    return one_line(owner, 60), one_line(name or owner, 100)


def count_words(number: int, locale: QLocale) -> str:
    """A large number as people say it: "1.2 million"."""
    if number >= 999_500:
        value = number / 1_000_000
        digits = 0 if value >= 9.95 else 1
        return translate("Models", "{n} million").format(n=locale.toString(value, "f", digits))
    if number >= 9_950:
        rounded = round(number / 1000)
        return translate("Models", "{n} thousand").format(n=locale.toString(rounded))
    return locale.toString(number)


def age_words(modified: str, now: datetime) -> str:
    """How long ago it was changed; "" where that cannot be told."""
    try:
        then = datetime.fromisoformat(modified.replace("Z", "+00:00"))
    except ValueError:
        return ""
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    days = (now - then).days
    if days < 0:
        return ""
    steps = (
        (1, translate("Models", "changed today")),
        (2, translate("Models", "changed yesterday")),
        (14, translate("Models", "changed {n} days ago").format(n=days)),
        (60, translate("Models", "changed {n} weeks ago").format(n=days // 7)),
        (730, translate("Models", "changed {n} months ago").format(n=days // 30)),
    )
    for most, words in steps:
        if days < most:
            return words
    return translate("Models", "changed {n} years ago").format(n=days // 365)


def about_words(repo: FoundRepo, locale: QLocale, now: datetime) -> list[str]:
    """Owner, size, downloads, age, licence."""
    owner, _ = owner_and_name(repo.id)
    parts = [owner, size_words(repo, locale)]
    if repo.downloads > 0:
        parts.append(
            translate("Models", "{n} downloads a month").format(
                n=count_words(repo.downloads, locale)
            )
        )
    parts += [age_words(repo.modified, now), licence_words(repo.licence)]
    return [part for part in parts if part]


def size_words(repo: FoundRepo, locale: QLocale) -> str:
    """How many weights it has: "8 billion weights"; "" where that is not told."""
    if repo.n_parameters <= 0:
        return ""
    billions = repo.n_parameters / 1e9
    if billions < 0.95:
        n = locale.toString(round(billions * 1000))
        return translate("Models", "{n} million weights").format(n=n)
    digits = 1 if billions < 9.95 and round(billions, 1) % 1 else 0
    n = locale.toString(billions, "f", digits)
    return translate("Models", "{n} billion weights").format(n=n)


def licence_words(licence: str) -> str:
    """The hub's word for a licence; nothing for "other", which says nothing."""
    said = one_line(licence, 40)
    return "" if said.casefold() in ("other", "unknown") else said


def foreign_words(foreign: tuple[str, ...]) -> str:
    """Formats by the names people know: "Safetensors and GPTQ"."""
    names = [FOREIGN.get(each, one_line(each, 20)) for each in foreign]
    if len(names) < 2:
        return "".join(names)
    return translate("Models", "{most} and {last}").format(
        most=", ".join(names[:-1]), last=names[-1]
    )


def may_run(repo: FoundRepo, machine: MachineProfile | None) -> bool:
    """Whether any file of it may fit into what is free here; what is not known may."""
    if machine is None or repo.n_parameters <= 0:
        return True
    free = sum(pool.free_bytes for pool in pools_of(machine) if not pool.shares_main)
    return repo.n_parameters * _LEAST_BYTES_A_WEIGHT <= free


def repo_in(words: str) -> str:
    """`owner/name`, where somebody typed that or pasted an address of the hub; else ""."""
    text = words.strip()
    for scheme in ("https://", "http://"):
        if text.startswith(scheme):
            text = text[len(scheme) :].partition("/")[2]
            break
    parts = [part for part in text.split("?")[0].split("#")[0].split("/") if part]
    if len(parts) < 2 or any(" " in part for part in parts[:2]):
        return ""
    return f"{parts[0]}/{parts[1]}"
