"""評価損 at a closing: a proposal by rules, edited by people, posted once for many SKUs, and taken back at the start of the next month (洗替法)
or not (切放法).

Takes these levels of the house's lock order: the proposal by name, months of the books, balances by primary key, cost rows by SKU.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from accounting.services import hold_open_dates
from erp.core import locks
from erp.core.actors import Actor
from erp.core.clock import TOKYO, business_date, written_day
from erp.core.errors import InvalidInput, NotAllowedNow, NotFound, Problem
from erp.core.money import ZERO, is_amount, round_fraction
from erp.core.use_case import use_case
from erp.inventory import postings
from erp.inventory.models import CostPool, StockDocument, WriteDownLine, WriteDownReview, WriteDownRule
from erp.inventory.postings import Sums
from erp.inventory.selectors.stock_age import Aged, aged_stock
from erp.inventory.selectors.stock_value import Scope
from erp.inventory.services import documents, movements
from erp.inventory.services.adjustments import WRITE_DOWN
from erp.inventory.services.balances import BalanceKey
from erp.inventory.services.posting import post

State = WriteDownReview.State
REVERSAL = "WRITE_DOWN_BACK"


@use_case
def set_write_down_rule(
    *, months: int, percent: int, category_id: int | None = None, at: dt.datetime, by: Actor
) -> None:
    """Say what share of its cost stock keeps that came in so many months ago, or of a category. The same age again is changed."""
    of_age: dict[str, Any] = {"category_id": category_id, "months": months}
    WriteDownRule.objects.update_or_create(**of_age, defaults={"percent": percent})


@use_case
def propose_write_down(
    *,
    cost_pool_id: int,
    valued_on: dt.date,
    category_id: int | None = None,
    season_id: int | None = None,
    brand_id: int | None = None,
    at: dt.datetime,
    by: Actor,
) -> WriteDownReview:
    """Propose what stock of a pool is worth less on a day, by the rules of age (収益性の低下). Nothing is posted yet.

    Raises:
        InvalidInput: the day has not come yet.
        NotAllowedNow: no rule is set, the pool is kept at standard cost, or no stock is that old.
    """
    if valued_on > business_date(at):
        raise InvalidInput([Problem("/valued_on", "invalid", _("This day has not come yet."))])
    pool = CostPool.objects.get(pk=cost_pool_id)
    _refuse_at_standard(pool)
    rules = list(WriteDownRule.objects.all())
    if not rules:
        raise NotAllowedNow(_("There is no rule yet by which stock is written down."))
    scope = Scope(cost_pool_id=cost_pool_id, category_id=category_id, season_id=season_id, brand_id=brand_id)
    lines = []
    for aged in aged_stock(valued_on, scope=scope):
        percent = _percent_left(aged, rules, valued_on)
        proposed = round_fraction(Fraction(aged.value) * percent / 100)
        if 0 <= proposed < aged.value:
            lines.append((aged, proposed))
    if not lines:
        raise NotAllowedNow(_("By these rules nothing is worth less."))
    review = WriteDownReview.objects.create(
        cost_pool=pool, valued_on=valued_on, reverses=pool.write_downs_reverse, made_by=str(by), made_at=at
    )
    WriteDownLine.objects.bulk_create(
        WriteDownLine(
            review=review, sku_id=aged.sku_id, quantity=aged.pieces, value=aged.value, proposed_value=proposed,
            last_received_on=aged.last_received_on,
        )
        for aged, proposed in lines
    )  # fmt: skip
    return review


def _percent_left(aged: Aged, rules: Sequence[WriteDownRule], on: dt.date) -> int:
    """By the oldest age that is reached; the rules of the category go before those of all. What never came in is as old as can be."""
    months = 10_000
    if (came := aged.last_received_on) is not None:
        months = (on.year - came.year) * 12 + on.month - came.month - (on.day < came.day)
    own = [rule for rule in rules if rule.category_id is not None and rule.category_id == aged.category_id]
    reached = [rule for rule in own or [r for r in rules if r.category_id is None] if rule.months <= months]
    return max(reached, key=lambda rule: rule.months).percent if reached else 100


@use_case
def edit_write_down(
    *, review_id: int, proposed: Mapping[int, Decimal], reverses: bool, at: dt.datetime, by: Actor
) -> WriteDownReview:
    """Say what SKUs will fetch, in all, by line of the proposal. A line at its full value goes.

    Whoever edits last is who proposes: above the limit somebody else posts.

    Raises:
        InvalidInput: names every value that is none, or is more than there is.
        NotAllowedNow: it was posted or discarded.
    """
    review = _draft(review_id)
    lines = {line.pk: line for line in review.lines.filter(pk__in=list(proposed))}
    problems = [
        Problem(f"/proposed/{key}", "invalid", _("The proposed value lies between nothing and the value there is."))
        for key, value in proposed.items()
        if key not in lines or not is_amount(value) or not 0 <= value <= lines[key].value
    ]
    if problems:
        raise InvalidInput(problems)
    for key, line in lines.items():
        line.proposed_value = proposed[key]
    WriteDownLine.objects.bulk_update(lines.values(), ["proposed_value"])
    review.lines.filter(pk__in=[key for key, line in lines.items() if line.proposed_value == line.value]).delete()
    # ``made_at`` stays: pieces and value of its lines are those of the moment when it was made.
    review.reverses, review.made_by = reverses, str(by)
    review.version += 1
    review.save(update_fields=["reverses", "made_by", "version"])
    return review


@use_case
def discard_write_down(*, review_id: int, at: dt.datetime, by: Actor) -> WriteDownReview:
    """Drop a proposal. Raises NotAllowedNow if it was posted."""
    review = _draft(review_id)
    return _set(review, State.DISCARDED, document_id=None, at=at, by=by)


@use_case
def post_write_down(*, review_id: int, at: dt.datetime, by: Actor) -> WriteDownReview:
    """Post a proposal: movements of value alone for all of its SKUs and one entry, 棚卸評価損 (商品評価損), on the day of valuation.

    What left since takes its share of the loss with it: each piece still there falls to its proposed value. What came since loses nothing,
    so that never more is posted than was proposed. Again: the same answer.

    Raises:
        NotAllowedNow: discarded, nothing left to write down, above the limit of the pool and posted by who proposed it, kept at standard cost by
            now, or another proposal of the same goods was posted since this one was made.
        PeriodClosed: the month of the valuation is closed.
    """
    locks.hold(f"write-down:{review_id}")
    review = _review(review_id)
    if review.state == State.POSTED:
        return review
    _refuse_unless_draft(review)
    _refuse_at_standard(review.cost_pool)
    lines = list(review.lines.order_by("sku_id"))
    loss = sum((line.value - line.proposed_value for line in lines), ZERO)
    limit = review.cost_pool.write_down_limit
    if limit is not None and loss > limit and review.made_by == str(by):
        raise NotAllowedNow(
            _("Above %(limit)s yen somebody else than who proposed it posts a write-down.") % {"limit": f"{limit:,}"}
        )
    occurred_at = _moment_of(review.valued_on, at)
    keys = _balances(review.cost_pool_id, [line.sku_id for line in lines])
    document_id = documents.new_document(
        kind=StockDocument.Kind.REVALUATION, source_type=WRITE_DOWN, external_id=f"WD-{review.pk}", content=[review.pk],
        occurred_at=occurred_at, at=at, by=by,
    )  # fmt: skip
    booking = movements.open_booking(keys.values(), occurred_at=occurred_at, at=at)
    _refuse_overtaken(review, keys)
    sums = Sums()
    for number, line in enumerate(lines, start=1):
        key = keys.get(line.sku_id)
        quantity, value = booking.stock_of_pool((line.sku_id, review.cost_pool_id)) if key else (0, ZERO)
        target = round_fraction(Fraction(line.proposed_value) * quantity / line.quantity)
        share = Fraction(line.value - line.proposed_value) * min(quantity, line.quantity) / line.quantity
        lost = min(value - target, Decimal(math.ceil(share)))
        if key is None or lost <= 0:
            continue
        booking.move(key, 0, value=-lost, document_id=document_id, document_line=number)
        sums.credit(booking.account_role(key), lost)
        sums.debit(postings.WRITE_DOWN, lost)
    if not sums.lines():
        raise NotAllowedNow(_("Nothing is left of it that could be written down."))
    booking.write()
    description = _("Write-down %(id)s") % {"id": f"WD-{review.pk}"}
    post(sums.lines(), on=review.valued_on, description=description, source=(WRITE_DOWN, document_id), at=at, by=by)
    return _set(review, State.POSTED, document_id=document_id, at=at, by=by)


@use_case
def take_back_write_down(*, review_id: int, at: dt.datetime, by: Actor) -> WriteDownReview:
    """洗替法: take a posted write-down back on the first day of the next month. What was sold since gives its share to cost of sales.

    Where that month was closed meanwhile, on the first day after it that is open, and it says so: what a closed month showed stays as it was.
    Again: the same answer.

    Raises NotAllowedNow: not posted, kept for good (切放法), or that day has not come.
    """
    if not _take_back(review_id=review_id, at=at, by=by):
        raise NotAllowedNow(_("This write-down is not to be taken back."))
    return _review(review_id)


@use_case
def _take_back(*, review_id: int, at: dt.datetime, by: Actor) -> bool:
    """Whether it is taken back by now."""
    locks.hold(f"write-down:{review_id}")
    review = _review(review_id)
    if review.reversal_id is not None:
        return True
    if review.document_id is None or not review.reverses:
        return False
    due_on = _next_month(review.valued_on)
    [on] = hold_open_dates([due_on]).values()
    if on > business_date(at):
        return False
    reason = ""
    if on != due_on:
        reason = _("It was due on %(day)s, in a month that was closed by then.") % {"day": written_day(due_on)}
    occurred_at = _moment_of(on, at)
    written = [line for line in documents.booked(review.document_id).lines if line.value < 0]
    pieces = _written_down(review)
    document_id = documents.new_document(
        kind=StockDocument.Kind.REVALUATION, source_type=REVERSAL, external_id=f"WD-{review.pk}", content=[review.pk],
        note=reason, occurred_at=occurred_at, at=at, by=by,
    )  # fmt: skip
    booking = movements.open_booking(
        [(line.sku_id, line.location_id) for line in written], occurred_at=occurred_at, at=at
    )
    sums = Sums()
    for line in written:
        key = (line.sku_id, line.location_id)
        in_stock, _value = booking.stock_of_pool((line.sku_id, review.cost_pool_id))
        stays = postings.stays_in_stock(-line.value, received=pieces[line.sku_id], in_stock=in_stock)
        if stays:
            booking.move(key, 0, value=stays, document_id=document_id, document_line=line.line_no)
        sums.debit(booking.account_role(key), stays)
        sums.debit(postings.COST_OF_SALES, -line.value - stays)
        sums.credit(postings.WRITE_DOWN, -line.value)
    booking.write()
    description = " ".join([_("Write-down %(id)s taken back") % {"id": f"WD-{review.pk}"}, reason]).strip()
    post(sums.lines(), on=on, description=description, source=(REVERSAL, document_id), at=at, by=by)
    review.reversal_id = document_id
    review.version += 1
    review.save(update_fields=["reversal_id", "version"])
    return True


def take_back_due_write_downs(*, at: dt.datetime, by: Actor) -> int:
    """For a job of every day: 洗替法, each posted write-down of an ended month. Returns how many; again, none. What falls into a closed month is
    taken back on the first open day; where none has come yet, it waits."""
    this_month = business_date(at).replace(day=1)
    due = WriteDownReview.objects.filter(state=State.POSTED, reverses=True, reversal_id__isnull=True)
    taken = 0
    for review_id in due.filter(valued_on__lt=this_month).order_by("valued_on", "pk").values_list("pk", flat=True):
        taken += _take_back(review_id=review_id, at=at, by=by)
    return taken


def _refuse_at_standard(pool: CostPool) -> None:
    """What is taken there comes back as a variance."""
    if pool.costing_method == CostPool.CostingMethod.STANDARD:
        raise NotAllowedNow(_("Kept at standard cost: lower the standard cost and revalue at it."))


def _refuse_overtaken(review: WriteDownReview, sku_ids: Iterable[int]) -> None:
    """Behind the lock of the cost rows: what another proposal has taken is not to be taken once more."""
    others = WriteDownReview.objects.filter(
        cost_pool=review.cost_pool, state=State.POSTED, posted_at__gte=review.made_at, lines__sku__in=list(sku_ids)
    )
    if (other := others.order_by("pk").first()) is not None:
        told = _("%(id)s has written the same goods down since this was proposed. Discard it and propose anew.")
        raise NotAllowedNow(told % {"id": f"WD-{other.pk}"})


def _moment_of(day: dt.date, at: dt.datetime) -> dt.datetime:
    """Now, or the last moment of a day that is over: after all that moved on it."""
    if business_date(at) <= day:
        return at
    return dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=TOKYO)


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)


# Of how many pieces the value was taken: those of the proposal that were still there. Whoever moves value holds the cost row, so what the pool held
# before a movement are the movements of the SKU with a lower number.
_WRITTEN_DOWN = """
SELECT line.sku_id, least(line.quantity, (
    SELECT sum(before.quantity) FROM inventory_stockmovement before JOIN inventory_location place ON place.id = before.location_id
    WHERE before.sku_id = line.sku_id AND place.cost_pool_id = %s AND before.id < taken.id))::int
