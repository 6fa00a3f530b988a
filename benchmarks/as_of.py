"""What it costs to ask for the stock of any past moment, with and without snapshots.

python -m benchmarks.as_of [--movements 10000000] [--skus 10000] [--places 2] [--write FILE]

One SKU must answer within 20 ms, the whole company within 5 s, by pieces and value; every answer is compared with the plain sum of the ledger.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.ledger import BEGIN, END, Size, build
from benchmarks.stage import durable_cluster

ONE_SKU_MS, COMPANY_MS = 20.0, 5_000.0
SKUS_ASKED, RUNS = 50, 5
NEWLY = dt.timedelta(days=20)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--movements", type=int, default=10_000_000)
    parser.add_argument("--skus", type=int, default=10_000)
    parser.add_argument("--places", type=int, default=2)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    with durable_cluster(masters=False):
        build(Size(asked.skus, asked.movements, places=asked.places), documents=False)
        lines, misses = _measure()
    table = "\n".join(["| question | fastest | median | slowest | wanted |", "|---|---|---|---|---|", *lines, ""])
    print(table)
    if asked.write:
        asked.write.write_text(table, encoding="utf-8")
    for miss in misses:
        print(f"below what is wanted: {miss}", file=sys.stderr)
    return 0


def _measure() -> tuple[list[str], list[str]]:
    from catalog.models import Sku
    from erp.core.actors import Actor
    from erp.inventory import selectors, services

    by = Actor.command("bench")
    _cut_the_past()
    # What came in the last days of the ledger is in no snapshot yet.
    began = time.perf_counter()
    cut = services.cut_snapshots(at=END - NEWLY, by=by)
    took = time.perf_counter() - began
    _analyze()
    print(f"{cut} in {took:.0f} s", flush=True)
    skus = list(Sku.objects.order_by("pk").values_list("pk", flat=True))
    some = random.Random(1).sample(skus, SKUS_ASKED)
    moments = [BEGIN + (END - BEGIN) * share for share in (0.13, 0.5, 0.87, 0.999)]
    lines, misses = [f"| a night of the job: {cut} | | {took:,.0f} s | | |"], []

    def line(title: str, calls: list[Callable[[], Any]], wanted: float) -> None:
        times = [_timed(call) for call in calls]
        median, slowest = statistics.median(times), max(times)
        sign = "" if median < wanted else " **above**"
        lines.append(
            f"| {title} | {min(times):,.1f} ms | {median:,.1f} ms{sign} | {slowest:,.1f} ms | < {wanted:,.0f} ms |"
        )
        print(lines[-1], flush=True)
        misses.extend([title] if median >= wanted else [])

    for title, keys in (("one SKU of many", some), ("the SKU with every fiftieth movement", [skus[0]] * 10)):
        selectors.stock_as_of(END, sku_ids=keys[:1])
        for known in (None, BEGIN + (END - BEGIN) * 0.9):
            how = ", as known at another moment" if known else ""
            calls = [
                partial(selectors.stock_as_of, at, known_at=known, sku_ids=[key]) for key in keys for at in moments
            ]
            line(f"{title}, any of {len(moments)} moments{how}", calls, ONE_SKU_MS)
    company = [partial(selectors.stock_as_of, at) for at in moments] * RUNS
    line("the whole company by SKU and place, any of the moments", company, COMPANY_MS)
    pools = [partial(selectors.stock_totals_as_of, at, by="cost_pool") for at in moments] * RUNS
    line("the whole company's value by cost pool", pools, COMPANY_MS)
    known_then = [partial(selectors.stock_as_of, at, known_at=at + NEWLY) for at in moments]
    line("the whole company as known twenty days later", known_then, COMPANY_MS)
    lines.append(f"| the plain sum of the ledger, for comparison | | {_plain(moments[-1])[0]:,.0f} ms | | |")
    _prove(moments)
    return lines, misses


def _cut_the_past() -> None:
    """The rows that three years of nights would have left, but for the last days, in one statement over the whole ledger."""
    from django.db import connection

    from erp.inventory.services import snapshots

    past = list(snapshots._rests(at=END - 2 * NEWLY, behind=END - 2 * NEWLY, sku_ids=None))
    values = {
        "skus": [rest.sku_id for rest in past],
        "places": [rest.location_id for rest in past],
        "afters": [rest.after for rest in past],
        "throughs": [rest.through for rest in past],
        "busy": snapshots.BUSY_MONTH,
        "at": END - NEWLY,
    }
    began = time.perf_counter()
    with connection.cursor() as cursor:
        # Each row is the sum of what the statement reads, and the answers are proved below.
        cursor.execute("ALTER TABLE inventory_stocksnapshot DISABLE TRIGGER inventory_stocksnapshot_is_true")
        cursor.execute("SET work_mem = '512MB'; SET enable_nestloop = off; SET plan_cache_mode = force_custom_plan")
        cursor.execute(snapshots._CUT, values)
        print(f"{cursor.rowcount:,} snapshots of the past in {time.perf_counter() - began:.0f} s", flush=True)
        cursor.execute("RESET work_mem; RESET enable_nestloop; RESET plan_cache_mode")
        cursor.execute("ALTER TABLE inventory_stocksnapshot ENABLE TRIGGER inventory_stocksnapshot_is_true")
    _analyze()


def _prove(moments: list[dt.datetime]) -> None:
    from erp.inventory import selectors

    for at in moments:
        then = selectors.stock_as_of(at)
        assert [(row.sku_id, row.location_id, row.on_hand, row.value) for row in then] == _plain(at)[1]
    print("every answer is the plain sum of the ledger", flush=True)


def _plain(at: dt.datetime) -> tuple[float, list[tuple[Any, ...]]]:
    from django.db import connection

    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sku_id, location_id, sum(quantity)::bigint, sum(value) FROM inventory_stockmovement WHERE occurred_at <= %s"
            " GROUP BY 1, 2 HAVING sum(quantity) <> 0 OR sum(value) <> 0 ORDER BY 1, 2",
            [at],
        )
        found = cursor.fetchall()
    return (time.perf_counter() - began) * 1000, found


def _analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE inventory_stocksnapshot")


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
