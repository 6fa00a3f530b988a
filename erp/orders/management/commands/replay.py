"""Pushes a file of real orders through the same services as every other way in, and proves the sum. Exits 1 when anything is untrue."""

from __future__ import annotations

import resource
import socket
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from erp.core.actors import Actor
from erp.core.errors import Problem
from erp.core.money import ZERO
from erp.core.verify import verify
from erp.orders.management.online_retail import reading, reconciling
from erp.orders.management.online_retail.booking import Replay
from erp.orders.management.online_retail.meaning import Kind, Refusal, Survey, meaning_of, survey
from erp.orders.management.online_retail.reading import Row

DATA = Path(__file__).resolve().parents[2] / "data" / "online_retail"


class Command(BaseCommand):
    help = (
        "Book a month of the data set Online Retail (UCI) as orders, shipments, sales, returns, charges and write-offs, then "
        "compare what the books hold with the sum of the file and verify every promise. The same file again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", help=f"a CSV file, gzipped or not; a bare month such as 2010-12 is looked for in {DATA}"
        )
        parser.add_argument("--channel", default="UCI", help="code of the EC channel (default: UCI)")

    def handle(self, *args: Any, file: str, channel: str, **options: Any) -> None:
        path = _find(file)
        problems: list[Problem] = []
        found = survey(reading.read_rows(path, problems))
        if problems or not found.total.rows:
            self._refuse_file(path, problems)
        self._print_file(path, found)
        before = reconciling.fill()
        replay = Replay(path, found, channel=channel, by=Actor.command("replay", f"{socket.gethostname()} {path.name}"))
        took = self._book(replay, found)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        verdicts = [
            self._print_rows(replay, found),
            self._print_again(replay, before),
            self._print_net(replay, found),
            self._verify(),
        ]
        rate = found.total.rows / took
        self.stdout.write(
            f"\n{found.total.rows:,} rows in {took:.1f} s: {rate:,.0f} rows per second; peak memory {peak:,.0f} MiB"
        )
        if not all(verdicts):
            self.stdout.write(self.style.ERROR("Not everything above is true."))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS("Everything above is true."))

    def _refuse_file(self, path: Path, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self.stdout.write(str(problem))
        self.stdout.write(
            self.style.ERROR(f"{path}: {len(problems):,} problems, no rows to book. Nothing was written.")
        )
        sys.exit(1)

    def _book(self, replay: Replay, found: Survey) -> float:
        begun = time.monotonic()
        replay.set_up(digest=reading.digest(replay.path))
        with _progress(found.total.rows) as advance:
            replay.sell(advance)
            replay.take_back(advance)
        return time.monotonic() - begun

    def _print_file(self, path: Path, found: Survey) -> None:
        pounds = found.total.exact / 100
        self.stdout.write(
            f"{path.name}: {found.total.rows:,} rows, {found.orders:,} orders, {found.cancellations:,} cancellations, £{pounds:,.2f}"
        )
        self.stdout.write(
            "Pounds × 100 are read as yen, tax-exclusive, at the standard rate of the day; times as Tokyo time."
        )

    def _print_rows(self, replay: Replay, found: Survey) -> bool:
        """Every row is booked or refused with its reason."""
        refused = [*found.refused, *replay.booked.refused]
        booked = replay.booked.now + replay.booked.before
        self.stdout.write("\nRows")
        for kind in Kind:
            if known := found.kinds.get(kind):
                self.stdout.write(f"  {kind.value:<24} {known.rows:>9,}")
        for row, reason in refused:
            self.stdout.write(f"  refused: row {row.number}, invoice {row.invoice}, {row.code}: {reason.value}")
        for reason, count in sorted(Counter(reason for _row, reason in refused).items()):
            self.stdout.write(f"  refused because of {reason.value}: {count:,}")
        return self._judge(
            found.total.rows == booked + len(refused),
            f"read {found.total.rows:,} = booked {booked:,} (now {replay.booked.now:,}, before {replay.booked.before:,})"
            f" + refused {len(refused):,}",
        )

    def _print_again(self, replay: Replay, before: reconciling.Fill) -> bool:
        """A replay that finds nothing new must not have changed anything."""
        if replay.booked.now:
            return True
        after = reconciling.fill()
        posted = f"posted ¥{_plain(before.posted)} before, ¥{_plain(after.posted)} after"
        stock = f"stock ¥{_plain(before.stock)} before, ¥{_plain(after.stock)} after"
        counted = f"{before.total:,} rows in {len(before.rows)} tables before, {after.total:,} after"
        return self._judge(before == after, f"nothing was new, nothing changed: {counted}; {posted}; {stock}")

    def _print_net(self, replay: Replay, found: Survey) -> bool:
        books = reconciling.read_back(found, channel_id=replay.channel_id, channel_code=replay.channel_code)
        refused = _net_by_kind(replay.booked.refused)
        self.stdout.write(f"\nNet by kind, tax-exclusive      {'file':>16} {'books':>16}")
        verdicts = [
            self._judge(item.is_true, f"{item.label:<26} ¥{_plain(item.file):>15} ¥{_plain(item.books):>15}")
            for item in reconciling.compare_kinds(found, books, refused)
        ]
        self.stdout.write(f"\nPostings of these documents     {'debit':>16} {'credit':>16}")
        for item in sorted(books.accounts.values(), key=lambda item: item.code):
            self.stdout.write(f"    {item.code} {item.name:<21} ¥{_plain(item.debit):>15} ¥{_plain(item.credit):>15}")
        net, cost = reconciling.income_less_expense(books)
        total, rounding = found.total, found.total.yen - found.total.exact
        left_out = sum(refused.values(), ZERO) + (
            found.kinds[Kind.REFUSED].yen if Kind.REFUSED in found.kinds else ZERO
        )
        self.stdout.write(f"    what the goods cost: ¥{_plain(-cost)}; pieces written off: {books.write_off_pieces:,}")
        self.stdout.write(
            f"    lines returned to a known sale: {books.returns_linked:,}, without one: {books.returns_unlinked:,}"
        )
        self.stdout.write(
            f"    Σ quantity × price = ¥{_plain(total.exact)}; rounding to yen changes it by ¥{_plain(rounding)}; refused ¥{_plain(left_out)}"
        )
        verdicts.append(
            self._judge(
                net == total.yen - left_out,
                f"net of the accounts ¥{_plain(net)} = the file's ¥{_plain(total.yen - left_out)}",
            )
        )
        return all(verdicts)

    def _verify(self) -> bool:
        # Of what was written in one go PostgreSQL knows nothing yet, and may take a table of a month for an empty one.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        results = verify()
        faults = [fault for result in results for fault in result.faults]
        self.stdout.write("")
        for fault in faults:
            self.stdout.write(
                f"  {fault.promise} {fault.subject_type} {fault.subject_id} {fault.subject_label}: {fault.detail}"
            )
        rows = sum(result.rows for result in results)
        return self._judge(not faults, f"verify: {len(results)} checks, {rows:,} rows, {len(faults):,} faults")

    def _judge(self, is_true: bool, text: str) -> bool:
        self.stdout.write(f"  {'✓' if is_true else self.style.ERROR('✗')} {text}")
        return is_true


def _find(file: str) -> Path:
    shipped = DATA / f"{file}.csv.gz"
    return shipped if not Path(file).exists() and shipped.exists() else Path(file)


def _net_by_kind(refused: Sequence[tuple[Row, Refusal]]) -> dict[Kind, Decimal]:
    found: dict[Kind, Decimal] = {}
    for row, _reason in refused:
        kind = meaning_of(row)[0]
        found[kind] = found.get(kind, ZERO) + row.yen
    return found


def _plain(amount: Decimal) -> str:
    """Without the zeros that the columns of the books carry behind whole yen."""
    return f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount.normalize():,f}"


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], None]]:
    """A bar with the rate, where somebody is looking."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]} rows/s"), TimeRemainingColumn())
    begun = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("replay", total=rows, rate="–")

        def advance(count: int) -> None:
            done = bar.tasks[0].completed + count
            bar.update(task, completed=done, rate=f"{done / (time.monotonic() - begun):,.0f}")

        yield advance
