"""Who uses the embedded servers of an installation: one owner starts and stops them, guests only borrow them.

Both are file locks, which the kernel drops when a process ends, however it ends. So a stale owner cannot exist.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from erp.runtime.installation import Installation


@dataclass(frozen=True)
class Owner:
    """The process that holds the embedded servers, and the address it serves when it is a whole instance."""

    pid: int
    what: str
    address: str = ""


class Occupied(RuntimeError):
    """Somebody else owns the servers."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(f"{owner.what} (pid {owner.pid}) is using {owner.address or 'the data folder'}")
        self.owner = owner


def current_owner(installation: Installation) -> Owner | None:
    """Whoever owns the servers now, or None."""
    try:
        with own(installation, "a look"):
            return None
    except Occupied as occupied:
        return occupied.owner


def last_owner(installation: Installation) -> Owner | None:
    """Who wrote its name here last and did not take it away, dead or alive."""
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
        return Owner(**json.loads(_state(installation).read_text()))
    return None


def announce(installation: Installation, owner: Owner) -> None:
    """Tell others who owns the servers. Only the owner calls this."""
    fresh = _state(installation).with_suffix(".new")
    fresh.write_text(json.dumps(asdict(owner)))
    fresh.replace(_state(installation))


@contextlib.contextmanager
def own(installation: Installation, what: str) -> Iterator[None]:
    """Be the owner, or raise ``Occupied``."""
    installation.folder(installation.run)
    with _lock_file(installation, "owner.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Occupied(last_owner(installation) or Owner(pid=0, what="another process")) from None
        yield


@contextlib.contextmanager
def named_owner(installation: Installation, what: str) -> Iterator[None]:
    """Be the owner under a name that others can read while it lasts."""
    with own(installation, what):
        announce(installation, Owner(pid=os.getpid(), what=what))
        try:
            yield
        finally:
            _state(installation).unlink(missing_ok=True)


@contextlib.contextmanager
def guest(installation: Installation) -> Iterator[None]:
    """Borrow the owner's servers: an owner that is polite waits for its guests before it stops them."""
    with _guests(installation) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def no_guests(installation: Installation) -> Iterator[Callable[[], None]]:
    """Gives a function that waits until nobody borrows the servers, and lets nobody in until the block ends."""
    with _guests(installation) as lock:
        yield lambda: fcntl.flock(lock, fcntl.LOCK_EX)


@contextlib.contextmanager
def _guests(installation: Installation) -> Iterator[int]:
    installation.folder(installation.run)
    with _lock_file(installation, "guests.lock") as lock:
        yield lock.fileno()


def _lock_file(installation: Installation, name: str) -> TextIO:
    """Ours alone, whoever comes first: a command has the umask of its terminal."""
    return open(installation.run / name, "a", opener=lambda path, flags: os.open(path, flags, 0o600))


def _state(installation: Installation) -> Path:
    return installation.run / "owner.json"
