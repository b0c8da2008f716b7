"""What the tests ask of a process that has the runtime in it: one JSON request, one JSON answer.

`python child.py` reads the request from standard input. Its environment says which runtime,
which CPU variant and which GPU modules; a process can open only one.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def choice(request: Json) -> Json:
    """What was chosen, and which files are in this process because of it."""
    from app.engine.native import backends, devices, open_library

    library = open_library()
    return {
        "variant": library.variant,
        "registered": backends.registered(library),
        "devices": devices.devices(library),
        "instruction_sets": devices.instruction_sets(library),
        "mapped": _mapped(),
    }


def scores(request: Json) -> Json:
    """Every variant's score here, without the rest of the runtime."""
    from app.engine.native import backends

    return {"scores": backends.scores(Path(request["folder"]))}


def load_everything(request: Json) -> Json:
    """The control: llama.cpp's own search for backends, which Hearth never lets run."""
    from app.engine.native import open_library

    library = open_library()
    library.ggml.ggml_backend_load_all()
    return {"mapped": _mapped()}


def runs(request: Json) -> Json:
    """For each of `settings`: logits after `n_read` tokens and after each further one, where every
    layer went, and what was taken, beside what a dry run says."""
    return {"runs": [_run(settings, request) for settings in request["settings"]]}


def answers(request: Json) -> Json:
    """The built-in model's answers to `questions`, greedy, through the engine."""
    from app.inference.starter import StarterModel
    from app.protocol.chat import Message
    from app.protocol.model_ref import BUILT_IN, ModelRef
    from resources.starter.evaluate import ask
    from tests.fixtures.services import make_bench

    bench = make_bench(StarterModel())
    try:
        said = [
            ask(bench.service, ModelRef(BUILT_IN), [Message("user", question)])[0]
            for question in request["questions"]
        ]
    finally:
        bench.service.close(60.0)
    return {"answers": said}


def speed(request: Json) -> Json:
    """Reading a prompt and writing, four times each in a bare loop: seconds, and seconds of
    processor time of all threads."""
    from app.engine.messages import LoadSettings
    from tests.bench.bare_loop import BareLoop

    loop = BareLoop(LoadSettings.of(request["settings"]))
    prompt = [1000 + 7 * index for index in range(request["n_prompt"])]
    found: Json = {"read_s": [], "read_cpu_s": [], "write_s": [], "write_cpu_s": []}
    for _ in range(4):
        began_s = time.process_time()
        found["read_s"].append(loop.read(prompt))
        read_s = time.process_time()
        found["write_s"].append(loop.write(request["n_written"], None))
        found["read_cpu_s"].append(read_s - began_s)
        found["write_cpu_s"].append(time.process_time() - read_s)
    loop.close()
    return found


def _run(fields: Json, request: Json) -> Json:
    from app.engine.context import Context, Decoded
    from app.engine.dry_run import answer as dry_run
    from app.engine.dry_run import measure
    from app.engine.messages import LoadSettings
    from app.engine.model import Model
    from app.engine.native import AbortFlag, open_library

    settings = LoadSettings.of(fields)
    settings.check()
    library = open_library()
    log = _Log(library)
    counted = dry_run({"settings": fields}, lambda body: None) if request.get("dry_run") else None
    library.log.clear()
    log.lines.clear()
    model = Model(library, settings, lambda fraction: True)
    context = Context(model, settings, AbortFlag())
    try:
        taken = measure(context.handle)
        tokens, read = request["tokens"], request["n_read"]
        found = []
        for start, end in ((0, read), *((at, at + 1) for at in range(read, len(tokens)))):
            context.batch.clear()
            last = context.batch.add(0, tokens[start:end], start, wants_logits=True)
            assert context.decode(context.batch) is Decoded.DONE
            pointer = library.api.llama_get_logits_ith(context.handle.pointer, last)
            found.append(pointer[: model.vocabulary.n_vocab])
        return {"logits": found, "taken": taken, "counted": counted, **log.facts()}
    finally:
        context.close()
        model.close()
        log.close()


class _Log:
    """llama.cpp's debug lines say where each layer goes; Hearth's own log drops them."""

    def __init__(self, library: Any) -> None:
        self.lines: list[str] = []
        self._library = library

        def take(level: int, text: bytes, user_data: object) -> None:
            self.lines.append(text.decode("utf-8", "replace"))
            library.log.write(level, text.decode("utf-8", "replace"))

        self._callback = library.api.llama_log_callback(take)
        library.api.llama_log_set(self._callback, None)

    def facts(self) -> Json:
        text = "".join(self.lines)
        layers = re.findall(r"layer +(\d+) assigned to device (\S+),", text)
        moved = re.findall(r"tensor (\S+) \(.*?\) buffer type overridden to (\S+)", text)
        return {"places": [device for _, device in layers], "overridden": dict(moved)}

    def close(self) -> None:
        self._library.api.llama_log_set(self._library._log_callback, None)


def _mapped() -> list[str]:
    """The ggml and llama libraries in this process, by the kernel's own list."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return []
    lines = (line.split(maxsplit=5) for line in maps.read_text("utf-8").splitlines())
    paths = {parts[5] for parts in lines if len(parts) == 6}
    return sorted(path for path in paths if re.match(r"lib(ggml|llama|gomp)", Path(path).name))


def main() -> None:
    # Native code may print: only the answer goes to the real standard output.
    channel = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    asked: Callable[[Json], Json] = {
        "choice": choice,
        "scores": scores,
        "load_everything": load_everything,
        "runs": runs,
        "answers": answers,
        "speed": speed,
    }[request["ask"]]
    json.dump(asked(request), channel)
    channel.flush()


if __name__ == "__main__":
    main()
