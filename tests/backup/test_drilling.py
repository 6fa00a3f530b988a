"""``manage.py restore --drill``: the backup is tried on a copy, and nothing else changes, whatever becomes of the drill."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from erp.backup import archive, contents, copies, drilling, leftovers, noting, restoring
from erp.backup.programs import Database
from erp.core import backup_runs, health, signs
from erp.core.models import BackupRun, FeedEpoch
from erp.runtime.installation import PROJECT
from tests.backup.stage import BY, house, saved
from tests.runtime.families import commands_of, family_of, heirs_in, wait_until, wait_until_gone

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backup(tmp_path):
    house()
    path = tmp_path / "house.zip"
    saved(path)
    return path


def databases() -> set[str]:
    with Database.of_django().connect() as session:
        return {row[0] for row in session.execute("SELECT datname FROM pg_database")}


def rows() -> dict[str, contents.Rows]:
    with Database.of_django().connect() as session:
        found = contents.rows_per_table(session)
    # The drill notes that it took place.
    return {name: each for name, each in found.items() if name != "public.core_backuprun"}


def drilled(path, **options) -> str:
    said = StringIO()
    call_command("restore", str(path), drill=True, stdout=said, no_color=True, **options)
    return said.getvalue()


def test_a_good_backup_passes_and_only_the_note_of_it_remains(backup):
    before, there = rows(), databases()

    told = drilled(backup, on_server=True)

    assert "P5   帳簿の封印(ハッシュ)が一致する: 1 rows, OK".replace("   ", " ") in told.replace("   ", " ")
    assert "0 faults" in told.splitlines()[-1]
    assert "the copy is removed" in told
    assert (rows(), databases(), FeedEpoch.objects.count()) == (before, there, 1)
    run = BackupRun.objects.get(kind="DRILL")
    assert (run.state, run.faults, run.file) == ("DONE", [], str(backup))
    assert run.row_count == archive.examine(backup)[0].row_count


@pytest.mark.slow
def test_a_drill_has_a_server_of_its_own_and_leaves_nothing_of_it(backup):
    assert "0 faults" in drilled(backup).splitlines()[-1]


@pytest.mark.slow
def test_a_copy_that_is_not_what_was_saved_fails_the_drill(backup, monkeypatch):
    """A value that changes on the way: as many rows, and one of them another."""

    fill = restoring.fill

    def fill_and_spoil(copy, path):
        fill(copy, path)
        with copy.connect() as session:
            session.execute("UPDATE core_channel SET name = 'spoilt'")
            session.execute("UPDATE inventory_stockbalance SET allocated = allocated + 1 WHERE on_hand > allocated")

    monkeypatch.setattr(restoring, "fill", fill_and_spoil)
    said = StringIO()

    with pytest.raises(SystemExit, match="1"):
        call_command("restore", str(backup), drill=True, on_server=True, stdout=said, no_color=True)

    assert "public.core_channel has 1 rows as it should, but with other values" in said.getvalue()
    run = BackupRun.objects.get(kind="DRILL")
    assert run.state == "FAILED"
    assert any(fault.startswith("P2 ") for fault in run.faults)


def test_a_drill_that_breaks_off_removes_its_copy_and_says_why(backup, monkeypatch):
    there = databases()
    monkeypatch.setattr(drilling, "_manage", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        drilled(backup, on_server=True)

    assert databases() == there
    run = BackupRun.objects.get(kind="DRILL")
    assert (run.state, run.detail) == ("FAILED", "ZeroDivisionError: division by zero")


def test_what_a_killed_drill_left_is_removed_by_the_next_one_and_a_living_drill_is_left_alone():
    here = Database.of_django()
    with here.connect() as session:
        killed = f"{copies.PREFIX}{copies._mark_of(session)}_killed"
        session.execute(f"CREATE DATABASE {killed} TEMPLATE template0")
    with copies.on_server_of(here) as living:
        assert killed not in databases()
        with copies.on_server_of(here) as other:
            assert {living.database.name, other.database.name} <= databases()
    assert {name for name in databases() if name.startswith(copies.PREFIX)} == set()


def test_the_drill_of_another_company_on_the_same_server_is_none_of_ours():
    """Its lock is one of its own database and cannot be seen from here."""
    here, theirs = Database.of_django(), f"{copies.PREFIX}another"
    with here.connect() as session:
        session.execute(f"CREATE DATABASE {theirs} TEMPLATE template0")
        try:
            assert copies.clear_what_others_left(session) == 0
            assert theirs in databases()
        finally:
            session.execute(f"DROP DATABASE {theirs}")


@pytest.mark.slow
def test_a_leftover_that_is_still_worked_in_is_left_for_the_next_look():
    here = Database.of_django()
    with here.connect() as session:
        killed = f"{copies.PREFIX}{copies._mark_of(session)}_killed"
        session.execute(f"CREATE DATABASE {killed} TEMPLATE template0")
        with here.named(killed).connect():
            assert copies.clear_what_others_left(session) == 0
        wait_until(lambda: copies.clear_what_others_left(session) == 1, timeout_s=30)
        assert killed not in databases()


def test_a_backup_that_needs_more_room_than_there_is_is_refused(backup, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1 << 20}))

    with pytest.raises(CommandError, match="set TMPDIR, or use --on-server"):
        drilled(backup)


def test_a_run_whose_process_is_gone_is_broken_off_and_a_living_one_is_not(tmp_path):
    with noting.noted(BackupRun.Kind.DRILL, tmp_path / "a.zip", clock=timezone.now, by=BY) as living:
        dead = backup_runs.begin(kind=BackupRun.Kind.DRILL, file="b.zip", at=timezone.now(), by=BY)
        assert not backup_runs.is_killed(BackupRun.objects.get(pk=living.run_id))
        assert backup_runs.is_killed(dead)

        leftovers.clear_up(at=timezone.now(), by=BY)

        assert dict(BackupRun.objects.values_list("pk", "state")) == {living.run_id: "RUNNING", dead.pk: "BROKEN_OFF"}
    assert BackupRun.objects.get(pk=living.run_id).state == "DONE"


@contextlib.contextmanager
def running_drill(backup) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process], Path]]:
    """A drill by the command, on a server of its own, that is verifying its copy: the process, its family, and the folder of the copy."""
    environment = os.environ | {"DATABASE_URL": Database.of_django().url, "DEBUG": "true", "SECRET_KEY": "x" * 50}
    command = [sys.executable, "manage.py", "restore", str(backup), "--drill"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        wait_until(lambda: "verifying" in process.stdout.readline(), timeout_s=120)
        server = next(command for command in commands_of(process.pid) if "-D" in command)
        data_dir = Path(server[server.index("-D") + 1])
        assert (data_dir / "PG_VERSION").exists()
        yield process, family_of(process.pid), data_dir
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def folder_of_the_copy() -> Path:
    machine, _colon, folder = BackupRun.objects.get(kind="DRILL").leaves.partition(":")
    assert machine == socket.gethostname()
    return Path(folder)


@pytest.mark.slow
def test_a_drill_that_is_killed_halfway_changes_nothing_and_its_copy_is_gone_at_once(backup):
    before = rows()
    with running_drill(backup) as (process, family, data_dir):
        folder = folder_of_the_copy()
        assert folder.exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until_gone(family)

    # Nobody looked yet, and no customer lies about any more.
    assert not folder.exists()
    assert not data_dir.exists()
    assert rows() == before
    run = BackupRun.objects.get(kind="DRILL")
    assert (run.state, backup_runs.is_killed(run)) == ("RUNNING", True)
    with translation.override("ja"):
        [reading] = signs._drill(timezone.now())
    assert reading.state is health.State.TROUBLE
    assert "中断しました。途中で強制終了されました。写しは消え、本番のデータは変わっていません。" in reading.found

    leftovers.clear_up(at=timezone.now(), by=BY)

    run.refresh_from_db()
    assert (run.state, run.finished_at is None, run.leaves) == ("BROKEN_OFF", False, "")


@pytest.mark.slow
def test_a_drill_that_is_killed_with_its_heir_is_cleared_by_the_next_look_wherever_its_copy_lies(
    backup, monkeypatch, tmp_path_factory
):
    """Like a power cut; and the drill had a temporary folder of its own, which nobody else looks into."""
    elsewhere = tmp_path_factory.mktemp("e")
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    with running_drill(backup) as (process, family, data_dir):
        folder = folder_of_the_copy()
        assert folder.parent == elsewhere
        heirs = heirs_in(family)
        leftovers.clear_up(at=timezone.now(), by=BY)
        assert data_dir.exists(), "a drill that lives is left alone"
        for heir in heirs:
            heir.kill()
        process.kill()
        process.wait()
        wait_until_gone(family)
    assert folder.exists()

    told = leftovers.clear_up(at=timezone.now(), by=BY)

    assert told == "1 broken off, 1 cleared"
    assert not folder.exists()
    assert not data_dir.exists()
    assert BackupRun.objects.get(kind="DRILL").state == "BROKEN_OFF"


@pytest.mark.slow
def test_the_copy_on_the_live_server_of_a_killed_drill_goes_with_the_next_look(backup):
    environment = os.environ | {"DATABASE_URL": Database.of_django().url, "DEBUG": "true", "SECRET_KEY": "x" * 50}
    command = [sys.executable, "manage.py", "restore", str(backup), "--drill", "--on-server"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)
    with process.stdout:
        wait_until(lambda: "verifying" in process.stdout.readline(), timeout_s=120)
        family = family_of(process.pid)
        assert any(name.startswith(copies.PREFIX) for name in databases())
        process.kill()
        process.wait()
        wait_until_gone(family)

    wait_until(lambda: leftovers.clear_up(at=timezone.now(), by=BY).endswith(" 1 cleared"), timeout_s=30)

    assert not any(name.startswith(copies.PREFIX) for name in databases())
    assert BackupRun.objects.get(kind="DRILL").state == "BROKEN_OFF"