FROM inventory_writedownline line JOIN inventory_stockmovement taken ON taken.document_id = %s AND taken.sku_id = line.sku_id
WHERE line.review_id = %s
"""


def _written_down(review: WriteDownReview) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_WRITTEN_DOWN, [review.cost_pool_id, review.document_id, review.pk])
        return dict(cursor.fetchall())


# For each SKU the balance with the most pieces in the pool carries the movement.
_BALANCES = """
SELECT DISTINCT ON (b.sku_id) b.sku_id, b.location_id FROM inventory_stockbalance b JOIN inventory_location place ON place.id = b.location_id
WHERE place.cost_pool_id = %s AND b.sku_id = ANY(%s) ORDER BY b.sku_id, b.on_hand DESC, b.location_id
"""


def _balances(cost_pool_id: int, sku_ids: Iterable[int]) -> dict[int, BalanceKey]:
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, [cost_pool_id, list(sku_ids)])
        return {sku_id: (sku_id, location_id) for sku_id, location_id in cursor.fetchall()}


def _review(review_id: int) -> WriteDownReview:
    # The row as it is under the lock by name; nobody writes it without.
    review = WriteDownReview.objects.select_related("cost_pool").filter(pk=review_id).first()
    if review is None:
        raise NotFound(_("There is no such write-down proposal."))
    return review


def _draft(review_id: int) -> WriteDownReview:
    locks.hold(f"write-down:{review_id}")
    review = _review(review_id)
    _refuse_unless_draft(review)
    return review


def _refuse_unless_draft(review: WriteDownReview) -> None:
    if review.state != State.DRAFT:
        raise NotAllowedNow(_("It was posted or discarded."))


def _set(
    review: WriteDownReview, state: str, *, document_id: int | None, at: dt.datetime, by: Actor
) -> WriteDownReview:
    review.state, review.document_id, review.posted_by, review.posted_at = state, document_id, str(by), at
    review.version += 1
    review.save(update_fields=["state", "document_id", "posted_by", "posted_at", "version"])
    return review
