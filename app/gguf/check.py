"""The wall in front of native code: a header that passes here has not been seen to crash it.

llama.cpp answers many malformed headers by aborting the process. Whatever would do that is
refused here with a sentence; what it refuses cleanly by itself is left to it where naming the
fault generically is not possible. Pure; any thread.
"""

from __future__ import annotations

from app.foundation.errors import ModelUnsupported
from app.gguf.architectures import SUPPORTED
from app.gguf.check_metadata import check_metadata
from app.gguf.check_tensors import check_layers, check_shapes, check_types
from app.gguf.check_tokenizer import check_tokenizer
from app.gguf.header import Header
from app.gguf.kinds import n_splits, purpose_of, split_index
from app.gguf.reader import invalid

MAX_SPLITS = 1024


def check_model(header: Header) -> None:
    """Refuse a header that llama.cpp must not be given.

    Projectors, adapters, importance matrices and bare vocabularies pass when they are well
    formed: what they are good for is `facts.kind`. Raises ModelFileInvalid (damaged or hostile)
    or ModelUnsupported (well formed, but the runtime does not know this architecture).
    """
    purpose = purpose_of(header)
    if purpose.kind in ("projector", "adapter") or not _is_model(header):
        return
    _check_splits(header)
    if split_index(header) > 0:
        check_types(header)
        return
    if header.architecture not in SUPPORTED:
        raise _unknown_architecture(header)
    if purpose.kind == "vocabulary":
        check_tokenizer(header)
        return
    n_layers = check_metadata(header)
    check_tokenizer(header)
    check_types(header)
    if n_splits(header) == 1:
        check_layers(header, n_layers)
    check_shapes(header)


def _is_model(header: Header) -> bool:
    return (header.text("general.type") or "model") in ("model", "vocab") and (
        "imatrix.datasets" not in header.metadata
    )


def _check_splits(header: Header) -> None:
    count, index = n_splits(header), split_index(header)
    if count > MAX_SPLITS or index >= count:
        raise invalid(header.path, f"It says it is part {index + 1:,} of {count:,}.")


def _unknown_architecture(header: Header) -> Exception:
    name = header.architecture
    if not name:
        return invalid(header.path, "Its header does not say which architecture it has.")
    return ModelUnsupported(
        "This kind of model is not known to this version of Hearth.",
        f"The file says its architecture is “{name[:60]}”.",
        "Update Hearth, or choose another model.",
    )
