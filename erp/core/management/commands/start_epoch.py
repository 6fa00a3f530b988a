"""``manage.py start_epoch``: begin a new life of the change feed, after a restore or a failover that may have lost commits."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from erp.core import changes
from erp.core.models import FeedEpoch

LONGEST = FeedEpoch._meta.get_field("reason").max_length or 0


class Command(BaseCommand):
    help = (
        "Begin a new epoch of the change feed. Run it once after every restore, and before anything reads the feed:"
        " every cursor given out so far is refused from then on, and every reader reads the full list again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reason", required=True, help=f"what happened; kept for good, {LONGEST} characters at most"
        )

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        reason = reason.strip()
        if not 0 < len(reason) <= LONGEST:
            raise CommandError(f"--reason must have 1 to {LONGEST} characters")
        before = changes.current_cursor().epoch
        changes.start_epoch(reason=reason, at=timezone.now())
        epoch = changes.current_cursor().epoch
        self.stdout.write(self.style.SUCCESS(f"epoch {epoch} of the change feed began (before: {before}): {reason}"))
        self.stdout.write(
            self.style.WARNING(
                "Every cursor of an earlier epoch is refused from now on: every reader, the EC sites too, reads the full list again."
            )
        )
