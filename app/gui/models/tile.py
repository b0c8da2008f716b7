"""A model as something to click: a card among the recommended, or a row of a list. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.models.badge import Badge
from app.gui.models.speed_picture import SpeedPicture
from app.gui.models.subjects import Broken, Outlook
from app.gui.models.words import capital, memory_words, speed_words, verdict_of
from app.gui.widgets.plain import PlainLabel

_USUAL_PX = 240
_LEAST_PX = 180


class Tile(QPushButton):
    """A button as large as what is laid out in it; its name is all that stands there."""

    def __init__(self, kind: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", kind)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoDefault(False)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        return QSize(_USUAL_PX, self.heightForWidth(_USUAL_PX))

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_PX, self.heightForWidth(max(_LEAST_PX, self.width())))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        return layout.totalHeightForWidth(width) if layout is not None else 0

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def label(self, text: str, role: str = "body", *, wrap: bool = True) -> PlainLabel:
        """A label that leaves the mouse to the button."""
        made = PlainLabel(text, wrap=wrap)
        made.setProperty("role", role)
        made.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        return made


class BestTile(Tile):
    """One of the few that suit this computer best."""

    def __init__(self, outlook: Outlook, parent: QWidget | None = None) -> None:
        super().__init__("tile", parent)
        self.outlook = outlook
        plan = outlook.plan
        rate = plan.expected.generated_tokens_per_second
        badge = Badge()
        badge.show_verdict(verdict_of(plan))
        picture = SpeedPicture(labels=False)
        picture.show_rate(rate)
        speed, memory = speed_words(rate), memory_words(plan)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.SPACE_16,) * 4)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(self.label(outlook.model.name, "strong"))
        column.addWidget(badge)
        if outlook.model.sentence:
            column.addWidget(self.label(outlook.model.sentence, "secondary"))
        column.addStretch(1)
        column.addWidget(picture)
        column.addWidget(self.label(f"{capital(speed)}.", "secondary"))
        column.addWidget(self.label(f"{capital(memory)}.", "secondary"))
        column.addWidget(self.label(_file_words(outlook), "secondary"))
        self.setAccessibleName(
            self.tr("{name}: {verdict}, {speed}, {memory}. Show its details.").format(
                name=outlook.model.name, verdict=badge.text, speed=speed, memory=memory
            )
        )


class ModelRow(Tile):
    """One line of a list; `mark` stands beside the name ("in use")."""

    def __init__(self, outlook: Outlook, mark: str = "", parent: QWidget | None = None) -> None:
        super().__init__("row", parent)
        self.outlook = outlook
        plan = outlook.plan
        badge = Badge()
        badge.show_verdict(verdict_of(plan))
        speed = speed_words(plan.expected.generated_tokens_per_second)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.label(outlook.model.name, "strong"))
        about = [_file_words(outlook)]
        if plan.fits != "no":
            about.append(speed)
        words.addWidget(self.label(" · ".join(about), "secondary"))
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_8, theme.SPACE_8, theme.SPACE_8, theme.SPACE_8)
        row.setSpacing(theme.SPACE_16)
        row.addLayout(words, 1)
        if mark:
            row.addWidget(self.label(mark, "secondary", wrap=False))
        row.addWidget(badge, 0, Qt.AlignmentFlag.AlignVCenter)
        self.searched = " ".join(
            (outlook.model.name, outlook.model.sentence, *about, *outlook.model.uses)
        ).casefold()
        spoken = [outlook.model.name, mark, badge.text, *about]
        self.setAccessibleName(", ".join(part for part in spoken if part))


class BrokenRow(Tile):
    """A file that cannot be planned for; it says why when it is pressed."""

    def __init__(self, broken: Broken, mark: str = "", parent: QWidget | None = None) -> None:
        super().__init__("row", parent)
        self.broken = broken
        row = QVBoxLayout(self)
        row.setContentsMargins(theme.SPACE_8, theme.SPACE_8, theme.SPACE_8, theme.SPACE_8)
        row.setSpacing(2)
        title = f"{broken.name}  {mark}" if mark else broken.name
        row.addWidget(self.label(title, "strong"))
        row.addWidget(self.label(broken.error.title, "secondary"))
        self.setAccessibleName(f"{broken.name}, {broken.error.title}")


def _file_words(outlook: Outlook) -> str:
    """Size and quant: "4.9 GB · Q4_K_M"."""
    parts = [bytes_text(outlook.plan.file_bytes), outlook.plan.quant]
    return " · ".join(part for part in parts if part)
