"""Writes the man page, installer/linux/hearth.1, from the command line's own words.

`python -m installer.package.manual`. What the commands are is for app.cli to say; here stands
how a man page says it, and what a parser does not know: exit codes, files, the environment.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "installer" / "linux" / "hearth.1"

_INTRODUCTION: Final = """\
Hearth is an assistant that lives on your own computer. Behind it runs a quantized language model
through llama.cpp. It looks at the hardware and picks the model, its size, the layers on the
graphics card and the context that will work well there, and says why. Nothing leaves the computer
unless you say so.

Without a command the window opens, or the one that is open comes forward. Commands work while the
window is open. MODEL is a path, a name in the library, an id of the catalogue with an optional
:quant, or owner/repo with an optional :file; a path that exists wins.
"""
_EXIT: Final = {
    "0": "Done.",
    "1": "The request failed.",
    "2": "Wrong use.",
    "3": "Not possible on this machine.",
    "130": "Interrupted.",
}
_ENVIRONMENT: Final = {
    "HEARTH_OFFLINE": "1 is the same as --offline.",
    "HEARTH_RUNTIME": "A folder with another build of the inference runtime.",
    "XDG_DATA_HOME": "Where the profile is, in a folder called hearth.",
}
_FILES: Final = {
    "~/.local/share/hearth": "Chats, settings, models, logs. Kept when Hearth is removed.",
    "~/.local/share/hearth/models.toml": "A catalogue of one's own, over the one that ships.",
}


def page(parser: argparse.ArgumentParser, version: str) -> str:
    """The page as roff, in ASCII alone."""
    commands = list(_commands(parser))
    shared = {word for action in parser._actions for word in action.option_strings} | {"--json"}
    lines = [
        ".\\\" Written by `python -m installer.package.manual` from the command line's own words.",
        f'.TH HEARTH 1 "" "Hearth {version}" "User Commands"',
        *_section("NAME", r"hearth \- a private assistant on your own computer"),
        ".SH SYNOPSIS",
        *_synopsis("hearth", parser, set()),
    ]
    for name, command, _ in commands:
        lines += [".br", *_synopsis(f"hearth {name}", command, shared)]
    lines.append(".SH DESCRIPTION")
    for text in _INTRODUCTION.strip().split("\n\n"):
        lines += [".PP", _roff(text)]
    lines.append(".SH OPTIONS")
    for action in parser._actions:
        if action.option_strings and action.help is not argparse.SUPPRESS:
            lines += _described(action)
    lines += _tagged("\\fB\\-\\-json\\fR", "After a command: print JSON for programs.")
    lines.append(".SH COMMANDS")
    for name, command, text in commands:
        lines += [f".SS {_roff(f'hearth {name}')}", _roff(_sentence(text))]
        for action in command._actions:
            if not shared.intersection(action.option_strings) and action.help:
                lines += _described(action)
    for title, facts in (
        ("EXIT STATUS", _EXIT),
        ("ENVIRONMENT", _ENVIRONMENT),
        ("FILES", _FILES),
    ):
        lines.append(f".SH {title}")
        for name, text in facts.items():
            lines += _tagged(f"\\fB{_roff(name)}\\fR", text)
    return "\n".join(lines) + "\n"


def _commands(
    parser: argparse.ArgumentParser, before: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Every command that can be carried out: its words, its parser, what it is for."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        texts = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            below = list(_commands(command, f"{before}{name} "))
            yield from below or [(f"{before}{name}", command, texts.get(name, ""))]


def _synopsis(name: str, parser: argparse.ArgumentParser, left_out: set[str]) -> list[str]:
    words = [f"\\fB{_roff(name)}\\fR"]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            words.append("[\\fICOMMAND\\fR ...]")
        elif not left_out.intersection(action.option_strings) and action.dest != "help":
            text = _word(action)
            needed = action.required if action.option_strings else action.nargs not in ("?", "*")
            words.append(text if needed else f"[{text}]")
    return [" ".join(words)]


def _word(action: argparse.Action) -> str:
    """One option with its value, or one value, as it is typed."""
    name = ""
    if action.nargs != 0:
        choices = "|".join(map(str, action.choices)) if action.choices else ""
        shown = action.metavar or choices or action.dest.upper()
        name = f"\\fI{_roff(shown if isinstance(shown, str) else ' '.join(shown))}\\fR"
        if action.nargs in ("*", "+"):
            name += " ..."
        elif action.nargs == "?" and action.option_strings:
            name = f"[{name}]"
    if not action.option_strings:
        return name
    flags = ", ".join(f"\\fB{_roff(flag)}\\fR" for flag in action.option_strings)
    return f"{flags} {name}".strip()


def _described(action: argparse.Action) -> list[str]:
    if isinstance(action, argparse._SubParsersAction):
        return []
    text = (action.help or "") % {"default": action.default, "prog": "hearth"}
    return _tagged(_word(action), text)


def _section(title: str, text: str) -> list[str]:
    return [f".SH {title}", text]


def _tagged(tag: str, text: str) -> list[str]:
    return [".TP", tag, _roff(text)]


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "?")) else ".")


def _roff(text: str) -> str:
    """Text that means itself: what roff would act on, and what is not ASCII, is spelled out."""
    spelled = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    spelled = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in spelled)
    return f"\\&{spelled}" if spelled.startswith(".") else spelled


def main() -> int:
    """Write the page anew."""
    from app import __version__
    from app.cli.main import whole_parser

    PAGE.write_text(page(whole_parser(), __version__), encoding="ascii")
    print(f"{PAGE.relative_to(ROOT)}: {PAGE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
