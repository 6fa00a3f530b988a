"""どの商品が・どのチャネルで・誰に: what was sold, or ordered, in a span of days beside the year before, by product, channel and customer.

On the basis of sales, figures stand on their day in the journal, with the amounts and costs that were posted (``posted``); what else stands on
the accounts of sales and of their cost is one line beside them, so that every total is that of the books. On the basis of orders, they stand on
the day of the order, like the scores of customers: units neither cancelled nor returned, at their share of the line's net; no samples, exchanges
or provisional orders; the margin is of what was posted as sold and stayed.

Every line is rounded for itself, so that rows, totals and the lines behind them agree to the yen. One statement whatever is asked: it reads the
documents of both spans by their date and their lines, and groups them once (docs/insights.md has the plan).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounting.selectors import Beside, posted_beside_goods, trading
from catalog.models import Brand, Category, Product, Sku
from customers.models import Account
from erp.core.keys import keys_in
from erp.core.models import Channel
from erp.core.money import COMPANY_CURRENCY, ZERO
from erp.core.prefectures import PREFECTURES
from erp.insights.models import Segment
from erp.insights.selectors.posted import DOCUMENTS, POSTED

LINES_SHOWN = 200
# Trade on account is scored by nobody: it stands beside the segments and the scores under a key of its own.
ON_ACCOUNT = "ACCOUNT"
_IF_ON_ACCOUNT = f"CASE WHEN o.account_id IS NOT NULL THEN '{ON_ACCOUNT}' END"


class Basis(StrEnum):
    """Which day a figure stands on: that of the sale in the books, or that of the order."""

    SALES = "sales"
    ORDERS = "orders"


class Compare(StrEnum):
    """What stands beside it: the same dates a year before, or the same days of the week, 52 weeks before."""

    YEAR = "year"
    WEEKDAY = "weekday"


WEEKS_OF_A_YEAR = dt.timedelta(weeks=52)


@dataclass(frozen=True, slots=True)
class Dimension:
    """``key`` is read from a line and is a text, empty for what is not known."""

    code: str
    title: Any
    key: str


DIMENSIONS = {
    one.code: one
    for one in (
        Dimension("product", gettext_lazy("Style"), "sku.product_id::text"),
        Dimension("sku", gettext_lazy("SKU"), "{sku}::text"),
        Dimension("category", gettext_lazy("Category"), "product.category_id::text"),
        Dimension("brand", gettext_lazy("Brand"), "product.brand_id::text"),
        Dimension("channel", gettext_lazy("Sales channel"), "{channel}::text"),
        Dimension("segment", gettext_lazy("Segment"), f"coalesce(rfm.segment_id::text, {_IF_ON_ACCOUNT})"),
        Dimension("rfm", "RFM", f"coalesce(nullif(concat(rfm.r, rfm.f, rfm.m), ''), {_IF_ON_ACCOUNT})"),
        Dimension("account", gettext_lazy("Account"), "o.account_id::text"),
        # What an account buys goes where its goods go.
        Dimension(
            "prefecture",
            gettext_lazy("Prefecture of the customer"),
            "coalesce(nullif(delivery.prefecture, ''), nullif(record.prefecture, ''))",
        ),
        Dimension("month", gettext_lazy("Month"), "to_char({day}, 'YYYY-MM')"),
    )
}


@dataclass(frozen=True, slots=True)
class Question:
    """``only`` holds one key per dimension that is narrowed. ``channels`` bounds what the asker may see; None is everything.

    At most a year can be asked for, so that what it is compared with does not overlap it.
    """

    first: dt.date
    last: dt.date
    rows: str = "category"
    columns: str = ""
    only: Mapping[str, str] = field(default_factory=dict)
    channels: Collection[int] | None = None
    basis: Basis = Basis.ORDERS
    compare: Compare = Compare.YEAR

    @property
    def before(self) -> tuple[dt.date, dt.date]:
        """The days that it is compared with."""
        return before_of(self.first, self.compare), before_of(self.last, self.compare)

    @property
    def spans(self) -> dict[str, dt.date]:
        """Both spans, which do not overlap."""
        first, last = self.before
        assert last < self.first <= self.last
        return {"first": self.first, "last": self.last, "first_before": first, "last_before": last}


def before_of(day: dt.date, compare: Compare) -> dt.date:
    """The day that a day is compared with."""
    return day - WEEKS_OF_A_YEAR if compare is Compare.WEEKDAY else a_year_before(day)


def a_year_before(day: dt.date) -> dt.date:
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)


@dataclass(frozen=True, slots=True)
class Figures:
    """``customers`` are the different ones and accounts that are known, and ``sales_to_known`` what they bought; a slip of nobody known is no
    customer. ``sold`` is the net that the margin is of."""

    units: int = 0
    sales: Decimal = ZERO
    margin: Decimal = ZERO
    sold: Decimal = ZERO
    customers: int = 0
    lines: int = 0
    sales_to_known: Decimal = ZERO

    @property
    def customers_known(self) -> int | None:
        """None where nobody is known who bought: that is no number of customers."""
        return self.customers or None

    @property
    def per_customer(self) -> Decimal | None:
        return (self.sales_to_known / self.customers).quantize(Decimal(1)) if self.customers else None

    @property
    def margin_percent(self) -> Decimal | None:
        return self.margin * 100 / self.sold if self.sold else None


@dataclass(frozen=True, slots=True)
class Cell:
    """Keys are None where the cell is a total over that dimension. ``before`` is the same a year before; None: nothing was ordered then."""

    row: str | None
    column: str | None
    now: Figures
    before: Figures | None


@dataclass(frozen=True, slots=True)
class Answer:
    """``labels`` name the keys of both dimensions. ``has_before``: there was trade in the days before at all.

    ``rest`` is what the books hold beside goods, part of the total and of no row; None where there is none, and where something is narrowed
    that the books do not know.
    """

    question: Question
    rows: Sequence[Cell]
    columns: Sequence[Cell]
    cells: Mapping[tuple[str, str], Cell]
    total: Cell
    labels: Mapping[str, Mapping[str, str]]
    rest: Cell | None = None

    @property
    def has_before(self) -> bool:
        return self.total.before is not None

    def label(self, dimension: str, key: str | None) -> str:
        unknown = _("not on account") if dimension == "account" else _("not known")
        return self.labels.get(dimension, {}).get(key or "") or (key or unknown)


# Who bought is the account of what is on account, else whom the record is of: two kinds of numbers that never meet.
# Two kinds of rows, so that each is read its own way and nothing is grouped twice: what was ordered, and what of it was posted as sold.
_FACTS = """
WITH asked AS (
    SELECT o.id, o.channel_id, o.order_date, o.customer_record_id, o.account_id FROM orders_order o
    WHERE (o.order_date BETWEEN %(first)s AND %(last)s OR o.order_date BETWEEN %(first_before)s AND %(last_before)s)
      AND o.currency = %(currency)s AND o.order_type NOT IN ('SAMPLE', 'EXCHANGE') AND NOT o.is_provisional
      AND (%(channels)s::bigint[] IS NULL OR o.channel_id = ANY(%(channels)s::bigint[]))
), fact AS (
    SELECT {row} AS row_key, {column} AS column_key, o.order_date >= %(first)s AS is_now,
           coalesce(-2 * o.account_id - 1, record.golden_id) AS customer,
           line.id AS line_id, line.order_id, stays.units,
           CASE WHEN stays.units = line.quantity THEN line.net_amount ELSE round(line.net_amount * stays.units / line.quantity) END AS sales,
           0::numeric AS net, 0::numeric AS cost
    FROM asked o JOIN orders_orderline line ON line.order_id = o.id
    CROSS JOIN LATERAL (SELECT line.quantity - line.cancelled_quantity - line.returned_quantity AS units) stays
    {joins}
    WHERE stays.units > 0 AND line.net_amount IS NOT NULL {only}
    {margin}
)
"""
_MARGIN = """
    UNION ALL
    SELECT {row}, {column}, o.order_date >= %(first)s, NULL, line.id, line.order_id, 0, 0,
           round(part.net_amount * (part.quantity - part.returned_quantity) / part.quantity),
           round(part.cost_amount * (part.quantity - part.returned_quantity) / part.quantity)
    FROM asked o JOIN orders_shipment parcel ON parcel.order_id = o.id AND parcel.revenue_date IS NOT NULL
    JOIN orders_shipmentline part ON part.shipment_id = parcel.id AND part.quantity > part.returned_quantity
    JOIN orders_orderline line ON line.id = part.order_line_id
    {joins}
    WHERE line.net_amount IS NOT NULL {only}
