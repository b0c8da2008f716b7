"""PySide6 6.12.0 drops references to True and None on Python 3.10 and 3.11, and then aborts."""

from __future__ import annotations

import sys

from PySide6.QtCore import QCoreApplication, QObject, Signal

CALLS = 50
NOISE = 10


class _Source(QObject):
    happened = Signal(bool)


def test_qt_calls_keep_the_references_of_the_singletons(qapp: QCoreApplication) -> None:
    source = _Source()
    source.happened.connect(source.setObjectName)
    source.happened.disconnect()
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(CALLS):
        source.happened.emit(True)
        source.setObjectName("name")
    after = sys.getrefcount(None), sys.getrefcount(True)
    assert after[0] > before[0] - NOISE
    assert after[1] > before[1] - NOISE
