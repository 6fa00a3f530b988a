"""Check every promise of the house against the live database. Exits 1 when one is broken; changes nothing."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from erp.core.verify import Result, verify


class Command(BaseCommand):
    help = (
        "Check every promise against the live database, in one snapshot. Names each culprit row and exits 1 on a fault."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        results = verify()
        width = max((len(result.title) for result in results), default=0)
        for result in results:
            self._print(result, width)
        faults = sum(len(result.faults) for result in results)
        rows = sum(result.rows for result in results)
        summary = f"{len(results)} checks, {rows:,} rows, {faults:,} faults"
        self.stdout.write(self.style.ERROR(summary) if faults else self.style.SUCCESS(summary))
        if faults:
            sys.exit(1)

    def _print(self, result: Result, width: int) -> None:
        verdict = self.style.ERROR(f"{len(result.faults):,} FAULTS") if result.faults else self.style.SUCCESS("OK")
        self.stdout.write(f"{result.promise:<4} {result.title:<{width}} {result.rows:>12,} rows  {verdict}")
        for fault in result.faults:
            self.stdout.write(f"       {fault.subject_type} {fault.subject_id} {fault.subject_label}: {fault.detail}")
