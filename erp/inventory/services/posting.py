"""Posting what stock itself has to post. Internal to ``services``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from accounting.services import Line, hold_open_dates, post_entries
from erp.core.actors import Actor
from erp.inventory import postings
from erp.inventory.postings import Sums


def post(
    lines: Sequence[Line], *, on: dt.date, description: str, source: tuple[str, int], at: dt.datetime, by: Actor
) -> None:
    """One entry for a document, named by (type, id); none when nothing of it is worth anything."""
    source_type, source_id = source
    drafts = postings.entry(lines, on=on, description=description, source_type=source_type, source_id=source_id)
    post_entries(drafts=drafts, at=at, by=by)


def post_facts(
    sums: Mapping[tuple[int, dt.date], Sums],
    *,
    description: str,
    channel_id: int | None = None,
    at: dt.datetime,
    by: Actor,
) -> None:
    """What cannot be refused, by document and day: on that day, or the first one after it that is open. The movements keep the day it happened."""
    opened = hold_open_dates(on for _document, on in sums)
    drafts = [
        draft
        for (document_id, on), of_day in sums.items()
        for draft in postings.entry(
            of_day.lines(channel_id=channel_id),
            on=opened[on],
            description=description,
            source_type="STOCK",
            source_id=document_id,
        )
    ]
    post_entries(drafts=drafts, at=at, by=by)
