"""Temporary folders that are gone even when the process that used them was killed with -9: the next one clears them."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from erp.runtime import quarters

# Short, because sockets live below it.
PREFIX = "mamori-"
IN_USE = ".in_use"


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A private folder for as long as the block lasts."""
    _clear_what_others_left()
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with (path / IN_USE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _clear_what_others_left() -> None:
    """Remove folders of ours whose user has ended; the kernel dropped its lock."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{IN_USE}"):
        with contextlib.suppress(OSError):
            if path.parent.lstat().st_uid != os.geteuid():
                continue
            with path.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for data_dir in path.parent.glob("*.elsewhere"):
                    quarters.forget(data_dir.with_suffix(""))
                shutil.rmtree(path.parent, ignore_errors=True)
