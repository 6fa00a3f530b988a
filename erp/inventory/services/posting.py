"""Posting what stock itself has to post. Internal to ``services``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from accounting.services import Line, post_entries
from erp.core.actors import Actor
from erp.inventory import postings


def post(
    lines: Sequence[Line], *, on: dt.date, description: str, source: tuple[str, int], at: dt.datetime, by: Actor
) -> None:
    """One entry for a document, named by (type, id); none when nothing of it is worth anything."""
    source_type, source_id = source
    drafts = postings.entry(lines, on=on, description=description, source_type=source_type, source_id=source_id)
    post_entries(drafts=drafts, at=at, by=by)
