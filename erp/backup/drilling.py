"""The drill (復元訓練): restore a backup somewhere else, compare it with what was saved, and verify it as it would run. Nothing else changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from erp.backup import contents, restoring
from erp.backup.archive import Manifest
from erp.backup.copies import Copy
from erp.backup.exceptions import ProgramFailed
from erp.backup.noting import Clock, noted
from erp.backup.programs import Database
from erp.core.actors import Actor
from erp.core.models import BackupRun
from erp.runtime import leash


@dataclass(slots=True)
class Drilled:
    """What a drill found. ``checks`` are those of ``verify``, each with its faults."""

    differences: list[str] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    restore_s: float = 0.0
    total_s: float = 0.0

    @property
    def faults(self) -> list[str]:
        broken = [f"{check['promise']} {check['title']}: {fault}" for check in self.checks for fault in check["faults"]]
        return self.differences + broken


def drill(
    *,
    path: Path,
    manifest: Manifest,
    place: Callable[[], AbstractContextManager[Copy]],
    clock: Clock,
    by: Actor,
    tell: Callable[[str], None],
) -> Drilled:
    """Restore into ``place``, compare every table, bring the copy to this version, verify it. The run is noted in the live database."""
    drilled, began = Drilled(), clock()
    with noted(BackupRun.Kind.DRILL, path, clock=clock, by=by) as outcome:
        with place() as made:
            copy = made.database
            if made.folder is not None:
                outcome.leaves(made.folder)
            tell("restoring into a copy ...")
            restoring.fill(copy, path)
            drilled.restore_s = (clock() - began).total_seconds()
            tell("comparing every table with what was saved ...")
            with copy.connect() as session:
                drilled.differences = contents.differences(manifest.tables, contents.rows_per_table(session))
                session.execute("ANALYZE")
            tell("verifying the copy ...")
            _manage(copy, "migrate", "--no-input", "--verbosity=0")
            drilled.checks = json.loads(_manage(copy, "verify", "--json", expects=(0, 1)))
        drilled.total_s = (clock() - began).total_seconds()
        outcome.rows, outcome.file_bytes = manifest.row_count, path.stat().st_size
        outcome.faults = drilled.faults[:100]
        outcome.detail = (
            f"{len(manifest.tables)} tables, {len(drilled.checks)} checks, {drilled.restore_s:.0f} s to restore"
        )
    return drilled


def _manage(copy: Database, *arguments: str, expects: tuple[int, ...] = (0,)) -> str:
    """A command of ours on the copy, with the settings of this process and no others. Gives what it wrote."""
    environment = {
        **os.environ,
        "DATABASE_URL": copy.url,
        "DATABASE_TRANSACTION_TIMEOUT_MS": "0",
        "DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS": "0",
        "DATABASE_POOL_SIZE": "0",
        "SECRET_KEY": settings.SECRET_KEY,
        "DEBUG": str(settings.DEVELOPMENT).lower(),
        "LOG_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    with tempfile.TemporaryFile() as said:
        process = leash.start(command, env=environment, cwd=settings.BASE_DIR, output=subprocess.PIPE, errors=said)
        assert process.stdout is not None
        with process.stdout:
            written = str(process.stdout.read(), "utf-8")
        if process.wait() not in expects:
            said.seek(0)
            told = said.read().decode(errors="replace").strip()[-2_000:]
            raise ProgramFailed(f"manage.py {' '.join(arguments)} failed on the copy: {told}")
    return written
