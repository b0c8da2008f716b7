"""Where the process begins. Children are sent on their way before anything heavy is imported."""

from __future__ import annotations

import sys

CHILDREN = {
    "cards": "app.hardware.find_cards",
    "disk": "app.hardware.disk",
    "dry-run": "app.engine.dry_run",
    "golden": "app.engine.golden",
    "probe": "app.engine.probe",
    "quantize": "app.engine.quantizer",
    "template": "app.templates.child",
    "trial": "app.engine.trial",
    "window": "app.gui.trial",
}


def main(argv: list[str] | None = None) -> int:
    """Run a child, or hand the words to the composition root. Returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["--child"]:
        from app.foundation.child_side import serve

        return serve(CHILDREN[words[1]]) if len(words) == 2 and words[1] in CHILDREN else 2
    from app.foundation.launcher import launch

    code = launch(words)
    if code is not None:
        return code
    try:
        from app.bootstrap import start

        return start(words)
    except KeyboardInterrupt:  # before any command had begun
        return 130
    except ImportError as error:
        return _incomplete(error)


def _incomplete(error: ImportError) -> int:
    """A bundle that was copied in part or is damaged, or whose system lacks a library, is told in
    a sentence."""
    if not hasattr(sys, "_MEIPASS"):
        raise error
    from app.foundation.build import damaged
    from app.foundation.libraries import missing_library

    missing = missing_library(error)
    if bad := damaged():
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        said = f"Hearth cannot start: it was copied in part. Missing or cut short: {bad[0]}{more}."
        sys.stderr.write(f"{said}\nInstall Hearth again.\n")
    elif missing is not None:
        sys.stderr.write(f"{missing.title}\n{missing.detail}\n{missing.remedy}\n")
    else:
        sys.stderr.write(f"Hearth cannot start: a part of it is damaged. {error}\n")
        sys.stderr.write("Install Hearth again.\n")
    return 3


if __name__ == "__main__":
    sys.exit(main())
