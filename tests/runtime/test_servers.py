import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from django.db import connection

from erp.runtime import leash, postgres, quarters, scratch, valkey
from erp.runtime.installation import PROJECT
from tests.runtime.families import family_of, heirs_in, wait_until, wait_until_gone


@pytest.mark.django_db
def test_tests_run_on_postgresql_as_an_ordinary_role_with_the_extensions_we_need():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name IN ('pg_trgm', 'btree_gist')")
        assert cursor.fetchone() == (2,)
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


@pytest.mark.parametrize("as_whom", ["usual", pytest.param("unprivileged", marks=pytest.mark.slow)])
def test_a_durable_cluster_keeps_what_was_committed_before_kill_9(as_whom):
    if as_whom == "unprivileged" and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    identity = quarters.unprivileged_identity() if as_whom == "unprivileged" else None
    with postgres.throw_away_cluster(durable=True, identity=identity) as cluster:
        with psycopg.connect(cluster.url) as session:
            assert session.execute("SHOW fsync").fetchone() == ("on",)
            assert session.execute("SELECT current_setting('is_superuser')").fetchone() == ("off",)
            session.execute("CREATE TABLE kept (n int)")
            session.execute("INSERT INTO kept VALUES (1)")
        cluster.kill_9()
        assert not cluster.is_running()

        cluster.start()

        with psycopg.connect(cluster.url) as session:
            assert session.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_a_broker_keeps_its_messages_through_a_restart():
    with valkey.throw_away_broker() as broker:
        with redis.from_url(broker.url) as client:
            client.rpush("queue", "message")
        broker.stop()
        broker.start()
        with redis.from_url(broker.url) as client:
            assert client.lrange("queue", 0, -1) == [b"message"]


HOLD_SERVERS = """
import sys
from erp.runtime import postgres, valkey
with postgres.throw_away_cluster(durable=True) as cluster, valkey.throw_away_broker() as broker:
    print(cluster.pid, broker.pid, cluster.data_dir.parent, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holder_of_servers(folder: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], Path, list[psutil.Process]]]:
    """A process of its own with both servers, their folder, and its whole family. Killed at the end, if not before. ``folder`` is where it has
    its temporary files."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_SERVERS],
        cwd=PROJECT,
        env=os.environ | ({} if folder is None else {"TMPDIR": str(folder)}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    postgres_pid, broker_pid, used = holder.stdout.readline().split()
    family = family_of(holder.pid)
    assert {int(postgres_pid), int(broker_pid)} <= {process.pid for process in family}
    try:
        yield holder, Path(used), family
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
        wait_until_gone(family)


def test_servers_die_with_a_holder_that_is_killed_and_its_heirs_clear_its_folders_at_once():
    with holder_of_servers() as (_holder, folder, family):
        assert len(heirs_in(family)) == 2
        assert (folder / "data" / "PG_VERSION").exists() or (folder / "data.elsewhere").exists()

    # Nobody looked: the heirs are part of the family whose end was waited for.
    assert not folder.exists()


@pytest.fixture
def nobody_elses(monkeypatch):
    """A place for temporary files where no other test clears up, with a name short enough for sockets."""
    place = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    shutil.rmtree(place)


def test_where_the_heirs_were_killed_as_well_the_next_one_clears_the_folders(nobody_elses):
    with holder_of_servers(nobody_elses) as (_holder, folder, family):
        for process in heirs_in(family):
            process.kill()
        scratch.clear_what_others_left()
        assert folder.exists(), "its user lives"

    assert folder.exists()
    with scratch.folder():
        assert not folder.exists()


def test_what_lives_elsewhere_goes_with_the_folder(tmp_path):
    elsewhere = tmp_path / "mamori-elsewhere"
    (elsewhere / "data").mkdir(parents=True)
    with scratch.folder() as folder:
        (folder / "data.elsewhere").write_text(str(elsewhere))

    assert not elsewhere.exists()


def test_a_child_whose_parent_is_gone_before_the_leash_is_on_does_not_start():
    arguments = ["-I", "-S", leash.__file__, "999999999", str(int(signal.SIGKILL)), leash.SAME_USER, "echo", "started"]

    late = subprocess.run([sys.executable, *arguments], capture_output=True)

    assert late.returncode == -signal.SIGKILL
    assert late.stdout == b""


def test_a_child_of_a_background_job_can_still_be_stopped():
    # A shell without a terminal lets its background jobs ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = leash.start(["sleep", "60"])
    finally:
        signal.signal(signal.SIGINT, before)
    wait_until(lambda: psutil.Process(child.pid).name() == "sleep")

    child.send_signal(signal.SIGINT)

    assert child.wait(timeout=10) == -signal.SIGINT


def test_no_permission_outside_the_data_folder_changes(tmp_path):
    private = tmp_path / "private"
    data_dir = private / "deeper" / "data"
    data_dir.parent.mkdir(parents=True, mode=0o700)
    private.chmod(0o700)
    watched = [*data_dir.parents, *postgres.binaries().parents, postgres.binaries() / "postgres"]
    before = {path: (path.stat().st_mode, path.stat().st_uid) for path in watched}

    with postgres.Cluster(data_dir, durable=False) as cluster:
        psycopg.connect(cluster.url).close()

    assert {path: (path.stat().st_mode, path.stat().st_uid) for path in watched} == before
    assert data_dir.stat().st_mode & 0o077 == 0
    assert not [
        process for process in psutil.process_iter(["cmdline"]) if str(data_dir) in (process.info["cmdline"] or [])
    ]


def test_a_data_folder_made_half_is_made_again(tmp_path):
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18")

    with postgres.Cluster(tmp_path / "data", durable=False) as cluster:
        psycopg.connect(cluster.url).close()


def test_a_number_left_by_a_dead_server_may_belong_to_somebody_else_now(tmp_path):
    with postgres.Cluster(tmp_path / "data", durable=False) as cluster:
        cluster.kill_9()
        pid_file = tmp_path / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")

        postgres.clear_away_the_last_server(tmp_path / "data")
        cluster.start()

        psycopg.connect(cluster.url).close()
