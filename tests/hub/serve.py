"""Runs the sample hub until it is stopped, for trying the window against it by hand.

python -m tests.hub.serve --port 8500
HF_ENDPOINT=http://127.0.0.1:8500 python3 dev.py run
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from tests.hub import samples
from tests.hub.faults.lines import Slow
from tests.hub.server import LoopbackHub, loopback_hub


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.hub.serve")
    parser.add_argument("--port", type=int, default=8500)
    parser.add_argument("--large-bytes", type=int, default=samples.LARGE_BYTES)
    parser.add_argument(
        "--bytes-per-s", type=int, default=0, help="send files no faster than this, to see progress"
    )
    asked = parser.parse_args(words)
    with loopback_hub(asked.port) as hub:
        samples.fill(hub.shelf, large_bytes=asked.large_bytes)
        if asked.bytes_per_s:
            hub.sabotage(Slow(asked.bytes_per_s))
        print(f"HF_ENDPOINT={hub.url}\ntoken: {samples.TOKEN}", flush=True)
        try:
            _watch(hub)
        except KeyboardInterrupt:
            print()


def _watch(hub: LoopbackHub) -> None:
    """Say what is asked, as it comes."""
    n_seen = 0
    while True:
        time.sleep(0.2)
        for asked in hub.record.asked[n_seen:]:
            n_seen += 1
            print(f"{asked.side:8} {asked.method:4} {asked.target[:140]}", flush=True)


if __name__ == "__main__":
    main()
