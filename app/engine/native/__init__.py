"""The only import of llama_cpp: handles, ownership, log and abort hooks.

Every handle belongs to the thread that made it. Knows neither requests nor chats. Importing
this package is cheap; `open_library` brings llama.cpp in on first use.
"""

from app.engine.native.flag import AbortFlag
from app.engine.native.handles import Batch, ContextHandle, ModelHandle, SamplerHandle
from app.engine.native.library import Library, open_library
from app.engine.native.log import LogCapture

__all__ = [
    "AbortFlag",
    "Batch",
    "ContextHandle",
    "Library",
    "LogCapture",
    "ModelHandle",
    "SamplerHandle",
    "open_library",
]
