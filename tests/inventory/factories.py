"""Masters and stock for the tests of inventory. Stock comes in as it does in life: through the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog.models import Product, Sku
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.core.use_case import sign
from erp.inventory.models import ChannelLocation, CostBalance, CostPool, Location, StockBalance, StockDocument
from erp.inventory.services import documents, movements

NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
CLERK = Actor.staff("hanako", "test")

_numbers = count(1)


def sku(**fields: Any) -> Sku:
    number = next(_numbers)
    product = Product.objects.create(code=f"ST-{number}", name=f"Style {number}", **fields)
    return Sku.objects.create(code=f"SKU-{number}", product=product)


def pool(code: str = "MAIN", role: str = "inventory.goods") -> CostPool:
    return CostPool.objects.get_or_create(code=code, defaults={"name": code, "account_role": role})[0]


def location(kind: str = "WAREHOUSE", **fields: Any) -> Location:
    number = next(_numbers)
    fields.setdefault("cost_pool", pool())
    # One person may book any difference, unless the test is about that.
    fields.setdefault("count_value_limit", None)
    return Location.objects.create(code=f"L{number}", name=f"Place {number}", kind=kind, **fields)


def channel(*places: Location, **fields: Any) -> Channel:
    """A channel that sells from ``places``, the first one first."""
    number = next(_numbers)
    fields.setdefault("kind", "EC_SITE")
    made = Channel.objects.create(code=f"EC{number}", name=f"Site {number}", **fields)
    for rank, place in enumerate(places, start=1):
        ChannelLocation.objects.create(channel=made, location=place, rank=rank)
    return made


def stock(sku: Sku, place: Location, pieces: int, *, unit_value: int = 100, at: dt.datetime = NOON) -> StockBalance:
    """Book ``pieces`` in, without postings."""
    with transaction.atomic():
        sign(CLERK)
        number = next(_numbers)
        document = documents.new_documents(
            kind=StockDocument.Kind.RECEIPT, source_type="TEST", source_ids=[number], occurred_at=at, at=at, by=CLERK
        )[number]
        booking = movements.open_booking((), arriving=[(sku.pk, place.pk)], occurred_at=at, at=at)
        booking.move(
            (sku.pk, place.pk), pieces, value=Decimal(pieces * unit_value), document_id=document, document_line=1
        )
        booking.write()
    return balance(sku, place)


def balance(sku: Sku, place: Location) -> StockBalance:
    return StockBalance.objects.get(sku=sku, location=place)


def figures(sku: Sku, place: Location) -> tuple[int, int]:
    """(on hand, allocated)"""
    row = balance(sku, place)
    return row.on_hand, row.allocated


def worth(sku: Sku, code: str = "MAIN") -> tuple[int, Decimal]:
    """(pieces, value) of the SKU in a cost pool"""
    row = CostBalance.objects.get(sku=sku, cost_pool__code=code)
    return row.quantity, row.value


def statements(call: Callable[[], object]) -> list[str]:
    """What ``call`` sends to the database, without the savepoints of the test's own transaction."""
    with CaptureQueriesContext(connection) as context:
        call()
    return [query["sql"] for query in context.captured_queries if "SAVEPOINT" not in query["sql"]]


def entries(source_type: str, source_id: int) -> dict[tuple[str, str], int]:
    """What a document posted: {(account code, side): amount}, read from the ledger table itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.code, p.side, sum(p.amount)::int FROM accounting_posting p"
            " JOIN accounting_journalentry e ON e.id = p.entry_id JOIN accounting_ledgeraccount a ON a.id = p.account_id"
            " WHERE e.source_type = %s AND e.source_id = %s GROUP BY 1, 2",
            [source_type, source_id],
        )
        return {(code, side): amount for code, side, amount in cursor.fetchall()}
