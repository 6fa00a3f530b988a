"""What the shop does by its own rules: it sells from its own figure, takes cancellations, payments and requests to return.

Every function that changes something is one transaction: the figure, the order, its event and the webhook to send stand or fall together.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ec_gateway.sandbox import events
from ec_gateway.sandbox.documents import PAID_AT_ONCE, PAID_FIRST, Buyer, Sold, order_document, with_address
from ec_gateway.sandbox.site import Site

PRODUCT_FIELDS = ("sku", "style", "style_name", "description", "shape", "color", "hex", "size", "price", "tax_rate")


class Refused(Exception):
    """The shop says no, in words for its customer."""


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order as its customer sees it."""

    external_id: str
    shopper: str
    revision: int
    document: Mapping[str, Any]
    total: int
    method: str
    is_paid: bool
    is_cancelled: bool
    placed_at: dt.datetime
    changed_at: dt.datetime
    lines: Sequence[sqlite3.Row]
    shipments: Sequence[sqlite3.Row]

    @property
    def is_shipped(self) -> bool:
        return all(line["shipped"] >= line["quantity"] for line in self.lines)

    @property
    def is_touched(self) -> bool:
        """Whether anything has left the house, as far as Mamori told."""
        return any(line["shipped"] for line in self.lines)

    @property
    def may_cancel(self) -> bool:
        return not self.is_cancelled and not self.is_touched

    @property
    def may_pay(self) -> bool:
        return not self.is_paid and not self.is_cancelled and self.method in PAID_FIRST

    @property
    def returnable(self) -> list[sqlite3.Row]:
        return [line for line in self.lines if line["shipped"] > line["sent_back"]]

    @property
    def state(self) -> str:
        if self.is_cancelled:
            return "キャンセル済み"
        if any(line["sent_back"] for line in self.lines):
            return "返品受付"
        if self.is_shipped:
            return "発送済み"
        if self.is_touched:
            return "一部発送"
        return "お支払い待ち" if self.may_pay else "発送準備中"


def load_products(site: Site, products: Sequence[Mapping[str, Any]]) -> None:
    """Set what the shop offers. Figures, versions and orders of known SKUs stay; what is no longer named is gone."""
    names = ", ".join(PRODUCT_FIELDS)
    marks = ", ".join("?" for _name in PRODUCT_FIELDS)
    update = ", ".join(f"{name} = excluded.{name}" for name in PRODUCT_FIELDS[1:])
    upsert = f"INSERT INTO product ({names}, rank) VALUES ({marks}, ?) ON CONFLICT (sku) DO UPDATE SET {update}, rank = excluded.rank"  # noqa: S608
    with site.database.writing() as connection:
        for rank, product in enumerate(products):
            connection.execute(upsert, [*(product[name] for name in PRODUCT_FIELDS), rank])
        kept = json.dumps([product["sku"] for product in products])
        connection.execute("DELETE FROM product WHERE sku NOT IN (SELECT value FROM json_each(?))", [kept])


def buy(
    site: Site, *, shopper: str, buyer: Buyer, basket: Mapping[str, int], method: str, note: str = "", at: dt.datetime
) -> str:
    """Sell, and take the pieces from the shop's own figure. Returns the order's number. Raises Refused and sells nothing."""
    if not basket or any(quantity < 1 for quantity in basket.values()):
        raise Refused("カートに商品がありません。")
    may_oversell = False
    if fault := site.faults.decide("oversell"):
        # Looks, and lets the others in before it takes: what a shop without locks does.
        with site.database.reading() as connection:
            _refuse_short(_products(connection, basket), basket)
        time.sleep(fault["pause_seconds"])
        may_oversell = True
    with site.database.writing() as connection:
        products = _products(connection, basket)
        if not may_oversell:
            _refuse_short(products, basket)
        sold = [
            Sold(str(number), row["sku"], _name(row), basket[row["sku"]], row["price"], row["tax_rate"])
            for number, row in enumerate(products, 1)
        ]
        external_id = _next_number(connection, site)
        document = order_document(
            external_id=external_id, shopper=shopper, buyer=buyer, sold=sold, method=method, note=note, at=at
        )
        position = events.record(connection, kind=events.ORDER_CHANGED, external_id=external_id, data=document, at=at)
        for line in sold:
            _move(site, connection, sku=line.sku, by=-line.quantity, position=position, at=at)
        _insert_order(connection, shopper, document, method, sold, at)
    site.has_news.set()
    return external_id


