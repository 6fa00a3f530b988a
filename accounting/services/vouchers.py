"""Entries that staff make by hand, and reversals: the only way to correct what is posted. Locks: document, then as posting does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from datetime import date

from django.utils.translation import gettext as _

from accounting.exceptions import ControlAccount, NotReversible, OverSettled
from accounting.models import JournalEntry, LedgerAccount, OpenItem, Posting
from accounting.postings.drafts import CREDIT, DEBIT, EntryDraft, Line, debit_minus_credit
from accounting.selectors.chart import Party
from accounting.services.books import Books, read_books
from accounting.services.entries import COLUMNS_OF_LINE, PostedEntry, posting_row, write
from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, NotFound, Problem
from erp.core.money import COMPANY_CURRENCY, is_amount, written
from erp.core.use_case import use_case

VOUCHER = "VOUCHER"
Control = LedgerAccount.Control


@use_case
def post_voucher(
    *,
    entry_date: date,
    description: str,
    lines: Sequence[Line],
    at: dt.datetime,
    by: Actor,
    currency: str = COMPANY_CURRENCY,
    seen: int | None = None,
) -> PostedEntry:
    """Post a manual voucher (振替伝票), its accounts named by code or role.

    ``seen`` is the newest entry there was when the form was opened. The same voucher of the same hand behind it is answered as a replay: the
    button was pressed twice, or an equal one was posted from another form while this one was open. One that is meant takes a form opened after.

    Raises:
        InvalidInput: names every fault of the voucher: no lines, out of balance, unknown or inactive accounts.
        ControlAccount: a stock account, or a line on an account of open items that neither opens nor settles one.
        PeriodClosed, OverSettled: as posting does.
    """
    if seen is not None:
        locks.hold(f"voucher:{by}")
    draft = EntryDraft(entry_date, description, VOUCHER, 0, lines, currency)
    if problems := _faults_of_form(draft):
        raise InvalidInput(problems)
    books = read_books([draft])
    if problems := list(_faults_of_accounts(draft, books)):
        raise InvalidInput(problems)
    if seen is not None and (earlier := _posted_behind(seen, draft, books, by)):
        return earlier
    if problems := list(_uncontrolled(draft, books)):
        raise ControlAccount(_("This account is kept by its sub-ledger."), problems=problems)
    return write([draft], kind=JournalEntry.Kind.MANUAL, at=at, by=by, books=books)[0]


def _posted_behind(seen: int, draft: EntryDraft, books: Books, by: Actor) -> PostedEntry | None:
    """The same voucher of the same hand among the entries behind ``seen``; one that was reversed is none any more."""
    found = JournalEntry.objects.filter(
        kind=JournalEntry.Kind.MANUAL, pk__gt=seen, actor=str(by), entry_date=draft.entry_date, description=draft.description[:200],
        reversed_by__isnull=True,
    ).order_by("pk")  # fmt: skip
    told: dict[int, list[tuple[object, ...]]] = {pk: [] for pk in found.values_list("pk", flat=True)}
    if not told:
        return None
    postings = Posting.objects.filter(entry__in=told).order_by("line_no")
    for entry_id, *row in postings.values_list("entry_id", *COLUMNS_OF_LINE):
        told[entry_id].append(tuple(row))
    settled = [line.settles for line in draft.lines if line.settles is not None]
    books.items = OpenItem.objects.select_related("account").in_bulk(settled)
    wanted = [posting_row(books.account_of(line), line, draft, line.settles, books) for line in draft.lines]
    same = next((entry_id for entry_id, rows in told.items() if rows == wanted), None)
    if same is None:
        return None
    number = JournalEntry.objects.values_list("number", flat=True).get(pk=same)
    return PostedEntry(same, number, [line.settles for line in draft.lines], is_replay=True)


def _faults_of_form(draft: EntryDraft) -> list[Problem]:
    problems = []
    if not draft.lines:
        problems.append(Problem("/lines", "required", _("A voucher needs lines.")))
    elif all(is_amount(line.amount, currency=draft.currency) for line in draft.lines) and (
        difference := debit_minus_credit(draft.lines)
    ):
        problems.append(
            Problem(
                "/lines",
                "unbalanced",
                _("Debit and credit are %(difference)s apart.") % {"difference": written(abs(difference))},
            )
        )
    for index, line in enumerate(draft.lines):
        if not is_amount(line.amount, currency=draft.currency) or line.amount <= 0:
            problems.append(
                Problem(f"/lines/{index}/amount", "invalid", _("A positive amount in whole units is needed."))
            )
        if line.side not in (DEBIT, CREDIT):
            problems.append(Problem(f"/lines/{index}/side", "invalid", _("Debit or credit is needed.")))
        if not (line.role or line.account_code or line.settles):
            problems.append(Problem(f"/lines/{index}/account", "required", _("An account is needed.")))
    return problems


def _faults_of_accounts(draft: EntryDraft, books: Books) -> Sequence[Problem]:
    problems = []
    for index, line in enumerate(draft.lines):
        if line.settles is not None:
            continue
        account = books.by_role.get(line.role) if line.role else books.by_code.get(line.account_code)
        if account is None:
            problems.append(Problem(f"/lines/{index}/account", "unknown", _("There is no such account.")))
        elif not account.is_active:
            problems.append(Problem(f"/lines/{index}/account", "inactive", _("This account is no longer used.")))
    return problems


def _uncontrolled(draft: EntryDraft, books: Books) -> Sequence[Problem]:
    problems = []
    for index, line in enumerate(draft.lines):
        if line.settles is not None:
            continue
        account = books.account_of(line)
        if account.control == Control.STOCK:
            problems.append(
                Problem(
                    f"/lines/{index}/account", "stock", _("%(code)s moves with stock only.") % {"code": account.code}
                )
            )
        elif account.control == Control.OPEN_ITEM and line.opens is None:
            problems.append(
                Problem(
                    f"/lines/{index}/account",
                    "open_item",
                    _("%(code)s needs the open item that this line opens or settles.") % {"code": account.code},
                )
            )
    return problems


@use_case
def reverse_entry(
    *,
    entry_id: int,
    entry_date: date,
    reason: str,
    at: dt.datetime,
    by: Actor,
    with_stock: bool = False,
) -> PostedEntry:
    """Post the mirror of an entry: what it settled is open again, what it opened is closed.

    ``with_stock`` is for the rooms that reverse the stock movement in the same transaction; without it an entry on a
    stock account is refused, for the account would part from the stock.

    Raises:
        NotReversible: it is a reversal, was reversed before, moved stock, or an item that it opened was settled since.
        PeriodClosed: the date of the reversal is closed.
    """
    locks.hold(f"entry:{entry_id}")
    entry = JournalEntry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise NotFound(_("There is no such entry."))
    if entry.kind == JournalEntry.Kind.REVERSAL:
        raise NotReversible(_("%(number)s is a reversal itself. Post the entry anew.") % {"number": entry.number})
    if before := JournalEntry.objects.filter(reversal_of=entry).first():
        raise NotReversible(
            _("%(number)s was reversed by %(reversal)s.") % {"number": entry.number, "reversal": before.number}
        )
    postings = list(Posting.objects.filter(entry=entry).select_related("account", "open_item").order_by("line_no"))
    if not with_stock and any(posting.account.control == Control.STOCK for posting in postings):
        raise NotReversible(_("%(number)s moved stock: reverse the document that moved it.") % {"number": entry.number})
    draft = EntryDraft(
        entry_date,
        reason,
        entry.source_type,
        entry.source_id,
        [_mirrored(posting) for posting in postings],
        postings[0].currency,
    )
    try:
        return write([draft], kind=JournalEntry.Kind.REVERSAL, at=at, by=by, reversal_of=entry.pk)[0]
    except OverSettled as settled:
        # Raised before anything is written: the mirror of an opening line finds less left than it opened.
        raise NotReversible(
            _("%(number)s opened items that were settled since. Reverse those settlements first.")
            % {"number": entry.number},
            problems=settled.problems,
        ) from settled


def _mirrored(posting: Posting) -> Line:
    known = posting.open_item_id is None and posting.party_id is not None
    return Line(
        side=CREDIT if posting.side == DEBIT else DEBIT,
        amount=posting.amount,
        account_code="" if posting.open_item_id else posting.account.code,
        channel_id=posting.channel_id,
        department_id=posting.department_id,
        party=Party(posting.party_kind, posting.party_id or 0, "") if known else None,
        tax_code=posting.tax_code,
        source_line=posting.source_line,
        settles=posting.open_item_id,
        description=posting.description,
    )
