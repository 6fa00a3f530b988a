"""How long each step of a stocktake of a large place takes, and its longest transaction. Durability on.

python -m benchmarks.stocktakes [--rows N]

Every SKU of one place is counted once; of every tenth a piece is missing. Rows of goods, stock and entries are made by ``generate_series``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from benchmarks.stage import AT, durable_cluster

WANTED_TRANSACTION_S = 5.0
HOUR = dt.timedelta(hours=1)
_SKUS = """
INSERT INTO catalog_sku (code, product_id, is_kit, is_active, version)
SELECT 'S' || lpad(i::text, 7, '0'), %(product)s + i, false, true, 1 FROM generate_series(1, %(rows)s) i
"""
_ENTRIES = """
INSERT INTO inventory_stockcountentry (count_id, sku_id, sheet, kind, way, quantity, counted_at, recorded_at, actor, key)
SELECT %(count)s, sku_id, 'A', 'ADD', 'SCAN', frozen_on_hand - (id %% 10 = 0)::int, %(at)s, %(at)s, 'staff:bench', 'k' || id
FROM inventory_stockcountline WHERE count_id = %(count)s
"""


def measure(rows: int) -> list[str]:
    from django.db import connection

    from erp.core.actors import Actor
    from erp.inventory import services
    from erp.inventory.models import CostPool, Location, StockCount

    by = Actor.command("bench")
    place = Location.objects.create(
        code="LARGE",
        name="Large",
        kind="WAREHOUSE",
        cost_pool=CostPool.objects.get(code="MAIN"),
        count_value_limit=None,
    )
    _receive(rows, place.pk, by)
    count_id = services.open_count(
        external_id="LARGE", location_id=place.pk, scope=services.CountScope(), at=AT + HOUR, by=by
    )
    told = [_timed("freeze", lambda: services.start_count(count_id=count_id, at=AT + HOUR, by=by))]
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, {"count": count_id, "at": AT + 2 * HOUR})
        cursor.execute("ANALYZE inventory_stockcountentry; ANALYZE inventory_stockcountline")
    late = {"count_id": count_id, "at": AT + 3 * HOUR, "by": by}
    told.append(_timed("close and compare", lambda: services.close_count(uncounted="LEAVE", **late)))
    told.append(_timed("ask for posting", lambda: services.request_posting(**late)))
    told.append(_timed("post", lambda: services.post_counts(at=late["at"], by=by)))
    assert StockCount.objects.get(pk=count_id).state == "POSTED"
    return told


def _receive(rows: int, place_id: int, by: Any) -> None:
    """Three pieces of every SKU, received in documents of a thousand."""
    from decimal import Decimal

    from django.db import connection

    from catalog.models import Product, Sku
    from erp.inventory import services

    first = Product.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_product SELECT (jsonb_populate_record(p, jsonb_build_object('id', p.id + i, 'code', 'S' || i))).*"
            " FROM catalog_product p, generate_series(1, %s) i WHERE p.id = %s",
            [rows, first],
        )
        cursor.execute(_SKUS, {"product": first, "rows": rows})
    keys = list(Sku.objects.filter(product_id__gt=first).order_by("pk").values_list("pk", flat=True))
    for start in range(0, rows, 1_000):
        lines = [
            services.ReceiptLine(line_no=number, sku_id=key, quantity=3, unit_cost=Decimal(420))
            for number, key in enumerate(keys[start : start + 1_000], 1)
        ]
        services.receive(external_id=f"L-{start}", location_id=place_id, lines=lines, occurred_at=AT, at=AT, by=by)


def _timed(title: str, step: Callable[[], Any]) -> str:
    """A step, and the longest of its transactions: from its beginning to its COMMIT."""
    from django.db import transaction

    longest, began_at = 0.0, 0.0
    enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__

    def entered(block: Any) -> None:
        nonlocal began_at
        if not transaction.get_connection().in_atomic_block:
            began_at = time.perf_counter()
        enter(block)

    def left(block: Any, *error: Any) -> None:
        nonlocal longest
        leave(block, *error)
        if not transaction.get_connection().in_atomic_block:
            longest = max(longest, time.perf_counter() - began_at)

    transaction.Atomic.__enter__, transaction.Atomic.__exit__ = entered, left  # type: ignore[method-assign] # they are watched
    began = time.perf_counter()
    try:
        step()
    finally:
        transaction.Atomic.__enter__, transaction.Atomic.__exit__ = enter, leave  # type: ignore[method-assign]
    took = time.perf_counter() - began
    mark = "" if longest < WANTED_TRANSACTION_S else " **above**"
    row = f"| {title} | {took:.1f} s | {longest:.2f} s{mark} | < {WANTED_TRANSACTION_S:.0f} s |"
    print(row, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    asked = parser.parse_args()
    with durable_cluster():
        print(f"{asked.rows:,} SKUs\n| step | took | longest transaction | wanted |\n|---|---|---|---|")
        measure(asked.rows)


if __name__ == "__main__":
    main()