def cancel(site: Site, *, external_id: str, reason: str, at: dt.datetime) -> None:
    """Cancel what has not left, put the pieces back on the shop's own figure, give the money back. Raises Refused."""
    with site.database.writing() as connection:
        order = _order(connection, external_id)
        if order.is_cancelled:
            return
        if not order.may_cancel:
            raise Refused("発送が始まった注文はキャンセルできません。到着後に返品をお申し込みください。")
        change = "UPDATE shop_order SET is_cancelled = 1, changed_at = ? WHERE external_id = ?"
        connection.execute(change, [at.isoformat(), external_id])
        data = {"external_id": external_id, "reason": reason}
        position = events.record(connection, kind=events.ORDER_CANCELLED, external_id=external_id, data=data, at=at)
        for line in order.lines:
            _move(site, connection, sku=line["sku"], by=line["quantity"], position=position, at=at)
        if order.is_paid:
            _tell_payment(connection, order, "refunded", at)
    site.has_news.set()


def change_address(site: Site, *, external_id: str, buyer: Buyer, at: dt.datetime) -> None:
    """The same order under the next revision, going elsewhere. Raises Refused."""
    with site.database.writing() as connection:
        order = _order(connection, external_id)
        if not order.may_cancel:
            raise Refused("この注文のお届け先は変更できません。")
        document = with_address(order.document, buyer)
        change = "UPDATE shop_order SET revision = ?, document = ?, changed_at = ? WHERE external_id = ?"
        text = json.dumps(document, ensure_ascii=False)
        connection.execute(change, [document["revision"], text, at.isoformat(), external_id])
        position = events.record(connection, kind=events.ORDER_CHANGED, external_id=external_id, data=document, at=at)
        for line in order.lines:
            _move(site, connection, sku=line["sku"], by=0, position=position, at=at)
    site.has_news.set()


def pay(site: Site, *, external_id: str, at: dt.datetime) -> None:
    """The customer paid at the till or by transfer. Again = no change. Raises Refused."""
    with site.database.writing() as connection:
        order = _order(connection, external_id)
        if order.is_paid:
            return
        if not order.may_pay:
            raise Refused("この注文のお支払いは受け付けられません。")
        connection.execute(
            "UPDATE shop_order SET is_paid = 1, changed_at = ? WHERE external_id = ?", [at.isoformat(), external_id]
        )
        _tell_payment(connection, order, "paid", at)
    site.has_news.set()


def request_return(site: Site, *, external_id: str, units: Mapping[str, int], reason: str, at: dt.datetime) -> str:
    """Ask Mamori to take goods back: line id → units. Returns the number of the request. Raises Refused."""
    with site.database.writing() as connection:
        order = _order(connection, external_id)
        possible = {line["line_id"]: line["shipped"] - line["sent_back"] for line in order.returnable}
        wanted = {line_id: count for line_id, count in units.items() if count}
        if not wanted or any(not 0 < count <= possible.get(line_id, 0) for line_id, count in wanted.items()):
            raise Refused("返品できるのは発送済みの数量までです。")
        for line_id, count in wanted.items():
            more = "UPDATE order_line SET sent_back = sent_back + ? WHERE external_id = ? AND line_id = ?"
            connection.execute(more, [count, external_id, line_id])
        connection.execute("UPDATE shop_order SET changed_at = ? WHERE external_id = ?", [at.isoformat(), external_id])
        number = f"{external_id}-R{_count(connection, f'returns of {external_id}')}"
        data = {
            "order_external_id": external_id,
            "external_id": number,
            "lines": [{"line_id": line_id, "quantity": count} for line_id, count in wanted.items()],
            "reason": reason,
        }
        events.record(connection, kind=events.RETURN_REQUESTED, external_id=external_id, data=data, at=at)
    site.has_news.set()
    return number


def set_by_hand(site: Site, *, sku: str, quantity: int, at: dt.datetime) -> None:
    """Somebody edits the figure on the site itself. Raises KeyError for an unknown SKU."""
    with site.database.writing() as connection:
        done = connection.execute("UPDATE product SET quantity = ? WHERE sku = ?", [quantity, sku])
        if not done.rowcount:
            raise KeyError(sku)
        if not site.faults.is_on("stock_silent"):
            events.tell_stock(connection, sku=sku, quantity=quantity, at=at)
    site.has_news.set()


def products(site: Site) -> list[sqlite3.Row]:
    with site.database.reading() as connection:
        return connection.execute("SELECT * FROM product ORDER BY rank").fetchall()


def orders(site: Site, *, shopper: str | None = None, limit: int = 100) -> list[OrderView]:
    """The newest first."""
    with site.database.reading() as connection:
        condition, values = ("WHERE shopper = ?", [shopper]) if shopper is not None else ("", [])
        query = f"SELECT external_id FROM shop_order {condition} ORDER BY rowid DESC LIMIT ?"  # noqa: S608
        found = connection.execute(query, [*values, limit]).fetchall()
        return [_order(connection, row["external_id"]) for row in found]


def order(site: Site, external_id: str) -> OrderView:
    """Raises KeyError."""
    with site.database.reading() as connection:
        return _order(connection, external_id)


