"""``manage.py restore``: all of a backup, guards and numbers included, or nothing; and always a new epoch of the change feed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone, translation

from accounting.services import seal_entries
from erp.backup import archive, contents, leftovers, restoring
from erp.backup.exceptions import ProgramFailed
from erp.backup.making import key_check
from erp.backup.programs import Database
from erp.core import backup_runs, changes, health, signs
from erp.core.models import BackupRun, ChangeRow, Department, FeedEpoch, VerifyRun
from erp.orders.models import Order
from erp.runtime import prepare
from erp.runtime.installation import PROJECT
from tests.backup.stage import (
    BY,
    NOON,
    damaged,
    empty_database,
    house,
    restored_over,
    saved,
    schema,
    sequences,
    without_casts,
)
from tests.runtime.families import family_of, wait_until, wait_until_gone

# What a session writes is seen by others when it is committed.
pytestmark = pytest.mark.django_db(transaction=True)
NOW = {"reason": "test", "at": NOON}


@pytest.fixture
def backup(tmp_path):
    """Of a house with goods, orders, books that are sealed, and changes that were announced."""
    house()
    path = tmp_path / "house.zip"
    saved(path)
    return path


def manifest_of(path):
    return archive.examine(path)[0]


def rows(database):
    with database.connect() as session:
        return contents.rows_per_table(session)


# --- All of it --------------------------------------------------------------------------------------------------------


def test_a_copy_has_the_same_schema_the_same_rows_and_the_same_numbers(backup):
    here = Database.of_django()
    with empty_database() as copy:
        restoring.restore(copy, backup, manifest_of(backup), **NOW)

        assert without_casts(schema(copy)) == without_casts(schema(here))
        assert contents.differences(rows(here), rows(copy)) == [
            # The row of the backup itself has been finished since, and the epoch is what a restore adds.
            "public.core_backuprun has 1 rows as it should, but with other values",
            "public.core_feedepoch has 2 rows instead of 1",
        ]
        assert sequences(copy) == sequences(here)
        with copy.connect() as session:
            assert session.execute("SELECT count(*) FROM core_changerow").fetchone()[0] == ChangeRow.objects.count() > 0


def test_the_guards_of_the_copy_refuse_what_those_of_the_original_do(backup):
    with empty_database() as copy:
        restoring.restore(copy, backup, manifest_of(backup), **NOW)
        with copy.connect() as session:
            # What tests may do to their own database, nobody may do to this one.
            session.execute("SET mamori.allow_truncate = off")
            for refused in (
                "TRUNCATE accounting_journalentry CASCADE",
                "UPDATE accounting_journalentry SET number = number || 'x'",
                "DELETE FROM inventory_stockmovement",
                "DELETE FROM core_feedepoch",
            ):
                with pytest.raises(psycopg.errors.RestrictViolation):
                    session.execute(refused)
            with pytest.raises(psycopg.errors.CheckViolation):
                session.execute("UPDATE inventory_stockbalance SET allocated = on_hand + 1")
            with pytest.raises(psycopg.errors.GeneratedAlways):
                session.execute("UPDATE inventory_stockbalance SET unclaimed = 1")
            # A generated column is computed, and a change of a master lands in the audit trail.
            session.execute("UPDATE inventory_stockbalance SET on_hand = on_hand + 3, allocated = allocated + 1")
            assert session.execute(
                "SELECT bool_and(unclaimed = on_hand - allocated) FROM inventory_stockbalance"
            ).fetchone()[0]
            before = session.execute("SELECT count(*) FROM core_auditrow").fetchone()[0]
            session.execute("UPDATE core_channel SET name = name || '!'")
            assert session.execute("SELECT count(*) FROM core_auditrow").fetchone()[0] == before + 1


def test_a_month_of_the_copy_has_its_partition(backup):
    with empty_database() as copy:
        restoring.restore(copy, backup, manifest_of(backup), **NOW)
        with copy.connect() as session:
            found = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'core_changerow'::regclass"
            with connection.cursor() as cursor:
                cursor.execute(found)
                assert session.execute(found).fetchone() == cursor.fetchone()


def test_a_restore_replaces_what_was_there_and_verifies_it(backup):
    Department.objects.create(code="LOST", name="of after the backup")
    orders = set(Order.objects.values_list("external_id", flat=True))
    Order.objects.update(customer_note="changed since")

    said = restored_over(backup)

    assert said.rstrip().endswith("0 faults")
    assert not Department.objects.filter(code="LOST").exists()
    assert set(Order.objects.values_list("external_id", flat=True)) == orders
    assert not Order.objects.filter(customer_note="changed since").exists()
    assert VerifyRun.objects.get().faults == []


def test_the_restored_house_knows_its_backup_and_its_restore(backup):
    restored_over(backup)

    runs = list(BackupRun.objects.order_by("pk").values_list("kind", "state", "file"))
    assert runs == [("BACKUP", "DONE", str(backup)), ("RESTORE", "DONE", str(backup))]
    assert BackupRun.objects.first().finished_at == manifest_of(backup).ended_at


def test_books_can_be_sealed_and_verified_after_a_restore(backup):
    restored_over(backup)

    seal_entries(at=timezone.now(), by=BY)
    call_command("verify")


# --- Epochs and numbers -----------------------------------------------------------------------------------------------


def test_every_restore_begins_an_epoch_that_no_other_life_had(backup):
    first = changes.current_cursor()
    restored_over(backup)
    second = changes.current_cursor()
    with pytest.raises(changes.CursorExpired):
        changes.read(first)

    restored_over(backup)

    with pytest.raises(changes.CursorExpired):
        changes.read(second)
    assert changes.current_cursor().epoch > second.epoch > first.epoch
    assert FeedEpoch.objects.count() == 2
    assert FeedEpoch.objects.latest("pk").reason.startswith("restored the backup of 20")


@pytest.mark.slow
def test_lives_that_know_nothing_of_each_other_do_not_share_an_epoch(backup):
    """The same backup restored on two days into empty servers: a cursor of the first must not hold in the second."""
    epochs = []
    for day in (23, 24):
        with empty_database() as copy:
            restoring.restore(copy, backup, manifest_of(backup), reason="test", at=NOON.replace(day=day))
            with copy.connect() as session:
                epochs.append(session.execute("SELECT max(id) FROM core_feedepoch").fetchone()[0])

    assert epochs[0] < epochs[1]


def test_no_number_is_given_twice_although_the_backup_does_not_know_it(backup):
    before = sequences(Database.of_django())
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('core_number_order') FROM generate_series(1, 5)")
        given = max(row[0] for row in cursor.fetchall())

    restored_over(backup)

    after = sequences(Database.of_django())
    assert given == after["core_number_order"] > before["core_number_order"]
    assert {name for name, value in before.items() if value and after[name] < value} == set()


def test_transaction_numbers_of_a_younger_server_are_raised_first():
    told: list[int] = []
    with Database.of_django().connect() as session:
        now = session.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()[0]
        restoring.raise_transaction_numbers(session, beyond=now + 120_000, tell=told.append)
        after = session.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()[0]

        assert now + 120_000 < after < now + 121_000
        assert told == sorted(told, reverse=True)
        assert len(told) == 3
        told.clear()
        restoring.raise_transaction_numbers(session, beyond=now, tell=told.append)
        assert told == []


# --- Nothing of it ----------------------------------------------------------------------------------------------------


def refusal(path, **options) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("restore", str(path), **options)
    return str(refused.value)


def test_a_database_that_is_not_empty_is_kept_unless_it_is_said_to_go(backup):
    assert "is not empty" in refusal(backup)
    # Nobody is at the keyboard to confirm it.
    assert "--yes" in refusal(backup, replace=True)
    assert Order.objects.exists()


def test_whoever_types_another_name_has_not_confirmed(backup, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: "mamori?")

    assert "not confirmed" in refusal(backup, replace=True)
    assert FeedEpoch.objects.count() == 1


def test_every_reason_against_a_restore_is_named_at_once(backup, tmp_path):
    with zipfile.ZipFile(backup) as source, zipfile.ZipFile(tmp_path / "newer.zip", "w") as newer:
        manifest = json.loads(source.read(archive.MANIFEST))
        manifest["migrations"] += [["core", "0099_of_later"], ["loyalty", "0001_initial"]]
        manifest["server"] = 99
        newer.writestr(archive.DUMP, source.read(archive.DUMP) + b"more")
        newer.writestr(archive.MANIFEST, json.dumps(manifest))

    with Database.of_django().connect():
        told = refusal(tmp_path / "newer.zip")

    for reason in (
        "its dump has", "the checksum differs", "core.0099_of_later, loyalty.0001_initial", "this server is 18", "pg_restore is 18",
        "is not empty", "1 other connections use this database",
    ):  # fmt: skip
        assert reason in told, reason


def test_a_damaged_file_is_refused_before_anything_is_touched(backup):
    assert "damaged" in refusal(damaged(backup), replace=True, yes=True)
    assert Order.objects.exists()


def test_a_restore_that_fails_at_its_end_changed_nothing(backup):
    """The rows are counted in the same transaction: one table that has another number of them, and all stays as it was."""
    here = Database.of_django()
    manifest = manifest_of(backup)
    manifest.tables["public.core_channel"] = contents.Rows(99, "0")
    Department.objects.create(code="KEPT", name="of after the backup")
    before = rows(here)
    connection.close()

    with pytest.raises(ProgramFailed, match=r"public\.core_channel has not the rows that were saved"):
        restoring.restore(here, backup, manifest, **NOW)

    assert rows(here) == before


def test_a_dump_that_cannot_be_read_to_its_end_changed_nothing(backup, tmp_path):
    here = Database.of_django()
    with zipfile.ZipFile(backup) as source, zipfile.ZipFile(tmp_path / "cut.zip", "w") as cut:
        # The definitions are there, and the rows of most tables.
        cut.writestr(archive.DUMP, source.read(archive.DUMP)[:-1_000])
        cut.writestr(archive.MANIFEST, source.read(archive.MANIFEST))
    before = rows(here)
    connection.close()

    with pytest.raises(ProgramFailed, match="pg_restore failed"):
        restoring.restore(here, tmp_path / "cut.zip", manifest_of(backup), **NOW)

    assert rows(here) == before


KILLED = """
import django, os, signal, sys
django.setup()
from pathlib import Path
from django.utils import timezone, translation
from erp.backup import archive, programs, restoring
path = Path(sys.argv[1])
manifest, _problems = archive.examine(path)
# Everything was written, and the end is not said.
programs.Program.end = lambda self: os.kill(os.getpid(), signal.SIGKILL)
restoring.restore(programs.Database.of_django(), path, manifest, reason="killed", at=timezone.now())
"""


def test_a_restore_that_is_killed_changed_nothing(backup):
    here = Database.of_django()
    before = rows(here)
    connection.close()
    environment = os.environ | {
        "DATABASE_URL": here.url, "DEBUG": "true", "SECRET_KEY": "x" * 50, "DJANGO_SETTINGS_MODULE": "erp.settings",
    }  # fmt: skip

    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(backup)], env=environment, capture_output=True, check=False
    )

    assert ended.returncode == -9, ended.stderr.decode()
    assert rows(here) == before


def test_a_restore_that_was_killed_before_its_end_says_that_nothing_changed(backup):
    """The row of the restore is of the house as it was; what it says is seen there."""
    run_killed("restoring ...", "restore", str(backup), "--replace", "--yes")

    run = BackupRun.objects.get(kind="RESTORE")
    assert (run.state, backup_runs.is_killed(run)) == ("RUNNING", True)
    with translation.override("ja"):
        [reading] = signs._restore(timezone.now())
    assert "何も変わっていません。もう一度はじめから復元してください。" in reading.found
    leftovers.clear_up(at=timezone.now(), by=BY)
    run.refresh_from_db()
    assert run.state == "BROKEN_OFF"


@pytest.mark.slow
def test_a_restore_that_was_killed_after_everything_was_back_says_so_until_it_is_brought_to_its_end(backup):
    Department.objects.create(code="LOST", name="of after the backup")
    run_killed("bringing it to this version ...", "restore", str(backup), "--replace", "--yes")

    assert not Department.objects.filter(code="LOST").exists(), "it is the restored house"
    run = BackupRun.objects.get(kind="RESTORE")
    assert (run.state, run.row_count) == ("UNSETTLED", manifest_of(backup).row_count)
    assert BackupRun.objects.get(kind="BACKUP").state == "DONE"
    leftovers.clear_up(at=timezone.now(), by=BY)
    with translation.override("ja"):
        [reading] = signs._restore(timezone.now())
        assert (reading.state, "検査の前に中断しました" in reading.found) == (health.State.TROUBLE, True)
        assert "manage.py restore --go-on" in backup_runs.in_words(BackupRun.objects.get(kind="RESTORE").detail)
    [told] = [line for line in prepare._warnings() if "manage.py" in line]
    assert told.endswith("manage.py restore --go-on")

    said = StringIO()
    call_command("restore", go_on=True, stdout=said, no_color=True)

    assert said.getvalue().rstrip().endswith("0 faults")
    assert BackupRun.objects.get(kind="RESTORE").state == "DONE"
    assert VerifyRun.objects.count() == 1
    assert prepare._warnings() == []
    with pytest.raises(CommandError, match="there is nothing to go on with"):
        call_command("restore", go_on=True)


def run_killed(when: str, *arguments: str) -> None:
    """A command that is killed with -9 as soon as it says this."""
    environment = os.environ | {"DATABASE_URL": Database.of_django().url, "DEBUG": "true", "SECRET_KEY": "x" * 50}
    connection.close()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
    )
    with process.stdout:
        wait_until(lambda: when in process.stdout.readline(), timeout_s=120)
        family = family_of(process.pid)
        process.kill()
        process.wait()
        wait_until_gone(family)


def test_another_secret_key_is_said_and_hinders_nothing(backup, settings, capsys):
    assert restoring.is_our_key(manifest_of(backup))
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another one of more than fifty characters, for this test"

    assert not restoring.is_our_key(manifest_of(backup))
    assert "must be entered again" in restored_over(backup)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert restoring.is_our_key(manifest_of(backup))
    assert old not in key_check(old)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"drill": True, "replace": True}, "changes nothing"),
        ({"on_server": True}, "is for --drill"),
        ({"go_on": True}, "--go-on stands alone"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path, options, reason):
    assert reason in refusal(tmp_path / "none.zip", **options)
