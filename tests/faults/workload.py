"""Clients that are killed: a process that writes at random through the services and says what was acknowledged.

    DATABASE_URL=… python -m tests.faults.workload SEED ACTS            so many acts, chosen by the seed
    DATABASE_URL=… python -m tests.faults.workload --place ID … [--dies before-commit|after-commit]

Each act is two lines, flushed: ``asks placed ID`` before the service is called, and after it returned what it acknowledged: ``placed ID
REVISION KEY``, ``amended ID REVISION``, ``released SHIPMENT``, ``shipped SHIPMENT PIECES``, ``returned ID PIECES``, ``cancelled ID``,
``deferred ID KIND`` (left to staff), ``received ID PIECES``, or ``refused``. When the database goes away the client says ``lost``, waits for
it and asks the very same again, as an EC site does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import signal
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.faults.stage import AT, CHANNEL, SKUS, WAREHOUSE

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings")
    import django

    django.setup()

from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from psycopg.errors import DeadlockDetected, SerializationFailure

from catalog.models import Sku
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.inventory.models import Location
from erp.inventory.services import ReceiptLine, receive
from erp.orders.models import Order, Shipment, ShipmentLine
from erp.orders.services import (
    LineInput,
    OrderInput,
    PaymentInput,
    ReturnedLine,
    ShipRequest,
    allocate_orders,
    cancel_by_staff,
    cancel_order,
    place_order,
    record_return,
    release_orders,
    ship,
)

BY = Actor.channel(CHANNEL)
DESK = Actor.staff("hanako", "faults")
PRICE = Decimal(1100)
NEWEST = 30
BACK_WITHIN_S = 30.0

# What an act calls, and how it words what came back.
Call = Callable[[], str]


def say(line: str) -> None:
    print(line, flush=True)


def order_of(external_id: str, revision: int = 1) -> OrderInput:
    """The same id and revision is the same content, in every process: so a request can be repeated by another client."""
    chance = random.Random(f"{external_id}/{revision}")
    codes = chance.sample([f"F-{number}" for number in range(1, SKUS + 1)], chance.randint(1, 3))
    lines = tuple(LineInput(line_id=code, sku=code, quantity=chance.randint(1, 3), unit_price=PRICE) for code in codes)
    total = sum((PRICE * line.quantity for line in lines), Decimal(0))
    status = chance.choice(["AUTHORIZED", "AUTHORIZED", "CAPTURED"])
    return OrderInput(
        external_id=external_id,
        ordered_at=AT - dt.timedelta(minutes=1),
        lines=lines,
        total=total,
        revision=revision,
        payments=(PaymentInput("CARD", total, status),),
    )


class Client:
    def __init__(self, name: str, seed: int) -> None:
        self.name, self.chance, self.counter = name, random.Random(seed), 0
        self.place_id = Location.objects.get(code=WAREHOUSE).pk
        self.sku_ids = list(Sku.objects.order_by("pk").values_list("pk", flat=True))

    def act(self) -> None:
        """Choose something that can be done to one of the newest orders, whoever placed it, and do it."""
        self.counter += 1
        kinds = [self.place] * 4 + [self.amend, self.cancel, self.receive, self.allocate]
        kinds += [self.release] * 3 + [self.ship] * 4 + [self.take_back] * 2
        question, call = persistently(self.chance.choice(kinds)) or self.place()
        ask(question, call)

    def place(self) -> tuple[str, Call]:
        external_id = f"{self.name}-{self.counter}"
        return f"placed {external_id}", lambda: place(external_id)

    def amend(self) -> tuple[str, Call] | None:
        if (order := self._one("READY", "AWAITING_STOCK")) is None:
            return None
        sent = order_of(order.external_id, order.revision + 1)

        def call() -> str:
            outcome = place_order(channel=CHANNEL, order=sent, at=AT, by=BY)
            is_kept = f"deferred {sent.external_id} AMEND_AFTER_RELEASE"
            return is_kept if outcome.is_task else f"amended {sent.external_id} {sent.revision}"

        return f"amended {sent.external_id} {sent.revision}", call

    def cancel(self) -> tuple[str, Call] | None:
        if (order := self._one("READY", "AWAITING_STOCK", "PICKING")) is None:
            return None
        if self.chance.random() < 0.5:
            return f"cancelled {order.external_id}", lambda: self._cancel_by_staff(order)

        def call() -> str:
            state = cancel_order(channel=CHANNEL, external_id=order.external_id, reason="faults", at=AT, by=BY)
            is_kept = f"deferred {order.external_id} CANCEL_WHILE_PICKING"
            return is_kept if state == "PICKING" else f"cancelled {order.external_id}"

        return f"cancelled {order.external_id}", call

    def release(self) -> tuple[str, Call] | None:
        if (order := self._one("READY", "AWAITING_STOCK")) is None:
            return None

        def call() -> str:
            found = release_orders(order_ids=[order.pk], in_part=True, at=AT, by=DESK)
            return " ".join(["released", *map(str, found.get(order.pk, []))])

        return f"released {order.external_id}", call

    def ship(self) -> tuple[str, Call] | None:
        waiting = list(Shipment.objects.filter(state="INSTRUCTED").order_by("-pk")[:NEWEST])
        if not waiting:
            return None
        shipment = self.chance.choice(waiting)
        lines = dict(
            ShipmentLine.objects.filter(shipment=shipment).order_by("pk").values_list("order_line", "quantity")
        )
        is_whole = self.chance.random() < 0.6
        part = {line: self.chance.randint(1, count) for line, count in lines.items()}
        request = ShipRequest(shipment.pk, None if is_whole else part)
        pieces = sum((lines if is_whole else part).values())

        def call() -> str:
            ship(requests=[request], at=AT, by=DESK)
            # The other client may have shipped it first, then less or more of it: then this was no news.
            mine = ShipmentLine.objects.filter(shipment=shipment).values_list("quantity", flat=True)
            return f"shipped {shipment.pk} {sum(mine)}"

        return f"shipped {shipment.pk} {pieces}", call

    def take_back(self) -> tuple[str, Call] | None:
        sold = ShipmentLine.objects.filter(shipment__state="SHIPPED", returned_quantity__lt=F("quantity"))
        line = sold.order_by("-pk").select_related("shipment").first()
        if line is None:
            return None
        count = self.chance.randint(1, line.quantity - line.returned_quantity)
        external_id = f"{self.name}-R{self.counter}"

        def call() -> str:
            back = (ReturnedLine(line.pk, count),)
            record_return(order_id=line.shipment.order_id, external_id=external_id, lines=back, at=AT, by=DESK)
            return f"returned {external_id} {count}"

        return f"returned {external_id}", call

    def receive(self) -> tuple[str, Call]:
        external_id = f"{self.name}-IN{self.counter}"
        lines = [
            ReceiptLine(number, key, 8, Decimal(self.chance.randint(300, 600)))
            for number, key in enumerate(self.sku_ids, 1)
        ]

        def call() -> str:
            receive(external_id=external_id, location_id=self.place_id, lines=lines, occurred_at=AT, at=AT, by=DESK)
            return f"received {external_id} {8 * len(lines)}"

        return f"received {external_id}", call

    def allocate(self) -> tuple[str, Call] | None:
        if (order := self._one("AWAITING_STOCK")) is None:
            return None

        def call() -> str:
            allocate_orders(order_ids=[order.pk], at=AT, by=DESK)
            return f"allocated {order.external_id}"

        return f"allocated {order.external_id}", call

    def _cancel_by_staff(self, order: Order) -> str:
        cancel_by_staff(order_id=order.pk, reason="faults", at=AT, by=DESK)
        return f"cancelled {order.external_id}"

    def _one(self, *states: str) -> Order | None:
        found = list(Order.objects.filter(state__in=states).order_by("-pk")[:NEWEST])
        return self.chance.choice(found) if found else None


def place(external_id: str) -> str:
    outcome = place_order(channel=CHANNEL, order=order_of(external_id), at=AT, by=BY)
    return f"placed {external_id} {outcome.revision} {outcome.order_id}"


def ask(question: str, call: Call) -> None:
    say(f"asks {question}")
    say(persistently(call))


def persistently(call: Callable[[], Any]) -> Any:
    """Call, and call again with the same content when the connection broke before the answer came."""
    while True:
        try:
            return call()
        except DomainError as refusal:
            return f"refused {refusal.code}"
        except (OperationalError, InterfaceError) as fault:
            # The lock order of the house allows none of these.
            if isinstance(fault.__cause__, (DeadlockDetected, SerializationFailure)):
                raise
            say("lost")
            _wait_for_the_server()


def _wait_for_the_server() -> None:
    deadline = time.monotonic() + BACK_WITHIN_S
    while True:
        connection.close()
        try:
            connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("acts", type=int, nargs="?", default=0)
    parser.add_argument("--place", nargs="+", default=[])
    parser.add_argument("--dies", choices=["before-commit", "after-commit"])
    given = parser.parse_args()
    connection.ensure_connection()
    if given.dies == "before-commit":
        connection.commit = _die  # type: ignore[method-assign] # every row of the order is written by now
    for external_id in given.place:
        say(f"asks placed {external_id}")
        answer = place(external_id)
        if given.dies == "after-commit":
            _die()
        say(answer)
    if given.acts:
        client = Client(f"c{given.seed}", given.seed)
        for _number in range(given.acts):
            client.act()


if __name__ == "__main__":
    main()
