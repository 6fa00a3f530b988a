"""The deals that are there whatever the size of the company: one at least in every state, for every reason to wait, with every way back.

Those of the last days are left as they are (``is_left_alone``), so that whoever looks finds them; those of the past show how it ends.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

from ec_gateway.management.demo.company import EC_MEN, EC_WOMEN, MALL, MALL_HELD, SHOPS, WAREHOUSE, WHOLESALE
from ec_gateway.management.demo.goods import Article, Assortment
from ec_gateway.management.demo.papers import (
    Bought,
    Document,
    account_order,
    moved_to,
    shopper_order,
    till_sale,
    with_revision,
    with_units,
)
from ec_gateway.management.demo.people import Population
from ec_gateway.management.demo.plan import Deal, Kind, Plan, moment
from ec_gateway.management.demo.sources import table
from ec_gateway.management.demo.trade import wholesale_price

# The best-selling coats and knits of which nothing is left: SKU → days until the next delivery.
SCARCE_STYLES, SCARCE_IN = ("YR-KN01", "TF-CT01", "YR-CT01", "SR-SW02"), (3, 5, 8, 9)


def scarce_skus(assortment: Assortment) -> dict[str, int]:
    """The middle size of the first colour of each."""
    found = {}
    for style, days in zip(SCARCE_STYLES, SCARCE_IN, strict=True):
        articles = [article for article in assortment.articles if article.style.code == style]
        best = max(articles, key=lambda article: (article.weight, article.code))
        found[best.code] = days
    return found


class Cast:
    """Writes the parts. ``days_ago`` counts back from today."""

    def __init__(self, plan: Plan, assortment: Assortment, people: Population) -> None:
        self.plan, self.assortment, self.people = plan, assortment, people
        self._numbers = itertools.count(1)
        self._people = itertools.count(70_000)
        self._scarce = [self.assortment.by_code[code] for code in scarce_skus(self.assortment)]
        self._plain = [self.assortment.by_code[code] for code in _PLAIN]

    def play(self) -> None:
        self._wait_for_a_person()
        self._wait_for_something()
        self._on_account()
        self._come_back()
        self._change_their_mind()
        self._over_the_counter()

    def _order(
        self,
        days_ago: int,
        *bought: Bought,
        channel: str = EC_WOMEN,
        method: str = "card",
        hour: int = 15,
        **fields: Any,
    ) -> Deal:
        number = next(self._numbers)
        at = moment(self.plan.today - dt.timedelta(days=days_ago), hour, number % 60)
        lines = bought or (
            Bought(self._plain[number % len(self._plain)], 1, self._plain[number % len(self._plain)].sale_price),
        )
        external_id = f"{'MA' if channel == MALL else channel[:1] + channel[-1:]}-X{number:04}"
        document = shopper_order(
            external_id=external_id, ordered_at=at, customer=f"X{number:05}", person=self.people.person(next(self._people)), bought=lines,
            method="mall" if channel == MALL else method, **fields,
        )  # fmt: skip
        place = MALL_HELD if channel == MALL else WAREHOUSE
        return self._enter(channel, place, at, external_id, document, lines)

    def _enter(
        self, channel: str, place: str, at: dt.datetime, external_id: str, document: Document, bought: Sequence[Bought]
    ) -> Deal:
        pieces = [piece for line in bought for piece in line.article.pieces(line.units)]
        return self.plan.add(Deal(channel, external_id, at, document, place, pieces))

    def _account(
        self, days_ago: int, code: str, bought: Sequence[tuple[Article, int]], order_type: str = "normal"
    ) -> Deal:
        number = next(self._numbers)
        at = moment(self.plan.today - dt.timedelta(days=days_ago), 11, number % 60)
        row = next((row for row in table("accounts") if row["code"] == code), {"wholesale_percent": "60"})
        lines = [Bought(article, units, wholesale_price(article, row)) for article, units in bought]
        external_id = f"W-X{number:04}"
        document = account_order(
            external_id=external_id,
            ordered_at=at,
            account=code,
            number=f"{code}-PO{number:04}",
            bought=lines,
            order_type=order_type,
            ship_to=self.people.counter(code, row["name"]) if "name" in row else None,
        )
        return self._enter(WHOLESALE, WAREHOUSE, at, external_id, document, lines)

    def _wait_for_a_person(self) -> None:
        """確認待ち, one for each reason. Those about an account are with the accounts."""
        unknown = self._order(1)
        unknown.document["lines"][0] |= {
            "sku": "YR-TS91-WH-M",
            "channel_item_code": "YR-TS91-WH-M",
            "name": "天竺クルーネックTシャツ(旧品番)",
        }
        wrong_total = self._order(1)
        total = str(int(wrong_total.document["total"]) - 100)
        wrong_total.document |= {"total": total, "amount_due": total}
        wrong_total.document["payments"][0] |= {"amount": total}
        no_amount = self._order(1, channel=EC_MEN)
        no_amount.document |= {"total": None, "amount_due": None}
        no_street = self._order(1)
        no_street.document["deliveries"][0]["ship_to"]["address"] |= {"street": ""}
        note = self._order(1, note="母の誕生日に間に合うようにお願いします。間に合わない場合はご連絡ください。")
        refused_card = self._order(1, channel=EC_MEN, status="failed")
        refused_card.document["payments"][0] |= {"reference": "与信NG 有効期限切れ"}
        no_payment = self._order(1)
        no_payment.document |= {"payments": []}
        wrong_rate = self._order(1, channel=EC_MEN)
        wrong_rate.document["lines"][0] |= {"tax_rate": "8"}
        wrong_rate.document.pop("tax_summary")
        dollars = self._order(1, channel=EC_MEN)
        dollars.document |= {"currency": "USD"}
        by_hand = self._order(2)
        self.plan.act(self.plan.last, Kind.HOLD, by_hand, reason="同じお客様の重複注文か確認中")
        for deal in (
            unknown,
            wrong_total,
            no_amount,
            no_street,
            note,
            refused_card,
            no_payment,
            wrong_rate,
            dollars,
            by_hand,
        ):
            deal.is_left_alone = True

    def _wait_for_something(self) -> None:
        """新規受付, 入金待ち, 発売日待ち, 出荷日待ち, 売り越し."""
        for _number in range(2):
            self._order(1, channel=MALL).document["acceptance"] = "provisional"
        for method in ("convenience_store", "bank_transfer", "deferred"):
            self._order(1, method=method, status="pending" if method == "deferred" else "").is_left_alone = True
        short = self._order(3, method="bank_transfer")
        half = int(short.document["amount_due"]) // 2
        self.plan.act(self.plan.last, Kind.PAY_PART, short, amount=str(half))
        coming = [article for article in self.assortment.stocked if article.style.life == "PREORDER"]
        for number in range(3):
            article = coming[number * 3 % len(coming)]
            deal = self._order(4 + number, Bought(article, 1, article.style.price))
            release = article.style.release_date or self.plan.today
            deal.document["order_type"] = "preorder"
            deal.document["lines"][0]["promised_date"] = (release + dt.timedelta(days=2)).isoformat()
        for days in (6, 9):
            self._order(1, wish_date=self.plan.today + dt.timedelta(days=days))
        big = self._account(4, "W09", [(self._scarce[0], 30), (self._plain[0], 6)])
        self.plan.act(self.plan.workday(big.day + dt.timedelta(days=1)), Kind.SHIP_PART, big)
        beyond = [big, self._account(4, "W03", [(article, 20) for article in self._scarce[1:]])]
        for number, article in enumerate([*self._scarce, *self._scarce]):
            channel = MALL if number == 3 else EC_MEN if article.style.brand == "TF" else EC_WOMEN
            bought = Bought(article, 1 + number % 2, article.style.price)
            beyond.append(self._order(1 + number % 3, bought, channel=channel))
        for deal in beyond:
            # Nobody bought what is wanted here: that is why it runs short.
            deal.pieces = [piece for piece in deal.pieces if piece[0] not in {article.code for article in self._scarce}]

    def _on_account(self) -> None:
        """与信, 納品先の検収, 委託, 展示会受注."""
        # Limits of 500,000, of which 450,000 are the warning line, and of 300,000.
        shirt, trousers = self._plain[1], self._plain[2]
        warned = self._account(
            1, "W13", [(shirt, 475_000 // (wholesale_price(shirt, {"wholesale_percent": "60"}) * 11 // 10))]
        )
        beyond = self._account(1, "W14", [(shirt, 420_000 // wholesale_price(shirt, {"wholesale_percent": "60"}))])
        unknown = self._account(1, "W99", [(trousers, 4)])
        for deal in (warned, beyond, unknown):
            deal.is_left_alone = True
        accepted = self._account(30, "W07", [(self._plain[3], 6)])
        self.plan.act(self.plan.workday(accepted.day + dt.timedelta(days=5)), Kind.ACCEPT, accepted)
        self._account(6, "W07", [(self._plain[3], 4)])
        consigned = self._account(40, "W08", [(self._plain[0], 10), (trousers, 6)])
        for weeks in (2, 4):
            self.plan.act(
                self.plan.workday(consigned.day + dt.timedelta(weeks=weeks)), Kind.REPORT, consigned, share=0.35
            )
        planned = [article for article in self.assortment.stocked if article.style.life == "PLANNED"]
        self._account(15, "W10", [(article, 4) for article in planned[:6]], order_type="exhibition")

    def _come_back(self) -> None:
        """返品, 受取拒否, 返金, and one that lies at the depot because nobody was at home."""
        plan = self.plan
        for number, (condition, method) in enumerate(
            (("SELLABLE", "card"), ("DEFECTIVE", "deferred"), ("NOT_RETURNED", "wallet"))
        ):
            deal = self._order(30 - number, method=method)
            reason = {"SELLABLE": "サイズが合わない", "DEFECTIVE": "縫製不良", "NOT_RETURNED": "汚れのため一部返金"}[
                condition
            ]
            back = plan.workday(deal.day + dt.timedelta(days=9))
            plan.act(back, Kind.RETURN, deal, line_id="1", units=1, condition=condition, reason=reason)
            if number == 0:
                plan.act(plan.workday(back + dt.timedelta(days=2)), Kind.REFUND, deal)
        refused = self._order(25, method="cod")
        plan.act(plan.workday(refused.day + dt.timedelta(days=7)), Kind.REFUSE, refused)
        self._order(8, channel=EC_MEN).is_not_at_home = True
        fetched = self._order(22, method="convenience_store")
        plan.act(fetched.day + dt.timedelta(days=1), Kind.PAY, fetched, amount=fetched.document["amount_due"])

    def _change_their_mind(self) -> None:
        """キャンセル, 受注変更 (also of what is paid), 出荷作業中のキャンセル, 出荷指示の取消, 期限切れ."""
        plan = self.plan
        regretted = self._order(13, method="convenience_store")
        paid_on = regretted.day + dt.timedelta(days=1)
        plan.act(paid_on, Kind.PAY, regretted, amount=regretted.document["amount_due"])
        plan.act(paid_on, Kind.CANCEL, regretted, reason="お客様都合")
        plan.act(plan.workday(paid_on + dt.timedelta(days=2)), Kind.REFUND, regretted)
        cancelled = self._order(12)
        plan.act(cancelled.day + dt.timedelta(days=1), Kind.CANCEL, cancelled, reason="お客様都合")
        expired = self._order(14, method="convenience_store")
        plan.act(expired.day + dt.timedelta(days=8), Kind.CANCEL, expired, reason="お支払い期限切れ")
        moved = self._order(11, method="cod")
        plan.act(
            moved.day + dt.timedelta(days=1),
            Kind.AMEND,
            moved,
            document=moved_to(moved.document, self.people.person(next(self._people))),
        )
        too_late = self._order(10, method="cod", channel=EC_MEN)
        plan.act(
            plan.workday(too_late.day + dt.timedelta(days=4)),
            Kind.AMEND,
            too_late,
            document=moved_to(too_late.document, self.people.person(next(self._people))),
        )
        for before, after in ((1, 2), (2, 1)):
            article = self._plain[0]
            paid = self._order(3, Bought(article, before, article.sale_price), method="convenience_store")
            paid.is_left_alone = True
            plan.act(paid.day + dt.timedelta(days=1), Kind.PAY, paid, amount=paid.document["amount_due"])
            plan.act(plan.last, Kind.AMEND, paid, document=with_units(paid.document, after))
        failed = self._order(16, channel=EC_MEN, status="authorized")
        plan.act(failed.day, Kind.CREDIT_NG, failed)
        plan.act(failed.day + dt.timedelta(days=1), Kind.CREDIT_OK, failed)
        final = self._order(9, channel=MALL)
        sent = dict(final.document)
        final.document["acceptance"] = "provisional"
        plan.act(
            final.day + dt.timedelta(days=1), Kind.AMEND, final, document=with_revision(sent, 2, acceptance="final")
        )
        while_picking = self._order(2, channel=EC_MEN)
        plan.act(plan.last, Kind.CANCEL_LATE, while_picking, reason="間違えて注文しました")
        called_back = self._order(2)
        plan.act(plan.last, Kind.CALL_BACK, called_back, reason="検品で汚れが見つかったため")
        moved_late = self._order(2, channel=MALL)
        new_address = moved_to(moved_late.document, self.people.person(next(self._people)))
        plan.act(plan.last, Kind.AMEND_LATE, moved_late, document=new_address)
        plan.act(plan.last, Kind.CALL_BACK, moved_late, reason="お届け先の変更が届いたため")
        for deal in (
            while_picking,
            called_back,
            moved_late,
            self._order(2),
            self._order(2, channel=EC_MEN),
            self._order(2, channel=MALL),
        ):
            deal.is_picked_last = True

    def _over_the_counter(self) -> None:
        """One in each shop."""
        for shop, method, article in zip(SHOPS, ("cash", "card"), (self._plain[0], self._plain[5]), strict=True):
            at, bought = (
                moment(self.plan.today - dt.timedelta(days=5), 15, 20),
                [Bought(article, 1, article.sale_price)],
            )
            number = f"{shop}-X{next(self._numbers):04}"
            self._enter(
                shop, shop, at, number, till_sale(external_id=number, sold_at=at, bought=bought, method=method), bought
            )


_PLAIN = (
    "YR-TS01-WH-M",
    "TF-SH01-WH-L",
    "YR-PT01-BK-9号",
    "SR-BG01-WH-F",
    "KN-KT01-NV-110",
    "TF-PT01-BE-W30",
    "TF-IN04-BK-F",
    "SR-GF01-AS-F",
)
