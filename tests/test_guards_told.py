"""No constraint speaks to staff by its name: what a form or the database refuses ends in a Japanese sentence, wherever it is noticed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import IntegrityError, connection, models, transaction
from django.http import HttpResponse
from psycopg import Error as DriverError

from catalog import services as catalog_services
from catalog.models import Color, SkuCode, Supplier
from erp.core import guards
from erp.core.models import Department, MessageLog
from tests.catalog.factories import sku as new_sku

pytestmark = pytest.mark.django_db
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
RAISING = """
SELECT proc.proname, proc.prosrc FROM pg_proc proc
JOIN pg_namespace namespace ON namespace.oid = proc.pronamespace AND namespace.nspname = current_schema()
WHERE proc.prosrc LIKE '%%RAISE EXCEPTION%%'
  AND NOT EXISTS (SELECT FROM pg_depend depend WHERE depend.objid = proc.oid AND depend.deptype = 'e')
"""


@pytest.fixture
def staff(client: Any) -> Any:
    client.force_login(User.objects.create_superuser("mika"))
    return client


def models_with_forms(rf: Any) -> set[type[models.Model]]:
    request = rf.get("/admin/")
    request.user = User.objects.create_superuser("mika")
    found: set[type[models.Model]] = set()
    for model, page in admin.site._registry.items():
        if page.has_add_permission(request) or page.has_change_permission(request):
            found.add(model)
            inlines = page.get_inline_instances(request)
            found |= {row.model for row in inlines if row.has_add_permission(request, None) or row.can_delete}
    return found


def test_every_constraint_that_a_form_can_hit_says_what_is_wrong(rf):
    constraints = [rule for model in models_with_forms(rf) for rule in model._meta.constraints]

    told = {rule.name: str(rule.get_violation_error_message()) for rule in constraints}

    assert "price_not_negative" in told
    assert "one_sku_per_code" in told
    nameless = [name for name, sentence in told.items() if name in sentence or not JAPANESE.search(sentence)]
    assert nameless == []


def test_every_trigger_that_refuses_names_a_guard_that_speaks():
    with connection.cursor() as cursor:
        cursor.execute(RAISING)
        sources = dict(cursor.fetchall())

    named = {name: re.findall(r"CONSTRAINT = '(\w+)'", source) for name, source in sources.items()}

    assert "mamori_refuse_change" in named
    assert [name for name, source in sources.items() if source.count("RAISE EXCEPTION") != len(named[name])] == []
    assert {name for names in named.values() for name in names} == guards.registered()


def refused(sql: str) -> str:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    behind = guards.refusal_behind(refusal.value)
    assert behind is not None
    return guards.told(behind)


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("INSERT INTO core_department (code, name) VALUES ('D1', 'B')", "この コード を持った 部門 が既に存在します。"),
        ("INSERT INTO core_department (code) VALUES ('D2')", "名称を入力してください。"),
        (
            "INSERT INTO catalog_skucost (sku_id, cost, currency, valid_from) VALUES (-1, 1, 'JPY', '2026-01-01')",
            "「原価履歴」に、存在しないデータが指定されているか、ほかで使われているデータがあります。",
        ),
        (
            "INSERT INTO customers_creditgroup (code, name, policy, currency, credit_limit, temporary_limit, warning_percent,"
            " is_frozen, exposure, version) VALUES ('G', 'G', 'NONE', 'JPY', 'NaN', 0, 90, false, 0, 1)",
            "「与信グループ」に、登録できない値があります。",
        ),
        (
            "UPDATE core_messagelog SET kind = 'x'",
            "「送受信記録」の記録は確定しています。取り消しや新しい伝票で訂正してください。",
        ),
        (
            "INSERT INTO accounting_journalentry (number, kind, entry_date, description, source_type, source_id, recorded_at, actor)"
            " VALUES ('JE-X', 'MANUAL', '2026-11-23', '', 'VOUCHER', 1, now(), 'x')",
            "仕訳に明細がないか、借方と貸方が一致していません。",
        ),
    ],
)
def test_what_only_the_database_sees_is_told_too(sql, sentence):
    Department.objects.create(code="D1", name="EC")
    MessageLog.objects.create(
        direction="IN", kind="order", body={}, outcome="DONE", actor="x", recorded_at="2026-11-23T00:00:00Z"
    )

    assert sentence in refused(sql)


@pytest.fixture
def blind_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if somebody else had written between the form's look and its writing."""
    for look in ("validate_unique", "validate_constraints"):
        monkeypatch.setattr(models.Model, look, lambda self, **_exclude: None)


def sentences(answer: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]  # type: ignore[attr-defined]


SUPPLIER = {
    "code": "S1", "name": "A", "lead_time_days": 0, "closing_day": 32, "payment_month_offset": 1, "payment_day": 31, "is_active": "on",
}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "fields", "sentence"),
    [
        ("core/department/add/", {"code": "D1", "name": "B"}, "この コード を持った 部門 が既に存在します。"),
        ("catalog/supplier/add/", SUPPLIER, "締め日と支払日は 1〜31 です。"),
        ("auth/group/add/", {"name": "経理"}, "この 名称 を持った 役割 が既に存在します。"),
    ],
)
def test_a_form_that_looked_too_early_ends_in_a_sentence(staff, blind_forms, page, fields, sentence):
    Department.objects.create(code="D1", name="EC")
    staff.post("/admin/auth/group/add/", {"name": "経理"})

    answer = staff.post(f"/admin/{page}", fields)

    assert (answer.status_code, answer["Location"]) == (302, f"/admin/{page}")
    assert sentences(answer)[-1] == sentence
    assert not Supplier.objects.exists()
    assert Department.objects.get().name == "EC"


def test_a_list_that_looked_too_early_ends_in_a_sentence(staff, monkeypatch):
    color = Color.objects.create(code="WH", name="白")
    twin = Color(code="WH", name="again")
    monkeypatch.setattr(Color, "save", lambda self, **_how: twin.save_base(force_insert=True))
    rows = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": color.pk, "form-0-sort_order": 5, "_save": "x"}

    answer = staff.post("/admin/catalog/color/", rows)

    assert (answer.status_code, sentences(answer)) == (302, ["この コード を持った 色 が既に存在します。"])


def test_a_form_of_a_service_that_the_database_refuses_stays_open_and_says_why(staff, monkeypatch):
    sku = new_sku()
    SkuCode.objects.create(sku=sku, kind="SUPPLIER", code="X-1")

    def blind(**_asked: Any) -> None:
        with transaction.atomic():
            SkuCode.objects.create(sku=sku, kind="SUPPLIER", code="X-1")

    monkeypatch.setattr(catalog_services, "add_code", blind)

    page = staff.post(f"/admin/catalog/sku/{sku.pk}/code/", {"kind": "SUPPLIER", "code": "X-1"})

    assert page.status_code == 200
    assert "このコードはすでに登録されています。" in page.content.decode()
    assert "X-1" in page.content.decode()


def test_a_bug_is_no_refusal(staff, monkeypatch):
    """Only what PostgreSQL refuses of the data is told; a statement that is wrong, or a broken promise of ours, must crash."""

    def broken(**_asked: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    monkeypatch.setattr(catalog_services, "add_code", broken)

    with pytest.raises(Exception, match="nowhere") as fault:
        staff.post(f"/admin/catalog/sku/{new_sku().pk}/code/", {"kind": "SUPPLIER", "code": "X-1"})

    assert isinstance(fault.value.__cause__, DriverError)
