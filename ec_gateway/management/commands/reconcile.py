"""``manage.py reconcile``: compare what EC sites show with what we allow, now, and say what differs and why."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count
from django.utils import timezone

from ec_gateway.models import Activity, EcSite, ReconciliationRow
from ec_gateway.platforms.calling import Line, NotNow
from ec_gateway.platforms.connections import connect
from ec_gateway.platforms.interface import PlatformError
from ec_gateway.reconciliation import reconcile
from ec_gateway.reconciliation.running import Outcome
from ec_gateway.services import wakes
from ec_gateway.services.leases import LeaseLost, new_holder
from erp.core.actors import Actor
from erp.core.errors import DomainError


class Command(BaseCommand):
    help = "Compare the stock and orders of EC sites with ours, name the cause of each difference, and repair what is safe to repair."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", action="append", metavar="CODE", help="channel code; all sites without it")
        parser.add_argument("--dry-run", action="store_true", help="write the report and repair nothing")
        parser.add_argument("--days", type=int, default=7, help="orders of the last so many days (7)")

    def handle(self, *args: Any, site: list[str] | None, dry_run: bool, days: int, **options: Any) -> None:
        sites = EcSite.objects.select_related("channel").exclude(platform="").order_by("channel__code")
        if site:
            sites = sites.filter(channel__code__in=site)
            unknown = set(site) - set(sites.values_list("channel__code", flat=True))
            if unknown:
                raise CommandError(f"no site that can be called: {', '.join(sorted(unknown))}")
        failed = [found.channel.code for found in sites if not self._reconcile(found, dry_run, days)]
        if failed:
            raise CommandError(f"not compared: {', '.join(failed)}")

    def _reconcile(self, site: EcSite, dry_run: bool, days: int) -> bool:
        by = Actor.command("reconcile")
        code = site.channel.code
        try:
            line = Line(site, connect(site, at=timezone.now(), by=by), clock=timezone.now, by=by)
            outcome = reconcile(
                line=line,
                holder=new_holder(),
                wait=time.sleep,
                by=by,
                is_dry_run=dry_run,
                orders_of_last=dt.timedelta(days=days),
            )
        except (PlatformError, NotNow, LeaseLost, DomainError) as error:
            self.stderr.write(f"{code}: broken off: {error}")
            return False
        if outcome is None:
            self.stderr.write(f"{code}: another run is under way")
            return False
        self._tell(code, outcome)
        if outcome.wants_inbox:
            wakes.wake(site_id=site.pk, activity=Activity.INBOX)
        if outcome.wants_publish:
            wakes.wake(site_id=site.pk, activity=Activity.PUBLISH)
        return True

    def _tell(self, code: str, outcome: Outcome) -> None:
        run = outcome.run
        took = (run.finished_at - run.started_at).total_seconds() if run.finished_at else 0.0
        self.stdout.write(
            f"{code}: {run.listings_compared} listings and {run.orders_compared} orders compared in {took:.1f} s,"
            f" {run.stock_rows} + {run.order_rows} differences{' (dry run)' if run.is_dry_run else ''}"
        )
        causes = ReconciliationRow.objects.filter(run=run).values_list("cause", "repair").annotate(rows=Count("pk"))
        for cause, repair, count in causes.order_by("cause", "repair"):
            self.stdout.write(f"  {cause:<24}{count:>8}  {repair}")
