"""Task rows: what a person must look at, written in the transaction that found it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from erp.core.actors import Actor
from erp.core.models import StaffTask
from erp.core.use_case import use_case


@dataclass(frozen=True, slots=True)
class Finding:
    kind: str
    subject_type: str
    subject_id: int
    subject_label: str
    detail: str
    due_at: dt.datetime | None = None


_OPEN = """
INSERT INTO core_stafftask (kind, subject_type, subject_id, subject_label, detail, due_at, opened_at, opened_by, closed_by, resolution)
SELECT kind, subject_type, subject_id, left(label, 100), detail, due_at, %s, %s, '', ''
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
    AS found (kind, subject_type, subject_id, label, detail, due_at)
ON CONFLICT (kind, subject_type, subject_id) WHERE closed_at IS NULL DO UPDATE SET detail = EXCLUDED.detail, due_at = EXCLUDED.due_at
"""


def open_tasks(findings: Sequence[Finding], *, at: dt.datetime, by: Actor) -> None:
    """Open one task per finding; where one of the same kind and subject is open, its text is brought up to date instead."""
    unique = {(item.kind, item.subject_type, item.subject_id): item for item in findings}.values()
    if unique:
        columns = zip(
            *[
                (item.kind, item.subject_type, item.subject_id, item.subject_label, item.detail, item.due_at)
                for item in unique
            ],
            strict=True,
        )
        with connection.cursor() as cursor:
            cursor.execute(_OPEN, [at, str(by), *(list(column) for column in columns)])


def close_open(
    *, kind: str, subject_type: str, subject_ids: Sequence[int], resolution: str, at: dt.datetime, by: Actor
) -> None:
    """Close the tasks of a kind whose reason is gone. Part of the transaction that removed it."""
    StaffTask.objects.filter(
        kind=kind, subject_type=subject_type, subject_id__in=subject_ids, closed_at__isnull=True
    ).update(closed_at=at, closed_by=str(by), resolution=resolution)


@use_case
def close_task(*, task_id: int, resolution: str, at: dt.datetime, by: Actor) -> bool:
    """Close a task with what was done. Returns False when it was closed before."""
    return bool(
        StaffTask.objects.filter(pk=task_id, closed_at__isnull=True).update(
            closed_at=at, closed_by=str(by), resolution=resolution
        )
    )
