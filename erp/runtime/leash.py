"""Starts processes that cannot outlive the process that started them, not even after kill -9.

The same file is the small launcher that runs between fork and exec: it puts itself on the leash, takes the identity it
was told to take, and becomes the command. It uses the standard library only, so it starts in a few milliseconds.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000

SAME_USER = "same"


def start(
    command: Sequence[str | Path],
    *,
    on_parent_death: signal.Signals = signal.SIGKILL,
    identity: str = SAME_USER,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    output: IO[bytes] | int | None = None,
    feed: int = subprocess.DEVNULL,
    errors: IO[bytes] | int | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command`` in its own session, on the leash of this process.

    ``identity`` is ``same``, ``namespace:UID`` (that user in a user namespace of its own) or ``user:UID:GID``. ``feed`` is its standard
    input; what it complains goes where its output goes, or to ``errors``.
    Call it from a thread that lives as long as the process: Linux sends the signal when the starting *thread* ends.
    """
    return subprocess.Popen(
        [*_launcher(on_parent_death, identity), *map(str, command)],
        stdin=feed,
        stdout=output,
        stderr=errors if errors is not None else subprocess.STDOUT if output is not None else None,
        env=None if env is None else dict(env),
        cwd=cwd,
        # Ctrl-C reaches the supervisor only, which then stops its children in the right order.
        start_new_session=True,
    )


def succeeds(command: Sequence[str | Path], *, identity: str) -> bool:
    """Whether ``command`` can be run to success under ``identity`` on this machine."""
    quiet = subprocess.run(
        [*_launcher(signal.SIGKILL, identity), *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return quiet.returncode == 0


def die_with_parent(on_parent_death: signal.Signals = signal.SIGKILL, *, parent_pid: int) -> None:
    """Let the kernel send us this signal when our parent ends, however it ends."""
    if sys.platform != "linux":
        return
    if _libc().prctl(PR_SET_PDEATHSIG, int(on_parent_death), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # The parent may have ended before the call above; then nobody would ever send the signal.
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def _launcher(on_parent_death: signal.Signals, identity: str) -> list[str]:
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(on_parent_death)), identity]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _enter_user_namespace(uid: int) -> None:
    """Become ``uid`` in a user namespace of our own; on disk everything we write still belongs to who we were."""
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    if _libc().unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this machine refuses user namespaces")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{uid} {outside_gid} 1")


def _become(identity: str) -> None:
    kind, *numbers = identity.split(":")
    if kind == "namespace":
        _enter_user_namespace(int(numbers[0]))
    elif kind == "user":
        os.setgroups([])
        os.setgid(int(numbers[1]))
        os.setuid(int(numbers[0]))


def _listen_to_signals() -> None:
    """A script's background job ignores Ctrl-C, and what it starts inherits that: it could not be stopped."""
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(each, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def main(arguments: list[str]) -> None:
    parent_pid, on_parent_death, identity, *command = arguments
    _listen_to_signals()
    # A change of identity clears the parent-death signal, so the leash comes second.
    _become(identity)
    die_with_parent(signal.Signals(int(on_parent_death)), parent_pid=int(parent_pid))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
