"""The switch of one start: `--offline`, the environment, and what they do to every address."""

from __future__ import annotations

import os

import pytest

from app.foundation.errors import Offline
from app.network import offline
from app.network.policy import Policy

HUB_FILE = "https://huggingface.co/a/b"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEARTH_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")


def test_nothing_is_forced_unless_asked_for() -> None:
    offline.settle(False)
    assert (offline.is_forced(), offline.forced_by()) == (False, "")
    assert os.environ["HF_HUB_OFFLINE"] == ""
    assert Policy(lambda: False).check(HUB_FILE).host == "huggingface.co"
    assert not Policy(lambda: False).is_offline
    assert Policy(lambda: True).is_offline


@pytest.mark.parametrize("value", ["0", "false", "No", " off "])
def test_what_says_no_forces_nothing(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HEARTH_OFFLINE", value)
    assert not offline.is_forced()


@pytest.mark.parametrize("value", ["1", "true", "yes", "whatever"])
def test_the_environment_keeps_a_start_offline(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HEARTH_OFFLINE", value)
    offline.settle(False)
    assert (offline.is_forced(), offline.forced_by()) == (True, "HEARTH_OFFLINE")
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_the_option_keeps_it_and_its_children_offline() -> None:
    offline.settle(True)
    assert offline.forced_by() == "--offline"
    assert os.environ["HEARTH_OFFLINE"]
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_no_policy_can_be_made_that_does_not_hold_it() -> None:
    offline.settle(True)
    policy = Policy(lambda: False, ("huggingface.co", "127.0.0.1"))
    assert policy.is_offline
    with pytest.raises(Offline) as caught:
        policy.check(HUB_FILE)
    assert caught.value.remedy == "Start Hearth without --offline."
    assert policy.check("http://127.0.0.1:80/x").is_loopback
