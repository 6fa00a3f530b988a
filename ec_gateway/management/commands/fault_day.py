"""A day on which everything fails, on servers of its own, and the proof that nothing was lost. Exits 1 when anything is untrue."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ec_gateway.management.fault_day.day import FaultDay, write_report
from ec_gateway.management.fault_day.plan import make_plan
from erp.runtime import supervisor
from erp.runtime.installation import PROJECT, Installation

STOPPED = 130


class Command(BaseCommand):
    help = (
        "Run the processes of `make run` with three practice sites in a temporary folder; let shoppers buy and staff work while every fault "
        "strikes and every process is killed with -9; then prove that no figure drifts and no order is lost or doubled. The same seed "
        "tries the same things."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--minutes", type=float, default=1.0, help="how long everybody works (1)")
        parser.add_argument(
            "--reports", type=Path, default=PROJECT / "var" / "fault_days", help="folder of the reports"
        )
        parser.add_argument("--plan", action="store_true", help="only say what would be tried")

    def handle(self, *args: Any, seed: int, minutes: float, reports: Path, plan: bool, **options: Any) -> None:
        if not 0 < minutes <= 24 * 60:
            raise CommandError("--minutes: more than 0, at most a day")
        made = make_plan(seed=seed, minutes=minutes)
        if plan:
            self.stdout.write(f"seed {seed}, {minutes:g} min, plan {made.digest}")
            for kind, count in sorted(made.counts().items()):
                self.stdout.write(f"  {kind:<18}{count:>8,}")
            return
        day, at = FaultDay(made, say=self._say), timezone.now()
        try:
            with supervisor.stopped_by_signal():
                is_kept = day.run(Installation.of_environment())
        except KeyboardInterrupt:
            day.report.append("Stopped before its end.")
            sys.exit(STOPPED)
        finally:
            file = write_report(reports, made, day.report, at=at)
            self._say(f"Report: {file}")
        if not is_kept:
            sys.exit(1)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
