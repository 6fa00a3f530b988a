"""Our side of each ratio: the services as every caller uses them."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import random
import time
from decimal import Decimal

from benchmarks.stage import AT, CHANNEL
from catalog.models import Sku
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.inventory.selectors import available_to_promise
from erp.inventory.services import Demand, reserve
from erp.orders.services import (
    LineInput,
    OrderInput,
    PaymentInput,
    ShipRequest,
    place_order,
    place_orders,
    release_orders,
    ship,
)

PRICE = Decimal(1100)
HOT = "B-0001"


class Services:
    def __init__(self, seed: int, skus: int, channel: str = CHANNEL) -> None:
        self.code, self.by = channel, Actor.channel(channel)
        self.random = random.Random(seed)
        self.keys = itertools.count()
        self.prefix = f"ours-{os.getpid()}-{seed}-{time.time_ns()}"
        self.skus = skus
        self.documents = itertools.count(os.getpid() * 10**9)
        self.channel = Channel.objects.get(code=channel).pk
        self.all_skus = list(Sku.objects.order_by("pk").values_list("pk", flat=True))
        self.hot_sku = Sku.objects.get(code=HOT).pk

    def place(self) -> int:
        place_order(channel=self.code, order=self._order(3), at=AT, by=self.by)
        return 1

    def place_hot(self) -> int:
        """Everybody wants the same SKU."""
        place_order(channel=self.code, order=self._order(1, only=HOT), at=AT, by=self.by)
        return 1

    def reserve_hot(self) -> int:
        """Everybody wants the same SKU, each for a document of its own; nothing but the reservation."""
        demand = Demand(next(self.documents), 1, self.hot_sku, 1, priority=50)
        granted = reserve(channel_id=self.channel, document_type="BENCH", demands=[demand], at=AT, by=self.by)
        assert granted
        return 1

    def availability(self) -> int:
        """A thousand SKUs with their terms, under rules and quotas of every scope."""
        found = available_to_promise(channel_id=self.channel, sku_ids=self.all_skus, at=AT)
        assert len(found) == self.skus
        return 1

    def place_bulk(self) -> int:
        orders = [self._order(3) for _number in range(500)]
        place_orders(channel=self.code, orders=orders, at=AT, by=self.by)
        return len(orders)

    def ship(self) -> int:
        outcome = place_order(channel=self.code, order=self._order(3), at=AT, by=self.by)
        assert outcome.order_id is not None
        parcels = release_orders(order_ids=[outcome.order_id], at=AT, by=self.by)[outcome.order_id]
        ship(requests=[ShipRequest(key) for key in parcels], at=AT, by=self.by)
        return 1

    def _order(self, lines: int, *, only: str = "") -> OrderInput:
        codes = [only] if only else [f"B-{number:04d}" for number in self.random.sample(range(1, self.skus + 1), lines)]
        return OrderInput(
            external_id=f"{self.prefix}-{next(self.keys)}",
            ordered_at=AT - dt.timedelta(minutes=1),
            lines=tuple(
                LineInput(line_id=str(number), sku=code, quantity=1, unit_price=PRICE)
                for number, code in enumerate(codes, 1)
            ),
            total=PRICE * len(codes),
            payments=(PaymentInput("CARD", PRICE * len(codes), "AUTHORIZED"),),
        )
