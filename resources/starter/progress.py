"""How far a training is, on the development questions: which answer does the network begin?

Greedy, up to where the begun answer can be only one. These questions choose between ways of
training; what is published is measured on others (`evaluate`).
"""

from __future__ import annotations

import json

import torch

from resources.starter.corpus import FOLDER, OUT_OF_SCOPE, load_topics
from resources.starter.network import Guide
from resources.starter.samples import Encoder

_ROWS = 160


def development(encoder: Encoder) -> list[tuple[str, list[int]]]:
    """Every development question as its topic and its prompt, earlier turns included."""
    topics = load_topics()
    asked: list[tuple[str, list[int]]] = []
    for line in (FOLDER / "dev.jsonl").read_text("utf-8").splitlines():
        fields = json.loads(line)
        asked.append((fields["topic"], encoder.prompt(fields["question"])))
    for line in (FOLDER / "dev_conversations.jsonl").read_text("utf-8").splitlines():
        before: list[int] = []
        for turn in json.loads(line)["turns"]:
            before = [*before, *encoder.prompt(turn["question"])]
            asked.append((turn["topic"], before))
            before = [*before, *encoder.answer(topics[turn["topic"]].answer)]
    return asked


@torch.no_grad()
def shares_right(network: Guide, encoder: Encoder) -> tuple[float, float, list[tuple[str, str]]]:
    """The shares in scope and out of scope, and (topic, begun topic) of every mistake."""
    network.eval()
    answers = {name: encoder.answer(topic.answer) for name, topic in load_topics().items()}
    asked = sorted(development(encoder), key=lambda pair: len(pair[1]))
    begun = [
        name
        for at in range(0, len(asked), _ROWS)
        for name in _begun(network, [ids for _, ids in asked[at : at + _ROWS]], answers)
    ]
    pairs = [(topic, name) for (topic, _), name in zip(asked, begun, strict=True)]
    inside = [topic == name for topic, name in pairs if topic != OUT_OF_SCOPE]
    outside = [topic == name for topic, name in pairs if topic == OUT_OF_SCOPE]
    wrong = [(topic, name) for topic, name in pairs if topic != name]
    return sum(inside) / len(inside), sum(outside) / len(outside), wrong


def _begun(network: Guide, prompts: list[list[int]], answers: dict[str, list[int]]) -> list[str]:
    """The topic whose answer each prompt's continuation turns out to be; empty for none."""
    found = ["" for _ in prompts]
    texts = [list(prompt) for prompt in prompts]
    open_rows = list(range(len(prompts)))
    while open_rows:
        width = max(len(texts[row]) for row in open_rows)
        ids = torch.zeros(len(open_rows), width, dtype=torch.long)
        last = torch.zeros(len(open_rows), width, dtype=torch.bool)
        for at, row in enumerate(open_rows):
            ids[at, : len(texts[row])] = torch.tensor(texts[row])
            last[at, len(texts[row]) - 1] = True
        with torch.autocast("cpu", torch.bfloat16):
            chosen = network(ids, last).argmax(-1).tolist()
        going_on = []
        for token, row in zip(chosen, open_rows, strict=True):
            texts[row].append(token)
            said = texts[row][len(prompts[row]) :]
            fitting = [name for name, ids_ in answers.items() if ids_[: len(said)] == said]
            if len(fitting) == 1:
                found[row] = fitting[0]
            elif fitting:
                going_on.append(row)
        open_rows = going_on
    return found
