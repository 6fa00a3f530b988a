"""Makes a plan true, day by day. Each finished day is marked, so that a load which was cut off goes on with the day in which it stopped.

Within a day everything is repeatable: documents by their external ids, the rest by the state in which it finds things.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import Product
from customers.models import Account, CustomerRecord
from ec_gateway.management.demo import (
    backroom,
    cast,
    company,
    desk,
    halfway,
    last_year,
    letterbox,
    office,
    parcels,
    stockroom,
)
from ec_gateway.management.demo.goods import Assortment
from ec_gateway.management.demo.last_year import Slip
from ec_gateway.management.demo.people import Population
from ec_gateway.management.demo.plan import HISTORY_DAYS, Deal, Kind, Plan, is_workday, moment
from ec_gateway.management.demo.stage import BUYER, DESK, Stage
from ec_gateway.management.demo.supply import plan_supply
from ec_gateway.management.demo.trade import Trade
from erp.core import messages
from erp.core.actors import Actor
from erp.core.models import Channel, MessageLog
from erp.core.retries import retried
from erp.core.use_case import use_case
from erp.insights.services import refresh_rfm
from erp.inventory.services import cut_snapshots
from erp.orders.models import Order
from erp.orders.services import keep_promises

KIND = "demo"
BEGUN, FINISHED = "begun", "finished"
BY = Actor.command(KIND)
# The women's site leaves its mails to Mamori since so many days.
MAILS_FOR = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything that decides what the company is."""

    today: dt.date
    orders: int
    seed: int


class ForeignData(Exception):
    """The database holds something that is not the demo company's."""


def known_wish() -> Wish | None:
    """What the demo company of this database was begun with; None where there is none."""
    body = MessageLog.objects.filter(kind=KIND, external_id=BEGUN).values_list("body", flat=True).first()
    return None if body is None else Wish(dt.date.fromisoformat(body["today"]), body["orders"], body["seed"])


def is_finished() -> bool:
    return MessageLog.objects.filter(kind=KIND, external_id=FINISHED).exists()


def refuse_foreign_data() -> None:
    """Raises ForeignData naming every kind of row that a company of its own has."""
    models = (Channel, Product, Account, CustomerRecord, Order)
    if found := [str(model._meta.verbose_name_plural) for model in models if model.objects.exists()]:
        raise ForeignData(", ".join(found))


@use_case
def _mark(*, name: str, body: Any, at: dt.datetime, by: Actor) -> None:
    message = messages.Message(KIND, name, 1, body, "", MessageLog.Outcome.DONE)
    messages.store([message], channel_id=None, at=at, by=by)


