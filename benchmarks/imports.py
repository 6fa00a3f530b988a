"""How long a file of 10,000 rows takes: check, execution, undo. One worker, durability on, and the longest transaction of each.

python -m benchmarks.imports [--rows N] [--only products|skus|prices|accounts]

Styles that are new, then the same styles with another name and their SKUs, then prices of the SKUs, and accounts (得意先) of one bill-to.
The worker's own code, without Celery around it.
"""

from __future__ import annotations

import argparse
import csv
import io
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.stage import durable_cluster

WANTED_S, WANTED_TRANSACTION_S = 60.0, 5.0
KINDS = ["products", "skus", "prices", "accounts"]


def csv_file(rows: Iterator[list[str]] | list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("cp932")


def measure(kind: str, content: bytes, *, undoes: bool = False) -> str:
    """One file through the worker; what it took, as a row of a table."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from erp.core.actors import Actor
    from erp.imports import running, services

    user = User.objects.get_or_create(username="bench", is_superuser=True)[0]
    by = {"user": user, "by": Actor.staff("bench"), "at": timezone.now()}
    longest = 0.0
    took: Any = running.Pace.took

    def noted(pace: running.Pace, seconds: float) -> None:
        nonlocal longest
        longest = max(longest, seconds)
        took(pace, seconds)

    setattr(running.Pace, "took", noted)  # noqa: B010 # a method is watched
    run = services.upload(kind=kind, file_name=f"{kind}.csv", content=content, **by)
    services.name_columns(run_id=run.pk, mapping=run.mapping, clears_blanks=False, **by)
    stages = [("check", None), ("execute", services.execute), *([("undo", services.undo)] if undoes else [])]
    told = []
    for name, service in stages:
        if service is not None:
            service(run_id=run.pk, **by)
        began = time.monotonic()
        running.work_off(clock=timezone.now)
        told.append((name, time.monotonic() - began))
    setattr(running.Pace, "took", took)  # noqa: B010
    run.refresh_from_db()
    assert not run.error, run.error
    assert run.applied_count == run.row_count, (
        run.refused_count,
        list(run.rows.values_list("problems", flat=True)[:3]),
    )
    total = sum(seconds for _name, seconds in told[:2])
    cells = " + ".join(f"{name} {seconds:.1f} s" for name, seconds in told)
    verdict = "" if total < WANTED_S and longest < WANTED_TRANSACTION_S else " **below**"
    slowest = f"{longest:.1f} s (< {WANTED_TRANSACTION_S:.0f})"
    return f"| {kind}, {run.row_count:,} rows | {cells} | {total:.1f} s{verdict} | < {WANTED_S:.0f} s | {slowest} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--only", choices=KINDS)
    asked = parser.parse_args()
    numbers, wanted = range(asked.rows), {asked.only} if asked.only else set(KINDS)
    with durable_cluster():
        from catalog.models import PriceList, Product, Sku
        from customers.models import BillTo

        PriceList.objects.create(code="上代", name="上代", tax_mode=PriceList.TaxMode.INCLUDED, is_standard=True)
        print("| file | stages | check and execution | wanted | longest transaction |\n|---|---|---|---|---|")
        if "products" in wanted:
            head = ["品番", "品名", "素材", "発売日"]
            for name in ("商品", "改名"):
                content = csv_file(
                    [head, *([f"S{each:06}", f"{name} {each}", "綿100%", "令和8年12月1日"] for each in numbers)]
                )
                print(measure("products", content, undoes=name == "改名"), flush=True)
        else:
            Product.objects.bulk_create(Product(code=f"S{each:06}", name=str(each)) for each in numbers)
        if "skus" in wanted:
            content = csv_file(
                [["SKU", "品番", "重量(g)"], *([f"S{each:06}-F", f"S{each:06}", "120"] for each in numbers)]
            )
            print(measure("skus", content), flush=True)
        else:
            styles = Product.objects.filter(code__startswith="S").in_bulk(field_name="code")
            Sku.objects.bulk_create(Sku(code=f"{code}-F", product=style) for code, style in styles.items())
        if "prices" in wanted:
            head = ["価格表", "SKU", "価格", "適用開始日"]
            content = csv_file(
                [head, *(["上代", f"S{each:06}-F", str(1000 + each % 7), "2026/12/01"] for each in numbers)]
            )
            print(measure("prices", content, undoes=True), flush=True)
        if "accounts" in wanted:
            BillTo.objects.create(code="B1", name="本社")
            head = ["得意先コード", "得意先名", "得意先名カナ", "請求先コード"]
            content = csv_file(
                [head, *([f"A{each:06}", f"商店 {each}", f"シヨウテン{each}", "B1"] for each in numbers)]
            )
            print(measure("accounts", content, undoes=True), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
