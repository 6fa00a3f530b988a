"""What columns refuse by themselves: NaN in every number of every table, and dated rows that contradict each other."""

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from psycopg import Error as DriverError
from psycopg.errors import CheckViolation, ExclusionViolation

from catalog.models import Season, Supplier
from customers.models import Account, BillTo
from erp.core.models import DeductibleShare, TaxRate

pytestmark = pytest.mark.django_db

# Generated columns are left out: they are made of guarded ones, and nobody writes them.
NUMBERS = """
SELECT class.relname, array_agg(attribute.attname::text ORDER BY attribute.attname)
FROM pg_attribute attribute
JOIN pg_class class ON class.oid = attribute.attrelid AND class.relkind IN ('r', 'p') AND NOT class.relispartition
JOIN pg_namespace namespace ON namespace.oid = class.relnamespace AND namespace.nspname = current_schema()
WHERE attribute.attnum > 0 AND NOT attribute.attisdropped AND attribute.attgenerated = ''
  AND attribute.atttypid IN ('numeric'::regtype, 'float4'::regtype, 'float8'::regtype)
GROUP BY class.relname ORDER BY class.relname
"""
EMPTY_COPY = """
DROP TABLE IF EXISTS hollow;
CREATE TEMPORARY TABLE hollow (LIKE {table} INCLUDING CONSTRAINTS);
"""
REQUIRED = "SELECT attname FROM pg_attribute WHERE attrelid = 'hollow'::regclass AND attnum > 0 AND attnotnull AND NOT attisdropped"


def tables_with_numbers() -> list[tuple[str, list[str]]]:
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS)
        return cursor.fetchall()


def columns_that_take(value: str, table: str, columns: list[str]) -> list[str]:
    """Written alone into a copy of the table that demands no other column, so that only a guard of the column itself can refuse it."""
    taken = []
    with connection.cursor() as cursor:
        cursor.execute(EMPTY_COPY.format(table=table))
        cursor.execute(REQUIRED)
        for [name] in cursor.fetchall():
            cursor.execute(f'ALTER TABLE hollow ALTER COLUMN "{name}" DROP NOT NULL')
        for column in columns:
            try:
                with transaction.atomic():
                    cursor.execute(f"INSERT INTO hollow (\"{column}\") VALUES ('{value}')")
                taken.append(f"{table}.{column}")
            except IntegrityError as refusal:
                if not isinstance(refusal.__cause__, CheckViolation):
                    raise
    return taken


def test_no_number_of_any_table_may_be_nan():
    tables = tables_with_numbers()

    assert ("catalog_price", ["price"]) in tables
    assert [found for table, columns in tables for found in columns_that_take("NaN", table, columns)] == []


