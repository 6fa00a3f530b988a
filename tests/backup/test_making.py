"""``manage.py backup``: one whole file of one moment, or none, and a row that says how it ended."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone, translation

from erp.backup import archive, contents, leftovers
from erp.backup.exceptions import ProgramFailed
from erp.backup.programs import Database
from erp.core import backup_runs, signs
from erp.core.models import BackupRun, Department
from erp.core.version import VERSION
from tests.backup.stage import BY, empty_database, saved
from tests.runtime.families import family_of, heirs_in, wait_until_gone

# The dump sees what is committed.
pytestmark = pytest.mark.django_db(transaction=True)
Kind, State = BackupRun.Kind, BackupRun.State


def test_the_file_says_what_is_in_it_and_only_its_owner_can_read_it(tmp_path):
    Department.objects.create(code="D1", name="EC")
    path = tmp_path / "house.zip"

    made = saved(path)

    manifest, problems = archive.examine(path)
    assert problems == []
    assert manifest == made
    assert (manifest.mamori, manifest.database) == (VERSION, connection.settings_dict["NAME"])
    assert manifest.tables["public.core_department"].count == 1
    assert manifest.started_at <= manifest.ended_at
    assert ("core", "0001_initial") in manifest.migrations
    assert manifest.database_bytes > 1_000_000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["house.zip"]


def test_a_run_is_noted_with_what_it_saved(tmp_path):
    path = tmp_path / "house.zip"
    call_command("backup", str(path))

    run = BackupRun.objects.get()

    assert (run.kind, run.state, run.file, run.actor) == (Kind.BACKUP, State.DONE, str(path), "command:backup")
    assert (run.file_bytes, run.finished_at >= run.started_at) == (path.stat().st_size, True)
    assert run.row_count > 50


def test_an_existing_file_is_kept_unless_it_is_said_to_go(tmp_path):
    path = tmp_path / "house.zip"
    path.write_text("of yesterday")

    with pytest.raises(CommandError, match=r"house\.zip exists.*--force"):
        call_command("backup", str(path))
    assert path.read_text() == "of yesterday"
    assert not BackupRun.objects.exists()

    call_command("backup", str(path), force=True)
    assert archive.examine(path)[1] == []


def test_every_reason_against_a_backup_is_named_at_once(tmp_path, settings):
    settings.POSTGRES_BIN = str(fake_programs(tmp_path, "echo 'pg_dump (PostgreSQL) 9.6.1'"))

    with pytest.raises(CommandError) as refused:
        call_command("backup", str(tmp_path / "nowhere" / "house.zip"))

    assert "pg_dump only 9; name the folder of a newer one in POSTGRES_BIN" in str(refused.value)
    assert "nowhere does not exist" in str(refused.value)


def test_a_dump_that_fails_leaves_no_file_and_says_so(tmp_path, settings):
    script = (
        "case $1 in --version) echo 'pg_dump (PostgreSQL) 18.1';; *) echo half; echo 'no space left' >&2; exit 3;; esac"
    )
    settings.POSTGRES_BIN = str(fake_programs(tmp_path, script))
    folder = tmp_path / "backups"
    folder.mkdir()

    with pytest.raises(CommandError, match="no space left"):
        call_command("backup", str(folder / "house.zip"))

    assert list(folder.iterdir()) == []
    run = BackupRun.objects.get()
    assert (run.state, run.detail) == (State.FAILED, "ProgramFailed: pg_dump failed: no space left")


def fake_programs(tmp_path, script):
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "pg_dump").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "pg_dump").chmod(0o755)
    return folder


def test_what_is_written_while_it_runs_is_in_neither_the_dump_nor_the_manifest(tmp_path, monkeypatch):
    """The dump begins after the rows were counted; both see the same moment."""
    counted = contents.rows_per_table

    def count_and_write(session):
        found = counted(session)
        with Database.of_django().connect() as other:
            other.execute("INSERT INTO core_department (code, name) VALUES ('LATE', 'late')")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(contents, "rows_per_table", count_and_write)
        manifest = saved(tmp_path / "house.zip")

    assert Department.objects.filter(code="LATE").exists()
    assert manifest.tables["public.core_department"].count == 0
    with empty_database() as copy:
        from erp.backup import restoring

        restoring.fill(copy, tmp_path / "house.zip")
        with copy.connect() as session:
            assert contents.differences(manifest.tables, contents.rows_per_table(session)) == []


def test_making_one_holds_nobody_back(tmp_path, monkeypatch):
    """No transaction id is taken, so the change feed does not wait for a long dump."""
    from erp.core import changes

    counted, horizons = contents.rows_per_table, []

    def count_and_look(session):
        with Database.of_django().connect() as other:
            other.execute("INSERT INTO core_department (code, name) VALUES ('MEANWHILE', 'm')")
        horizons.append(changes.current_cursor().xid)
        return counted(session)

    with Database.of_django().connect() as session:
        before = session.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()[0]
    monkeypatch.setattr(contents, "rows_per_table", count_and_look)
    saved(tmp_path / "house.zip")

    assert horizons[0] > before + 1


HALF_WRITTEN = """
import django, os, signal, sys, time
django.setup()
from pathlib import Path
from django.utils import timezone
from erp.backup import archive, making
from erp.core.actors import Actor
write_dump = archive.Writer.write_dump

