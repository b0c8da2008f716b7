"""`hearth selftest`: loads the built-in model and lets it answer. For packaged builds."""

from __future__ import annotations

import argparse
import queue
from typing import Any

from app.cli.commands.ask import follow
from app.cli.output import DONE, FAILED, Output
from app.cli.services import CliServices
from app.protocol.chat import Message
from app.protocol.generation import Event, GenerationRequest, SamplingParams

QUESTION = "How do I open a model?"
EXPECTED = ".gguf"


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `selftest`."""
    selftest = commands.add_parser(
        "selftest", parents=[common], help="load the built-in model and let it answer"
    )
    selftest.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Done when the built-in model answers a question about Hearth with the fact it must hold."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    services.inference().generate(
        GenerationRequest(
            (Message("user", QUESTION),), sampling=SamplingParams(temperature=0.0), max_tokens=128
        ),
        events.put,
    )
    finished, text = follow(events, Output(as_json=True))
    passed = EXPECTED in text and finished.reason == "stop"
    output.document({"passed": passed, "answer": text, "finish_reason": finished.reason})
    output.text(f"{QUESTION}\n{text.strip()}")
    output.text("All is well." if passed else "The built-in model did not answer as it must.")
    return DONE if passed else FAILED
