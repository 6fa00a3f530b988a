"""Import a product file. Every problem of every row is named; with one of them nothing is imported."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import services
from erp.core.actors import Actor
from erp.core.errors import InvalidInput
from erp.core.retries import retried


class Command(BaseCommand):
    help = "Import styles, SKUs, JANs, costs and standard prices from a CSV file (UTF-8 or cp932). All rows or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="check and say what would change, write nothing")
        parser.add_argument("--encoding", default="", help="utf-8, cp932, …; found out when not given")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CommandError(str(error)) from None
        try:
            report = retried(
                services.import_products,
                content=content,
                encoding=options["encoding"],
                dry_run=options["dry_run"],
                on=timezone.localdate(),
                at=timezone.now(),
                by=Actor.command("import_products", f"{socket.gethostname()} {path.name}"),
            )
        except InvalidInput as refusal:
            for problem in refusal.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"{len(refusal.problems):,} problems, nothing imported.") from None
        verb = "would change" if options["dry_run"] else "changed"
        self.stdout.write(
            f"{report.rows:,} rows {verb}: styles +{report.products_created:,} ~{report.products_changed:,},"
            f" SKUs +{report.skus_created:,} ~{report.skus_changed:,}, codes +{report.codes_added:,},"
            f" costs {report.costs_set:,}, prices {report.prices_set:,}, masters +{report.masters_created:,}"
        )
        if report.ignored_columns:
            self.stdout.write("Columns that mean nothing here: " + ", ".join(report.ignored_columns))
