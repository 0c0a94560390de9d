# SPDX-License-Identifier: Apache-2.0
"""Makes ``sandbox`` importable when pytest is not run as ``python -m pytest`` from the top."""

import sys
from pathlib import Path

TOP = str(Path(__file__).resolve().parents[3])
if TOP not in sys.path:
    sys.path.insert(0, TOP)
