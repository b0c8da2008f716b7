"""What Vulkan itself says of its devices beyond ggml's view: driver, kind, PCI address.

Through the loader that ggml's Vulkan module has already brought in, in a child only. Adds
facts where it can and is silent where it cannot.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from typing import Any

_LOADERS = {"win32": ("vulkan-1.dll",), "darwin": ("libvulkan.1.dylib", "libMoltenVK.dylib")}
_API_1_2 = (1 << 22) | (2 << 12)
_PROPERTIES_2, _DRIVER, _PCI = 1000059001, 1000196000, 1000212000
_INTEGRATED, _SOFTWARE = 1, 4  # VkPhysicalDeviceType
_MOST_DEVICES = 16
_P = ctypes.c_void_p


class _Application(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("next", _P),
        ("name", ctypes.c_char_p),
        ("version", ctypes.c_uint32),
        ("engine", ctypes.c_char_p),
        ("engine_version", ctypes.c_uint32),
        ("api", ctypes.c_uint32),
    ]


class _InstanceInfo(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("next", _P),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.POINTER(_Application)),
        ("n_layers", ctypes.c_uint32),
        ("layers", _P),
        ("n_extensions", ctypes.c_uint32),
        ("extensions", _P),
    ]


class _Pci(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("next", _P),
        ("domain", ctypes.c_uint32),
        ("bus", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("function", ctypes.c_uint32),
    ]


class _Driver(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("next", _P),
        ("id", ctypes.c_int),
        ("name", ctypes.c_char * 256),
        ("info", ctypes.c_char * 256),
        ("conformance", ctypes.c_uint8 * 4),
    ]


class _Properties(ctypes.Structure):
    """VkPhysicalDeviceProperties2; the limits, which nobody reads here, are room at the end."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("next", _P),
        ("api", ctypes.c_uint32),
        ("driver_version", ctypes.c_uint32),
        ("vendor", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("kind", ctypes.c_int),
        ("name", ctypes.c_char * 256),
        ("rest", ctypes.c_uint64 * 256),
    ]


@dataclass(frozen=True, slots=True)
class Described:
    """One physical device. `id` is "" where the driver does not tell it."""

    name: str
    driver: str
    kind: int
    id: str


def describe(devices: list[dict[str, Any]]) -> None:
    """Add `driver`, `is_software`, `is_integrated` and a missing `id` to ggml's Vulkan devices.

    They are matched by PCI address, else by name, each once.
    """
    known = list(physical_devices())
    for device in devices:
        match = next((k for k in known if k.id and k.id == device["id"]), None) or next(
            (k for k in known if k.name == device["description"]), None
        )
        if match is None:
            continue
        # A software device may be offered several times (GGML_VK_VISIBLE_DEVICES=0,0).
        if match.kind != _SOFTWARE:
            known.remove(match)
        device["driver"] = match.driver
        device["is_software"] = match.kind == _SOFTWARE
        device["is_integrated"] = match.kind == _INTEGRATED
        device["id"] = device["id"] or match.id


def physical_devices() -> list[Described]:
    """Every device of every driver; none where there is no Vulkan of at least version 1.2."""
    api = _loader()
    if api is None:
        return []
    instance = _P()
    application = _Application(0, None, b"hearth", 1, b"hearth", 1, _API_1_2)
    info = _InstanceInfo(1, None, 0, ctypes.pointer(application), 0, None, 0, None)
    if api.vkCreateInstance(ctypes.byref(info), None, ctypes.byref(instance)) != 0:
        return []
    try:
        count, found = ctypes.c_uint32(_MOST_DEVICES), (_P * _MOST_DEVICES)()
        if api.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), found) < 0:
            return []
        return [_described(api, device) for device in found[: count.value] if device]
    finally:
        api.vkDestroyInstance(instance, None)


def _described(api: Any, device: int) -> Described:
    basic = _Properties(_PROPERTIES_2)
    driver, pci = _Driver(_DRIVER), _Pci(_PCI)
    driver.next = ctypes.addressof(pci)
    basic.next = ctypes.addressof(driver)
    # A driver that does not know the structure leaves it alone: bus and all stay impossible.
    pci.domain = pci.bus = 0xFFFFFFFF
    api.vkGetPhysicalDeviceProperties2(_P(device), ctypes.byref(basic))
    address = ""
    if pci.bus != 0xFFFFFFFF:
        address = f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.{pci.function:x}"
    words = (driver.name.decode("utf-8", "replace"), driver.info.decode("utf-8", "replace"))
    return Described(
        basic.name.decode("utf-8", "replace"),
        " ".join(filter(None, words)) or f"version {basic.driver_version:#x}",
        int(basic.kind),
        address,
    )


def _loader() -> Any:
    for name in _LOADERS.get(sys.platform, ("libvulkan.so.1",)):
        try:
            api = ctypes.CDLL(name)
            api.vkGetPhysicalDeviceProperties2.restype = None
            api.vkGetPhysicalDeviceProperties2.argtypes = [_P, _P]
        except (OSError, AttributeError):
            continue
        api.vkCreateInstance.argtypes = [_P, _P, _P]
        api.vkEnumeratePhysicalDevices.argtypes = [_P, _P, _P]
        api.vkDestroyInstance.restype = None
        api.vkDestroyInstance.argtypes = [_P, _P]
        return api
    return None
