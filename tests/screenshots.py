"""Takes the pictures of the window that the repository shows, from the window itself.

    python -m tests.screenshots [NAME…]

The pages of models show a computer of the zoo, tiny models under known names, a hub on loopback.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.foundation.paths import open_profile
from app.settings.file import SettingsFile
from app.settings.schema import THEME
from tests.fixtures import downloads_to_show, models_to_show, smaller_to_show
from tests.fixtures.store import DEADLINE_S
from tests.fixtures.windows import Window, opened

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "screenshots"
SIZES = ((1280, 800), (800, 600))
Look = tuple[str, tuple[int, int]]
LOOKS: tuple[Look, ...] = tuple((theme, size) for theme in ("light", "dark") for size in SIZES)
FEW: tuple[Look, ...] = (("light", (1280, 800)), ("dark", (900, 600)))
SCREEN = {"name": "screen", "x": 0, "y": 0, "width": 1600, "height": 1000, "dpr": 1}
QUESTIONS = (
    "How do I open a model of my own?",
    "Which quant should I take?",
    "What happens to my chats after a crash?",
)


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


def models(window: Window, file: Path, *presses: str) -> None:
    """The page of models, after buttons were pressed."""
    window.until(lambda seen: seen.engine == "ready")
    for name in ("Models", *presses):
        window.do("click", name=name)
        window.do("settle")
    window.do("picture", path=str(file))


def hub(window: Window, file: Path, words: str, *presses: str) -> None:
    """The place “Hugging Face” after a search; buttons by what their name begins with."""
    window.until(lambda seen: seen.engine == "ready")
    for name in ("Models", "Hugging Face"):
        window.do("click", name=name)
        window.do("settle")
    if words:
        window.do("fill", name="Search Hugging Face", text=words)
        window.do("settle")
    for start in presses:
        seen = window.until(lambda seen, s=start: any(n.startswith(s) for n in seen.buttons))
        window.do("click", name=next(name for name in seen.buttons if name.startswith(start)))
        window.do("settle")
    window.do("picture", path=str(file))


def download(window: Window, file: Path) -> None:
    """A download under way; given up at the end, so that the window closes at once."""
    hub(window, file, "sown", "Sown-8B-GGUF", "Download Sown")
    window.do("click", name="Cancel the download")
    window.do("settle")


@contextlib.contextmanager
def nothing(_folder: Path) -> Iterator[dict[str, str]]:
    """Nothing but the window."""
    yield {}


@dataclass(frozen=True)
class Page:
    """What is done before the picture, in what surroundings, and which pictures there are."""

    show: Callable[[Window, Path], None]
    around: Callable[[Path], AbstractContextManager[dict[str, str]]] = nothing
    looks: tuple[Look, ...] = LOOKS


def _of_models(show: Callable[[Window, Path], None], *, looks: tuple[Look, ...] = FEW) -> Page:
    return Page(show, models_to_show.connected, looks)


PAGES: dict[str, Page] = {
    "chat": Page(chat),
    "chat-streaming": Page(chat_streaming),
    "settings": Page(settings),
    "models": _of_models(models, looks=LOOKS),
    "model-details": _of_models(
        lambda window, file: models(window, file, "Details of Qwen3.5 9B"), looks=LOOKS
    ),
    "models-here": _of_models(lambda window, file: models(window, file, "On this computer")),
    "models-hub": _of_models(partial(hub, words="")),
    "models-search": _of_models(partial(hub, words="tiny")),
    "models-repository": _of_models(
        lambda window, file: hub(window, file, "qwen-vl", "Tiny-Qwen-VL-GGUF")
    ),
    "models-download": _of_models(download),
    "models-terms": _of_models(partial(hub, words="example-labs/Gated-Llama-GGUF")),
    "models-other-format": _of_models(partial(hub, words="example-labs/Tiny-Llama")),
    "models-not-there": _of_models(partial(hub, words="nobody/Nothing-GGUF")),
    **{name: Page(*screen, FEW) for name, screen in smaller_to_show.SCREENS.items()},
    "models-offline": Page(partial(hub, words="granite"), models_to_show.alone, FEW),
    **{
        name: Page(show, around, LOOKS if name == "first-start" else FEW)
        for name, (show, around) in downloads_to_show.SCREENS.items()
    },
}


def take(page: str, theme: str, size: tuple[int, int], file: Path) -> None:
    """One picture, from a window on a new profile."""
    with tempfile.TemporaryDirectory() as folder:
        profile = open_profile(Path(folder) / "profile")
        options = SettingsFile(profile.settings)
        options.set(THEME, theme).result(DEADLINE_S)
        assert options.close(DEADLINE_S)
        place = {"x": 0, "y": 0, "width": size[0], "height": size[1]}
        (profile.state / "window.json").write_text(json.dumps(place), encoding="utf-8")
        file.unlink(missing_ok=True)
        screens = Path(folder) / "screens.json"
        screens.write_text(json.dumps({"screens": [SCREEN]}), encoding="utf-8")
        platform = f"offscreen:configfile={screens}"
        with (
            PAGES[page].around(Path(folder)) as environment,
            opened(profile.root, QT_QPA_PLATFORM=platform, **environment) as window,
        ):
            window.ready()
            PAGES[page].show(window, file)
            window.close()


def main(wanted: list[str]) -> int:
    """All pictures, or those of the pages that are named."""
    if unknown := set(wanted) - set(PAGES):
        print(f"No such page: {', '.join(sorted(unknown))}. There are: {', '.join(PAGES)}.")
        return 2
    for page in wanted or PAGES:
        for theme, size in PAGES[page].looks:
            file = FOLDER / f"{page}-{theme}-{size[0]}x{size[1]}.png"
            take(page, theme, size, file)
            print(file.name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
