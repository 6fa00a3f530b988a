"""The accounts of the demo company: what providers pay out, what accounts transfer, what suppliers get, and the month that is closed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from accounting.selectors import OpenItemView, Party, counterparties, items_of_party, open_period_ids
from accounting.services import Settling, close_period, open_periods, pay_supplier, record_payout, record_receipt
from customers.models import BillTo
from ec_gateway.management.demo.plan import moment
from ec_gateway.management.demo.stage import OFFICE, Stage
from erp.core.business_days import is_bank_holiday
from erp.core.money import ZERO
from erp.core.retries import retried

# Who pays out: on which days of the month (31 is the last), what lies how many days back, less so many percent.
PAYOUTS = {
    "CARD": ((15, 31), 7, "3.2"), "WALLET": ((31,), 5, "3.4"), "CARRIER_BILLING": ((31,), 20, "5.0"), "YAMATO": ((5, 12, 19, 26), 6, "1.1"),
    "SAGAWA": ((5, 12, 19, 26), 6, "1.1"), "JAPANPOST": ((10, 25), 8, "1.3"), "CVS": ((10, 25), 5, "2.8"), "DEFERRED": ((10, 20, 31), 9, "3.6"),
    "MALL": ((15, 31), 10, "8.5"),
}  # fmt: skip
# How some bill-tos pay: less the bank's fee, more than they owe, a part, or not at all.
KEEPS_FEE, PAYS_TOO_MUCH, PAYS_A_PART, DOES_NOT_PAY = ("B03", "B09"), "B05", "B10", ("B11", "B12")
TRANSFER_FEE = Decimal(440)


def settle(stage: Stage, day: dt.date) -> None:
    """What the bank brings and takes on a day."""
    if is_bank_holiday(day):
        return
    take_payouts(day)
    _take_receipts(day)
    _pay_suppliers(stage, day)


def _falls_on(day: dt.date, wanted: Sequence[int]) -> bool:
    """Whether a payment day of the month is this day, or was one of the bank holidays before it."""
    candidate = day
    while True:
        is_last = (candidate + dt.timedelta(days=1)).day == 1
        if candidate.day in wanted or (is_last and 31 in wanted):
            return True
        candidate -= dt.timedelta(days=1)
        if not is_bank_holiday(candidate):
            return False


def _total(items: Sequence[OpenItemView]) -> Decimal:
    return sum((item.remaining if item.side == "DEBIT" else -item.remaining for item in items), ZERO)


def take_payouts(day: dt.date) -> None:
    """What providers, carriers and the mall pay out on a day on which banks work."""
    if is_bank_holiday(day):
        return
    due = {code: terms for code, terms in PAYOUTS.items() if _falls_on(day, terms[0])}
    parties = counterparties() if due else {}
    for code, (_days, back, percent) in due.items():
        items = items_of_party(parties[code], dated_by=day - dt.timedelta(days=back))
        total = _total(items)
        if total <= 0:
            continue
        fee = (total * Decimal(percent) / 100).quantize(Decimal(1), rounding=ROUND_DOWN)
        retried(
            record_payout, counterparty_id=parties[code].id, reference=f"{code}-{day:%Y%m%d}", paid_on=day,
            items=[Settling(item.id, item.remaining) for item in items], bank_amount=total - fee, fee=fee, at=moment(day, 10), by=OFFICE,
        )  # fmt: skip


def _take_receipts(day: dt.date) -> None:
    # Every account's terms end near the 10th, the 20th or the end of a month.
    if 4 < day.day < 10 or 13 < day.day < 20 or 23 < day.day < 28:
        return
    for code, key, label in _bill_tos():
        if code in DOES_NOT_PAY:
            continue
        debtor = Party("BILL_TO", key, label)
        items = items_of_party(debtor, due_by=day)
        total = _total(items)
        if total <= 0 or (code == PAYS_A_PART and total < 2):
            continue
        settled, bank, kept = [Settling(item.id, item.remaining) for item in items], total, ZERO
        if code in KEEPS_FEE and total > TRANSFER_FEE:
            bank, kept = total - TRANSFER_FEE, TRANSFER_FEE
        elif code == PAYS_TOO_MUCH:
            bank = total + 1_000
        elif code == PAYS_A_PART:
            settled, bank = [Settling(items[0].id, items[0].remaining)], items[0].remaining
            if items[0].due_date != day:
                continue
        retried(
            record_receipt, debtor=debtor, reference=f"{code}-{day:%Y%m%d}", received_on=day, items=settled, bank_amount=bank, fee_kept=kept,
            at=moment(day, 10, 30), by=OFFICE,
        )  # fmt: skip


def _bill_tos() -> list[tuple[str, int, str]]:
    return [(row.code, row.pk, str(row)) for row in BillTo.objects.order_by("code")]


def _pay_suppliers(stage: Stage, day: dt.date) -> None:
    if not _falls_on(day, (20, 31)):
        return
    for code, supplier in sorted(stage.suppliers.items()):
        party = Party("SUPPLIER", supplier.pk, supplier.name)
        items = items_of_party(party, due_by=day)
        owed = -_total(items)
        if owed > 0:
            retried(
                pay_supplier, supplier=party, reference=f"{code}-{day:%Y%m%d}", paid_on=day, fee=TRANSFER_FEE,
                items=[Settling(item.id, item.remaining) for item in items], at=moment(day, 11), by=OFFICE,
            )  # fmt: skip


def close_months(stage: Stage) -> None:
    """月次締め of the months that ended long ago; what follows is open."""
    at = moment(stage.plan.last, 18)
    retried(open_periods, through=stage.plan.today, at=at, by=OFFICE)
    for period_id in open_period_ids(ended_by=stage.plan.today - dt.timedelta(days=45)):
        retried(close_period, period_id=period_id, at=at, by=OFFICE)
