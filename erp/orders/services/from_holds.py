"""A hold becomes an order by the hand of staff: for a shop's customer who fetches, or a wholesale quote that was accepted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.utils.translation import gettext as _

from catalog.selectors import PriceAnswer, price_for, sku_codes
from customers.selectors import accounts_by_code
from customers.services import CustomerData
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import NotAllowedNow
from erp.core.money import ZERO
from erp.inventory.selectors import HeldFor
from erp.orders.services.documents import DeliveryInput, LineInput, OrderInput, OrderOutcome, PaymentInput
from erp.orders.services.drafting import ask_context, draft_order
from erp.orders.services.placing import place_order


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """What staff say beside the hold. Without an account the orderer pays by ``method``; with one it is on account, at its prices."""

    external_id: str
    account_code: str
    orderer: CustomerData | None
    delivery: DeliveryInput
    method: str
    order_type: str = "NORMAL"


def order_from_hold(*, channel: str, held: HeldFor, said: HoldOrder, at: dt.datetime, by: Actor) -> OrderOutcome:
    """Place an order for what a hold was asked for, at today's prices, of a kit that of the kit; it takes the pieces over in its own transaction.

    The same number again answers with the first order. Raises NotAllowedNow for a hold that is closed, or SKUs without a price.
    """
    if held.is_closed:
        raise NotAllowedNow(_("The hold %(ref)s is closed.") % {"ref": held.ref})
    prices = prices_of_hold(held, account_code=said.account_code, on=business_date(at))
    codes = sku_codes([sku_id for sku_id, _pieces in held.asked])
    if missing := [codes[sku_id] for sku_id, _pieces in held.asked if sku_id not in prices]:
        raise NotAllowedNow(_("Without a price: %(skus)s") % {"skus": ", ".join(missing)})
    lines = tuple(
        LineInput(str(number), codes[sku_id], pieces, prices[sku_id].price, prices[sku_id].tax_included)
        for number, (sku_id, pieces) in enumerate(held.asked, 1)
    )
    order = OrderInput(
        external_id=said.external_id,
        ordered_at=at,
        lines=lines,
        total=ZERO,
        order_type=said.order_type,
        prices_include_tax=all(line.tax_included for line in lines),
        hold_ref=held.ref,
        account_code=said.account_code,
        orderer=said.orderer,
        deliveries=(said.delivery,),
    )
    total = _total(channel, order)
    payments: Sequence[PaymentInput] = () if said.account_code else (PaymentInput(said.method, total),)
    charged = replace(order, total=total, payments=tuple(payments))
    return place_order(channel=channel, order=charged, at=at, by=by)


def prices_of_hold(held: HeldFor, *, account_code: str, on: dt.date) -> dict[int, PriceAnswer]:
    """At what prices an order for it would be placed on a day: those of the account, else of the channel. SKUs without a price are missing."""
    account = accounts_by_code([account_code]).get(account_code) if account_code else None
    return price_for(
        sku_ids=[sku_id for sku_id, _pieces in held.asked],
        on=on,
        channel_id=held.channel_id,
        price_list_id=account.price_list_id if account else None,
        wholesale_percent=account.wholesale_percent if account else None,
    )


def _total(channel: str, order: OrderInput) -> Decimal:
    """What its lines come to with tax, as an order's amounts are computed."""
    priced = draft_order(order, ask_context(channel, [order])()).priced
    assert priced is not None, "every line has its price"
    return priced.total
