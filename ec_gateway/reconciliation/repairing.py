"""What is safe to set right: push our absolute figure again, let the missing order in through the inbox. Everything else is for a person.

Never a relative correction, and nothing is deleted on either side.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from ec_gateway.models import EcSite, ReconciliationRow, ReconciliationRun
from ec_gateway.platforms.taking_in import take_in_again
from ec_gateway.reconciliation.orders import OrderDifference
from ec_gateway.services import pushes
from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.models import StaffTask

Cause, Kind, Repair = ReconciliationRow.Cause, ReconciliationRow.Kind, ReconciliationRow.Repair

# Pushing again repeats what is true anyway, so it is safe wherever both sides list the SKU and no order is known to be missing.
PUSHED_AGAIN = [
    Cause.UNSENT_PUSH,
    Cause.PUSH_FAILED,
    Cause.SHOP_SIDE_EDIT,
    Cause.WRITTEN_BY_OLDER_PUSH,
    Cause.KIT_MISMATCH,
    Cause.CHANGE_NOT_MARKED,
]
CHUNK = 1_000
# Each may bring an event; together they stay a short transaction.
ORDERS_AT_ONCE = 100

TASK_ORDERS, TASK_LISTINGS = "ORDERS_DIFFER", "LISTINGS_DIFFER"
SUBJECT = "EC_SITE"


def push_again(*, run: ReconciliationRun, at: dt.datetime) -> int:
    """Mark what drifted to be pushed again, whatever the site shows as far as we know."""
    # A figure that cannot be read is replaced by ours where we know which it is.
    drifted = Q(cause__in=PUSHED_AGAIN) | Q(cause=Cause.UNREADABLE_THERE, kind=Kind.STOCK, sku__isnull=False)
    waiting = ReconciliationRow.objects.filter(drifted, run=run, repair=Repair.NONE).order_by("pk")
    done = 0
    while rows := list(waiting.values_list("pk", "sku_id")[:CHUNK]):
        with transaction.atomic():
            pushes.force(site_id=run.site_id, sku_ids=[sku_id for _key, sku_id in rows if sku_id], at=at)
            ReconciliationRow.objects.filter(pk__in=[key for key, _sku in rows]).update(
                repair=Repair.PUSH_AGAIN, repaired_at=at
            )
        done += len(rows)
    return done


def write_orders(
    *, run: ReconciliationRun, site: EcSite, differences: Sequence[OrderDifference], at: dt.datetime
) -> int:
    """Write a row per order that differs and, unless the run is dry, fetch what the site says into the inbox.

    Returns how many events are to be applied.
    """
    fetched = 0
    for start in range(0, len(differences), ORDERS_AT_ONCE):
        with transaction.atomic():
            rows = [_row(run, difference) for difference in differences[start : start + ORDERS_AT_ONCE]]
            if not run.is_dry_run:
                for row, difference in zip(rows, differences[start : start + ORDERS_AT_ONCE], strict=True):
                    fetched += _repair(row, site, difference, at)
            ReconciliationRow.objects.bulk_create(rows)
    return fetched


def _row(run: ReconciliationRun, difference: OrderDifference) -> ReconciliationRow:
    return ReconciliationRow(
        run=run,
        kind=Kind.ORDER,
        cause=difference.cause,
        external_id=difference.external_id[:100],
        evidence=difference.evidence,
    )


def _repair(row: ReconciliationRow, site: EcSite, difference: OrderDifference, at: dt.datetime) -> int:
    if difference.cause == Cause.WAITS_IN_INBOX:
        return 0
    waiting = []
    if difference.cause != Cause.HERE_NOT_THERE and difference.news:
        waiting = take_in_again(site_id=site.pk, news=difference.news, at=at)
    row.repair, row.repaired_at = (Repair.FETCHED if waiting else Repair.TASK), at
    return len(waiting)


def tell_staff(*, run: ReconciliationRun, site: EcSite, at: dt.datetime, by: Actor) -> None:
    """One task per site for orders that only a person can judge, one for what one side lists alone or tells unreadably; a run without any
    closes them."""
    left = Q(repair=Repair.TASK) | Q(cause=Cause.UNREADABLE_THERE)
    orders = ReconciliationRow.objects.filter(left, run=run, kind=Kind.ORDER)
    listings = ReconciliationRow.objects.filter(
        run=run, kind=Kind.STOCK, cause__in=[Cause.NOT_LISTED_HERE, Cause.NOT_LISTED_THERE, Cause.UNREADABLE_THERE]
    )
    found = {
        TASK_ORDERS: (
            orders.count(),
            [
                name or _("without a number")
                for name in orders.order_by("pk").values_list("external_id", flat=True)[:20]
            ],
        ),
        TASK_LISTINGS: (
            listings.count(),
            [
                code or _("without a code")
                for code in listings.order_by("pk").values_list("external_code", flat=True)[:20]
            ],
        ),
    }
    texts = {
        TASK_ORDERS: _("%(count)s orders differ from the site's: %(names)s"),
        TASK_LISTINGS: _("%(count)s items are listed on one side only, or cannot be read: %(names)s"),
    }
    with transaction.atomic():
        for kind, (count, names) in found.items():
            if count:
                detail = texts[kind] % {"count": count, "names": ", ".join(names)}
                finding = staff_tasks.Finding(kind, SUBJECT, site.pk, str(site.channel), detail)
                staff_tasks.open_tasks([finding], at=at, by=by)
            else:
                StaffTask.objects.filter(
                    kind=kind, subject_type=SUBJECT, subject_id=site.pk, closed_at__isnull=True
                ).update(closed_at=at, closed_by=str(by), resolution=_("The next reconciliation found none."))
