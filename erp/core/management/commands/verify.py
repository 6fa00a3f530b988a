"""Check every promise of the house against the live database. Exits 1 when one is broken; changes nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from erp.core.actors import Actor
from erp.core.retries import retried
from erp.core.verify import Result, keep_results, verify


class Command(BaseCommand):
    help = (
        "Check every promise against the live database, in one snapshot. Names each culprit row and exits 1 on a fault."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="say it to machines: a list of checks with their faults"
        )
        parser.add_argument(
            "--file", action="store_true", help="keep the run and open tasks for faults, as the nightly job does"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        results = verify()
        if options["file"]:
            retried(keep_results, results=results, took=timezone.now() - at, at=at, by=Actor.command("verify"))
        if options["json"]:
            self.stdout.write(json.dumps([_told(result) for result in results], ensure_ascii=False))
        else:
            self._tell(results)
        if any(result.faults for result in results):
            sys.exit(1)

    def _tell(self, results: list[Result]) -> None:
        width = max((len(result.title) for result in results), default=0)
        for result in results:
            self._print(result, width)
        faults = sum(len(result.faults) for result in results)
        rows = sum(result.rows for result in results)
        summary = f"{len(results)} checks, {rows:,} rows, {faults:,} faults"
        self.stdout.write(self.style.ERROR(summary) if faults else self.style.SUCCESS(summary))

    def _print(self, result: Result, width: int) -> None:
        verdict = self.style.ERROR(f"{len(result.faults):,} FAULTS") if result.faults else self.style.SUCCESS("OK")
        self.stdout.write(f"{result.promise:<4} {result.title:<{width}} {result.rows:>12,} rows  {verdict}")
        for fault in result.faults:
            self.stdout.write(f"       {fault}")


def _told(result: Result) -> dict[str, Any]:
    return {**asdict(result), "faults": [str(fault) for fault in result.faults]}
