from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """File permissions hold for root too while this fixture lasts."""
    if os.name != "posix" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
