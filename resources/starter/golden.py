"""Writes `golden.json`: what the Guide says, token by token, by which a new runtime is judged.

    python -m resources.starter.golden

Made with the plain build of llama-cpp-python; to be made anew whenever `guide.gguf` is.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from app.foundation.children import run_child
from app.updates.golden import FORMAT, settings_for

HERE = Path(__file__).resolve().parent
QUESTIONS = (
    "How do I open a model?",
    "What is Hearth?",
    "Does anything leave my computer?",
    "How do I download a model?",
    "What is a quant?",
    "How do I stop an answer?",
    "Where are my chats kept?",
    "Can I get a deleted chat back?",
    "How much memory does a model need?",
    "Who won the football match yesterday?",
)


def main() -> None:
    model = HERE / "guide.gguf"
    cases = [{"prompt": f"<|user|>{each}<|end|><|assistant|>", "answer": []} for each in QUESTIONS]
    request = {"settings": settings_for(model), "cases": cases}
    found = run_child("golden", request, deadline_s=600.0)["cases"]
    lines = [
        json.dumps(
            {
                "prompt": case["prompt"],
                "prompt_tokens": said["prompt_tokens"],
                "answer": said["answer"],
                "leads": [round(each, 3) for each in said["leads"]],
            }
        )
        for case, said in zip(cases, found, strict=True)
    ]
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    head = f'"format": {FORMAT},\n"model_sha256": "{digest}"'
    body = ",\n".join(lines)
    (HERE / "golden.json").write_text(f'{{{head},\n"cases": [\n{body}\n]}}\n', "ascii")


if __name__ == "__main__":
    main()
