"""Models spread over several files: one header from all of them.

The files are called NAME-00001-of-00003.gguf and so on (llama_split_path). Reads files; any
thread but the window's.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from app.foundation.errors import ModelNotFound
from app.gguf.header import Header
from app.gguf.kinds import n_splits, split_index
from app.gguf.reader import invalid, read_header

_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf\Z")


def read_model(path: str | Path) -> Header:
    """The header of a model: of one file, or of all the files it is spread over together.

    `tensors` and `file_bytes` are those of all parts; the rest is the first part's, from any of
    whose files the model may be named. Raises as `read_header`, and ModelNotFound for a part.
    """
    header = read_header(path)
    count = n_splits(header)
    if count <= 1:
        return header
    parts = [read_header(part) for part in part_paths(header)]
    for index, part in enumerate(parts):
        if n_splits(part) != count or split_index(part) != index:
            raise invalid(part.path, f"It should be part {index + 1} of {count}, and is not.")
    tensors = tuple(tensor for part in parts for tensor in part.tensors)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise invalid(header.path, "Two of its parts hold the same tensor.")
    return replace(
        parts[0],
        tensors=tensors,
        file_bytes=sum(part.file_bytes for part in parts),
        metadata={**parts[0].metadata, "split.count": 1},
    )


def part_paths(header: Header) -> tuple[Path, ...]:
    """All files of the model that `header` is a part of, in order."""
    path, count = Path(header.path), n_splits(header)
    match = _NAME.match(path.name)
    if match is None or int(match.group(3)) != count:
        raise invalid(
            header.path,
            f"It is one of {count} files of a model, but is not named as such.",
            f"Give the files their original names, ending in -00001-of-{count:05d}.gguf.",
        )
    paths = tuple(
        path.with_name(f"{match.group(1)}-{index:05d}-of-{count:05d}.gguf")
        for index in range(1, count + 1)
    )
    missing = [part.name for part in paths if not part.exists()]
    if missing:
        raise ModelNotFound(
            "A part of this model is missing.",
            f"{len(missing)} of its {count} files are not there, such as {missing[0]}.",
            "Download the missing files into the same folder.",
        )
    return paths
