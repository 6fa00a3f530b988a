"""``make run``: the embedded servers, the web server, the workers and their clock, under one process.

However this process ends, Ctrl-C or kill -9, everything it started ends with it.
"""

import contextlib
import itertools
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import psutil

from erp.runtime import demo, leash, occupancy, postgres, practice, processes, quarters, valkey
from erp.runtime.installation import Installation, read_env_file
from erp.runtime.processes import Keeper, Program

HOST = "127.0.0.1"
FIRST_PORT = 8000
STOPPING_TIME_S = 15.0
LOG_SIZE_LIMIT = 20_000_000
NAME = "make run"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CannotRun(RuntimeError):
    """A reason to give up that a person can act on."""


class StopRequested(BaseException):
    """Somebody asked this process to stop. Not an ``Exception``, so that nobody catches it by accident."""


def main(arguments: list[str]) -> int:
    # What this process and its children write is nobody else's business.
    os.umask(0o077)
    read_env_file()
    installation = Installation.of_environment()
    match arguments:
        case ["run", *options]:
            if "--dies-with-parent" in options:
                leash.die_with_parent(signal.SIGTERM, parent_pid=os.getppid())
            return run(installation)
        case ["stop"]:
            return stop(installation)
    sys.stderr.write("usage: supervisor run|stop\n")
    return 2


def run(installation: Installation) -> int:
    """Start everything, say where it is, and stay until told to stop."""
    before = occupancy.last_owner(installation)
    try:
        _listen_for_stop()
        with occupancy.named_owner(installation, NAME):
            if before is not None:
                _say(f"Taking over from {before.what} (pid {before.pid}), which ended without cleaning up.")
            with contextlib.ExitStack() as until_stopped:
                Instance(installation, until_stopped).stay()
    except occupancy.Occupied as occupied:
        return _already_occupied(occupied.owner)
    except (CannotRun, quarters.CannotHouse, postgres.ServerFailed, valkey.ValkeyFailed) as reason:
        _say(f"Mamori could not start: {reason}")
        return 1
    except StopRequested:
        _say("Mamori has stopped.")
    return 0