"""
_SUMS = """
SELECT grouping(row_key), grouping(column_key), row_key, column_key, is_now, sum(units)::bigint, sum(sales), sum(net) - sum(cost), sum(net),
       count(DISTINCT customer) FILTER (WHERE units > 0), count(*) FILTER (WHERE {is_line}),
       coalesce(sum(sales) FILTER (WHERE customer IS NOT NULL), 0)
FROM fact GROUP BY is_now, GROUPING SETS ({sets})
"""
_LINES = """
SELECT line_id, order_id, sum(units)::int, sum(sales), nullif(sum(net) - sum(cost), 0)
FROM fact WHERE is_now GROUP BY line_id, order_id HAVING sum(units) > 0 ORDER BY sum(sales) DESC, line_id LIMIT %(limit)s OFFSET %(skipped)s
"""
_POSTED_LINES = """
SELECT document, part_id, document_id, order_line_id, order_id, day, units, sales, net - cost
FROM fact WHERE is_now ORDER BY sales DESC, document, part_id LIMIT %(limit)s OFFSET %(skipped)s
"""


def analyse(question: Question, *, with_margin: bool) -> Answer:
    """The figures by row, by column, for each pair of both, and the total, now and a year before."""
    # Without columns there is one column of everything.
    sets = "(row_key), (column_key), (row_key, column_key), ()" if question.columns else "(row_key, column_key), ()"
    cells: dict[tuple[str | None, str | None], dict[bool, Figures]] = {}
    for no_row, no_column, row, column, is_now, *figures in _ask(question, _SUMS.replace("{sets}", sets), with_margin):
        # A month of last year stands beside the same month of this one.
        where = (None if no_row else row or "", None if no_column or not question.columns else column or "")
        cells.setdefault(where, {})[is_now] = Figures(*figures)
    made = {key: Cell(*key, pair.get(True, Figures()), pair.get(False)) for key, pair in cells.items()}
    total = made.pop((None, None), Cell(None, None, Figures(), None))
    rows = [cell for (row, column), cell in made.items() if row is not None and column is None]
    columns = [cell for (row, column), cell in made.items() if row is None]
    rest = _rest(question, total, with_margin)
    by_time = {"month"}
    return Answer(
        question=question,
        rows=sorted(rows, key=lambda cell: _order(cell.row, cell, question.rows in by_time)),
        columns=sorted(columns, key=lambda cell: _order(cell.column, cell, question.columns in by_time)),
        cells={(row, column): cell for (row, column), cell in made.items() if row is not None and column is not None},
        total=_with_rest(total, rest),
        rest=rest,
        labels=_labels({question.rows, question.columns, *question.only}, made, question),
    )


def _order(key: str | None, cell: Cell, is_by_time: bool) -> tuple[Any, ...]:
    return (key,) if is_by_time else (-cell.now.sales, key)


# What the books know of a posting beside its account: when, and in which channel.
_KNOWN_TO_BOOKS = {"channel", "month"}


def _rest(question: Question, goods: Cell, with_margin: bool) -> Cell | None:
    """What the accounts hold of these days beside the lines of goods."""
    spans, channels = in_books(question)
    if spans is None:
        return None
    booked = trading(spans, channels=channels)
    found = []
    for books, lines in zip(booked, (goods.now, goods.before or Figures()), strict=True):
        sales = books.sales - lines.sales
        margin = books.margin - lines.margin if with_margin else ZERO
        found.append(Figures(sales=sales, margin=margin, sold=sales if with_margin else ZERO))
    now, before = found
    if now == before == Figures():
        return None
    return Cell(None, None, now, None if before == Figures() else before)


def in_books(question: Question) -> tuple[list[tuple[dt.date, dt.date]] | None, Collection[int] | None]:
    """Both spans of days and the channels that are asked for, in the words of the books; no spans for what the books do not know."""
    if question.basis is not Basis.SALES or set(question.only) - _KNOWN_TO_BOOKS or "" in question.only.values():
        return None, None
    spans, channels = [(question.first, question.last), question.before], question.channels
    if month := question.only.get("month"):
        spans = [
            _within(span, month, is_before) for span, is_before in zip(spans, (None, question.compare), strict=True)
        ]
    if channel := question.only.get("channel"):
        asked = set(keys_in([channel]))
        channels = asked if channels is None else asked & set(channels)
    return spans, channels


def _within(span: tuple[dt.date, dt.date], month: str, compare: Compare | None) -> tuple[dt.date, dt.date]:
    """The days of a span that are called by a month: their own, or the one of the days that they are compared with."""
    try:
        first = dt.date.fromisoformat(f"{month}-01")
        last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
        if compare is Compare.WEEKDAY:
            first, last = first - WEEKS_OF_A_YEAR, last - WEEKS_OF_A_YEAR
        elif compare is Compare.YEAR:
            first = a_year_before(first)
            last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    # No month, or one at the end of all days: the calendar has none beyond it.
    except (ValueError, OverflowError):
        return dt.date.max, dt.date.min
    return max(span[0], first), min(span[1], last)


def _with_rest(goods: Cell, rest: Cell | None) -> Cell:
    if rest is None:
        return goods
    before = None if goods.before is None and rest.before is None else _plus(goods.before, rest.before)
    return replace(goods, now=_plus(goods.now, rest.now), before=before)


def _plus(goods: Figures | None, rest: Figures | None) -> Figures:
    goods, rest = goods or Figures(), rest or Figures()
    return replace(
        goods, sales=goods.sales + rest.sales, margin=goods.margin + rest.margin, sold=goods.sold + rest.sold
    )


def what_is_beside(question: Question) -> list[Beside]:
    """The rest of the days that are asked for, account by account and by the kind of document that posted it."""
    spans, channels = in_books(question)
    return [] if spans is None else posted_beside_goods(*spans[0], documents=DOCUMENTS, channels=channels)


@dataclass(frozen=True, slots=True)
class Line:
    """One order line behind a number. ``margin`` is None where nothing of it was posted as sold, or nothing earned."""

    line_id: int
    order_id: int
    units: int
    sales: Decimal
    margin: Decimal | None


@dataclass(frozen=True, slots=True)
class PostedLine:
    """One line of a document that was posted, ``DOCUMENTS`` names its kind: a parcel, a sales report, or a return, which is negative.

    A return whose sale nobody knows has no order and no line of one.
    """

    document: str
    part_id: int
    document_id: int
    order_line_id: int | None
    order_id: int | None
    day: dt.date
    units: int
    sales: Decimal
    margin: Decimal


def lines_behind(question: Question, *, with_margin: bool, page: int = 1) -> tuple[Figures, list[Line]]:
    """The figures of what was ordered, narrowed down, and a page of the order lines that make them, the largest first."""
    total, found = _behind(replace(question, basis=Basis.ORDERS), _LINES, with_margin, page)
    return total, [Line(*row) for row in found]


def posted_behind(question: Question, *, with_margin: bool, page: int = 1) -> tuple[Figures, list[PostedLine]]:
    """The figures of the goods that were sold, narrowed down, and a page of the lines of documents that make them, the largest first."""
    total, found = _behind(replace(question, basis=Basis.SALES), _POSTED_LINES, with_margin, page)
    return total, [PostedLine(*row) for row in found]


def _behind(question: Question, statement: str, with_margin: bool, page: int) -> tuple[Figures, list[tuple[Any, ...]]]:
    answer = analyse(replace(question, columns=""), with_margin=with_margin)
    goods = answer.total.now
    if answer.rest is not None:
        rest = answer.rest.now
        goods = replace(
            goods, sales=goods.sales - rest.sales, margin=goods.margin - rest.margin, sold=goods.sold - rest.sold
        )
    return goods, _ask(question, statement, with_margin, limit=LINES_SHOWN, skipped=(page - 1) * LINES_SHOWN)


def _ask(question: Question, statement: str, with_margin: bool, **more: Any) -> list[tuple[Any, ...]]:
    # Of the days before, a month is called by the month of the days that they are compared with.
    is_posted = question.basis is Basis.SALES
    day = "part.day" if is_posted else "o.order_date"
    later = "interval '364 days'" if question.compare is Compare.WEEKDAY else "interval '1 year'"
    words = {
        "{day}": f"CASE WHEN {day} >= %(first)s THEN {day} ELSE ({day} + {later})::date END",
        "{sku}": "coalesce(line.sku_id, part.sku_id)" if is_posted else "line.sku_id",
        "{channel}": "coalesce(o.channel_id, part.channel_id)" if is_posted else "o.channel_id",
        "{record}": "coalesce(o.customer_record_id, part.customer_record_id)" if is_posted else "o.customer_record_id",
    }
    keys = {code: one.key for code, one in DIMENSIONS.items()}
    used = [question.rows, question.columns, *question.only]
    parts = {
        # Put in first: they have places of their own for the others.
        "{margin}": _MARGIN if with_margin else "",
        "{cost}": "part.cost" if with_margin else "0::numeric",
        "{sold}": "part.net" if with_margin else "0::numeric",
        "{row}": keys[question.rows],
        "{column}": keys[question.columns] if question.columns else "NULL::text",
        "{joins}": _joins(used),
        "{only}": " ".join(f"AND coalesce({keys[code]}, '') = %(only_{code})s" for code in question.only),
        "{is_line}": "true" if is_posted else "units > 0",
        **words,
    }
    sql = (POSTED if is_posted else _FACTS) + statement
    for place, part in parts.items():
        sql = sql.replace(place, part)
    values = {
        **question.spans, "currency": COMPANY_CURRENCY, **{f"only_{code}": key for code, key in question.only.items()},
        "channels": None if question.channels is None else list(question.channels), "with_margin": with_margin, **more,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _joins(used: Collection[str]) -> str:
    """Only what is asked for is joined, and who the customer is always."""
    joins = ["LEFT JOIN customers_customerrecord record ON record.id = {record}"]
    if {"product", "category", "brand"} & set(used):
        joins.append("LEFT JOIN catalog_sku sku ON sku.id = {sku}")
    if {"category", "brand"} & set(used):
        joins.append("LEFT JOIN catalog_product product ON product.id = sku.product_id")
    if "prefecture" in used:
        joins.append(
            "LEFT JOIN orders_delivery delivery ON delivery.id = line.delivery_id AND o.account_id IS NOT NULL"
        )
    if {"segment", "rfm"} & set(used):
        joins.append("LEFT JOIN insights_customerrfm rfm ON rfm.golden_id = record.golden_id")
    return " ".join(joins)


def choices(dimension: str) -> list[tuple[str, str]]:
    """What a page offers to narrow by; dimensions with too many keys to offer are narrowed by clicking on a row."""
    match dimension:
        case "channel":
            rows = [(str(key), name) for key, name in Channel.objects.order_by("name").values_list("pk", "name")]
        case "brand":
            rows = [(str(key), name) for key, name in Brand.objects.order_by("name").values_list("pk", "name")]
        case "category":
            rows = [(str(key), name) for key, name in Category.objects.order_by("name").values_list("pk", "name")]
        case "segment":
            rows = [(str(key), name) for key, name in Segment.objects.order_by("rank").values_list("pk", "name")]
            rows.append((ON_ACCOUNT, _("Wholesale (on account)")))
        case "prefecture":
            rows = [(name, name) for name in PREFECTURES]
        case _:
            rows = []
    return rows


def _labels(
    used: Collection[str], made: Mapping[tuple[str | None, str | None], Cell], question: Question
) -> dict[str, dict[str, str]]:
    """The names of what was found, one question per dimension."""
    found = {
        question.rows: {row for row, _column in made if row},
        question.columns: {column for _row, column in made if column},
    }
    labels = {}
    for code in used:
        wanted = found.get(code, set()) | ({question.only[code]} if question.only.get(code) else set())
        ids = keys_in(wanted)
        if code == "product":
            named = Product.objects.filter(pk__in=ids).values_list("pk", "code", "name")
            labels[code] = {str(key): f"{style} {name}" for key, style, name in named}
        elif code == "sku":
            skus = Sku.objects.filter(pk__in=ids).values_list(
                "pk", "code", "product__name", "color__name", "size__name"
            )
            labels[code] = {str(key): " ".join(filter(None, names)) for key, *names in skus}
        elif code == "month":
            labels[code] = {key: key.replace("-", "/") for key in wanted}
        elif code == "rfm":
            labels[code] = {key: f"R{key[0]} F{key[1]} M{key[2]}" for key in wanted if len(key) == 3}
            labels[code][ON_ACCOUNT] = _("Wholesale (on account)")
        elif code == "account":
            labels[code] = {str(account.pk): str(account) for account in Account.objects.filter(pk__in=ids)}
        elif code:
            labels[code] = dict(choices(code))
    return labels