def write_and_wait(writer, chunks):
    written = write_dump(writer, chunks)
    print("half", flush=True)
    time.sleep(600)
    return written

archive.Writer.write_dump = write_and_wait
making.make_backup(path=Path(sys.argv[1]), replaces=True, clock=timezone.now, by=Actor.command("backup"))
"""


@pytest.mark.parametrize("with_its_heir", [False, True], ids=["alone", "with its heir"])
def test_a_backup_that_is_killed_halfway_leaves_no_file_and_the_one_of_before(tmp_path, with_its_heir):
    folder = tmp_path / "backups"
    folder.mkdir()
    path = folder / "house.zip"
    path.write_text("of yesterday")
    environment = os.environ | {
        "DATABASE_URL": Database.of_django().url, "DEBUG": "true", "SECRET_KEY": "x" * 50, "DJANGO_SETTINGS_MODULE": "erp.settings",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WRITTEN, str(path)], env=environment, stdout=subprocess.PIPE, text=True
    )
    with contextlib.ExitStack() as at_the_end:
        at_the_end.enter_context(process.stdout)
        at_the_end.callback(process.kill)
        assert process.stdout.readline() == "half\n"
        family = family_of(process.pid)
        [half] = folder.glob(f".house.zip.*{archive.PART}")
        assert archive.examine(half)[0] is None, "a half is no backup, whatever name somebody gives it"
        for heir in heirs_in(family) if with_its_heir else []:
            heir.kill()
        process.kill()
        process.wait()
        wait_until_gone(family)

    assert half.exists() == with_its_heir
    assert path.read_text() == "of yesterday"
    run = BackupRun.objects.get()
    assert (run.state, backup_runs.is_killed(run)) == (State.RUNNING, True)
    with translation.override("ja"):
        [reading] = signs._backup(timezone.now())
    assert "中断しました。途中で強制終了されました。ファイルはできておらず" in reading.found

    leftovers.clear_up(at=timezone.now(), by=BY)

    assert [each.name for each in folder.iterdir()] == ["house.zip"]
    run.refresh_from_db()
    assert (run.state, run.leaves) == (State.BROKEN_OFF, "")


def test_what_was_killed_with_its_heir_is_removed_by_the_next_backup_in_its_folder(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from erp.backup import archive\n"
        "with archive.new_file(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush()\n"
        "    os.system('kill -9 $(pgrep -P %d)' % os.getpid()); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "erp.settings"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.zip")], env=environment, check=False)
    [left] = tmp_path.iterdir()
    assert left.name.startswith(".a.zip.")

    saved(tmp_path / "b.zip")

    assert [each.name for each in tmp_path.iterdir()] == ["b.zip"]


def test_a_database_of_the_version_before_can_be_saved_before_the_update(tmp_path):
    """The table of runs may not be there yet: then nothing is noted, and the backup is made."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_backuprun RENAME TO of_later")
    try:
        manifest = saved(tmp_path / "house.zip")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE of_later RENAME TO core_backuprun")

    assert manifest.run_id is None
    assert archive.examine(tmp_path / "house.zip")[1] == []


def test_an_empty_database_has_nothing_to_save(tmp_path):
    with empty_database() as empty:
        environment = os.environ | {"DATABASE_URL": empty.url, "DEBUG": "true", "SECRET_KEY": "x" * 50}
        command = [sys.executable, "manage.py", "backup", str(tmp_path / "house.zip")]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (ended.returncode, list(tmp_path.iterdir())) == (1, [])
    assert "nothing to back up" in ended.stderr


def test_a_program_that_is_not_there_is_named(settings, tmp_path):
    settings.POSTGRES_BIN = str(tmp_path)

    with pytest.raises(ProgramFailed, match="pg_dump cannot be run"):
        saved(tmp_path / "house.zip")
