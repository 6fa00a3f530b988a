"""Dated prices and costs. History stays: a new price is a new row; the same start again corrects that row, and the audit trail keeps both."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from catalog.models import Price, Sku, SkuCost
from catalog.services.announcing import announce_prices, announce_products
from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.money import COMPANY_CURRENCY
from erp.core.use_case import use_case


@use_case
def set_price(
    *,
    price_list_id: int,
    price: Decimal,
    valid_from: date,
    at: datetime,
    by: Actor,
    valid_to: date | None = None,
    sku_id: int | None = None,
    product_id: int | None = None,
) -> Price:
    """Set the price of a SKU or of a whole style from a date on, in the list's currency and tax mode. Repeatable.

    With ``valid_to`` the price before it comes back afterwards. Raises InvalidInput naming every fault.
    """
    problems = []
    if (sku_id is None) == (product_id is None):
        problems.append(Problem("/sku_id", "sku_or_style", _("Name either a SKU or a style.")))
    if price < 0:
        problems.append(Problem("/price", "negative", _("A price is not negative.")))
    if valid_to is not None and valid_to < valid_from:
        problems.append(Problem("/valid_to", "ends_before_start", _("The price ends before it starts.")))
    if problems:
        raise InvalidInput(problems)
    locks.hold(f"price:{price_list_id}:{product_id}:{sku_id}")
    key: dict[str, Any] = {
        "price_list_id": price_list_id,
        "sku_id": sku_id,
        "product_id": product_id,
        "valid_from": valid_from,
    }
    known = Price.objects.filter(**key).first()
    if known is not None and (known.price, known.valid_to) == (price, valid_to):
        return known

    row, _created = Price.objects.update_or_create(**key, defaults={"price": price, "valid_to": valid_to})
    announce_prices(
        sku_ids=[] if sku_id is None else [sku_id],
        product_ids=[] if product_id is None else [product_id],
        at=at,
        by=by,
    )
    return row


@use_case
def set_cost(
    *,
    sku_id: int,
    cost: Decimal,
    valid_from: date,
    at: datetime,
    by: Actor,
    supplier_id: int | None = None,
    currency: str = COMPANY_CURRENCY,
) -> SkuCost:
    """Set what a SKU costs us, tax-exclusive, from a date on. Repeatable. Announced with its style: only who may see costs finds a difference."""
    if cost < 0:
        raise InvalidInput([Problem("/cost", "negative", _("A cost is not negative."))])
    locks.hold(f"cost:{sku_id}")
    product_id = Sku.objects.values_list("product_id", flat=True).get(pk=sku_id)
    key: dict[str, Any] = {"sku_id": sku_id, "supplier_id": supplier_id, "valid_from": valid_from}
    known = SkuCost.objects.filter(**key).first()
    if known is not None and (known.cost, known.currency) == (cost, currency):
        return known
    row, _created = SkuCost.objects.update_or_create(**key, defaults={"cost": cost, "currency": currency})
    announce_products(product_ids=[product_id], at=at, by=by)
    return row
