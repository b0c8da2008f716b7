"""Every option of Hearth, declared once. Pure: importing it reads no file.

To add one: declare it here and list it in `OPTIONS`. A key that was ever released keeps its
meaning; a changed meaning is a new key and a step in `migrations`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from app.protocol.model_ref import BUILT_IN
from app.settings.option import Choice, Option, choice, integer, real, switch, text

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Section:
    """A group of options on the settings page."""

    id: str
    label: str


SECTIONS: Final = (
    Section("appearance", "Appearance"),
    Section("chat", "Chat"),
    Section("model", "Model"),
    Section("performance", "Performance"),
    Section("privacy", "Privacy"),
    Section("window", "Window"),
)

THEME: Final = choice(
    "appearance.theme",
    "system",
    (Choice("system", "As the system"), Choice("light", "Light"), Choice("dark", "Dark")),
    section="appearance",
    label="Theme",
    note="Light, dark, or whatever the system uses.",
)
TEXT_SIZE: Final = integer(
    "appearance.text_size",
    100,
    (90, 150),
    section="appearance",
    label="Text size",
    note="How large all text is, compared with the usual size.",
    step=5,
    unit="%",
)
SYSTEM_PROMPT: Final = text(
    "chat.system_prompt",
    "",
    section="chat",
    label="Instructions for every chat",
    note="Read by the model before each conversation (the system prompt). "
    "A chat may have its own instead.",
    multiline=True,
)
TEMPERATURE: Final = real(
    "chat.temperature",
    0.8,
    (0.0, 2.0),
    section="chat",
    label="Variety",
    note="0 always gives the most likely answer; higher values vary more (temperature).",
    step=0.05,
)
MAX_TOKENS: Final = integer(
    "chat.max_tokens",
    0,
    (0, 1_048_576),
    section="chat",
    label="Longest answer",
    note="An answer ends after this many tokens; a token is about three quarters of a word.",
    step=64,
    unit="tokens",
    special="no limit",
)
SHOW_QUIET_LINE: Final = switch(
    "chat.show_quiet_line",
    True,
    section="chat",
    label="Show speed and context under answers",
    note="Tokens per second, time to the first token, and how much of the context is used.",
)
MODEL_PATH: Final = text(
    "model.path",
    BUILT_IN,
    section="model",
    label="Model",
    note="The model in use: the path of a GGUF file, or the built-in guide.",
    shown=False,
)
THREADS: Final = integer(
    "performance.n_threads",
    0,
    (0, 512),
    section="performance",
    label="Processor threads",
    note="How many threads write an answer. Automatic leaves the computer usable.",
    special="automatic",
)
CONTEXT: Final = integer(
    "performance.n_ctx",
    0,
    (0, 16_777_216),
    section="performance",
    label="Context",
    note="How many tokens of a conversation the model can read at once. More takes more memory.",
    step=1024,
    unit="tokens",
    special="automatic",
)
GPU_LAYERS: Final = integer(
    "performance.n_gpu_layers",
    -1,
    (-1, 1024),
    section="performance",
    label="Layers on the graphics card",
    note="How much of the model is computed by the graphics card.",
    unit="layers",
    special="automatic",
)
KEEP_DELETED_DAYS: Final = integer(
    "privacy.keep_deleted_days",
    30,
    (0, 3650),
    section="privacy",
    label="Keep deleted chats",
    note="Deleted chats can be brought back for this many days; then they are erased.",
    unit="days",
)
SIDEBAR_VISIBLE: Final = switch(
    "window.sidebar_visible",
    True,
    section="window",
    label="Show the sidebar",
    note="The list of chats at the left of the window.",
    shown=False,
)

OPTIONS: Final[tuple[Option[Any], ...]] = (
    THEME,
    TEXT_SIZE,
    SYSTEM_PROMPT,
    TEMPERATURE,
    MAX_TOKENS,
    SHOW_QUIET_LINE,
    MODEL_PATH,
    THREADS,
    CONTEXT,
    GPU_LAYERS,
    KEEP_DELETED_DAYS,
    SIDEBAR_VISIBLE,
)


def index(options: tuple[Option[Any], ...]) -> dict[str, Option[Any]]:
    """Options by key; a key declared twice, or a section that does not exist, is a ValueError."""
    sections = {section.id for section in SECTIONS}
    found: dict[str, Option[Any]] = {}
    for option in options:
        if option.key in found:
            raise ValueError(f"{option.key} is declared twice")
        if option.section not in sections:
            raise ValueError(f"{option.key} is in a section that does not exist")
        if option.check(option.default) != option.default:
            raise ValueError(f"{option.key} has a default that it would not accept")
        found[option.key] = option
    return found


BY_KEY: Final = index(OPTIONS)


def reference_markdown() -> str:
    """The reference page: every option with its key, values and default, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Kept in `settings.json` in the profile folder; made from `app/settings/schema.py`.",
    ]
    for section in SECTIONS:
        lines += ["", f"## {section.label}", "", "| key | what it does | values | default |"]
        lines.append("|---|---|---|---|")
        for option in OPTIONS:
            if option.section == section.id:
                lines.append(_reference_row(option))
    return "\n".join(lines) + "\n"


def _reference_row(option: Option[Any]) -> str:
    default = str(option.default) or "empty"
    if option.kind == "switch":
        default = "true" if option.default else "false"
    if option.special:
        default += f" ({option.special})"
    restart = " Takes effect at the next start." if option.needs_restart else ""
    unit = f" {option.unit}" if option.unit else ""
    words = f"**{option.label}.** {option.help}{restart}"
    return f"| `{option.key}` | {words} | {option.allowed()}{unit} | {default} |"
