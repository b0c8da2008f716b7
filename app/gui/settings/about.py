"""About Hearth: version, licences, what runs inside. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, qVersion

from app.gui.services import Fact


def program_facts(safe_mode: bool) -> list[Fact]:
    """What is known without asking anybody."""
    import platform

    import PySide6

    from app import __version__

    def say(text: str) -> str:
        return QCoreApplication.translate("About", text)

    facts = [
        Fact(say("Hearth"), __version__),
        Fact(say("Licence"), say("MIT. You may use, change and pass it on.")),
        Fact(
            say("Built with"),
            say("Qt {qt} and PySide {pyside} (LGPL), Python {python}, llama.cpp (MIT)").format(
                qt=qVersion(), pyside=PySide6.__version__, python=platform.python_version()
            ),
        ),
        Fact(say("Icons"), say("Lucide (ISC)")),
    ]
    if safe_mode:
        facts.append(
            Fact(say("Safe mode"), say("On: the last start did not end well. Processor only."))
        )
    return facts
