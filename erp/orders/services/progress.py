"""What becomes of a parcel on its way: who carries it under which number, delivered (着荷), accepted (検収). Levels: document … open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db.models import F
from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.identifiers import plain
from erp.core.models import RevenueBasis
from erp.core.use_case import use_case
from erp.orders.exceptions import NotShippable
from erp.orders.models import OrderEvent, Shipment
from erp.orders.selectors.acting import LEADS_ON_FROM
from erp.orders.selectors.carriers import carrier_and_before
from erp.orders.services import letters, parcel_days, parcels, sales_reports
from erp.orders.services.outside import Selling, sell, whatever_is_left
from erp.orders.services.sales import announce_shipments
from erp.orders.services.states import move_states
from erp.orders.services.tracking_numbers import refuse_bad_number
from erp.orders.services.writing import EVENT_COLUMNS


@use_case
def deliver(*, shipment_ids: Sequence[int], delivered_date: dt.date, at: dt.datetime, by: Actor) -> None:
    """The carrier delivered (着荷). Posts the sale where delivery is the revenue basis. Again = no change."""
    parcel_days.refuse_future("delivered_date", delivered_date, at=at)
    _progress(shipment_ids, Shipment.State.DELIVERED, delivered_date, at=at, by=by)


@use_case
def accept(*, shipment_ids: Sequence[int], accepted_date: dt.date, at: dt.datetime, by: Actor) -> None:
    """The customer accepted (検収). Posts the sale where that is the revenue basis; of consigned goods it is a sales report of all that is left.
    Again = no change."""
    parcel_days.refuse_future("accepted_date", accepted_date, at=at)
    _progress(shipment_ids, Shipment.State.ACCEPTED, accepted_date, at=at, by=by)


LONGEST = {"carrier": 30, "tracking_number": 60}


@use_case
def set_tracking(*, shipment_id: int, carrier: str, tracking_number: str, at: dt.datetime, by: Actor) -> bool:
    """Say, or correct, who carries a parcel that has left and under which number (送り状番号); the channel is told. Again = no change.

    An empty ``carrier`` stays as it is. Returns whether anything changed. Raises InvalidInput for what is no number of that carrier, NotShippable
    for a parcel that has not left.
    """
    texts = {"carrier": carrier.strip(), "tracking_number": plain(tracking_number)}
    problems = [
        Problem(f"/{name}", "too_long", _("At most %(most)d characters.") % {"most": LONGEST[name]})
        for name, text in texts.items()
        if len(text) > LONGEST[name]
    ]
    if problems:
        raise InvalidInput(problems)
    parcel = parcels.lock([shipment_id]).get(shipment_id)
    if parcel is None or parcel.state not in (
        Shipment.State.SHIPPED,
        Shipment.State.DELIVERED,
        Shipment.State.ACCEPTED,
    ):
        raise NotShippable(_("Only a parcel that has left carries a tracking number."))
    row = Shipment.objects.filter(pk=parcel.id)
    before = row.values_list("carrier", "tracking_number").get()
    after = (texts["carrier"] or before[0], refuse_bad_number(texts["tracking_number"], carrier or parcel.carrier))
    if after == before:
        return False
    row.update(carrier=after[0], tracking_number=after[1], version=F("version") + 1)
    batch = rows.Batch()
    detail = " ".join([parcel.number, carrier_and_before(parcel.carrier, after[0]), after[1]])
    batch.insert(OrderEvent, EVENT_COLUMNS, [(parcel.order_id, "TRACKING", "", "", detail[:300], at, str(by))])
    announce_shipments([parcel], batch)
    batch.run()
    letters.tell_tracked(parcel.id, at=at)
    return True


_REACHED = {
    Shipment.State.DELIVERED: (Shipment.State.DELIVERED, Shipment.State.ACCEPTED),
    Shipment.State.ACCEPTED: (Shipment.State.ACCEPTED,),
}
# What leads there, by the name of its act: the lists that leave out what it would not change ask the same states.
_ACTS = {Shipment.State.DELIVERED: "deliver", Shipment.State.ACCEPTED: "accept"}
_MET_BY = {
    Shipment.State.DELIVERED: (RevenueBasis.DELIVERY,),
    Shipment.State.ACCEPTED: (RevenueBasis.DELIVERY, RevenueBasis.ACCEPTANCE),
}


def _progress(shipment_ids: Sequence[int], reached: Shipment.State, on: dt.date, *, at: dt.datetime, by: Actor) -> None:
    shipments = [item for item in parcels.lock(shipment_ids).values() if item.state not in _REACHED[reached]]
    wrong = [item for item in shipments if item.state not in LEADS_ON_FROM[_ACTS[reached]]]
    if wrong:
        raise NotShippable(
            _("These shipments have not left."),
            problems=[Problem(item.number, item.state, str(Shipment.State(item.state).label)) for item in wrong],
        )
    if early := [fault for item in shipments for fault in parcel_days.before_it_left(item.number, item.ship_date, on)]:
        raise NotShippable(_("Nothing happens to a shipment before it has left."), problems=early)
    if reached is Shipment.State.ACCEPTED and (
        unseen := [
            fault for item in shipments for fault in parcel_days.before_it_arrived(item.number, item.delivered_date, on)
        ]
    ):
        raise NotShippable(_("Nothing is accepted before it has arrived."), problems=unseen)
    if reached is Shipment.State.ACCEPTED:
        consigned = [item for item in shipments if item.revenue_basis == RevenueBasis.SALES_REPORT]
        sales_reports.report_rest(consigned, on=on, at=at, by=by)
        shipments = [item for item in shipments if item.revenue_basis != RevenueBasis.SALES_REPORT]
    if not shipments:
        return
    column = "delivered_date" if reached is Shipment.State.DELIVERED else "accepted_date"
    kind = "DELIVERED" if reached is Shipment.State.DELIVERED else "ACCEPTED"
    batch = rows.Batch()
    batch.update(
        Shipment,
        "id",
        ["state", column, "version"],
        [(item.id, reached.value, on, item.version + 1) for item in shipments],
    )
    batch.insert(
        OrderEvent, EVENT_COLUMNS, [(item.order_id, kind, "", "", item.number, at, str(by)) for item in shipments]
    )
    batch.run()
    due = [item for item in shipments if item.revenue_date is None and item.revenue_basis in _MET_BY[reached]]
    if due:
        left = [Selling(item, whatever_is_left(item), is_last=True) for item in due]
        sell(left, batch, on=on, at=at, by=by)
    announce_shipments(shipments, batch)
    move_states(order_ids=[item.order_id for item in shipments], batch=batch, at=at, by=by)
    batch.run()