def stop(installation: Installation, *, timeout_s: float = 90) -> int:
    """Stop the instance that runs over the same data, from wherever it was started."""
    owner = occupancy.current_owner(installation)
    if owner is None or owner.what != NAME:
        _say("Mamori does not run here.")
        return 0
    process = psutil.Process(owner.pid)
    process.terminate()
    deadline = time.monotonic() + timeout_s
    while _is_alive(process):
        if time.monotonic() > deadline:
            _say(f"Mamori (pid {owner.pid}) has not stopped in {timeout_s:.0f} s.")
            return 1
        time.sleep(0.1)
    _say(f"Mamori (pid {owner.pid}) has stopped.")
    return 0


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Instance:
    """All the processes of one installation. What is started is registered to be stopped, in reverse order."""

    def __init__(
        self, installation: Installation, until_stopped: contextlib.ExitStack, *, practice_sites: int = 2
    ) -> None:
        self.installation = installation
        self.until_stopped = until_stopped
        self.keepers: list[Keeper] = []
        self.programs: dict[str, Program] = {}
        self.cluster: postgres.Cluster | None = None
        self.broker: valkey.Broker | None = None
        # This command is for trying and developing, and listens on the loopback only.
        self.environment = {"DEBUG": "true", **os.environ, "DJANGO_SETTINGS_MODULE": "erp.settings"}
        self.environment["PYTHONUNBUFFERED"] = "1"
        # Mails to shoppers become files to read; whoever names a server has them sent.
        self.environment.setdefault(
            "EMAIL_URL", f"filemail:///{self.installation.folder(self.installation.var / 'mails')}"
        )
        self.practice_sites: list[practice.PracticeSite] = []
        self._practice_count = practice_sites
        self._demo_told = -1

    def stay(self) -> None:
        """Start everything, tell the world, and keep it running."""
        address = self.start()
        occupancy.announce(self.installation, occupancy.Owner(pid=os.getpid(), what=NAME, address=address))
        _welcome(self.installation, address, self.practice_sites)
        while True:
            self.look()
            time.sleep(0.5)

    def look(self) -> None:
        """Start again what has ended; called now and then."""
        for keeper in self.keepers:
            keeper.look()

    def start(self) -> str:
        """Start everything and wait until it serves. Returns the address."""
        self._start_servers()
        self._plan_practice_sites()
        _say("Preparing the database ...")
        self._prepare()
        port = _choose_port(self.installation, self.until_stopped)
        self.programs = self._start_programs(port)
        self._wait_until_ready(port, self.programs)
        return f"http://{HOST}:{port}/"

    def _start_servers(self) -> None:
        """PostgreSQL and Valkey, unless the environment names others."""
        _keep_logs_small(self.installation.folder(self.installation.log))
        if not self.environment.get("DATABASE_URL"):
            self.cluster = self.until_stopped.enter_context(postgres.of_installation(self.installation))
            self.environment["DATABASE_URL"] = self.cluster.url
            self.keepers.append(Keeper("PostgreSQL", self.cluster))
        if not self.environment.get("REDIS_URL"):
            self.broker = self.until_stopped.enter_context(valkey.of_installation(self.installation))
            self.environment["REDIS_URL"] = self.broker.url
            self.keepers.append(Keeper("Valkey", self.broker))

    def _plan_practice_sites(self) -> None:
        """Where they will listen is known before the database is told of them."""
        if practice.is_wanted():
            ports = [
                _choose_port(self.installation, self.until_stopped, name=f"practice_port_{number}", first=first)
                for number, first in enumerate(range(practice.FIRST_PORT, practice.FIRST_PORT + self._practice_count))
            ]
            self.practice_sites = practice.plan(self.installation, ports, HOST)

    def _prepare(self) -> None:
        # Migrations may take as long as they need.
        unlimited = {"DATABASE_TRANSACTION_TIMEOUT_MS": "0", "DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS": "0"}
        told = practice.as_variable(self.practice_sites) if self.practice_sites else {}
        program = self._program("prepare", ["-m", "erp.runtime.prepare"], unlimited | told)
        demo.progress_file(self.installation).unlink(missing_ok=True)
        program.start()
        while program.is_running():
            self._tell_of_demo()
            time.sleep(0.1)
        if program.wait() != 0:
            raise CannotRun(f"the database could not be prepared.\n{program.log_tail()}")
        self.practice_sites = practice.joined(self.installation, self.practice_sites)

    def _tell_of_demo(self) -> None:
        """The one long part of the first start: a line per quarter."""
        percent = demo.percent_done(self.installation)
        if percent is not None and percent // 25 > self._demo_told:
            self._demo_told = percent // 25
            _say(f"Loading the demo company, three months of an invented apparel firm ... {percent} %")

    def _start_programs(self, port: int) -> dict[str, Program]:
        workers = self.environment.get("MAMORI_WEB_WORKERS", "2")
        web = ["-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port), "--workers", workers]
        # Never more requests at work in a process than its pool has connections. (Its ``--backpressure`` counts connections, idle ones too:
        # a few browsers that keep theirs open would shut everyone else out.)
        web += ["--blocking-threads", "4", "--respawn-failed-workers", "erp.wsgi:application"]
        celery = ["-m", "celery", "-A", "erp.celery"]
        worker = [*celery, "worker", "--without-gossip", "--without-mingle"]
        house = ["--queues", "celery", "--hostname", "house@%h", "--concurrency", "2"]
        # Threads: who waits for a site that does not answer holds up no process.
        threads = self.environment.get("MAMORI_GATEWAY_THREADS", "8")
        gateway = ["--queues", "ec_gateway", "--hostname", "gateway@%h", "--pool", "threads", "--concurrency", threads]
        beat = [*celery, "beat", "--pidfile=", "--schedule", str(self.installation.run / "beat")]
        programs = {
            "Web server": self._program("web", web, {"DATABASE_POOL_SIZE": "4"}),
            "Worker": self._program("worker", [*worker, *house], self._tells_when_ready("worker")),
            "Gateway worker": self._program("gateway", [*worker, *gateway], self._tells_when_ready("gateway")),
            "Clock": self._program("beat", beat),
            **self._practice_programs(port),
        }
        self.until_stopped.callback(processes.stop_all, programs.values(), timeout_s=STOPPING_TIME_S)
        for mark in self._ready_marks:
            mark.unlink(missing_ok=True)
        for name, program in programs.items():
            program.start()
            self.keepers.append(Keeper(name, program))
        return programs

    def _practice_programs(self, port: int) -> dict[str, Program]:
        return {
            site.name: self._program(
                site.channel_code.lower(),
                practice.command(self.installation, site, mamori=f"http://{HOST}:{port}"),
                practice.secrets_of(self.installation, site),
            )
            for site in self.practice_sites
        }

    def _program(self, name: str, arguments: list[str], extras: dict[str, str] | None = None) -> Program:
        return Program(
            [sys.executable, *arguments],
            environment=self.environment | (extras or {}),
            log=self.installation.log / f"{name}.log",
        )

    @property
    def _ready_marks(self) -> list[Path]:
        return [self.installation.run / f"{name}_is_ready" for name in ("worker", "gateway")]

    def _tells_when_ready(self, name: str) -> dict[str, str]:
        return {"MAMORI_READY_FILE": str(self.installation.run / f"{name}_is_ready")}

    def _wait_until_ready(self, port: int, programs: dict[str, Program], *, timeout_s: float = 60) -> None:
        """At the first start every program must come up: what fails now would fail again and again."""
        deadline = time.monotonic() + timeout_s
        pages = [f"http://{HOST}:{port}/readyz", *(f"{site.base_url}/" for site in self.practice_sites)]
        while not (all(mark.exists() for mark in self._ready_marks) and all(map(_answers, pages))):
            for name, program in programs.items():
                if not program.is_running() or time.monotonic() > deadline:
                    raise CannotRun(f"{name.lower()}: not ready, see {program.log}.\n{program.log_tail()}")
            time.sleep(0.1)


def _already_occupied(owner: occupancy.Owner) -> int:
    if owner.what != NAME:
        _say(f"{owner.what} (pid {owner.pid}) is using the database; try again when it has ended.")
        return 1
    _say(f"Mamori already runs: {owner.address or 'still starting'} (pid {owner.pid}). `make stop` stops it.")
    return 0


@contextlib.contextmanager
def stopped_by_signal() -> Iterator[None]:
    """Whoever is asked to stop inside ends in good order, everything it started first."""
    before = {each: signal.getsignal(each) for each in STOP_SIGNALS}
    try:
        _listen_for_stop()
        yield
    except StopRequested:
        raise KeyboardInterrupt from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _listen_for_stop() -> None:
    def stop_once(number: int, frame: FrameType | None) -> None:
        # Everything is on its way down within a known time; a second Ctrl-C must not cut that short.
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested

    for each in STOP_SIGNALS:
        # Whoever started us with nohup wants us to survive the end of the terminal.
        if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, stop_once)


