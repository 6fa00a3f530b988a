"""Refusals of the customer master."""

from __future__ import annotations

from erp.core.errors import NotAllowedNow


class MergeMovedOn(NotAllowedNow):
    """A later merge of the same record stands: undo that one first."""

    code = "merge_moved_on"
