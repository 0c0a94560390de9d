# SPDX-License-Identifier: Apache-2.0
"""A program that reads a sample of the files of a share, and compares it with one of before.

It runs in a process of its own, started by the operator's command with the folder that has the
content as its last argument: reading may hang, and a service on eventlet must not. It imports
nothing of ours. The content is a stranger's: no link is followed, no other file system entered, and
nothing but regular files is opened.

    python -m karbor_manila.common.manifest REQUEST RESULT FOLDER

:data:`REQUEST` and RESULT are files with JSON: what :func:`take` and :func:`compare` get and give.
"""

import errno
import hashlib
import heapq
import json
import os
import stat
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: Entries of folders that are looked at, at most.
MOST_ENTRIES = 1_000_000
#: Differences that are named.
MOST_NAMED = 10
#: Bytes of a path that is looked at (a tree may be deeper), and of all folders yet to be entered.
LONGEST, MOST_WAITING = 4096, 256 * 2**20

# A larger file is not read whole: so many blocks of it are, spread evenly, the first and the last
# among them. A sparse one of some TiB costs no more.
_WHOLE = 64 * 2**20
_BLOCK = 2**20
_BLOCKS = 64

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Stopped = Callable[[], bool]


class _OutOfTime(Exception):  # noqa: N818 - no error
    """The time or the room is over; what was found by then counts."""


def take(folder: str, request: dict[str, Any]) -> dict[str, Any]:
    """A sample of the files: the same one of the same files, whatever their order.

    :param request: ``seed``; ``files`` and ``bytes``, the most of each; ``seconds`` that it may
        take; ``before``: only what did not change since then (seconds since the epoch) is sampled
    :returns: ``files``, a list of path (quoted as in a URL), kind, size and SHA-256; ``seen``, how
        many could have been sampled; ``changing``, how many of the sample were passed over; ``cut``
        whether time or bytes were over before the end
    """
    over = _stops(request["seconds"])
    root = os.open(folder, _FOLDER)
    chosen, seen, cut = _sample(root, request, over)
    files: list[list[Any]] = []
    left, changing = int(request["bytes"]), 0
    for path in chosen:
        try:
            read = _read(root, path, request["before"], over)
        except OSError:
            read = None  # it has gone, or may not be read: nothing is known of it
        except _OutOfTime:
            cut = True
            break
        if read is None:
            changing += 1
            continue
        kind, size, digest = read
        left -= min(size, _WHOLE)
        if left < 0:
            cut = True
            break
        files.append([_quoted(path), kind, size, digest])
    return {"files": files, "seen": seen, "changing": changing, "cut": cut}


def compare(folder: str, request: dict[str, Any]) -> dict[str, Any]:
    """What the files of a sample are here.

    :param request: ``files`` as of :func:`take`; ``seconds`` that it may take
    :returns: ``same`` and ``bad``, how many; ``named``, the first bad ones with what is wrong;
        ``not_compared``, how many there was no time for
    """
    over = _stops(request["seconds"])
    root = os.open(folder, _FOLDER)
    files = request["files"]
    same, bad = 0, 0
    named: list[str] = []
    for path, *known in files:
        try:
            wrong = _wrong(root, urllib.parse.unquote_to_bytes(path), known, over)
        except _OutOfTime:
            break
        if not wrong:
            same += 1
            continue
        bad += 1
        if len(named) < MOST_NAMED:
            named.append(f"{path} {wrong}")
    left = len(files) - same - bad
    return {"same": same, "bad": bad, "named": named, "not_compared": left}


def _wrong(root: int, path: bytes, known: list[Any], over: Stopped) -> str:
    """What is wrong with a file, a predicate; empty when it is the same."""
    try:
        found = _read(root, path, None, over)
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if found is None or found[0] != known[0]:
        return "is something else"
    if found[1] != known[1]:
        return f"has {found[1]} bytes in place of {known[1]}"
    return "" if found[2] == known[2] else "has another content"


def _stops(seconds: float) -> Stopped:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline


def _quoted(path: bytes) -> str:
    """A path in letters that no terminal and no JSON changes, and from which it comes back."""
    return urllib.parse.quote(path)


# -- which files -----------------------------------------------------------------------------------


def _sample(root: int, request: dict[str, Any], over: Stopped) -> tuple[list[bytes], int, bool]:
    """The paths with the smallest digests of seed and path: any walk finds the same ones.

    :returns: the paths in their order, how many there were, and whether the walk was cut off
    """
    most, seed = int(request["files"]), str(request["seed"]).encode()
    heap: list[tuple[int, bytes]] = []  # the largest first
    seen, cut = 0, False
    try:
        for path, state in _walk(root, request["before"], over):
            if state.st_ctime < request["before"]:
                seen += 1
                digest = int.from_bytes(hashlib.sha256(seed + b"\0" + path).digest(), "big")
                (heapq.heappush if len(heap) < most else heapq.heappushpop)(heap, (-digest, path))
    except _OutOfTime:
        cut = True
    return sorted(path for _digest, path in heap), seen, cut


