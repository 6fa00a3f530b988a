"""What people are in the middle of on the last evening: rules and quotas of stock, counts, transfers, a distribution, a write-down, pieces kept.

So that no page of the stock rooms is empty for whoever looks around. All of it or none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

from catalog.models import Category, Product, Sku
from ec_gateway.management.demo.cast import scarce_skus
from ec_gateway.management.demo.company import EC_MEN, EC_WOMEN, MALL, SHOPS, WHOLESALE
from ec_gateway.management.demo.plan import moment
from ec_gateway.management.demo.stage import BUYER, FLOOR, OFFICE, SHOP, Stage
from ec_gateway.management.demo.stockroom import free_skus, shelf_of
from erp.core.actors import Actor
from erp.inventory.selectors import available_to_promise, stock_values
from erp.inventory.selectors.transfer_orders import goods_of, on_the_road
from erp.inventory.services import (
    CountEntry,
    CountScope,
    Goods,
    HoldDemand,
    TransferRequest,
    close_count,
    draft_distribution,
    enter_counts,
    fill_customer_orders,
    open_count,
    place_hold,
    post_counts,
    propose_write_down,
    receive_transfer,
    report_missing,
    request_posting,
    request_transfers,
    set_aside,
    set_distribution,
    set_pattern,
    set_reorder_rule,
    set_rules,
    set_standard_costs,
    set_write_down_rule,
    ship_transfer,
    start_count,
)

COATS, KNITS, SHIRT, KNIT, GIFTS = "CT", "KN", "TF-SH01-WH-L", "YR-KN01", "SR-GF01"
# Months since the last receipt → what is left of the cost.
WRITE_DOWNS = {3: 90, 6: 70, 12: 50, 24: 10}
BOUGHT_AGAIN = 12


def leave_work(stage: Stage) -> None:
    """Everything below, in the order of the evening."""
    _rule_and_set_aside(stage)
    _say_how_goods_are_bought(stage)
    _count(stage)
    _move_goods(stage)
    _distribute(stage)
    _propose_to_write_down(stage)
    _keep_for_customers(stage)


def _rule_and_set_aside(stage: Stage) -> None:
    """販売可能数ルール of each kind, one of them for a campaign to come; 販売枠, one of them binding."""
    at, today, ids = moment(stage.plan.last, 18, 20), stage.plan.today, stage.channel_ids
    groups = dict(Category.objects.values_list("code", "pk"))
    styles = dict(Product.objects.values_list("code", "pk"))
    for goods, says, span in (
        (Goods(ids[MALL], category_id=groups[COATS]), {"buffer_percent": 20}, None),
        (Goods(ids[EC_WOMEN], product_id=styles[KNIT]), {"last_pieces": 2}, None),
        (Goods(ids[EC_MEN], sku_id=stage.sku_ids[SHIRT]), {"cap": 10}, None),
        (Goods(ids[EC_WOMEN], category_id=groups[KNITS]), {"buffer": 3}, (4, 11)),
    ):
        starts_at, ends_at = (None, None) if span is None else (_midnight(today, span[0]), _midnight(today, span[1]))
        set_rules(goods=goods, says=says, starts_at=starts_at, ends_at=ends_at, at=at, by=BUYER)
    free = free_skus(stage, at)
    set_aside(channel_id=ids[WHOLESALE], pieces=dict.fromkeys(free[3:6], 2), is_binding=True, at=at, by=BUYER)
    set_aside(
        channel_id=ids[EC_WOMEN], pieces=dict.fromkeys(free[6:8], 3), starts_at=_midnight(today, 4), ends_at=_midnight(today, 11),
        at=at, by=BUYER,
    )  # fmt: skip


def _midnight(day: dt.date, later: int) -> dt.datetime:
    return moment(day + dt.timedelta(days=later), 0)


def _say_how_goods_are_bought(stage: Stage) -> None:
    """発注点 of what sells best, and what gifts will be carried at from the next month on."""
    at = moment(stage.plan.last, 18, 25)
    best = sorted(stage.assortment.stocked, key=lambda article: (-article.weight, article.code))[:BOUGHT_AGAIN]
    for place, article in enumerate(best):
        by_hand = 20 if place % 4 == 0 else None
        set_reorder_rule(
            sku_id=stage.sku_ids[article.code],
            lot=10 if place % 2 else 12,
            safety_stock=3,
            reorder_point=by_hand,
            at=at,
            by=BUYER,
        )
    gifts = Sku.objects.filter(product__code=GIFTS).order_by("code").values_list("code", "pk")
    month = (stage.plan.today.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    costs = {key: Decimal(stage.assortment.by_code[code].style.cost) for code, key in gifts}
    set_standard_costs(costs=costs, valid_from=month, at=at, by=OFFICE)


def _count(stage: Stage) -> None:
    """棚卸: the warehouse is counting a bay, one shop waits for its approval, the other has booked and looks at another one."""
    day, (first, second) = stage.plan.last, stage.places.shops
    bay = open_count(
        external_id=f"ST-WH-{day:%y%m}", location_id=stage.places.warehouse, scope=CountScope("SHELVES", first_shelf="A-01-1", last_shelf="A-01-5"),
        note="Aの1番から", at=moment(day, 13), by=FLOOR,
    )  # fmt: skip
    start_count(count_id=bay, at=moment(day, 13, 5), by=FLOOR)
    seen = dict(shelf_of(stage, stage.places.warehouse, moment(day, 13, 5)))
    keys = Sku.objects.filter(pk__in=seen).order_by("code").values_list("pk", flat=True)[:6]
    _enter(bay, "1", {key: seen[key] for key in keys}, at=moment(day, 13, 40), by=FLOOR)
    # Coats are worth more than a shop may lose without being asked.
    _count_styles(stage, first, f"ST-{SHOPS[0]}-{day:%y%m}", [COATS, "JK"], short=4, at=moment(day, 19), by=SHOP)
    _count_styles(stage, second, f"ST-{SHOPS[1]}-{day:%y%m}A", ["AC"], short=1, at=moment(day, 19, 5), by=SHOP)
    post_counts(at=moment(day, 19, 30), by=Actor.job("stocktakes"))
    _count_styles(
        stage, second, f"ST-{SHOPS[1]}-{day:%y%m}B", ["BG", "IN"], short=2, at=moment(day, 20), by=SHOP, is_asked=False
    )


def _count_styles(
    stage: Stage,
    place: int,
    name: str,
    categories: Sequence[str],
    *,
    short: int,
    at: dt.datetime,
    by: Actor,
    is_asked: bool = True,
) -> None:
    """A shop counts some styles: so many SKUs are one piece short. ``is_asked``: it wants them booked."""
    shelf = dict(shelf_of(stage, place, at))
    found = Sku.objects.filter(pk__in=shelf, product__category__code__in=categories).order_by("code")
    pieces = {key: shelf[key] for key in found.values_list("pk", flat=True)}
    if not pieces:
        return
    styles = tuple(sorted(set(found.values_list("product_id", flat=True))))
    count = open_count(
        external_id=name, location_id=place, scope=CountScope("PRODUCTS", product_ids=styles), at=at, by=by
    )
    start_count(count_id=count, at=at, by=by)
    counted = {key: number - (place_ < short) for place_, (key, number) in enumerate(pieces.items())}
    _enter(count, "店頭", counted, at=at + dt.timedelta(minutes=3), by=by)
    close_count(count_id=count, uncounted="LEAVE", at=at + dt.timedelta(minutes=4), by=by)
    if is_asked:
        request_posting(count_id=count, at=at + dt.timedelta(minutes=5), by=by)


def _enter(count: int, sheet: str, pieces: Mapping[int, int], *, at: dt.datetime, by: Actor) -> None:
    entries = [CountEntry(f"{sheet}-{key}", key, number, at) for key, number in pieces.items()]
    enter_counts(count_id=count, sheet=sheet, entries=entries, at=at, by=by)


def _move_goods(stage: Stage) -> None:
    """移動指示: one waits to be shipped, one is on the road, of one a piece is missing."""
    day, warehouse, (first, second) = stage.plan.last, stage.places.warehouse, stage.places.shops
    free = free_skus(stage, moment(day, 15))[8:16]
    if len(free) < 8:
        return
    numbers = [f"TO-{day:%y%m%d}-{number}" for number in (1, 2, 3)]
    wanted = [
        TransferRequest(numbers[0], warehouse, second, dict.fromkeys(free[:3], 1), "客注分を含む"),
        TransferRequest(numbers[1], warehouse, first, dict.fromkeys(free[3:6], 2), "週末の補充"),
        TransferRequest(numbers[2], warehouse, second, dict.fromkeys(free[6:8], 2), "前回の不足分"),
    ]
    _waiting, left, short = request_transfers(requests=wanted, at=moment(day, 15, 10), by=SHOP)
    for order_id in (left, short):
        ship_transfer(order_id=order_id, occurred_at=moment(day, 15, 30), at=moment(day, 15, 30), by=FLOOR)
    lines = [goods.line for goods in goods_of(on_the_road().get(pk=short))]
    arrived = {line.pk: line.shipped - (line is lines[0]) for line in lines}
    came = moment(day, 19, 40)
    receive_transfer(external_id=f"{numbers[2]}-1", order_id=short, pieces=arrived, occurred_at=came, at=came, by=SHOP)
    report_missing(order_id=short, at=moment(day, 19, 45), by=SHOP)


def _distribute(stage: Stage) -> None:
    """入荷配分 that somebody has begun, in the usual shares."""
    at, (first, second) = moment(stage.plan.last, 17, 10), stage.places.shops
    set_pattern(name="店舗の売上比(吉祥寺3:堀江2)", weights={first: 3, second: 2}, at=at, by=BUYER)
    free = free_skus(stage, at)[16:22]
    if not free:
        return
    draft = draft_distribution(
        external_id=f"DS-{stage.plan.last:%y%m%d}", source_id=stage.places.warehouse, sku_ids=free, to_ids=[first, second],
        note="週末の店頭分", at=at, by=BUYER,
    )  # fmt: skip
    pieces = {(key, shop): 1 for key in free for shop in (first, second)}
    set_distribution(distribution_id=draft, pieces=pieces, at=at, by=BUYER)


def _propose_to_write_down(stage: Stage) -> None:
    """評価損の案 of what came in longest ago, by rules of age."""
    at = moment(stage.plan.last, 18, 10)
    for months, percent in WRITE_DOWNS.items():
        set_write_down_rule(months=months, percent=percent, at=at, by=OFFICE)
    pool = next(pool.pool_id for pool in stock_values() if pool.pool_code == "MAIN")
    shirts = Category.objects.get(code="SH").pk
    propose_write_down(cost_pool_id=pool, valued_on=stage.plan.last, category_id=shirts, at=at, by=OFFICE)


def _keep_for_customers(stage: Stage) -> None:
    """取り置き that ends tonight, 客注 that is all there and one that waits, and a cart of a site."""
    plan, (first, _second) = stage.plan, SHOPS
    at = moment(plan.last, 19, 50)
    shelf = [key for key, _pieces in shelf_of(stage, stage.places.shops[0], at)]
    figures = available_to_promise(channel_id=stage.channel_ids[first], sku_ids=shelf, at=at)
    there = [key for key in shelf if figures[key].available > 0][2:4]
    wanted = [stage.sku_ids[code] for code in list(scarce_skus(stage.assortment))[:1]]
    tonight = moment(plan.today, 20)
    cart = free_skus(stage, at)[1:2]
    kept = (
        (first, "KEEP-3", "KEEP", there[:1], tonight),
        (first, "CO-1", "CUSTOMER_ORDER", there[1:2], None),
        (first, "CO-2", "CUSTOMER_ORDER", wanted, None),
        (EC_MEN, "cart-70113", "CART", cart, moment(plan.today, 23, 59)),
    )
    for number, (channel, ref, kind, keys, ends) in enumerate(kept):
        person = stage.people.person(60_010 + number)
        label = "" if kind == "CART" else f"{person.family_name} {person.given_name}様"
        phone = person.phone if kind == "CUSTOMER_ORDER" else ""
        if keys:
            place_hold(
                channel_id=stage.channel_ids[channel], ref=ref, lines=[HoldDemand(key, 1) for key in keys], kind=kind,
                owner_label=label, owner_phone=phone, expires_at=ends, at=at, by=Actor.channel(EC_MEN) if kind == "CART" else SHOP,
            )  # fmt: skip
    fill_customer_orders(at=moment(plan.last, 19, 55), by=Actor.job("customer-orders"))
