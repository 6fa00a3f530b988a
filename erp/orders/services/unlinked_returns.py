"""Returns and refunds whose sale these books do not know. The document says so. Levels: document, balances, cost rows, open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from accounting.services import EntryDraft, Party, post_entries
from erp.core import changes, locks, messages, numbering, rows
from erp.core.actors import Actor
from erp.core.clock import unbookable
from erp.core.errors import InvalidInput
from erp.core.models import Channel
from erp.core.money import ZERO, Rounding
from erp.core.selectors import tax_rates
from erp.core.tax import Rate, RateTotal, TaxedAmount, allocate_tax, document_tax, rate_on
from erp.core.use_case import use_case
from erp.inventory.services import PutBack
from erp.orders import postings
from erp.orders.models import Return, ReturnLine
from erp.orders.postings import Dimensions, Document, MoneyPart, SalePart
from erp.orders.services import parcel_days, return_documents
from erp.orders.services.return_documents import NewLine, NewReturn

Condition = ReturnLine.Condition


@dataclass(frozen=True, slots=True)
class UnlinkedLine:
    """Units of a SKU sold before these books began (or a mere amount, without SKU): the net refunded, and the cost at which they come back.

    ``role`` is the account it lowers: returns (売上返品), or discounts (売上値引) for what was only made cheaper.
    """

    description: str
    quantity: int
    net_amount: Decimal
    sku_id: int | None = None
    sku_code: str = ""
    condition: str = Condition.SELLABLE
    cost: Decimal = ZERO
    tax_class: str = "STANDARD"
    role: str = "sales.returns"


@dataclass(frozen=True, slots=True)
class UnlinkedReturn:
    """A return or refund whose sale these books do not know; the document says so (``has_original`` is off)."""

    external_id: str
    lines: tuple[UnlinkedLine, ...]
    return_date: dt.date
    customer_record_id: int | None = None
    customer_label: str = ""
    reason: str = ""


@use_case
def record_unlinked_returns(
    *, channel: str, returns: Sequence[UnlinkedReturn], location_id: int, at: dt.datetime, by: Actor
) -> list[Return]:
    """Record returns without an original sale, in a constant number of statements for each day. Again = first answer.

    Tax at the rate of the return date, since no other date is known. On that day the pieces arrive, and on it their value is posted.
    Raises Conflict for other content under the same id, InvalidInput naming every date that cannot be booked.
    """
    if problems := [
        problem
        for item in returns
        for problem in (
            *unbookable(f"/{item.external_id}/return_date", item.return_date, at=at),
            *parcel_days.not_yet(f"/{item.external_id}/return_date", item.return_date, at=at),
        )
    ]:
        raise InvalidInput(problems)
    shop = Channel.objects.get(code=channel)
    if len({item.external_id for item in returns}) < len(returns):
        raise AssertionError("each return comes under an id of its own")
    locks.hold_all(f"return:{shop.pk}:{item.external_id}" for item in returns)
    fingerprints = {item.external_id: messages.fingerprint(asdict(item)) for item in returns}
    replays = return_documents.find_replays(shop.pk, fingerprints)
    fresh = [item for item in returns if item.external_id not in replays]
    documents: list[NewReturn] = []
    if fresh:
        documents = _documents(shop, fresh, fingerprints, location_id)
        return_documents.write(documents, at=at, by=by)
        return_documents.restock(documents, channel_id=shop.pk, at=at, by=by)
        entries = [_entry(shop, item, document) for item, document in zip(fresh, documents, strict=True)]
        post_entries(drafts=[entry for entry in entries if entry is not None], at=at, by=by)
        changes.record(topic="return", keys=[document.number for document in documents], audience=shop.code)
    return return_documents.stored(documents, replays, [item.external_id for item in returns])


def _documents(
    shop: Channel, returns: Sequence[UnlinkedReturn], fingerprints: Mapping[str, str], location_id: int
) -> list[NewReturn]:
    ids = rows.allocate_ids({Return: len(returns), ReturnLine: sum(len(item.lines) for item in returns)})
    numbers = numbering.next_numbers(numbering.RETURN, len(returns))
    known = tax_rates()
    documents = []
    for item, number in zip(returns, numbers, strict=True):
        rates = [rate_on(known, tax_class=line.tax_class, on=item.return_date) for line in item.lines]
        has_goods = any(line.sku_id for line in item.lines)
        document = NewReturn(
            next(ids[Return]), number, Return.Kind.RETURN if has_goods else Return.Kind.REFUND_ONLY, shop.pk,
            item.external_id, fingerprints[item.external_id], item.return_date, shop.currency, item.reason,
            customer_record_id=item.customer_record_id,
        )  # fmt: skip
        for line, rate, tax in zip(item.lines, rates, _taxes(item, rates, shop), strict=True):
            document.lines.append(_line(next(ids[ReturnLine]), line, rate, tax, location_id))
        documents.append(document)
    return documents


def _line(key: int, line: UnlinkedLine, rate: Rate, tax: Decimal, location_id: int) -> NewLine:
    back: tuple[PutBack, ...] = ()
    if line.sku_id is not None and line.condition == Condition.SELLABLE:
        back = (PutBack(key, line.sku_id, line.quantity, location_id, line.cost),)
    # What does not come back into stock takes no cost back either.
    return NewLine(
        key, line.sku_id, line.description, line.condition, line.quantity, rate.code, rate.percent, line.net_amount, tax,
        line.cost if back else ZERO, back=back,
    )  # fmt: skip


def _entry(shop: Channel, item: UnlinkedReturn, document: NewReturn) -> EntryDraft | None:
    party = Party("CUSTOMER", item.customer_record_id or 0, item.customer_label or document.number)
    return postings.sale_return(
        document=Document("RETURN", document.id, document.number),
        parts=[
            SalePart(line.role, row.net, row.tax, row.tax_code, row.id)
            for row, line in zip(document.lines, item.lines, strict=True)
        ],
        money=[MoneyPart(document.net + document.tax, "refunds_payable", party)],
        restocked=document.restocked,
        written_down=ZERO,
        on=item.return_date,
        dimensions=Dimensions(shop.pk, shop.department_id, shop.currency),
    )


def _taxes(item: UnlinkedReturn, rates: Sequence[Rate], shop: Channel) -> list[Decimal]:
    """Tax of the refund as one document, once per rate, shared out to its lines."""
    totals: Mapping[str, RateTotal] = document_tax(
        [TaxedAmount(rate, line.net_amount, False) for line, rate in zip(item.lines, rates, strict=True)],
        rounding=Rounding(shop.tax_rounding),
        currency=shop.currency,
    )
    shares = [ZERO] * len(rates)
    for code, total in totals.items():
        members = [index for index, rate in enumerate(rates) if rate.code == code]
        parts = allocate_tax(total, [item.lines[index].net_amount for index in members], currency=shop.currency)
        for index, part in zip(members, parts, strict=True):
            shares[index] = part
    return shares
