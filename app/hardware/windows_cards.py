"""Graphics cards on Windows: drivers from the registry, displays and memory from DXGI.

Sources (Microsoft's documentation): the class key of display adapters, whose numbered keys have
DriverDesc, DriverVersion, HardwareInformation.qwMemorySize and MatchingDeviceId; IDXGIFactory1::
EnumAdapters1, DXGI_ADAPTER_DESC1, IDXGIAdapter::EnumOutputs, and IDXGIAdapter3::
QueryVideoMemoryInfo. DXGI starts drivers: `cards` is for a child only.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.hardware.cards import Card

_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_VALUES = (
    "DriverDesc",
    "DriverVersion",
    "MatchingDeviceId",
    "HardwareInformation.qwMemorySize",
)
_MOST_ADAPTERS = 16
_SOFTWARE_FLAG = 2  # DXGI_ADAPTER_FLAG_SOFTWARE
_IID_FACTORY_1 = "770aae78-f26f-4dba-a829-253c83d1b387"
# Places in the tables of functions: after IUnknown's 3 and IDXGIObject's 4.
_RELEASE, _ENUM_ADAPTERS_1, _ENUM_OUTPUTS, _GET_DESC_1 = 2, 12, 7, 10


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter as DXGI describes it."""

    name: str
    vendor: int
    device: int
    dedicated_bytes: int
    has_display: bool
    is_software: bool


class _Desc1(ctypes.Structure):
    """DXGI_ADAPTER_DESC1."""

    _fields_ = [
        ("description", ctypes.c_uint16 * 128),
        ("vendor", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("subsystem", ctypes.c_uint32),
        ("revision", ctypes.c_uint32),
        ("dedicated_video", ctypes.c_size_t),
        ("dedicated_system", ctypes.c_size_t),
        ("shared_system", ctypes.c_size_t),
        ("luid_low", ctypes.c_uint32),
        ("luid_high", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
    ]


def cards() -> list[Card]:
    """The registry's cards, with what DXGI adds. In a child only."""
    return joined(registered_cards(), list(_adapters()))


def registered_cards() -> list[Card]:
    """Every adapter with a driver, from the registry: starts nothing, safe anywhere."""
    return [card for values in _registry() if (card := card_of(values)) is not None]


def card_of(values: Mapping[str, Any]) -> Card | None:
    """One numbered key of the class; None for what has no driver."""
    name = str(values.get("DriverDesc", "")).strip()
    if not name:
        return None
    memory = values.get("HardwareInformation.qwMemorySize")
    if isinstance(memory, bytes):  # some drivers write the number as bytes
        memory = int.from_bytes(memory, "little")
    return Card(
        id="",
        name=name,
        driver=str(values.get("DriverVersion", "")).strip(),
        total_bytes=memory if isinstance(memory, int) and memory > 0 else None,
    )


def joined(known: Sequence[Card], adapters: Sequence[Adapter]) -> list[Card]:
    """Each card with the display that DXGI sees on the adapter of the same name.

    The registry keeps cards that were taken out: where DXGI answers, only its adapters count.
    """
    hardware = [adapter for adapter in adapters if not adapter.is_software]
    if not hardware:
        return list(known)
    left = list(known)
    found = []
    for adapter in hardware:
        match = next((card for card in left if card.name == adapter.name), None)
        if match is not None:
            left.remove(match)
        card = match or Card(id="", name=adapter.name, driver="")
        total = card.total_bytes or adapter.dedicated_bytes or None
        found.append(replace(card, has_display=adapter.has_display, total_bytes=total))
    return found


def adapter_of(desc: bytes, *, has_display: bool) -> Adapter:
    """From the bytes of a DXGI_ADAPTER_DESC1."""
    fields = _Desc1.from_buffer_copy(desc)
    name = bytes(fields.description).decode("utf-16-le", "replace").partition("\0")[0]
    return Adapter(
        name.strip(),
        int(fields.vendor),
        int(fields.device),
        int(fields.dedicated_video),
        has_display,
        bool(fields.flags & _SOFTWARE_FLAG),
    )


def _registry() -> Iterator[dict[str, Any]]:
    if sys.platform == "win32":
        import winreg

        try:
            root = winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _CLASS)
        except OSError:
            return
        with root:
            for number in range(_MOST_ADAPTERS):
                try:
                    with winreg.OpenKey(root, f"{number:04d}") as key:
                        yield _values(key)
                except OSError:  # there is no such number, or it is not for us to read
                    continue
    else:
        yield from ()


def _values(key: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if sys.platform == "win32":
        import winreg

        for name in _VALUES:
            try:
                found[name] = winreg.QueryValueEx(key, name)[0]
            except OSError:
                continue
    return found


def _adapters() -> Iterator[Adapter]:
    if sys.platform == "win32":
        try:
            create = ctypes.WinDLL("dxgi").CreateDXGIFactory1
        except (OSError, AttributeError):
            return
        import uuid

        interface = (ctypes.c_byte * 16).from_buffer_copy(uuid.UUID(_IID_FACTORY_1).bytes_le)
        factory = ctypes.c_void_p()
        if create(interface, ctypes.byref(factory)) < 0 or not factory:
            return
        try:
            for number in range(_MOST_ADAPTERS):
                adapter = ctypes.c_void_p()
                status = _call(factory, _ENUM_ADAPTERS_1, ctypes.c_uint32(number), adapter)
                if status < 0:
                    return
                try:
                    yield _adapter(adapter)
                finally:
                    _call(adapter, _RELEASE)
        finally:
            _call(factory, _RELEASE)
    else:
        yield from ()


def _adapter(adapter: ctypes.c_void_p) -> Adapter:
    desc, output = _Desc1(), ctypes.c_void_p()
    _call(adapter, _GET_DESC_1, desc)
    has_display = _call(adapter, _ENUM_OUTPUTS, ctypes.c_uint32(0), output) >= 0 and bool(output)
    if has_display:
        _call(output, _RELEASE)
    return adapter_of(bytes(desc), has_display=has_display)


def _call(thing: ctypes.c_void_p, place: int, *arguments: Any) -> int:
    """Call one function of a COM object; what is not a plain number is handed over by address."""
    if sys.platform == "win32":
        table = ctypes.cast(thing, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
        by_address = [
            argument if isinstance(argument, ctypes.c_uint32) else ctypes.byref(argument)
            for argument in arguments
        ]
        kinds = [
            ctypes.c_uint32 if isinstance(argument, ctypes.c_uint32) else ctypes.c_void_p
            for argument in arguments
        ]
        function = ctypes.WINFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, *kinds)(table[place])
        return int(function(thing, *by_address))
    else:
        return -1
