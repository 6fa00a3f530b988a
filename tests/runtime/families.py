"""Sees real processes end: a family is a process with everything it started."""

import contextlib
import time

import psutil


def family_of(pid: int) -> list[psutil.Process]:
    head = psutil.Process(pid)
    return [head, *head.children(recursive=True)]


def commands_of(pid: int) -> list[list[str]]:
    """The command lines of a family, in which members come and go while we look."""
    found = []
    for process in family_of(pid):
        with contextlib.suppress(psutil.Error):
            found.append(process.cmdline())
    return found


def heirs_in(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that clear up after a killed one (``erp.runtime.heir``)."""
    found = []
    for process in family:
        # What has ended and was not asked for yet has no command line.
        with contextlib.suppress(psutil.Error):
            if any(part.endswith("heir.py") for part in process.cmdline()):
                found.append(process)
    return found


def wait_until_gone(family: list[psutil.Process], *, timeout_s: float = 30) -> None:
    _gone, alive = psutil.wait_procs(family, timeout=timeout_s)
    left = [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert not left, f"still there: {left}"


def wait_until(condition, *, timeout_s: float = 60):
    """The first true answer of ``condition``."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.05)
    return answer