def test_a_number_without_a_guard_is_found():
    """``>= 0`` is no guard: PostgreSQL holds NaN to be greater than every number."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE trap (id bigint NOT NULL, amount numeric(16,2) NOT NULL CHECK (amount >= 0))")

    [trap] = [row for row in tables_with_numbers() if row[0] == "trap"]

    assert columns_that_take("NaN", *trap) == ["trap.amount"]


def kept_by(refusal: IntegrityError) -> str | None:
    assert isinstance(refusal.__cause__, DriverError)
    return refusal.__cause__.diag.constraint_name


def rate(**fields):
    given = {"tax_class": "STANDARD", "code": "NEXT", "percent": 12, "national_percent": 9, "label": "12%"}
    return TaxRate.objects.create(**{**given, "valid_from": date(2030, 4, 1), **fields})


def end_of_10_percent(on):
    TaxRate.objects.filter(code="STANDARD_10").update(valid_to=on)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"percent": Decimal("100.01")}, "tax_rate_is_a_percentage"),
        ({"percent": Decimal("-0.01")}, "national_part_is_part_of_the_rate"),
        ({"national_percent": Decimal("12.01")}, "national_part_is_part_of_the_rate"),
        ({"national_percent": Decimal(-1)}, "national_part_is_part_of_the_rate"),
        ({"valid_to": date(2030, 3, 31)}, "tax_rate_ends_after_it_starts"),
        ({"valid_from": date(2030, 3, 31)}, "tax_rates_of_a_class_do_not_overlap"),
        ({"valid_from": date(2019, 9, 1), "valid_to": date(2019, 9, 1)}, "tax_rates_of_a_class_do_not_overlap"),
    ],
)
def test_a_tax_rate_that_cannot_be_is_refused(fields, constraint):
    end_of_10_percent(date(2030, 3, 31))

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        rate(**fields)

    assert kept_by(refusal.value) == constraint
    assert not TaxRate.objects.filter(code="NEXT").exists()


def test_rates_of_one_class_follow_each_other_and_classes_stand_beside_each_other():
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        rate()
    assert isinstance(refusal.value.__cause__, ExclusionViolation)

    end_of_10_percent(date(2030, 3, 31))

    assert rate(valid_to=date(2030, 4, 1)).pk
    assert rate(code="LATER", valid_from=date(2030, 4, 2)).pk
    assert TaxRate.objects.filter(tax_class="REDUCED", valid_to=None).exists()


@pytest.mark.parametrize(
    ("model", "fields", "constraint"),
    [
        (DeductibleShare, {"valid_from": date(2040, 1, 1), "percent": 101}, "deductible_share_is_a_percentage"),
        (DeductibleShare, {"valid_from": date(2040, 1, 1), "percent": -1}, "deductible_share_is_a_percentage"),
        (Season, {"starts_on": date(2026, 9, 1), "ends_on": date(2026, 8, 31)}, "season_ends_after_it_starts"),
        (
            Supplier,
            {"registered_from": date(2026, 9, 1), "registered_to": date(2026, 8, 31)},
            "registration_ends_after_it_starts",
        ),
        (Supplier, {"closing_day": 0}, "supplier_days_are_days"),
        (Supplier, {"payment_day": 32}, "supplier_days_are_days"),
        (Account, {"wholesale_percent": Decimal("100.01")}, "wholesale_rate_is_a_percentage"),
    ],
)
def test_a_master_that_cannot_be_is_refused(model, fields, constraint):
    if model is Account:
        fields = {**fields, "bill_to": BillTo.objects.create(code="B1", name="B")}
    named = {} if model is DeductibleShare else {"code": "X", "name": "X"}

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        model.objects.create(**named, **fields)

    assert kept_by(refusal.value) == constraint


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


FORM = {
    "tax_class": "STANDARD", "code": "NEXT", "percent": "12", "national_percent": "9", "valid_from": "2030-04-01", "label": "12%",
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "この税区分には、この期間に有効な税率がすでにあります。先にその税率の終了日を入力してください。"),
        ({"valid_to": "2030-03-31"}, "終了日が開始日より前です。"),
        ({"percent": "101"}, "税率は 0〜100 パーセントで入力してください。"),
        ({"national_percent": "13"}, "国税分は 0 以上、税率以下で入力してください。"),
    ],
)
def test_the_form_of_a_tax_rate_says_what_is_wrong(staff, fields, told):
    page = staff.post("/admin/core/taxrate/add/", {**FORM, **fields})

    assert page.status_code == 200
    assert told in page.content.decode()
    assert not TaxRate.objects.filter(code="NEXT").exists()


def test_a_rate_gets_its_last_day_and_then_the_next_one_is_added(staff):
    old = TaxRate.objects.get(code="STANDARD_10")

    staff.post(f"/admin/core/taxrate/{old.pk}/change/", {"valid_to": "2030-03-31", "label": "10%"})
    staff.post("/admin/core/taxrate/add/", FORM)

    assert TaxRate.objects.get(code="NEXT").valid_from == date(2030, 4, 1)


def test_prolonging_a_rate_into_the_next_one_ends_in_a_sentence(staff):
    """Its class and start are not in the form, so only the database can say so."""
    old = TaxRate.objects.get(code="STANDARD_8")

    page = staff.post(f"/admin/core/taxrate/{old.pk}/change/", {"valid_to": "2019-10-01", "label": "8%"}, follow=True)

    assert "この税区分には、この期間に有効な税率がすでにあります" in page.content.decode()
    old.refresh_from_db()
    assert old.valid_to == date(2019, 9, 30)
