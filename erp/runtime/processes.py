"""Programs that are kept running: each with its log, started again when it ends, more slowly the more often it ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from erp.runtime import leash
from erp.runtime.installation import PROJECT

LONGEST_PAUSE_S = 30.0
# Whoever ran that long is forgiven what went wrong before.
GOOD_RUN_S = 60.0


class Kept(Protocol):
    """What can be kept running: a program of ours, or a server with its own way to start."""

    def is_running(self) -> bool: ...

    def start(self) -> None: ...


class Program:
    """One program of ours. It runs in its own session, so that its whole family can be ended together."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self.command = command
        self.environment = environment
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = leash.start(self.command, env=self.environment, cwd=PROJECT, output=output)

    def wait(self) -> int:
        assert self._process is not None, "the program was not started"
        return self._process.wait()

    def ask_to_stop(self) -> None:
        if self.is_running():
            assert self._process is not None
            self._process.terminate()

    def kill_9(self) -> None:
        """Kill it without warning; its family dies with it."""
        assert self._process is not None, "the program was not started"
        self._process.kill()
        self._process.wait()

    def stop(self, *, timeout_s: float) -> None:
        """Wait until the program has ended as asked; afterwards none of its family is left."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=timeout_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def log_tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Keeper:
    """Starts again what has ended. ``look`` is called now and then; it never waits for a pause to pass."""

    def __init__(self, name: str, kept: Kept) -> None:
        self.name = name
        self.kept = kept
        self.good_run_s = GOOD_RUN_S
        self._pause_s = 0.5
        self._started_at = time.monotonic()
        self._start_again_at: float | None = None

    def look(self) -> None:
        now = time.monotonic()
        if self.kept.is_running():
            return
        if self._start_again_at is None:
            if now - self._started_at > self.good_run_s:
                self._pause_s = 0.5
            self._start_again_at = now + self._pause_s
            sys.stdout.write(f"{self.name} has ended; starting it again in {self._pause_s:.1f} s.\n")
            sys.stdout.flush()
        elif now >= self._start_again_at:
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
            self._started_at, self._start_again_at = now, None
            # What cannot start now is found ended at the next look, after a longer pause.
            with contextlib.suppress(RuntimeError):
                self.kept.start()


def stop_all(programs: Iterable[Program], *, timeout_s: float) -> None:
    """Ask all of them at once, then wait for each; nobody outlives the time limit."""
    programs = list(programs)
    for program in programs:
        program.ask_to_stop()
    deadline = time.monotonic() + timeout_s
    for program in programs:
        program.stop(timeout_s=max(0.1, deadline - time.monotonic()))
