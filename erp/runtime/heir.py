"""Clears away what a killed process leaves behind, kill -9 included: a small process of its own that waits for the lock of the other one.

The kernel drops a file lock when its holder ends, however it ends; so nobody has to guess from ages or numbers of processes who still lives.
It uses the standard library only, and whoever kills a whole session does not meet it: it has one of its own.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

PROJECT = Path(__file__).resolve().parents[2]
# A server whose owner was killed is on its way down, and still writes a file or two.
LONGEST_CLEARING_S = 60.0


@contextlib.contextmanager
def of(lock: IO[Any], path: Path, *, name: Path | None = None) -> Iterator[None]:
    """While the block lasts, an heir waits for ``lock``, a file of that ``name`` that we hold; when we end without leaving the block, it removes
    ``path``, which may be the file itself.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, path.absolute(), (name or path).absolute()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    try:
        yield
    finally:
        # What we cleared ourselves is not there any more, and what took another name is not ours to remove.
        fcntl.flock(lock, fcntl.LOCK_UN)
        process.wait()


def remove(path: Path, *, last: str = "") -> None:
    """Remove a file, or a folder with the quarters of the servers in it. ``last`` is the file by which a folder is known as ours."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    from erp.runtime import quarters

    deadline = time.monotonic() + LONGEST_CLEARING_S
    while path.is_dir():
        for pointer in path.glob("*.elsewhere"):
            quarters.forget(pointer.with_suffix(""))
        for inside in path.iterdir():
            if inside.name == last or inside.suffix == ".elsewhere":
                continue
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside, ignore_errors=True)
            else:
                inside.unlink(missing_ok=True)
        if {each.name for each in path.iterdir()} <= {last} or time.monotonic() > deadline:
            shutil.rmtree(path, ignore_errors=True)
            return
        time.sleep(0.05)


def main(path: Path, lock: Path) -> None:
    # Who is asked to stop clears up itself; we end when it has ended.
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    with contextlib.suppress(FileNotFoundError), lock.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if os.path.samestat(os.fstat(held.fileno()), lock.stat()):
            remove(path, last=lock.name)


if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT))
    main(Path(sys.argv[1]), Path(sys.argv[2]))
