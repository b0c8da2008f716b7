"""The window of the bundle with its driver inside, or one measured start of it; see
installer/package/driver.spec and tests/bench/packed.py.
"""

import sys
from pathlib import Path

# What Hearth starts as helpers is the program that people have.
sys.executable = str(Path(sys.executable).with_name("hearth"))

if sys.argv[1:2] == ["--start"]:
    del sys.argv[1]
    from tests.bench import start_child

    start_child.main()
else:
    from tests.fixtures import window_driver

    sys.exit(window_driver.main())
