"""The shared parts of the back office: pages without counting, read-only documents, refusals as messages, signed edits."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test.utils import CaptureQueriesContext

from erp.core.admin.masters import ChannelAdmin
from erp.core.admin.paging import FastPaginator
from erp.core.admin.records import StaffTaskAdmin
from erp.core.models import AuditRow, BackupRun, Channel, Department, JobRun, StaffTask, TaxRate

NOON = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.fixture
def staff(client):
    user = User.objects.create_superuser("mika")
    client.force_login(user)
    return client


def open_task(**fields):
    return StaffTask.objects.create(
        kind="CHECK", subject_type="ORDER", subject_id=1, detail="look", opened_at=NOON, opened_by="job:x", **fields
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "model",
    ["auditrow", "backuprun", "channel", "companyprofile", "deductibleshare", "department", "feedepoch", "jobrun", "messagelog",
     "stafftask", "taxrate", "verifyrun"],
)  # fmt: skip
def test_every_list_opens_and_can_be_searched(staff, model):
    assert staff.get(f"/admin/core/{model}/").status_code == 200
    assert staff.get(f"/admin/core/{model}/?q=x").status_code == 200


@pytest.mark.django_db
def test_an_edit_in_a_plain_form_is_audited_with_user_address_and_page(staff):
    staff.post("/admin/core/department/add/", {"code": "D1", "name": "EC"})
    department = Department.objects.get()

    url = f"/admin/core/department/{department.pk}/change/"
    assert staff.post(url, {"code": "D1", "name": "EC部"}).status_code == 302

    created, changed = AuditRow.objects.filter(table_name="core_department").order_by("id")
    assert (created.action, created.actor) == ("INSERT", "staff:mika")
    assert (changed.action, changed.before, changed.after) == ("UPDATE", {"name": "EC"}, {"name": "EC部"})
    assert (changed.actor, changed.source) == ("staff:mika", f"127.0.0.1 {url}")


@pytest.mark.django_db(transaction=True)
def test_the_signature_does_not_stay_on_the_connection(staff):
    staff.post("/admin/core/department/add/", {"code": "D1", "name": "EC"})

    Department.objects.update(name="by SQL")

    last = AuditRow.objects.filter(table_name="core_department").latest("id")
    assert last.actor.startswith("database:")


@pytest.mark.django_db(transaction=True)
def test_a_write_outside_of_a_transaction_is_signed_too(rf):
    from erp.core.middleware import ActorMiddleware

    request = rf.post("/anywhere")
    request.user = User(username="mika")

    def view(_request: HttpRequest) -> HttpResponse:
        Department.objects.create(code="D1", name="EC")
        return HttpResponse()

    ActorMiddleware(view)(request)

    assert AuditRow.objects.get(table_name="core_department", action="INSERT").actor == "staff:mika"


@pytest.mark.django_db
def test_the_only_company_profile_cannot_be_added_twice_and_nothing_can_be_deleted(staff):
    staff.post("/admin/core/companyprofile/add/", {"name": "守り商事", "fiscal_year_start_month": 4})

    assert staff.get("/admin/core/companyprofile/add/").status_code == 403
    assert staff.post("/admin/core/companyprofile/1/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.django_db
def test_the_past_of_a_tax_rate_is_not_editable(staff):
    rate = TaxRate.objects.get(code="STANDARD_10")

    page = staff.get(f"/admin/core/taxrate/{rate.pk}/change/").content.decode()

    assert 'name="percent"' not in page
    assert 'name="valid_to"' in page


@pytest.mark.django_db
def test_tasks_are_closed_by_an_action_that_says_who_and_what(staff):
    task, other = open_task(), open_task_of(2)

    staff.post("/admin/core/stafftask/", {"action": "close", "_selected_action": [task.pk], "resolution": "phoned"})

    task.refresh_from_db()
    other.refresh_from_db()
    assert (task.closed_by, task.resolution) == ("staff:mika", "phoned")
    assert other.closed_at is None
    assert staff.get(f"/admin/core/stafftask/{task.pk}/change/").status_code == 200
    assert staff.post(f"/admin/core/stafftask/{task.pk}/change/", {}).status_code == 403


def open_task_of(subject_id):
    return StaffTask.objects.create(
        kind="CHECK", subject_type="ORDER", subject_id=subject_id, detail="x", opened_at=NOON, opened_by="job:x"
    )


@pytest.mark.django_db
def test_who_may_only_look_cannot_close(client):
    from django.contrib.auth.models import Permission

    looker = User.objects.create_user("look", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_stafftask"))
    client.force_login(looker)
    task = open_task()

    page = client.get("/admin/core/stafftask/")
    client.post("/admin/core/stafftask/", {"action": "close", "_selected_action": [task.pk]})

    assert page.status_code == 200
    task.refresh_from_db()
    assert task.closed_at is None


@pytest.fixture
def many_runs(db):
    """30,000 rows: enough for PostgreSQL's estimate to be believed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_jobrun (job, slot, started_at, detail)"
            " SELECT 'j', timestamptz '2026-01-01' + n * interval '1 min', now(), '' FROM generate_series(1, 30000) AS n"
        )
        cursor.execute("ANALYZE core_jobrun")


