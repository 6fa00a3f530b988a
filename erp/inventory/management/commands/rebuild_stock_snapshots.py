"""``manage.py rebuild_stock_snapshots``: prove that past moments are read right, and make anew what they are read from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from erp.core.actors import Actor
from erp.core.checks import Fault
from erp.core.retries import retried
from erp.inventory import selectors, services


class Command(BaseCommand):
    help = (
        "Compare every snapshot of stock with the ledger, delete it, cut it anew and compare again: SKU by SKU, in transactions of less than"
        " five seconds, while the company works. Names each snapshot that differed and exits 1 if one did. May be broken off and continued."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="compare only, change nothing")
        parser.add_argument("--after", type=int, default=0, metavar="SKU_ID", help="continue behind this SKU")

    def handle(self, *args: Any, check: bool, after: int, **options: Any) -> None:
        faults = 0
        by = Actor.command("rebuild_stock_snapshots")
        for last, sku_ids in selectors.skus_by_movements(after=after):
            for fault in self._work(sku_ids, by=by, is_check=check):
                faults += 1
                self.stdout.write(self.style.ERROR(f"{fault}"))
            self.stdout.write(f"SKU {last}: {len(sku_ids):,} SKUs done")
        unequal = list(selectors.unequal_as_of(at=timezone.now()))
        for sku_id, location_id in unequal:
            self.stdout.write(self.style.ERROR(f"SKU {sku_id} at location {location_id}: not the sum of its movements"))
        faults += len(unequal)
        summary = f"{faults:,} differences from the ledger"
        self.stdout.write(
            self.style.ERROR(summary) if faults else self.style.SUCCESS(f"equal to the ledger: {summary}")
        )
        if faults:
            sys.exit(1)

    def _work(self, sku_ids: list[int], *, by: Actor, is_check: bool) -> Iterator[Fault]:
        yield from selectors.snapshot_faults(sku_ids=sku_ids)
        if is_check:
            return
        retried(services.forget_snapshots, sku_ids=sku_ids, by=by)
        retried(services.cut_snapshots, at=timezone.now(), by=by, sku_ids=sku_ids)
        yield from selectors.snapshot_faults(sku_ids=sku_ids)
