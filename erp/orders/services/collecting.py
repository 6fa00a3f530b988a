"""代引: which parcel of an order the driver collects with. Level: document.

Carriers collect on one label (B2クラウド: コレクト is a kind of 送り状, without 複数口; the others go 発払い). So the whole amount stands on one
parcel and nothing on the others: the first, unless staff name another.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import F
from django.utils.translation import gettext as _

from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.orders.models import Order, OrderEvent, Shipment
from erp.orders.selectors.collecting import collections


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
