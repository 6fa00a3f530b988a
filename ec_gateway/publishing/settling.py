"""What became of a push: each row is settled by itself, with the message that was sent, and a person is told of what will fail again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from ec_gateway.models import EcSite
from ec_gateway.platforms.interface import PlatformError, PushOutcome, PushResult
from ec_gateway.publishing.backoff import next_attempt
from ec_gateway.publishing.claiming import Claim, lock
from erp.core import messages, staff_tasks
from erp.core.actors import Actor
from erp.core.models import StaffTask

TASK_UNKNOWN_ITEM = "EC_UNKNOWN_ITEM"
TASK_REFUSED = "EC_PUSH_REFUSED"
SUBJECT = "LISTING"
KIND = "stock"

Jitter = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Settled:
    """``is_over``: the row waits no longer, unless it was marked again meanwhile. ``is_answered``: the site said what it did."""

    claim: Claim
    is_over: bool
    is_answered: bool
    shown: int | None
    attempts: int
    due_at: dt.datetime
    error: str = ""
    task: str = ""
    edited: int | None = None
    is_stale: bool = False


def after_answer(claim: Claim, result: PushResult, *, at: dt.datetime, jitter: Jitter) -> Settled:
    due, shown, attempts = claim.due, result.shown, claim.due.attempts + 1
    if result.outcome == PushOutcome.DONE:
        return Settled(claim, True, True, claim.push.quantity if shown is None else shown, 0, at)
    if result.outcome == PushOutcome.UNKNOWN_ITEM:
        told = result.detail or _("The site does not know this code.")
        return Settled(claim, True, True, None, 0, at, told, task=TASK_UNKNOWN_ITEM)
    later = next_attempt(attempts=attempts, at=at, jitter=jitter)
    if result.outcome == PushOutcome.STALE:
        known = {due.shown, claim.push.quantity, *due.recent}
        # A figure of somebody else: an edit, or a sale whose order has not come yet; its order will say so.
        edited = shown if shown is not None and shown not in known and due.shown is not None else None
        told = result.detail or _("The site shows another figure, or has an order that is not here yet.")
        return Settled(claim, False, True, shown, attempts, later, told, edited=edited, is_stale=True)
    return Settled(claim, False, True, due.shown, attempts, later, result.detail or _("The site did not take it."))


def after_error(claim: Claim, error: PlatformError, *, at: dt.datetime, jitter: Jitter) -> Settled:
    """Nobody knows what was done, unless the request was refused: then nothing was, and it will be refused again."""
    due = claim.due
    if not error.is_retryable and not error.is_unauthorised:
        return Settled(claim, True, True, due.shown, 0, at, str(error), task=TASK_REFUSED)
    if error.retry_after_s is not None:
        # The budget of the site makes everybody wait; the row has done nothing wrong.
        return Settled(claim, False, False, due.shown, due.attempts, at, due.error)
    attempts = due.attempts + 1
    later = next_attempt(attempts=attempts, at=at, jitter=jitter)
    return Settled(claim, False, False, due.shown, attempts, later, str(error))


# Only the push that was answered is settled: whoever took the row over meanwhile has written another version.
_SETTLE = """
UPDATE ec_gateway_sitepush AS p
SET shown = CASE WHEN s.is_answered THEN s.shown ELSE p.shown END,
    shown_at = CASE WHEN s.is_answered AND s.shown IS NOT NULL THEN %(at)s ELSE p.shown_at END,
    attempts = s.attempts, error = s.error,
    pending_key = CASE WHEN s.is_answered THEN '' ELSE p.pending_key END,
    pending_quantity = CASE WHEN s.is_answered THEN NULL ELSE p.pending_quantity END,
    dirty_since = CASE WHEN s.is_over AND p.generation = s.generation THEN NULL ELSE p.dirty_since END,
    is_forced = CASE WHEN s.is_over AND p.generation = s.generation THEN false ELSE p.is_forced OR s.is_stale END,
    -- Somebody forced it meanwhile: that reason does not wait for this failure.
    due_at = CASE WHEN p.due_at <> s.was_due_at THEN p.due_at ELSE s.due_at END,
    edited_quantity = coalesce(s.edited, p.edited_quantity),
    edited_at = CASE WHEN s.edited IS NOT NULL THEN %(at)s ELSE p.edited_at END
FROM (
    SELECT * FROM json_to_recordset(%(settled)s::json) AS s (id bigint, version bigint, generation bigint, is_answered boolean,
        is_over boolean, is_stale boolean, shown int, attempts int, error text, due_at timestamptz, was_due_at timestamptz, edited int)
) s
WHERE p.id = s.id AND p.version = s.version AND p.pending_key <> ''
"""


def settle(*, site: EcSite, settled: Sequence[Settled], outcome: str, detail: str, at: dt.datetime, by: Actor) -> None:
    """Write down what became of one request: its rows, its tasks, and itself."""
    with transaction.atomic():
        lock(item.claim.due.id for item in settled)
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, {"at": at, "settled": messages.encode([_row(item) for item in settled])})
        _tell_staff(site, settled, at, by)
        sent = [asdict(item.claim.push) | {"outcome": _outcome(item), "shown": item.shown} for item in settled]
        message = messages.Message(KIND, "", 1, sent, "", outcome, detail[:2000])
        messages.store([message], channel_id=site.channel_id, at=at, by=by, direction="OUT")


def _row(item: Settled) -> dict[str, Any]:
    return {
        "id": item.claim.due.id, "version": item.claim.push.version,
        "generation": item.claim.due.generation, "is_answered": item.is_answered, "is_over": item.is_over, "is_stale": item.is_stale,
        "shown": item.shown, "attempts": item.attempts, "error": item.error[:2000], "due_at": item.due_at,
        "was_due_at": item.claim.due.due_at, "edited": item.edited,
    }  # fmt: skip


def _outcome(item: Settled) -> str:
    if item.error:
        return item.error
    return "done" if item.is_over else ""


def _tell_staff(site: EcSite, settled: Sequence[Settled], at: dt.datetime, by: Actor) -> None:
    findings = [
        staff_tasks.Finding(
            item.task,
            SUBJECT,
            item.claim.due.listing_id,
            f"{site.channel.code} {item.claim.push.external_code}",
            item.error,
        )
        for item in settled
        if item.task
    ]
    staff_tasks.open_tasks(findings, at=at, by=by)
    healed = [item.claim.due.listing_id for item in settled if item.claim.due.error and item.is_over and not item.task]
    if healed:
        StaffTask.objects.filter(
            kind__in=[TASK_UNKNOWN_ITEM, TASK_REFUSED],
            subject_type=SUBJECT,
            subject_id__in=healed,
            closed_at__isnull=True,
        ).update(closed_at=at, closed_by=str(by), resolution=_("The site took it."))
