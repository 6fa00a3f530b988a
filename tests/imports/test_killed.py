"""kill -9 of real workers in the midst of executing and of undoing: the next one goes on, and nothing is there twice."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connection

from catalog.models import Product
from erp.core.models import AuditRow
from erp.imports import services
from erp.imports.models import ImportRun
from erp.runtime import leash
from tests.imports.files import by_of, checked, csv_file

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("faults")]
ROWS = 600


def url() -> str:
    told = connection.settings_dict
    return f"postgresql://{told['USER']}:{told['PASSWORD']}@/{told['NAME']}?host={told['HOST']}&port={told['PORT']}"


def work(*, chunks: int | None = None) -> None:
    """A worker until it is done, or until it is killed behind so many chunks."""
    environment = {**os.environ, "DATABASE_URL": url(), "SECRET_KEY": "x", "DEBUG": "true", "LOG_LEVEL": "ERROR"}
    process = leash.start([sys.executable, "-m", "tests.imports.worker"], env=environment, output=subprocess.PIPE)
    seen = 0
    for line in process.stdout:
        seen += b"chunk" in (line if isinstance(line, bytes) else line.encode())
        if chunks is not None and seen >= chunks:
            process.kill()
            break
    process.stdout.close()
    code = process.wait(60)
    assert code == (0 if chunks is None else -9)


def test_workers_that_are_killed_are_gone_on_from():
    run = checked(
        "products", csv_file(["品番", "名称"], *[[f"S-{number:04}", f"名{number}"] for number in range(ROWS)])
    )
    services.execute(run_id=run.pk, **by_of(run.user))

    work(chunks=2)
    between = Product.objects.count()
    work(chunks=3)
    work()

    run.refresh_from_db()
    assert 0 < between < ROWS
    assert (run.state, run.applied_count, Product.objects.count()) == ("APPLIED", ROWS, ROWS)
    assert AuditRow.objects.filter(table_name="catalog_product", action="INSERT").count() == ROWS

    services.undo(run_id=run.pk, **by_of(run.user))
    work(chunks=2)
    assert 0 < Product.objects.count() < ROWS
    work()

    assert ImportRun.objects.get().undone_count == ROWS
    assert not Product.objects.exists()
