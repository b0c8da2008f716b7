"""The window: one face of the services, and the only place that knows Qt."""

from __future__ import annotations

from importlib import import_module


def _spare_the_sources() -> None:
    """Keep PySide from reading the source text of every module that is imported after it.

    It looks whether the module could switch Qt's names to snake_case, which none of ours does;
    that cost a tenth of the start and 5 MB. Without that hook nothing is lost but the saving.
    """
    import PySide6.QtCore  # noqa: F401 - brings the hook with it

    try:
        feature = import_module("shibokensupport.feature")
    except ImportError:
        return
    if hasattr(feature, "_mod_uses_pyside"):
        setattr(feature, "_mod_uses_pyside", _uses_no_features)  # noqa: B010 - no stubs know it


def _uses_no_features(_module: object) -> bool:
    return False


_spare_the_sources()
