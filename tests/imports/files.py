"""Files of masters for tests, and the way of one from upload to the worker."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import xlsxwriter
from django.contrib.auth.models import User
from django.utils import timezone

from erp.core.actors import Actor
from erp.imports import services
from erp.imports.models import ImportRun
from erp.imports.running import work_off

NOON = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


def csv_file(*rows, encoding="utf-8-sig") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def excel_file(*rows) -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"strings_to_formulas": False})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return target.getvalue()


def staff(name="mika") -> User:
    known = User.objects.filter(username=name).first()
    return known or User.objects.create_superuser(name)


def by_of(user: User) -> dict:
    return {"user": user, "at": timezone.now(), "by": Actor.staff(user.username, "test")}


def uploaded(kind: str, content: bytes, *, user: User | None = None, name="file.csv") -> ImportRun:
    user = user or staff()
    return services.upload(kind=kind, file_name=name, content=content, **by_of(user))


def checked(kind: str, content: bytes, *, user: User | None = None, clears_blanks=False, mapping=None) -> ImportRun:
    user = user or staff()
    run = uploaded(kind, content, user=user)
    services.name_columns(
        run_id=run.pk, mapping=run.mapping if mapping is None else mapping, clears_blanks=clears_blanks, **by_of(user)
    )
    work_off(clock=timezone.now)
    run.refresh_from_db()
    return run


def executed(run: ImportRun, *, user: User | None = None) -> ImportRun:
    services.execute(run_id=run.pk, **by_of(user or run.user))
    work_off(clock=timezone.now)
    run.refresh_from_db()
    return run


def undone(run: ImportRun, *, user: User | None = None) -> ImportRun:
    services.undo(run_id=run.pk, **by_of(user or run.user))
    work_off(clock=timezone.now)
    run.refresh_from_db()
    return run


def imported(kind: str, content: bytes, **options) -> ImportRun:
    return executed(checked(kind, content, **options))


def counts(run: ImportRun) -> dict[str, int]:
    return {
        "new": run.new_count, "changed": run.changed_count, "unchanged": run.unchanged_count, "refused": run.refused_count,
    }  # fmt: skip


def problems(run: ImportRun) -> dict[int, list[str]]:
    found = run.rows.filter(outcome="REFUSED").order_by("number").values_list("number", "problems")
    return {number: [f"{title}: {why}" if title else why for title, why in said] for number, said in found}
