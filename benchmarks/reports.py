"""What the reports of stock cost with many SKUs: the page, the Excel file and the CSV, each in a process of its own.

python -m benchmarks.reports [--skus 50000] [--write FILE]

Every SKU is received once and every third sold once. Of each answer: its CPU time, how long it took, by how much memory grew, and that its rows and
its total are those of the ledger. Excel and CSV are read as they go out.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import io
import multiprocessing
import os
import resource
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.stage import AT, durable_cluster
from benchmarks.stocktakes import _receive

FILES = {"page": "", "Excel": "xlsx", "CSV UTF-8": "utf-8-sig", "CSV Shift_JIS": "cp932"}
SOLD_AT_ONCE = 500


def build(skus: int) -> None:
    from catalog.models import Sku
    from erp.core.actors import Actor
    from erp.inventory import services
    from erp.inventory.models import CostPool, Location

    by = Actor.command("bench")
    pool = CostPool.objects.get(code="MAIN")
    place = Location.objects.create(code="LARGE", name="Large", kind="WAREHOUSE", cost_pool=pool)
    _receive(skus, place.pk, by)
    keys = list(Sku.objects.filter(code__startswith="S0").order_by("pk").values_list("pk", flat=True))[::3]
    for start in range(0, len(keys), SOLD_AT_ONCE):
        lines = [
            services.PhysicalLine(number, key, 1) for number, key in enumerate(keys[start : start + SOLD_AT_ONCE], 1)
        ]
        services.record_physical_fact(
            source_type="BENCH", source_id=start + 1, location_id=place.pk, lines=lines, occurred_at=AT, at=AT, by=by
        )


def _ledger() -> tuple[int, int, Decimal]:
    """SKUs with pieces, pieces and value, as the ledger adds up."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE q <> 0 OR v <> 0), sum(q), sum(v) FROM"
            " (SELECT sku_id, sum(quantity) AS q, sum(value) AS v FROM inventory_stockmovement GROUP BY 1) n"
        )
        found: tuple[int, int, Decimal] = cursor.fetchone()
        return found


def _answer(report: str, form: str) -> list[list[str]]:
    """The rows of a report as whoever asked gets them; of the page only those of the last page, and its total."""
    from django.contrib.admin import site
    from django.contrib.auth.models import User
    from django.test import RequestFactory

    from erp.inventory.models import CostBalance

    day = (AT + dt.timedelta(days=1)).date().isoformat()
    asked = {"by": "sku", "day": day, "first": AT.date().isoformat(), "last": day, "format": form}
    request = RequestFactory().get("/", asked)
    request.user = User(username="bench", is_superuser=True, is_staff=True, is_active=True)
    page: Any = site._registry[CostBalance]
    answer = getattr(page, report)(request)
    if not form:
        assert answer.render().content
        shown = answer.context_data
        return [[str(shown["count"])], [cell.text.replace(",", "") for cell in shown["total"]]]
    content = b"".join(answer.streaming_content)
    if form == "xlsx":
        from python_calamine import CalamineWorkbook

        rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        return [[str(cell) for cell in row] for row in rows]
    return list(csv.reader(io.StringIO(content.decode(form))))


def _child(report: str, form: str, told: Any) -> None:
    from django.db import connections

    connections.close_all()
    before, cpu, clock = _memory_mb(), time.process_time(), time.perf_counter()
    rows = _answer(report, form)
    grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    told.put((time.process_time() - cpu, time.perf_counter() - clock, grew, len(rows), rows[0], rows[-1]))


def _memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024 / 1024


def measure() -> list[str]:
    from django.db import connections

    skus, pieces, value = _ledger()
    told = []
    for title, report in (("在庫評価表", "stock_value"), ("受払表", "stock_flow")):
        for kind, form in FILES.items():
            connections.close_all()
            fork = multiprocessing.get_context("fork")
            queue: Any = fork.Queue()
            child = fork.Process(target=_child, args=(report, form, queue))
            child.start()
            cpu, took, grew, count, first, last = queue.get(timeout=600)
            child.join()
            rows = int(first[0]) if not form else count - 2
            figures = {Decimal(text) for text in last if text.replace(".", "").replace("-", "").isdigit()}
            assert report == "stock_flow" or rows == skus, (kind, rows, skus)
            assert {Decimal(pieces), value} <= figures, (kind, last, pieces, value)
            line = f"| {title} | {kind} | {rows:,} | {cpu:.1f} s | {took:.1f} s | {grew:.0f} MB |"
            print(line, flush=True)
            told.append(line)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, default=50_000)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    # Pictures and styles of the page are found where they lie; nobody collects them for a benchmark.
    os.environ["DEBUG"] = "true"
    with durable_cluster():
        build(asked.skus)
        head = "| report | as | rows | CPU of the server process | took | memory grew |\n|---|---|---|---|---|---|"
        print(head, flush=True)
        lines = measure()
    if asked.write:
        asked.write.write_text("\n".join([head, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
