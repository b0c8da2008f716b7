"""The stylesheet of the window, written from tokens and text sizes. Pure text, no Qt.

Controls say what they are with the property `kind`, labels with `role`; pages never carry
style of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from string import Template

from app.gui.palette import Tokens

_BASE = """
QWidget { color: $text; font-size: ${body_px}px; }
QMainWindow, QDialog, QWidget[kind="page"] { background: $background; }
QWidget[kind="sidebar"] { background: $sidebar; border-right: 1px solid $border; }
QFrame[kind="card"] {
    background: $surface; border: 1px solid $border; border-radius: 10px; }
QFrame[kind="toast"] {
    background: $surface; border: 1px solid $border_strong; border-radius: 10px; }
QFrame[kind="banner"] {
    background: $accent_soft; border: 1px solid $border; border-radius: 10px; }
QFrame[kind="line"] { background: $border; border: none; max-height: 1px; min-height: 1px; }
QScrollArea, QScrollArea > QWidget > QWidget[kind="column"] {
    background: transparent; border: none; }
QScrollArea:focus { border: none; }
QToolTip {
    background: $surface; color: $text; border: 1px solid $border_strong;
    padding: 4px 8px; font-size: ${secondary_px}px; }
"""

_LABELS = """
QLabel { background: transparent; }
QLabel[role="secondary"] { color: $secondary; font-size: ${secondary_px}px; }
QLabel[role="muted"] { color: $secondary; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="heading"] { font-size: ${heading_px}px; font-weight: 600; }
QLabel[role="title"] { font-size: ${title_px}px; font-weight: 600; }
QLabel[role="mono"] { font-family: "$mono_family", monospace; font-size: ${mono_px}px; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="danger"] { color: $danger; }
QLabel[role="problem"] { color: $danger; font-size: ${secondary_px}px; }
QLabel[role="good"] { color: $good; }
QLabel[role="small warning"] { color: $warning; font-size: ${secondary_px}px; }
QLabel[role="small good"] { color: $good; font-size: ${secondary_px}px; }
QLabel:focus { background: $accent_soft; }
QLabel[role="reader"]:focus { background: transparent; }
"""

# A focus ring is one pixel wider than the border it replaces; the padding gives that pixel, so
# that nothing moves when it appears.
_BUTTONS = """
QPushButton {
    background: $surface; color: $text; border: 1px solid $border; border-radius: 6px;
    padding: 6px 13px; min-height: 18px; outline: none; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $pressed; }
QPushButton:disabled { color: $secondary; background: $background; }
QPushButton:focus { border: 2px solid $accent; padding: 5px 12px; }
QPushButton[kind="primary"] {
    background: $accent; color: $on_accent; border-color: $accent; font-weight: 600; }
QPushButton[kind="primary"]:hover, QPushButton[kind="primary"]:pressed {
    background: $accent_hover; border-color: $accent_hover; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="primary"]:disabled {
    background: $hover; color: $secondary; border-color: $hover; }
QPushButton[kind="quiet"], QPushButton[kind="link"], QPushButton[kind="row"] {
    background: transparent; border-color: transparent; }
QPushButton[kind="quiet"]:hover, QPushButton[kind="row"]:hover { background: $hover; }
QPushButton[kind="quiet"]:pressed, QPushButton[kind="row"]:pressed { background: $pressed; }
QPushButton[kind="quiet"]:focus, QPushButton[kind="link"]:focus, QPushButton[kind="row"]:focus {
    border: 2px solid $accent; }
