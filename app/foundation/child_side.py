"""The other end of `children`: reads requests from standard input, answers on standard output.

Runs on the main thread of a child process. Knows nothing of what the child does.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

from app.foundation.errors import HearthError

JsonObject = dict[str, Any]
Answer = Callable[[JsonObject, Callable[[JsonObject], None]], JsonObject]


def serve(module_name: str) -> int:
    """Answer every request with `module_name`'s `answer` until the input ends."""
    channel = _private_channel()
    _end_with_parent()
    module = importlib.import_module(module_name)
    answer: Answer = module.answer

    def send(message: JsonObject) -> None:
        channel.write(json.dumps(message).encode("ascii") + b"\n")
        channel.flush()

    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "limits" in message:
            _limit(message["limits"])
        elif "hello" in message:
            send({"answer": {}})
        else:
            send(_outcome(answer, message["request"], lambda body: send({"progress": body})))
    return 0


def _outcome(
    answer: Answer, request: JsonObject, progress: Callable[[JsonObject], None]
) -> JsonObject:
    try:
        return {"answer": answer(request, progress)}
    except HearthError as error:
        return {"error": error.as_dict()}
    except MemoryError:
        os._exit(77)  # past a memory limit nothing can be trusted, least of all an answer
    except Exception as error:  # noqa: BLE001 - the child's boundary: the parent must hear of it
        traceback.print_exc()
        return {
            "error": {
                "code": "child_failed",
                "title": "A helper process failed.",
                "detail": f"{type(error).__name__}: {error}",
                "remedy": "This is a fault in Hearth; the log has the details.",
            }
        }


def _private_channel() -> IO[bytes]:
    """The real standard output for us alone; whatever native code prints goes to stderr."""
    descriptor = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(descriptor, "wb")


def _end_with_parent() -> None:
    """End, however busy, once nobody holds the other end of the input: who asked is gone."""
    if not hasattr(select, "poll"):  # Windows; there a child ends when its work does
        return
    waiting = select.poll()
    waiting.register(0, 0)

    def watch() -> None:
        waiting.poll()
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _limit(limits: JsonObject) -> None:
    """Cap this process's memory and forbid core files, where the system can."""
    memory_bytes = limits.get("memory_bytes")
    try:
        import resource
    except ImportError:  # Windows has no such limit; the parent's deadline still holds
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            memory_bytes = min(memory_bytes, most)
        # macOS refuses a limit below what every process there has mapped from the start.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
