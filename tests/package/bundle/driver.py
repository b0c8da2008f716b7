"""The window of the bundle with its driver inside; see installer/package/driver.spec."""

import sys
from pathlib import Path

# What Hearth starts as helpers is the program that people have.
sys.executable = str(Path(sys.executable).with_name("hearth"))

from tests.fixtures import window_driver  # noqa: E402

sys.exit(window_driver.main())
