"""Founds the demo company in an empty database. Run by ``erp.runtime.prepare`` for a new installation, and by hand as often as one likes."""

from __future__ import annotations

import datetime as dt
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ec_gateway.management.demo import days
from ec_gateway.management.demo.days import ForeignData, Story, Wish
from ec_gateway.management.demo.shelves import write_shelves
from erp.core.clock import business_date
from erp.core.verify import keep_results, verify
from erp.inventory.selectors import stock_values

# The fixed cast alone are so many.
LEAST_ORDERS, MOST_ORDERS = 60, 50_000
ORDERS, SEED = 5_000, 1
EARLIEST = dt.date(2024, 1, 1)


class Command(BaseCommand):
    help = (
        "Found the demo company in an empty database: an invented apparel firm with three months of orders in every state, up to the day "
        "before DATE, made through the services. The same seed, date and number give the same company. Again, it changes nothing; a load "
        "that was cut off goes on. Ends with verify."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--date", type=dt.date.fromisoformat, help="the company's today (default: today)")
        parser.add_argument("--orders", type=int, help="how many orders, shop sales included (default: 5000)")
        parser.add_argument("--seed", type=int, help="another seed is another company (default: 1)")
        parser.add_argument("--sites", type=Path, help="folder for what the practice EC sites know of it")
        parser.add_argument("--progress", type=Path, help="file that always holds the percentage done")
        parser.add_argument("--only-unfinished", action="store_true", help="do nothing unless a load was cut off")

    def handle(
        self, *args: Any, date: dt.date | None, orders: int | None, seed: int | None, sites: Path | None, progress: Path | None,
        only_unfinished: bool, **options: Any,
    ) -> None:  # fmt: skip
        wish = self._decide(date, orders, seed, only_unfinished=only_unfinished)
        if wish is None:
            return
        if days.is_finished():
            self.stdout.write(f"The demo company is here: {_told(wish)}. Nothing was changed.")
            return
        begun = time.monotonic()
        story = Story(wish)
        count = len(story.plan.deals)
        self.stdout.write(f"The demo company: {_told(wish)} …")
        with _progress(count, progress) as advance:
            story.tell(advance)
        if sites is not None:
            write_shelves(sites, plan=story.plan, assortment=story.assortment)
        took = time.monotonic() - begun
        self.stdout.write(f"{count:,} orders in {took:.1f} s: {count / took:,.0f} orders per second")
        self._verify()

    def _decide(
        self, date: dt.date | None, orders: int | None, seed: int | None, *, only_unfinished: bool
    ) -> Wish | None:
        """What to load; None for nothing. A company that was begun stays the one it is. Raises CommandError."""
        known = days.known_wish()
        if only_unfinished:
            return None if known is None or days.is_finished() else known
        given = Wish(business_date(timezone.now()), ORDERS, SEED) if known is None else known
        wish = Wish(
            given.today if date is None else date,
            given.orders if orders is None else orders,
            given.seed if seed is None else seed,
        )
        if known is not None:
            if wish != known:
                raise CommandError(f"There is another demo company: {_told(known)}. A new one needs an empty database.")
            return known
        if problems := _problems(wish):
            raise CommandError(" ".join(problems))
        try:
            days.refuse_foreign_data()
        except ForeignData as found:
            raise CommandError(f"The demo company needs an empty database; this one holds: {found}.") from found
        return wish

    def _verify(self) -> None:
        begun = time.monotonic()
        # Of what was written in one go PostgreSQL knows nothing yet, or has counted tables that were empty then: reports would be planned for that.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        results = verify()
        took = dt.timedelta(seconds=time.monotonic() - begun)
        keep_results(results=results, took=took, at=timezone.now(), by=days.BY)
        faults = [fault for result in results for fault in result.faults]
        for fault in faults:
            self.stdout.write(
                f"  {fault.promise} {fault.subject_type} {fault.subject_id} {fault.subject_label}: {fault.detail}"
            )
        value = sum(pool.value for pool in stock_values())
        rows = sum(result.rows for result in results)
        self.stdout.write(f"verify: {len(results)} checks, {rows:,} rows, {len(faults)} faults; stock ¥{value:,.0f}")
        if faults:
            raise CommandError("Not every promise holds.")


def _problems(wish: Wish) -> list[str]:
    problems = []
    if not LEAST_ORDERS <= wish.orders <= MOST_ORDERS:
        problems.append(f"--orders: {LEAST_ORDERS} to {MOST_ORDERS:,} are possible.")
    if wish.seed < 0:
        problems.append("--seed: 0 or more.")
    if not EARLIEST <= wish.today <= business_date(timezone.now()):
        problems.append(f"--date: {EARLIEST} to today is possible.")
    return problems


def _told(wish: Wish) -> str:
    return f"{wish.orders:,} orders up to {wish.today}, seed {wish.seed}"


@contextmanager
def _progress(count: int, file: Path | None) -> Iterator[Callable[[int], None]]:
    """A bar where somebody is looking, and a file for whoever waits for us."""
    done = 0

    def note(more: int) -> None:
        nonlocal done
        done += more
        if file is not None:
            file.write_text(f"{100 * done // count}\n")

    if not sys.stderr.isatty():
        yield note
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("orders"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("demo", total=count)

        def advance(more: int) -> None:
            note(more)
            bar.update(task, advance=more)

        yield advance
