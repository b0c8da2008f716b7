"""What the network sees: token ids and which of them it must predict, in batches of like length.

Most samples are one question and its answer up to where no other answer begins alike: there the
question is understood or not. The rest are whole answers and whole chats.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from tokenizers import Tokenizer

from resources.starter.corpus import Conversations, Turn, load_topics

END, USER, ASSISTANT = "<|end|>", "<|user|>", "<|assistant|>"
SPECIAL = (END, USER, ASSISTANT)
TOKENS_PER_BATCH = 3072
POOL = 6000
SHORT, CHATS = 0.86, 0.09
"""The part of the samples that end early, and the part that are chats of several turns."""
_BEYOND = 2
"""Tokens learnt after an answer has become unlike all others."""
_MERGES_LEFT_OUT = 0.1
"""BPE dropout, for every other question: the same word in other pieces."""


@dataclass(frozen=True)
class Sample:
    """Token ids and, for each, whether it is to be predicted."""

    ids: list[int]
    learnt: list[bool]


class Encoder:
    """Chats to samples of at most `n_ctx` tokens."""

    def __init__(self, tokenizer: Tokenizer, n_ctx: int, seed: int) -> None:
        self._whole = tokenizer
        self._pieces = Tokenizer.from_str(tokenizer.to_str())
        self._pieces.model.dropout = _MERGES_LEFT_OUT
        self._n_ctx = n_ctx
        self._rng = random.Random(seed)
        self._end, self._user, self._assistant = (tokenizer.token_to_id(word) for word in SPECIAL)
        self._answers = {
            topic.answer: [*tokenizer.encode(topic.answer).ids, self._end]
            for topic in load_topics().values()
        }
        self.decided = decided(list(self._answers.values()))
        """For each answer's ids, the least beginning that no other answer has."""

    def prompt(self, question: str, *, plain: bool = True) -> list[int]:
        """A question as the chat template writes it, up to where the answer begins."""
        tokenizer = self._whole if plain else self._pieces
        return [self._user, *tokenizer.encode(question).ids, self._end, self._assistant]

    def answer(self, text: str) -> list[int]:
        """An answer and its end."""
        return self._answers[text]

    def short(self, turn: Turn) -> Sample:
        """A question and the beginning of its answer."""
        answer = self._answers[turn.answer]
        return self._joined([(turn, answer[: self.decided[tuple(answer)] + _BEYOND])])

    def whole(self, chat: list[Turn]) -> Sample:
        """A chat with its answers, as many turns as fit."""
        return self._joined([(turn, self._answers[turn.answer]) for turn in chat])

    def _joined(self, turns: list[tuple[Turn, list[int]]]) -> Sample:
        ids: list[int] = []
        learnt: list[bool] = []
        for turn, answer in turns:
            prompt = self.prompt(turn.question, plain=self._rng.random() < 0.5)
            if len(ids) + len(prompt) + len(answer) > self._n_ctx:
                break
            ids += prompt + answer
            learnt += [False] * len(prompt) + [True] * len(answer)
        return Sample(ids, learnt)


def decided(answers: list[list[int]]) -> dict[tuple[int, ...], int]:
    """How many tokens of each answer tell it from all others."""
    begun = Counter(tuple(ids[:n]) for ids in answers for n in range(1, len(ids) + 1))
    return {
        tuple(ids): next(n for n in range(1, len(ids) + 1) if begun[tuple(ids[:n])] == 1)
        for ids in answers
    }


def samples(encoder: Encoder, seed: int) -> Iterator[Sample]:
    """An endless mixture."""
    chats = Conversations(seed)
    rng = random.Random(seed)
    while True:
        kind = rng.random()
        if kind < SHORT:
            yield encoder.short(chats.question())
        elif kind < SHORT + CHATS:
            yield encoder.whole(chats.draw())
        else:
            yield encoder.whole([chats.question()])


def batches(encoder: Encoder, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of samples of like length, so that little is padding: ids and learnt-mask."""
    source = samples(encoder, seed)
    order = torch.Generator().manual_seed(seed)
    while True:
        pool = sorted(islice(source, POOL), key=lambda sample: len(sample.ids))
        groups: list[list[Sample]] = [[]]
        for sample in pool:
            if (len(groups[-1]) + 1) * len(sample.ids) > TOKENS_PER_BATCH:
                groups.append([])
            groups[-1].append(sample)
        for index in torch.randperm(len(groups), generator=order).tolist():
            yield padded(groups[index])


def padded(group: list[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rectangles of ids and mask; padding is never learnt."""
    width = max(len(sample.ids) for sample in group)
    ids = torch.zeros(len(group), width, dtype=torch.long)
    mask = torch.zeros(len(group), width, dtype=torch.bool)
    for row, sample in enumerate(group):
        ids[row, : len(sample.ids)] = torch.tensor(sample.ids)
        mask[row, : len(sample.ids)] = torch.tensor(sample.learnt)
    return ids, mask
