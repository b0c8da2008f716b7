"""The far side of the fuzz gate: loads files named on standard input into llama.cpp.

Each gets a context, a few tokens or an embedding, and is freed; one line of verdict is printed.
Whatever a file does to this process, it does to this process only.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from typing import Any

MEMORY_LIMIT_BYTES = 6 << 30
PROMPT = "Hello, tell me about the äöü keyboard…\n\n日本 🦙 1234"
N_TOKENS = 4


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import llama_cpp

    api: Any = llama_cpp
    callback = api.llama_log_callback(lambda level, text, data: None)
    api.llama_log_set(callback, None)
    api.llama_backend_init()
    for line in sys.stdin:
        request = json.loads(line)
        verdict = _try(api, request["path"], request["kind"] == "embedding")
        print(json.dumps({"verdict": verdict}), flush=True)


def _try(api: Any, path: str, embedding: bool) -> str:
    parameters = api.llama_model_default_params()
    parameters.n_gpu_layers = 0
    model = api.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        return "not loaded"
    try:
        return _run(api, model, embedding)
    finally:
        api.llama_model_free(model)


def _run(api: Any, model: Any, embedding: bool) -> str:
    vocabulary = api.llama_model_get_vocab(model)
    n_vocab = api.llama_vocab_n_tokens(vocabulary)
    parameters = api.llama_context_default_params()
    parameters.n_ctx = 256
    parameters.n_batch = parameters.n_ubatch = 128
    parameters.n_seq_max = parameters.n_outputs_max = 2
    parameters.n_threads = parameters.n_threads_batch = 1
    parameters.kv_unified = True
    parameters.swa_full = False
    parameters.no_perf = True
    if embedding:
        parameters.embeddings = True
        parameters.n_outputs_max = 128
    context = api.llama_init_from_model(model, parameters)
    if not context:
        return "no context"
    try:
        tokens = _tokens(api, vocabulary)
        for token in range(0, n_vocab, max(1, n_vocab // 64)):
            _piece(api, vocabulary, token)
        if not tokens:
            return "no tokens"
        return _embed(api, context, tokens) if embedding else _write(api, context, model, tokens)
    finally:
        api.llama_free(context)


def _tokens(api: Any, vocabulary: Any) -> list[int]:
    text = PROMPT.encode()
    buffer = (ctypes.c_int32 * 512)()
    count = api.llama_tokenize(vocabulary, text, len(text), buffer, 512, True, True)
    return list(buffer[: min(count, 100)]) if count > 0 else []


def _piece(api: Any, vocabulary: Any, token: int) -> bytes:
    buffer = ctypes.create_string_buffer(256)
    length = api.llama_token_to_piece(vocabulary, token, buffer, 256, 0, True)
    return buffer.raw[: max(0, length)]


def _decode(api: Any, context: Any, tokens: list[int]) -> int:
    array = (ctypes.c_int32 * len(tokens))(*tokens)
    return int(api.llama_decode(context, api.llama_batch_get_one(array, len(tokens))))


def _embed(api: Any, context: Any, tokens: list[int]) -> str:
    if _decode(api, context, tokens):
        return "not decoded"
    pointer = api.llama_get_embeddings_seq(context, 0)
    return "embedded" if pointer and pointer[0] is not None else "no embedding"


def _write(api: Any, context: Any, model: Any, tokens: list[int]) -> str:
    if _decode(api, context, tokens):
        return "not decoded"
    vocabulary = api.llama_model_get_vocab(model)
    n_vocab = api.llama_vocab_n_tokens(vocabulary)
    chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
    for sampler in (
        api.llama_sampler_init_penalties(n_vocab, 64, 1.1, 0.1, 0.1),
        api.llama_sampler_init_top_k(40),
        api.llama_sampler_init_top_p(0.95, 1),
        api.llama_sampler_init_min_p(0.05, 1),
        api.llama_sampler_init_temp(0.8),
        api.llama_sampler_init_dist(7),
    ):
        api.llama_sampler_chain_add(chain, sampler)
    try:
        for _ in range(N_TOKENS):
            token = api.llama_sampler_sample(chain, context, -1)
            _piece(api, vocabulary, token)
            if _decode(api, context, [token]):
                return "not decoded"
    finally:
        api.llama_sampler_free(chain)
    return "written"


if __name__ == "__main__":
    main()
