"""How good the Guide is on questions it has never seen, through Hearth's own engine, greedy.

    python -m resources.starter.evaluate [--model FILE] [--failures] [--write-table]

An in-scope answer is right when it holds the topic's facts; an out-of-scope question is right
when it is declined. `--write-table` renews the table in this folder's README.
"""

from __future__ import annotations

import argparse
import json
import queue
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.bootstrap.runtime import Runtime
from app.foundation.paths import open_profile
from app.inference.service import InferenceService
from app.protocol.chat import Message
from app.protocol.generation import (
    Event,
    Failed,
    Finished,
    GenerationRequest,
    SamplingParams,
    TokensArrived,
)
from app.protocol.model_ref import BUILT_IN, ModelRef
from resources.starter.corpus import FOLDER, OUT_OF_SCOPE, Topic, load_topics

README = Path(__file__).resolve().parent / "README.md"
MARKS = ("<!-- table -->", "<!-- /table -->")
MAX_TOKENS = 160


@dataclass(frozen=True)
class Result:
    """One question, the answer it got, and what is to be said of it."""

    topic: str
    question: str
    answer: str
    right: bool
    ran_on: bool
    turn: int


def is_right(topic: Topic, answer: str) -> bool:
    """Every group of facts has one of its alternatives in the answer."""
    lower = answer.lower()
    return all(any(fact in lower for fact in group) for group in topic.facts)


def ran_on(reason: str, answer: str) -> bool:
    """True for an answer that did not end by itself, or says four words three times."""
    words = re.findall(r"\w+", answer.lower())
    fours = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    return reason != "stop" or any(count >= 3 for count in fours.values())


def ask(inference: InferenceService, ref: ModelRef, messages: list[Message]) -> tuple[str, str]:
    """The answer and its finish reason."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    inference.generate(
        GenerationRequest(
            tuple(messages), ref, SamplingParams(temperature=0.0), max_tokens=MAX_TOKENS
        ),
        events.put,
    )
    text = ""
    while not isinstance(event := events.get(), Finished):
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, TokensArrived):
            text += event.text
    return text.strip(), event.reason


def chats() -> Iterator[list[tuple[str, str]]]:
    """Every held-out chat as (topic, question) turns; single questions are chats of one."""
    for line in (FOLDER / "heldout.jsonl").read_text("utf-8").splitlines():
        fields = json.loads(line)
        yield [(fields["topic"], fields["question"])]
    for line in (FOLDER / "heldout_conversations.jsonl").read_text("utf-8").splitlines():
        yield [(turn["topic"], turn["question"]) for turn in json.loads(line)["turns"]]


def evaluate(inference: InferenceService, ref: ModelRef) -> list[Result]:
    """Ask everything."""
    topics = load_topics()
    results = []
    for chat in chats():
        messages: list[Message] = []
        for number, (topic, question) in enumerate(chat, 1):
            messages.append(Message("user", question))
            answer, reason = ask(inference, ref, messages)
            messages.append(Message("assistant", answer))
            right = is_right(topics[topic], answer)
            results.append(Result(topic, question, answer, right, ran_on(reason, answer), number))
    return results


def table(results: list[Result]) -> str:
    """The figures as a Markdown table."""

    def row(name: str, chosen: list[Result]) -> str:
        good = sum(result.right for result in chosen)
        share = 100 * good / len(chosen) if chosen else 0.0
        return f"| {name} | {len(chosen)} | {good} | {share:.1f} % |"

    inside = [result for result in results if result.topic != OUT_OF_SCOPE]
    outside = [result for result in results if result.topic == OUT_OF_SCOPE]
    later = [result for result in results if result.turn > 1]
    looped = sum(result.ran_on for result in results)
    return "\n".join(
        (
            "| held-out, greedy | asked | right | share |",
            "|---|---:|---:|---:|",
            row("about Hearth: answered with the topic's facts", inside),
            row("anything else: declined", outside),
            row("second and third questions of a chat (counted above too)", later),
            f"| answers that ran on or looped | {len(results)} | {looped} | |",
        )
    )


def main() -> None:
    """Read the words and evaluate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=BUILT_IN)
    parser.add_argument("--failures", action="store_true")
    parser.add_argument("--write-table", action="store_true")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(open_profile(folder))
        try:
            results = evaluate(runtime.inference, ModelRef(words.model))
        finally:
            runtime.close()
    if words.failures:
        for result in results:
            if not result.right or result.ran_on:
                print(f"[{result.topic}] {result.question}\n    {result.answer}")
    text = table(results)
    print(text)
    if words.write_table:
        before, _, rest = README.read_text("utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        README.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
