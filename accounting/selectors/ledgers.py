"""The books as accountants read them: 試算表, 総勘定元帳, 補助元帳. Closed periods answer from their totals, the rest from the postings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from accounting.models import JournalEntry, LedgerAccount, PartyKind, Side
from accounting.selectors.chart import account_of
from erp.core import documents
from erp.core.models import CompanyProfile
from erp.core.money import COMPANY_CURRENCY, ZERO

BEGIN, END = date(1900, 1, 1), date(9999, 12, 31)
RETAINED_EARNINGS = "retained_earnings"
PROFIT_AND_LOSS = (LedgerAccount.Type.REVENUE.value, LedgerAccount.Type.EXPENSE.value)


@dataclass(frozen=True, slots=True)
class Filter:
    """Dimensions that narrow a ledger. None: all of them."""

    channel_id: int | None = None
    department_id: int | None = None
    currency: str = COMPANY_CURRENCY


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """``opening`` and ``closing`` are on the account's normal side: negative when it stands on the other."""

    account_id: int
    code: str
    name: str
    type: str
    normal_side: str
    opening: Decimal
    debit: Decimal
    credit: Decimal
    closing: Decimal


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """``opening``, ``debit`` and ``credit`` sums; the two sides of a sound one are equal."""

    first: date
    last: date
    rows: list[TrialBalanceRow]
    debit: Decimal
    credit: Decimal
    closing_debit: Decimal
    closing_credit: Decimal


# Closed periods that lie wholly inside the range come from their totals; the gaps between them from the postings.
# One statement, so that a period that is reopened meanwhile is seen in one state only.
_MOVEMENTS = """
WITH covered AS (
    SELECT id, starts_on, ends_on FROM accounting_period
    WHERE state = 'CLOSED' AND starts_on >= %(first)s AND ends_on <= %(last)s),
gaps AS (
    SELECT coalesce(lag(ends_on) OVER (ORDER BY starts_on) + 1, %(first)s::date) AS first, starts_on - 1 AS last FROM covered
    UNION ALL
    SELECT coalesce(max(ends_on) + 1, %(first)s::date), %(last)s::date FROM covered),
moved AS (
    SELECT t.account_id, t.debit, t.credit FROM accounting_periodtotal t JOIN covered ON covered.id = t.period_id
    WHERE t.currency = %(currency)s AND (%(accounts)s::bigint[] IS NULL OR t.account_id = ANY(%(accounts)s))
      AND (%(channel)s::bigint IS NULL OR t.channel_id = %(channel)s)
      AND (%(department)s::bigint IS NULL OR t.department_id = %(department)s)
    UNION ALL
    SELECT p.account_id, CASE p.side WHEN 'DEBIT' THEN p.amount ELSE 0 END, CASE p.side WHEN 'CREDIT' THEN p.amount ELSE 0 END
    FROM gaps CROSS JOIN accounting_ledgeraccount a
    JOIN accounting_posting p ON p.account_id = a.id AND p.entry_date BETWEEN gaps.first AND gaps.last
    WHERE gaps.first <= gaps.last AND p.currency = %(currency)s
      AND (%(accounts)s::bigint[] IS NULL OR a.id = ANY(%(accounts)s))
      AND (%(channel)s::bigint IS NULL OR p.channel_id = %(channel)s)
      AND (%(department)s::bigint IS NULL OR p.department_id = %(department)s))
SELECT account_id, sum(debit), sum(credit) FROM moved GROUP BY account_id
"""


def movements(
    first: date, last: date, only: Filter = Filter(), *, account_ids: Sequence[int] | None = None
) -> dict[int, tuple[Decimal, Decimal]]:
    """Debit and credit per account id in a range of dates, of some accounts or of all."""
    if first > last:
        return {}
    values: dict[str, Any] = {
        "first": first,
        "last": last,
        "currency": only.currency,
        "accounts": None if account_ids is None else list(account_ids),
        "channel": only.channel_id,
        "department": only.department_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVEMENTS, values)
        return {account_id: (debit, credit) for account_id, debit, credit in cursor.fetchall()}


def business_year_start(day: date) -> date:
    """The first day of the business year that ``day`` lies in; April where the company has not said."""
    profile = CompanyProfile.objects.first()
    month = profile.fiscal_year_start_month if profile else 4
    return date(day.year if day.month >= month else day.year - 1, month, 1)


