"""Merging of customers (名寄せ): source records move under another golden record, and back. Nothing is copied or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext as _

from customers.exceptions import MergeMovedOn
from customers.models import CustomerRecord, GoldenCustomer, MergeEvent
from erp.core.actors import Actor
from erp.core.errors import NotAllowedNow, NotFound, Problem
from erp.core.use_case import use_case


@use_case
def merge_records(
    *, record_ids: Sequence[int], into_golden_id: int, reason: str, at: datetime, by: Actor
) -> list[MergeEvent]:
    """Move source records under a golden record. Records that are there already stay, so a repeat changes nothing.

    Trade accounts are not touched: staff move those. Raises NotFound naming every record, or the golden record, that does not exist.
    """
    records = _lock_records(record_ids)
    missing = [record_id for record_id in dict.fromkeys(record_ids) if record_id not in records]
    problems = [Problem(f"/record_ids/{record_id}", "not_found", _("No such record.")) for record_id in missing]
    if not GoldenCustomer.objects.filter(pk=into_golden_id).exists():
        problems.append(Problem("/into_golden_id", "not_found", _("No such golden customer.")))
    if problems:
        raise NotFound(problems=problems)
    events = [
        MergeEvent(
            record=record,
            from_golden_id=record.golden_id,
            to_golden_id=into_golden_id,
            reason=reason,
            recorded_at=at,
            actor=str(by),
        )
        for record in records.values()
        if record.golden_id != into_golden_id
    ]
    return _move(events)


@use_case
def undo_merge(*, merge_id: int, at: datetime, by: Actor) -> MergeEvent:
    """Move the record back to where it was before that merge. Repeatable: the way back is written once.

    Raises:
        NotFound: no such merge.
        NotAllowedNow: it is itself the undoing of a merge; merge again instead.
        MergeMovedOn: the record was merged again later; undo that first.
    """
    record_id = MergeEvent.objects.filter(pk=merge_id).values_list("record_id", flat=True).first()
    if record_id is None:
        raise NotFound(_("No such merge."))
    _lock_records([record_id])
    events = list(MergeEvent.objects.filter(record_id=record_id).order_by("pk"))
    undone = {event.undoes_id: event for event in events if event.undoes_id}
    if merge_id in undone:
        return undone[merge_id]
    standing = [event for event in events if event.undoes_id is None and event.pk not in undone]
    merge = next(event for event in events if event.pk == merge_id)
    if merge.undoes_id is not None:
        raise NotAllowedNow(_("This is the undoing of a merge. Merge again instead."))
    if merge != standing[-1]:
        raise MergeMovedOn(_("The record was merged again later. Undo merge %(id)s first.") % {"id": standing[-1].pk})

    way_back = MergeEvent(
        record_id=record_id,
        from_golden_id=merge.to_golden_id,
        to_golden_id=merge.from_golden_id,
        undoes=merge,
        reason=merge.reason,
        recorded_at=at,
        actor=str(by),
    )
    return _move([way_back])[0]


def _move(events: list[MergeEvent]) -> list[MergeEvent]:
    """Write the events, then follow them: the database refuses a record that moves without one."""
    if not events:
        return []
    written = MergeEvent.objects.bulk_create(events)
    target = events[0].to_golden_id
    CustomerRecord.objects.filter(pk__in=[event.record_id for event in events]).update(
        golden_id=target, version=F("version") + 1
    )
    touched = {target, *(event.from_golden_id for event in events)}
    _lock_goldens(touched)
    GoldenCustomer.objects.filter(pk__in=touched).update(version=F("version") + 1)
    return written


def _lock_records(ids: Iterable[int]) -> dict[int, CustomerRecord]:
    wanted = CustomerRecord.objects.filter(pk__in=set(ids)).order_by("pk")
    return {record.pk: record for record in wanted.select_for_update(of=("self",), no_key=True)}


def _lock_goldens(ids: Iterable[int]) -> None:
    wanted = GoldenCustomer.objects.filter(pk__in=set(ids)).order_by("pk")
    list(wanted.select_for_update(of=("self",), no_key=True).values_list("pk"))