def _walk(root: int, before: float, over: Stopped) -> Iterator[tuple[bytes, os.stat_result]]:
    """The files and links below a folder, without what may have stood elsewhere then."""
    device = os.fstat(root).st_dev
    folders, looked, waiting = [b""], 0, 0
    while folders:
        path = folders.pop()
        waiting -= len(path)
        if over():
            raise _OutOfTime
        try:
            here = _opened(root, path, _FOLDER)
        except OSError:
            continue  # it has gone, or may not be read
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    looked += 1
                    if looked > MOST_ENTRIES or waiting > MOST_WAITING or over():
                        raise _OutOfTime
                    name = os.fsencode(entry.name)
                    below = path + b"/" + name if path else name
                    try:
                        state = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # it has gone
                    if state.st_dev != device or len(below) > LONGEST:
                        continue
                    if stat.S_ISDIR(state.st_mode):
                        if not _was_renamed(state, before):
                            folders.append(below)
                            waiting += len(below)
                    elif stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode):
                        yield below, state
        except OSError:
            continue  # what could be read of it was
        finally:
            os.close(here)


def _was_renamed(folder: os.stat_result, before: float) -> bool:
    """Whether a folder may have had another name then. The files in it do not tell: of a rename the
    folder alone has the time, as of no entry that comes or goes in it, which changes both times."""
    return folder.st_ctime >= before and folder.st_ctime_ns != folder.st_mtime_ns


def _opened(root: int, path: bytes, flags: int) -> int:
    """Open a path below a folder, by its parts: none of them may be a link, or lead up.

    :raises OSError: one is, or it is not there, or may not be read
    """
    parts = [part for part in path.split(b"/") if part]
    if b".." in parts:  # no walk finds one: somebody has written it into the manifest
        raise PermissionError(errno.EPERM, "it leads out of the share")
    here = os.dup(root)
    try:
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            there = os.open(part, flags if last else _FOLDER, dir_fd=here)
            os.close(here)
            here = there
    except BaseException:  # nothing is swallowed
        os.close(here)
        raise
    return here


# -- what is in them -------------------------------------------------------------------------------


def _read(
    root: int, path: bytes, before: float | None, over: Stopped
) -> tuple[str, int, str] | None:
    """The kind of a file, its size and the SHA-256 of what is in it; None when it is neither a file
    nor a link, or has changed: since ``before``, or while it was read.

    :raises OSError: it cannot be read
    """
    folder, _, name = path.rpartition(b"/")
    if name in (b"", b".", b".."):
        raise PermissionError(errno.EPERM, "it is no name of a file")
    parent = _opened(root, folder, _FOLDER)
    try:
        state = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISLNK(state.st_mode):
            target = os.readlink(name, dir_fd=parent)
            read = "link", len(target), hashlib.sha256(target).hexdigest()
            again = os.stat(name, dir_fd=parent, follow_symlinks=False)
        elif stat.S_ISREG(state.st_mode):
            file = os.open(name, _FILE, dir_fd=parent)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    return None
                read = "file", state.st_size, _digest(file, state.st_size, over)
                again = os.fstat(file)
            finally:
                os.close(file)
        else:
            return None
    finally:
        os.close(parent)
    if _version(again) != _version(state) or (before is not None and again.st_ctime >= before):
        return None
    return read


def _version(state: os.stat_result) -> tuple[int, ...]:
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _digest(file: int, size: int, over: Stopped) -> str:
    digest = hashlib.sha256()
    for offset in _offsets(size):
        if over():
            raise _OutOfTime
        digest.update(os.pread(file, _BLOCK, offset))
    return digest.hexdigest()


def _offsets(size: int) -> Iterator[int]:
    """Where the blocks begin that are read of a file of this size."""
    if size <= _WHOLE:
        yield from range(0, size, _BLOCK)
        return
    for number in range(_BLOCKS):
        yield (size - _BLOCK) * number // (_BLOCKS - 1)


def main(arguments: list[str]) -> int:
    """What the process does; returns its exit code."""
    request_path, result_path, folder = arguments
    request = json.loads(Path(request_path).read_text(encoding="ascii"))
    work = {"take": take, "compare": compare}[request["do"]]
    try:
        found = work(folder, request)
    except OSError as error:
        sys.stdout.write(f"{error.strerror}: the folder with the content\n")
        return 1
    Path(result_path).write_text(json.dumps(found), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
