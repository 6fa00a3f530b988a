"""Which part of a shipment line some of its units are. Pure.

Units are counted through from the front: those that are sold first lie there, and come back from there. What comes back before it was sold is
taken from the back. So each part is known by where it begins and ends, all parts add up to the line, and the last one takes the rest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from erp.core.models import RevenueBasis
from erp.core.money import ZERO, share_of_next
from erp.inventory.selectors import IssuedPart
from erp.orders.models import Shipment

GONE = frozenset({Shipment.State.SHIPPED, Shipment.State.DELIVERED, Shipment.State.ACCEPTED, Shipment.State.RETURNED})


class Part(Protocol):
    """A shipment line, as a row of its table or as read with its parcel."""

    @property
    def quantity(self) -> int: ...
    @property
    def net_amount(self) -> Decimal: ...
    @property
    def tax_amount(self) -> Decimal: ...
    @property
    def reported_quantity(self) -> int: ...
    @property
    def unsold_quantity(self) -> int: ...


class Sent(Protocol):
    """A shipment, likewise."""

    @property
    def state(self) -> str: ...
    @property
    def revenue_basis(self) -> str: ...
    @property
    def revenue_date(self) -> dt.date | None: ...


@dataclass(frozen=True, slots=True)
class Units:
    """The units of a line from ``first`` on, up to but without ``last``."""

    line: Part
    first: int
    last: int

    @property
    def quantity(self) -> int:
        return self.last - self.first

    def share(self, total: Decimal) -> Decimal:
        return share_of_next(total, self.quantity, done=self.first, of=self.line.quantity)

    @property
    def net(self) -> Decimal:
        return self.share(self.line.net_amount)

    @property
    def tax(self) -> Decimal:
        return self.share(self.line.tax_amount)

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax

    def pieces(self, issued: Iterable[IssuedPart]) -> list[IssuedPart]:
        """Their pieces at their share of the value they left with. The pieces of one SKU are counted through in the order they were taken,
        whichever location each came from."""
        taken: dict[int, list[IssuedPart]] = {}
        for part in issued:
            taken.setdefault(part.sku_id, []).append(part)
        found = []
        for parts in taken.values():
            total = sum(part.quantity for part in parts)
            first, last = total * self.first // self.line.quantity, total * self.last // self.line.quantity
            for part in parts:
                low, high = (min(max(edge, 0), part.quantity) for edge in (first, last))
                if low < high:
                    value = share_of_next(part.value, high - low, done=low, of=part.quantity)
                    found.append(IssuedPart(part.sku_id, part.location_id, high - low, value))
                first, last = first - part.quantity, last - part.quantity
        return found

    def cost(self, issued: Iterable[IssuedPart]) -> Decimal:
        return sum((part.value for part in self.pieces(issued)), ZERO)


def outside(line: Part, shipment: Sent) -> Units:
    """What has left and is not sold yet: on its way (積送品), or with an account (委託先在庫)."""
    end = line.quantity - line.unsold_quantity
    if shipment.state not in GONE or shipment.revenue_basis == RevenueBasis.SHIPMENT:
        return Units(line, end, end)
    if shipment.revenue_basis == RevenueBasis.SALES_REPORT:
        return Units(line, line.reported_quantity, end)
    return Units(line, 0 if shipment.revenue_date is None else end, end)


def sold(line: Part, shipment: Sent) -> Units:
    """What was sold, whether or not it came back since."""
    if shipment.revenue_date is None:
        return Units(line, 0, 0)
    return Units(line, 0, outside(line, shipment).first)


def unsold(line: Part) -> Units:
    """What came back before it was sold."""
    return Units(line, line.quantity - line.unsold_quantity, line.quantity)
