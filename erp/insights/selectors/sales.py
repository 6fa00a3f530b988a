"""どの商品が・どのチャネルで・誰に: what was ordered in a span of days beside the year before, by product, channel and customer.

Figures stand on the day of the order, like the scores of customers: units neither cancelled nor returned, at their share of the line's net; no
samples, exchanges or provisional orders. The margin is of what was posted as sold and stayed. The books count on the day of the sale; that is
what the first page and the ledgers show.

Every line is rounded for itself, so that rows, totals and the lines behind them agree to the yen. One statement whatever is asked: it reads the
orders of both spans by their date, their lines by order, and the parcels by line, and groups them once (docs/insights.md has the plan).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.models import Brand, Category, Product, Sku
from customers.models import Account
from erp.core.models import Channel
from erp.core.money import COMPANY_CURRENCY, ZERO
from erp.core.prefectures import PREFECTURES
from erp.insights.models import Segment

LINES_SHOWN = 200
# Trade on account is scored by nobody: it stands beside the segments and the scores under a key of its own.
ON_ACCOUNT = "ACCOUNT"
_IF_ON_ACCOUNT = f"CASE WHEN o.account_id IS NOT NULL THEN '{ON_ACCOUNT}' END"


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
        Dimension("sku", gettext_lazy("SKU"), "line.sku_id::text"),
        Dimension("category", gettext_lazy("Category"), "product.category_id::text"),
        Dimension("brand", gettext_lazy("Brand"), "product.brand_id::text"),
        Dimension("channel", gettext_lazy("Sales channel"), "o.channel_id::text"),
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
    """``only`` holds one key per dimension that is narrowed. ``channels`` bounds what the asker may see; None is everything."""

    first: dt.date
    last: dt.date
    rows: str = "category"
    columns: str = ""
    only: Mapping[str, str] = field(default_factory=dict)
    channels: Collection[int] | None = None

    @property
    def spans(self) -> dict[str, dt.date]:
        """Both spans. They must not overlap: at most a year can be asked for."""
        assert a_year_before(self.last) < self.first <= self.last
        return {
            "first": self.first, "last": self.last,
            "first_before": a_year_before(self.first), "last_before": a_year_before(self.last),
        }  # fmt: skip


def a_year_before(day: dt.date) -> dt.date:
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)


@dataclass(frozen=True, slots=True)
class Figures:
    """``customers`` are different ones and accounts; an order of nobody known counts as one. ``sold`` is the net that the margin is of."""

    units: int = 0
    sales: Decimal = ZERO
    margin: Decimal = ZERO
    sold: Decimal = ZERO
    customers: int = 0
    lines: int = 0

    @property
    def per_customer(self) -> Decimal | None:
        return (self.sales / self.customers).quantize(Decimal(1)) if self.customers else None

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
    """``labels`` name the keys of both dimensions. ``has_before``: there was trade a year before at all."""

    question: Question
    rows: Sequence[Cell]
    columns: Sequence[Cell]
    cells: Mapping[tuple[str, str], Cell]
    total: Cell
    labels: Mapping[str, Mapping[str, str]]

    @property
    def has_before(self) -> bool:
        return self.total.before is not None

    def label(self, dimension: str, key: str | None) -> str:
        unknown = _("not on account") if dimension == "account" else _("not known")
        return self.labels.get(dimension, {}).get(key or "") or (key or unknown)


# Who bought is the account of what is on account, else whom the record is of, else one of nobody known: three kinds of numbers that never meet.
# Two kinds of rows, so that each is read its own way and nothing is grouped twice: what was ordered, and what of it was posted as sold.
_FACTS = """
WITH asked AS (
    SELECT o.id, o.channel_id, o.order_date, o.customer_record_id, o.account_id FROM orders_order o
    WHERE (o.order_date BETWEEN %(first)s AND %(last)s OR o.order_date BETWEEN %(first_before)s AND %(last_before)s)
      AND o.currency = %(currency)s AND o.order_type NOT IN ('SAMPLE', 'EXCHANGE') AND NOT o.is_provisional
      AND (%(channels)s::bigint[] IS NULL OR o.channel_id = ANY(%(channels)s::bigint[]))
), fact AS (
    SELECT {row} AS row_key, {column} AS column_key, o.order_date >= %(first)s AS is_now,
           coalesce(-2 * o.account_id - 1, record.golden_id, -2 * o.id) AS customer,
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
       count(DISTINCT customer), count(*) FILTER (WHERE units > 0)
FROM fact GROUP BY is_now, GROUPING SETS ({sets})
"""
_LINES = """
SELECT line_id, order_id, sum(units)::int, sum(sales), nullif(sum(net) - sum(cost), 0)
FROM fact WHERE is_now GROUP BY line_id, order_id HAVING sum(units) > 0 ORDER BY sum(sales) DESC, line_id LIMIT %(limit)s OFFSET %(skipped)s
"""


def analyse(question: Question, *, with_margin: bool) -> Answer:
    """The figures by row, by column, for each pair of both, and the total, now and a year before."""
    # Without columns there is one column of everything.
    sets = "(row_key), (column_key), (row_key, column_key), ()" if question.columns else "(row_key, column_key), ()"
    cells: dict[tuple[str | None, str | None], dict[bool, Figures]] = {}
    for no_row, no_column, row, column, is_now, *figures in _ask(question, _SUMS.replace("{sets}", sets), with_margin):
        # A month of last year stands beside the same month of this one.
        where = (None if no_row else row or "", None if no_column or not question.columns else column or "")
        units, sales, margin, sold, customers, lines = figures
        cells.setdefault(where, {})[is_now] = Figures(units, sales, margin, sold, customers, lines)
    made = {key: Cell(*key, pair.get(True, Figures()), pair.get(False)) for key, pair in cells.items()}
    total = made.pop((None, None), Cell(None, None, Figures(), None))
    rows = [cell for (row, column), cell in made.items() if row is not None and column is None]
    columns = [cell for (row, column), cell in made.items() if row is None]
    by_time = {"month"}
    return Answer(
        question=question,
        rows=sorted(rows, key=lambda cell: _order(cell.row, cell, question.rows in by_time)),
        columns=sorted(columns, key=lambda cell: _order(cell.column, cell, question.columns in by_time)),
        cells={(row, column): cell for (row, column), cell in made.items() if row is not None and column is not None},
        total=total,
        labels=_labels({question.rows, question.columns, *question.only}, made, question),
    )


def _order(key: str | None, cell: Cell, is_by_time: bool) -> tuple[Any, ...]:
    return (key,) if is_by_time else (-cell.now.sales, key)


@dataclass(frozen=True, slots=True)
class Line:
    """One order line behind a number. ``margin`` is None where nothing of it was posted as sold, or nothing earned."""

    line_id: int
    order_id: int
    units: int
    sales: Decimal
    margin: Decimal | None


def lines_behind(question: Question, *, with_margin: bool, page: int = 1) -> tuple[Figures, list[Line]]:
    """The figures of what is narrowed down, and a page of the lines that make them, the largest first."""
    total = analyse(replace(question, columns=""), with_margin=with_margin).total.now
    found = _ask(question, _LINES, with_margin, limit=LINES_SHOWN, skipped=(page - 1) * LINES_SHOWN)
    return total, [Line(*row) for row in found]


def _ask(question: Question, statement: str, with_margin: bool, **more: Any) -> list[tuple[Any, ...]]:
    # Of last year, a month is called by the month a year later.
    day = "CASE WHEN o.order_date >= %(first)s THEN o.order_date ELSE (o.order_date + interval '1 year')::date END"
    keys = {code: one.key.replace("{day}", day) for code, one in DIMENSIONS.items()}
    used = [question.rows, question.columns, *question.only]
    parts = {
        "{row}": keys[question.rows],
        "{column}": keys[question.columns] if question.columns else "NULL::text",
        "{joins}": _joins(used),
        "{only}": " ".join(f"AND coalesce({keys[code]}, '') = %(only_{code})s" for code in question.only),
    }
    # Put in first: it has places of its own for the other parts.
    sql = (_FACTS + statement).replace("{margin}", _MARGIN if with_margin else "")
    for place, part in parts.items():
        sql = sql.replace(place, part)
    values = {
        **question.spans, "currency": COMPANY_CURRENCY, **{f"only_{code}": key for code, key in question.only.items()},
        "channels": None if question.channels is None else list(question.channels), **more,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _joins(used: Collection[str]) -> str:
    """Only what is asked for is joined, and who the customer is always."""
    joins = ["LEFT JOIN customers_customerrecord record ON record.id = o.customer_record_id"]
    if {"product", "category", "brand"} & set(used):
        joins.append("LEFT JOIN catalog_sku sku ON sku.id = line.sku_id")
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
        ids = [int(key) for key in wanted if key.isdecimal() and len(key) <= 18]
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