def trial_balance(*, first: date, last: date, only: Filter = Filter()) -> TrialBalance:
    """試算表: per account what it opened with, its debits and credits from ``first`` to ``last``, and what it closes with.

    Income and expense accounts open at the start of the business year of ``first``; what earlier years earned stands
    in 繰越利益剰余金, whether or not the year was closed by an entry.
    """
    accounts = list(LedgerAccount.objects.order_by("code"))
    opening = _openings(accounts, first, only)
    moved = movements(first, last, only)
    rows = [
        _row(account, opening.get(account.pk, ZERO), *moved.get(account.pk, (ZERO, ZERO)))
        for account in accounts
        if opening.get(account.pk) or account.pk in moved
    ]
    closing = [row.closing if row.normal_side == Side.DEBIT else -row.closing for row in rows]
    return TrialBalance(
        first=first,
        last=last,
        rows=rows,
        debit=sum((row.debit for row in rows), ZERO),
        credit=sum((row.credit for row in rows), ZERO),
        closing_debit=sum((amount for amount in closing if amount > 0), ZERO),
        closing_credit=-sum((amount for amount in closing if amount < 0), ZERO),
    )


def _openings(accounts: Sequence[LedgerAccount], first: date, only: Filter) -> dict[int, Decimal]:
    """Debit less credit per account before ``first``."""
    first = max(first, BEGIN)
    year_start = business_year_start(first)
    before_year = movements(BEGIN, year_start - dt.timedelta(days=1), only)
    this_year = movements(year_start, first - dt.timedelta(days=1), only)
    opening = {pk: debit - credit for pk, (debit, credit) in this_year.items()}
    earned_before = ZERO
    for account in accounts:
        debit, credit = before_year.get(account.pk, (ZERO, ZERO))
        if account.type in PROFIT_AND_LOSS:
            earned_before += debit - credit
        else:
            opening[account.pk] = opening.get(account.pk, ZERO) + debit - credit
    if earned_before:
        retained = account_of(RETAINED_EARNINGS).pk
        opening[retained] = opening.get(retained, ZERO) + earned_before
    return opening


def _row(account: LedgerAccount, opening: Decimal, debit: Decimal, credit: Decimal) -> TrialBalanceRow:
    sign = 1 if account.normal_side == Side.DEBIT else -1
    return TrialBalanceRow(
        account.pk,
        account.code,
        account.name,
        account.type,
        account.normal_side,
        sign * opening,
        debit,
        credit,
        sign * (opening + debit - credit),
    )


def balance_of(role: str, on: date | None = None) -> Decimal:
    """What the account of ``role`` stands at on a date (all dates when None), on its normal side. Never reset by a year."""
    account = account_of(role)
    debit, credit = movements(BEGIN, on or END, account_ids=[account.pk]).get(account.pk, (ZERO, ZERO))
    return debit - credit if account.normal_side == Side.DEBIT else credit - debit


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One posting with the balance after it. ``source_type`` and ``source_id`` name the document behind it."""

    posting_id: int
    entry_id: int
    entry_number: str
    entry_date: date
    account_code: str
    account_name: str
    description: str
    counter_accounts: str
    party_kind: str
    party_id: int | None
    source_type: str
    source_id: int
    debit: Decimal
    credit: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """``opening`` is the balance before the page's first line; ``next_cursor`` continues, None at the end."""

    opening: Decimal
    lines: list[LedgerLine]
    next_cursor: str | None


_LINES = """
SELECT p.id, e.id, e.number, p.entry_date, a.code, a.name, coalesce(nullif(p.description, ''), e.description),
       (SELECT string_agg(DISTINCT oa.name, ', ') FROM accounting_posting o JOIN accounting_ledgeraccount oa ON oa.id = o.account_id
        WHERE o.entry_id = p.entry_id AND o.side <> p.side),
       p.party_kind, p.party_id, e.source_type, e.source_id,
       CASE p.side WHEN 'DEBIT' THEN p.amount ELSE 0 END, CASE p.side WHEN 'CREDIT' THEN p.amount ELSE 0 END
FROM accounting_posting p
JOIN accounting_journalentry e ON e.id = p.entry_id
JOIN accounting_ledgeraccount a ON a.id = p.account_id
WHERE p.entry_date BETWEEN %(first)s AND %(last)s AND p.currency = %(currency)s
  AND (p.entry_date, p.id) > (%(after_date)s, %(after_id)s)
  AND (%(account)s::bigint IS NULL OR p.account_id = %(account)s)
  AND (%(channel)s::bigint IS NULL OR p.channel_id = %(channel)s)
  AND (%(department)s::bigint IS NULL OR p.department_id = %(department)s)
  AND (%(party_kind)s = '' OR (p.party_kind = %(party_kind)s AND p.party_id = %(party)s))
ORDER BY p.entry_date, p.id LIMIT %(limit)s
"""

