"""The command a newcomer types first, with real processes: a second one, Ctrl-C, kill -9, a crash of the database."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from erp.back_office.roles import ROLES
from erp.runtime import checks, leash, postgres
from erp.runtime.installation import PROJECT
from tests.runtime.families import commands_of, family_of, wait_until, wait_until_gone

pytestmark = pytest.mark.xdist_group("make run")
SUPERVISOR = [sys.executable, "-m", "erp.runtime.supervisor"]
SMALL_DEMO, NO_DEMO = {"MAMORI_DEMO_ORDERS": "60"}, {"MAMORI_DEMO": "false"}


class Instance:
    """A running ``make run`` and what it has printed."""

    def __init__(self, var: Path, demo: dict[str, str]) -> None:
        self.var = var
        self.printed = var.with_name(var.name + ".out")
        with self.printed.open("wb") as output:
            self.process = leash.start([*SUPERVISOR, "run"], cwd=PROJECT, env=environment(var) | demo, output=output)

    @property
    def text(self) -> str:
        return self.printed.read_text()

    def wait_until_ready(self) -> str:
        """The address it printed."""

        def address() -> str | None:
            assert self.process.poll() is None, self.text
            found = re.search(r"Address +(http://\S+/)", self.text)
            return found[1] if found else None

        return wait_until(address, timeout_s=120)


def environment(var: Path) -> dict[str, str]:
    named = {"DATABASE_URL", "REDIS_URL", *re.findall(r"^# ([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.M)}
    kept = {name: value for name, value in os.environ.items() if name not in named}
    return kept | {"MAMORI_VAR": str(var), "MAMORI_ENV_FILE": ""}


@contextmanager
def make_run(var: Path, demo: dict[str, str]):
    instance = Instance(var, demo)
    try:
        yield instance
    finally:
        if instance.process.poll() is None:
            family = family_of(instance.process.pid)
            instance.process.send_signal(signal.SIGINT)
            instance.process.wait(timeout=60)
            wait_until_gone(family)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with make_run(tmp_path_factory.mktemp("installation") / "var", SMALL_DEMO) as instance:
        instance.wait_until_ready()
        yield instance


def get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def supervisor(command: str, var: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SUPERVISOR, command], cwd=PROJECT, env=environment(var), capture_output=True, text=True, timeout=120
    )


def test_it_says_where_it_is_how_to_log_in_and_what_to_try(running):
    address = running.wait_until_ready()
    password = (running.var / "admin_password").read_text().strip()

    assert f"user admin, password {password}" in running.text
    assert len(re.findall(r"^  [123]\. ", running.text, re.M)) == 3
    status, told = get(f"{address}readyz")
    assert (status, json.loads(told)["checks"]) == (200, {"database": "ok", "broker": "ok"})
    assert "ログイン" in get(f"{address}admin/login/")[1]


def test_connections_that_browsers_and_sites_keep_open_shut_nobody_out(running):
    host = urllib.parse.urlsplit(running.wait_until_ready()).netloc

    with ExitStack() as kept:
        for _number in range(50):
            connection = kept.enter_context(closing(http.client.HTTPConnection(host, timeout=10)))
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, answer.will_close) == (200, False)


def test_somebody_in_every_role_can_log_in(running):
    running.wait_until_ready()

    told = dict(re.findall(r"^ +(?:Roles +)?([a-z]+) +\S{12}  (\S+)$", running.text, re.M))

    assert told == {role.login: role.name for role in ROLES}
    password = (running.var / "practice_password_soko").read_text().strip()
    assert f"soko    {password}  倉庫" in running.text


def test_two_practice_sites_are_joined_to_a_new_company(running):
    running.wait_until_ready()

    shops = re.findall(r"Practice +(http://\S+)/ (練習ストア \S+),", running.text)

    assert [name for _address, name in shops] == ["練習ストア 表参道", "練習ストア 心斎橋"]
    offered = [get(f"{address}/")[1] for address, _name in shops]
    assert ["天竺クルーネックTシャツ" in page for page in offered] == [True, False]
    assert ["ヘビーウェイトTシャツ" in page for page in offered] == [False, True]
    assert all("操作パネル" in get(f"{address}/panel")[1] for address, _name in shops)
    commands = [" ".join(command) for command in commands_of(running.process.pid)]
    assert len([command for command in commands if "ec_gateway.sandbox" in command]) == 2


def test_the_demo_company_is_there_and_stays_as_it_is(running):
    running.wait_until_ready()

    again = subprocess.run(
        [sys.executable, "manage.py", "demo"], cwd=PROJECT, env=environment(running.var), capture_output=True, text=True, timeout=60
    )  # fmt: skip

    assert "Loading the demo company" in running.text
    assert re.match(r"The demo company is here: 60 orders up to [-0-9]+, seed 1\. Nothing was changed\.$", again.stdout)


def test_secrets_and_data_belong_to_their_owner_only(running):
    running.wait_until_ready()

    readable = [path for path in (running.var, *running.var.rglob("*")) if not path.is_symlink()]
    assert [path for path in readable if path.stat().st_mode & 0o077 and "static" not in path.parts] == []


def test_a_second_one_says_in_one_line_what_already_runs(running):
    address = running.wait_until_ready()

    second = supervisor("run", running.var)

    assert second.returncode == 0
    assert second.stdout == f"Mamori already runs: {address} (pid {running.process.pid}). `make stop` stops it.\n"
    assert get(f"{address}healthz")[0] == 200


def test_manage_py_borrows_the_running_database(running):
    running.wait_until_ready()

    asked = subprocess.run(
        [sys.executable, "manage.py", "showmigrations", "sessions"],
        cwd=PROJECT,
        env=environment(running.var),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert asked.returncode == 0, asked.stderr
    assert "[X] 0001_initial" in asked.stdout


def test_a_job_reaches_the_worker(running):
    running.wait_until_ready()
    send = "from erp.celery import app; import erp.jobs; erp.jobs.run_job.delay(name='sessions')"

    sent = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", send],
        cwd=PROJECT,
        env=environment(running.var),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert sent.returncode == 0, sent.stderr
    worker_log = running.var / "log" / "worker.log"
    wait_until(lambda: re.search(r"erp\.jobs\.run_job.*succeeded|task_succeeded", worker_log.read_text()), timeout_s=30)
    assert all(json.loads(line) for line in worker_log.read_text().splitlines() if line.startswith("{"))


def test_a_crash_of_the_database_is_survived(running):
    address = running.wait_until_ready()
    (server,) = [each for each in family_of(running.process.pid) if f"{running.var}/postgresql" in each.cmdline()]

    server.kill()

    wait_until_gone([server])
    wait_until(lambda: get_or_none(f"{address}readyz") == 200, timeout_s=90)
    assert "PostgreSQL has ended; starting it again" in running.text


@pytest.mark.slow
def test_kill_9_leaves_no_process_and_the_next_start_takes_over_with_all_data(tmp_path):
    var = tmp_path / "var"
    modes = {path: path.stat().st_mode for path in (*tmp_path.parents, *PROJECT.parents)}
    with make_run(var, NO_DEMO) as first:
        address = first.wait_until_ready()
        password = (var / "admin_password").read_text()
        with psycopg.connect(f"postgresql://mamori@/mamori?host={var}/run") as session:
            session.execute("CREATE TABLE kept (n int)")
            session.execute("INSERT INTO kept VALUES (1)")
        family = family_of(first.process.pid)
        assert len(family) > 10

        first.process.kill()

        first.process.wait()
        wait_until_gone(family)

    with make_run(var, NO_DEMO) as second:
        # The same port too, because nothing else took it.
        assert second.wait_until_ready() == address
        assert f"Taking over from make run (pid {first.process.pid})" in second.text
        assert (var / "admin_password").read_text() == password
        with psycopg.connect(f"postgresql://mamori@/mamori?host={var}/run") as session:
            assert session.execute("SELECT n FROM kept").fetchall() == [(1,)]
        family = family_of(second.process.pid)
        stopped = supervisor("stop", var)
        assert stopped.stdout == f"Mamori (pid {second.process.pid}) has stopped.\n"
        assert second.process.wait(timeout=30) == 0
        wait_until_gone(family)

    assert {path: path.stat().st_mode for path in modes} == modes
    assert supervisor("stop", var).stdout == "Mamori does not run here.\n"


def test_a_killed_gateway_worker_is_started_again(running):
    running.wait_until_ready()
    mark = running.var / "run" / "gateway_is_ready"
    assert mark.exists()
    mark.unlink()
    [worker] = [each for each in psutil.Process(running.process.pid).children() if "gateway@%h" in each.cmdline()]

    worker.kill()

    wait_until(mark.exists, timeout_s=60)


@pytest.mark.parametrize("victim", ["granian", "house@%h"])
def test_a_killed_server_leaves_none_of_its_workers_and_is_started_again(running, victim):
    address = running.wait_until_ready()
    head = next(each for each in psutil.Process(running.process.pid).children() if victim in each.cmdline())
    family = wait_until(lambda: len(family_of(head.pid)) > 1 and family_of(head.pid))

    head.kill()

    wait_until_gone(family)
    wait_until(lambda: get_or_none(f"{address}readyz") == 200, timeout_s=60)


def get_or_none(address: str) -> int | None:
    try:
        return get(address)[0]
    except OSError:
        return None


def test_servers_named_by_the_environment_are_used_instead(tmp_path):
    with postgres.throw_away_cluster() as cluster:
        with psycopg.connect(cluster.url) as session:
            session.execute("CREATE TABLE only_there (id int PRIMARY KEY)")
        named = environment(tmp_path / "var") | {"DATABASE_URL": cluster.url, "DEBUG": "true"}
        asked = subprocess.run(
            [sys.executable, "manage.py", "inspectdb", "only_there"],
            cwd=PROJECT,
            env=named,
            capture_output=True,
            text=True,
        )

    assert "class OnlyThere(models.Model)" in asked.stdout
    assert not (tmp_path / "var" / "postgresql").exists()


def test_a_failing_check_names_itself_and_stops_the_run(capfd):
    failing = checks.Check("something untrue", ["no_such_module"])
    never = checks.Check("never reached", ["platform"])

    status = checks.run_until_one_fails([failing, never], dict(os.environ))

    printed = capfd.readouterr().out
    assert status == 1
    assert "[1/2] something untrue: FAILED" in printed
    assert "never reached" not in printed
