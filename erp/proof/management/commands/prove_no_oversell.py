"""Proves that the same unit is never sold twice, on a cluster of its own. Exits 1 when anything that must be true is not."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from erp.proof import reporting
from erp.proof.running import Proof, Run
from erp.runtime import supervisor
from erp.runtime.installation import PROJECT, Installation

STOPPED = 130


class Command(BaseCommand):
    help = (
        "Let many processes order, amend, hold, cancel, ship, return, move, count and sell the same few SKUs through every channel, kill them "
        "and PostgreSQL with -9, and then prove from what they were told, from the orders and from the ledger that no unit was sold twice. "
        "Touches nothing of this installation."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=float, default=2.0, help="how long everybody works (2)")
        parser.add_argument("--seed", type=int, default=1, help="what is drawn (1)")
        parser.add_argument("--processes", type=int, default=8, help="how many work at once (8)")
        parser.add_argument("--reports", type=Path, default=PROJECT / "var" / "proofs", help="folder of the reports")

    def handle(self, *args: Any, minutes: float, seed: int, processes: int, reports: Path, **options: Any) -> None:
        if not 0 < minutes <= 24 * 60:
            raise CommandError("--minutes: more than 0, at most a day")
        if not 1 <= processes <= 64:
            raise CommandError("--processes: 1 to 64")
        proof = Proof(seed, minutes * 60, processes, timezone.now())
        try:
            with supervisor.stopped_by_signal():
                Run(proof, say=self._say).run(Installation.of_environment())
        except KeyboardInterrupt:
            self._say(_("Stopped before its end: nothing is proved."))
            sys.exit(STOPPED)
        words = list(reporting.lines(proof))
        file = reporting.write(reports, proof, words)
        for line in words:
            self._say(line)
        self._say(_("Report: %(file)s") % {"file": file})
        if not proof.is_kept:
            sys.exit(1)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
