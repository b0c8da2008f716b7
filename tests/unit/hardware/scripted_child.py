"""A child that answers the probe's stages as the variable SCRIPT says, or ends, or hangs.

SCRIPT is a JSON object by stage ("processor haswell", "module cuda", "device cuda0", "runtime"):
an answer, or one of the words signal N, exit N, hang, garbage. Each question is a line in LOG.
"""

from __future__ import annotations

import json
import os
import sys
import time


def _subject(request: dict[str, str]) -> str:
    stage = request["stage"]
    about = {
        "processor": os.environ.get("HEARTH_CPU_VARIANT", ""),
        "module": os.environ.get("HEARTH_GPU_MODULES", ""),
        "device": request.get("device", ""),
    }
    return f"{stage} {about.get(stage, '')}".strip()


def _answer(request: dict[str, str]) -> None:
    subject = _subject(request)
    with open(os.environ["LOG"], "a", encoding="utf-8") as log:
        log.write(subject + "\n")
    planned = json.loads(os.environ["SCRIPT"]).get(subject, "exit 9")
    if not isinstance(planned, str):
        print(json.dumps({"progress": {"step": "working"}}), flush=True)
        print(json.dumps({"answer": planned}), flush=True)
        return
    word, _, number = planned.partition(" ")
    if word == "signal":
        os.kill(os.getpid(), int(number))
    elif word == "exit":
        os._exit(int(number))
    elif word == "hang":
        time.sleep(60)
    else:
        print("this is no JSON", flush=True)


for line in sys.stdin:
    message = json.loads(line)
    if "request" in message:
        _answer(message["request"])
