"""All programs whose models can be used in place, the ones that say most of a file first."""

from __future__ import annotations

from typing import Final

from app.models.adopt import gpt4all, huggingface, jan, koboldcpp, llama_cpp, lmstudio, ollama
from app.models.adopt.found import Store

STORES: Final[tuple[Store, ...]] = (
    huggingface.STORE,
    lmstudio.STORE,
    jan.STORE,
    gpt4all.STORE,
    llama_cpp.STORE,
    koboldcpp.STORE,
    ollama.STORE,
)
