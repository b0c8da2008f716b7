"""The Guide's training text: topics, question patterns and out-of-scope questions made into chats.

Pure Python, seeded. Never opens the held-out files.
"""

from __future__ import annotations

import itertools
import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"
OUT_OF_SCOPE = "out-of-scope"

_ABOUT_PROGRAMS = (
    "price", "licence", "systems", "version", "rename-chat", "delete-chat", "undo-delete",
    "search-chats", "send-message", "edit-message", "copy-message", "chat-folders", "attachments",
    "settings-page", "theme", "text-size", "accessibility", "interface-language", "sidebar",
    "shortcuts", "quit", "privacy", "telemetry", "account", "data-location", "backup",
    "delete-all-data", "works-offline", "updates", "window-not-open", "crash-recovery", "logs",
    "report-bug", "slow", "battery", "token", "context-what", "downloads",
)  # fmt: skip
"""Topics that people also ask about other programs: there, they are out of scope."""
_ELSEWHERE = 0.16
"""The part of the questions out of scope that are such."""
_SYSTEMS = ("Windows", "Android", "iOS")
_OURS = re.compile(
    r"\b(hearth|this app|the app|this program|the program|this software|this application)\b"
)
_CHOICE = re.compile(r"\[([^\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Topic:
    """One thing the Guide knows: its only answer, and what people ask next."""

    id: str
    answer: str
    facts: tuple[tuple[str, ...], ...]
    follow_ups: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """A question and the answer it must get."""

    topic: str
    question: str
    answer: str


def load_topics() -> dict[str, Topic]:
    """All topics by id."""
    with (FOLDER / "topics.toml").open("rb") as file:
        tables = tomllib.load(file)["topic"]
    return {
        table["id"]: Topic(
            table["id"],
            table["answer"],
            tuple(tuple(group) for group in table["facts"]),
            tuple(table.get("follow_ups", ())),
        )
        for table in tables
    }


def load_patterns() -> dict[str, list[str]]:
    """The question patterns of every topic, out of scope included."""
    patterns: dict[str, list[str]] = {}
    for path in sorted(FOLDER.glob("questions_*.txt")):
        topic = ""
        for line in path.read_text("utf-8").splitlines():
            line = line.strip()
            if line.startswith("# "):
                topic = line[2:].strip()
            elif line:
                patterns.setdefault(topic, []).append(line)
    return patterns


def load_words() -> dict[str, list[str]]:
    """The word lists that `{name}` slots of out-of-scope patterns draw from."""
    with (FOLDER / "words.toml").open("rb") as file:
        return {
            name: [word.strip() for word in text.split(",") if word.strip()]
            for name, text in tomllib.load(file).items()
        }


def load_synonyms() -> dict[tuple[str, ...], list[str]]:
    """Words and phrases (as their words) and what may stand in their place in any question."""
    with (FOLDER / "synonyms.toml").open("rb") as file:
        groups = tomllib.load(file)["groups"]
    others: dict[tuple[str, ...], list[str]] = {}
    for group in groups:
        alike = [phrase.strip() for phrase in group.split(",") if phrase.strip()]
        for phrase in alike:
            place = others.setdefault(tuple(phrase.split()), [])
            place += [other for other in alike if other != phrase]
    return others


class Questions:
    """Draws phrasings: fills choices and slots, then speaks as different people do."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._patterns = load_patterns()
        self._words = load_words()
        self._synonyms = load_synonyms()
        self._longest = max(map(len, self._synonyms), default=1)

    @property
    def topics(self) -> list[str]:
        return list(self._patterns)

    def draw(self, topic: str) -> str:
        """One phrasing of a question about `topic`, with a person's manner of writing."""
        if topic == OUT_OF_SCOPE and self._rng.random() < _ELSEWHERE:
            return self._spoken(self._elsewhere())
        return self._spoken(self._filled(topic))

    def _elsewhere(self) -> str:
        """A question about another program, in the words of one about this."""
        rng = self._rng
        text = self._filled(rng.choice(_ABOUT_PROGRAMS))
        app = rng.choice([app for app in self._words["app"] if app not in _SYSTEMS])
        if _OURS.search(text.lower()):
            return _OURS.sub(app, text.lower())
        return f"{text} {rng.choice(('in', 'in', 'on', 'with', 'of', 'for'))} {app}"

    def _filled(self, topic: str) -> str:
        """A pattern with its choices and slots filled."""
        pattern = self._rng.choice(self._patterns[topic])
        text = _CHOICE.sub(lambda m: self._rng.choice(m.group(1).split("|")), pattern)
        text = _SLOT.sub(lambda m: self._rng.choice(self._words[m.group(1)]), text)
        return " ".join(text.split())

    def _spoken(self, text: str) -> str:
        rng = self._rng
        words = text.split(" ")
        if rng.random() < 0.5:
            words = self._reworded(words)
        if rng.random() < 0.25 and len(words) > 4:
            words = [word for word in words if rng.random() > 0.15] or words
        if rng.random() < 0.15:
            words = [self._mistyped(word) if rng.random() < 0.18 else word for word in words]
        text = " ".join(words)
        if rng.random() < 0.14:
            text = f"{rng.choice(_OPENINGS)} {text}"
        if rng.random() < 0.06:
            text = f"{text}{rng.choice(_CLOSINGS)}"
        return self._punctuated(text)

    def _reworded(self, words: list[str]) -> list[str]:
        """Some words and phrases by others that mean the same here."""
        rng = self._rng
        said: list[str] = []
        at = 0
        while at < len(words):
            for length in range(min(self._longest, len(words) - at), 0, -1):
                others = self._synonyms.get(tuple(words[at : at + length]))
                if others and rng.random() < 0.35:
                    said += rng.choice(others).split()
                    at += length
                    break
            else:
                said.append(words[at])
                at += 1
        return said

    def _mistyped(self, word: str) -> str:
        rng = self._rng
        if len(word) < 4 or not word.isalpha():
            return word
        at = rng.randrange(1, len(word) - 1)
        kind = rng.randrange(4)
        if kind == 0:
            return word[:at] + word[at + 1 :]
        if kind == 1:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if kind == 2:
            return word[:at] + word[at] + word[at:]
        return word[:at] + rng.choice("abcdefghiklmnoprstuvwy") + word[at + 1 :]

    def _punctuated(self, text: str) -> str:
        rng = self._rng
        text = text.rstrip("?.! ") if text[-1:] in "?.! " and rng.random() < 0.9 else text
        if text[-1:].isalnum() or text[-1:] in "`\"')":
            text += rng.choices(("?", "", ".", "??", " ?", "!"), (55, 30, 10, 2, 2, 1))[0]
        case = rng.random()
        if case < 0.45:
            return text[:1].upper() + text[1:]
        if case < 0.92:
            return text if case < 0.7 else text.lower()
        return text.upper() if case < 0.93 else text


_OPENINGS = (
    "hi,", "hello,", "hey,", "please", "please tell me:", "can you tell me:", "question:", "ok,",
    "so", "and", "also,", "now", "quick question:", "sorry,", "hmm,", "one more thing:", "next:",
    "could you explain:", "I wonder,", "tell me,", "i want to know:", "what about this:", "thanks,",
    "great, and", "good.", "dear guide,", "i'm new here.", "just curious,", "in hearth,",
    "with hearth,", "in this app,", "in this program,", "by the way,", "and then:", "ok thanks.",
    "i have a question:", "well,", "um", "help:", "excuse me,", "actually,", "right,", "then",
)  # fmt: skip
_CLOSINGS = (
    ", please", " please", ", thanks", " thanks", " in hearth", " here", " in this app", " then",
    ", do you know", " now", ", and why", " on my computer", " exactly", " in this program", " thx",
)  # fmt: skip


class Conversations:
    """Draws whole chats, or single questions."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._questions = Questions(self._rng)
        self._topics = load_topics()
        known = [topic for topic in self._questions.topics if topic != OUT_OF_SCOPE]
        unknown = set(known) - set(self._topics)
        missing = set(self._topics) - set(self._questions.topics)
        if unknown or missing:
            raise ValueError(f"patterns without topic: {unknown}; topics without: {missing}")
        self._known = known

    def __iter__(self) -> Iterator[list[Turn]]:
        while True:
            yield self.draw()

    def draw(self) -> list[Turn]:
        """One chat: half of them a single question, the rest two to eight turns."""
        rng = self._rng
        length = rng.choices((1, 2, 3, 4, 6, 8), (50, 18, 14, 8, 6, 4))[0]
        turns: list[Turn] = []
        for _ in range(length):
            topic = self._next_topic(turns)
            turns.append(Turn(topic, self._questions.draw(topic), self._topics[topic].answer))
        return turns

    def question(self) -> Turn:
        """A single question and its answer."""
        topic = self._next_topic([])
        return Turn(topic, self._questions.draw(topic), self._topics[topic].answer)

    def _next_topic(self, turns: list[Turn]) -> str:
        rng = self._rng
        if rng.random() < 0.3:
            return OUT_OF_SCOPE
        follow_ups = self._topics[turns[-1].topic].follow_ups if turns else ()
        if follow_ups and rng.random() < 0.35:
            return rng.choice(follow_ups)
        return rng.choice(self._known)


def distinct_phrasings() -> dict[str, int]:
    """How many different plain phrasings the patterns of each topic expand to."""
    words = {name: len(values) for name, values in load_words().items()}
    counts = {}
    for topic, patterns in load_patterns().items():
        total = 0
        for pattern in patterns:
            sizes = [len(m.group(1).split("|")) for m in _CHOICE.finditer(pattern)]
            sizes += [words[m.group(1)] for m in _SLOT.finditer(pattern)]
            total += list(itertools.accumulate([1, *sizes], lambda a, b: a * b))[-1]
        counts[topic] = total
    return counts
