"""Money that moved through the bank, matched to open items: payouts, receipts, payments, refunds.

Repeatable by the other side's reference. Locks: the reference by name, then as posting does (credit group, open items).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounting import postings
from accounting.exceptions import DoesNotAddUp
from accounting.models import Counterparty, JournalEntry, OpenItem, Settlement
from accounting.postings import CREDIT, DEBIT, EntryDraft, Settled, TaxSplit
from accounting.postings import settlements as sources
from accounting.selectors import chart
from accounting.selectors.chart import Party
from accounting.services.entries import PostedEntry, post_entries
from accounting.services.vouchers import reverse_entry
from erp.core import locks, messages
from erp.core.actors import Actor
from erp.core.errors import Conflict, InvalidInput, NotFound, Problem
from erp.core.money import ZERO, is_amount, written
from erp.core.use_case import use_case

Kind = Settlement.Kind
# What entries of a settlement name as their source, by its kind.
SOURCES: dict[str, str] = {
    Kind.PAYOUT: sources.PAYOUT,
    Kind.RECEIPT: sources.RECEIPT,
    Kind.SUPPLIER_PAYMENT: sources.SUPPLIER_PAYMENT,
    Kind.REFUND: sources.REFUND,
}


@dataclass(frozen=True, slots=True)
class Settling:
    """So much of an open item is settled. None: all that is left."""

    item_id: int
    amount: Decimal | None = None


@use_case
def record_payout(
    *,
    counterparty_id: int,
    reference: str,
    paid_on: date,
    items: Sequence[Settling],
    bank_amount: Decimal,
    fee: Decimal = ZERO,
    fee_tax: str = "",
    promotion: Decimal = ZERO,
    at: dt.datetime,
    by: Actor,
) -> Settlement:
    """A provider, carrier or mall paid what shoppers had paid to it, less its fee (tax included) and promotion costs.

    ``fee_tax`` is TAXED or EXEMPT; empty: as the counterparty's master says. The same reference again with the same
    content returns the settlement already made.

    Raises:
        DoesNotAddUp: bank + fee + promotion differ from the items.
        OverSettled, PeriodClosed: as posting does. Conflict: the reference was used with other content.
    """
    counterparty = Counterparty.objects.filter(pk=counterparty_id).first()
    if counterparty is None:
        raise NotFound(_("There is no such counterparty."))
    case = _Case(Kind.PAYOUT, chart.counterparty_party(counterparty), reference, paid_on)
    is_taxed = (fee_tax or counterparty.fee_tax) == Counterparty.FeeTax.TAXED
    _refuse_no_amounts({"bank_amount": bank_amount, "fee": fee, "promotion": promotion}, items)
    content = [bank_amount, fee, is_taxed, promotion]
    if known := _replay(case, items, content):
        return known
    settled = _settled(items, party=None)
    total = postings.signed_sum(settled, side=DEBIT)
    if bank_amount + fee + promotion != total:
        raise DoesNotAddUp(received=bank_amount + fee + promotion, settled=total)
    row = _keep(case, items, content, bank=bank_amount, fee=fee, promotion=promotion, settled=total, at=at, by=by)
    split = None
    if fee:
        split = _split_fee(fee, on=paid_on) if is_taxed else TaxSplit(fee, ZERO, "EXEMPT")
    draft = postings.payout(
        settlement_id=row.pk, counterparty=case.party, on=paid_on, label=case.label, items=settled,
        bank=bank_amount, fee=split, promotion=promotion,
    )  # fmt: skip
    post_entries(drafts=[draft], at=at, by=by)
    return row


@use_case
def record_receipt(
    *,
    debtor: Party,
    reference: str,
    received_on: date,
    items: Sequence[Settling],
    bank_amount: Decimal,
    fee_kept: Decimal = ZERO,
    fee_tax_code: str = "",
    at: dt.datetime,
    by: Actor,
) -> Settlement:
    """A debtor paid, perhaps less the transfer fee (振込手数料), which becomes a discount at the original sale's rate.

    ``fee_tax_code`` empty: the standard rate of the day. More than the items stays in 仮受金. The same reference again
    with the same content returns the settlement already made.

    Raises:
        DoesNotAddUp: less came in than the items take. Settle parts of them instead.
        OverSettled, PeriodClosed, Conflict: as in :func:`record_payout`.
    """
    case = _Case(Kind.RECEIPT, debtor, reference, received_on)
    _refuse_no_amounts({"bank_amount": bank_amount, "fee_kept": fee_kept}, items)
    content = [bank_amount, fee_kept, fee_tax_code]
    if known := _replay(case, items, content):
        return known
    settled = _settled(items, party=debtor)
    total = postings.signed_sum(settled, side=DEBIT)
    excess = bank_amount + fee_kept - total
    if excess < 0 or (excess and fee_kept):
        raise DoesNotAddUp(received=bank_amount + fee_kept, settled=total)
    row = _keep(case, items, content, bank=bank_amount, fee=fee_kept, promotion=ZERO, settled=total, at=at, by=by)
    split = _split_fee(fee_kept, on=received_on, code=fee_tax_code) if fee_kept else None
    draft = postings.receipt(
        settlement_id=row.pk, debtor=debtor, on=received_on, label=case.label, items=settled, bank=bank_amount,
        fee=split, excess=excess,
    )  # fmt: skip
    post_entries(drafts=[draft], at=at, by=by)
    return row


@use_case
def pay_supplier(
    *,
    supplier: Party,
    reference: str,
    paid_on: date,
    items: Sequence[Settling],
    fee: Decimal = ZERO,
    at: dt.datetime,
    by: Actor,
) -> Settlement:
    """We paid a supplier in full, and the bank its fee (tax included). Repeatable like :func:`record_payout`."""
    case = _Case(Kind.SUPPLIER_PAYMENT, supplier, reference, paid_on)
    return _pay(case, items, fee, postings.supplier_payment, at=at, by=by)


@use_case
def pay_refund(
    *,
    customer: Party,
    reference: str,
    paid_on: date,
    items: Sequence[Settling],
    fee: Decimal = ZERO,
    at: dt.datetime,
    by: Actor,
) -> Settlement:
    """We gave money back that was owed to a customer (未払金(返金)). Repeatable like :func:`record_payout`."""
    case = _Case(Kind.REFUND, customer, reference, paid_on)
    return _pay(case, items, fee, postings.refund, at=at, by=by)


@use_case
def take_back_settlement(
    *, settlement_id: int, entry_date: date, reason: str, at: dt.datetime, by: Actor
) -> PostedEntry:
    """The money was matched wrongly: its entry is reversed, and what it settled is open again. The settlement stays, and its
    reference is used up: the right one is recorded under another.

    Raises:
        NotReversible, PeriodClosed: as :func:`reverse_entry` does, also for one that was taken back before.
    """
    row = Settlement.objects.filter(pk=settlement_id).first()
    if row is None:
        raise NotFound(_("There is no such settlement."))
    entry = _entries_of(row).exclude(kind=JournalEntry.Kind.REVERSAL).get()
    return reverse_entry(entry_id=entry.pk, entry_date=entry_date, reason=reason, at=at, by=by)


def _entries_of(row: Settlement) -> QuerySet[JournalEntry]:
    return JournalEntry.objects.filter(source_type=SOURCES[row.kind], source_id=row.pk)


def _is_taken_back(row: Settlement) -> bool:
    return _entries_of(row).filter(kind=JournalEntry.Kind.REVERSAL).exists()


@dataclass(frozen=True, slots=True)
class _Case:
    kind: Settlement.Kind
    party: Party
    reference: str
    on: date

    @property
    def label(self) -> str:
        return f"{self.party.label} {self.reference}"


def _pay(
    case: _Case,
    items: Sequence[Settling],
    fee: Decimal,
    posting_rule: Callable[..., EntryDraft],
    *,
    at: dt.datetime,
    by: Actor,
) -> Settlement:
    _refuse_no_amounts({"fee": fee}, items)
    if known := _replay(case, items, [fee]):
        return known
    settled = _settled(items, party=case.party)
    total = postings.signed_sum(settled, side=CREDIT)
    if total <= 0:
        raise DoesNotAddUp(received=ZERO, settled=total)
    row = _keep(case, items, [fee], bank=total + fee, fee=fee, promotion=ZERO, settled=total, at=at, by=by)
    split = _split_fee(fee, on=case.on) if fee else None
    draft = posting_rule(settlement_id=row.pk, party=case.party, on=case.on, label=case.label, items=settled, fee=split)
    post_entries(drafts=[draft], at=at, by=by)
    return row


def _refuse_no_amounts(parts: Mapping[str, Decimal], items: Sequence[Settling]) -> None:
    stated = {f"/{name}": amount for name, amount in parts.items()}
    stated |= {f"/items/{item.item_id}": item.amount for item in items if item.amount is not None}
    refused = {pointer: amount for pointer, amount in stated.items() if not is_amount(amount) or amount < 0}
    problems = [
        Problem(
            pointer,
            "invalid",
            _("%(amount)s is no amount in whole units, 0 or more.")
            % {"amount": written(amount) if amount.is_finite() else amount},
        )
        for pointer, amount in refused.items()
    ]
    if problems:
        raise InvalidInput(problems)


def _fingerprint(case: _Case, items: Sequence[Settling], content: Sequence[object]) -> str:
    return messages.fingerprint([case.on, [[item.item_id, item.amount] for item in items], list(content)])


def _replay(case: _Case, items: Sequence[Settling], content: Sequence[object]) -> Settlement | None:
    if not case.reference.strip() or not items:
        raise InvalidInput([Problem("/reference", "required", _("A reference and the items to settle are needed."))])
    locks.hold(f"settlement:{case.kind}:{case.party.kind}:{case.party.id}:{case.reference}")
    known = Settlement.objects.filter(
        kind=case.kind, party_kind=case.party.kind, party_id=case.party.id, external_id=case.reference
    ).first()
    if known is not None and known.fingerprint != _fingerprint(case, items, content):
        raise Conflict(_("%(reference)s was recorded before with other content.") % {"reference": case.reference})
    if known is not None and _is_taken_back(known):
        told = _("%(reference)s was recorded and taken back by a reversal. Record it under another reference.")
        raise Conflict(told % {"reference": case.reference})
    return known


def _settled(items: Sequence[Settling], *, party: Party | None) -> list[Settled]:
    """The items as they are now; posting locks them and refuses what has changed since."""
    wanted = {item.item_id: item.amount for item in items}
    found: Mapping[int, OpenItem] = OpenItem.objects.in_bulk(list(wanted))
    problems = []
    for item_id, amount in wanted.items():
        row = found.get(item_id)
        if row is None or (party is not None and (row.party_kind, row.party_id) != (party.kind, party.id)):
            problems.append(Problem(f"/items/{item_id}", "unknown", _("This party has no such open item.")))
        elif (row.remaining_amount if amount is None else amount) <= 0:
            problems.append(Problem(f"/items/{item_id}", "nothing_left", _("There is nothing to settle.")))
    if len(wanted) != len(items):
        problems.append(Problem("/items", "twice", _("An open item is named twice.")))
    if problems:
        raise InvalidInput(problems)
    return [
        Settled(row.pk, row.side, row.remaining_amount if amount is None else amount, row.channel_id)
        for row, amount in ((found[item_id], wanted[item_id]) for item_id in wanted)
    ]


def _keep(
    case: _Case,
    items: Sequence[Settling],
    content: Sequence[object],
    *,
    bank: Decimal,
    fee: Decimal,
    promotion: Decimal,
    settled: Decimal,
    at: dt.datetime,
    by: Actor,
) -> Settlement:
    return Settlement.objects.create(
        kind=case.kind,
        party_kind=case.party.kind,
        party_id=case.party.id,
        party_label=case.party.label,
        external_id=case.reference,
        settled_on=case.on,
        bank_amount=bank,
        fee_amount=fee,
        promotion_amount=promotion,
        settled_amount=settled,
        fingerprint=_fingerprint(case, items, content),
        recorded_at=at,
        actor=str(by),
    )


def _split_fee(fee: Decimal, *, on: date, code: str = "") -> TaxSplit:
    return postings.tax_inside(fee, chart.tax_rate(code=code, on=on))
