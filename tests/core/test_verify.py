"""``manage.py verify`` names each culprit, says so by its exit code and changes nothing; the nightly job files what it finds."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import InternalError, connection

from customers.models import CreditGroup, GoldenCustomer
from customers.selectors import golden_ids
from customers.services import merge_records
from erp.core import checks, job_slots
from erp.core.actors import Actor
from erp.core.models import StaffTask, VerifyRun
from erp.core.verify import run_verify_and_file, verify
from tests.customers.factories import credit_group, news, register

NOON = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
BY = Actor.job("verify")


def run() -> tuple[str, int]:
    output = StringIO()
    try:
        call_command("verify", stdout=output, no_color=True)
    except SystemExit as stop:
        return output.getvalue(), int(stop.code)
    return output.getvalue(), 0


@pytest.fixture
def wrong_exposure():
    """A credit group whose running exposure somebody changed past the ledger."""
    group = credit_group("CG9")
    CreditGroup.objects.update(exposure=500)
    return group


@pytest.mark.django_db
def test_a_clean_house_says_ok_for_each_promise():
    text, code = run()

    assert code == 0
    assert "P9   顧客の統合をすべて取り消せる" in text
    assert text.rstrip().endswith("0 faults")


@pytest.mark.django_db
def test_a_fault_is_named_with_its_figures_and_exits_1(wrong_exposure):
    text, code = run()

    assert code == 1
    assert f"CREDIT_GROUP {wrong_exposure.pk} CG9: exposure 500, ledger 0" in text


@pytest.mark.django_db(transaction=True)
def test_verifying_reads_one_snapshot_and_cannot_write(monkeypatch):
    seen = []

    def levels():
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
            seen.append(cursor.fetchone())
        return 0

    check = checks.Check("P0", "a spy", levels, lambda: iter(()))
    monkeypatch.setitem(checks._checks, "a spy", check)
    verify()
    assert seen == [("repeatable read", "on")]

    writer = checks.Check("P0", "a spy", StaffTask.objects.all().delete, lambda: iter(()))
    monkeypatch.setitem(checks._checks, "a spy", writer)
    with pytest.raises(InternalError, match="read-only transaction"):
        verify()


@pytest.mark.django_db
def test_the_nightly_job_files_a_task_and_closes_it_when_the_fault_is_gone(wrong_exposure):
    run_verify_and_file(at=NOON, by=BY)
    run_verify_and_file(at=NOON, by=BY)

    task = StaffTask.objects.get()
    assert (task.kind, task.subject_type, task.subject_id) == ("VERIFY_P6", "CREDIT_GROUP", wrong_exposure.pk)
    assert "exposure 500, ledger 0" in task.detail
    assert len(VerifyRun.objects.first().faults) == 1

    CreditGroup.objects.update(exposure=0)
    run_verify_and_file(at=NOON + timedelta(days=1), by=BY)

    task.refresh_from_db()
    assert (task.closed_at, task.closed_by) == (NOON + timedelta(days=1), "job:verify")


@pytest.mark.django_db
def test_verify_names_a_record_that_its_merges_do_not_lead_to():
    one, two = register(news("c-1"), news("c-2"))
    merge_records(record_ids=[one], into_golden_id=golden_ids([two])[two], reason="", at=NOON, by=BY)
    assert run()[1] == 0

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE customers_customerrecord DISABLE TRIGGER USER")
        cursor.execute("UPDATE customers_customerrecord SET golden_id = %s", [GoldenCustomer.objects.earliest("id").pk])
        cursor.execute("ALTER TABLE customers_customerrecord ENABLE TRIGGER USER")

    text, code = run()
    assert code == 1
    assert f"CUSTOMER_RECORD {one}" in text
    assert f"CUSTOMER_RECORD {two}" not in text


@pytest.mark.django_db
def test_a_slot_is_claimed_once_and_again_only_when_its_run_died():
    slot = job_slots.slot_of(NOON, every=timedelta(minutes=5))

    assert job_slots.claim("sweep", slot, NOON)
    assert not job_slots.claim("sweep", slot, NOON)
    assert job_slots.claim("sweep", slot + timedelta(minutes=5), NOON)
    assert job_slots.claim("sweep", slot, NOON + timedelta(hours=7))

    job_slots.finish("sweep", slot, NOON + timedelta(hours=7), detail="done")
    assert not job_slots.claim("sweep", slot, NOON + timedelta(days=9))


def test_slots_are_the_same_on_every_machine():
    at = datetime(2026, 11, 23, 3, 7, 31, tzinfo=UTC)

    assert job_slots.slot_of(at, every=timedelta(minutes=5)) == datetime(2026, 11, 23, 3, 5, tzinfo=UTC)


@pytest.mark.django_db
def test_machines_are_told_each_check_with_its_faults(wrong_exposure):
    output = StringIO()

    with pytest.raises(SystemExit):
        call_command("verify", json=True, stdout=output)

    checks_told = {(check["promise"], check["title"]): check for check in json.loads(output.getvalue())}
    exposure = checks_told["P6", "与信使用額 = 与信使用明細の合計"]
    assert exposure["faults"] == [f"CREDIT_GROUP {wrong_exposure.pk} CG9: exposure 500, ledger 0"]
    assert all(check["rows"] >= 0 for check in checks_told.values())
    assert not VerifyRun.objects.exists()


@pytest.mark.django_db
def test_a_run_by_hand_is_kept_and_filed_when_that_is_asked_for(wrong_exposure):
    with pytest.raises(SystemExit):
        call_command("verify", file=True, stdout=StringIO())

    assert len(VerifyRun.objects.get().faults) == 1
    assert StaffTask.objects.get().opened_by == "command:verify"
