"""Settings, and what is pinned for one model, as the planner's wish. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

from app.planner.plan import Wish
from app.planner.quality import Tier
from app.settings import schema
from app.settings.file import SettingsFile
from app.settings.option import Option
from app.settings.schema import AUTOMATIC

MODEL_PINS: Final = "model-settings.json"
"""In the profile folder: what is pinned for single models."""
NO_DEVICES: Final = "none"

T = TypeVar("T")


def wish_of(settings: SettingsFile, pins: Mapping[str, Any]) -> Wish:
    """What is pinned; `pins` are by the keys of options and go before the settings."""

    def value(option: Option[T]) -> T:
        return cast("T", pins[option.key]) if option.key in pins else settings.get(option)

    n_gpu_layers, n_cpu_moe = value(schema.GPU_LAYERS), value(schema.EXPERTS)
    return Wish(
        n_ctx=value(schema.CONTEXT) or None,
        n_threads=value(schema.THREADS) or None,
        n_gpu_layers=None if n_gpu_layers < 0 else n_gpu_layers,
        n_ubatch=value(schema.UBATCH) or None,
        n_batch=value(schema.BATCH) or None,
        n_seq_max=value(schema.SEQUENCES) or None,
        n_cpu_moe=None if n_cpu_moe < 0 else n_cpu_moe,
        cache_type_k=_unless_automatic(value(schema.CACHE_K)),
        cache_type_v=_unless_automatic(value(schema.CACHE_V)),
        load_mode=cast("Any", _unless_automatic(value(schema.LOAD_MODE))),
        devices=devices_named(value(schema.DEVICES)),
        least_tokens_per_second=value(schema.LEAST_SPEED),
        least_quality=cast("Tier", value(schema.LEAST_QUALITY)),
    )


def saves_power(settings: SettingsFile) -> bool:
    """Whether plans use less of the processor while the computer runs on battery."""
    return settings.get(schema.SAVE_POWER)


def devices_named(text: str) -> tuple[str, ...] | None:
    """ggml's names with commas between; "none" is the processor only, nothing is automatic."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        return None
    return () if names == (NO_DEVICES,) else tuple(dict.fromkeys(names))


def _unless_automatic(text: str) -> str | None:
    return None if text == AUTOMATIC else text
