"""A row for what must not be read by others, such as a token: kept in the system's keyring only.

GUI thread; the keyring is asked elsewhere, as it may take its time. What is kept is never shown
again. Without a keyring that is said, and it is kept until Hearth ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.foundation.errors import HearthError, NetworkError
from app.gui import theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import LabelRole, PlainLabel
from app.network.policy import host_of
from app.settings.secrets import PROXY_SIGN_IN, READY, Secrets, token_for

translate = QCoreApplication.translate


@dataclass(frozen=True, slots=True)
class SecretWords:
    """What a row says; `none` is the state while nothing is kept."""

    label: str
    about: str
    field: str
    none: str


@dataclass(frozen=True, slots=True)
class _Found:
    is_kept: bool
    state: str


class SecretRow(QWidget):
    """`check(secret)` says whose it is before it is kept; None keeps it as it is."""

    settled = Signal()

    def __init__(
        self,
        words: SecretWords,
        secrets: Callable[[], Secrets],
        name: Callable[[], str],
        bridge: Bridge,
        check: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__()
        self._words = words
        self._secrets = secrets
        self._name = name
        self._bridge = bridge
        self._check = check
        self._asked = 0
        self.field = QLineEdit()
        self.save = TextButton(self.tr("Keep"))
        self.remove = TextButton(self.tr("Remove"))
        self.state = PlainLabel(role="secondary")
        self._arrange()
        self.field.textChanged.connect(self._typed)
        self.field.returnPressed.connect(self._save)
        self.save.clicked.connect(self._save)
        self.remove.clicked.connect(self._remove)
        self._typed("")
        self.remove.hide()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    def look(self) -> None:
        """Ask the keyring what it holds now."""
        self._do(partial(_look, self._secrets, self._name), self._found)

    def _save(self) -> None:
        value = self.field.text().strip()
        if not value:
            return
        self._stay()
        self._say(translate("Secrets", "Checking it…") if self._check else "", "secondary")
        self.save.setEnabled(False)
        keep = partial(_keep, self._secrets, self._name, value, self._check)
        self._do(keep, self._kept)

    def _stay(self) -> None:
        """The button that was pressed goes: the keyboard stays in the row."""
        if self.window().focusWidget() in (self.save, self.remove):
            self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _remove(self) -> None:
        self._stay()
        self._do(partial(_forget, self._secrets, self._name), self._found)

    def _do(self, work: Callable[[], _Found | str], arrived: Callable[..., None]) -> None:
        self._asked += 1
        done = partial(self._arrived, self._asked, arrived)
        self._bridge.watch(aside(work), done, partial(self._failed, self._asked))

    def _arrived(self, asked: int, then: Callable[..., None], result: object) -> None:
        if asked == self._asked:
            then(result)
            self._typed(self.field.text())
            self.settled.emit()

    def _kept(self, account: str) -> None:
        self.field.clear()
        self.look()
        if account:
            self._say(
                translate("Secrets", "It is the token of {name}.").format(name=account), "good"
            )

    def _found(self, found: _Found) -> None:
        self.remove.setVisible(found.is_kept)
        is_ready = found.state == READY
        if is_ready and found.is_kept:
            words = translate("Secrets", "One is kept in the keyring of this computer.")
        elif is_ready:
            words = self._words.none
        else:
            why = found.state.partition(": ")[2]
            words = translate(
                "Secrets", "It would be kept until you close Hearth, and not longer. {why}"
            ).format(why=why)
            if found.is_kept:
                words = translate(
                    "Secrets", "One is kept until you close Hearth, and not longer. {why}"
                ).format(why=why)
        self._say(words, "secondary" if is_ready else "small warning")

    def _failed(self, asked: int, error: BaseException) -> None:
        if asked != self._asked:
            return
        self._typed(self.field.text())
        if isinstance(error, HearthError):
            self._say(str(error), "problem")
        else:
            self._say(translate("Secrets", "It could not be kept."), "problem")
        self.settled.emit()

    def _typed(self, text: str) -> None:
        self.save.setEnabled(bool(text.strip()))

    def _say(self, words: str, role: LabelRole) -> None:
        self.state.setText(words)
        self.state.set_role(role)

    def _arrange(self) -> None:
        words = self._words
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName(words.label)
        self.field.setPlaceholderText(words.field)
        self.save.setAccessibleName(self.tr("Keep: {label}").format(label=words.label))
        self.remove.setAccessibleName(self.tr("Remove: {label}").format(label=words.label))
        line = QHBoxLayout()
        line.setSpacing(theme.SPACE_8)
        line.addWidget(self.field, 1)
        line.addWidget(self.save)
        line.addWidget(self.remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.SPACE_12, 0, theme.SPACE_12)
        column.setSpacing(theme.SPACE_4)
        column.addWidget(PlainLabel(words.label))
        column.addWidget(PlainLabel(words.about, "secondary"))
        column.addSpacing(theme.SPACE_4)
        column.addLayout(line)
        column.addWidget(self.state)


def token_row(
    secrets: Callable[[], Secrets],
    endpoint: Callable[[], str],
    hub: Callable[[], Any] | None,
    bridge: Bridge,
) -> SecretRow:
    """The token for the hub, or the mirror, that is asked now."""
    words = SecretWords(
        translate("Secrets", "Token of Hugging Face"),
        translate(
            "Secrets",
            "Needed only for models whose maker wants to know who takes them. You make one on "
            "huggingface.co, under Settings, Access Tokens; “read” is enough.",
        ),
        "hf_…",
        translate("Secrets", "There is none; most models need none."),
    )
    check = None if hub is None else (lambda token: str(hub().whoami(token)))
    return SecretRow(words, secrets, lambda: token_for(host_of(endpoint())), bridge, check)


def proxy_row(secrets: Callable[[], Secrets], bridge: Bridge) -> SecretRow:
    """The sign-in of the proxy, where it asks for one."""
    words = SecretWords(
        translate("Secrets", "Sign-in of the proxy"),
        translate("Secrets", "Only where the proxy above asks for a name and a password."),
        translate("Secrets", "name:password"),
        translate("Secrets", "There is none."),
    )
    return SecretRow(words, secrets, lambda: PROXY_SIGN_IN, bridge)


def _look(secrets: Callable[[], Secrets], name: Callable[[], str]) -> _Found:
    made = secrets()
    is_kept = bool(made.get(name()))
    return _Found(is_kept, made.state())


def _keep(
    secrets: Callable[[], Secrets],
    name: Callable[[], str],
    value: str,
    check: Callable[[str], str] | None,
) -> str:
    """Whose it is, or "" where that could not be asked. Raises what `check` raises of a secret
    that was refused: that is not kept."""
    account = ""
    if check is not None:
        with contextlib.suppress(NetworkError):
            account = check(value)
    secrets().set(name(), value)
    return account


def _forget(secrets: Callable[[], Secrets], name: Callable[[], str]) -> _Found:
    secrets().delete(name())
    return _look(secrets, name)
