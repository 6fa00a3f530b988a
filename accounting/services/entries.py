"""The one write path of the books. Takes these levels of the house's lock order: credit group, open items, entry numbers (a sequence).

Everything is set-based: the number of statements does not depend on the number of entries or lines.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from accounting.exceptions import OverSettled, PeriodClosed
from accounting.models import JournalEntry, LedgerAccount, OpenItem, PartyKind, Posting
from accounting.postings.drafts import DEBIT, EntryDraft, Line, NewItem, debit_minus_credit
from accounting.services.books import DEPOSITS, Account, Books, read_books
from customers import services as customers
from erp.core import rows
from erp.core.actors import Actor
from erp.core.clock import refuse_unbookable
from erp.core.money import COMPANY_CURRENCY, ZERO, round_money
from erp.core.numbering import ENTRY, format_number
from erp.core.use_case import use_case


@dataclass(frozen=True, slots=True)
class PostedEntry:
    """``item_ids`` runs parallel to the draft's lines: the open item that the line opened or settled, or None. ``is_replay``: it was posted
    before, and nothing more was posted now."""

    id: int
    number: str
    item_ids: list[int | None]
    is_replay: bool = False


@use_case
def post_entries(
    *, drafts: Sequence[EntryDraft], batch: rows.Batch | None = None, at: dt.datetime, by: Actor
) -> list[PostedEntry]:
    """Post balanced entries, with the open items they open and settle, in a constant number of statements.

    With a ``batch``, what it holds is written on the way to the books, and the rows of the entries are left in it for the caller to write.

    Not repeatable by itself: the document that calls is. A caller that holds stock balances and posts receivables of a
    bill-to must have locked its credit group before (``customers.services.lock_credit``), because that level is earlier.

    Raises:
        InvalidInput: a date that cannot be booked.
        PeriodClosed: names every closed date.
        OverSettled: names every item that has less left than would be settled.
        AssertionError: a draft without lines, out of balance, or against a control account's rule: the caller's bug.
    """
    if not drafts:
        return []
    for draft in drafts:
        _assert_sound(draft)
    return write(drafts, kind=JournalEntry.Kind.AUTOMATIC, batch=batch, at=at, by=by)


def _assert_sound(draft: EntryDraft) -> None:
    if not draft.lines or debit_minus_credit(draft.lines) != 0:
        raise AssertionError(f"the entry of {draft.source_type} {draft.source_id} does not balance: {draft.lines}")
    for line in draft.lines:
        if line.amount <= 0 or line.amount != round_money(line.amount, currency=draft.currency):
            raise AssertionError(f"a line needs a positive amount in whole units of {draft.currency}: {line}")
        if bool(line.role) + bool(line.account_code) != 1 and line.settles is None:
            raise AssertionError(f"a line names its account by exactly one of role and code: {line}")
        if line.opens is not None and line.settles is not None:
            raise AssertionError(f"a line opens an item or settles one, not both: {line}")


def write(
    drafts: Sequence[EntryDraft],
    *,
    kind: str,
    at: dt.datetime,
    by: Actor,
    reversal_of: int | None = None,
    books: Books | None = None,
    batch: rows.Batch | None = None,
) -> list[PostedEntry]:
    """Lock, refuse, write, announce. For the services of this app; other rooms post through their use-cases.

    With ``reversal_of``, a line on an item's own side takes a settlement back, which nothing else may do. A
    ``source_id`` of 0 means that the entry is its own document (a voucher). ``batch``: see ``post_entries``.
    """
    for draft in drafts:
        refuse_unbookable({"entry_date": draft.entry_date}, at=at)
    own = rows.Batch() if batch is None else batch
    books = books or read_books(drafts, after=own)
    if books.closed_dates:
        raise PeriodClosed(books.closed_dates)
    _lock_credit_groups(drafts, books)
    books.items = _lock_items(drafts)
    settled = _newly_settled(drafts, books, may_reopen=reversal_of is not None)

    entries, items, postings, posted = [], [], [], []
    for draft in drafts:
        entry = PostedEntry(next(books.entry_ids), format_number(ENTRY, next(books.numbers)), [])
        document = (draft.description[:200], draft.source_type, draft.source_id or entry.id)
        entries.append((entry.id, entry.number, kind, draft.entry_date, *document, reversal_of, at, str(by)))
        for line_no, line in enumerate(draft.lines, start=1):
            account = books.account_of(line)
            if account.control == LedgerAccount.Control.STOCK and draft.currency != COMPANY_CURRENCY:
                raise AssertionError(f"stock is carried in {COMPANY_CURRENCY}, not in {draft.currency}: {line}")
            item_id = line.settles
            if line.opens is not None:
                item_id = next(books.item_ids)
                items.append(_item_row(item_id, account, line, line.opens, draft, books))
            elif item_id is None and account.control == LedgerAccount.Control.OPEN_ITEM:
                raise AssertionError(f"account {account.code} is kept by open items, the line names none: {line}")
            entry.item_ids.append(item_id)
            row_id = next(books.posting_ids)
            postings.append((row_id, entry.id, line_no, *posting_row(account, line, draft, item_id, books)))
        posted.append(entry)
    own.insert(JournalEntry, _ENTRY_COLUMNS, entries)
    own.insert(OpenItem, _ITEM_COLUMNS, items)
    own.insert(Posting, _POSTING_COLUMNS, postings)
    if settled:
        own.add(_SETTLE, [list(settled), list(settled.values())])
    if batch is None:
        own.run()
    _announce_exposure(drafts, books, at=at, by=by)
    return posted


_ENTRY_COLUMNS = (
    "id", "number", "kind", "entry_date", "description", "source_type", "source_id", "reversal_of_id", "recorded_at", "actor",
)  # fmt: skip
_ITEM_COLUMNS = (
    "id", "account_id", "side", "party_kind", "party_id", "party_label", "channel_id", "document_type", "document_id",
    "document_label", "item_date", "due_date", "currency", "amount", "settled_amount", "version",
)  # fmt: skip
_POSTING_COLUMNS = (
    "id", "entry_id", "line_no", "entry_date", "account_id", "side", "amount", "currency", "channel_id", "department_id",
    "party_kind", "party_id", "tax_code", "source_line", "open_item_id", "description",
)  # fmt: skip
# What a posting says of its line: the columns of ``posting_row``.
COLUMNS_OF_LINE = _POSTING_COLUMNS[3:]


def _item_row(
    item_id: int, account: Account, line: Line, item: NewItem, draft: EntryDraft, books: Books
) -> tuple[Any, ...]:
    label = item.party.label
    if item.party.kind == PartyKind.COUNTERPARTY:
        label = books.counterparties.get(item.party.id, label)
    party = (item.party.kind, item.party.id, label[:150])
    document = (item.document_type, item.document_id, item.document_label[:100])
    dates = (draft.entry_date, item.due_date)
    return (
        item_id,
        account.id,
        line.side,
        *party,
        line.channel_id,
        *document,
        *dates,
        draft.currency,
        line.amount,
        ZERO,
        1,
    )


def posting_row(account: Account, line: Line, draft: EntryDraft, item_id: int | None, books: Books) -> tuple[Any, ...]:
    party: tuple[str, int | None] = ("", None)
    if line.settles is not None:
        item = books.items[line.settles]
        party = (item.party_kind, item.party_id)
    elif known := (line.opens.party if line.opens is not None else line.party):
        party = (known.kind, known.id)
    amount = (draft.entry_date, account.id, line.side, line.amount, draft.currency)
    dimensions = (line.channel_id, line.department_id, *party, line.tax_code, line.source_line)
    return (*amount, *dimensions, item_id, line.description[:200])


def _lock_items(drafts: Sequence[EntryDraft]) -> dict[int, OpenItem]:
    wanted = {line.settles for draft in drafts for line in draft.lines if line.settles is not None}
    if not wanted:
        return {}
    # Primary-key order: two settlements that share items queue up here instead of deadlocking.
    items = OpenItem.objects.select_related("account").filter(pk__in=wanted).order_by("pk")
    found = {item.pk: item for item in items.select_for_update(of=("self",), no_key=True)}
    if missing := wanted - found.keys():
        raise AssertionError(f"no open items {sorted(missing)}")
    return found


def _newly_settled(drafts: Sequence[EntryDraft], books: Books, *, may_reopen: bool) -> dict[int, Decimal]:
    """What each item's settled amount grows by, refused when that is more than is left."""
    growth: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for draft in drafts:
        for line in draft.lines:
            if line.settles is None:
                continue
            item = books.items[line.settles]
            if draft.currency != item.currency or (line.side == item.side and not may_reopen):
                raise AssertionError(f"this line does not settle item {item.pk} ({item.side} {item.currency}): {line}")
            growth[item.pk] += -line.amount if line.side == item.side else line.amount
    left = {pk: item.amount - item.settled_amount for pk, item in books.items.items()}
    if excesses := [(pk, amount, left[pk]) for pk, amount in growth.items() if amount > left[pk]]:
        raise OverSettled(excesses)
    return growth


