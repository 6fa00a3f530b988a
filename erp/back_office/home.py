"""The first page: what waits for whoever opens it, how old it is and by when it is due; for those who may know it, what was earned.

Every question is asked once and looks at a bounded number of rows; the figures of trade are kept for some minutes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounting.selectors import Trading, stock_in_books, trading
from erp.core.clock import business_date
from erp.core.doors import may_open
from erp.core.money import percent_of_base
from erp.core.permissions import SEE_AMOUNTS, SEE_COSTS
from erp.core.spans import in_words
from erp.core.work_queues import Waiting, WorkQueue, measure, parts_of, registered
from erp.insights.selectors.sales import Basis, Compare, before_of
from erp.inventory.selectors import shop_channels_of, stock_values
from erp.inventory.selectors.stock_value import By
from erp.orders.models import OVER, OrderState
from erp.orders.selectors.queues import SHIPMENTS, shipped_on

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

FIGURES_KEPT_S = 300
ANALYSES = "insights.analyse_sales"
ANALYSIS, STOCK_VALUE = "admin:insights_sales", "admin:inventory_stock_value"
# The way of an order, in the words staff know. What was shipped is done for today.
STEPS = [f"orders.{state.lower()}" for state in OrderState if state not in OVER]


@dataclass(frozen=True, slots=True)
class Tile:
    """One queue on the page: a number, one click away from its rows."""

    title: str
    url: str
    count: int
    text: str
    age: str = ""
    due: str = ""
    is_late: bool = False
    parts: list[Tile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Home:
    """``steps`` are the states of orders; ``mine`` is the user's own work, ``others`` what waits for somebody else. Empty queues are named only."""

    steps: list[Tile]
    mine: list[Tile]
    others: list[Tile]
    nothing: list[Tile]

    @property
    def tiles(self) -> dict[str, Tile]:
        """All of them, by title."""
        return {tile.title: tile for tile in (*self.steps, *self.mine, *self.others, *self.nothing)}


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount beside the one it is compared with; ``percent`` is None where there is nothing, or too little, to compare with.

    ``query`` asks the page ``url_name`` for the same days. ``is_cost``: it tells what goods cost.
    """

    title: StrOrPromise
    value: Decimal
    before: Decimal | None
    compared: StrOrPromise
    url_name: str = ""
    query: str = ""
    url: str = ""
    is_cost: bool = False

    @property
    def text(self) -> str:
        return _yen(self.value)

    @property
    def before_text(self) -> str:
        return gettext("no data of the year before") if self.before is None else _yen(self.before)

    @property
    def percent(self) -> Decimal | None:
        return percent_of_base(self.value, self.before)

    @property
    def percent_text(self) -> str:
        """Empty where there are no data to compare with, which ``before_text`` says."""
        if self.before is None:
            return ""
        return gettext("no comparison") if self.percent is None else f"{self.percent:.1f}%"


def home_of(request: HttpRequest) -> Home:
    """What the user may open, measured."""
    now = timezone.now()
    tiles = {queue.code: _tile(queue, request.user, now) for queue in registered() if may_open(queue.url_name, request)}
    mine = {queue.code for queue in registered() if queue.worked_by and request.user.has_perm(queue.worked_by)}
    steps = [tiles[code] for code in STEPS if code in tiles]
    if steps and may_open(SHIPMENTS, request):
        steps.append(_shipped_today(request.user, now))
    rest = [(code, tile) for code, tile in tiles.items() if code not in STEPS]
    return Home(
        steps=steps,
        mine=[tile for code, tile in rest if tile.count and code in mine],
        others=[tile for code, tile in rest if tile.count and code not in mine],
        nothing=[tile for _code, tile in rest if not tile.count],
    )


def figures_for(request: HttpRequest) -> list[Figure]:
    """Sales, margin and the value of stock against last year. Who may not know what goods cost sees sales alone, and the staff of a shop those of
    its own till."""
    may = request.user.has_perm
    if not may(SEE_COSTS) and not (may(SEE_AMOUNTS) and may(ANALYSES)):
        return []
    today, channels = business_date(timezone.now()), shop_channels_of(request.user)
    of = "all" if channels is None else "-".join(map(str, channels))
    known = f"back_office.figures.{today}.{of}"
    kept = cache.get_or_set(known, partial(_figures, today, channels), FIGURES_KEPT_S) or []
    return [
        replace(figure, url=f"{reverse(figure.url_name)}?{figure.query}") if _may_ask(figure, request) else figure
        for figure in kept
        if may(SEE_COSTS) or not figure.is_cost
    ]


def _may_ask(figure: Figure, request: HttpRequest) -> bool:
    permission = {ANALYSIS: ANALYSES, STOCK_VALUE: "inventory.view_costbalance"}[figure.url_name]
    return bool(request.user.has_perm(permission))


def _figures(today: dt.date, channels: Collection[int] | None) -> list[Figure]:
    yesterday, first = today - dt.timedelta(days=1), today.replace(day=1)
    # 52 weeks ago it was the same day of the week, which counts for more than the date.
    weekday, last_year = before_of(yesterday, Compare.WEEKDAY), before_of(today, Compare.YEAR)
    day, day_before, month, month_before = trading(
        [(yesterday, yesterday), (weekday, weekday), (first, today), (last_year.replace(day=1), last_year)],
        channels=channels,
    )
    in_stock = sum((pool.value for pool in stock_values()), Decimal(0))
    return [
        *_earned(
            _("Sales of yesterday"), _("Margin of yesterday"), day, day_before, _("same weekday last year"), (yesterday, yesterday),
            Compare.WEEKDAY,
        ),
        *_earned(
            _("Sales of this month"), _("Margin of this month"), month, month_before, _("up to this day last year"), (first, today),
            Compare.YEAR,
        ),
        Figure(
            _("Value of stock"), in_stock, stock_in_books(last_year) or None, _("this day last year"), STOCK_VALUE,
            urlencode({"day": today.isoformat(), "by": By.CATEGORY}), is_cost=True,
        ),
    ]  # fmt: skip


def _earned(
    sales: StrOrPromise, margin: StrOrPromise, now: Trading, before: Trading, compared: StrOrPromise, days: tuple[dt.date, dt.date],
    compare: Compare,
) -> Sequence[Figure]:  # fmt: skip
    first, last = (day.isoformat() for day in days)
    asked = {"basis": Basis.SALES, "first": first, "last": last, "compare": compare, "rows": "category"}
    # Where nothing was sold and nothing went out, these books had not begun or the house was shut: nothing to compare with.
    is_known = before.sales != 0 or before.cost != 0
    return (
        Figure(
            sales,
            now.sales,
            before.sales if is_known else None,
            compared,
            ANALYSIS,
            urlencode({**asked, "measure": "sales"}),
        ),
        Figure(
            margin,
            now.margin,
            before.margin if is_known else None,
            compared,
            ANALYSIS,
            urlencode({**asked, "measure": "margin"}),
            is_cost=True,
        ),
    )


def _yen(amount: Decimal) -> str:
    return f"{'-' if amount < 0 else ''}¥{abs(amount):,.0f}"


def _tile(queue: WorkQueue, viewer: Any, now: dt.datetime) -> Tile:
    waiting, url = measure(queue, viewer), reverse(queue.url_name)
    parts = [
        Tile(part.title, f"{url}?{queue.parts}__exact={part.value}", part.count, f"{part.count:,}")
        for part in parts_of(queue, viewer)
    ]
    due, is_late = _due(waiting, now)
    return Tile(
        str(queue.title), f"{url}?{queue.asks}", waiting.count, waiting.text, _age(waiting, now), due, is_late, parts
    )  # fmt: skip


def _shipped_today(viewer: Any, now: dt.datetime) -> Tile:
    today = business_date(now)
    done = WorkQueue(
        "orders.shipped",
        _("Shipped today"),
        lambda user: shipped_on(today, user),
        SHIPMENTS,
        f"ship_date__exact={today}",
    )
    return _tile(done, viewer, now)


def _age(waiting: Waiting, now: dt.datetime) -> str:
    """How long the oldest has waited, in one unit: people plan in days or in hours."""
    if waiting.oldest is None:
        return ""
    if not isinstance(waiting.oldest, dt.datetime):
        days = (business_date(now) - waiting.oldest).days
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days} if days > 0 else gettext("today")
    return in_words((now - waiting.oldest).total_seconds())


def _due(waiting: Waiting, now: dt.datetime) -> tuple[str, bool]:
    """The first deadline, and whether it has passed."""
    if waiting.due is None:
        return "", False
    if isinstance(waiting.due, dt.datetime):
        return f"{timezone.localtime(waiting.due):%m/%d %H:%M}", waiting.due < now
    return f"{waiting.due:%m/%d}", waiting.due < business_date(now)
