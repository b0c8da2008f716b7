"""GUI stalls while an answer streams into a chat of 10,000 messages, and how long it opens.

`python -m tests.bench.gui_stalls [SECONDS]`. A 1 ms timer on the GUI thread measures the time
between two of its turns; the same in an empty window is printed beside it. The repository and
the transcript are the real ones; the text comes from a thread at 200 pieces a second.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app.conversations.ids import new_id
from app.conversations.records import Turn
from app.conversations.repository import Repository
from app.database.connection import Opened
from app.gui.bridge import Bridge
from app.gui.chat.code_tools import CodeToolsLayer
from app.gui.chat.path import Path
from app.gui.chat.readers import Readers
from app.gui.chat.transcript import Transcript
from tests.bench.table import Row, quantile, show
from tests.fixtures.store import opened_database

N_MESSAGES = 10_000
TOKENS_PER_SECOND = 200
WARM_UP_S = 1.0

_ANSWER = """Here is **what happens** when a model file is opened:

1. Hearth reads its header and works out how much memory it needs.
2. A first load is tried in a child process.
3. Then it is loaded, and the `context` is made.

```python
def fits(need_bytes: int, free_bytes: int) -> bool:
    \"\"\"True if there is room to spare.\"\"\"
    return need_bytes * 1.15 < free_bytes  # a margin
```

| quant | size |
|---|---:|
| Q4_K_M | 4.9 GB |
| Q8_0 | 8.5 GB |

That is all; the rest is *arithmetic* over the tensors in the file, which takes no time.

"""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Milliseconds between two turns of the event loop."""

    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """`open_ms` is GUI-thread time from the turns to the first painted frame; `read_ms` the
    database's share before it, on its own thread."""

    streaming: Gaps
    empty: Gaps
    read_ms: float
    open_ms: float


class Probe(QObject):
    """Notes the time between turns of the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._turn)

    def begin(self) -> None:
        self._gaps.clear()
        self._last = time.perf_counter()
        self._timer.start()

    def end(self) -> Gaps:
        self._timer.stop()
        gaps = [1000 * gap for gap in self._gaps] or [0.0]
        return Gaps(*(quantile(gaps, share) for share in (0.5, 0.99, 0.999, 1.0)))

    def _turn(self) -> None:
        now = time.perf_counter()
        self._gaps.append(now - self._last)
        self._last = now


class Feeder(threading.Thread):
    """Puts pieces of four characters into a mailbox, 200 a second."""

    def __init__(self, append: Callable[[str], None]) -> None:
        super().__init__(name="feeder", daemon=True)
        self._append = append
        self.stop = threading.Event()

    def run(self) -> None:
        text = _ANSWER * 4_000
        start, sent = time.perf_counter(), 0
        while not self.stop.wait(1 / TOKENS_PER_SECOND):
            due = int((time.perf_counter() - start) * TOKENS_PER_SECOND)
            while sent < due:
                self._append(text[4 * sent : 4 * sent + 4])
                sent += 1


class Listener(QObject):
    """What the chat page does with text that arrives."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__()
        self._view = transcript

    def arrived(self, texts: Sequence[str]) -> None:
        self._view.grow_last("".join(texts))


def spin(app: QApplication, seconds: float) -> None:
    """Run the event loop for a while."""
    QTimer.singleShot(round(seconds * 1000), app.quit)
    app.exec()


def empty_window(app: QApplication, seconds: float) -> Gaps:
    """The same probe over a window with nothing in it."""
    window = QWidget()
    window.resize(1280, 800)
    window.show()
    probe = Probe()
    probe.begin()
    spin(app, seconds)
    gaps = probe.end()
    window.close()
    return gaps


def filled(opened: Opened, n_messages: int) -> str:
    """A conversation of so many messages in the repository, in one transaction; its id."""
    conversation = Repository(opened.database).create("A long chat").result()
    ids = [new_id() for _ in range(n_messages)]

    def work(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO turn (id, conversation_id, parent_id, role, state, text, created_at)"
            " VALUES (?, ?, ?, ?, 'complete', ?, ?)",
            (
                (
                    turn_id,
                    conversation.id,
                    ids[number - 1] if number else None,
                    "assistant" if number % 2 else "user",
                    _ANSWER if number % 2 else f"Question {number}: what happens then?",
                    time.time(),
                )
                for number, turn_id in enumerate(ids)
            ),
        )
        connection.execute(
            "UPDATE conversation SET head_id = ? WHERE id = ?", (ids[-1], conversation.id)
        )

    opened.database.call(work).result()
    return conversation.id


def streaming(app: QApplication, turns: Sequence[Turn], seconds: float) -> tuple[Gaps, float]:
    """Open these turns, stream into them, scroll a bit; gaps and the opening time in ms."""
    transcript = Transcript()
    Readers(transcript)
    CodeToolsLayer(transcript)
    transcript.resize(1020, 700)
    transcript.show()
    app.processEvents()
    path = Path(transcript)
    start = time.perf_counter()
    path.show(turns)
    transcript.viewport().repaint()
    open_ms = (time.perf_counter() - start) * 1000
    path.add_waiting("")
    bridge = Bridge()
    listener = Listener(transcript)
    feeder = Feeder(bridge.mailbox(listener.arrived).append)
    feeder.start()
    spin(app, WARM_UP_S)
    probe = Probe()
    probe.begin()
    bar = transcript.verticalScrollBar()
    for share in (0.4, 0.5):
        QTimer.singleShot(round(share * seconds * 1000), lambda: bar.setValue(bar.value() - 300))
    QTimer.singleShot(round(0.6 * seconds * 1000), transcript.scroll_to_end)
    spin(app, seconds)
    gaps = probe.end()
    feeder.stop.set()
    feeder.join(5)
    bridge.close()
    transcript.close()
    return gaps, open_ms


def measure(seconds: float = 10.0, n_messages: int = N_MESSAGES) -> Figures:
    """All the figures; takes `seconds` twice, and a while to fill the repository."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    empty = empty_window(app, seconds)
    with tempfile.TemporaryDirectory() as folder, opened_database(FilePath(folder)) as opened:
        repository = Repository(opened.database)
        conversation_id = filled(opened, n_messages)
        start = time.perf_counter()
        turns = repository.turns(conversation_id).result()
        read_ms = (time.perf_counter() - start) * 1000
        gaps, open_ms = streaming(app, turns, seconds)
    return Figures(gaps, empty, read_ms, open_ms)


def run(seconds: float = 20.0) -> list[Row]:
    """The figures as rows of the table."""
    figures = measure(seconds)
    rows = [
        Row(f"{name}, {label}", f"{getattr(gaps, field):.1f} ms", target)
        for name, gaps, is_ours in (
            ("streaming", figures.streaming, True),
            ("empty window", figures.empty, False),
        )
        for label, field, target in (
            ("p50", "p50_ms", ""),
            ("p99", "p99_ms", ""),
            ("p99.9", "p999_ms", "≤ 16 ms" if is_ours else ""),
            ("longest", "max_ms", ""),
        )
    ]
    rows.append(Row("opening 10,000 messages, GUI thread", f"{figures.open_ms:.0f} ms", "≤ 150 ms"))
    rows.append(Row("  reading them, database thread", f"{figures.read_ms:.0f} ms"))
    return rows


if __name__ == "__main__":
    show(str(__doc__).splitlines()[0], run(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0))
