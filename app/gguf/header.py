"""What a GGUF header says, as frozen values. Reads no files and judges nothing."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, overload


class Strings(Sequence[str]):
    """An array of text, kept as bytes: half a million tokens are decoded only when asked for."""

    __slots__ = ("raw",)

    def __init__(self, raw: list[bytes]) -> None:
        self.raw = raw

    def __len__(self) -> int:
        return len(self.raw)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [item.decode("utf-8", "replace") for item in self.raw[index]]
        return self.raw[index].decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        return (item.decode("utf-8", "replace") for item in self.raw)


Number: TypeAlias = "int | float | bool"
Value: TypeAlias = "Number | str | Strings | array[int] | array[float]"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One row of the tensor table. `shape` is in GGUF order: the row width comes first."""

    name: str
    type_name: str
    shape: tuple[int, ...]
    offset: int
    n_bytes: int

    @property
    def n_elements(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True)
class Header:
    """A whole header. `types` gives each key's value type: `u32`, `text`, `[f32]`, `[text]`."""

    path: str
    version: int
    metadata: dict[str, Value]
    types: dict[str, str]
    tensors: tuple[TensorInfo, ...]
    alignment: int
    data_offset: int
    file_bytes: int
    by_name: dict[str, TensorInfo] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {tensor.name: tensor for tensor in self.tensors})

    @property
    def architecture(self) -> str:
        """`general.architecture`, or "" where the file does not say."""
        return self.text("general.architecture") or ""

    def text(self, key: str) -> str | None:
        """The text under `key`, or None where it is absent or not text."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | float | None:
        """The number under `key`, or None where it is absent or not a single number."""
        value = self.metadata.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return value

    def whole(self, key: str, default: int = 0) -> int:
        """The whole number under `key`, or `default` where there is none."""
        value = self.number(key)
        return value if isinstance(value, int) else default

    def flag(self, key: str) -> bool | None:
        """The yes or no under `key`, or None."""
        value = self.metadata.get(key)
        return value if isinstance(value, bool) else None

    def own(self, suffix: str) -> str:
        """The architecture's own key: `llama.block_count` for `block_count`."""
        return f"{self.architecture}.{suffix}"
