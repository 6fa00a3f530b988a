"""A practice EC site to click, and to break on purpose. It becomes that process: the site is a project of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Start a practice EC site on the generic platform (docs/sandbox.md); --help names its options."

    def run_from_argv(self, argv: Sequence[str]) -> None:
        os.execv(sys.executable, [sys.executable, "-m", "ec_gateway.sandbox", *argv[2:]])
