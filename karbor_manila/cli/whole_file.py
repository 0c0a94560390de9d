# SPDX-License-Identifier: Apache-2.0
"""Files that another program reads: it finds the one that was there or the new one, whole."""

import os
from pathlib import Path

from karbor_manila.cli.errors import WrongUsage


def check(file: str) -> None:
    """Whether a file can be written, before there is anything to write.

    :raises WrongUsage: it cannot
    """
    path = Path(file).resolve()
    if path.is_dir():
        raise WrongUsage(f"{file} cannot be written: it is a folder.")
    if not path.parent.is_dir():
        raise WrongUsage(f"{file} cannot be written: there is no folder {path.parent}.")
    # What is no plain file is written to, and any other is replaced in its folder.
    written = path if _is_special(path) else path.parent
    if not os.access(written, os.W_OK):
        raise WrongUsage(f"{file} cannot be written: {written} may not be written to.")


def replace(file: str, text: str) -> None:
    """Put a text there all at once. What is no plain file, such as ``/dev/stdout``, is written to.

    :raises OSError: it cannot be done, and what was there stays
    """
    path = Path(file)
    if _is_special(path):
        path.write_text(text, "utf-8")
        return
    path = path.resolve()
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with beside.open("x", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())  # or a crash leaves an empty one under the name
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()
