"""`hearth ask TEXT`: one question, one answer, streamed."""

from __future__ import annotations

import argparse
import queue
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.here import model_ref
from app.cli.output import DONE, INTERRUPTED, Output
from app.cli.services import CliServices
from app.foundation.errors import InvalidInput
from app.foundation.paths import person_path
from app.foundation.units import bytes_text
from app.protocol.chat import Message
from app.protocol.generation import (
    Event,
    Failed,
    Finished,
    GenerationRequest,
    Loading,
    PromptRead,
    SamplingParams,
    TokensArrived,
)

if TYPE_CHECKING:
    from app.inference.service import InferenceService

_POLL_S = 0.2
_WIND_DOWN_S = 5.0
_LIMIT_BYTES = 64_000_000


def add_words(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `ask`."""
    ask = commands.add_parser("ask", parents=[common], help="answer one question here")
    ask.add_argument("text", metavar="TEXT", help="the question; - reads standard input")
    ask.add_argument("--model", metavar="M", help="a .gguf file or a known model")
    ask.add_argument("--system", metavar="S", help="how the model is to behave")
    ask.add_argument("--file", metavar="F", action="append", default=[], help="add a text file")
    ask.add_argument("--max-tokens", metavar="N", type=int, help="longest answer, in tokens")
    ask.add_argument("--temperature", metavar="T", type=float, help="0 is exact, 1 is varied")
    ask.add_argument("--seed", metavar="N", type=int, help="the same seed draws the same answer")
    ask.add_argument(
        "--force", action="store_true", help="load a model even where it does not fit into memory"
    )
    ask.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Ask and stream. Ctrl-C stops the answer and ends with 130."""
    request = _request(words, services)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    inference = services.inference()
    if words.force:
        inference.allow(request.model)
    request_id = inference.generate(request, events.put)
    try:
        finished, text = follow(events, output)
    except KeyboardInterrupt:
        _stop(inference, request_id, events)
        output.piece("\n")
        return INTERRUPTED
    if not text.endswith("\n"):
        output.piece("\n")
    output.document(_document(finished, text))
    return DONE


def _request(words: argparse.Namespace, services: CliServices) -> GenerationRequest:
    text = _standard_input() if words.text == "-" else words.text
    for name in words.file:
        text = f"{text}\n\n{Path(name).name}:\n{_text_file(name)}"
    if not text.strip():
        raise InvalidInput(
            "There is no question.",
            "The text is empty.",
            'Write it in quotes: hearth ask "How do I add a model?"',
        )
    if words.max_tokens is not None and words.max_tokens < 1:
        raise InvalidInput(
            "That length makes no sense.", "--max-tokens must be 1 or more.", "Leave it out."
        )
    messages = [Message("user", text)]
    if words.system:
        messages.insert(0, Message("system", words.system))
    given = {"temperature": words.temperature, "seed": words.seed}
    ref = model_ref(words.model, services)
    # The Guide is at its most reliable when nothing is left to chance.
    defaults = {"temperature": 0.0} if ref.is_built_in else {}
    chosen = {key: value for key, value in given.items() if value is not None}
    return GenerationRequest(
        tuple(messages),
        model=ref,
        sampling=SamplingParams(**{**defaults, **chosen}),
        max_tokens=words.max_tokens,
    )


def _standard_input() -> str:
    return _decoded(sys.stdin.buffer.read(_LIMIT_BYTES + 1), "Standard input")


def _text_file(name: str) -> str:
    try:
        with person_path(name).open("rb") as file:
            return _decoded(file.read(_LIMIT_BYTES + 1), f"“{name}”")
    except OSError as error:
        raise InvalidInput(
            f"“{name}” cannot be read.",
            f"The system said “{error.strerror}”.",
            "Check the path and that you may read the file.",
        ) from error


def _decoded(content: bytes, what: str) -> str:
    if len(content) > _LIMIT_BYTES:
        raise InvalidInput(
            f"{what} is too long.",
            f"A question may hold at most {bytes_text(_LIMIT_BYTES)} of text; no model can read "
            "more at once.",
            "Ask about a part of it.",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{what} is not text that can be read.",
            f"Byte {error.start:,} is not valid UTF-8, the usual encoding of text.",
            "Convert it to UTF-8 first; documents such as PDF cannot be read yet.",
        ) from error


def follow(events: queue.SimpleQueue[Event], output: Output) -> tuple[Finished, str]:
    """Show events until the last one; it and the whole text. Raises the error of a failure.

    Short waits, so that Ctrl-C is noticed everywhere.
    """
    parts: list[str] = []
    while True:
        try:
            event = events.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        match event:
            case Loading(fraction=float(fraction)):
                output.status(f"Loading the model: {fraction:.0%}")
            case PromptRead(read=read, total=total) if total > 512:
                output.status(f"Reading: {read / total:.0%}")
            case TokensArrived(text=text):
                if not parts:
                    output.status("")
                parts.append(text)
                output.piece(text)
            case Failed(error=error):
                raise error
            case Finished():
                output.status("")
                return event, "".join(parts)


def _stop(inference: InferenceService, request_id: str, events: queue.SimpleQueue[Event]) -> None:
    """Cancel and wait for the last event, so that native code ends before the process does."""
    inference.cancel(request_id, "interrupted")
    end = time.monotonic() + _WIND_DOWN_S
    while time.monotonic() < end:
        try:
            if isinstance(events.get(timeout=_POLL_S), Finished | Failed):
                return
        except queue.Empty:
            continue


def _document(finished: Finished, text: str) -> dict[str, Any]:
    usage, timings = finished.usage, finished.timings
    return {
        "text": text,
        "finish_reason": finished.reason,
        "model": finished.model,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "cached_tokens": usage.cached_tokens,
            "completion_tokens": usage.completion_tokens,
        },
        "timings": {
            "load_ms": round(timings.load_ms, 1),
            "ttft_ms": round(timings.ttft_ms, 1),
            "prompt_tokens_per_second": round(timings.prompt_tokens_per_second, 1),
            "generated_tokens_per_second": round(timings.generated_tokens_per_second, 1),
        },
    }