def _choose_port(
    installation: Installation, until_stopped: contextlib.ExitStack, *, name: str = "port", first: int = FIRST_PORT
) -> int:
    """The port of last time if it is free, else the next free one; whoever names the web server's gets that one or an error."""
    remembered = installation.run / name
    if name == "port" and (wanted := os.environ.get("MAMORI_PORT")):
        if not _reserve(int(wanted), until_stopped):
            raise CannotRun(f"port {wanted} (MAMORI_PORT) is taken.")
        return int(wanted)
    last = int(remembered.read_text()) if remembered.exists() else first
    for port in itertools.chain([last], range(first, first + 1000)):
        if _reserve(port, until_stopped):
            remembered.write_text(str(port))
            return port
    raise CannotRun("no free port was found; name one with MAMORI_PORT.")


def _reserve(port: int, until_stopped: contextlib.ExitStack) -> bool:
    """Whether the port is free, and from now on ours.

    The web server opens its port in a way that lets two of them share it, so instances that start at the same moment
    must agree in another way: by a name that the kernel gives to one process only and takes back when it ends.
    """
    with socket.socket() as probe:
        # A port whose last connections are only fading away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0mamori-port-{port}")
    except OSError:
        name.close()
        return False
    until_stopped.callback(name.close)
    return True


def _answers(address: str) -> bool:
    # A proxy of the user's shell has no business with the loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _keep_logs_small(folder: Path) -> None:
    for log in folder.glob("*.log"):
        if log.stat().st_size > LOG_SIZE_LIMIT:
            log.replace(log.with_name(log.name + ".1"))


def _welcome(installation: Installation, address: str, sites: Sequence[practice.PracticeSite]) -> None:
    log_in = (installation.run / "log_in").read_text()
    staff = (installation.run / "staff").read_text().splitlines()
    desks = [f"  {'Roles' if not number else '':<8}  {line}" for number, line in enumerate(staff)]
    warnings = [f"  ATTENTION  {line}" for line in (installation.run / "warnings").read_text().splitlines()]
    shops = [f"  Practice  {site.base_url}/ {site.name}, its switches {site.base_url}/panel" for site in sites]
    _say(
        f"""
Mamori is running; Ctrl-C stops it. Logs are in {_short(installation.log)}.

  Address   {address}
  Log in    {log_in}
{"".join(f"{line}{chr(10)}" for line in [*desks, *shops, *warnings])}
  Three first things to try
  1. Open {address}admin/ and look at orders, stock and books of the demo company.
  2. Buy something on a practice site; release and ship it in Mamori.
  3. Prove that everything agrees: {_short(Path(sys.executable))} manage.py verify
"""
    )


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
