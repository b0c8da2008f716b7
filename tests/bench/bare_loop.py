"""The least that can be done over the C interface: what the engine's speed is compared with.

One context, no queue, no events, no text. The weights may be shared with nobody: make one
loop, measure, close. Lives on the thread that made it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence

from app.engine.messages import LoadSettings
from app.engine.model import Model
from app.engine.native import AbortFlag, Batch, ContextHandle, open_library
from app.engine.sampler import Sampler
from app.protocol.generation import SamplingParams


class BareLoop:
    """Reads and writes with one loaded model; every method returns seconds."""

    def __init__(self, settings: LoadSettings) -> None:
        library = open_library()
        self._api = library.api
        self._model = Model(library, settings, lambda fraction: True)
        self._context = ContextHandle(self._model.handle, settings, AbortFlag())
        self._n_batch = min(settings.n_batch, settings.n_ubatch)
        self._batch = Batch(library, settings.n_batch)

    @property
    def n_vocab(self) -> int:
        return self._model.vocabulary.n_vocab

    def forget(self) -> None:
        """Empty the memory."""
        self._api.llama_memory_clear(self._context.memory, False)

    def read(self, prompt: Sequence[int]) -> float:
        """Evaluate `prompt` into the empty sequence 0."""
        self.forget()
        tokens = (ctypes.c_int32 * len(prompt))(*prompt)
        begun_s = time.perf_counter()
        for start in range(0, len(prompt), self._n_batch):
            size = min(self._n_batch, len(prompt) - start)
            part = ctypes.cast(
                ctypes.byref(tokens, start * ctypes.sizeof(ctypes.c_int32)),
                ctypes.POINTER(ctypes.c_int32),
            )
            self._decode(self._api.llama_batch_get_one(part, size))
        self._api.llama_synchronize(self._context.pointer)
        return time.perf_counter() - begun_s

    def write(self, n_tokens: int, sampling: SamplingParams | None) -> float:
        """Go on after `read` for `n_tokens`; without `sampling` the same token is fed back.

        The first token comes from the logits that `read` left; end tokens are ignored.
        """
        api, context = self._api, self._context.pointer
        sampler = None if sampling is None else Sampler(self._model, sampling, ())
        chain = None if sampler is None else sampler.chain_pointer
        token = (ctypes.c_int32 * 1)(self.n_vocab // 2)
        batch = api.llama_batch_get_one(token, 1)
        begun_s = time.perf_counter()
        for _ in range(n_tokens):
            if chain is not None:
                token[0] = api.llama_sampler_sample(chain, context, -1)
            self._decode(batch)
        api.llama_synchronize(context)
        elapsed_s = time.perf_counter() - begun_s
        if sampler is not None:
            sampler.close()
        return elapsed_s

    def write_together(
        self, prompts: Sequence[Sequence[int]], n_tokens: int, sampling: SamplingParams
    ) -> float:
        """Write `n_tokens` for each prompt, all in one batch a step; reading is not counted."""
        self.forget()
        api, batch, context = self._api, self._batch, self._context.pointer
        samplers = [Sampler(self._model, sampling, prompt) for prompt in prompts]
        tokens: list[int] = []
        for index, prompt in enumerate(prompts):
            batch.clear()
            last = batch.add(index, prompt, 0, wants_logits=True)
            self._decode(batch.struct)
            tokens.append(api.llama_sampler_sample(samplers[index].chain_pointer, context, last))
        begun_s = time.perf_counter()
        for step in range(n_tokens):
            batch.clear()
            for index, prompt in enumerate(prompts):
                batch.add(index, [tokens[index]], len(prompt) + step, wants_logits=True)
            self._decode(batch.struct)
            for index, sampler in enumerate(samplers):
                tokens[index] = api.llama_sampler_sample(sampler.chain_pointer, context, index)
        elapsed_s = time.perf_counter() - begun_s
        for sampler in samplers:
            sampler.close()
        return elapsed_s

    def close(self) -> None:
        self._context.close()
        self._model.close()

    def _decode(self, batch: object) -> None:
        code = self._api.llama_decode(self._context.pointer, batch)
        if code != 0:
            raise RuntimeError(f"llama_decode returned {code}")
