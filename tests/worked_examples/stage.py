"""The company of the examples: a shop that sells dresses at 5,500 yen and bought them at 2,100, and an account that buys on credit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from accounting.models import Counterparty, OpenItem, Settlement
from accounting.services import Settling, record_payout
from catalog.models import Sku, Supplier
from customers.models import Account, BillTo
from erp.core.models import Channel
from erp.inventory.models import Location
from erp.inventory.services import Booked, ReceiptLine, receive
from erp.orders.models import Shipment
from erp.orders.services import FeeInput, OrderInput, PaymentInput, deliver
from tests.inventory.factories import sku
from tests.orders.factories import DESK, NOON, line, order, shop

TODAY = NOON.date()
HOW: dict[str, Any] = {"at": NOON, "by": DESK}

SHIPPING = FeeInput("SHIPPING", Decimal(550))
COD_FEE = FeeInput("COD", Decimal(330))


def noon(day: str) -> dt.datetime:
    """Noon in Tokyo."""
    return dt.datetime.fromisoformat(f"{day}T12:00:00+09:00")


def opening_stock(
    goods: Sku, place: Location, pieces: int, unit_cost: int, at: dt.datetime = NOON, number: str = ""
) -> Booked:
    """期首商品: 商品 // 繰越利益剰余金."""
    return receive(
        external_id=number or f"期首 {goods.code}", location_id=place.pk,
        lines=[ReceiptLine(1, goods.pk, pieces, Decimal(unit_cost))], occurred_at=at, at=at, by=DESK,
    )  # fmt: skip


def dress_shop(**fields: Any) -> tuple[Channel, Location, Sku]:
    """Ten dresses at 2,100 in the warehouse of a shop."""
    channel, place = shop(**fields)
    dress = sku()
    opening_stock(dress, place, 10, 2_100)
    return channel, place, dress


def two_dresses(dress: Sku, payment: PaymentInput, *fees: FeeInput, **fields: Any) -> OrderInput:
    """Goods 11,000 + 送料 550 (+ fees), tax included; their cost is 4,200."""
    fees = (SHIPPING, *fees)
    fields.setdefault("total", 11_000 + sum(int(fee.amount or 0) for fee in fees))
    return order(line(dress, 2, 5_500), fees=fees, payments=(payment,), **fields)


def account(**terms: Any) -> Account:
    """An account with a bill-to of its own; 月末締め翌月末, unless said otherwise."""
    bill_to = BillTo.objects.create(code="B1", name="株式会社ビー", **terms)
    return Account.objects.create(code="AC1", name="株式会社ビー 本店", bill_to=bill_to)


def on_account(buyer: Account, goods: Sku, *, price: int, pieces: int = 1, **fields: Any) -> OrderInput:
    """Priced without tax, as wholesale is; the total with the tax of 10 % that is rounded down."""
    item = line(goods, pieces, price, tax_included=False)
    fields.setdefault("total", price * pieces + price * pieces // 10)
    return order(item, account_code=buyer.code, payments=(), prices_include_tax=False, **fields)


def delivered(parcel: Shipment, day: dt.date) -> None:
    deliver(shipment_ids=[parcel.pk], delivered_date=day, at=NOON + (day - TODAY), by=HOW["by"])


def payout(code: str, *, bank: int, fee: int, fee_tax: str = "", promotion: int = 0) -> Settlement:
    """The counterparty pays all that it owes, less its fee (tax included) and what it deducts for promotion."""
    counterparty = Counterparty.objects.get(code=code)
    owed = OpenItem.objects.filter(party_kind="COUNTERPARTY", party_id=counterparty.pk).exclude(remaining_amount=0)
    return record_payout(
        counterparty_id=counterparty.pk, reference="精算 11月", paid_on=TODAY, items=[Settling(item.pk) for item in owed],
        bank_amount=Decimal(bank), fee=Decimal(fee), fee_tax=fee_tax, promotion=Decimal(promotion), **HOW,
    )  # fmt: skip


def registered_supplier(**terms: Any) -> Supplier:
    return Supplier.objects.create(code="S1", name="登録商事", registration_number="T7123456789012", **terms)


def unregistered_supplier() -> Supplier:
    return Supplier.objects.create(code="S2", name="免税商店")


def bought(
    supplier: Supplier, goods: Sku, place: Location, pieces: int, unit_cost: int, *, at: dt.datetime = NOON, **fields: Any
) -> Booked:  # fmt: skip
    return receive(
        external_id=f"仕入 {goods.code} {at.isoformat()}", location_id=place.pk, supplier_id=supplier.pk,
        lines=[ReceiptLine(1, goods.pk, pieces, Decimal(unit_cost))], occurred_at=at, at=at, by=DESK, **fields,
    )  # fmt: skip
