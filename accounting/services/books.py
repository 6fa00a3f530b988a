"""What posting needs to know before it writes: accounts, closed dates, credit groups and fresh ids, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from accounting.models import OpenItem, PartyKind
from accounting.postings.drafts import EntryDraft, Line
from erp.core import rows

DEPOSITS = "deposits"

# Shared: entries do not wait for each other, only for a closing of their month, which takes the same key exclusively.
_LOCK_MONTHS = """
SELECT pg_advisory_xact_lock_shared(key)
FROM (SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(%s::text[]) AS name ORDER BY key) AS months
"""
_NAMED = """
SELECT 'role', r.role, a.id, a.code, a.control, a.type, a.is_active
FROM accounting_accountrole r JOIN accounting_ledgeraccount a ON a.id = r.account_id WHERE r.role = ANY(%s)
UNION ALL
SELECT 'code', code, id, code, control, type, is_active FROM accounting_ledgeraccount WHERE code = ANY(%s)
UNION ALL
SELECT 'counterparty', name, id, '', '', '', true FROM accounting_counterparty WHERE id = ANY(%s)
"""
_CLOSED = """
SELECT DISTINCT day FROM unnest(%s::date[]) AS day
JOIN accounting_period p ON p.state = 'CLOSED' AND day BETWEEN p.starts_on AND p.ends_on
"""
_IDS = """
SELECT ARRAY(SELECT nextval('accounting_journalentry_id_seq') FROM generate_series(1, %s)),
       ARRAY(SELECT nextval('core_number_entry') FROM generate_series(1, %s)),
       ARRAY(SELECT nextval('accounting_posting_id_seq') FROM generate_series(1, %s)),
       ARRAY(SELECT nextval('accounting_openitem_id_seq') FROM generate_series(1, %s))
"""
_CREDIT_GROUPS = """
SELECT id, credit_group_id FROM customers_billto
WHERE credit_group_id IS NOT NULL
  AND (id = ANY(%s) OR id IN (SELECT party_id FROM accounting_openitem WHERE party_kind = 'BILL_TO' AND id = ANY(%s)))
"""


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    code: str
    control: str
    type: str
    is_active: bool


@dataclass(slots=True)
class Books:
    """``credit_groups`` is keyed by bill-to; ``items`` are the open items to be settled, filled under their lock.

    ``counterparties`` are the names that new items carry, whatever the document calls them: their sub-ledger has one name.
    """

    by_role: Mapping[str, Account]
    by_code: Mapping[str, Account]
    closed_dates: Sequence[date]
    credit_groups: Mapping[int, int]
    counterparties: Mapping[int, str]
    entry_ids: Iterator[int]
    numbers: Iterator[int]
    posting_ids: Iterator[int]
    item_ids: Iterator[int]
    items: dict[int, OpenItem] = field(default_factory=dict)

    def account_of(self, line: Line) -> Account:
        """A settling line goes where its item is, even when the role has moved to another account since."""
        if line.settles is not None:
            account = self.items[line.settles].account
            return Account(account.pk, account.code, account.control, account.type, account.is_active)
        try:
            return self.by_role[line.role] if line.role else self.by_code[line.account_code]
        except KeyError as unknown:
            raise AssertionError(f"the chart has no account for {unknown}") from unknown


def month_keys(first: date, last: date) -> list[str]:
    """Names of the locks of every month between two dates, the same that the database's own guard takes."""
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"books:{month // 12:04d}-{month % 12 + 1:02d}" for month in months]


def lock_months_shared(dates: Iterable[date]) -> None:
    rows.ask(_LOCK_MONTHS, [sorted({month_keys(day, day)[0] for day in dates})])


def read_books(drafts: Sequence[EntryDraft], *, after: rows.Batch | None = None) -> Books:
    """``after``: writes that are sent ahead, in the same round trip."""
    lines = [line for draft in drafts for line in draft.lines]
    dates = sorted({draft.entry_date for draft in drafts})
    roles = sorted({line.role for line in lines if line.role} | {DEPOSITS})
    codes = sorted({line.account_code for line in lines if line.account_code})
    settles = sorted({line.settles for line in lines if line.settles is not None})
    opening = [line.opens for line in lines if line.opens is not None]
    bill_tos = sorted({item.party.id for item in opening if item.party.kind == PartyKind.BILL_TO})
    owing = sorted({item.party.id for item in opening if item.party.kind == PartyKind.COUNTERPARTY})
    groups = None
    with (rows.Batch() if after is None else after).before_questions():
        lock_months_shared(dates)
        found = rows.ask(_NAMED, [roles, codes, owing])
        closed = rows.ask(_CLOSED, [dates])
        ids = rows.ask(_IDS, [len(drafts), len(drafts), len(lines), len(opening)])
        if bill_tos or settles:
            groups = rows.ask(_CREDIT_GROUPS, [bill_tos, settles])
    named = found.all()
    entry_ids, numbers, posting_ids, item_ids = ids.all()[0]
    return Books(
        by_role={name: Account(*account) for kind, name, *account in named if kind == "role"},
        by_code={name: Account(*account) for kind, name, *account in named if kind == "code"},
        closed_dates=[day for (day,) in closed.all()],
        credit_groups=dict(groups.all()) if groups is not None else {},
        counterparties={key: name for kind, name, key, *_rest in named if kind == "counterparty"},
        entry_ids=iter(entry_ids),
        numbers=iter(numbers),
        posting_ids=iter(posting_ids),
        item_ids=iter(item_ids),
    )
