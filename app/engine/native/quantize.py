"""llama.cpp's own quantizer: one file in, a smaller one out.

For children only: it computes for minutes without a way to stop, and ends the process where it
finds a model it did not expect. Knows neither sizes nor qualities.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from app.engine.native.library import Library

_SLAB_BYTES = 256 * 1024 * 1024
"""Rows that are worked on at once; llama.cpp's own choice is 8 GiB."""


def quantize(
    library: Library, source: Path, target: Path, file_type: int, *, n_threads: int
) -> None:
    """Write `target`, a single file, from `source` or from all the parts it is the first of.

    `file_type` is a value of enum llama_ftype. Weights that are quantized already are quantized
    again. Raises RuntimeError where llama.cpp refuses or fails; `library.log` says why. A full
    disk is not always noticed here: look at the file.
    """
    api = library.api
    parameters = api.llama_model_quantize_default_params()
    parameters.nthread = n_threads
    parameters.ftype = file_type
    parameters.allow_requantize = True
    parameters.max_buf_size = _SLAB_BYTES
    failed = api.llama_model_quantize(
        os.fsencode(source), os.fsencode(target), ctypes.byref(parameters)
    )
    if failed:
        raise RuntimeError("not quantized")