@pytest.mark.usefixtures("many_runs")
def test_a_long_list_is_never_counted(staff):
    with CaptureQueriesContext(connection) as queries:
        page = staff.get("/admin/core/jobrun/")

    assert page.context["cl"].result_count == 30_000
    assert not [query["sql"] for query in queries if "COUNT(*)" in query["sql"] and "core_jobrun" in query["sql"]]


@pytest.mark.usefixtures("many_runs")
def test_the_last_page_and_the_one_behind_an_outdated_estimate_can_be_opened(staff):
    last = staff.get("/admin/core/jobrun/?p=600")
    assert last.status_code == 200
    assert len(last.context["cl"].result_list) == 50

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_jobrun (job, slot, started_at, detail)"
            " SELECT 'k', timestamptz '2026-01-01' + n * interval '1 min', now(), '' FROM generate_series(1, 75) AS n"
        )
    beyond = staff.get("/admin/core/jobrun/?p=602")
    assert len(beyond.context["cl"].result_list) == 25


@pytest.mark.usefixtures("many_runs")
def test_a_filtered_list_is_counted_only_some_pages_ahead():
    pages = FastPaginator(JobRun.objects.filter(job="j").order_by("-pk"), 50)
    pages.page_number = 3

    assert pages.count == (3 + 10) * 50 + 1
    assert len(pages.page(3).object_list) == 50


@pytest.mark.django_db
def test_a_filtered_list_is_found_by_its_keys_in_its_order_whether_it_fits_on_a_page_or_is_shown_whole(staff):
    made = [
        JobRun.objects.create(
            job="j", slot=NOON + minute * timedelta(minutes=1), started_at=NOON, error="x" * (minute % 2)
        )
        for minute in range(120)
    ]
    failed = [run.pk for run in made if run.error]

    def shown(asked: str) -> list[int]:
        with CaptureQueriesContext(connection) as queries:
            keys = [row.pk for row in staff.get(f"/admin/core/jobrun/?{asked}").context["cl"].result_list]
        assert not [query["sql"] for query in queries if "COUNT(*)" in query["sql"] and "core_jobrun" in query["sql"]]
        return keys

    assert shown("error__isempty=0&all=") == failed[::-1]
    assert shown("error__isempty=0") == failed[:-51:-1]
    assert shown("error__isempty=0&p=2") == failed[-51::-1]
    JobRun.objects.filter(pk__in=failed[1:]).update(error="")
    assert shown("error__isempty=0") == failed[:1]
    assert shown("error__isempty=0&q=j") == failed[:1]
    JobRun.objects.update(error="")
    assert shown("error__isempty=0") == []


@pytest.mark.django_db
def test_a_refusal_becomes_a_message_naming_every_problem(rf, staff):
    from django.contrib.admin.sites import site
    from django.contrib.messages import get_messages
    from django.contrib.messages.storage.cookie import CookieStorage

    from erp.core.errors import Conflict, Problem

    request = rf.get("/")
    request._messages = CookieStorage(request)
    page = ChannelAdmin(Channel, site)

    with page.refusals_as_messages(request, "SO-1"):
        raise Conflict(
            "no",
            problems=[
                Problem("/a", "one", "first"),
                Problem("/lines/0/b", "two", "second"),
                Problem("/sku/S-1", "x", "third"),
            ],
        )

    [message] = get_messages(request)
    assert str(message) == "SO-1: no; first; 1 行目: second; S-1: third"


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["99999999999999999999", "99999999"])
def test_an_absurd_page_is_answered_as_any_page_that_does_not_exist(staff, monkeypatch, page):
    monkeypatch.setattr(StaffTaskAdmin, "list_per_page", 1)
    monkeypatch.setattr(StaffTaskAdmin, "list_max_show_all", 1)
    open_task()
    StaffTask.objects.create(
        kind="CHECK", subject_type="ORDER", subject_id=2, detail="look", opened_at=NOON, opened_by="job:x"
    )

    answer = staff.get("/admin/core/stafftask/", {"p": page})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/core/stafftask/?e=1")
    # More digits than Python reads are no number, and Django shows the first page.
    assert staff.get("/admin/core/stafftask/", {"p": "9" * 5_000}).status_code == 200


@pytest.mark.django_db
def test_who_may_not_see_the_backups_judges_none(client):
    run = BackupRun.objects.create(kind="BACKUP", state="RUNNING", file="a.zip", started_at=NOON)
    client.force_login(User.objects.create_user("look", is_staff=True))

    assert client.get("/admin/core/backuprun/").status_code == 403

    run.refresh_from_db()
    assert run.state == "RUNNING"
    client.force_login(User.objects.create_superuser("mika"))
    assert client.get("/admin/core/backuprun/").status_code == 200
    run.refresh_from_db()
    assert run.state == "BROKEN_OFF"
