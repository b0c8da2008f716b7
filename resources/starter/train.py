"""Trains the Guide from scratch: tokenizer, network, fixed seed, on the processor.

    python -m resources.starter.train [--steps N] [--threads N] [--resume]

Writes tokenizer.json and checkpoint.pt; `export` makes the GGUF of them.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from itertools import islice
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # busy neighbours: do not spin at barriers

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from resources.starter.corpus import Conversations
from resources.starter.network import Guide, Shape
from resources.starter.progress import shares_right
from resources.starter.samples import SPECIAL, Encoder, batches

SEED = 20261125
TOKENIZER_CHATS = 60_000
LOOK_EVERY = 500
AVERAGED = 0.998
"""What a step leaves of the running average of the weights; the average is what ships."""


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
    """Train for `steps` batches, with a look and a checkpoint every 500."""
    torch.manual_seed(SEED)
    out.mkdir(parents=True, exist_ok=True)
    shape = Shape()
    checkpoint, tokenizer_file = out / "checkpoint.pt", out / "tokenizer.json"
    if not (resume and tokenizer_file.exists()):
        train_tokenizer(shape.n_vocab).save(str(tokenizer_file))
    encoder = Encoder(Tokenizer.from_file(str(tokenizer_file)), shape.n_ctx, SEED)
    network = Guide(shape, dropout=0.1)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGED)
    )
    parts = optimizers(network)
    base = [[group["lr"] for group in part.param_groups] for part in parts]
    first = 0
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint)
        network.load_state_dict(saved["trained"])
        average.module.load_state_dict(saved["network"])
        average.n_averaged.fill_(saved["step"])
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
        average.update_parameters(network)
        seen += ids.numel()
        shown = loss if shown == 0 else 0.98 * shown + 0.02 * loss
        if (step + 1) % 20 == 0:
            speed = seen / (time.monotonic() - started)
            print(f"{step + 1}/{steps}  loss {shown:.4f}  {speed:.0f} tokens/s", flush=True)
        if (step + 1) % LOOK_EVERY == 0 or step + 1 == steps:
            save(checkpoint, network, average.module, parts, step + 1)
            inside, outside, _ = shares_right(average.module, encoder)
            print(
                f"{step + 1}  development: {inside:.1%} in scope, {outside:.1%} declined",
                flush=True,
            )


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


def save(
    path: Path, network: Guide, average: Guide, parts: list[torch.optim.Optimizer], step: int
) -> None:
    """Write the checkpoint whole or not at all."""
    unfinished = path.with_suffix(".part")
    torch.save(
        {
            "network": average.state_dict(),
            "trained": network.state_dict(),
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
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("build/starter"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    train(words.steps, words.out, words.resume)


if __name__ == "__main__":
    main()
