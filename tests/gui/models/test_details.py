"""Sliders redraw the plan, what is set by hand is marked and kept, and llama.cpp counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.plugin import QtBot

from app.foundation.units import bytes_text
from app.gguf.facts import facts_of
from app.gguf.split import read_model
from app.gui.models.details import Details
from app.gui.models.page import HERE, ModelsPage
from app.hardware.profile import MachineProfile
from app.inference.planning import Planning
from app.inference.prediction import prediction_of
from app.protocol.model_ref import BUILT_IN
from app.settings.file import SettingsFile
from app.settings.schema import CONTEXT
from tests.gui.models.conftest import Settled, saved, without_memory


@pytest.fixture
def own(page: ModelsPage, tiny: str, settled: Settled) -> Details:
    """The details of a file that is here."""
    page.show_details(tiny)
    settled(lambda: page.details is not None)
    assert page.details is not None
    return page.details


def test_a_slider_redraws_the_plan_and_marks_what_was_chosen(
    own: Details, qtbot: QtBot, settled: Settled
) -> None:
    before = own.memory.bars["CPU"].filling
    context = own.values.context
    assert not context.release.isVisible()
    context.slider.setFocus()
    qtbot.keyClick(context.slider, Qt.Key.Key_End)
    settled(lambda: own.plan.n_ctx == 16_384)
    assert own.pins.n_ctx == 16_384
    assert own.memory.bars["CPU"].filling != before
    assert context.release.isVisible()
    assert "chosen by you" in context.slider.accessibleDescription()
    assert "16" in context.value_label.text()
    qtbot.keyClick(context.slider, Qt.Key.Key_Home)
    settled(lambda: own.plan.n_ctx == context.values[0])
    context.release.click()
    settled(lambda: own.pins.n_ctx is None and not context.release.isVisible())
    assert "automatic" in context.slider.accessibleDescription()
    settled(lambda: own.memory.bars["CPU"].filling == before)


def test_many_moves_end_at_the_last_one(own: Details, settled: Settled) -> None:
    slider = own.values.context.slider
    for position in [*range(slider.maximum() + 1), 2, 1]:
        slider.setValue(position)
    settled(lambda: own.plan.n_ctx == own.values.context.values[1])
    settled(lambda: own.plan.is_counted)
    assert own.plan.n_ctx == own.values.context.values[1]


def test_llama_counts_once_the_slider_rests(own: Details, settled: Settled) -> None:
    assert not own.plan.is_counted
    settled(lambda: own.plan.is_counted)
    assert own.origin.text().startswith("Counted by llama.cpp")
    own.values.context.slider.setValue(0)
    settled(lambda: not own.plan.is_counted)
    assert "calculated" in own.origin.text().lower()
    settled(lambda: own.plan.is_counted and own.plan.n_ctx == own.values.context.values[0])


def test_what_was_set_by_hand_is_kept_for_this_model_when_it_is_used(
    own: Details, page: ModelsPage, planning: Planning, tiny: str, qtbot: QtBot, settled: Settled
) -> None:
    own.values.context.slider.setValue(1)
    settled(lambda: own.plan.n_ctx == own.values.context.values[1])
    with qtbot.waitSignal(page.use_asked) as used:
        own.summary.offer.button.click()
    assert used.args == [tiny]
    path = Path(tiny).resolve()
    assert planning.pins.of(path) == {CONTEXT.key: own.values.context.values[1]}
    assert planning.wish(path).n_ctx == own.values.context.values[1]
    assert planning.wish(Path("another.gguf")).n_ctx is None
    page.go_back()
    page.show_details(tiny)
    settled(lambda: page.details is not None)
    assert page.details is not None
    assert page.details.pins.n_ctx == own.pins.n_ctx
    assert page.details.values.context.release.isVisible()
    page.details.values.context.release.click()
    settled(lambda: page.details is not None and page.details.pins.n_ctx is None)
    with qtbot.waitSignal(page.use_asked):
        page.details.summary.offer.button.click()
    assert planning.pins.of(path) == {}


def test_what_is_set_for_all_models_is_shown_as_that(
    page: ModelsPage, settings: SettingsFile, tiny: str, settled: Settled
) -> None:
    settings.set(CONTEXT, 4096)
    page.show_details(tiny)
    settled(lambda: page.details is not None)
    assert page.details is not None
    assert page.details.plan.n_ctx == 4096
    assert "as in Settings" in page.details.values.context.slider.accessibleDescription()
    assert not page.details.values.context.release.isVisible()


def test_what_does_not_fit_is_said_and_can_be_used_all_the_same(
    page: ModelsPage,
    planning: Planning,
    machine: MachineProfile,
    tiny: str,
    qtbot: QtBot,
    settled: Settled,
) -> None:
    planning.machine = lambda: without_memory(machine)  # type: ignore[method-assign]
    page.show_details(tiny)
    settled(lambda: page.details is not None)
    details = page.details
    assert details is not None
    assert details.summary.badge.text == "too big"
    assert not details.summary.offer.isVisible()
    assert details.summary.anyway.isVisible()
    assert details.memory.bars["CPU"].filling.over_bytes > 0
    with qtbot.waitSignal(page.use_asked):
        details.summary.anyway.button.click()
    # Chosen by hand, so that it is tried although it does not fit.
    assert planning.wish(Path(tiny).resolve()).n_ctx == details.plan.n_ctx


def test_the_guide_can_be_used_from_its_details(
    page: ModelsPage, qtbot: QtBot, settled: Settled
) -> None:
    page.places.buttons[HERE].click()
    settled(lambda: bool(page.library.rows))
    page.library.rows[0].tile.click()
    settled(lambda: page.details is not None)
    assert page.details is not None
    assert page.details.summary.badge.text == "runs well"
    with qtbot.waitSignal(page.use_asked) as used:
        page.details.summary.offer.button.click()
    assert used.args == [BUILT_IN]


@pytest.mark.parametrize("machine", [saved("nvidia-12gb")], ids=["nvidia-12gb"])
def test_a_card_has_its_bar_and_its_sliders(
    page: ModelsPage, qtbot: QtBot, settled: Settled
) -> None:
    settled(lambda: bool(page.listing.cards))
    outlooks = [card.outlook for card in page.listing.cards]
    outlooks += [row.outlook for row in page.listing.rows]
    of_experts = next(each for each in outlooks if each.variant.facts.n_expert)
    page.listing.details_asked.emit(of_experts)
    settled(lambda: page.details is not None)
    details = page.details
    assert details is not None
    assert details.values.experts is not None
    assert details.values.layers is not None
    card = next(name for name in details.memory.bars if name != "CPU")
    before = details.memory.bars[card].filling
    details.values.layers.slider.setValue(3)
    settled(lambda: details.plan.configuration.n_gpu_layers == 3)
    assert details.pins.n_gpu_layers == 3
    assert details.memory.bars[card].filling != before
    assert len(details.alternatives.text.splitlines()) >= 1


def test_another_file_changes_size_and_quality(
    page: ModelsPage, settled: Settled, qtbot: QtBot
) -> None:
    settled(lambda: bool(page.listing.cards))
    outlooks = [card.outlook for card in page.listing.cards]
    outlook = next(each for each in outlooks if len(each.model.variants) > 1)
    page.listing.details_asked.emit(outlook)
    settled(lambda: page.details is not None)
    details = page.details
    assert details is not None
    other = 0 if outlook.at else 1
    assert "recommended" in details.files.rows[outlook.at].accessibleName()
    assert "recommended" not in details.files.rows[other].accessibleName()
    details.files.rows[other].click()
    settled(lambda: details.plan.quant == outlook.model.variants[other].quant)
    assert details.plan.file_bytes == outlook.model.variants[other].facts.file_bytes
    assert details.files.rows[other].isChecked()
    assert not details.files.rows[outlook.at].isChecked()
    details.files.rows[other].setFocus()
    step = Qt.Key.Key_Down if outlook.at > other else Qt.Key.Key_Up
    for _ in range(abs(outlook.at - other)):
        qtbot.keyClick(details.files.rows[details.files.at], step)
    settled(lambda: details.plan.quant == outlook.variant.quant)
    assert page.focusWidget() is details.files.rows[outlook.at]


def test_what_was_measured_stands_beside_what_was_predicted(
    page: ModelsPage, planning: Planning, machine: MachineProfile, tiny: str, settled: Settled
) -> None:
    path = Path(tiny).resolve()
    facts = facts_of(read_model(path))
    plan = planning.sketched(facts, planning.wish(path), machine, path)
    prediction = prediction_of(str(path), facts.architecture, plan, plan)
    need = plan.memory[0].need.total_bytes
    planning.learning.loaded(prediction, {"CPU": round(need * 1.03)})
    said = plan.expected.generated_tokens_per_second
    planning.learning.answered(prediction, {"generated": said / 2})
    page.show_details(tiny)
    settled(lambda: page.details is not None)
    assert page.details is not None
    assert page.details.measured is not None
    shown = page.details.measured.text
    assert bytes_text(round(need * 1.03)) in shown
    assert "+3 %" in shown
    assert "−50 %" in shown
    assert "Reading" not in shown


def test_a_model_that_was_never_measured_shows_no_empty_table(own: Details) -> None:
    assert own.measured is None
