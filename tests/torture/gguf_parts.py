"""GGUF files as editable parts, and the operations that change them.

A recipe is a list of plain operations that can be printed, stored as JSON and applied again to
the same base file. Writes whatever it is told; checks nothing.
"""

from __future__ import annotations

import contextlib
import struct
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.gguf.header import Strings, Value
from app.gguf.reader import read_header
from app.gguf.types import NUMBERS, TENSOR_TYPES

CODES = {name: (number, code) for number, (name, code, _) in NUMBERS.items()}
Operation = list[Any]
Recipe = list[Operation]


@dataclass
class Entry:
    """One key: `kind` as in Header.types; `value` a number, bytes or list; `claim` a wrong size."""

    key: bytes
    kind: str
    value: Any
    claim: int | None = None
    number: int | None = None  # a false type number


@dataclass
class Slot:
    """One row of the tensor table; `data` are the bytes it had in the base file."""

    name: bytes
    shape: list[int]
    number: int
    offset: int
    data: bytes


@dataclass
class Parts:
    """A whole file, taken apart."""

    architecture: str
    entries: list[Entry]
    slots: list[Slot]
    version: int = 3
    alignment: int = 32
    n_entries: int | None = None
    n_slots: int | None = None
    extra_tail: int = 0
    raw: list[Operation] = field(default_factory=list)

    def find(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key.encode()), None)

    def slot(self, name: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.name == name.encode()), None)


def take_apart(path: Path) -> Parts:
    """The parts of a well-formed file."""
    header = read_header(path)
    data = path.read_bytes()[header.data_offset :]
    numbers = {entry.name: number for number, entry in TENSOR_TYPES.items()}
    entries = []
    for key, value in header.metadata.items():
        kind, plain = header.types[key], _plain(value)
        entries.append(Entry(key.encode(), kind, plain))
    slots = [
        Slot(
            tensor.name.encode(),
            list(tensor.shape),
            numbers[tensor.type_name],
            tensor.offset,
            data[tensor.offset : tensor.offset + tensor.n_bytes],
        )
        for tensor in header.tensors
    ]
    return Parts(header.architecture, entries, slots, alignment=header.alignment)


def _plain(value: Value) -> Any:
    if isinstance(value, Strings):
        return list(value.raw)
    if isinstance(value, array):
        return list(value)
    return value.encode() if isinstance(value, str) else value


def _text(data: bytes, claim: int | None = None) -> bytes:
    return struct.pack("<Q", len(data) if claim is None else claim) + data


def _value(entry: Entry) -> bytes:
    kind, value = entry.kind, entry.value
    if kind == "text":
        return struct.pack("<I", entry.number or 8) + _text(value, entry.claim)
    if kind == "[text]":
        count = len(value) if entry.claim is None else entry.claim
        return struct.pack("<IIQ", entry.number or 9, 8, count) + b"".join(map(_text, value))
    if kind.startswith("["):
        number, code = CODES[kind[1:-1]]
        count = len(value) if entry.claim is None else entry.claim
        head = struct.pack("<IIQ", 9, entry.number or number, count)
        return head + struct.pack(f"<{len(value)}{code}", *value)
    number, code = CODES[kind]
    return struct.pack("<I", entry.number or number) + struct.pack("<" + code, value)


def put_together(parts: Parts) -> bytes:
    """The file the parts describe, then the raw operations (cut, flip, bytes) on it."""
    n_slots = len(parts.slots) if parts.n_slots is None else parts.n_slots
    n_entries = len(parts.entries) if parts.n_entries is None else parts.n_entries
    out = bytearray(b"GGUF" + struct.pack("<IQQ", parts.version, n_slots, n_entries))
    for entry in parts.entries:
        out += _text(entry.key) + _value(entry)
    for slot in parts.slots:
        out += _text(slot.name) + struct.pack("<I", len(slot.shape))
        out += struct.pack(f"<{len(slot.shape)}Q", *slot.shape)
        out += struct.pack("<IQ", slot.number, slot.offset)
    header_bytes = len(out)
    out += bytes(-len(out) % parts.alignment)
    for slot in parts.slots:
        out += slot.data
        out += bytes(-len(out) % parts.alignment)
    for operation in parts.raw:
        _apply_raw(out, operation, header_bytes)
    return bytes(out)


