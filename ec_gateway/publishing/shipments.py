"""Tell a site that a parcel has left, so that it can tell its customer: once per shipment, and again when its carrier or tracking number changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import asdict
from functools import partial

from django.db import connection, transaction
from django.utils.translation import gettext as _

from ec_gateway.models import EcSite, ShipmentNotice
from ec_gateway.platforms.calling import Line, NotNow
from ec_gateway.platforms.interface import Platform, PlatformError, ShipmentPush
from ec_gateway.publishing.backoff import next_attempt
from ec_gateway.publishing.pushing import Round
from erp.core import messages, staff_tasks
from erp.core.models import MessageLog
from erp.orders.models import Shipment, ShipmentLine

TASK = "EC_SHIPMENT_REFUSED"
AT_ONCE = 20
# After a restore of the database: what left within these days is told again, which changes nothing where it is known.
RECENT = dt.timedelta(days=14)
_LEFT = ["SHIPPED", "DELIVERED", "ACCEPTED"]

# What is told already, or on its way, in the same words is left alone: a delivery, a return, a restore.
_NOTE = """
INSERT INTO ec_gateway_shipmentnotice AS known (site_id, number, order_external_id, tracking, told_tracking_number, created_at, due_at, attempts,
     error)
SELECT %(site)s, s.number, o.external_id, s.carrier || ' ' || s.tracking_number, '', %(at)s, %(at)s, 0, ''
FROM orders_shipment s JOIN orders_order o ON o.id = s.order_id
WHERE o.channel_id = %(channel)s AND s.state = ANY(%(left)s) AND {which}
ORDER BY s.id
ON CONFLICT (site_id, number) DO UPDATE SET tracking = EXCLUDED.tracking, due_at = EXCLUDED.due_at, attempts = 0, error = ''
WHERE known.tracking <> EXCLUDED.tracking
"""


def note(*, site: EcSite, numbers: Collection[str], at: dt.datetime) -> None:
    """These shipments changed: those that left are to be told, if they were not told so already."""
    if numbers:
        _note(site, at, _NOTE.replace("{which}", "s.number = ANY(%(which)s)"), list(numbers))


def note_recent(*, site: EcSite, at: dt.datetime) -> None:
    """What left lately and was never noted."""
    _note(site, at, _NOTE.replace("{which}", "s.ship_date >= %(which)s"), (at - RECENT).date())


def _note(site: EcSite, at: dt.datetime, statement: str, which: list[str] | dt.date) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"site": site.pk, "channel": site.channel_id, "at": at, "left": _LEFT, "which": which}
        )


def push_due_shipments(*, line: Line, keep: Callable[[], None]) -> Round:
    """Tell the site of the shipments that are due, one call each."""
    done = Round()
    due = ShipmentNotice.objects.filter(site=line.site, due_at__lte=line.clock())
    for notice, parcel in _with_parcels(list(due.order_by("due_at", "pk")[:AT_ONCE])):
        keep()
        try:
            line.call(partial(_send, parcel=parcel))
        except NotNow as refusal:
            done.not_now = refusal
            return done
        except PlatformError as error:
            _settle_failure(line, notice, parcel, error)
        else:
            _settle(line, notice, parcel, due_at=None, sent_at=line.clock(), attempts=0, error="")
        done.handled += 1
    return done


def _send(platform: Platform, *, parcel: ShipmentPush) -> None:
    platform.push_shipment(parcel)


def _with_parcels(notices: list[ShipmentNotice]) -> list[tuple[ShipmentNotice, ShipmentPush]]:
    shipments = {
        item.number: item for item in Shipment.objects.filter(number__in=[notice.number for notice in notices])
    }
    lines: dict[int, dict[str, int]] = {}
    found = ShipmentLine.objects.filter(shipment__in=[item.pk for item in shipments.values()])
    for shipment_id, line_id, units in found.order_by("pk").values_list(
        "shipment_id", "order_line__line_id", "quantity"
    ):
        of_shipment = lines.setdefault(shipment_id, {})
        of_shipment[line_id] = of_shipment.get(line_id, 0) + units
    return [(notice, _parcel(notice, shipments[notice.number], lines)) for notice in notices]


def _parcel(notice: ShipmentNotice, shipment: Shipment, lines: dict[int, dict[str, int]]) -> ShipmentPush:
    return ShipmentPush(
        number=notice.number,
        order_external_id=notice.order_external_id,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        shipped_at=shipment.shipped_at or notice.created_at,
        lines=lines.get(shipment.pk, {}),
        told_before=notice.told_tracking_number if notice.sent_at else None,
        # Another tracking number is another message, also one that it had before: a site that keeps keys must not answer what it answered then.
        idempotency_key=f"shipment-{notice.site_id}-{notice.number}-{shipment.version}",
    )


def _tracking_of(parcel: Shipment | ShipmentPush) -> str:
    """What may change of a parcel that has left, as it is noted."""
    return f"{parcel.carrier} {parcel.tracking_number}"


def _settle_failure(line: Line, notice: ShipmentNotice, parcel: ShipmentPush, error: PlatformError) -> None:
    at = line.clock()
    if error.is_retryable or error.is_unauthorised:
        attempts = notice.attempts + (error.retry_after_s is None)
        later = next_attempt(attempts=attempts, at=at, jitter=line.jitter) if error.retry_after_s is None else at
        _settle(line, notice, parcel, due_at=later, sent_at=None, attempts=attempts, error=str(error))
    else:
        _settle(line, notice, parcel, due_at=None, sent_at=None, attempts=notice.attempts + 1, error=str(error))


def _settle(
    line: Line,
    notice: ShipmentNotice,
    parcel: ShipmentPush,
    *,
    due_at: dt.datetime | None,
    sent_at: dt.datetime | None,
    attempts: int,
    error: str,
) -> None:
    at = line.clock()
    outcome = MessageLog.Outcome.DONE if sent_at else MessageLog.Outcome.FAILED
    with transaction.atomic():
        known = ShipmentNotice.objects.filter(pk=notice.pk)
        if sent_at is not None:
            known.update(sent_at=sent_at, told_tracking_number=parcel.tracking_number)
        # Noted otherwise meanwhile, it stays due.
        known.filter(tracking=_tracking_of(parcel)).update(due_at=due_at, attempts=attempts, error=error[:2000])
        if due_at is None and sent_at is None:
            detail = _("The site refuses the shipment: %(error)s") % {"error": error}
            finding = staff_tasks.Finding(TASK, "SHIPMENT_NOTICE", notice.pk, notice.number, detail)
            staff_tasks.open_tasks([finding], at=at, by=line.by)
        message = messages.Message("shipment", notice.number, 1, asdict(parcel), "", outcome, error[:2000])
        messages.store([message], channel_id=line.site.channel_id, at=at, by=line.by, direction="OUT")
