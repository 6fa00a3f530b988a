"""What it costs to ask for the stock of any past moment, with and without snapshots.

python -m benchmarks.as_of [--movements 10000000] [--skus 10000] [--places 2] [--keep FOLDER] [--write FILE]

One SKU must answer within 20 ms, the whole company within 5 s, by pieces and value, at the moment that is the slowest to ask about; every answer is
compared with the plain sum of the ledger, then every snapshot (`rebuild_stock_snapshots --check`). Beside the clock stands the processor time of the
process and of its server, which does not tell how busy the machine was; it decides. With ``--keep`` the filled company stays in a folder, and is
measured again at once.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.ledger import BEGIN, END, Size, build
from benchmarks.stage import LARGE, Cost, cost_of, durable_cluster, note, noted, read_all, server_process

ONE_SKU_MS, COMPANY_MS = 20.0, 5_000.0
SKUS_ASKED, RUNS = 50, 3
NEWLY = dt.timedelta(days=20)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--movements", type=int, default=10_000_000)
    parser.add_argument("--skus", type=int, default=10_000)
    parser.add_argument("--places", type=int, default=2)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the filled company there, and find it there")
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    with durable_cluster(masters=False, settings=LARGE, keep=asked.keep):
        _fill(Size(asked.skus, asked.movements, places=asked.places))
        lines, misses = _measure()
        lines.append(_prove_snapshots())
    head = [
        "| question | median | of the slowest moment | slowest of all | processor time, of the slowest moment | wanted |",
        "|---|---|---|---|---|---|",
    ]
    table = "\n".join([*head, *lines, ""])
    print(table)
    if asked.write:
        asked.write.write_text(table, encoding="utf-8")
    for miss in misses:
        print(f"below what is wanted: {miss}", file=sys.stderr)
    return 0


def _fill(size: Size) -> None:
    from catalog.models import Sku
    from erp.inventory.models import StockSnapshot

    found = noted()
    if found is None and not Sku.objects.exists():
        build(size, documents=False)
        note(f"{size}")
    elif found != f"{size}":
        raise SystemExit(
            f"the folder holds {found or 'a company that was filled half'}, not {size}: delete it, or name another"
        )
    if not StockSnapshot.objects.exists():
        _cut_the_past()


def _measure() -> tuple[list[str], list[str]]:
    from catalog.models import Sku
    from erp.core.actors import Actor
    from erp.inventory import selectors, services

    # What came in the last days of the ledger is in no snapshot yet.
    began = time.perf_counter()
    cut = services.cut_snapshots(at=END - NEWLY, by=Actor.command("bench"))
    took = time.perf_counter() - began
    _read_all()
    print(f"{cut} in {took:.0f} s", flush=True)
    skus = list(Sku.objects.order_by("pk").values_list("pk", flat=True))
    some = random.Random(1).sample(skus, SKUS_ASKED)
    moments = [BEGIN + (END - BEGIN) * share for share in (0.13, 0.5, 0.87, 0.999)]
    lines, misses = [f"| a night of the job: {cut} | {took:,.0f} s | | | | |"] if cut.snapshots else [], []
    server = server_process()

    def line(title: str, ask: Callable[..., Any], wanted: float, *, keys: list[int] | None = None) -> None:
        """Each moment is asked about ``RUNS`` times, or once for each of the SKUs."""
        asked = [{"sku_ids": [key]} for key in keys] if keys else [{}] * RUNS
        costs = [[cost_of(partial(ask, at, **of_sku), server=server) for of_sku in asked] for at in moments]
        lines.append(_line(title, costs, wanted))
        print(lines[-1], flush=True)
        misses.extend([title] if _worked(costs) >= wanted else [])

    for title, keys in (("one SKU of many", some), ("the SKU with every fiftieth movement", [skus[0]] * 10)):
        selectors.stock_as_of(END, sku_ids=keys[:1])
        line(title, selectors.stock_as_of, ONE_SKU_MS, keys=keys)
        known_at = BEGIN + (END - BEGIN) * 0.9
        line(
            f"{title}, as known at another moment",
            partial(selectors.stock_as_of, known_at=known_at),
            ONE_SKU_MS,
            keys=keys,
        )
    line("the whole company by SKU and place", selectors.stock_as_of, COMPANY_MS)
    line("the whole company's value by cost pool", partial(selectors.stock_totals_as_of, by="cost_pool"), COMPANY_MS)
    line(
        "the whole company as known twenty days later",
        lambda at: selectors.stock_as_of(at, known_at=at + NEWLY),
        COMPANY_MS,
    )
    lines.append(
        _line("the plain sum of the ledger, for comparison", [[cost_of(partial(_plain, moments[-1]), server=server)]])
    )
    _prove(moments)
    return lines, misses


def _worked(costs: list[list[Cost]]) -> float:
    """Milliseconds of processor time, the median of the moment that takes the most."""
    return max(statistics.median(cost.cpu_s for cost in of_moment) for of_moment in costs) * 1000


def _line(title: str, costs: list[list[Cost]], wanted: float | None = None) -> str:
    clock = [[cost.clock_s * 1000 for cost in of_moment] for of_moment in costs]
    every = [ms for of_moment in clock for ms in of_moment]
    slowest = max(statistics.median(of_moment) for of_moment in clock)
    sign = " **above**" if wanted is not None and _worked(costs) >= wanted else ""
    limit = "" if wanted is None else f"< {wanted:,.0f} ms"
    told = f"{statistics.median(every):,.1f} ms | {slowest:,.1f} ms | {max(every):,.1f} ms | {_worked(costs):,.1f} ms{sign}"
    return f"| {title} | {told} | {limit} |"


def _cut_the_past() -> None:
    """The rows that a rebuild would leave, but for the last days, in one statement over the whole ledger."""
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
        cursor.execute("VACUUM ANALYZE inventory_stocksnapshot")


def _prove(moments: list[dt.datetime]) -> None:
    from erp.inventory import selectors

    for at in moments:
        then = selectors.stock_as_of(at)
        assert [(row.sku_id, row.location_id, row.on_hand, row.value) for row in then] == _plain(at)
    print("every answer is the plain sum of the ledger", flush=True)


def _prove_snapshots() -> str:
    """Every snapshot, and the answers of thirteen month ends and of now, against the ledger; the command ends the process if one differs."""
    from django.core.management import call_command

    cost = cost_of(partial(call_command, "rebuild_stock_snapshots", "--check"), server=server_process())
    return f"| `rebuild_stock_snapshots --check`: no difference | | {cost.clock_s:,.0f} s | | {cost.cpu_s:,.0f} s of processor time | |"


def _plain(at: dt.datetime) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sku_id, location_id, sum(quantity)::bigint, sum(value) FROM inventory_stockmovement WHERE occurred_at <= %s"
            " GROUP BY 1, 2 HAVING sum(quantity) <> 0 OR sum(value) <> 0 ORDER BY 1, 2",
            [at],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _read_all() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE inventory_stocksnapshot")
    read_all(os.environ["DATABASE_URL"])


if __name__ == "__main__":
    raise SystemExit(main())
