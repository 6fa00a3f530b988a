"""Revenue is recognised: the entries of sales whose basis is met, and the billable items an invoice will print. Levels: credit group, open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from accounting.services import BillableDraft, EntryDraft, add_billable_items, post_entries
from erp.core import rows
from erp.core.actors import Actor
from erp.core.money import ZERO
from erp.orders import postings
from erp.orders.models import OrderFee, Shipment
from erp.orders.postings import SalePart
from erp.orders.services.parcels import Parcel, ParcelFee
from erp.orders.services.purses import open_purses, save_purses


def recognise(
    parcels: Sequence[Parcel],
    *,
    cost_roles: Mapping[int, Mapping[str, Decimal]],
    batch: rows.Batch,
    on: dt.date,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Post the sales of parcels and leave their billable items. ``cost_roles``: per shipment, cost by the inventory account it leaves.

    Part of a transaction that holds the orders' locks; a constant number of statements. What the ``batch`` holds is written on the way,
    the last writes are left in it for the caller.
    """
    if not parcels:
        return
    purses = open_purses(parcel.order for parcel in parcels)
    entries: list[EntryDraft] = []
    billables: list[BillableDraft] = []
    for parcel in parcels:
        money = purses[parcel.order_id].take(parcel.gross_amount, on=on)
        entries += _sale_entries(parcel, money, cost_roles.get(parcel.id, {}), on)
        billables += _billables(parcel, on)
    save_purses(purses.values(), batch=batch)
    undated = [(parcel.id, on) for parcel in parcels if parcel.revenue_date is None]
    batch.update(Shipment, "id", ["revenue_date"], undated)
    post_entries(drafts=entries, batch=batch, at=at, by=by)
    add_billable_items(items=billables, batch=batch, at=at, by=by)


def _sale_entries(
    parcel: Parcel, money: Sequence[postings.MoneyPart], costs: Mapping[str, Decimal], on: dt.date
) -> list[EntryDraft]:
    """The sale, and where goods left several inventory accounts, one entry more for each further one."""
    sales_role = postings.SALES_ROLE[parcel.order.channel_kind]
    document, dimensions = parcel.document, parcel.order.dimensions
    goods = [SalePart(sales_role, i.net_amount, i.tax_amount, i.tax_code, i.id) for i in parcel.lines]
    (role, cost), *others = list(costs.items()) or [(postings.GOODS, ZERO)]
    drafts = [
        postings.sale(
            document=document,
            money=money,
            parts=[*goods, *map(fee_part, parcel.fees)],
            cost=cost,
            inventory_role=role,
            on=on,
            dimensions=dimensions,
        )
    ]
    drafts += [
        postings.sale(
            document=document, money=[], parts=[], cost=cost, inventory_role=role, on=on, dimensions=dimensions
        )
        for role, cost in others
    ]
    return [draft for draft in drafts if draft is not None]


def fee_part(fee: OrderFee | ParcelFee) -> SalePart:
    role = postings.FEE_ROLE[fee.kind]
    return SalePart(role, fee.net_amount or ZERO, fee.tax_amount or ZERO, fee.tax_code, None)


def _billables(parcel: Parcel, on: dt.date) -> list[BillableDraft]:
    order, document = parcel.order, parcel.document
    common: dict[str, Any] = {
        "channel_id": order.channel_id,
        "bill_to_id": order.bill_to_id,
        "account_id": order.account_id,
        "addressee": order.addressee[:150],
        "document_type": document.type,
        "document_id": document.id,
        "document_number": document.number,
        "order_number": order.number,
        "customer_po_number": order.customer_po_number,
        "transaction_date": on,
        "ship_to_name": parcel.recipient_name[:150],
        "currency": order.currency,
    }
    goods = [
        BillableDraft(
            **common,
            **_amounts(line),
            kind="GOODS",
            document_line=line.id,
            item_code=line.sku_code or line.channel_item_code[:60],
            description=line.name or line.sku_code,
            quantity=line.quantity,
            unit_price=line.unit_price,
        )
        for line in parcel.lines
    ]
    fees = [
        BillableDraft(
            **common,
            **_amounts(fee),
            kind="FEE",
            document_line=-fee.line_no,
            description=str(OrderFee.Kind(fee.kind).label),
            quantity=1,
            unit_price=fee.amount,
        )
        for fee in parcel.fees
    ]
    return [*goods, *fees]


_AMOUNTS = ("tax_included", "tax_code", "tax_percent", "is_reduced", "net_amount", "tax_amount", "gross_amount")


def _amounts(part: object) -> dict[str, Any]:
    """Tax and amounts of a line or a fee, as an invoice prints them."""
    return {name: getattr(part, name) for name in _AMOUNTS}