_BEFORE = """
SELECT coalesce(sum(CASE p.side WHEN 'DEBIT' THEN p.amount ELSE -p.amount END), 0)
FROM accounting_posting p
WHERE p.currency = %(currency)s
  AND (p.entry_date, p.id) <= (%(after_date)s, %(after_id)s) AND p.entry_date >= %(from)s
  AND (%(account)s::bigint IS NULL OR p.account_id = %(account)s)
  AND (%(channel)s::bigint IS NULL OR p.channel_id = %(channel)s)
  AND (%(department)s::bigint IS NULL OR p.department_id = %(department)s)
  AND (%(party_kind)s = '' OR (p.party_kind = %(party_kind)s AND p.party_id = %(party)s))
"""


def general_ledger(
    *, account_id: int, first: date, last: date, only: Filter = Filter(), cursor: str = "", limit: int = 100
) -> LedgerPage:
    """総勘定元帳: the postings of one account with its running balance on the normal side, ``limit`` a page.

    Income and expense accounts open at the start of the business year, as in the trial balance.
    """
    account = LedgerAccount.objects.get(pk=account_id)
    values = _values(first, last, only, cursor, limit) | {"account": account_id, "party_kind": "", "party": None}
    opening = _opening_of(account, first, only) + _within(values, first)
    return _page(values, opening, limit, credit_normal=account.normal_side == Side.CREDIT)


def _opening_of(account: LedgerAccount, first: date, only: Filter) -> Decimal:
    if account.pk == account_of(RETAINED_EARNINGS).pk:
        # It also holds what earlier years earned, which only all income and expense accounts together tell.
        return _openings(list(LedgerAccount.objects.all()), first, only).get(account.pk, ZERO)
    first = max(first, BEGIN)
    start = business_year_start(first) if account.type in PROFIT_AND_LOSS else BEGIN
    before = movements(start, first - dt.timedelta(days=1), only, account_ids=[account.pk])
    debit, credit = before.get(account.pk, (ZERO, ZERO))
    return debit - credit


def subsidiary_ledger(
    *,
    party_kind: str,
    party_id: int,
    first: date,
    last: date,
    account_id: int | None = None,
    only: Filter = Filter(),
    cursor: str = "",
    limit: int = 100,
) -> LedgerPage:
    """補助元帳: what was posted with one party (on one account, or on all), balance as debit less credit, or the
    account's normal side. A supplier's balance is on the credit side."""
    account = LedgerAccount.objects.get(pk=account_id) if account_id is not None else None
    values = _values(first, last, only, cursor, limit)
    values |= {"account": account_id, "party_kind": party_kind, "party": party_id}
    opening = _within({**values, "after_date": first, "after_id": 0}, BEGIN) + _within(values, first)
    credit_normal = account.normal_side == Side.CREDIT if account else party_kind == PartyKind.SUPPLIER
    return _page(values, opening, limit, credit_normal=credit_normal)


def source_numbers(lines: Sequence[LedgerLine]) -> dict[int, str]:
    """By what number people call the document behind each line, by entry. One statement for any number of lines."""
    named = JournalEntry.objects.filter(pk__in={line.entry_id for line in lines})
    return dict(named.values_list("pk", documents.number_of("source_type", "source_id")))


def _values(first: date, last: date, only: Filter, cursor: str, limit: int) -> dict[str, Any]:
    day, _dot, posting_id = cursor.partition(".")
    return {
        "first": first,
        "last": last,
        "currency": only.currency,
        "channel": only.channel_id,
        "department": only.department_id,
        "after_date": date.fromisoformat(day) if day else first,
        "after_id": int(posting_id) if posting_id else 0,
        "limit": limit + 1,
    }


def _within(values: dict[str, Any], start: date) -> Decimal:
    """Debit less credit from ``start`` up to and with the cursor's line."""
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, {**values, "from": start})
        amount: Decimal = cursor.fetchone()[0]
    return amount


def _page(values: dict[str, Any], opening: Decimal, limit: int, *, credit_normal: bool) -> LedgerPage:
    sign = -1 if credit_normal else 1
    with connection.cursor() as cursor:
        cursor.execute(_LINES, values)
        found = cursor.fetchall()
    balance, lines = opening, []
    for row in found[:limit]:
        balance += row[-2] - row[-1]
        lines.append(LedgerLine(*[*row, sign * balance]))
    more = len(found) > limit
    return LedgerPage(
        opening=sign * opening,
        lines=lines,
        next_cursor=f"{lines[-1].entry_date}.{lines[-1].posting_id}" if more else None,
    )
