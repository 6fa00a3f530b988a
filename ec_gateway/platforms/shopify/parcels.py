"""Parcels in Shopify's words: which fulfilment is ours, what a new one takes from the open fulfilment orders. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from ec_gateway.platforms.interface import PlatformError, ShipmentPush
from ec_gateway.platforms.shopify.orders import number_of


def known_fulfillment(shipment: ShipmentPush, order: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The fulfilment that says this parcel: by its tracking number, by the one it had when it was told before, else by its contents.

    By contents only where no number can tell: nothing of them is left to fulfil, or we told it without a number.
    """
    alive = [item for item in order["fulfillments"] if item["status"] != "CANCELLED"]
    for number in filter(None, (shipment.tracking_number, shipment.told_before)):
        for item in alive:
            if number in _numbers(item):
                return item  # type: ignore[no-any-return]
    if shipment.tracking_number and shipment.told_before is None:
        return None
    same = [item for item in alive if _contents(item) == dict(shipment.lines)]
    unnamed = [item for item in same if not _numbers(item)]
    if shipment.told_before is not None and unnamed:
        return unnamed[0]  # type: ignore[no-any-return]
    return same[0] if same and not _remaining(shipment, order) else None


def says(fulfillment: Mapping[str, Any], tracking: Mapping[str, str]) -> bool:
    """Whether it carries this number and carrier already."""
    wanted = (tracking.get("number"), tracking.get("company"))
    return wanted in [(info["number"], info["company"]) for info in fulfillment["trackingInfo"]]


def _numbers(fulfillment: Mapping[str, Any]) -> set[str]:
    return {info["number"] for info in fulfillment["trackingInfo"] if info["number"]}


def _contents(fulfillment: Mapping[str, Any]) -> dict[str, int]:
    return {
        number_of(line["lineItem"]["id"]): line["quantity"] for line in fulfillment["fulfillmentLineItems"]["nodes"]
    }


def _remaining(shipment: ShipmentPush, order: Mapping[str, Any]) -> int:
    return sum(
        line["remainingQuantity"]
        for task in order["fulfillmentOrders"]["nodes"]
        for line in task["lineItems"]["nodes"]
        if number_of(line["lineItem"]["id"]) in shipment.lines
    )


def parts(shipment: ShipmentPush, order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Spread the units over the open fulfilment orders. Raises PlatformError naming what Shopify has nothing left of."""
    wanted = dict(shipment.lines)
    found = []
    for task in order["fulfillmentOrders"]["nodes"]:
        if task["status"] not in ("OPEN", "IN_PROGRESS"):
            continue
        items = []
        for line in task["lineItems"]["nodes"]:
            number = number_of(line["lineItem"]["id"])
            units = min(wanted.get(number, 0), line["remainingQuantity"])
            if units > 0:
                items.append({"id": line["id"], "quantity": units})
                wanted[number] -= units
        if items:
            found.append({"fulfillmentOrderId": task["id"], "fulfillmentOrderLineItems": items})
    if missing := {number: units for number, units in wanted.items() if units}:
        told = _("Shopify has nothing left to fulfil of %(lines)s.") % {"lines": missing}
        raise PlatformError(told, is_retryable=False)
    return found
