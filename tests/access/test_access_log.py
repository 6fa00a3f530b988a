"""Who looked at personal data or costs and who took data out is written, finally; where from is not a client's word."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone
from django.utils.text import slugify

from erp.access import admin as access_admin
from erp.access import services
from erp.access.models import AccessLog
from erp.back_office import disclosure
from erp.core import finding
from erp.core.actors import Actor
from erp.core.addresses import address_of
from erp.core.models import AuditRow
from erp.imports import files
from erp.imports.masters import named, registered
from tests.access.conftest import sign_in

pytestmark = pytest.mark.django_db
JOB = Actor.job("access-log")
# What a column is called that says who somebody is. The right-hand names hold none of people.
IDENTIFIES = (
    "email",
    "phone",
    "postal_code",
    "family_name",
    "kana",
    "addressee",
    "ship_to_name",
    "display_name",
    "party_label",
)
OF_NOBODY = {"core.companyprofile", "catalog.product", "catalog.supplier", "core.channel"}


def _names(resolver: URLResolver) -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _names(entry)
        else:
            yield entry.name or ""


def opened() -> list[tuple[str, bool, bool]]:
    lines = AccessLog.objects.filter(kind__in=["OPENED", "TAKEN_OUT"]).order_by("id")
    return list(lines.values_list("path", "is_personal", "is_cost"))


def test_pages_with_personal_data_or_costs_are_logged_and_others_are_not(client, mika):
    client.force_login(mika)

    for path in ("/admin/", "/admin/core/department/", "/admin/orders/order/?q=090", "/admin/inventory/stockmovement/"):
        client.get(path)

    assert opened() == [
        ("/admin/orders/order/?q=090", True, True),
        ("/admin/inventory/stockmovement/", False, True),
    ]
    assert AccessLog.objects.filter(kind="OPENED").first().user == mika


def test_who_may_not_know_costs_has_not_seen_any(client):
    desk = User.objects.create_user("desk", is_staff=True)
    desk.groups.add(Group.objects.get(name="倉庫"))
    client.force_login(desk)

    client.get("/admin/inventory/stockmovement/")
    client.get("/admin/accounting/journalentry/")

    assert opened() == []


def test_every_table_that_says_who_somebody_is_counts_as_personal():
    missing = {
        model._meta.label_lower
        for model in admin.site._registry
        if any(getattr(field, "column", None) and field.name.endswith(IDENTIFIES) for field in model._meta.get_fields())
    }
    known = {model._meta.label_lower for model in admin.site._registry}

    assert missing - disclosure.PERSONAL - OF_NOBODY == set()
    assert {name for name in disclosure.PERSONAL if "." in name} <= known | {
        one.model._meta.label_lower for one in registered()
    }
    pages = {name for name in disclosure.PERSONAL | disclosure.COSTS if "." not in name}
    assert pages <= set(_names(get_resolver()))


def test_pages_of_our_own_are_judged_by_their_names():
    assert disclosure.page_of("orders_order_sheet", sees_costs=False).is_personal
    assert disclosure.page_of("customers_billto_change", sees_costs=False).is_personal
    assert disclosure.page_of("inventory_valuation", sees_costs=True).is_cost
    assert not disclosure.page_of("inventory_valuation", sees_costs=False).is_cost
    assert disclosure.page_of("inventory_location_change", sees_costs=False).is_personal
    assert not disclosure.page_of("index", sees_costs=True).is_personal


def test_a_file_is_taken_out_whichever_page_offers_it(client, mika, rf):
    from django.http import HttpResponse

    def answer(_request):
        return HttpResponse("x", headers={"Content-Disposition": 'attachment; filename="journal.csv"'})

    request = rf.post("/admin/accounting/exportrun/1/file/")
    request.user = mika
    request.resolver_match = get_resolver().resolve("/admin/accounting/exportrun/1/change/")
    disclosure.Disclosure(answer)(request)

    line = AccessLog.objects.get()
    assert (line.kind, line.detail, line.path) == ("TAKEN_OUT", "journal.csv", "/admin/accounting/exportrun/1/file/")


@pytest.mark.parametrize("page", ["openitem_changelist", "settlement_changelist", "aging", "subsidiary_ledger"])
def test_a_page_of_who_owes_what_is_personal(client, mika, page):
    client.force_login(mika)

    assert client.get(reverse(f"admin:accounting_{page}")).status_code == 200
    assert [is_personal for _path, is_personal, _cost in opened()] == [True]


@pytest.mark.parametrize("kind", ["contacts", "ship_tos", "accounts"])
@pytest.mark.parametrize("form", ["xlsx", "utf-8-sig"])
def test_an_export_is_personal_where_its_rows_are_and_the_name_of_its_file_is_kept(client, mika, kind, form):
    client.force_login(mika)

    for asked in (kind, "products"):
        assert b"".join(client.get(reverse("admin:imports_export"), {"kind": asked, "_as": form}).streaming_content)

    personal, other = AccessLog.objects.filter(kind="TAKEN_OUT").order_by("id")
    ending = "xlsx" if form == "xlsx" else "csv"
    assert (personal.is_personal, personal.detail) == (
        True,
        f"{slugify(named(kind).title, allow_unicode=True)}.{ending}",
    )
    assert not personal.detail.isascii()
    assert not other.is_personal


def test_every_master_that_says_who_somebody_is_counts_as_personal():
    models = {master.model for master in registered()}
    people = {
        model._meta.label_lower
        for model in models
        if any(field.name.endswith(IDENTIFIES) for field in model._meta.fields)
    }

    assert people - disclosure.PERSONAL - OF_NOBODY == set()


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a.csv"', "a.csv"),
        ("attachment; filename*=utf-8''%E5%BE%97%E6%84%8F%E5%85%88.csv", "得意先.csv"),
        ("attachment", ""),
    ],
)
def test_the_name_of_a_file_is_read_as_a_browser_reads_it(disposition, name):
    assert disclosure.file_name(disposition) == name


def test_the_log_is_final(mika, client):
    sign_in(client)

    for sql in ("UPDATE access_accesslog SET username = 'x'", "DELETE FROM access_accesslog"):
        with pytest.raises(DatabaseError, match="refused"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    with pytest.raises(DatabaseError, match="refused"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('mamori.prune', 'on', true)")
        cursor.execute("DELETE FROM access_accesslog")
    assert AccessLog.objects.count() == 1


def test_the_job_forgets_what_is_older_than_the_setting_only(mika, settings):
    settings.ACCESS_LOG_KEPT_DAYS = 200
    now = timezone.now()
    for days in (10, 199, 201, 400):
        services.note("OPENED", user=mika, visit=services.Visit(), at=now - dt.timedelta(days=days))

    gone = services.prune_access(at=now, by=JOB, limit=1)
    settings.ACCESS_LOG_KEPT_DAYS = 0

    assert gone == 2
    assert AccessLog.objects.count() == 2
    assert services.prune_access(at=now, by=JOB) == 0


def test_the_system_role_reads_the_log_filters_it_and_reading_is_logged(client, mika, system):
    sign_in(client, password="wrong")
    client.force_login(system)

    page = client.get("/admin/access/accesslog/", {"kind__exact": "REFUSED"}).content.decode()
    client.force_login(mika)

    assert "ユーザー名またはパスワードの誤り" in page
    assert client.get("/admin/access/accesslog/").status_code == 403
    assert opened()[0][0].startswith("/admin/access/accesslog/")


@pytest.mark.parametrize(
    ("count", "header", "address"),
    [
        (0, "203.0.113.5", "10.0.0.1"),
        (1, "203.0.113.5", "203.0.113.5"),
        (1, "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (2, "6.6.6.6, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
        (2, "203.0.113.5", "10.0.0.1"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "203.0.113.5:8080", "203.0.113.5"),
        (1, "::ffff:203.0.113.5", "203.0.113.5"),
        (1, "rubbish", "10.0.0.1"),
        (1, "", "10.0.0.1"),
    ],
)
def test_where_a_request_comes_from(rf, settings, count, header, address):
    settings.PROXY_COUNT = count

    assert address_of(rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=header)) == address


def test_a_client_does_not_choose_the_address_it_is_locked_out_by(client, mika):
    for number in range(6):
        answer = sign_in(client, password="wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")

    assert "試行が多すぎます" in answer.content.decode()


def test_who_may_practise_is_audited(mika):
    services.set_practice(user_id=mika.pk, at=timezone.now(), by=JOB)

    assert AuditRow.objects.get(table_name="access_staffaccess", row_id=str(mika.pk)).actor == "job:access-log"


@pytest.mark.parametrize("form", ["utf-8-sig", "cp932", "xlsx"])
def test_what_was_found_is_taken_out_in_words_and_that_is_logged(client, system, form):
    now = timezone.now()
    AccessLog.objects.create(kind="SIGNED_IN", occurred_at=now, username="mika", detail="=1+1")
    AccessLog.objects.create(kind="SIGNED_IN", occurred_at=now, username="taro")
    client.force_login(system)

    page = client.get("/admin/access/accesslog/", {"q": "mika"})
    [url] = [url for url, _title in page.context["page_links"] if url.endswith(f"_as={form}")]
    answer = client.get(url)

    content = b"".join(answer.streaming_content)
    sheet = files.read(content)
    rows = [sheet.headings, *(line.cells for line in sheet.lines)]
    assert rows[0][:3] == ["発生日時", "種類", "ユーザー名"]
    assert [row[1:3] for row in rows[1:]] == [["ログイン", "mika"]]
    assert rows[1][8] == "'=1+1"
    line = AccessLog.objects.order_by("-pk").first()
    assert (line.kind, line.username) == ("TAKEN_OUT", "sysadmin")


def test_all_that_is_sought_is_taken_out_however_much_a_list_shows(client, system, monkeypatch):
    monkeypatch.setattr(finding, "REACH", 2)
    now = timezone.now()
    AccessLog.objects.bulk_create([AccessLog(kind="OPENED", occurred_at=now, username="mika") for _line in range(5)])
    client.force_login(system)

    answer = client.get("/admin/access/accesslog/export/?q=mika&_as=utf-8-sig")

    assert len(files.read(b"".join(answer.streaming_content)).lines) == 5


@pytest.mark.parametrize("form", ["utf-8-sig", "xlsx"])
def test_more_than_one_file_holds_is_told_and_not_left_out(client, system, monkeypatch, form):
    monkeypatch.setattr(access_admin, "MOST_IN_EXCEL", 4)
    now = timezone.now()
    AccessLog.objects.bulk_create([AccessLog(kind="OPENED", occurred_at=now, username="mika") for _line in range(5)])
    client.force_login(system)

    answer = client.get(f"/admin/access/accesslog/export/?q=mika&_as={form}", follow=True)

    assert [str(told) for told in answer.context["messages"]] == [
        "1つのファイルに入る行数を超えています。日付で絞り込んでください。"
    ]
    assert not AccessLog.objects.filter(kind="TAKEN_OUT").exists()


def test_it_leaves_with_those_only_who_may_read_it(client, mika):
    client.force_login(mika)

    assert client.get("/admin/access/accesslog/export/").status_code == 403


def test_a_filter_that_cannot_be_read_is_answered_by_the_list(client, system):
    client.force_login(system)

    answer = client.get("/admin/access/accesslog/export/?occurred_at__gte=x&_as=xlsx")

    assert (answer.status_code, answer.url) == (302, "/admin/access/accesslog/?occurred_at__gte=x")
    assert client.get(answer.url, follow=True).status_code == 200