def _move(site: Site, connection: sqlite3.Connection, *, sku: str, by: int, position: int, at: dt.datetime) -> None:
    """The shop's own figure follows its orders; ``position`` is that of the event of the order."""
    move = "UPDATE product SET quantity = quantity + ?, last_order = ? WHERE sku = ? RETURNING quantity"
    row = connection.execute(move, [by, position, sku]).fetchone()
    if row is not None and by and not site.faults.is_on("stock_silent"):
        events.tell_stock(connection, sku=sku, quantity=row["quantity"], at=at)


def buyer_of(document: Mapping[str, Any]) -> Buyer:
    person = document["deliveries"][0]["ship_to"]
    address = {name: value for name, value in person["address"].items() if name != "country"}
    names = {name: value for name, value in person.items() if name != "address"}
    return Buyer(email=document["orderer"]["email"], **names, **address)


def _products(connection: sqlite3.Connection, basket: Mapping[str, int]) -> list[sqlite3.Row]:
    query = "SELECT * FROM product WHERE sku IN (SELECT value FROM json_each(?)) ORDER BY rank"
    found = connection.execute(query, [json.dumps(list(basket))]).fetchall()
    if len(found) < len(basket):
        raise Refused("取り扱いの終わった商品がカートにあります。")
    return found


def _refuse_short(found: Sequence[sqlite3.Row], basket: Mapping[str, int]) -> None:
    short = [f"{_name(row)}(残り{max(row['quantity'], 0)}点)" for row in found if row["quantity"] < basket[row["sku"]]]
    if short:
        raise Refused("在庫が足りません: " + "、".join(short))


def _name(row: sqlite3.Row) -> str:
    return " ".join(filter(None, [row["style_name"], row["color"], row["size"]]))


def _order(connection: sqlite3.Connection, external_id: str) -> OrderView:
    row = connection.execute("SELECT * FROM shop_order WHERE external_id = ?", [external_id]).fetchone()
    if row is None:
        raise KeyError(external_id)
    lines = connection.execute("SELECT * FROM order_line WHERE external_id = ? ORDER BY rowid", [external_id])
    shipments = connection.execute("SELECT * FROM shipment WHERE external_id = ? ORDER BY rowid", [external_id])
    return OrderView(
        external_id=external_id,
        shopper=row["shopper"],
        revision=row["revision"],
        document=json.loads(row["document"]),
        total=row["total"],
        method=row["method"],
        is_paid=bool(row["is_paid"]),
        is_cancelled=bool(row["is_cancelled"]),
        placed_at=dt.datetime.fromisoformat(row["placed_at"]),
        changed_at=dt.datetime.fromisoformat(row["changed_at"]),
        lines=lines.fetchall(),
        shipments=shipments.fetchall(),
    )


def _insert_order(
    connection: sqlite3.Connection,
    shopper: str,
    document: Mapping[str, Any],
    method: str,
    sold: Sequence[Sold],
    at: dt.datetime,
) -> None:
    external_id, moment = document["external_id"], at.isoformat()
    insert = (
        "INSERT INTO shop_order (external_id, shopper, revision, document, total, method, is_paid, placed_at, changed_at)"
        " VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)"
    )
    text = json.dumps(document, ensure_ascii=False)
    total, is_paid = int(document["total"]), method in PAID_AT_ONCE
    connection.execute(insert, [external_id, shopper, text, total, method, is_paid, moment, moment])
    lines = [(external_id, line.line_id, line.sku, line.name, line.quantity, line.unit_price) for line in sold]
    into = "INSERT INTO order_line (external_id, line_id, sku, name, quantity, unit_price) VALUES (?, ?, ?, ?, ?, ?)"
    connection.executemany(into, lines)


def _tell_payment(connection: sqlite3.Connection, order: OrderView, kind: str, at: dt.datetime) -> None:
    data = {
        "external_id": order.external_id,
        "event_id": f"{order.external_id}-{kind}",
        "kind": kind,
        "occurred_at": at.isoformat(),
        "amount": str(order.total),
        "line_no": 1,
        "reference": order.external_id,
    }
    events.record(connection, kind=events.PAYMENT_CHANGED, external_id=order.external_id, data=data, at=at)


def _next_number(connection: sqlite3.Connection, site: Site) -> str:
    return f"{site.options.prefix}-{events.life_of(connection)}-{_count(connection, 'orders'):05}"


def _count(connection: sqlite3.Connection, name: str) -> int:
    """One more under this name."""
    connection.execute("INSERT OR IGNORE INTO setting VALUES (?, '0')", [name])
    connection.execute("UPDATE setting SET value = CAST(value AS INTEGER) + 1 WHERE name = ?", [name])
    return int(connection.execute("SELECT value FROM setting WHERE name = ?", [name]).fetchone()["value"])