class Story:
    """One demo company from its founding to the evening before ``wish.today``. ``advance`` is told how many orders came in."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        first = wish.today - dt.timedelta(days=HISTORY_DAYS)
        self.plan = Plan(first, wish.today)
        self.assortment = Assortment(today=wish.today, seed=wish.seed)
        self.people = Population(wish.seed)
        scarce = cast.scarce_skus(self.assortment)
        cast.Cast(self.plan, self.assortment, self.people).play()
        trade = Trade(self.plan, self.assortment, self.people, seed=wish.seed, scarce=list(scarce))
        trade.draw(max(wish.orders - len(self.plan.deals), 0))
        self.plan.deals.sort(key=lambda deal: (deal.ordered_at, deal.key))
        self.supply = plan_supply(self.plan, self.assortment, scarce=scarce, seed=wish.seed)
        self.cost_rise = first + dt.timedelta(days=40)

    def tell(self, advance: Callable[[int], None] = lambda _count: None) -> None:
        """Load what is not there yet. A company that is finished stays as it is."""
        if is_finished():
            return
        done = set(MessageLog.objects.filter(kind=KIND).values_list("external_id", flat=True))
        stage = self._found(done)
        by_day = self._deals_by_day()
        for day in self.plan.days():
            if day.isoformat() not in done:
                retried(self._live_and_mark, stage, day, by_day.get(day, []))
            advance(len(by_day.get(day, ())))
        self._end(stage)
        _mark(name=FINISHED, body=asdict(self.wish), at=timezone.now(), by=BY)

    def _found(self, done: Collection[str]) -> Stage:
        """Masters, what is known of last year, and opening stock; found again as they are when they were made before."""
        plan, founded = self.plan, last_year.begin_of(self.plan.today) - dt.timedelta(days=1)
        begins = moment(founded, 9)
        if known_wish() is None:
            _mark(name=BEGUN, body=asdict(self.wish), at=begins, by=BY)
        company.found_company(today=plan.today, first=plan.first, at=begins, by=BY)
        places = company.open_places(at=begins, by=BY)
        company.bring_goods(
            assortment=self.assortment,
            first=founded,
            cost_rise=self.cost_rise,
            at=begins,
            by=BUYER,
        )
        company.sign_up_accounts(people=self.people, at=begins, by=DESK)
        stage = Stage(self.plan, self.supply, self.assortment, self.people, places, self.cost_rise)
        stage.look_up()
        year = last_year.draw(stage, orders=self.wish.orders, seed=self.wish.seed)
        for name, month in last_year.months_of(year):
            if name not in done:
                retried(self._look_back_and_mark, stage, name, month, year)
        stockroom.stock_opening(stage)
        return stage

    @transaction.atomic
    def _look_back_and_mark(self, stage: Stage, name: str, month: Sequence[Slip], year: Sequence[Slip]) -> None:
        last_year.book(stage, month, year)
        _mark(name=name, body={}, at=moment(month[-1].day, 23, 59), by=BY)

    def _deals_by_day(self) -> dict[dt.date, list[Deal]]:
        found: dict[dt.date, list[Deal]] = {}
        for deal in self.plan.deals:
            found.setdefault(deal.day, []).append(deal)
        return found

    @transaction.atomic
    def _live_and_mark(self, stage: Stage, day: dt.date, deals: Sequence[Deal]) -> None:
        """A day happens whole or not at all; none takes the five seconds for which the change feed can wait."""
        self._live(stage, day, deals)
        _mark(name=day.isoformat(), body={}, at=moment(day, 23, 59), by=BY)

    def _live(self, stage: Stage, day: dt.date, deals: Sequence[Deal]) -> None:
        """One day, in the order of its hours."""
        noon = moment(day, 12, 5)
        if day == self.plan.last - MAILS_FOR:
            company.write_to_shoppers(at=moment(day, 8), by=BY)
        stockroom.expect(stage, day)
        if stockroom.receive_goods(stage, day):
            desk.serve_waiting(at=moment(day, 8, 50))
        desk.hear_of_money(stage, day)
        if is_workday(day):
            desk.resolve(stage, day)
        desk.put_on_hold(stage, day)
        desk.cancel(stage, stage.acts(day, *desk.CANCELS), at=moment(day, 9, 20))
        desk.amend(stage.acts(day, Kind.AMEND), at=moment(day, 9, 25))
        desk.advance(at=moment(day, 9, 28))
        if is_workday(day):
            parcels.release(stage, day)
        stockroom.send_to_shops(stage, day)
        office.settle(stage, day)
        stockroom.look_after_stock(stage, day)
        desk.take_in(stage, [deal for deal in deals if deal.ordered_at < noon], at=noon)
        desk.refund(stage, day)
        parcels.take_back(stage, day)
        parcels.settle_with_accounts(stage, day)
        if is_workday(day):
            parcels.send(stage, day)
        parcels.arrive_at_customers(stage, day)
        desk.take_in_sales(stage, deals, at=moment(day, 21, 30))
        desk.take_in(stage, [deal for deal in deals if deal.ordered_at >= noon], at=moment(day, 23, 55))

    @transaction.atomic
    def _do_and_mark(self, stage: Stage, name: str, part: Callable[[Stage], None]) -> None:
        part(stage)
        _mark(name=name, body={}, at=moment(self.plan.last, 23, 59), by=BY)

    def _end(self, stage: Stage) -> None:
        """The evening before today."""
        day = self.plan.last
        parcels.release_last(stage)
        desk.amend(stage.acts(day, Kind.AMEND_LATE), at=moment(day, 17, 45))
        parcels.call_back(stage, day)
        desk.cancel(stage, stage.acts(day, desk.LATE), at=moment(day, 18, 30))
        stockroom.keep_for_customers(stage)
        office.close_months(stage)
        done = set(MessageLog.objects.filter(kind=KIND).values_list("external_id", flat=True))
        for name, part in (("papers", backroom.furnish), ("under way", halfway.leave_work), ("inbox", letterbox.fill)):
            if name not in done:
                retried(self._do_and_mark, stage, name, part)
        keep_promises(at=moment(day, 23, 50), by=Actor.job("promises"))
        cut_snapshots(at=moment(day, 23, 55), by=Actor.job("stock-snapshots"))
        refresh_rfm(as_of=day, at=moment(day, 23, 58), by=Actor.job("rfm"))
