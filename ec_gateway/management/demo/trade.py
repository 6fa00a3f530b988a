"""The everyday trade of three months: how many orders on which day, who buys what, how it is paid and what goes wrong. Drawn from the seed."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ec_gateway.management.demo import company
from ec_gateway.management.demo.company import EC_MEN, EC_WOMEN, MALL, MALL_HELD, OWN_SITES, WAREHOUSE, WHOLESALE
from ec_gateway.management.demo.goods import BRANDS, Article, Assortment
from ec_gateway.management.demo.papers import Bought, Document, account_order, moved_to, shopper_order, till_sale
from ec_gateway.management.demo.people import Population
from ec_gateway.management.demo.plan import Deal, Kind, Plan, moment
from ec_gateway.management.demo.sources import dice, table

SHARES = {EC_WOMEN: 31, EC_MEN: 20, MALL: 17, "SHOP-1": 16, "SHOP-2": 12, WHOLESALE: 4}
MOST_ON_ACCOUNT = 240
# Monday to Sunday.
WEEKDAYS = {
    "EC_SITE": (1.15, 0.95, 0.9, 0.9, 0.95, 1.0, 1.25),
    "MALL": (1.1, 0.95, 0.95, 0.95, 1.0, 1.0, 1.2),
    "SHOP": (0.7, 0.7, 0.75, 0.75, 1.0, 1.8, 1.7),
    "WHOLESALE": (1.4, 1.2, 1.2, 1.1, 1.1, 0.0, 0.0),
}
# How the hours of a day share its orders, from 0 o'clock.
HOURS = {
    "EC_SITE": (5, 2, 1, 1, 1, 1, 2, 4, 5, 5, 6, 7, 9, 6, 5, 5, 5, 6, 7, 9, 12, 14, 13, 9),
    "SHOP": (*[0] * 11, 5, 8, 10, 11, 11, 11, 11, 10, 8, *[0] * 4),
    "WHOLESALE": (*[0] * 9, 6, 9, 8, 3, 6, 8, 7, 6, 3, *[0] * 6),
}
HOURS["MALL"] = HOURS["EC_SITE"]
METHODS = {
    "EC_SITE": {
        "card": 52, "wallet": 12, "deferred": 11, "convenience_store": 10, "cod": 8, "bank_transfer": 4, "carrier_billing": 3,
    },
    "MALL": {"mall": 1},
    "SHOP": {"cash": 30, "card": 48, "wallet": 22},
}  # fmt: skip
NOTES = (
    "不在の場合は宅配ボックスへお願いします。", "プレゼント用です。値札を外してください。", "できるだけ早めの発送を希望します。",
    "領収書の宛名は空欄でお願いします。", "前回と同じ箱でお願いします。",
)  # fmt: skip
WHY_RETURNED = {
    "SELLABLE": ("サイズが合わない", "イメージ違い", "色が思っていたものと違う", "注文間違い"),
    "DEFECTIVE": ("縫製不良", "汚れ・キズ", "ファスナー不良"),
}
WHY_CANCELLED = ("お客様都合", "注文間違い", "他店で購入")


def kind_of(channel: str) -> str:
    return next(row[2] for row in company.CHANNELS if row[0] == channel)


class Wanted:
    """SKUs of some brands, drawn as often as they are wanted."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._articles = [article for article in articles if article.weight]
        self._sums = list(itertools.accumulate(article.weight for article in self._articles))

    def draw(self, chance: random.Random) -> Article:
        return self._articles[bisect(self._sums, chance.random() * self._sums[-1])]


@dataclass(slots=True)
class Regulars:
    """The customers of one channel, by number: most orders come from people who bought before, some far more often than others."""

    offset: int
    known: list[int] = field(default_factory=list)

    def draw(self, chance: random.Random) -> int:
        if not self.known or chance.random() < 0.45:
            self.known.append(self.offset + len(self.known))
            return self.known[-1]
        return self.known[int(len(self.known) * chance.random() ** 2.2)]


