"""The sampler chain and the grammar of one request. Lives on the engine thread.

Order as in llama.cpp's tools: logit bias, penalties, top-k, top-p, min-p, temperature, draw.
A grammar is asked about the drawn token first, and only on a no about the whole vocabulary,
which gives the same distribution for a fraction of the time. Knows no queues.
"""

from __future__ import annotations

import ctypes
import math
import secrets
from collections.abc import Sequence
from typing import Any

from app.engine.context import Context
from app.engine.model import Model
from app.engine.native import Library, SamplerHandle
from app.engine.sampling_rules import MAX_SEED, validate
from app.foundation.errors import RequestFailed
from app.protocol.generation import SamplingParams


class Sampler:
    """Draws one token after another for one sequence. Must be closed."""

    def __init__(self, model: Model, params: SamplingParams, prompt: Sequence[int]) -> None:
        """Raises InvalidInput or RequestFailed; `prompt` is what penalties look back on."""
        validate(params, model.vocabulary.n_vocab)
        library = model.handle.library
        self._api = library.api
        self._n_vocab = model.vocabulary.n_vocab
        self.seed = secrets.randbelow(MAX_SEED) if params.seed is None else params.seed
        # With few candidates left by top-k a draw takes a fraction of a millisecond: less than
        # getting the interpreter lock back from a busy window. Sorting them all takes many.
        is_brief = params.temperature == 0 or params.top_k > 0
        name = "llama_sampler_sample"
        self._sample = library.brief(name) if is_brief else getattr(library.api, name)
        self._chain = SamplerHandle(library)
        self._grammar: SamplerHandle | None = None
        self._candidates: Candidates | None = None
        try:
            self._build(params, prompt)
            if params.grammar is not None:
                self._grammar = self._compile(model, params.grammar)
                self._candidates = Candidates(library, self._n_vocab)
        except BaseException:
            self.close()
            raise

    @property
    def chain_pointer(self) -> Any:
        """The native chain, without the grammar."""
        return self._chain.pointer

    def sample(self, context: Context, index: int) -> int:
        """The next token, from the logits of batch entry `index`; the chain has accepted it.

        Raises RequestFailed where the grammar leaves nothing that the vocabulary can write.
        """
        if self._grammar is None:
            return int(self._sample(self._chain.pointer, context.handle.pointer, index))
        return self._sample_within_grammar(context, index)

    def close(self) -> None:
        self._chain.close()
        if self._grammar is not None:
            self._grammar.close()

    def _build(self, params: SamplingParams, prompt: Sequence[int]) -> None:
        api, chain = self._api, self._chain
        if params.logit_bias:
            biases = (api.llama_logit_bias * len(params.logit_bias))(*params.logit_bias)
            chain.add(
                api.llama_sampler_init_logit_bias(self._n_vocab, len(params.logit_bias), biases)
            )
        self._add_penalties(params, prompt)
        if params.temperature == 0:
            chain.add(api.llama_sampler_init_greedy())
            return
        if params.top_k > 0:
            chain.add(api.llama_sampler_init_top_k(params.top_k))
        if params.top_p < 1:
            chain.add(api.llama_sampler_init_top_p(params.top_p, 1))
        if params.min_p > 0:
            chain.add(api.llama_sampler_init_min_p(params.min_p, 1))
        chain.add(api.llama_sampler_init_temp(params.temperature))
        chain.add(api.llama_sampler_init_dist(self.seed))

    def _add_penalties(self, params: SamplingParams, prompt: Sequence[int]) -> None:
        idle = (params.repeat_penalty, params.frequency_penalty, params.presence_penalty)
        if params.repeat_last_n == 0 or idle == (1.0, 0.0, 0.0):
            return
        penalties = self._api.llama_sampler_init_penalties(
            self._n_vocab,
            params.repeat_last_n,
            params.repeat_penalty,
            params.frequency_penalty,
            params.presence_penalty,
        )
        self._chain.add(penalties)
        for token in prompt[-params.repeat_last_n :]:
            self._api.llama_sampler_accept(penalties, token)

    def _compile(self, model: Model, grammar: str) -> SamplerHandle:
        chain = SamplerHandle(model.handle.library)
        compiled = self._api.llama_sampler_init_grammar(
            model.handle.vocab, grammar.encode("utf-8"), b"root"
        )
        if not compiled:
            chain.close()
            raise RequestFailed(
                "This grammar cannot be used.",
                "The model's runtime did not accept it.",
                "Simplify the grammar: something that may be empty is repeated without end.",
            )
        chain.add(compiled)
        return chain

    def _sample_within_grammar(self, context: Context, index: int) -> int:
        grammar, candidates = self._grammar, self._candidates
        assert grammar is not None
        assert candidates is not None
        logits = self._api.llama_get_logits_ith(context.handle.pointer, index)
        candidates.fill(logits)
        token, logit = candidates.choose(self._chain)
        if logit == -math.inf or not candidates.allows(grammar, token):
            candidates.fill(logits)
            candidates.apply(grammar)
            token, logit = candidates.choose(self._chain)
            # Accepting a token that the grammar forbids ends the process.
            if logit == -math.inf:
                raise RequestFailed(
                    "The answer ran into a dead end of its grammar.",
                    "No word of this model may follow what was written so far.",
                    "Allow more in the grammar, or let it end here.",
                )
        self._api.llama_sampler_accept(grammar.pointer, token)
        self._api.llama_sampler_accept(self._chain.pointer, token)
        return token


class Candidates:
    """The whole vocabulary with its logits, in the layout samplers work on."""

    def __init__(self, library: Library, n_vocab: int) -> None:
        self._api = library.api
        self._n_vocab = n_vocab
        self._array = (library.api.llama_token_data * n_vocab)()
        self._view = library.api.llama_token_data_array()
        self._single = (library.api.llama_token_data * 1)()
        # One entry is id, logit, probability, four bytes each: two views of the same memory.
        memory = memoryview(self._array).cast("B")
        self._ids = memory.cast("i")[0::3]
        self._logits = memory.cast("f")[1::3]
        self._all_ids = memoryview((ctypes.c_int32 * n_vocab)(*range(n_vocab))).cast("B").cast("i")

    def fill(self, logits: Any) -> None:
        """Take the logits (a pointer to n_vocab floats); ids in vocabulary order."""
        source = (ctypes.c_float * self._n_vocab).from_address(
            ctypes.cast(logits, ctypes.c_void_p).value or 0
        )
        self._ids[:] = self._all_ids
        self._logits[:] = memoryview(source).cast("B").cast("f")
        self._view.data = self._array
        self._view.size = self._n_vocab
        self._view.selected = -1
        self._view.sorted = False

    def apply(self, sampler: SamplerHandle) -> None:
        self._api.llama_sampler_apply(sampler.pointer, ctypes.byref(self._view))

    def choose(self, chain: SamplerHandle) -> tuple[int, float]:
        """Let the chain pick; the token and its logit."""
        self.apply(chain)
        picked = self._view.data[self._view.selected]
        return int(picked.id), float(picked.logit)

    def allows(self, grammar: SamplerHandle, token: int) -> bool:
        """Whether the grammar lets `token` come next."""
        self._single[0].id, self._single[0].logit = token, 0.0
        self._view.data = self._single
        self._view.size = 1
        self._view.selected = -1
        self.apply(grammar)
        return float(self._single[0].logit) != -math.inf
