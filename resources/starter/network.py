"""A llama-shaped decoder, small enough to train on a processor.

RMSNorm, RoPE, grouped heads, SwiGLU, tied embeddings. Its tensors have the names that the
conversion writes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Widths and counts. `n_ctx` is the longest chat seen in training, in tokens."""

    n_vocab: int = 4096
    n_embd: int = 256
    n_layers: int = 5
    n_head: int = 4
    n_head_kv: int = 2
    n_ff: int = 768
    n_ctx: int = 1024
    rope_base: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.n_embd // self.n_head

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


class Norm(nn.Module):
    """Root-mean-square normalisation with a learnt scale."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE over adjacent pairs, which is the order that llama.cpp expects of `llama`."""
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm and a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        kv = shape.head_dim * shape.n_head_kv
        self.shape = shape
        self.attn_norm = Norm(shape.n_embd, shape.norm_eps)
        self.ffn_norm = Norm(shape.n_embd, shape.norm_eps)
        self.attn_q = nn.Linear(shape.n_embd, shape.n_embd, bias=False)
        self.attn_k = nn.Linear(shape.n_embd, kv, bias=False)
        self.attn_v = nn.Linear(shape.n_embd, kv, bias=False)
        self.attn_output = nn.Linear(shape.n_embd, shape.n_embd, bias=False)
        self.ffn_gate = nn.Linear(shape.n_embd, shape.n_ff, bias=False)
        self.ffn_up = nn.Linear(shape.n_embd, shape.n_ff, bias=False)
        self.ffn_down = nn.Linear(shape.n_ff, shape.n_embd, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """`x` is batch × time × n_embd."""
        batch, time, _ = x.shape
        s = self.shape
        h = self.attn_norm(x)
        q = self.attn_q(h).view(batch, time, s.n_head, s.head_dim).transpose(1, 2)
        k = self.attn_k(h).view(batch, time, s.n_head_kv, s.head_dim).transpose(1, 2)
        v = self.attn_v(h).view(batch, time, s.n_head_kv, s.head_dim).transpose(1, 2)
        groups = s.n_head // s.n_head_kv
        attended = F.scaled_dot_product_attention(
            rotate(q, cos, sin),
            rotate(k, cos, sin).repeat_interleave(groups, 1),
            v.repeat_interleave(groups, 1),
            is_causal=True,
        )
        x = x + self.attn_output(attended.transpose(1, 2).reshape(batch, time, -1))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Guide(nn.Module):
    """Token ids (batch × time) to logits of the positions asked for.

    Dropout acts on the embeddings alone: there it stands for words misread, and costs little.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.token_embd = nn.Embedding(shape.n_vocab, shape.n_embd)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.output_norm = Norm(shape.n_embd, shape.norm_eps)
        half = shape.head_dim // 2
        rates = shape.rope_base ** (-torch.arange(half) / half)
        angles = torch.outer(torch.arange(shape.n_ctx), rates)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.apply(self._initialise)
        for block in self.blk:
            for layer in (block.attn_output, block.ffn_down):
                nn.init.normal_(layer.weight, std=0.02 / (2 * shape.n_layers) ** 0.5)

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Logits at the positions where the boolean mask `wanted` is set (all when None)."""
        time = tokens.shape[1]
        x = F.dropout(self.token_embd(tokens), self.dropout, self.training)
        cos, sin = self.cos[:time].to(x.dtype), self.sin[:time].to(x.dtype)
        for block in self.blk:
            x = block(x, cos, sin)
        x = self.output_norm(x if wanted is None else x[wanted])
        return x @ self.token_embd.weight.to(x.dtype).T
