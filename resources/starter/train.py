"""Trains the Guide from scratch: tokenizer, network, fixed seed, on the processor.

    python -m resources.starter.train [--steps N] [--threads N] [--resume]

Writes tokenizer.json and checkpoint.pt; `export` makes the GGUF of them.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # busy neighbours: do not spin at barriers

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from resources.starter.corpus import Conversations, Turn, load_topics
from resources.starter.network import Guide, Shape

SEED = 20261123
END, USER, ASSISTANT = "<|end|>", "<|user|>", "<|assistant|>"
SPECIAL = (END, USER, ASSISTANT)
TOKENS_PER_BATCH = 6144
POOL = 3000
TOKENIZER_CHATS = 40_000


def train_tokenizer(n_vocab: int) -> Tokenizer:
    """Byte-level BPE over the same text that the network learns from."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=n_vocab,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    chats = islice(Conversations(SEED), TOKENIZER_CHATS)
    text = (part for chat in chats for turn in chat for part in (turn.question, turn.answer))
    tokenizer.train_from_iterator(text, trainer)
    return tokenizer


class Encoder:
    """Chats to token ids and the mask of what is learnt (the answers and their ends)."""

    def __init__(self, tokenizer: Tokenizer, n_ctx: int) -> None:
        self._tokenizer = tokenizer
        self._n_ctx = n_ctx
        self._end, self._user, self._assistant = (tokenizer.token_to_id(word) for word in SPECIAL)
        self._answers = {
            topic.answer: tokenizer.encode(topic.answer).ids for topic in load_topics().values()
        }

    def encode(self, chat: list[Turn]) -> tuple[list[int], list[bool]]:
        """Token ids and, for each, whether it is to be predicted."""
        ids: list[int] = []
        learnt: list[bool] = []
        for turn in chat:
            question = [self._user, *self._tokenizer.encode(turn.question).ids, self._end]
            answer = [*self._answers[turn.answer], self._end]
            if len(ids) + len(question) + len(answer) + 1 > self._n_ctx:
                break
            ids += [*question, self._assistant, *answer]
            learnt += [False] * (len(question) + 1) + [True] * len(answer)
        return ids, learnt


def batches(encoder: Encoder, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of chats of like length, so that little is padding: ids and learnt-mask."""
    chats = Conversations(seed)
    order = torch.Generator().manual_seed(seed)
    while True:
        pool = sorted(
            (encoder.encode(chat) for chat in islice(chats, POOL)), key=lambda pair: len(pair[0])
        )
        groups: list[list[tuple[list[int], list[bool]]]] = [[]]
        for pair in pool:
            if (len(groups[-1]) + 1) * len(pair[0]) > TOKENS_PER_BATCH:
                groups.append([])
            groups[-1].append(pair)
        for index in torch.randperm(len(groups), generator=order).tolist():
            yield padded(groups[index])


def padded(group: list[tuple[list[int], list[bool]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rectangles of ids and mask; padding is never learnt."""
    width = max(len(ids) for ids, _ in group)
    ids = torch.zeros(len(group), width, dtype=torch.long)
    mask = torch.zeros(len(group), width, dtype=torch.bool)
    for row, (tokens, learnt) in enumerate(group):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = torch.tensor(learnt)
    return ids, mask


def optimizers(network: Guide) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings and norms."""
    matrices = [p for p in network.blk.parameters() if p.ndim == 2]
    others = [p for p in network.parameters() if not any(p is m for m in matrices)]
    return [
        torch.optim.Muon(
            matrices, lr=4e-3, weight_decay=0.05, ns_steps=3, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=3e-3, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


def rate(step: int, steps: int) -> float:
    """Warm up over 100 steps, then fall to 3 % along a cosine."""
    if step < 100:
        return (step + 1) / 100
    return 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * (step - 100) / max(1, steps - 100)))


def train(steps: int, out: Path, resume: bool) -> None:
    """Train for `steps` batches, with a checkpoint every 200."""
    torch.manual_seed(SEED)
    out.mkdir(parents=True, exist_ok=True)
    shape = Shape()
    checkpoint, tokenizer_file = out / "checkpoint.pt", out / "tokenizer.json"
    if not (resume and tokenizer_file.exists()):
        train_tokenizer(shape.n_vocab).save(str(tokenizer_file))
    encoder = Encoder(Tokenizer.from_file(str(tokenizer_file)), shape.n_ctx)
    network = Guide(shape, dropout=0.1)
    parts = optimizers(network)
    base = [[group["lr"] for group in part.param_groups] for part in parts]
    first = 0
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint)
        network.load_state_dict(saved["network"])
        for part, state in zip(parts, saved["optimizers"], strict=True):
            part.load_state_dict(state)
        first = saved["step"]
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters", flush=True)
    source = batches(encoder, SEED + first)
    started, seen, shown = time.monotonic(), 0, 0.0
    for step in range(first, steps):
        for part, rates in zip(parts, base, strict=True):
            for group, lr in zip(part.param_groups, rates, strict=True):
                group["lr"] = lr * rate(step, steps)
        ids, learnt = next(source)
        loss = learn(network, parts, ids, learnt)
        seen += ids.numel()
        shown = loss if shown == 0 else 0.98 * shown + 0.02 * loss
        if (step + 1) % 20 == 0:
            speed = seen / (time.monotonic() - started)
            print(f"{step + 1}/{steps}  loss {shown:.4f}  {speed:.0f} tokens/s", flush=True)
        if (step + 1) % 200 == 0 or step + 1 == steps:
            save(checkpoint, network, parts, step + 1)


def learn(
    network: Guide, parts: list[torch.optim.Optimizer], ids: torch.Tensor, learnt: torch.Tensor
) -> float:
    """One step on one batch; returns the mean loss in nats per learnt token."""
    network.train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(ids[:, :-1], learnt[:, 1:])
    loss = F.cross_entropy(logits.float(), ids[:, 1:][learnt[:, 1:]])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    for part in parts:
        part.step()
        part.zero_grad(set_to_none=True)
    return loss.item()


def save(path: Path, network: Guide, parts: list[torch.optim.Optimizer], step: int) -> None:
    """Write the checkpoint whole or not at all."""
    unfinished = path.with_suffix(".part")
    torch.save(
        {
            "network": network.state_dict(),
            "optimizers": [part.state_dict() for part in parts],
            "shape": network.shape.as_dict(),
            "step": step,
        },
        unfinished,
    )
    unfinished.replace(path)


def main() -> None:
    """Read the words and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=650)
    parser.add_argument("--out", type=Path, default=Path("build/starter"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    train(words.steps, words.out, words.resume)


if __name__ == "__main__":
    main()
