"""Mirrors and proxies: which texts a setting takes, and what it says of the others."""

from __future__ import annotations

import pytest

from app.foundation.errors import InvalidInput
from app.settings.schema import MIRROR, PROXY


@pytest.mark.parametrize(
    "text",
    [
        *("", "https://mirror.example", "https://mirror.example:8443/api/hub/"),
        *("http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:80"),
    ],
)
def test_mirrors_that_may_be_asked(text: str) -> None:
    assert MIRROR.check(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("http://mirror.example", "ftp://mirror.example", "mirror.example", "https://"),
        *("https://ann:pw@mirror.example", "https://mirror.example/?x=1", "https://m\\x.example"),
        *("https://mirror.example:0", "https://mirror.example:x", "https://[::1", " https://a.b"),
        *("https://a b.example", "https://mü.example", "https://" + "a" * 600, "file:///etc"),
    ],
)
def test_mirrors_that_may_not(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        MIRROR.check(text)
    assert "https://" in caught.value.detail


@pytest.mark.parametrize("text", ["", "http://proxy.example:8080", "https://proxy.example/"])
def test_proxies_that_may_be_used(text: str) -> None:
    assert PROXY.check(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("proxy.example:8080", "socks5://proxy.example", "http://ann:pw@proxy.example"),
        *("http://proxy.example/path", "http://", "http://proxy.example?x"),
    ],
)
def test_proxies_that_may_not(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PROXY.check(text)
    assert "without name and password" in caught.value.detail
