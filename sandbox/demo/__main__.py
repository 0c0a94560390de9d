# SPDX-License-Identifier: Apache-2.0
"""The child of ``sandbox.demo.launch``: ``python -m sandbox.demo --state DIR``."""

import argparse
import logging
import signal
import sys
from pathlib import Path


def main() -> int:
    """Tell the story on a sandbox that runs; returns its exit code."""
    parser = argparse.ArgumentParser(prog="sandbox.demo")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    # Before the clients are imported: what they warn about belongs into the log.
    logging.basicConfig(
        filename=given.log,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.captureWarnings(True)
    signal.signal(signal.SIGINT, _interrupt_once)
    signal.signal(signal.SIGTERM, _interrupt_once)

    from sandbox.demo import run  # noqa: PLC0415 - see above

    return run.run(given.state, given.folder, given.keep)


def _interrupt_once(number: int, frame: object) -> None:
    """End the story; a terminal and our parent may both tell us so."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
