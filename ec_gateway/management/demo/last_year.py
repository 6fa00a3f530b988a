"""The year before the history, thin: what each channel sold, one slip per day and channel, so that figures have last year's beside them.

It stands for what a company brings along from the system it had before: daily totals by SKU, no customers. Booked by the service that books
what tills sold, since nothing else is known of it than what went for how much.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ec_gateway.management.demo import office, stockroom
from ec_gateway.management.demo.company import EC_MEN, EC_WOMEN, MALL, MALL_HELD, OWN_SITES, SHOPS, WAREHOUSE, WHOLESALE
from ec_gateway.management.demo.goods import BRANDS, Article
from ec_gateway.management.demo.papers import Bought, Document, till_sale
from ec_gateway.management.demo.plan import HISTORY_DAYS, Plan, moment
from ec_gateway.management.demo.sources import dice
from ec_gateway.management.demo.stage import Stage
from ec_gateway.management.demo.trade import SHARES, WEEKDAYS, Wanted, kind_of, wholesale_price
from ec_gateway.shop_sale_document import read_receipt
from erp.core.actors import Actor
from erp.core.retries import retried
from erp.orders.services import record_shop_sales

NOTE = "前年実績の日計(旧システムから移行)"
PREFIX = "LY"
# Below so many orders the year is shortened to the weeks that are compared at first, and a day has one slip.
WHOLE_FROM, WEEKS_COMPARED = 1_000, 9
# Of what is sold today; and how many pieces an order has.
SHARE_OF_TODAY = 0.92
PIECES_OF_AN_ORDER = {"EC_SITE": 1.9, "MALL": 1.9, "SHOP": 2.0, "WHOLESALE": 25.0}
MOST_LINES = 4
# Goods lie in the house for so many months before they are sold.
MONTHS_AHEAD = 2
METHODS = {"EC_SITE": "card", "MALL": "mall", "SHOP": "cash", "WHOLESALE": "bank_transfer"}
PLACES = {
    EC_WOMEN: WAREHOUSE,
    EC_MEN: WAREHOUSE,
    WHOLESALE: WAREHOUSE,
    MALL: MALL_HELD,
    **{shop: shop for shop in SHOPS},
}


@dataclass(frozen=True, slots=True)
class Slip:
    """What a channel sold on a day."""

    channel: str
    day: dt.date
    bought: tuple[Bought, ...]

    @property
    def document(self) -> Document:
        kind = kind_of(self.channel)
        slip = till_sale(
            external_id=f"{PREFIX}-{self.channel}-{self.day:%Y%m%d}",
            sold_at=moment(self.day, 20),
            bought=self.bought,
            method=METHODS[kind],
        )
        slip["payments"][0] |= {"status": "paid"}
        return slip | {"shop_note": NOTE}


def begin_of(today: dt.date) -> dt.date:
    """The first day of the year before: that of the month which is compared with this one, and the same weekday as yesterday's is in it."""
    return (today - dt.timedelta(days=366)).replace(day=1)


def days_of(plan: Plan, orders: int) -> list[dt.date]:
    first = begin_of(plan.today)
    days = (plan.first - first).days if orders >= WHOLE_FROM else WEEKS_COMPARED * 7
    return [first + dt.timedelta(days=number) for number in range(days)]


def draw(stage: Stage, *, orders: int, seed: int) -> list[Slip]:
    """The slips of the year, in the order of their days."""
    chance = dice("last year", seed)
    carried = [article for article in stage.assortment.stocked if article.style.is_sold]
    wanted = {
        channel: Wanted(
            [article for article in carried if article.style.brand in OWN_SITES.get(channel, tuple(BRANDS))]
        )
        for channel in SHARES
    }
    slips, channels = [], list(SHARES)
    for number, day in enumerate(days_of(stage.plan, orders)):
        for channel in channels if orders >= WHOLE_FROM else [channels[number % len(channels)]]:
            pieces = _pieces(channel, day, orders, chance)
            if pieces:
                slips.append(Slip(channel, day, tuple(_bought(channel, wanted[channel], pieces, chance))))
    return slips


def _pieces(channel: str, day: dt.date, orders: int, chance: random.Random) -> int:
    kind, share = kind_of(channel), SHARES[channel] / sum(SHARES.values())
    usual = orders / HISTORY_DAYS * share * SHARE_OF_TODAY * PIECES_OF_AN_ORDER[kind] * WEEKDAYS[kind][day.weekday()]
    return math.ceil(usual * chance.uniform(0.75, 1.25)) if usual else 0


def _bought(channel: str, wanted: Wanted, pieces: int, chance: random.Random) -> Iterator[Bought]:
    drawn: dict[str, Article] = {}
    for _number in range(min(MOST_LINES, pieces)):
        article = wanted.draw(chance)
        drawn[article.code] = article
    for place, article in enumerate(drawn.values()):
        units = pieces // len(drawn) + (place < pieces % len(drawn))
        yield Bought(article, units, _price(channel, article))


def _price(channel: str, article: Article) -> int:
    """Last year everything of today's was at its full price; wholesale pays its share, here with tax."""
    if channel == WHOLESALE:
        return wholesale_price(article, {"wholesale_percent": "60"}) * 11 // 10
    return article.style.price


def months_of(slips: Sequence[Slip]) -> Iterator[tuple[str, Sequence[Slip]]]:
    """Month by month, each to be booked in a transaction of its own under its name."""
    for month, found in groupby(slips, key=lambda slip: slip.day.replace(day=1)):
        yield f"{PREFIX}-{month:%Y-%m}", list(found)


def book(stage: Stage, month: Sequence[Slip], year: Sequence[Slip]) -> None:
    """One month: the goods for the months to come, what was sold, and what the providers paid out."""
    first, last = month[0].day, month[-1].day
    _bring_in(stage, first, year, is_first=month[0] is year[0])
    for channel in sorted({slip.channel for slip in month}):
        documents = [slip.document for slip in month if slip.channel == channel]
        at = moment(last, 22)
        sales = [read_receipt(document, at=at).sale for document in documents]
        told = retried(
            record_shop_sales, channel=channel, sales=[sale for sale in sales if sale is not None], bodies=documents, at=at,
            by=Actor.channel(channel),
        )  # fmt: skip
        assert not any(outcome.refusal for outcome in told), [outcome.refusal for outcome in told if outcome.refusal]
    for number in range((last - first).days + 1):
        office.take_payouts(first + dt.timedelta(days=number))


def _bring_in(stage: Stage, first: dt.date, year: Sequence[Slip], *, is_first: bool) -> None:
    month = _months_after(first, 0)
    begins, ends = _months_after(first, 0 if is_first else MONTHS_AHEAD), _months_after(first, MONTHS_AHEAD + 1)
    pieces: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for slip in year:
        if begins <= slip.day < ends:
            for line in slip.bought:
                pieces[PLACES[slip.channel]][line.article.code] += line.units
    for place, wanted in sorted(pieces.items()):
        stockroom.bring_along(stage, f"{PREFIX}-{place}-{month:%Y%m}", place, wanted, note=NOTE, at=moment(first, 8))


def _months_after(day: dt.date, count: int) -> dt.date:
    whole = day.year * 12 + day.month - 1 + count
    return dt.date(whole // 12, whole % 12 + 1, 1)
