"""Temporary folders that are gone even when the process that used them was killed with -9.

Their heir clears them at once; where it was killed too, as by a power cut, whoever looks next does.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from erp.runtime import heir

# Short, because sockets live below it.
PREFIX = "mamori-"
IN_USE = ".in_use"


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A private folder for as long as the block lasts and its process lives."""
    clear_what_others_left()
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    # Locked before it has the name by which others find it, so that nobody takes it for a leftover in between.
    fresh = path / f"{IN_USE}.new"
    with fresh.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh.rename(path / IN_USE)
        with heir.of(lock, path, name=path / IN_USE):
            try:
                yield path
            finally:
                heir.remove(path, last=IN_USE)


def clear_what_others_left() -> int:
    """Remove the folders of ours, in the usual place, whose user has ended: the kernel dropped its lock. Gives their number."""
    return sum(clear(mark.parent) for mark in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{IN_USE}"))


def clear(path: Path) -> bool:
    """Remove one such folder if it is ours and nobody uses it; says whether it was there to be removed."""
    with contextlib.suppress(OSError):
        if not path.name.startswith(PREFIX) or path.lstat().st_uid != os.geteuid():
            return False
        with (path / IN_USE).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            heir.remove(path, last=IN_USE)
            return True
    return False
