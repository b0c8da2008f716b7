"""KV memory by sequence, and decoding into it. Lives on the engine thread.

Says truthfully what each sequence holds after a failed decode. Knows no requests.
"""

from __future__ import annotations

import enum

from app.engine.messages import LoadSettings
from app.engine.model import Model
from app.engine.native import AbortFlag, Batch, ContextHandle
from app.foundation.errors import ModelUnsupported


class Decoded(enum.Enum):
    """How a decode ended. Only after DONE are there logits."""

    DONE = "done"
    NO_SPACE = "no space"
    STOPPED = "stopped"
    FAILED = "failed"


class Context:
    """The cells of `n_seq_max` sequences. Positions run from 0; there are no gaps."""

    def __init__(self, model: Model, settings: LoadSettings, flag: AbortFlag) -> None:
        """Raises RuntimeError where llama.cpp refuses, ModelUnsupported without a KV memory."""
        self.handle = ContextHandle(model.handle, settings, flag)
        if not self.handle.memory:
            self.handle.close()
            raise ModelUnsupported(
                "This model cannot chat.",
                "It turns texts into numbers (an embedding model) and writes none.",
                "Choose a chat model.",
            )
        library = self.handle.library
        api = library.api
        self._decode = api.llama_decode
        self._remove = library.brief("llama_memory_seq_rm")
        self._copy = library.brief("llama_memory_seq_cp")
        self._first = library.brief("llama_memory_seq_pos_min")
        self._last = library.brief("llama_memory_seq_pos_max")
        self._n_swa = model.n_swa
        self._is_recurrent = model.is_recurrent
        self.n_cells = int(api.llama_n_ctx(self.handle.pointer))
        self.batch = Batch(library, settings.n_batch)

    @property
    def can_share(self) -> bool:
        """Whether one sequence's cells can be lent to another without copying."""
        return not self._is_recurrent and self._n_swa == 0

    def decode(self, batch: Batch) -> Decoded:
        """Evaluate the batch. Blocks; the interpreter lock is free meanwhile."""
        code = self._decode(self.handle.pointer, batch.struct)
        if code == 0:
            return Decoded.DONE
        if code == 1:
            return Decoded.NO_SPACE
        return Decoded.STOPPED if code == 2 else Decoded.FAILED

    def use_threads(self, n_threads: int, n_threads_batch: int) -> None:
        """Compute single tokens and batches with so many threads from now on."""
        api = self.handle.library.api
        api.llama_set_n_threads(self.handle.pointer, n_threads, n_threads_batch)

    def length(self, sequence_id: int) -> int:
        """How many tokens the sequence holds."""
        return int(self._last(self.handle.memory, sequence_id)) + 1

    def truncate(self, sequence_id: int, n_keep: int) -> int:
        """Keep the first `n_keep` tokens; returns how many really stay: `n_keep` or 0.

        Recurrent state cannot be cut, and a sliding window has forgotten what is before it.
        """
        held = self.length(sequence_id)
        if n_keep > held:
            n_keep = 0
        if n_keep == held and held > 0:
            return n_keep
        memory = self.handle.memory
        if n_keep > 0 and self._remove(memory, sequence_id, n_keep, -1):
            oldest_needed = max(0, n_keep - self._n_swa) if self._n_swa else 0
            if self.length(sequence_id) == n_keep and (
                self._is_recurrent or int(self._first(memory, sequence_id)) <= oldest_needed
            ):
                return n_keep
        self.clear(sequence_id)
        return 0

    def share(self, source_id: int, target_id: int, n_tokens: int) -> None:
        """Let the empty `target_id` begin with the source's first tokens, without new cells."""
        self._copy(self.handle.memory, source_id, target_id, 0, n_tokens)

    def clear(self, sequence_id: int) -> None:
        """Forget everything the sequence holds; this never fails."""
        self._remove(self.handle.memory, sequence_id, -1, -1)

    def close(self) -> None:
        self.handle.close()