def _apply_raw(out: bytearray, operation: Operation, header_bytes: int) -> None:
    name = operation[0]
    if name == "cut":
        del out[int(len(out) * operation[1]) :]
    elif name == "cut_header":
        del out[int(header_bytes * operation[1]) :]
    elif name == "flip":
        place = int(header_bytes * operation[1])
        out[place % max(1, len(out))] ^= 1 << operation[2]
    elif name == "overwrite":
        place = int(header_bytes * operation[1])
        out[place : place + len(operation[2]) // 2] = bytes.fromhex(operation[2])


def relayout(parts: Parts) -> None:
    """Give every tensor the bytes its shape and type claim, one after the other."""
    offset = 0
    for slot in parts.slots:
        kind = TENSOR_TYPES.get(slot.number)
        n_elements = 1
        for size in slot.shape:
            n_elements *= size
        if kind is None or n_elements > 1 << 24:
            return
        n_bytes = n_elements // kind.block * kind.block_bytes
        repeated = slot.data * (n_bytes // max(1, len(slot.data)) + 1) if slot.data else b""
        slot.data = repeated[:n_bytes].ljust(n_bytes, b"\0")
        slot.offset = offset
        offset = -(-(offset + n_bytes) // parts.alignment) * parts.alignment


def apply(parts: Parts, recipe: Recipe) -> bytes:
    """Carry out the recipe; operations on what is not there do nothing."""
    for operation in recipe:
        _OPERATIONS[operation[0]](parts, *operation[1:])
    return put_together(parts)


def _set(parts: Parts, key: str, kind: str, value: Any) -> None:
    if kind == "text":
        value = value.encode()
    elif kind == "[text]":
        value = [item.encode() for item in value]
    elif kind == "f32" and isinstance(value, str):
        value = float(value)
    entry = parts.find(key)
    if entry is None:
        parts.entries.append(Entry(key.encode(), kind, value))
    else:
        entry.kind, entry.value = kind, value
    if key == "general.alignment" and isinstance(value, int) and 0 < value < 1 << 16:
        parts.alignment = value


def _drop(parts: Parts, key: str) -> None:
    parts.entries = [entry for entry in parts.entries if entry.key != key.encode()]


def _duplicate(parts: Parts, key: str) -> None:
    if entry := parts.find(key):
        parts.entries.append(entry)


def _rename(parts: Parts, key: str, other: str) -> None:
    if entry := parts.find(key):
        entry.key = other.encode("latin-1")


def _claim(parts: Parts, key: str, length: int) -> None:
    if entry := parts.find(key):
        entry.claim = length


def _retype(parts: Parts, key: str, number: int) -> None:
    if entry := parts.find(key):
        entry.number = number


def _resize(parts: Parts, key: str, length: int) -> None:
    entry = parts.find(key)
    if entry and isinstance(entry.value, list) and entry.value:
        repeated = entry.value * (length // len(entry.value) + 1)
        entry.value = repeated[:length]


def _element(parts: Parts, key: str, place: float, value: Any) -> None:
    """`value`: hexadecimal bytes for texts, a fraction as text, or a whole number."""
    entry = parts.find(key)
    if entry is None or not isinstance(entry.value, list) or not entry.value:
        return
    index = int(place * len(entry.value))
    old = entry.value[index]
    if isinstance(old, bytes) and isinstance(value, str):
        entry.value[index] = bytes.fromhex(value)
    elif isinstance(old, float) and isinstance(value, str):
        with contextlib.suppress(ValueError):
            entry.value[index] = float(value)
    elif isinstance(old, int) and isinstance(value, int):
        bits = {"[u8]": 8, "[i8]": 7, "[bool]": 1}.get(entry.kind, 31)
        entry.value[index] = value & ((1 << bits) - 1)


def _same_element(parts: Parts, key: str, place: float, other: float) -> None:
    entry = parts.find(key)
    if entry and isinstance(entry.value, list) and entry.value:
        n_items = len(entry.value)
        entry.value[int(place * n_items)] = entry.value[int(other * n_items)]


def _counts(parts: Parts, n_entries: int | None, n_slots: int | None) -> None:
    parts.n_entries, parts.n_slots = n_entries, n_slots


def _version(parts: Parts, version: int) -> None:
    parts.version = version


def _shape(parts: Parts, name: str, shape: list[int], fit: bool) -> None:
    if slot := parts.slot(name):
        slot.shape = shape
        if fit:
            relayout(parts)


def _tensor_type(parts: Parts, name: str, number: int, fit: bool) -> None:
    if slot := parts.slot(name):
        slot.number = number
        if fit:
            relayout(parts)


def _tensor_name(parts: Parts, name: str, other: str) -> None:
    if slot := parts.slot(name):
        slot.name = other.encode("latin-1")


def _tensor_drop(parts: Parts, name: str) -> None:
    parts.slots = [slot for slot in parts.slots if slot.name != name.encode()]
    relayout(parts)


def _tensor_copy(parts: Parts, name: str, other: str) -> None:
    if slot := parts.slot(name):
        parts.slots.append(Slot(other.encode(), list(slot.shape), slot.number, 0, slot.data))
        relayout(parts)


def _tensor_offset(parts: Parts, name: str, offset: int) -> None:
    if slot := parts.slot(name):
        slot.offset = offset


def _raw(parts: Parts, *operation: Any) -> None:
    parts.raw.append(list(operation))


_OPERATIONS: dict[str, Any] = {
    "set": _set,
    "drop": _drop,
    "duplicate": _duplicate,
    "rename": _rename,
    "claim": _claim,
    "retype": _retype,
    "resize": _resize,
    "element": _element,
    "same_element": _same_element,
    "counts": _counts,
    "version": _version,
    "shape": _shape,
    "tensor_type": _tensor_type,
    "tensor_name": _tensor_name,
    "tensor_drop": _tensor_drop,
    "tensor_copy": _tensor_copy,
    "tensor_offset": _tensor_offset,
    "raw": _raw,
}
