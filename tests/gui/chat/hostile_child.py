"""Shows hostile text on every surface of the chat page; run under strace by its test.

Arguments: the canary's path, the host, and `control` to show it the careless way instead.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.gui.chat.transcript import Transcript

ROOT = Path(__file__).resolve().parents[3]


def payloads(canary: str, host: str) -> list[str]:
    """Text that makes Qt's own widgets open the canary or a share."""
    url = Path(canary).as_uri()
    share = f"//{host}/share/x.png"
    targets = (canary, url, share, f"http://{host}/x.png", "data:image/png;base64,iVBORw0KGgo=")
    forms = (
        "![alt]({0})",
        "[words]({0})",
        "<{0}>",
        '<img src="{0}">',
        '<link rel="stylesheet" href="{0}">',
        '<style>@import url("{0}"); body {{ background: url({0}) }}</style>',
        '<a href="{0}">words</a>',
        '<object data="{0}"></object><iframe src="{0}"></iframe>',
        "![alt][r]\n\n[r]: {0}",
        "| a | b |\n|---|---|\n| ![x]({0}) | <img src='{0}'> |",
        "```html\n<img src='{0}'>\n```",
        "```{0}\ncode\n```",
        "<think>\n![x]({0})\n</think>\n<img src='{0}'>",
    )
    return [form.format(target) for form in forms for target in targets]


def show(canary: str, host: str) -> None:
    """Every surface that can hold text of a model, a file or a person."""
    from PySide6.QtWidgets import QApplication

    app = QApplication([])
    texts = payloads(canary, host)
    view = show_messages(app, texts)
    show_around(app, view, texts)


def show_messages(app: QApplication, texts: list[str]) -> Transcript:
    """As messages of both kinds, with their notes, and as an answer that streams in."""
    from app.gui.chat.code_tools import CodeToolsLayer
    from app.gui.chat.message import Message
    from app.gui.chat.message_list import MessageList
    from app.gui.chat.readers import Readers
    from app.gui.chat.transcript import Transcript

    view = Transcript()
    Readers(view)
    CodeToolsLayer(view)
    view.resize(900, 700)
    view.show()
    made = MessageList()
    for number, text in enumerate(texts):
        made.append(Message(f"u{number}", "user", text))
        answer = Message(f"a{number}", "assistant", text)
        answer.note = answer.quiet = text
        made.append(answer)
    view.show_messages(made)
    for value in range(0, view.verticalScrollBar().maximum(), 400):
        view.verticalScrollBar().setValue(value)
        app.processEvents()
    view.append(Message("s", "assistant", ""))
    for text in texts:
        view.grow_last(text + "\n\n")
        view.relayout()
        app.processEvents()
    return view


def show_around(app: QApplication, view: Transcript, texts: list[str]) -> None:
    """On labels, tooltips, menus, banners, titles, in the composer and in the link bar."""
    from PySide6.QtCore import QPoint
    from PySide6.QtWidgets import QToolTip, QWidget

    from app.gui.chat.code_tools import file_name
    from app.gui.chat.composer import Composer
    from app.gui.chat.link_bar import LinkBar
    from app.gui.chat.message_actions import Offer
    from app.gui.chat.message_menu import MessageMenu
    from app.gui.widgets.banner import Banner
    from app.gui.widgets.plain import ElidedLabel, PlainLabel, plain_tooltip, set_tooltip
    from app.gui.widgets.toast import Notice

    menu = MessageMenu(view, lambda _number: Offer())
    bar = LinkBar(view.viewport())
    page = QWidget()
    page.resize(700, 500)
    composer = Composer(page)
    page.show()
    for number, text in enumerate(texts):
        bar.ask(text, QPoint(10, 10))
        menu.menu_for(number, QPoint(0, 0)).show()
        composer.put_text(text + "z" * (10_000 if number % 9 == 0 else 0))
        widgets = [PlainLabel(text), ElidedLabel(text), Banner(Notice(text, text))]
        set_tooltip(widgets[0], text)
        QToolTip.showText(QPoint(5, 5), plain_tooltip(text), widgets[0])
        page.setWindowTitle(text)
        file_name(text)
        for widget in widgets:
            widget.show()
            widget.grab()
        app.processEvents()
        for widget in (*widgets, *app.topLevelWidgets()):
            if widget not in (view, page):
                widget.close()


def careless(canary: str, host: str) -> None:
    """The control: what the test must notice."""
    from PySide6.QtWidgets import QApplication, QLabel

    app = QApplication([])
    label = QLabel(f'<img src="{canary}"><img src="//{host}/share/x.png">')
    label.show()
    app.processEvents()


if __name__ == "__main__":
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    sys.path.insert(0, str(ROOT))
    canary_path, host_name, *rest = sys.argv[1:]
    (careless if rest else show)(canary_path, host_name)
    print("shown")
    sys.stdout.flush()
    os._exit(0)
