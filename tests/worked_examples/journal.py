"""The journal as a textbook prints it: entry by entry, debits and credits by account, amounts in yen, with the tax code of what is taxed."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from accounting import selectors
from accounting.models import JournalEntry, OpenItem

# How a textbook marks what is taxed; in brackets what of the tax may be deducted.
MARKS = {
    "": "",
    "STANDARD_10": " 10%",
    "REDUCED_8": " 軽8%",
    "STANDARD_8": " 旧8%",
    "STANDARD_10_80": " 10%(80%)",
    "STANDARD_10_70": " 10%(70%)",
    "STANDARD_10_50": " 10%(50%)",
    "STANDARD_10_30": " 10%(30%)",
    "STANDARD_10_0": " 10%(0%)",
    "EXEMPT": " 非課税",
    "OUT_OF_SCOPE": " 対象外",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """``{"1110 現金": 100}`` on either side. Both sides are written down, so that an example balances by itself."""

    debit: Mapping[str, int]
    credit: Mapping[str, int]

    def __post_init__(self) -> None:
        assert sum(self.debit.values()) == sum(self.credit.values()), f"the example itself does not balance: {self}"


class Journal:
    """What was posted since the last look."""

    def __init__(self) -> None:
        self._seen = 0
        self.new()

    def new(self) -> list[Entry]:
        found = []
        for entry in JournalEntry.objects.filter(pk__gt=self._seen).order_by("pk"):
            sides: dict[str, dict[str, int]] = {"DEBIT": defaultdict(int), "CREDIT": defaultdict(int)}
            for posting in entry.postings.select_related("account").order_by("line_no"):
                account = f"{posting.account.code} {posting.account.name}{MARKS[posting.tax_code]}"
                sides[posting.side][account] += int(posting.amount)
            found.append(Entry(dict(sides["DEBIT"]), dict(sides["CREDIT"])))
            self._seen = entry.pk
        return found


def balances(*, last: dt.date, first: dt.date = dt.date(2026, 4, 1)) -> dict[str, int]:
    """The trial balance that staff see: closing balances, each on the normal side of its account, zeros left out."""
    sheet = selectors.trial_balance(first=first, last=last)
    assert sheet.debit == sheet.credit
    assert sheet.closing_debit == sheet.closing_credit
    return {f"{row.code} {row.name}": int(row.closing) for row in sheet.rows if row.closing}


def owed() -> dict[str, int]:
    """What is left of every open item, by account and party: positive is owed to us, negative by us."""
    sums: dict[str, int] = defaultdict(int)
    for item in OpenItem.objects.select_related("account").exclude(remaining_amount=0).order_by("pk"):
        left = int(item.remaining_amount)
        sums[f"{item.account.code} {item.party_label}"] += left if item.side == "DEBIT" else -left
    return dict(sums)
