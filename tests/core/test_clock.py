"""Which dates can be booked: refused by name before anything is asked of the database, for every use-case that takes one."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import pkgutil
from decimal import Decimal

import pytest

import accounting.services
import erp.inventory.services
import erp.orders.services
from accounting.services import CREDIT, DEBIT, EntryDraft, Line, post_entries, post_voucher
from erp.core.clock import BOOKING_FIELDS, DAYS_AHEAD, FIRST_BOOKABLE, unbookable
from erp.core.errors import InvalidInput
from erp.core.use_case import use_case
from erp.core.verify import verify
from erp.inventory.services import ReceiptLine, receive
from erp.orders.services import deliver, ship
from tests.inventory.factories import location, sku
from tests.orders.factories import DESK, NOON, TODAY

HOW = {"at": NOON, "by": DESK}
UTC = dt.UTC
# Dates that use-cases take and that are not those of a booking: ranges of exports, how far to open months, ends of holds, from when to
# when a quota is kept, the day whose stock a proposal is about, what a payment was due on by its own order.
NO_BOOKINGS = {
    "first",
    "last",
    "through",
    "expires_at",
    "now",
    "at",
    "starts_at",
    "ends_at",
    "valued_on",
    "due_at",
    "valid_from",
}


@pytest.mark.parametrize(
    ("when", "code"),
    [
        (dt.date(1, 1, 1), "bad_time"),
        (dt.date(9999, 12, 31), "bad_time"),
        (FIRST_BOOKABLE, None),
        (FIRST_BOOKABLE - dt.timedelta(days=1), "bad_time"),
        (TODAY + DAYS_AHEAD, None),
        (TODAY + DAYS_AHEAD + dt.timedelta(days=1), "bad_time"),
        (dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14))), "bad_time"),
        (dt.datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "bad_time"),
        # The 1st of January in Tokyo.
        (dt.datetime(1999, 12, 31, 15, tzinfo=UTC), None),
        (dt.datetime(1999, 12, 31, 14, 59, tzinfo=UTC), "bad_time"),
        (dt.datetime(2026, 11, 23, 3), "no_offset"),
    ],
)
def test_what_can_be_booked(when, code):
    assert [(problem.pointer, problem.code) for problem in unbookable("/x", when, at=NOON)] == (
        [("/x", code)] if code else []
    )


@pytest.mark.parametrize("slip", [dt.date(1, 1, 1), dt.date(9999, 12, 31)])
@pytest.mark.parametrize("field", sorted(BOOKING_FIELDS))
def test_a_use_case_refuses_each_field_by_name(field, slip):
    def book(**fields: object) -> None:
        raise AssertionError("reached")

    when = dt.datetime.combine(slip, dt.time(12), tzinfo=UTC) if field == "occurred_at" else slip
    with pytest.raises(InvalidInput) as refused:
        use_case(book)(**{field: when}, **HOW)
    assert [problem.pointer for problem in refused.value.problems] == [f"/{field}"]


def test_no_use_case_takes_a_date_under_a_name_that_nobody_looks_at():
    strays = []
    for package in (accounting.services, erp.inventory.services, erp.orders.services):
        for found in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if function.__module__ != module.__name__ or not hasattr(function, "__wrapped__"):
                    continue
                for parameter in inspect.signature(function).parameters.values():
                    kind = str(parameter.annotation)
                    if "date" in kind and parameter.name not in BOOKING_FIELDS | NO_BOOKINGS:
                        strays.append(f"{module.__name__}.{name}: {parameter.name}: {kind}")
    assert strays == []


@pytest.mark.django_db
@pytest.mark.parametrize("slip", [dt.date(1, 1, 1), dt.date(9999, 12, 31)])
def test_slips_of_the_hand_book_nothing(slip):
    shirt, place = sku(), location()
    lines = [Line(DEBIT, Decimal(5), account_code="6310"), Line(CREDIT, Decimal(5), account_code="1120")]
    goods = {"location_id": place.pk, "lines": [ReceiptLine(1, shirt.pk, 1, Decimal(400))]}
    moment = dt.datetime.combine(slip, dt.time(12), tzinfo=UTC)
    for act in (
        lambda: post_voucher(entry_date=slip, description="", lines=lines, **HOW),
        lambda: post_entries(drafts=[EntryDraft(slip, "", "TEST", 1, lines)], **HOW),
        lambda: receive(external_id=f"R-{slip}", occurred_at=moment, **goods, **HOW),
        lambda: ship(requests=[], ship_date=slip, **HOW),
        lambda: deliver(shipment_ids=[], delivered_date=slip, **HOW),
    ):
        with pytest.raises(InvalidInput):
            act()
    assert [str(fault) for result in verify() for fault in result.faults] == []
