"""What a return does where goods had left and were not sold yet: 積送品 and 委託先在庫 come home, deposits become refunds, exposure ends.

Part of ``returns``' transaction, which holds the orders and has written the documents.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from django.db.models import F, Q

from accounting.services import EntryDraft
from erp.core import rows
from erp.core.actors import Actor
from erp.core.money import ZERO
from erp.orders import postings
from erp.orders.models import PaymentMethod, Return, Shipment, ShipmentLine
from erp.orders.services import funders, parcels
from erp.orders.services.outside import end_exposure
from erp.orders.services.parcels import Parcel
from erp.orders.services.parties import customer_party
from erp.orders.services.purses import open_purses, save_purses
from erp.orders.services.recognition import recognise
from erp.orders.services.return_money import Relief, freight_of
from erp.orders.services.return_parts import Condition, Taking
from erp.orders.services.sales import announce_of, outside_role


def lock_parcels(takings: Sequence[Taking]) -> dict[int, Parcel]:
    """The parcels of which something comes back unsold, with their orders' money. Nothing is asked where there are none."""
    keys = {part.line.shipment_id for taking in takings for part in taking.unsold_parts}
    return parcels.lock(keys) if keys else {}


def end_exposure_of(takings: Sequence[Taking], found: Mapping[int, Parcel], *, at: dt.datetime, by: Actor) -> None:
    """Goods that came back unsold are not shipped and unbilled any more. Comes before balances: the credit group is the earlier level."""
    if not found:
        return
    gross = dict.fromkeys(found, ZERO)
    for taking in takings:
        for part in taking.unsold_parts:
            gross[part.line.shipment_id] += part.unsold_gross
        for fee in taking.unsold_fees:
            if fee.shipment_id in gross:
                gross[fee.shipment_id] += fee.gross_amount or ZERO
    waiting = _with_units_outside(list(found))
    end_exposure([(found[key], amount, key not in waiting) for key, amount in sorted(gross.items())], at=at, by=by)


def entries_of(
    kind: str, takings: Sequence[Taking], found: Mapping[int, Parcel], freight: Decimal, on: dt.date
) -> list[EntryDraft | None]:
    """The freight stands here when the whole refused parcel was unsold, else with the sale that is taken back. What that sale still owed is
    lowered in the books already."""
    if not found:
        return []
    orders = {parcel.order_id: parcel.order for parcel in found.values()}
    purses = open_purses(orders.values())
    paid = funders.paid_by_customers(orders.values())
    relief = Relief(key for key, amount in paid.items() if amount)
    entries = []
    for taking in (taking for taking in takings if taking.unsold_parts):
        gross = sum((part.unsold_gross for part in taking.unsold_parts), ZERO)
        gross += sum((fee.gross_amount or ZERO for fee in taking.unsold_fees), ZERO)
        is_refused = kind == Return.Kind.REFUSED and not taking.sold_parts
        key, order = taking.order.pk, orders[taking.order.pk]
        taking.is_on_delivery = any(payment.method == PaymentMethod.COD for payment in order.payments)
        back = purses[key].give_back(gross, paid_by_customer=paid.get(key, ZERO), on=on)
        relieved = relief.of(taking, back.relieved) if back.relieved else []
        if relieved:
            paid[key] -= back.relieved
        entries.append(
            postings.unsold_return(
                document=taking.document,
                outside_role=outside_role(taking.order),
                restocked=taking.cost_in(Condition.SELLABLE, is_unsold=True),
                written_down=taking.cost_in(Condition.DEFECTIVE, is_unsold=True),
                deposits=back.deposits,
                taken_over=back.taken_over,
                relieved=relieved,
                freight=freight_of(freight, on=on, currency=taking.order.currency) if is_refused else None,
                customer=customer_party(taking.order),
                on=on,
                dimensions=order.dimensions,
            )
        )
    batch = rows.Batch()
    save_purses(purses.values(), batch=batch)
    batch.run()
    return entries


def close_empty_parcels(takings: Sequence[Taking]) -> set[int]:
    """A parcel of which nothing was sold and nothing is outside any more has come back as a whole. Returns those that have."""
    keys = {part.line.shipment_id for taking in takings for part in taking.unsold_parts}
    if not keys:
        return keys
    waiting = _with_units_outside(sorted(keys))
    sold = set(
        ShipmentLine.objects.filter(shipment__in=keys, reported_quantity__gt=0).values_list("shipment_id", flat=True)
    )
    back = keys - waiting - sold
    Shipment.objects.filter(pk__in=back).update(state=Shipment.State.RETURNED, version=F("version") + 1)
    done = (keys - waiting) & sold
    Shipment.objects.filter(pk__in=done).update(state=Shipment.State.ACCEPTED, version=F("version") + 1)
    announce_of(back | done)
    return back


def sell_kept_fees(shipment_ids: Collection[int], *, on: dt.date, at: dt.datetime, by: Actor) -> None:
    """Of parcels that came back unsold as a whole: no sale will follow with which their fees (送料, 手数料) could be posted. What was not given back
    is earned by the way there, on the day on which that is certain: now."""
    found = parcels.lock(shipment_ids) if shipment_ids else {}
    fees = {key: sum((fee.gross_amount for fee in parcel.fees), ZERO) for key, parcel in found.items()}
    kept = [replace(found[key], lines=[], gross_amount=gross) for key, gross in fees.items() if gross]
    batch = rows.Batch()
    recognise(kept, cost_roles={}, batch=batch, on=on, at=at, by=by)
    batch.run()


def _with_units_outside(shipment_ids: Sequence[int]) -> set[int]:
    left = Q(quantity__gt=F("reported_quantity") + F("unsold_quantity"))
    return set(ShipmentLine.objects.filter(left, shipment__in=shipment_ids).values_list("shipment_id", flat=True))
