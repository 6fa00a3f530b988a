"""The people of the day inside the house: they release, ship, receive, correct and keep pieces, through the services of the domain.

When the database goes away in the middle, the same call is made again with the same content until somebody answers, as an edge does.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from catalog.models import Sku
from ec_gateway.management.fault_day.diary import Diary
from ec_gateway.management.fault_day.plan import Act
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.models import Channel
from erp.core.retries import retried
from erp.inventory.selectors import location_id_of
from erp.inventory.services import (
    AdjustmentLine,
    HoldDemand,
    PhysicalLine,
    ReceiptLine,
    adjust,
    place_hold,
    receive,
    record_physical_fact,
    release_hold,
)
from erp.orders.models import Order, OrderState, Shipment, ShipmentLine
from erp.orders.selectors.packing import parcels_to_send
from erp.orders.services import ShipRequest, allocate_waiting, cancel_release, release_orders, ship, with_seven_check

T = TypeVar("T")
WAREHOUSE = "PRACTICE"
AT_ONCE = 6
NEWEST = 40
BACK_WITHIN_S = 60.0


class Desk:
    """One person with a desk. ``channels`` are the sites' sales channels in their order."""

    def __init__(self, name: str, channels: Sequence[str], diary: Diary, stopped: threading.Event) -> None:
        self._name, self._channels, self._diary, self._stopped = name, channels, diary, stopped
        # No person: what one of the staff may adjust alone has a limit.
        self._by = Actor.command(name, "fault day")
        self._counter = 0
        self._holds: list[tuple[int, str]] = []

    def do(self, act: Act) -> str:
        self._counter += 1
        method: Callable[[Act, dt.datetime], str] = getattr(self, f"_{act.kind}")
        at = timezone.now()
        try:
            return self._persistently(lambda: method(act, at))
        except DomainError:
            return "refused"

    def close(self) -> None:
        connection.close()

    def _persistently(self, call: Callable[[], T]) -> T:
        """The moment, the choice and the reference stay those of the first try as far as the database still allows."""
        deadline = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                return retried(call)
            except (OperationalError, InterfaceError):
                if time.monotonic() > deadline:
                    raise
                self._diary.ask_again()
                connection.close()
                self._stopped.wait(0.1)

    def _reference(self, act: Act) -> str:
        return f"{self._name}-{act.kind}-{self._counter}"

    def _release(self, act: Act, at: dt.datetime) -> str:
        states = [OrderState.READY, *([OrderState.AWAITING_STOCK] if act.values["in_part"] else [])]
        waiting = list(Order.objects.filter(state__in=states).order_by("pk").values_list("pk", flat=True)[:NEWEST])
        if not waiting:
            return "nothing"
        first = int(act.pick * len(waiting))
        chosen = waiting[first : first + AT_ONCE]
        release_orders(order_ids=chosen, in_part=act.values["in_part"], at=at, by=self._by)
        return "done"

    def _ship(self, act: Act, at: dt.datetime) -> str:
        waiting = list(parcels_to_send().order_by("pk").values_list("pk", flat=True)[:NEWEST])
        if not waiting:
            return "nothing"
        chosen = waiting[: AT_ONCE if act.values["is_whole"] else 1]
        ship(requests=[self._request(key, is_whole=act.values["is_whole"]) for key in chosen], at=at, by=self._by)
        return "done"

    def _request(self, shipment_id: int, *, is_whole: bool) -> ShipRequest:
        lines = dict(
            ShipmentLine.objects.filter(shipment_id=shipment_id).order_by("pk").values_list("order_line", "quantity")
        )
        less = {line: max(1, count - 1) for line, count in lines.items()}
        return ShipRequest(
            shipment_id,
            None if is_whole else less,
            carrier="yamato",
            tracking_number=with_seven_check(f"4{shipment_id:010}"),
        )

    def _call_back(self, act: Act, at: dt.datetime) -> str:
        waiting = self._instructed()
        if not waiting:
            return "nothing"
        cancel_release(shipment_id=waiting[int(act.pick * len(waiting))], reason="fault day", at=at, by=self._by)
        return "done"

    def _receive(self, act: Act, at: dt.datetime) -> str:
        lines = [ReceiptLine(1, self._sku(act), act.values["quantity"], Decimal(1000))]
        receive(
            external_id=self._reference(act), location_id=self._place, lines=lines, occurred_at=at, at=at, by=self._by
        )
        return "done"

    def _adjust(self, act: Act, at: dt.datetime) -> str:
        quantity = act.values["quantity"]
        lines = [AdjustmentLine(1, self._sku(act), quantity)]
        reason = "FOUND" if quantity > 0 else "DAMAGE"
        adjust(
            external_id=self._reference(act),
            location_id=self._place,
            lines=lines,
            reason_code=reason,
            occurred_at=at,
            at=at,
            by=self._by,
        )
        return "done"

    def _lose(self, act: Act, at: dt.datetime) -> str:
        """Pieces that are simply gone: takes them from whoever they were promised to."""
        record_physical_fact(
            source_type="FAULT_DAY",
            external_id=self._reference(act),
            location_id=self._place,
            lines=[PhysicalLine(1, self._sku(act), act.values["quantity"])],
            reason_code="LOSS",
            occurred_at=at,
            at=at,
            by=self._by,
        )
        return "done"

    def _hold(self, act: Act, at: dt.datetime) -> str:
        channel_id = self._channel_id(self._channels[act.values["site"] - 1])
        reference = self._reference(act)
        place_hold(
            channel_id=channel_id,
            ref=reference,
            lines=[HoldDemand(self._sku(act), act.values["quantity"])],
            expires_at=at + dt.timedelta(seconds=act.values["seconds"]),
            at=at,
            by=self._by,
        )
        self._holds.append((channel_id, reference))
        return "done"

    def _drop_hold(self, act: Act, at: dt.datetime) -> str:
        if not self._holds:
            return "nothing"
        channel_id, reference = self._holds[int(act.pick * len(self._holds))]
        release_hold(channel_id=channel_id, ref=reference, at=at, by=self._by)
        return "done"

    def _allocate(self, act: Act, at: dt.datetime) -> str:
        return "done" if allocate_waiting(at=at, by=self._by) else "nothing"

    def _instructed(self) -> list[int]:
        found = Shipment.objects.filter(state=Shipment.State.INSTRUCTED).order_by("pk")
        return list(found.values_list("pk", flat=True)[:NEWEST])

    def _sku(self, act: Act) -> int:
        return int(Sku.objects.values_list("pk", flat=True).get(code=act.values["sku"]))

    def _channel_id(self, code: str) -> int:
        return int(Channel.objects.values_list("pk", flat=True).get(code=code))

    @property
    def _place(self) -> int:
        return location_id_of(WAREHOUSE)