_SETTLE = """
UPDATE accounting_openitem item SET settled_amount = item.settled_amount + new.amount, version = item.version + 1
FROM unnest(%s::bigint[], %s::numeric[]) AS new (id, amount) WHERE item.id = new.id
"""


def _lock_credit_groups(drafts: Sequence[EntryDraft], books: Books) -> None:
    if books.credit_groups:
        # Before the open items, and in the order that every check of credit takes.
        on = max(draft.entry_date for draft in drafts)
        customers.lock_credit(credit_group_ids=set(books.credit_groups.values()), on=on)


def _announce_exposure(drafts: Sequence[EntryDraft], books: Books, *, at: dt.datetime, by: Actor) -> None:
    """Tell credit control what bill-tos owe now. A debit raises exposure, a credit lowers it; deposits count against it."""
    deltas = []
    for draft in drafts:
        for line in draft.lines if books.credit_groups else ():
            item = books.items[line.settles] if line.settles is not None else None
            new = line.opens
            if item is not None:
                party_kind, party_id = item.party_kind, item.party_id
                document = (item.document_type, item.document_id)
            elif new is not None:
                party_kind, party_id = new.party.kind, new.party.id
                document = (new.document_type, new.document_id)
            else:
                continue
            kind = _exposure_kind(books.account_of(line), books)
            group_id = books.credit_groups.get(party_id) if party_kind == PartyKind.BILL_TO else None
            if kind and group_id is not None:
                amount = line.amount if line.side == DEBIT else -line.amount
                deltas.append(customers.ExposureDelta(group_id, kind, amount, *document))
    if deltas:
        customers.add_exposure(deltas=deltas, at=at, by=by)


def _exposure_kind(account: Account, books: Books) -> str:
    if account.type == LedgerAccount.Type.ASSET:
        return "RECEIVABLE"
    return "DEPOSIT" if account.id == books.by_role[DEPOSITS].id else ""
