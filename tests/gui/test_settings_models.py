"""Settings for models and the network: the token, the folders, moving them, and staying offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.plugin import QtBot

from app.foundation.errors import AccessNeeded, Unreachable
from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.settings.folders import FoldersControl, ModelsFolderRow
from app.gui.settings.page import SettingsPage
from app.gui.settings.secret_row import SecretRow, SecretWords, token_row
from app.gui.widgets.buttons import IconButton
from app.gui.window_state import WindowState
from app.inference.planning import Planning
from app.models.library.library import Library
from app.network import offline
from app.settings import schema
from app.settings.file import SettingsFile
from app.settings.secrets import SERVICE, Secrets, token_for
from tests.fixtures.machines import machine
from tests.fixtures.tiny_models import make

Settled = Callable[[Callable[[], bool]], None]
DEADLINE_S = 60.0


class MemoryKeyring:
    """A keyring of the system, at the native seam: what would be stored there."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


def no_keyring() -> MemoryKeyring:
    raise RuntimeError("No keyring runs in this session.")


@pytest.fixture
def keyring() -> MemoryKeyring:
    return MemoryKeyring()


@pytest.fixture
def secrets(keyring: MemoryKeyring) -> Iterator[Secrets]:
    made = Secrets(lambda: keyring)
    yield made
    made.close()


def test_who_is_asked_for_a_token_is_led_to_it(
    qtbot: QtBot,
    services: GuiServices,
    secrets: Secrets,
    bridge: Bridge,
    notify: Notifier,
    settled: Settled,
) -> None:
    services.secrets, services.endpoint = lambda: secrets, lambda: "https://huggingface.co"
    planning = Planning(services.profile, services.settings, find=lambda *_: machine())
    services.planning = lambda: planning
    window = MainWindow(services, bridge, notify)
    qtbot.addWidget(window)
    window.show_first(WindowState(0, 0, 800, 600))
    window.show_models()
    assert window.models_page is not None
    for _ in range(2):
        window.models_page.settings_asked.emit()
        page = window.pages.currentWidget()
        assert isinstance(page, SettingsPage)
        assert page.token is not None
        field = page.token.field
        settled(lambda field=field: field.hasFocus() and not field.visibleRegion().isEmpty())
        window.show_models()
    window.hide()


WORDS = SecretWords("Token", "For some models.", "hf_…", "There is none.")


def shown(qtbot: QtBot, row: SecretRow) -> SecretRow:
    qtbot.addWidget(row)
    row.show()
    return row


def test_a_token_is_checked_kept_in_the_keyring_and_never_shown_again(
    qtbot: QtBot, secrets: Secrets, keyring: MemoryKeyring, bridge: Bridge, settled: Settled
) -> None:
    row = shown(
        qtbot, SecretRow(WORDS, lambda: secrets, lambda: "a name", bridge, lambda _: "mara")
    )
    settled(lambda: row.state.text() == "There is none.")
    assert not row.remove.isVisible()
    qtbot.keyClicks(row.field, "hf_abc")
    qtbot.keyClick(row.field, Qt.Key.Key_Return)
    settled(lambda: keyring.held.get((SERVICE, "a name")) == "hf_abc")
    settled(row.remove.isVisible)
    assert row.field.text() == ""
    assert row.field.echoMode() == row.field.EchoMode.Password
    assert "hf_abc" not in row.state.text()
    row.remove.setFocus()
    row.remove.click()
    settled(lambda: not keyring.held)
    settled(lambda: row.state.text() == "There is none.")
    assert row.window().focusWidget() is row.field


def test_a_token_that_the_hub_refuses_is_not_kept(
    qtbot: QtBot, secrets: Secrets, keyring: MemoryKeyring, bridge: Bridge, settled: Settled
) -> None:
    def check(token: str) -> str:
        raise AccessNeeded("That token is not accepted.", "", "Make another.", need="renewal")

    row = shown(qtbot, SecretRow(WORDS, lambda: secrets, lambda: "a name", bridge, check))
    row.field.setText("hf_old")
    row.save.click()
    settled(lambda: "not accepted" in row.state.text())
    assert not keyring.held
    assert row.field.text() == "hf_old"


def test_a_token_is_kept_unchecked_where_nobody_answers(
    qtbot: QtBot, secrets: Secrets, keyring: MemoryKeyring, bridge: Bridge, settled: Settled
) -> None:
    def check(token: str) -> str:
        raise Unreachable("No line.")

    row = shown(qtbot, SecretRow(WORDS, lambda: secrets, lambda: "a name", bridge, check))
    row.field.setText("hf_new")
    row.save.click()
    settled(lambda: bool(keyring.held))
    settled(row.remove.isVisible)


