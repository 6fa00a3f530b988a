"""The back office's pages open, are read-only where they must be, and act through services."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from erp.core.models import AuditRow
from erp.inventory import services
from erp.inventory.models import ChannelBuffer, Hold, StockDocument
from erp.inventory.services import Demand, ExpectedLine, HoldDemand, PhysicalLine
from tests.inventory.factories import CLERK, NOON, channel, figures, location, sku, statements, stock

pytestmark = pytest.mark.django_db
PAGES = [
    "stockbalance", "costbalance", "stockdocument", "stockmovement", "reservation", "hold", "expectedreceipt",
    "provisionalreceipt", "location", "costpool", "channellocation", "channelbuffer", "reason",
]  # fmt: skip
EDITED = {"location", "costpool", "channellocation", "channelbuffer", "reason"}


@pytest.fixture
def shelf():
    """A row of everything."""
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 5)
    site = channel(warehouse)
    services.reserve(
        channel_id=site.pk, document_type="ORDER", demands=[Demand(1, 1, shirt.pk, 1, 50)], at=NOON, by=CLERK
    )
    services.place_hold(
        channel_id=site.pk,
        ref="cart",
        lines=[HoldDemand(shirt.pk, 2)],
        expires_at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC),
        at=NOON,
        by=CLERK,
    )
    ChannelBuffer.objects.create(channel=site, quantity=1)
    services.expect_receipt(
        external_id="PO-1",
        location_id=warehouse.pk,
        lines=[ExpectedLine(1, shirt.pk, 3, NOON.date())],
        at=NOON,
        by=CLERK,
    )
    services.record_physical_fact(
        source_type="SHOP_SALE",
        source_id=1,
        location_id=location("SHOP").pk,
        lines=[PhysicalLine(1, shirt.pk, 1)],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )
    return site, warehouse, shirt


@pytest.mark.parametrize("page", PAGES)
def test_every_list_opens_finds_and_edits_only_masters(admin_client, shelf, page):
    _site, _warehouse, shirt = shelf

    found = admin_client.get(reverse(f"admin:inventory_{page}_changelist"), {"q": shirt.code})
    everything = admin_client.get(reverse(f"admin:inventory_{page}_changelist"))
    added = admin_client.get(reverse(f"admin:inventory_{page}_add"))

    assert (found.status_code, everything.status_code) == (200, 200)
    assert everything.context["cl"].result_list
    assert added.status_code == (200 if page in EDITED else 403)


@pytest.mark.parametrize(("page", "state"), [("expectedreceipt", "late"), ("provisionalreceipt", "open")])
def test_a_work_queue_opens_its_list(admin_client, shelf, page, state):
    answer = admin_client.get(reverse(f"admin:inventory_{page}_changelist"), {"state": state})

    assert answer.status_code == 200


def test_a_list_takes_the_same_number_of_statements_however_long(admin_client, shelf):
    _site, warehouse, _shirt = shelf
    url = reverse("admin:inventory_stockmovement_changelist")
    few = statements(lambda: admin_client.get(url))
    for _ in range(20):
        stock(sku(), warehouse, 1)

    assert len(statements(lambda: admin_client.get(url))) == len(few)


def test_a_hold_is_released_from_its_list(admin_client, shelf):
    _site, warehouse, shirt = shelf

    admin_client.post(
        reverse("admin:inventory_hold_changelist"),
        {"action": "release", "_selected_action": [Hold.objects.get().pk]},
    )

    assert Hold.objects.get().closed_at is not None
    assert figures(shirt, warehouse) == (5, 1)


def test_the_availability_page_shows_the_terms(admin_client, shelf):
    site, _warehouse, shirt = shelf

    answer = admin_client.get(reverse("admin:inventory_availability"), {"channel": site.pk, "skus": shirt.code})

    (item,) = answer.context["answers"]
    assert item["answer"].available == 1
    assert [pieces for _label, _place, pieces in item["terms"]] == [5, -3, -1]
    assert f"{shirt.code}: 1" in answer.content.decode()


def post(client, name, **fields):
    typed = {"external_id": "S-1", "occurred_at_0": "2026-11-23", "occurred_at_1": "12:00"}
    return client.post(reverse(f"admin:inventory_{name}"), typed | fields)


def test_stock_is_received_and_adjusted_from_forms(admin_client, shelf):
    _site, warehouse, shirt = shelf

    received = post(admin_client, "receive", location=warehouse.pk, lines=f"{shirt.code}, 3, 150")
    adjusted = post(admin_client, "adjust", location=warehouse.pk, reason=reason("DAMAGE"), lines=f"{shirt.code}\t-1")

    assert (received.status_code, adjusted.status_code) == (302, 302)
    assert figures(shirt, warehouse) == (7, 3)
    assert StockDocument.objects.get(source_type="RECEIPT").actor == "staff:admin"


def test_what_cannot_be_read_or_is_refused_is_said_on_the_page(admin_client, shelf):
    _site, warehouse, shirt = shelf

    unread = post(admin_client, "receive", location=warehouse.pk, lines="nothing, 3")
    refused = post(admin_client, "adjust", location=warehouse.pk, reason=reason("DAMAGE"), lines=f"{shirt.code},-9")

    assert unread.context["form"].errors["lines"]
    assert [message.level_tag for message in refused.context["messages"]] == ["error"]
    assert figures(shirt, warehouse) == (5, 3)


def reason(code):
    from erp.inventory.models import Reason

    return Reason.objects.get(code=code).pk


def test_an_edited_master_is_signed(admin_client, shelf):
    _site, warehouse, _shirt = shelf

    admin_client.post(
        reverse("admin:inventory_location_change", args=[warehouse.pk]),
        {"code": warehouse.code, "name": "elsewhere", "kind": "WAREHOUSE", "is_active": "on"},
    )

    row = AuditRow.objects.filter(table_name="inventory_location", action="UPDATE").get()
    assert (row.actor, row.after) == ("staff:admin", {"name": "elsewhere"})


@pytest.mark.parametrize("page", ["availability", "receive", "adjust"])
def test_strangers_are_sent_to_the_log_in(client, page):
    assert client.get(reverse(f"admin:inventory_{page}")).status_code == 302
