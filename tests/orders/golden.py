"""Plays a golden order: masters, the contract's body, further events; after each step everything is compared with what was computed by hand.

A golden file says in ``why`` how its figures were computed. What a step does not mention is as it was after the step before; postings it does
not mention were not made.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from accounting.models import Counterparty, OpenItem, Posting
from accounting.services import Settling, record_payout
from catalog.models import Product, Sku
from customers.models import Account, BillTo
from ec_gateway.order_document import read_order
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.models import Channel, StaffTask
from erp.inventory.models import ChannelLocation, CostBalance, CostPool, Location, StockBalance
from erp.inventory.services import ReceiptLine, receive
from erp.orders import services
from erp.orders.models import Delivery, Order, OrderHold, OrderPayment, OrderTaxTotal, Shipment, ShipmentLine
from erp.orders.services import PaymentNews, ReturnedLine, ShipRequest

FOLDER = Path(__file__).parent.parent / "golden"
DESK = Actor.staff("hanako", "golden")
EMPTY: dict[str, Any] = {
    "state": None, "holds": [], "tasks": [], "tax": {}, "payments": [], "parcels": [], "open_items": {}, "stock": {}, "worth": {},
}  # fmt: skip


def golden_orders() -> list[Path]:
    return sorted(FOLDER.glob("*.json"))


def play(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["title"]
    assert case["why"]
    game = Game(case["masters"])
    seen = dict(EMPTY)
    for number, step in enumerate(case["steps"], 1):
        game.act(step)
        seen |= {name: value for name, value in step["expect"].items() if name in EMPTY}
        found = {**game.look(), "postings": game.new_postings()}
        wanted = {**seen, "postings": sorted(map(tuple, step["expect"].get("postings", [])))}
        assert found == wanted, f"{path.name}, step {number}: {step['do']}"
        for ref, parts in step["expect"].get("deliveries", {}).items():
            game.check_delivery(ref, parts)


class Game:
    """One channel that sells from the warehouse WH. Times are those of the steps, and stay until a later step has its own."""

    def __init__(self, masters: Mapping[str, Any]) -> None:
        self.now = dt.datetime.fromisoformat("2026-11-01T09:00:00+09:00")
        self.warehouse = Location.objects.create(
            code="WH", name="本社倉庫", kind="WAREHOUSE", cost_pool=CostPool.objects.get(code="MAIN")
        )
        self.channel = Channel.objects.create(name="直営オンライン", **masters["channel"])
        ChannelLocation.objects.create(channel=self.channel, location=self.warehouse, rank=1)
        for account in masters.get("accounts", []):
            bill_to = BillTo.objects.create(code=account["bill_to"], name=account["name"])
            Account.objects.create(code=account["code"], name=account["name"], bill_to=bill_to)
        for number, item in enumerate(masters["skus"]):
            product = Product.objects.create(
                code=f"P{number}", name=item["name"], tax_class=item.get("tax_class", "STANDARD"),
                release_date=item.get("release_date"),
            )  # fmt: skip
            Sku.objects.create(code=item["code"], product=product)
            if item["stock"]:
                self.receive({"sku": item["code"], "quantity": item["stock"], "unit_cost": item["unit_cost"]})
        self._last_posting = Posting.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def act(self, step: Mapping[str, Any]) -> None:
        self.now = dt.datetime.fromisoformat(step.get("at", self.now.isoformat()))
        getattr(self, step["do"])(step)

    @property
    def how(self) -> dict[str, Any]:
        return {"at": self.now, "by": DESK}

    def order(self) -> Order:
        return Order.objects.get()

    def place(self, step: Mapping[str, Any]) -> None:
        """Place or amend, as the contract's revision says."""
        body = step["order"]
        refusal = ""
        try:
            services.place_order(channel=self.channel.code, order=read_order(body), body=body, **self.how)
        except DomainError as refused:
            refusal = refused.code
        assert refusal == step.get("refusal", "")

    def pay(self, step: Mapping[str, Any]) -> None:
        event = PaymentNews(
            event_id=step["event_id"],
            kind=step["kind"].upper(),
            occurred_at=self.now,
            amount=Decimal(step["amount"]) if "amount" in step else None,
        )
        services.record_payment_event(
            channel=self.channel.code, external_id=step["external_id"], event=event, **self.how
        )

    def release(self, step: Mapping[str, Any]) -> None:
        services.release_orders(order_ids=[self.order().pk], in_part=step.get("in_part", False), **self.how)

    def ship(self, step: Mapping[str, Any]) -> None:
        """Everything that is instructed, or ``lines`` (line id → units) of it."""
        requests = []
        for shipment in Shipment.objects.filter(state="INSTRUCTED").order_by("pk"):
            quantities = None
            if "lines" in step:
                keys = dict(shipment.lines.values_list("order_line__line_id", "order_line_id"))
                quantities = {keys[line_id]: count for line_id, count in step["lines"].items()}
            requests.append(ShipRequest(shipment.pk, quantities, step.get("carrier", ""), "1234-5678-9013"))
        services.ship(requests=requests, **self.how)

    def receive(self, step: Mapping[str, Any]) -> None:
        line = ReceiptLine(1, Sku.objects.get(code=step["sku"]).pk, step["quantity"], Decimal(step["unit_cost"]))
        receive(
            external_id=f"{step['sku']} {self.now}", location_id=self.warehouse.pk, lines=[line], occurred_at=self.now,
            **self.how,
        )  # fmt: skip

    def allocate(self, step: Mapping[str, Any]) -> None:
        services.allocate_waiting(**self.how)

    def next_day(self, step: Mapping[str, Any]) -> None:
        services.advance_due_orders(**self.how)

    def take_back(self, step: Mapping[str, Any]) -> None:
        lines = [
            ReturnedLine(
                ShipmentLine.objects.get(order_line__line_id=line["line_id"]).pk, line["quantity"], line["condition"]
            )
            for line in step["lines"]
        ]
        services.record_return(
            order_id=self.order().pk, external_id=step["external_id"], lines=lines, reason=step["reason"], **self.how
        )

    def refuse(self, step: Mapping[str, Any]) -> None:
        services.record_refusal(
            shipment_id=Shipment.objects.get().pk, external_id=step["external_id"], freight=Decimal(step["freight"]),
            **self.how,
        )  # fmt: skip

    def payout(self, step: Mapping[str, Any]) -> None:
        payer = Counterparty.objects.get(code=step["counterparty"])
        items = OpenItem.objects.filter(party_kind="COUNTERPARTY", party_id=payer.pk).order_by("pk")
        record_payout(
            counterparty_id=payer.pk,
            reference=step["reference"],
            paid_on=self.now.date(),
            items=[Settling(item.pk) for item in items],
            bank_amount=Decimal(step["bank"]),
            fee=Decimal(step["fee"]),
            promotion=Decimal(step.get("promotion", "0")),
            **self.how,
        )

    def look(self) -> dict[str, Any]:
        order = self.order()
        return {
            "state": order.state,
            "holds": sorted(OrderHold.objects.filter(resolved_at=None).values_list("reason", flat=True)),
            "tasks": sorted(StaffTask.objects.filter(closed_at=None).values_list("kind", flat=True)),
            "tax": {
                row.tax_code: [str(int(row.net_amount)), str(int(row.tax_amount)), str(int(row.gross_amount))]
                for row in OrderTaxTotal.objects.filter(order=order)
            },
            # What came in of each payment and what went back.
            "payments": [
                [row.method, row.status, str(int(row.received_amount)), str(int(row.refunded_amount))]
                for row in OrderPayment.objects.order_by("line_no")
            ],
            # Net, tax, gross and cost that each parcel carries, the fees it takes along included.
            "parcels": [
                [
                    row.state,
                    *(
                        str(int(amount))
                        for amount in (row.net_amount, row.tax_amount, row.gross_amount, row.cost_amount)
                    ),
                ]
                for row in Shipment.objects.order_by("pk")
            ],
            "open_items": _open_items(),
            "stock": {
                f"{row.sku.code} @ {row.location.code}": [row.on_hand, row.allocated]
                for row in StockBalance.objects.select_related("sku", "location")
            },
            "worth": {
                f"{row.sku.code} @ {row.cost_pool.code}": [row.quantity, str(int(row.value))]
                for row in CostBalance.objects.select_related("sku", "cost_pool")
            },
        }

    def new_postings(self) -> list[tuple[str, str, str, str]]:
        """What was posted since the last look: side, account, amount, tax code; one line per account and code, as in a textbook."""
        sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in Posting.objects.select_related("account").filter(pk__gt=self._last_posting).order_by("pk"):
            sums[row.side.lower(), f"{row.account.code} {row.account.name}", row.tax_code] += row.amount
            self._last_posting = max(self._last_posting, row.pk)
        return sorted((side, account, str(int(total)), code) for (side, account, code), total in sums.items())

    def check_delivery(self, ref: str, parts: Mapping[str, Any]) -> None:
        delivery = Delivery.objects.get(ref=ref)
        assert {name: getattr(delivery, name) for name in parts} == parts


def _open_items() -> dict[str, str]:
    """Per debtor and account what is left: positive is owed to us, negative by us."""
    codes = dict(Counterparty.objects.values_list("pk", "code"))
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for item in OpenItem.objects.select_related("account").exclude(remaining_amount=0):
        name = codes[item.party_id] if item.party_kind == "COUNTERPARTY" else item.party_label
        key = f"{item.party_kind} {name} / {item.account.code} {item.account.name}"
        sums[key] += item.remaining_amount if item.side == "DEBIT" else -item.remaining_amount
    return {key: str(int(total)) for key, total in sums.items()}
