"""Takes the pictures of the window that the repository shows, from the window itself.

    python -m tests.screenshots [NAME…]

The pages of models are not among them: they show a computer of the zoo.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from app.foundation.paths import open_profile
from app.settings.file import SettingsFile
from app.settings.schema import THEME
from tests.fixtures.store import DEADLINE_S
from tests.fixtures.windows import Window, opened

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "screenshots"
SIZES = ((1280, 800), (800, 600))
SCREEN = {"name": "screen", "x": 0, "y": 0, "width": 1600, "height": 1000, "dpr": 1}
QUESTIONS = (
    "How do I open a model of my own?",
    "Which quant should I take?",
    "What happens to my chats after a crash?",
)


def first_start(window: Window, file: Path) -> None:
    """The first screen, with the facts of the computer."""
    window.until(lambda seen: seen.engine == "ready")
    window.do("settle")
    window.do("picture", path=str(file))


def chat(window: Window, file: Path) -> None:
    """A few questions with their answers."""
    for number, question in enumerate(QUESTIONS, 1):
        window.ask(question)
        window.until(lambda seen, n=number: len(seen.messages) == 2 * n and seen.is_answered)
    window.do("settle")
    window.do("picture", path=str(file))


def chat_streaming(window: Window, file: Path) -> None:
    """An answer that is being written."""
    window.ask(QUESTIONS[1])
    window.until(lambda seen: seen.is_answered)
    window.do("picture_while_writing", path=str(file), least="60")
    window.ask(QUESTIONS[2])
    window.until(lambda seen: len(seen.messages) == 4 and seen.is_answered)
    if not file.exists():
        raise FileNotFoundError(f"the answer was there before a picture of it: {file.name}")


def settings(window: Window, file: Path) -> None:
    """The page of settings."""
    window.until(lambda seen: seen.engine == "ready")
    window.do("click", name="Settings")
    window.do("settle")
    window.do("picture", path=str(file))


PAGES: dict[str, Callable[[Window, Path], None]] = {
    "first-start": first_start,
    "chat": chat,
    "chat-streaming": chat_streaming,
    "settings": settings,
}


def take(page: str, theme: str, size: tuple[int, int], file: Path) -> None:
    """One picture, from a window on a new profile."""
    with tempfile.TemporaryDirectory() as folder:
        profile = open_profile(folder)
        options = SettingsFile(profile.settings)
        options.set(THEME, theme).result(DEADLINE_S)
        assert options.close(DEADLINE_S)
        place = {"x": 0, "y": 0, "width": size[0], "height": size[1]}
        (profile.state / "window.json").write_text(json.dumps(place), encoding="utf-8")
        file.unlink(missing_ok=True)
        screens = Path(folder) / "screens.json"
        screens.write_text(json.dumps({"screens": [SCREEN]}), encoding="utf-8")
        platform = f"offscreen:configfile={screens}"
        with opened(profile.root, QT_QPA_PLATFORM=platform) as window:
            window.ready()
            PAGES[page](window, file)
            window.close()


def main(wanted: list[str]) -> int:
    """All pictures, or those of the pages that are named."""
    if unknown := set(wanted) - set(PAGES):
        print(f"No such page: {', '.join(sorted(unknown))}. There are: {', '.join(PAGES)}.")
        return 2
    for page in wanted or PAGES:
        for theme in ("light", "dark"):
            for size in SIZES:
                file = FOLDER / f"{page}-{theme}-{size[0]}x{size[1]}.png"
                take(page, theme, size, file)
                print(file.name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