QPushButton[kind="row"] { text-align: left; padding: 6px 8px; }
QPushButton[kind="row"]:focus { padding: 5px 7px; }
QPushButton[kind="row"]:checked { background: $accent_soft; font-weight: 600; }
QPushButton[kind="tile"] { border-radius: 10px; text-align: left; padding: 0; }
QPushButton[kind="tile"]:focus { padding: 0; }
QPushButton[kind="suggestion"] { padding: 8px 12px; border-radius: 10px; }
QPushButton[kind="suggestion"]:focus { padding: 7px 11px; }
QPushButton[kind="segment"] { padding: 6px 10px; }
QPushButton[kind="segment"]:checked { background: $accent_soft; border-color: $accent; }
QPushButton[kind="segment"]:focus { padding: 5px 9px; }
QPushButton[kind="link"] { color: $accent; padding: 3px 5px; font-weight: 600; }
QPushButton[kind="link"]:focus { padding: 2px 4px; }
QPushButton[kind="link"]:hover { color: $accent_hover; }
QToolButton {
    background: transparent; border: 2px solid transparent; border-radius: 6px; padding: 4px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:checked { background: $pressed; }
QToolButton:focus { border-color: $accent; }
QToolButton[kind="send"] {
    background: $accent; border-radius: ${send_radius_px}px; }
QToolButton[kind="send"]:hover { background: $accent_hover; }
QToolButton[kind="send"]:focus { border-color: $text; }
QToolButton[kind="send"]:disabled { background: $hover; }
QToolButton::menu-indicator { image: none; width: 0; }
"""

_FIELDS = """
QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {
    background: $surface; color: $text; border: 1px solid $border; border-radius: 6px;
    padding: 5px 9px; selection-background-color: $selection; selection-color: $text;
    placeholder-text-color: $secondary; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { min-height: 20px; }
QLineEdit:hover, QPlainTextEdit:hover, QTextEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover,
QComboBox:hover { border-color: $border_strong; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus,
QComboBox:focus { border: 2px solid $accent; padding: 4px 8px; }
QLineEdit:disabled, QPlainTextEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled,
QComboBox:disabled { color: $secondary; background: $background; }
QLineEdit[kind="search"] { background: $background; padding-left: 5px; }
QLineEdit[kind="search"]:focus { padding-left: 4px; }
QAbstractItemView QLineEdit { padding: 0 6px; min-height: 0; }
QAbstractItemView QLineEdit:focus { padding: 0 5px; }
QFrame[kind="composer"] {
    background: $surface; border: 2px solid $border; border-radius: 10px; }
QFrame[kind="composer"][active="true"] { border-color: $accent; }
QFrame[kind="composer"] QPlainTextEdit, QFrame[kind="composer"] QTextEdit,
QFrame[kind="composer"] QPlainTextEdit:focus, QFrame[kind="composer"] QTextEdit:focus {
    background: transparent; border: none; padding: 4px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView {
    background: $surface; border: 1px solid $border_strong; outline: none; padding: 4px;
    selection-background-color: $accent_soft; selection-color: $text; }
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button,
QDoubleSpinBox::down-button { width: 0; border: none; }
QCheckBox, QRadioButton { spacing: 8px; background: transparent; padding: 3px; border-radius: 6px;
    border: 2px solid transparent; }
QCheckBox:focus, QRadioButton:focus { border-color: $accent; }
QSlider { min-height: 24px; border: 2px solid transparent; border-radius: 6px; }
QSlider:focus { border-color: $accent; }
QSlider::groove:horizontal { height: 4px; background: $border; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider[pinned="false"]::sub-page:horizontal { background: $border_strong; }
QSlider[pinned="false"]::handle:horizontal { background: $border_strong; }
QSlider::handle:horizontal {
    background: $accent; width: 16px; height: 16px; margin: -6px 0; border-radius: 8px; }
QProgressBar { background: $border; border: none; border-radius: 2px; max-height: 4px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }
"""

_VIEWS = """
QAbstractItemView { background: transparent; border: none; outline: none; }
QMenu {
    background: $surface; border: 1px solid $border_strong; border-radius: 6px; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 8px; border-radius: 4px; background: transparent; }
QMenu::item:selected { background: $accent_soft; }
QMenu::item:disabled { color: $secondary; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 2px; }
QScrollBar::handle { background: $border; border-radius: 4px; }
QScrollBar::handle:hover { background: $border_strong; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: $border; }
"""

_TEMPLATE = Template(_BASE + _LABELS + _BUTTONS + _FIELDS + _VIEWS)
SEND_PX = 36


def stylesheet(tokens: Tokens, sizes_px: Mapping[str, int], mono_family: str) -> str:
    """The whole stylesheet; `sizes_px` holds the text height of each role."""
    sizes = {f"{role}_px": str(px) for role, px in sizes_px.items()}
    return _TEMPLATE.substitute(
        asdict(tokens), **sizes, mono_family=mono_family, send_radius_px=str(SEND_PX // 2)
    )