class Trade:
    """Draws the everyday deals of a plan. What is sold out late in the history (``scarce``) is bought by nobody in its last days."""

    def __init__(
        self, plan: Plan, assortment: Assortment, people: Population, *, seed: int, scarce: Sequence[str]
    ) -> None:
        self.plan, self.people, self.chance = plan, people, dice("trade", seed)
        sold = [article for article in assortment.articles if article.style.is_sold]
        plenty = [article for article in sold if not {code for code, _n in article.pieces()} & set(scarce)]
        offers = {channel: OWN_SITES.get(channel, tuple(BRANDS)) for channel in SHARES}
        self._wanted = {
            channel: tuple(
                Wanted([article for article in articles if article.style.brand in brands])
                for articles in (sold, plenty)
            )
            for channel, brands in offers.items()
        }
        self._on_list = Wanted([article for article in plenty if article.style.brand == "SR"])
        self._regulars = {
            channel: Regulars(10_000 * number) for number, channel in enumerate((EC_WOMEN, EC_MEN, MALL), 1)
        }
        self._accounts = table("accounts")
        self._days = list(plan.days())
        self._busy = {kind: list(itertools.accumulate(self._how_busy(kind))) for kind in WEEKDAYS}
        self._numbers = {channel: itertools.count(1) for channel in SHARES}

    def draw(self, count: int) -> None:
        """Add so many deals to the plan, in the order of their time."""
        for channel, number in _shared_out(count).items():
            moments = sorted(self._moment(channel) for _number in range(number))
            for at in moments:
                if kind_of(channel) == "SHOP":
                    self._sell_over_the_counter(channel, at)
                elif channel == WHOLESALE:
                    self._sell_on_account(at)
                else:
                    self._sell_to_shopper(channel, at)

    def _how_busy(self, kind: str) -> Iterator[float]:
        """Each day against the others: its weekday, the days after pay day, and a trade that grows into the season."""
        for place, day in enumerate(self._days):
            paid = 1.3 if day.day in (25, 26, 27) else 1.0
            yield WEEKDAYS[kind][day.weekday()] * (0.8 + 0.5 * place / len(self._days)) * paid

    def _moment(self, channel: str) -> dt.datetime:
        kind = kind_of(channel)
        day = self.chance.choices(self._days, cum_weights=self._busy[kind])[0]
        hour = self.chance.choices(range(24), HOURS[kind])[0]
        return moment(day, hour, self.chance.randrange(60), self.chance.randrange(60))

    def _offer(self, channel: str, at: dt.datetime) -> Wanted:
        """What a channel has to offer at that time: in the last days not what has run out."""
        is_late = (self.plan.today - at.date()).days <= SCARCE_FOR
        return self._wanted[channel][is_late]

    def _basket(self, channel: str, wanted: Wanted, lines: int, most: int = 1) -> list[Bought]:
        """Mostly single units; up to ``most`` of each where more than one are wanted."""
        found: dict[str, Bought] = {}
        for _number in range(lines):
            article = wanted.draw(self.chance)
            units = self.chance.choices((1, 2, 3), (88, 9, 3))[0] if most == 1 else self.chance.randint(2, most)
            price = article.sale_price if channel != MALL else article.style.price
            found.setdefault(article.code, Bought(article, units, price))
        return list(found.values())

    def _add(
        self, channel: str, place: str, at: dt.datetime, external_id: str, document: Document, bought: Sequence[Bought]
    ) -> Deal:
        pieces = [piece for line in bought for piece in line.article.pieces(line.units)]
        return self.plan.add(Deal(channel, external_id, at, document, place, pieces))

    def _sell_over_the_counter(self, channel: str, at: dt.datetime) -> None:
        bought = self._basket(channel, self._offer(channel, at), self.chance.choices((1, 2, 3, 4), (52, 30, 13, 5))[0])
        number = f"{channel}-{at:%y%m%d}-{next(self._numbers[channel]):05}"
        method = self._method("SHOP")
        document = till_sale(external_id=number, sold_at=at, bought=bought, method=method)
        self._add(channel, channel, at, number, document, bought)

    def _sell_on_account(self, at: dt.datetime) -> None:
        shares = [int(row["share"]) for row in self._accounts]
        row = self.chance.choices(self._accounts, shares)[0]
        offer = self._on_list if row["price_list"] else self._offer(WHOLESALE, at)
        bought = [
            Bought(line.article, line.units, wholesale_price(line.article, row))
            for line in self._basket(WHOLESALE, offer, self.chance.randint(5, 12), most=4)
        ]
        number = f"W-{at:%y%m}-{next(self._numbers[WHOLESALE]):04}"
        document = account_order(
            external_id=number,
            ordered_at=at,
            account=row["code"],
            number=f"{row['code']}-PO{self.chance.randint(1000, 9999)}",
            bought=bought,
            ship_to=self.people.counter(row["code"], row["name"]),
        )
        deal = self._add(WHOLESALE, WAREHOUSE, at, number, document, bought)
        if row["revenue_basis"] == "ACCEPTANCE":
            self.plan.act(self.plan.workday(deal.day + dt.timedelta(days=6)), Kind.ACCEPT, deal)
        elif row["revenue_basis"] == "SALES_REPORT":
            for weeks in (2, 4, 6):
                self.plan.act(self.plan.workday(deal.day + dt.timedelta(weeks=weeks)), Kind.REPORT, deal, share=0.35)

    def _sell_to_shopper(self, channel: str, at: dt.datetime) -> None:
        chance = self.chance
        kind = kind_of(channel)
        bought = self._basket(channel, self._offer(channel, at), chance.choices((1, 2, 3, 4, 5), (54, 28, 12, 4, 2))[0])
        goods = sum(line.amount for line in bought)
        number = self._regulars[channel].draw(chance)
        external_id = (
            f"{'MA' if channel == MALL else channel[:1] + channel[-1:]}-{at:%y%m}-{next(self._numbers[channel]):05}"
        )
        method = self._method(kind)
        status = "authorized" if method == "card" and channel == EC_MEN else ""
        if method == "deferred" and chance.random() < 0.2:
            status = "pending"
        has_trouble = chance.random() < 0.005
        person = self.people.person(number)
        document = shopper_order(
            external_id=external_id,
            ordered_at=at,
            customer="" if chance.random() < 0.06 else f"{channel[:1]}{number:06}",
            person=person,
            bought=bought,
            method=method,
            status=status,
            coupon=500 if goods > 8_000 and chance.random() < 0.08 else 0,
            points=min(goods // 20, 800) if channel == MALL and chance.random() < 0.2 else 0,
            wish_date=at.date() + dt.timedelta(days=chance.randint(4, 9)) if chance.random() < 0.08 else None,
            has_gift=chance.random() < 0.04,
            note=chance.choice(NOTES) if chance.random() < 0.012 else "",
            carrier=chance.choice(("yamato", "yamato", "sagawa", "japanpost")),
            address={**person.address, "street": ""} if has_trouble else None,
        )
        deal = self._add(channel, MALL_HELD if channel == MALL else WAREHOUSE, at, external_id, document, bought)
        self._decide_fate(deal, method, status, bought)

    def _method(self, kind: str) -> str:
        return self.chance.choices(list(METHODS[kind]), list(METHODS[kind].values()))[0]

    def _decide_fate(self, deal: Deal, method: str, status: str, bought: Sequence[Bought]) -> None:
        """At most one thing goes wrong with an order, beside waiting for its money."""
        plan, chance, fate = self.plan, self.chance, self.chance.random()
        due = deal.document["amount_due"]
        if method in ("convenience_store", "bank_transfer"):
            if chance.random() < 0.1:
                plan.act(deal.day + dt.timedelta(days=8), Kind.CANCEL, deal, reason="お支払い期限切れ")
                return
            plan.act(deal.day + dt.timedelta(days=chance.choice((1, 1, 1, 2, 2, 3, 5))), Kind.PAY, deal, amount=due)
        if status == "pending":
            plan.act(deal.day + dt.timedelta(days=1), Kind.CREDIT_OK, deal)
        if fate < 0.015:
            plan.act(deal.day + dt.timedelta(days=1), Kind.CANCEL, deal, reason=chance.choice(WHY_CANCELLED))
        elif fate < 0.022 and method not in ("card", "wallet"):
            person = self.people.person(80_000 + len(plan.deals))
            plan.act(deal.day + dt.timedelta(days=1), Kind.AMEND, deal, document=moved_to(deal.document, person))
        elif fate < 0.03:
            plan.act(plan.workday(deal.day + dt.timedelta(days=1)), Kind.SHIP_PART, deal)
        elif fate < 0.085:
            condition = chance.choices(("SELLABLE", "DEFECTIVE"), (82, 18))[0]
            back = plan.workday(deal.day + dt.timedelta(days=chance.randint(8, 13)))
            line = chance.choice(deal.document["lines"])
            units = chance.randint(1, line["quantity"])
            reason = chance.choice(WHY_RETURNED[condition])
            plan.act(back, Kind.RETURN, deal, line_id=line["line_id"], units=units, condition=condition, reason=reason)
            if chance.random() < 0.85:
                plan.act(plan.workday(back + dt.timedelta(days=2)), Kind.REFUND, deal)
        elif fate < 0.12 and method == "cod":
            plan.act(plan.workday(deal.day + dt.timedelta(days=6)), Kind.REFUSE, deal)


SCARCE_FOR = 9


def wholesale_price(article: Article, row: dict[str, str]) -> int:
    """上代 without tax × 掛率, or what the wholesale list says (which is at 60 %)."""
    return article.style.price * 10 // 11 * int(row["wholesale_percent"] or 60) // 100


def _shared_out(count: int) -> dict[str, int]:
    whole = sum(SHARES.values())
    found = {channel: count * share // whole for channel, share in SHARES.items()}
    found[WHOLESALE] = min(found[WHOLESALE], MOST_ON_ACCOUNT)
    found[EC_WOMEN] += count - sum(found.values())
    return found
