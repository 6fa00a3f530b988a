"""Goods of the demo company that come in, go on to shops and mall, are counted, lost and written off."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from ec_gateway.management.demo.company import MALL_HELD, SHOPS, WAREHOUSE, WHOLESALE
from ec_gateway.management.demo.plan import moment
from ec_gateway.management.demo.sources import dice
from ec_gateway.management.demo.stage import BUYER, FLOOR, SHOP, Stage, chunks
from ec_gateway.management.demo.supply import INSPECTED, INVOICED_LATER, Delivery, Move
from erp.core.clock import business_date
from erp.core.retries import retried
from erp.inventory.selectors import available_to_promise, stock_as_of
from erp.inventory.selectors.documents import lines_of_document, stock_documents
from erp.inventory.selectors.worth import unit_worth
from erp.inventory.services import (
    AdjustmentLine,
    Count,
    ExpectedLine,
    HoldDemand,
    InvoicedAmount,
    PhysicalLine,
    PurchaseBooks,
    ReceiptLine,
    SupplierReturnLine,
    TransferLine,
    WriteDownLine,
    add_late_cost,
    adjust,
    arrive,
    book_supplier_invoice,
    expect_receipt,
    place_hold,
    receive,
    record_count,
    record_physical_fact,
    return_to_supplier,
    transfer,
    write_down,
)

MOST_RECEIPT_LINES = 1_000
# Yen that one person loses or finds on a day, well below the limit of a place.
ALONE = 8_000


def stock_opening(stage: Stage) -> None:
    """期首在庫, dated the day before the first."""
    at = moment(stage.plan.first - dt.timedelta(days=1), 18)
    for place, pieces in stage.supply.opening.items():
        for number, chunk in enumerate(chunks(sorted(pieces.items()), MOST_RECEIPT_LINES), 1):
            bring_along(stage, f"OPENING-{place}-{number}", place, dict(chunk), note="期首在庫", at=at)


def bring_along(stage: Stage, name: str, place: str, pieces: Mapping[str, int], *, note: str, at: dt.datetime) -> None:
    """Goods that were there before the books of this house, at what they cost."""
    known = (stage.places.warehouse, stage.places.mall, *stage.places.shops)
    location_id = dict(zip((WAREHOUSE, MALL_HELD, *SHOPS), known, strict=True))[place]
    retried(
        receive, external_id=name, location_id=location_id, lines=_receipt_lines(stage, pieces, at), note=note, occurred_at=at, at=at,
        by=FLOOR,
    )  # fmt: skip


def expect(stage: Stage, day: dt.date) -> None:
    """発注した分の入荷予定."""
    at = moment(day, 9, 40)
    for delivery in stage.supply.deliveries:
        if max(delivery.ordered_on, stage.plan.first) == day:
            lines = [
                ExpectedLine(number, stage.sku_ids[code], pieces, delivery.day, _cost(stage, code, delivery.day))
                for number, (code, pieces) in enumerate(delivery.pieces.items(), 1)
            ]
            retried(
                expect_receipt, external_id=delivery.number, location_id=stage.places.warehouse, lines=lines,
                supplier_id=stage.suppliers[delivery.supplier].pk, at=at, by=BUYER,
            )  # fmt: skip


def receive_goods(stage: Stage, day: dt.date) -> bool:
    """What the suppliers bring today. Returns whether anything came that can be promised."""
    came = False
    for delivery in stage.supply.deliveries:
        if delivery.day == day and not delivery.is_missing:
            _receive(stage, delivery, moment(day, 8, 30))
            came = True
        elif delivery.day == day - dt.timedelta(days=1) and delivery.supplier in INSPECTED and not delivery.is_missing:
            _put_away(stage, delivery, moment(day, 8, 40))
            came = True
        elif delivery.day == day - dt.timedelta(days=6) and delivery.supplier in INVOICED_LATER:
            _book_invoice(stage, delivery, moment(day, 13))
            _pay_freight(stage, delivery, moment(day, 13, 5))
    return came


def _receive(stage: Stage, delivery: Delivery, at: dt.datetime) -> None:
    place = stage.places.inspection if delivery.supplier in INSPECTED else stage.places.warehouse
    expected = _expected_ids(stage, delivery)
    lines = [
        ReceiptLine(number, stage.sku_ids[code], pieces, _cost(stage, code, delivery.day), expected[code])
        for number, (code, pieces) in enumerate(delivery.pieces.items(), 1)
    ]
    books = PurchaseBooks.NOT_INVOICED if delivery.supplier in INVOICED_LATER else PurchaseBooks.PAYABLE
    retried(
        receive, external_id=f"RC-{delivery.number}", location_id=place, lines=lines, supplier_id=stage.suppliers[delivery.supplier].pk,
        books=books, note=f"発注 {delivery.number}", occurred_at=at, at=at, by=FLOOR,
    )  # fmt: skip


def _expected_ids(stage: Stage, delivery: Delivery) -> dict[str, int]:
    """The expectation of each line; noting it again says its key and changes nothing."""
    lines = [
        ExpectedLine(number, stage.sku_ids[code], pieces, delivery.day, _cost(stage, code, delivery.day))
        for number, (code, pieces) in enumerate(delivery.pieces.items(), 1)
    ]
    ids = retried(
        expect_receipt, external_id=delivery.number, location_id=stage.places.warehouse, lines=lines,
        supplier_id=stage.suppliers[delivery.supplier].pk, at=moment(delivery.day, 8, 25), by=BUYER,
    )  # fmt: skip
    return dict(zip(delivery.pieces, ids, strict=True))


def _put_away(stage: Stage, delivery: Delivery, at: dt.datetime) -> None:
    """検品 passed: all but the last piece of the largest line, which somebody still looks at."""
    doubtful = max(delivery.pieces, key=lambda code: (delivery.pieces[code], code))
    is_large = sum(delivery.pieces.values()) > 8
    lines = [
        TransferLine(number, stage.sku_ids[code], count)
        for number, (code, pieces) in enumerate(delivery.pieces.items(), 1)
        if (count := pieces - (code == doubtful and is_large))
    ]
    retried(
        transfer, external_id=f"QC-{delivery.number}", from_location_id=stage.places.inspection, to_location_id=stage.places.warehouse,
        lines=lines, note="検品済み", occurred_at=at, at=at, by=FLOOR,
    )  # fmt: skip


def _book_invoice(stage: Stage, delivery: Delivery, at: dt.datetime) -> None:
    receipt = stock_documents(source_type="RECEIPT", external_ids=[f"RC-{delivery.number}"])[f"RC-{delivery.number}"]
    retried(
        book_supplier_invoice, external_id=f"INV-{delivery.number}", receipt_id=receipt.id, occurred_at=at, at=at, by=BUYER,
        amounts=[InvoicedAmount("STANDARD", receipt.value)],
    )  # fmt: skip


def send_to_shops(stage: Stage, day: dt.date) -> None:
    """店舗・モールへの移動: to the shops over the road, arriving the next morning."""
    for move in stage.supply.moves:
        if move.day == day:
            _send(stage, move, moment(day, 10))
        elif move.day == day - dt.timedelta(days=1) and move.place in SHOPS:
            _take_off_the_road(stage, move, moment(day, 10, 30))


def _send(stage: Stage, move: Move, at: dt.datetime) -> None:
    wanted = {stage.sku_ids[code]: pieces for code, pieces in move.pieces.items()}
    free = available_to_promise(channel_id=stage.channel_ids[WHOLESALE], sku_ids=list(wanted), at=at)
    lines = [
        TransferLine(number, sku_id, min(pieces, free[sku_id].available))
        for number, (sku_id, pieces) in enumerate(wanted.items(), 1)
        if free[sku_id].available > 0
    ]
    shop = stage.places.shops[SHOPS.index(move.place)] if move.place in SHOPS else None
    target = stage.places.mall if shop is None else stage.places.road
    if lines and not stock_documents(source_type="TRANSFER", external_ids=[move.number]):
        retried(
            transfer, external_id=move.number, from_location_id=stage.places.warehouse, to_location_id=target,
            destination_id=shop, lines=lines, note=move.place, occurred_at=at, at=at, by=FLOOR,
        )  # fmt: skip


def _take_off_the_road(stage: Stage, move: Move, at: dt.datetime) -> None:
    sent = stock_documents(source_type="TRANSFER", external_ids=[move.number]).get(move.number)
    if sent is None:
        return
    shop = stage.places.shops[SHOPS.index(move.place)]
    lines = [
        TransferLine(line.line_no, line.sku_id, line.quantity)
        for line in lines_of_document(sent.id)
        if line.location_id == stage.places.road
    ]
    retried(
        arrive, external_id=f"{move.number}-IN", transfer_id=sent.id, to_location_id=shop, lines=lines, occurred_at=at, at=at,
        by=SHOP,
    )  # fmt: skip


def _receipt_lines(stage: Stage, pieces: Mapping[str, int], at: dt.datetime) -> list[ReceiptLine]:
    return [
        ReceiptLine(number, stage.sku_ids[code], count, _cost(stage, code, at.date()))
        for number, (code, count) in enumerate(pieces.items(), 1)
    ]


def _cost(stage: Stage, code: str, day: dt.date) -> Decimal:
    return stage.assortment.cost_on(stage.assortment.by_code[code], day, rises=stage.cost_rise)


def look_after_stock(stage: Stage, day: dt.date) -> None:
    """実地棚卸 on the last day of a month, small losses, samples, goods that go back, value that is gone."""
    chance = dice("stock", day)
    if (day + dt.timedelta(days=1)).day == 1:
        for shop, place in zip(SHOPS, stage.places.shops, strict=True):
            _count(stage, f"CNT-{shop}-{day:%Y%m}", place, moment(day, 21), chance)
    number = (day - stage.plan.first).days
    at = moment(day, 11)
    if number % 9 == 4:
        _damage(stage, f"DMG-{day:%y%m%d}", at, chance)
    if number == 30:
        _adjust(stage, f"SMP-{day:%y%m%d}", "SAMPLE", "展示会サンプル", at, chance)
    if number == 45:
        _send_back(stage, at)
    if number == 60:
        _write_down(stage, at)


def shelf_of(stage: Stage, place: int, at: dt.datetime) -> list[tuple[int, int]]:
    """(SKU, pieces) that the books have at a place, in the order of SKUs."""
    return [(row.sku_id, row.on_hand) for row in stock_as_of(at, location_ids=[place]) if row.on_hand > 0]


def _count(stage: Stage, name: str, place: int, at: dt.datetime, chance: random.Random) -> None:
    """Some SKUs are one short, a few one over."""
    if stock_documents(source_type="COUNT", external_ids=[name]):
        return
    shelf = shelf_of(stage, place, at)[::4]
    wrong = {sku_id: chance.choices((0, -1, 1), (94, 4, 2))[0] for sku_id, _pieces in shelf}
    booked = _within_limit(place, wrong, at)
    counts = [
        Count(number, sku_id, max(pieces + booked.get(sku_id, 0), 0))
        for number, (sku_id, pieces) in enumerate(shelf, 1)
    ]
    if counts:
        retried(
            record_count, external_id=name, location_id=place, counts=counts, note="月末棚卸", occurred_at=at, at=at, by=SHOP
        )  # fmt: skip


def _damage(stage: Stage, name: str, at: dt.datetime, chance: random.Random) -> None:
    """A piece that fell into the mud asks nobody whether it was promised."""
    shelf = shelf_of(stage, stage.places.warehouse, at)
    sku_id, _pieces = chance.choice(shelf)
    if not stock_documents(source_type="DAMAGE", external_ids=[name]):
        retried(
            record_physical_fact, source_type="DAMAGE", external_id=name, location_id=stage.places.warehouse,
            lines=[PhysicalLine(1, sku_id, 1)], reason_code="DAMAGE", note="保管中の汚損", occurred_at=at, at=at, by=FLOOR,
        )  # fmt: skip


def _adjust(stage: Stage, name: str, reason: str, note: str, at: dt.datetime, chance: random.Random) -> None:
    free = free_skus(stage, at)
    if free and not stock_documents(source_type="ADJUSTMENT", external_ids=[name]):
        wanted = dict.fromkeys(chance.sample(free, min(3, len(free))), -1)
        lines = [
            AdjustmentLine(number, sku_id, pieces)
            for number, (sku_id, pieces) in enumerate(_within_limit(stage.places.warehouse, wanted, at).items(), 1)
        ]
        if not lines:
            return
        retried(
            adjust, external_id=name, location_id=stage.places.warehouse, lines=lines, reason_code=reason, note=note, occurred_at=at, at=at,
            by=BUYER,
        )  # fmt: skip


def _within_limit(place: int, wrong: Mapping[int, int], at: dt.datetime) -> dict[int, int]:
    """Of what differs, as much as one person books alone; stocktakes that somebody approves are in ``halfway``."""
    worth = unit_worth(location_id=place, sku_ids=wrong, on=business_date(at))
    found, left = {}, Fraction(ALONE)
    for sku_id, pieces in wrong.items():
        if pieces and worth[sku_id] <= left:
            found[sku_id] = pieces
            left -= worth[sku_id]
    return found


def free_skus(stage: Stage, at: dt.datetime) -> list[int]:
    """SKUs of the warehouse with more than two pieces that nobody claims."""
    wanted = [sku_id for sku_id, _pieces in shelf_of(stage, stage.places.warehouse, at)]
    figures = available_to_promise(channel_id=stage.channel_ids[WHOLESALE], sku_ids=wanted, at=at)
    return [sku_id for sku_id in wanted if figures[sku_id].available > 2]


def _send_back(stage: Stage, at: dt.datetime) -> None:
    """仕入返品 of two pieces with a wrong label."""
    name = f"SR-{at:%y%m%d}"
    codes = {sku_id: code for code, sku_id in stage.sku_ids.items()}
    for sku_id in free_skus(stage, at):
        article = stage.assortment.by_code[codes[sku_id]]
        if article.style.supplier == "S03" and not stock_documents(source_type="SUPPLIER_RETURN", external_ids=[name]):
            line = SupplierReturnLine(1, sku_id, 2, Decimal(article.style.cost))
            retried(
                return_to_supplier, external_id=name, location_id=stage.places.warehouse, lines=[line],
                supplier_id=stage.suppliers["S03"].pk, note="品質表示の誤り", occurred_at=at, at=at, by=BUYER,
            )  # fmt: skip
            return


def _write_down(stage: Stage, at: dt.datetime) -> None:
    """商品評価損 on what is no longer made, to half of what it cost."""
    name = f"WD-{at:%y%m%d}"
    codes = {sku_id: code for code, sku_id in stage.sku_ids.items()}
    gone = [
        (sku_id, pieces * stage.assortment.by_code[codes[sku_id]].style.cost // 2)
        for sku_id, pieces in shelf_of(stage, stage.places.warehouse, at)
        if stage.assortment.by_code[codes[sku_id]].style.life_cycle == "DISCONTINUED"
    ]
    if gone and not stock_documents(source_type="WRITE_DOWN", external_ids=[name]):
        lines = [WriteDownLine(number, sku_id, Decimal(amount)) for number, (sku_id, amount) in enumerate(gone, 1)]
        retried(
            write_down, external_id=name, location_id=stage.places.warehouse, lines=lines, note="廃番品の評価減", occurred_at=at, at=at,
            by=BUYER,
        )  # fmt: skip


def keep_for_customers(stage: Stage) -> None:
    """取り置き・仮引当 that run on into the days to come."""
    plan, at = stage.plan, moment(stage.plan.last, 19)
    shelf = shelf_of(stage, stage.places.shops[0], at)
    figures = available_to_promise(
        channel_id=stage.channel_ids[SHOPS[0]], sku_ids=[sku_id for sku_id, _pieces in shelf], at=at
    )
    kept = [sku_id for sku_id, _pieces in shelf if figures[sku_id].available > 0][:2]
    for number, sku_id in enumerate(kept, 1):
        person = stage.people.person(60_000 + number)
        retried(
            place_hold, channel_id=stage.channel_ids[SHOPS[0]], ref=f"KEEP-{number}", lines=[HoldDemand(sku_id, 1)], kind="KEEP",
            owner_label=f"{person.family_name}様 試着", expires_at=moment(plan.today + dt.timedelta(days=3), 20), at=at,
            by=SHOP,
        )  # fmt: skip
    if free := free_skus(stage, at):
        retried(
            place_hold, channel_id=stage.channel_ids[WHOLESALE], ref="QUOTE-1", lines=[HoldDemand(free[0], 2)], kind="QUOTE",
            owner_label="見積 セレクトあさぎり", expires_at=moment(plan.today + dt.timedelta(days=7), 18), at=at, by=BUYER,
        )  # fmt: skip


def _pay_freight(stage: Stage, delivery: Delivery, at: dt.datetime) -> None:
    """運賃 that is known after the goods have come is a late cost of theirs."""
    receipt = stock_documents(source_type="RECEIPT", external_ids=[f"RC-{delivery.number}"])[f"RC-{delivery.number}"]
    retried(
        add_late_cost, external_id=f"FR-{delivery.number}", receipt_id=receipt.id, amounts=[(1, Decimal(3_000))], contra_role="other_payables",
        note="国内運賃", occurred_at=at, at=at, by=BUYER,
    )  # fmt: skip
