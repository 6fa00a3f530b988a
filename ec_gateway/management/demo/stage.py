"""What the people of the demo company share while they work: the plan, and the keys that its names have in this database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from catalog.models import Sku, Supplier
from ec_gateway.management.demo.company import Places
from ec_gateway.management.demo.goods import Assortment
from ec_gateway.management.demo.people import Population
from ec_gateway.management.demo.plan import Act, Deal, Kind, Plan
from ec_gateway.management.demo.supply import Supply
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.orders.selectors import recorded_orders

T = TypeVar("T")

# The log-ins of those who are hired to practise.
DESK, FLOOR, OFFICE, BUYER, SHOP = (Actor.staff(name) for name in ("juchu", "soko", "keiri", "md", "tenpo"))
# One transaction stays well below the five seconds that the change feed can wait.
CHUNK = 100


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


@dataclass(slots=True)
class Stage:
    """``order_ids`` has every deal that was placed. ``cost_rise`` is the day from which two suppliers ask for more."""

    plan: Plan
    supply: Supply
    assortment: Assortment
    people: Population
    places: Places
    cost_rise: dt.date
    sku_ids: dict[str, int] = field(default_factory=dict)
    channel_ids: dict[str, int] = field(default_factory=dict)
    suppliers: dict[str, Supplier] = field(default_factory=dict)
    order_ids: dict[tuple[str, str], int] = field(default_factory=dict)

    def look_up(self) -> None:
        """Find the keys of what is there, also of deals that an earlier run placed."""
        self.sku_ids = dict(Sku.objects.values_list("code", "pk"))
        self.channel_ids = dict(Channel.objects.values_list("code", "pk"))
        self.suppliers = {supplier.code: supplier for supplier in Supplier.objects.all()}
        by_channel: dict[str, list[str]] = {}
        for deal in self.plan.deals:
            by_channel.setdefault(deal.channel, []).append(deal.external_id)
        for channel, external_ids in by_channel.items():
            known = recorded_orders(channel_id=self.channel_ids[channel], external_ids=external_ids)
            self.order_ids |= {(channel, external_id): order.id for external_id, order in known.items()}

    def acts(self, day: dt.date, *kinds: Kind) -> list[Act]:
        """What happens on a day to deals that were placed."""
        return [act for act in self.plan.acts.get(day, ()) if act.kind in kinds and act.deal.key in self.order_ids]

    def ids(self, deals: Iterable[Deal]) -> list[int]:
        return [self.order_ids[deal.key] for deal in deals if deal.key in self.order_ids]

    @property
    def left_alone(self) -> list[int]:
        return self.ids(deal for deal in self.plan.deals if deal.is_left_alone)

    @property
    def picked_last(self) -> list[int]:
        return self.ids(deal for deal in self.plan.deals if deal.is_picked_last)
