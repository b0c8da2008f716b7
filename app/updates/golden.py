"""Whether a runtime may be used: it must compute what the built-in model is known to say.

Any thread but the window's; a child of Hearth's own executable does the computing with the runtime
in question, and its death is an answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

from app.foundation.children import ChildDied, run_child
from app.foundation.errors import HearthError, NotPossibleHere, UpdateRefused
from app.foundation.paths import resource
from app.foundation.runtimes import CHOSEN

FORMAT: Final = 1
MOST_APART: Final = 0.5
"""By so much, in units of a logit, the lead of a known token over the next best may differ: each
processor variant rounds in its own way, by up to 0.16 here. Wrong weights give whole ones."""
_DEADLINE_S: Final = 180.0
_N_CTX: Final = 512
_UBATCH: Final = 64


def settings_for(model: Path) -> dict[str, Any]:
    """The processor alone: graphics devices are tried by the probe, whatever the runtime."""
    return {
        "path": str(model),
        "n_ctx": _N_CTX,
        "n_batch": _UBATCH,
        "n_ubatch": _UBATCH,
        "n_threads": 2,
        "n_threads_batch": 2,
        "n_gpu_layers": 0,
    }


def check_runtime(runtime: Path, folder: Path | None = None) -> None:
    """Raises UpdateRefused for a runtime that dies, or answers otherwise than it should.

    NotPossibleHere where the known answers do not belong to the model at hand. `folder` holds
    both; the one that ships by default.
    """
    model = folder / "guide.gguf" if folder else resource("starter", "guide.gguf")
    cases = _known(folder / "golden.json" if folder else resource("starter", "golden.json"), model)
    asked = [{"prompt": case["prompt"], "answer": case["answer"]} for case in cases]
    request = {"settings": settings_for(model), "cases": asked}
    # The variant is the runtime's own to choose here, and no graphics module is opened.
    environment = {CHOSEN: str(runtime), "HEARTH_CPU_VARIANT": "", "HEARTH_GPU_MODULES": ""}
    try:
        found = run_child("golden", request, deadline_s=_DEADLINE_S, env=environment)["cases"]
    except ChildDied as error:
        last = error.stderr_tail.strip().splitlines()[-1:]
        raise _refused(" ".join([error.detail, *last])) from error
    except HearthError as error:
        raise _refused(f"{error.title} {error.detail}".strip()) from error
    for case, said in zip(cases, found, strict=True):
        if said["prompt_tokens"] != case["prompt_tokens"]:
            raise _refused("It reads a question into other pieces (tokens).")
        apart = [abs(a - b) for a, b in zip(case["leads"], said["leads"], strict=True)]
        n_other = sum(not each <= MOST_APART for each in apart)
        if n_other:
            question = re.sub(r"<\|[^|]*\|>", "", case["prompt"])
            raise _refused(
                f"Asked “{question}”, it computes something else at {n_other} of {len(apart)} "
                f"places (by up to {max(apart):.1f})."
            )


def _known(path: Path, model: Path) -> list[dict[str, Any]]:
    try:
        said = json.loads(path.read_bytes())
        if said["format"] != FORMAT or not said["cases"]:
            raise ValueError("of another form")
        if said["model_sha256"] != hashlib.sha256(model.read_bytes()).hexdigest():
            raise ValueError("they belong to another model")
        return list(said["cases"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotPossibleHere(
            "A new runtime cannot be tried.",
            f"The answers to compare with are not there, or not right ({error}).",
            "Install Hearth again.",
        ) from error


def _refused(why: str) -> UpdateRefused:
    return UpdateRefused(
        "The new runtime does not compute what it should on this computer.",
        why,
        "It is not used; the runtime you have goes on being used.",
    )
