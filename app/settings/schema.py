"""Every option of Hearth, declared once. Pure: importing it reads no file.

To add one: declare it here and list it in `OPTIONS`. A key that was ever released keeps its
meaning; a changed meaning is a new key and a step in `migrations`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.protocol.model_ref import BUILT_IN
from app.settings.addresses import is_mirror, is_proxy
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
    Section("library", "Models on this computer"),
    Section("downloads", "Downloads"),
    Section("network", "Network"),
    Section("privacy", "Privacy"),
    Section("updates", "Updates"),
    Section("window", "Window"),
)

AUTOMATIC: Final = "automatic"
_CACHE_TYPES: Final = (
    Choice(AUTOMATIC, "Automatic"),
    Choice("f32", "32 bits (f32)"),
    Choice("f16", "16 bits (f16)"),
    Choice("bf16", "16 bits (bf16)"),
    Choice("q8_0", "8 bits (q8_0)"),
    Choice("q5_1", "5 bits (q5_1)"),
    Choice("q5_0", "5 bits (q5_0)"),
    Choice("q4_1", "4 bits (q4_1)"),
    Choice("q4_0", "4 bits (q4_0)"),
    Choice("iq4_nl", "4 bits (iq4_nl)"),
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
EXPERTS: Final = integer(
    "performance.n_cpu_moe",
    -1,
    (-1, 1024),
    section="performance",
    label="Experts on the processor",
    note="Of models made of experts: in how many layers these stay in main memory.",
    unit="layers",
    special="automatic",
)
DEVICES: Final = text(
    "performance.devices",
    "",
    section="performance",
    label="Graphics cards",
    note="Which cards may be used, by their names in `hearth probe`, with commas between; "
    "“none” keeps to the processor. Empty is automatic.",
)
BATCH: Final = integer(
    "performance.n_batch",
    0,
    (0, 65_536),
    section="performance",
    label="Tokens handed over at once",
    note="How many tokens of a prompt are given to the model together (batch).",
    step=64,
    unit="tokens",
    special="automatic",
)
UBATCH: Final = integer(
    "performance.n_ubatch",
    0,
    (0, 65_536),
    section="performance",
    label="Tokens computed at once",
    note="How many of them are computed in one step (ubatch). More is faster on a card, takes "
    "more memory, and makes Stop act later.",
    step=32,
    unit="tokens",
    special="automatic",
)
SEQUENCES: Final = integer(
    "performance.n_seq_max",
    0,
    (0, 64),
    section="performance",
    label="Answers at once",
    note="How many answers may be written, and conversations kept ready, at the same time.",
    special="automatic",
)
CACHE_K: Final = choice(
    "performance.cache_type_k",
    AUTOMATIC,
    _CACHE_TYPES,
    section="performance",
    label="Precision of the context's keys",
    note="How exactly the conversation is kept in memory (type of the K cache). "
    "Less takes less memory, and not every model bears it.",
)
CACHE_V: Final = choice(
    "performance.cache_type_v",
    AUTOMATIC,
    _CACHE_TYPES,
    section="performance",
    label="Precision of the context's values",
    note="The same for the other half of the context (type of the V cache).",
)
LOAD_MODE: Final = choice(
    "performance.load_mode",
    AUTOMATIC,
    (
        Choice(AUTOMATIC, "Automatic"),
        Choice("mmap", "Map the file"),
        Choice("none", "Read the file"),
    ),
    section="performance",
    label="How a model file is opened",
    note="A mapped file opens faster and can be shared; one that is read is never read again.",
)
LEAST_SPEED: Final = real(
    "performance.least_tokens_per_second",
    6.0,
    (0.0, 1000.0),
    section="performance",
    label="Slowest answer that is bearable",
    note="What is recommended should write at least this fast; most people read about 6.",
    step=0.5,
    unit="tokens/s",
)
LEAST_QUALITY: Final = choice(
    "performance.least_quality",
    "D",
    (
        Choice("A", "A: as the original"),
        Choice("B", "B: hardly less"),
        Choice("C", "C: a little less"),
        Choice("D", "D: noticeably less"),
        Choice("E", "E: much less"),
        Choice("F", "F: anything"),
    ),
    section="performance",
    label="Least quality",
    note="How much a model may lose by being made smaller (quant) and still be recommended.",
)
SAVE_POWER: Final = switch(
    "performance.save_power",
    True,
    section="performance",
    label="Save power on battery",
    note="On battery fewer processor threads are used: somewhat slower, and the charge lasts "
    "longer.",
)
ADOPT: Final = switch(
    "library.adopt",
    True,
    section="library",
    label="Use models of other programs",
    note="Models that LM Studio, Ollama, Jan, GPT4All, KoboldCpp or the Hugging Face cache keep "
    "are used where they are: never copied, moved or changed.",
)
LIBRARY_FOLDERS: Final = text(
    "library.folders",
    "",
    section="library",
    label="Other folders with models",
    note="Folders in which to look for .gguf files as well.",
    form="folders, one a line",
    multiline=True,
)
DOWNLOADS_FOLDER: Final = text(
    "downloads.folder",
    "",
    section="downloads",
    label="Folder for downloaded models",
    note="Where models go that Hearth downloads. Empty is a folder in the profile.",
    form="the whole path of a folder, or nothing",
    fits=lambda path: not path or (Path(path).is_absolute() and "\0" not in path),
    shown=False,
)
DOWNLOADS_AT_ONCE: Final = integer(
    "downloads.at_once",
    2,
    (1, 8),
    section="downloads",
    label="Downloads at once",
    note="How many run at the same time; the others wait for their turn.",
)
DOWNLOADS_MOST_BYTES_PER_S: Final = integer(
    "downloads.most_bytes_per_s",
    0,
    (0, 1_000_000_000_000),
    section="downloads",
    label="Speed limit",
    note="How fast all downloads together may be, so that other programs have their share.",
    step=100_000,
    unit="bytes/s",
    special="no limit",
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
OFFLINE: Final = switch(
    "privacy.offline",
    False,
    section="privacy",
    label="Stay offline",
    note="Hearth connects only for what you ask of it, such as looking at a model that is not "
    "here. With this on it does not connect at all, and looks up no name.",
)
UPDATES_DAILY: Final = switch(
    "updates.daily",
    False,
    section="updates",
    label="Look for newer versions of Hearth",
    note="Once a day one small signed file is asked for. Nothing is said about you or this "
    "computer, and nothing is installed before you say so.",
    shown=False,
)
UPDATES_ASKED: Final = switch(
    "updates.asked",
    False,
    section="updates",
    label="Asked about newer versions",
    note="Whether it was asked if Hearth may look for newer versions.",
    shown=False,
)
UPDATES_TOLD: Final = text(
    "updates.told",
    "",
    section="updates",
    label="Told about a version that did not start",
    note="The version of which it was said last that it did not start.",
    shown=False,
)
MIRROR: Final = text(
    "network.endpoint",
    "",
    section="network",
    label="Mirror of Hugging Face",
    note="Where models are looked for and fetched from, in place of huggingface.co. Empty is "
    "huggingface.co itself, or what HF_ENDPOINT names. A token is kept for each apart.",
    form="an address that begins with https://, or nothing",
    fits=is_mirror,
)
PROXY: Final = text(
    "network.proxy",
    "",
    section="network",
    label="Proxy",
    note="What every connection goes through. Empty is what the system is set to.",
    form="an address such as http://proxy.example:8080, without name and password, or nothing",
    fits=is_proxy,
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
    EXPERTS,
    DEVICES,
    BATCH,
    UBATCH,
    SEQUENCES,
    CACHE_K,
    CACHE_V,
    LOAD_MODE,
    LEAST_SPEED,
    LEAST_QUALITY,
    SAVE_POWER,
    ADOPT,
    LIBRARY_FOLDERS,
    DOWNLOADS_FOLDER,
    DOWNLOADS_AT_ONCE,
    DOWNLOADS_MOST_BYTES_PER_S,
    KEEP_DELETED_DAYS,
    OFFLINE,
    UPDATES_DAILY,
    UPDATES_ASKED,
    UPDATES_TOLD,
    MIRROR,
    PROXY,
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
