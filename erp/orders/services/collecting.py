"""代引: which parcel of an order the driver collects with, and what labels ask for that is not to be paid any more. Level: document.

Carriers collect on one label (B2クラウド: コレクト is a kind of 送り状, without 複数口; the others go 発払い). So the whole amount stands on one
parcel and nothing on the others: the first, unless staff name another.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext as _

from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.models import StaffTask
from erp.core.money import ZERO, written
from erp.core.use_case import use_case
from erp.orders.models import Order, OrderEvent, PaymentMethod, Shipment
from erp.orders.selectors.collecting import Collecting, asked_and_due, collections
from erp.orders.services.parcels import Parcel

TASK = "COD_DIFFERENCE"


@use_case
def collect_with(*, shipment_id: int, at: dt.datetime, by: Actor) -> Shipment:
    """Let the driver collect everything with this parcel. Again, it changes nothing.

    Raises InvalidInput where nothing is collected, and where this parcel or the one that collects has left: its label is on the box.
    """
    order_id = Shipment.objects.values_list("order_id", flat=True).get(pk=shipment_id)
    Order.objects.select_for_update(no_key=True).get(pk=order_id)
    parcels = {row.pk: row for row in Shipment.objects.filter(order=order_id).exclude(state="CANCELLED")}
    mine, cod = parcels.get(shipment_id), collections([shipment_id]).get(shipment_id)
    if mine is None or cod is None:
        raise InvalidInput([Problem("", "nothing_to_collect", _("Nothing is collected with this parcel."))])
    if cod.collector_id == shipment_id and mine.collects_cod:
        return mine
    left = [row.number for row in (mine, parcels[cod.collector_id]) if row.state != Shipment.State.INSTRUCTED]
    if left:
        told = _("%(number)s has left with its label; what is collected cannot be moved any more.")
        raise InvalidInput([Problem("", "has_left", told % {"number": left[0]})])
    Shipment.objects.filter(order=order_id, collects_cod=True).update(collects_cod=False, version=F("version") + 1)
    Shipment.objects.filter(pk=shipment_id).update(collects_cod=True, version=F("version") + 1)
    OrderEvent.objects.create(
        order_id=order_id, kind=OrderEvent.Kind.MEMO, recorded_at=at, actor=str(by),
        detail=_("Cash on delivery is collected with %(number)s.") % {"number": mine.number},
    )  # fmt: skip
    mine.refresh_from_db()
    return mine


def asked_by_labels(leaving: Iterable[Parcel]) -> dict[int, Decimal]:
    """What each of these parcels is to collect as it leaves. Nothing is asked where nobody pays on delivery."""
    cod = [item.id for item in leaving if any(paid.method == PaymentMethod.COD for paid in item.order.payments)]
    return {key: found.here or ZERO for key, found in collections(cod).items()} if cod else {}


def tell(order_ids: Collection[int], *, at: dt.datetime, by: Actor) -> None:
    """Goods came back or were cancelled. Keep the task (代引の過不足) true of orders whose labels have left: drivers collect what those say, be it
    more than is to be paid now or, where the parcel that collects was refused, nothing. What somebody has closed is not asked again."""
    found = asked_and_due(order_ids)
    odd = {
        item.order_id: _said(item)
        for item in found
        if item.asked > item.due or (item.is_over and item.asked < item.due)
    }
    even = [item.order_id for item in found if item.order_id not in odd]
    if even:
        staff_tasks.close_open(
            kind=TASK, subject_type="ORDER", subject_ids=even, resolution=_("Labels and books agree."), at=at, by=by
        )
    if odd:
        tasks = StaffTask.objects.filter(kind=TASK, subject_type="ORDER", subject_id__in=odd, closed_at__isnull=False)
        settled = set(tasks.values_list("subject_id", "detail"))
        numbers = {item.order_id: item.number for item in found}
        staff_tasks.open_tasks(
            [
                staff_tasks.Finding(TASK, "ORDER", key, numbers[key], said)
                for key, said in odd.items()
                if (key, said) not in settled
            ],
            at=at,
            by=by,
        )


def _said(item: Collecting) -> str:
    amounts = {
        "asked": written(item.asked),
        "due": written(item.due),
        "difference": written(abs(item.asked - item.due)),
    }
    if item.asked > item.due:
        return (
            _("Drivers collect %(asked)s, and %(due)s is to be paid. Pay %(difference)s back to the customer.")
            % amounts
        )
    return _("Drivers collect %(asked)s, and %(due)s is to be paid. Ask the customer for %(difference)s.") % amounts
