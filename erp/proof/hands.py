"""One process of the proof: it draws acts from its seed and does them through the services, as web processes, workers and people at a desk do.

What breaks off is tried again with the same content until somebody answers. Refusals are answers; everything else that is raised is a surprise.
"""

from __future__ import annotations

import datetime as dt
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.retries import is_conflict, is_passing
from erp.inventory import services as stock
from erp.inventory.selectors import stock_as_of
from erp.orders import services as orders
from erp.orders.models import Order, OrderState, Shipment, ShipmentLine
from erp.orders.selectors.packing import parcels_to_send
from erp.orders.services import LineInput, OrderInput, PaymentInput
from erp.proof.diary import Diary, Entry
from erp.proof.stage import KITS, PIECES, PRICE, ROAD, SHOP, SITES, TILL, WAREHOUSES, Stage

# How often each act is drawn. Pieces come in a little slower than everybody wants them.
WEIGHTS: Mapping[str, int] = {
    "place": 34, "twin": 6, "again": 4, "hold": 10, "buy_held": 8, "extend_hold": 4, "drop_hold": 3, "amend": 8, "cancel": 8,
    "release": 16, "call_back": 3, "ship": 16, "give_back": 6, "refuse": 2, "sell_at_till": 8, "receive": 7, "send_off": 4, "arrive": 4,
    "count": 2, "receive_late": 1, "discard_late": 1, "correct": 3, "lose": 2, "allocate": 3, "sweep": 2, "reconsider": 2,
}  # fmt: skip
SURPRISE = "surprise"
BACK_WITHIN_S = 90.0
NEWEST = 60
SOUGHT = (*PIECES, *PIECES, *KITS)


