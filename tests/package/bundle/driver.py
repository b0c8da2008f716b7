"""The window of the bundle with its driver inside, or one measured start of it; see
installer/package/driver.spec and tests/bench/packed.py.
"""

import os
import sys
from pathlib import Path

from app.foundation import launcher


def begin_elsewhere(words: list[str]) -> None:
    """As the program itself begins: a newer version that has a driver beside it takes over here.
    What a launcher said stays said, for the start that follows."""
    named = (launcher.LAUNCHED, launcher.FIRST, launcher.NOTE, launcher.STAY)
    said = {name: os.environ[name] for name in named if name in os.environ}
    launcher.launch(words)
    os.environ.update(said)


is_start = sys.argv[1:2] == ["--start"]
if not is_start:
    begin_elsewhere(sys.argv[1:])
# What Hearth starts as helpers is the program that people have.
sys.executable = str(Path(sys.executable).with_name("hearth"))

if is_start:
    del sys.argv[1]
    from tests.bench import start_child

    start_child.main()
else:
    from tests.fixtures import window_driver

    sys.exit(window_driver.main())