def test_without_a_keyring_it_says_so_and_keeps_it_for_this_time(
    qtbot: QtBot, bridge: Bridge, settled: Settled
) -> None:
    secrets = Secrets(no_keyring)
    row = shown(qtbot, SecretRow(WORDS, lambda: secrets, lambda: "a name", bridge))
    settled(lambda: "would be kept until" in row.state.text())
    assert "No keyring runs in this session." in row.state.text()
    row.field.setText("hf_now")
    row.save.click()
    settled(lambda: "until you close Hearth" in row.state.text())
    assert secrets.get("a name") == "hf_now"
    secrets.close()


def test_each_mirror_has_a_token_of_its_own(
    qtbot: QtBot, secrets: Secrets, keyring: MemoryKeyring, bridge: Bridge, settled: Settled
) -> None:
    row = shown(
        qtbot, token_row(lambda: secrets, lambda: "https://mirror.example/hub", None, bridge)
    )
    row.field.setText("hf_mirror")
    row.save.click()
    settled(lambda: keyring.held.get((SERVICE, token_for("mirror.example"))) == "hf_mirror")


def test_folders_are_added_and_left_out_one_by_one(
    qtbot: QtBot, services: GuiServices, settings: SettingsFile, bridge: Bridge, notify: Notifier
) -> None:
    page = SettingsPage(services, bridge, notify)
    page.fill()
    qtbot.addWidget(page)
    page.show()
    control = page.rows[schema.LIBRARY_FOLDERS.key].control
    assert isinstance(control, FoldersControl)
    control.add_folder("/models/one")
    control.add_folder("/models/two")
    control.add_folder("/models/two")
    assert settings.get(schema.LIBRARY_FOLDERS) == "/models/one\n/models/two"
    qtbot.waitUntil(lambda: len(control.folders) == 2)
    leave = next(
        button
        for button in control.findChildren(IconButton)
        if button.accessibleName() == "Do not look in /models/one"
    )
    leave.click()
    assert settings.get(schema.LIBRARY_FOLDERS) == "/models/two"


@pytest.fixture
def library(profile: Profile, settings: SettingsFile, tiny_models: Path) -> Library:
    """Hearth's own folder, with one model in it."""
    settings.set(schema.ADOPT, False).result(DEADLINE_S)
    home = profile.models / "maker" / "Tiny"
    home.mkdir(parents=True)
    (home / "tiny.gguf").write_bytes(make("llama", tiny_models).read_bytes())

    def folder() -> Path:
        named = settings.get(schema.DOWNLOADS_FOLDER)
        return Path(named) if named else profile.models

    def use_folder(new: Path) -> None:
        settings.set(schema.DOWNLOADS_FOLDER, str(new)).result(DEADLINE_S)

    return Library(profile, settings, folder, use_folder)


@pytest.fixture
def folder_row(
    qtbot: QtBot,
    library: Library,
    profile: Profile,
    settings: SettingsFile,
    bridge: Bridge,
    notify: Notifier,
) -> Iterator[ModelsFolderRow]:
    def folder() -> Path:
        named = settings.get(schema.DOWNLOADS_FOLDER)
        return Path(named) if named else profile.models

    row = ModelsFolderRow(lambda: library, folder, bridge, notify)
    qtbot.addWidget(row)
    row.resize(640, 120)
    row.show()
    notify.attach(row)
    yield row
    if notify.toast is not None:
        notify.toast.dismiss()


def test_the_models_move_to_another_folder(
    folder_row: ModelsFolderRow,
    profile: Profile,
    notify: Notifier,
    tmp_path: Path,
    settled: Settled,
) -> None:
    row = folder_row
    settled(lambda: row.place.whole == str(profile.models))
    settled(lambda: "of models" in row.use.text())
    new = tmp_path / "other disk"
    new.mkdir()
    row.move_to(str(new))
    assert row.stop_button.isVisible()
    assert not row.move_button.isVisible()
    settled(lambda: row.place.whole == str(new))
    assert list(new.rglob("tiny.gguf"))
    assert not list(profile.models.rglob("tiny.gguf"))
    settled(row.move_button.isVisible)
    settled(lambda: notify.toast is not None and notify.toast.isVisible())


def test_a_folder_that_will_not_do_is_said(
    folder_row: ModelsFolderRow, profile: Profile, notify: Notifier, settled: Settled
) -> None:
    folder_row.move_to(str(profile.models))
    settled(lambda: notify.toast is not None and notify.toast.isVisible())
    assert notify.toast is not None
    assert "already" in notify.toast.title.text()
    settled(folder_row.move_button.isVisible)


def test_a_start_that_is_offline_shows_the_switch_on_and_held(
    qtbot: QtBot,
    services: GuiServices,
    bridge: Bridge,
    notify: Notifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(offline.VARIABLE, "1")
    page = SettingsPage(services, bridge, notify)
    page.fill()
    qtbot.addWidget(page)
    page.show()
    row = page.rows[schema.OFFLINE.key]
    assert not row.control.isEnabled()
    assert not row.reset_button.isVisible()
    row.show_value(False)
    assert not row.control.isEnabled()