class Hand:
    """``number`` of ``of``: hands 0 and 1, 2 and 3 … are twins, who place the same orders at the same time."""

    def __init__(self, number: int, *, seed: int, life: int, stage: Stage, begun: dt.datetime, diary: Diary) -> None:
        self.number, self.stage, self.begun, self.diary, self.seed = number, stage, begun, diary, seed
        self.random = random.Random(f"{seed}:{number}:{life}")  # noqa: S311 - drawn again from its seed
        # No person: what one of the staff may adjust alone has a limit.
        self.by = Actor.command(f"hand-{number}", "prove_no_oversell")

    def work(self, *, until: float) -> None:
        """Act until ``time.monotonic()`` reaches ``until``; first of all what was under way when the last life ended."""
        if self.diary.unfinished is not None:
            self.do(self.diary.unfinished)
        while time.monotonic() < until:
            act = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            content = self._draw(act)
            if content is not None:
                self.do(self.diary.begin(act, {"at": timezone.now().isoformat(), **content}))

    def _draw(self, act: str) -> dict[str, Any] | None:
        """What the act is done to; None when there is nothing, or nobody to ask."""
        try:
            drawn: dict[str, Any] | None = getattr(self, f"_draw_{act}", dict)()
        except Exception as fault:
            if not is_passing(fault):
                raise
            connection.close()
            time.sleep(0.1)
            return None
        return drawn

    def do(self, entry: Entry) -> None:
        """Try until there is an answer, and write it down."""
        call: Callable[..., dict[str, Any]] = getattr(self, f"_{entry.act}")
        content = {**entry.content, "at": dt.datetime.fromisoformat(entry.content["at"])}
        deadline = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                return self.diary.end(entry, "done", call(ref=self._ref(entry), **content))
            except DomainError as refusal:
                return self.diary.end(entry, type(refusal).__name__, {})
            except Exception as fault:
                if not is_passing(fault) or time.monotonic() > deadline:
                    return self.diary.end(entry, SURPRISE, {"words": traceback.format_exc()})
                why = "conflict" if is_conflict(fault) else "away"
                entry.repeats[why] = entry.repeats.get(why, 0) + 1
                connection.close()
                time.sleep(0 if why == "conflict" else 0.1)

    def _ref(self, entry: Entry) -> str:
        return f"H{self.number}-{entry.number}"

    # Orders

    def _draw_place(self) -> dict[str, Any]:
        return {"site": self.random.choice(SITES), "lines": self._lines(self.random)}

    def _place(self, *, ref: str, site: str, lines: dict[str, int], at: dt.datetime) -> dict[str, Any]:
        return self._send(site, self._order(ref, lines), at)

    def _draw_twin(self) -> dict[str, Any]:
        """Both twins draw the same from the same number, so they send the same order, the later one as a repetition."""
        number = sum(entry.act == "twin" for entry in self.diary.entries)
        shared = random.Random(f"{self.seed}:twin:{self.number // 2}:{number}")  # noqa: S311 - as above
        name = f"TWIN-{self.number // 2}-{number}"
        return {"name": name, "site": shared.choice(SITES), "lines": self._lines(shared)}

    def _twin(self, *, ref: str, name: str, site: str, lines: dict[str, int], at: dt.datetime) -> dict[str, Any]:
        return self._send(site, self._order(name, lines), at)

    def _draw_again(self) -> dict[str, Any] | None:
        earlier = self._earlier("place")
        return None if earlier is None else {"earlier": earlier.number}

    def _again(self, *, ref: str, earlier: int, at: dt.datetime) -> dict[str, Any]:
        """The same order once more: nothing may happen."""
        sent = self.diary.entries[earlier]
        return self._send(sent.content["site"], self._order(self._ref(sent), sent.content["lines"]), at)

    def _draw_amend(self) -> dict[str, Any] | None:
        earlier = self._earlier("place")
        if earlier is None:
            return None
        revisions = [e for e in self.diary.entries if e.act == "amend" and e.content["earlier"] == earlier.number]
        return {"earlier": earlier.number, "revision": len(revisions) + 2, "lines": self._lines(self.random)}

    def _amend(
        self, *, ref: str, earlier: int, revision: int, lines: dict[str, int], at: dt.datetime
    ) -> dict[str, Any]:
        sent = self.diary.entries[earlier]
        return self._send(sent.content["site"], self._order(self._ref(sent), lines, revision=revision), at)

    def _draw_cancel(self) -> dict[str, Any] | None:
        earlier = self._earlier("place")
        return None if earlier is None else {"earlier": earlier.number}

    def _cancel(self, *, ref: str, earlier: int, at: dt.datetime) -> dict[str, Any]:
        sent = self.diary.entries[earlier]
        state = orders.cancel_order(
            channel=sent.content["site"], external_id=self._ref(sent), message_id=ref, at=at, by=self.by
        )
        return {"state": state}

    def _send(self, site: str, order: OrderInput, at: dt.datetime) -> dict[str, Any]:
        outcome = orders.place_order(channel=site, order=order, at=at, by=self.by)
        reserved = {line.line_id: line.reserved_quantity for line in outcome.lines}
        return {"channel": site, "order": order.external_id, "replay": outcome.is_replay, "reserved": reserved}

    def _order(
        self, external_id: str, lines: Mapping[str, int], *, revision: int = 1, hold_ref: str = ""
    ) -> OrderInput:
        total = PRICE * sum(lines.values())
        return OrderInput(
            external_id=external_id,
            revision=revision,
            hold_ref=hold_ref,
            ordered_at=self.begun,
            lines=tuple(LineInput(str(n), sku, count, PRICE) for n, (sku, count) in enumerate(lines.items(), 1)),
            total=total,
            payments=(PaymentInput("CARD", total, "AUTHORIZED"),),
        )

    def _lines(self, chance: random.Random) -> dict[str, int]:
        return {sku: chance.randint(1, 3) for sku in chance.sample(SOUGHT, chance.choice((1, 1, 2, 3)))}

    # Holds

    def _draw_hold(self) -> dict[str, Any]:
        chosen = {sku: self.random.randint(1, 3) for sku in self.random.sample(PIECES, self.random.choice((1, 2)))}
        return {"site": self.random.choice(SITES), "lines": chosen, "seconds": self.random.choice((1, 3, 30))}

    def _hold(self, *, ref: str, site: str, lines: dict[str, int], seconds: int, at: dt.datetime) -> dict[str, Any]:
        stock.place_hold(
            channel_id=self.stage.channels[site],
            ref=ref,
            lines=[stock.HoldDemand(self.stage.skus[sku], count) for sku, count in lines.items()],
            expires_at=at + dt.timedelta(seconds=seconds),
            at=at,
            by=self.by,
        )
        return {}

    def _draw_buy_held(self) -> dict[str, Any] | None:
        earlier = self._earlier("hold")
        return None if earlier is None else {"earlier": earlier.number}

    def _buy_held(self, *, ref: str, earlier: int, at: dt.datetime) -> dict[str, Any]:
        held = self.diary.entries[earlier]
        order = self._order(ref, held.content["lines"], hold_ref=self._ref(held))
        return self._send(held.content["site"], order, at)

    _draw_extend_hold = _draw_drop_hold = _draw_buy_held

    def _extend_hold(self, *, ref: str, earlier: int, at: dt.datetime) -> dict[str, Any]:
        held = self.diary.entries[earlier]
        channel_id = self.stage.channels[held.content["site"]]
        until = at + dt.timedelta(seconds=20)
        stock.extend_hold(channel_id=channel_id, ref=self._ref(held), expires_at=until, at=at, by=self.by)
        return {}

    def _drop_hold(self, *, ref: str, earlier: int, at: dt.datetime) -> dict[str, Any]:
        held = self.diary.entries[earlier]
        channel_id = self.stage.channels[held.content["site"]]
        return {"pieces": stock.release_hold(channel_id=channel_id, ref=self._ref(held), at=at, by=self.by)}

    # The warehouse

    def _draw_release(self) -> dict[str, Any] | None:
        in_part = self.random.random() < 0.4
        states = [OrderState.READY, *([OrderState.AWAITING_STOCK] if in_part else [])]
        ids = self._some(Order.objects.filter(state__in=states), 4)
        return {"ids": ids, "in_part": in_part} if ids else None

    def _release(self, *, ref: str, ids: list[int], in_part: bool, at: dt.datetime) -> dict[str, Any]:
        made = orders.release_orders(order_ids=ids, in_part=in_part, at=at, by=self.by)
        return {"shipments": [key for keys in made.values() for key in keys]}

    def _draw_call_back(self) -> dict[str, Any] | None:
        ids = self._some(Shipment.objects.filter(state=Shipment.State.INSTRUCTED), 1)
        return {"shipment": ids[0]} if ids else None

    def _call_back(self, *, ref: str, shipment: int, at: dt.datetime) -> dict[str, Any]:
        orders.cancel_release(shipment_id=shipment, reason="proof", at=at, by=self.by)
        return {}

    def _draw_ship(self) -> dict[str, Any] | None:
        ids = self._some(parcels_to_send(), 4)
        return {"ids": ids, "is_whole": self.random.random() < 0.8} if ids else None

    def _ship(self, *, ref: str, ids: list[int], is_whole: bool, at: dt.datetime) -> dict[str, Any]:
        requests = [orders.ShipRequest(key, None if is_whole else _one_less(key)) for key in ids]
        return {"states": orders.ship(requests=requests, at=at, by=self.by)}

    def _draw_give_back(self) -> dict[str, Any] | None:
        gone = ShipmentLine.objects.filter(shipment__state=Shipment.State.SHIPPED, quantity__gt=0)
        ids = self._some(gone, 1)
        return {"line": ids[0], "is_sound": self.random.random() < 0.7} if ids else None

    def _give_back(self, *, ref: str, line: int, is_sound: bool, at: dt.datetime) -> dict[str, Any]:
        found = ShipmentLine.objects.select_related("shipment", "order_line").get(pk=line)
        back = orders.ReturnedLine(line, 1, "SELLABLE" if is_sound else "DEFECTIVE")
        orders.record_return(order_id=found.shipment.order_id, external_id=ref, lines=[back], at=at, by=self.by)
        return {"units": {found.order_line.sku_code: 1}}

    def _draw_refuse(self) -> dict[str, Any] | None:
        ids = self._some(Shipment.objects.filter(state=Shipment.State.SHIPPED), 1)
        return {"shipment": ids[0]} if ids else None

    def _refuse(self, *, ref: str, shipment: int, at: dt.datetime) -> dict[str, Any]:
        document = orders.record_refusal(shipment_id=shipment, external_id=ref, at=at, by=self.by)
        units: Counter[str] = Counter()
        for line in document.lines.exclude(shipment_line=None).select_related("shipment_line__order_line"):
            assert line.shipment_line is not None
            units[line.shipment_line.order_line.sku_code] += line.quantity
        return {"units": units}

    def _draw_sell_at_till(self) -> dict[str, Any]:
        return {"lines": {self.random.choice(SOUGHT): self.random.randint(1, 2)}}

    def _sell_at_till(self, *, ref: str, lines: dict[str, int], at: dt.datetime) -> dict[str, Any]:
        """A physical fact: it is never refused, and may take pieces from an order or go beyond the books."""
        sale = replace(self._order(ref, lines), ordered_at=at)
        outcome = orders.record_shop_sales(channel=TILL, sales=[sale], at=at, by=self.by)[0]
        assert outcome.refusal is None, outcome
        return {"units": lines}

    # Stock

    def _draw_receive(self) -> dict[str, Any]:
        return {"place": self.random.choice((*WAREHOUSES, SHOP)), **self._piece(2, 8)}

    def _receive(self, *, ref: str, place: str, sku: str, count: int, at: dt.datetime) -> dict[str, Any]:
        lines = [stock.ReceiptLine(1, self.stage.skus[sku], count, Decimal(400))]
        stock.receive(**self._document(ref, place, at), lines=lines)
        return {"pieces": {sku: count}}

    def _draw_receive_late(self) -> dict[str, Any] | None:
        """Goods that had come before somebody counted, and whose receipt is typed now: the count may have found them."""
        earlier = self._earlier("count")
        if earlier is None:
            return None
        seen = {name: earlier.content[name] for name in ("place", "sku")}
        return {**seen, "then": earlier.content["at"], "count": self.random.randint(1, 4)}

    def _receive_late(
        self, *, ref: str, place: str, sku: str, then: str, count: int, at: dt.datetime
    ) -> dict[str, Any]:
        lines = [stock.ReceiptLine(1, self.stage.skus[sku], count, Decimal(400))]
        document = {**self._document(ref, place, at), "occurred_at": dt.datetime.fromisoformat(then)}
        stock.receive(**document, lines=lines)
        return {"pieces": {sku: count}}

    _draw_discard_late = _draw_receive_late

    def _discard_late(
        self, *, ref: str, place: str, sku: str, then: str, count: int, at: dt.datetime
    ) -> dict[str, Any]:
        """Pieces that were thrown away before somebody counted, and whose paper is typed now: the count may have lacked them."""
        lines = [stock.AdjustmentLine(1, self.stage.skus[sku], -count)]
        document = {**self._document(ref, place, at), "occurred_at": dt.datetime.fromisoformat(then)}
        stock.adjust(**document, lines=lines, reason_code="DAMAGE")
        return {"pieces": {sku: -count}}

    def _draw_send_off(self) -> dict[str, Any]:
        return {"origin": self.random.choice(WAREHOUSES), **self._piece(1, 3)}

    def _send_off(self, *, ref: str, origin: str, sku: str, count: int, at: dt.datetime) -> dict[str, Any]:
        line = stock.TransferLine(1, self.stage.skus[sku], count)
        booked = stock.transfer(
            external_id=ref,
            from_location_id=self.stage.places[origin],
            to_location_id=self.stage.places[ROAD],
            destination_id=self.stage.places[SHOP],
            lines=[line],
            occurred_at=at,
            at=at,
            by=self.by,
        )
        return {"document": booked.document_id}

    def _draw_arrive(self) -> dict[str, Any] | None:
        on_the_road = [e for e in self.diary.entries if e.act == "send_off" and e.outcome == "done"]
        if not on_the_road:
            return None
        sent = self.random.choice(on_the_road[-NEWEST:])
        content = {"transfer": sent.told["document"], "sku": sent.content["sku"]}
        return {**content, "count": self.random.randint(1, sent.content["count"])}

    def _arrive(self, *, ref: str, transfer: int, sku: str, count: int, at: dt.datetime) -> dict[str, Any]:
        stock.arrive(
            external_id=ref,
            transfer_id=transfer,
            to_location_id=self.stage.places[SHOP],
            lines=[stock.TransferLine(1, self.stage.skus[sku], count)],
            occurred_at=at,
            at=at,
            by=self.by,
        )
        return {}

    def _draw_count(self) -> dict[str, Any]:
        """Somebody sees a few more or less than the books say just now."""
        place, sku = self.random.choice((*WAREHOUSES, SHOP)), self.random.choice(PIECES)
        there = stock_as_of(timezone.now(), sku_ids=[self.stage.skus[sku]], location_ids=[self.stage.places[place]])
        books = sum(row.on_hand for row in there)
        return {"place": place, "sku": sku, "count": max(0, books + self.random.randint(-3, 3))}

    def _count(self, *, ref: str, place: str, sku: str, count: int, at: dt.datetime) -> dict[str, Any]:
        counts = [stock.Count(1, self.stage.skus[sku], count)]
        booked = stock.record_count(**self._document(ref, place, at), counts=counts)
        moved = [line.quantity for line in booked.lines]
        # Where pieces lack that were sold meanwhile, those come in provisionally beside the loss; the ledger tells of them.
        return {"pieces": {sku: sum(pieces for pieces in moved if pieces < 0) or sum(moved)}}

    def _draw_correct(self) -> dict[str, Any]:
        return {"place": self.random.choice(WAREHOUSES), "is_more": self.random.random() < 0.5, **self._piece(1, 3)}

    def _correct(self, *, ref: str, place: str, is_more: bool, sku: str, count: int, at: dt.datetime) -> dict[str, Any]:
        signed = count if is_more else -count
        lines = [stock.AdjustmentLine(1, self.stage.skus[sku], signed)]
        reason = "FOUND" if is_more else "DAMAGE"
        stock.adjust(**self._document(ref, place, at), lines=lines, reason_code=reason)
        return {"pieces": {sku: signed}}

    def _draw_lose(self) -> dict[str, Any]:
        return {"place": self.random.choice(WAREHOUSES), **self._piece(1, 4)}

    def _lose(self, *, ref: str, place: str, sku: str, count: int, at: dt.datetime) -> dict[str, Any]:
        """Pieces that are simply gone: whoever they were promised to loses them, and staff are told."""
        lines = [stock.PhysicalLine(1, self.stage.skus[sku], count)]
        document = self._document(ref, place, at)
        stock.record_physical_fact(source_type="PROOF", **document, lines=lines, reason_code="LOSS")
        return {"pieces": {sku: -count}}

    def _document(self, ref: str, place: str, at: dt.datetime) -> dict[str, Any]:
        where = self.stage.places[place]
        return {"external_id": ref, "location_id": where, "occurred_at": at, "at": at, "by": self.by}

    def _piece(self, least: int, most: int) -> dict[str, Any]:
        return {"sku": self.random.choice(PIECES), "count": self.random.randint(least, most)}

    # Jobs

    def _allocate(self, *, ref: str, at: dt.datetime) -> dict[str, Any]:
        return {"served": orders.allocate_waiting(at=at, by=self.by)}

    def _sweep(self, *, ref: str, at: dt.datetime) -> dict[str, Any]:
        return {"holds": stock.sweep_expired_holds(at=at, by=self.by)}

    def _reconsider(self, *, ref: str, at: dt.datetime) -> dict[str, Any]:
        return {"whole": orders.reconsider_lost_reservations(at=at, by=self.by)}

    def _earlier(self, act: str) -> Entry | None:
        found = [entry for entry in self.diary.entries[-20 * NEWEST :] if entry.act == act and entry.outcome == "done"]
        return self.random.choice(found[-NEWEST:]) if found else None

    def _some(self, rows: Any, most: int) -> list[int]:
        ids = list(rows.order_by("-pk").values_list("pk", flat=True)[:NEWEST])
        return sorted(self.random.sample(ids, min(len(ids), self.random.randint(1, most))))


def _one_less(shipment_id: int) -> dict[int, int]:
    """The warehouse finds one unit less of every line than it was told to send."""
    lines = ShipmentLine.objects.filter(shipment=shipment_id).values_list("order_line", "quantity")
    return {line: max(1, count - 1) for line, count in lines}
