"""Which journal entries the events of an order make (pure). Worked out to the yen in ``tests/worked_examples``: 税抜経理, 売上原価対立法."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting.services import EntryDraft, Line, NewItem, Party
from erp.core.money import ZERO

DEBIT, CREDIT = "DEBIT", "CREDIT"
GOODS, IN_TRANSIT, CONSIGNED = "inventory.goods", "inventory.in_transit", "inventory.consigned"
DISCOUNTS = "sales.discounts"
SALES_ROLE = {"EC_SITE": "sales.ec", "MALL": "sales.mall", "SHOP": "sales.shop", "WHOLESALE": "sales.wholesale"}
# Each kind of fee that a shopper is charged has an account of its own: what wrapping brings in is not what shipping does.
FEE_ROLE = {
    "SHIPPING": "sales.shipping_fee",
    "COD": "sales.cod_fee",
    "WRAPPING": "sales.wrapping_fee",
    "OTHER": "sales.other_fee",
}


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What every posting of a document carries."""

    channel_id: int
    department_id: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class MoneyPart:
    """Where the money of a sale comes from: the deposit item it was received on before, or a new debt of ``party`` on ``role``.

    ``party`` is ``None`` for money that is simply there (cash, bank, gift cards).
    """

    amount: Decimal
    role: str
    party: Party | None = None
    due_date: dt.date | None = None
    settles: int | None = None


@dataclass(frozen=True, slots=True)
class SalePart:
    """One shipped line or fee: ``role`` is the revenue account, ``source_line`` the line of the document."""

    role: str
    net: Decimal
    tax: Decimal
    tax_code: str
    source_line: int | None


@dataclass(frozen=True, slots=True)
class Document:
    type: str
    id: int
    number: str


def advance_receipt(
    *, document: Document, money: MoneyPart, customer: Party, on: dt.date, dimensions: Dimensions
) -> EntryDraft:
    """Money captured or paid before shipment: 現金等・クレジット売掛金 // 前受金."""
    lines = [
        _money_line(DEBIT, money, document, dimensions),
        _line(CREDIT, money.amount, "deposits", dimensions, party=customer, opens=_new_item(customer, None, document)),
    ]
    return EntryDraft(
        on, _titled(_("Advance receipt"), document), document.type, document.id, lines, dimensions.currency
    )


def sale(
    *,
    document: Document,
    money: Sequence[MoneyPart],
    parts: Sequence[SalePart],
    cost: Decimal,
    inventory_role: str,
    on: dt.date,
    dimensions: Dimensions,
) -> EntryDraft | None:
    """A sale whose revenue basis is met. ``None`` when neither money nor cost moves (free goods without cost)."""
    lines = [_money_line(DEBIT, part, document, dimensions) for part in money if part.amount]
    lines += _revenue_lines(CREDIT, parts, dimensions)
    lines += _pair(cost, "cost_of_sales", inventory_role, dimensions)
    if not lines:
        return None
    return EntryDraft(on, _titled(_("Sale"), document), document.type, document.id, lines, dimensions.currency)


def into_transit(
    *, document: Document, cost: Decimal, role: str = IN_TRANSIT, on: dt.date, dimensions: Dimensions
) -> EntryDraft | None:
    """Goods that left, revenue not yet met: 積送品 (or 委託先在庫) // 商品."""
    lines = _pair(cost, role, GOODS, dimensions)
    if not lines:
        return None
    return EntryDraft(
        on, _titled(_("Goods on their way"), document), document.type, document.id, lines, dimensions.currency
    )


def sale_return(
    *,
    document: Document,
    parts: Sequence[SalePart],
    money: Sequence[MoneyPart],
    restocked: Decimal,
    written_down: Decimal,
    on: dt.date,
    dimensions: Dimensions,
) -> EntryDraft | None:
    """Goods came back: 売上返品 and its tax // what is no longer owed or is to be refunded; 商品 (or 商品評価損 when defective) // 売上原価.

    A part on ``sales.discounts`` only made a sale cheaper: 売上値引.
    """
    returned = [
        SalePart(
            part.role if part.role == DISCOUNTS else "sales.returns",
            part.net,
            part.tax,
            part.tax_code,
            part.source_line,
        )
        for part in parts
    ]
    lines = _revenue_lines(DEBIT, returned, dimensions)
    lines += [_money_line(CREDIT, part, document, dimensions) for part in money if part.amount]
    lines += _pair(restocked, GOODS, "cost_of_sales", dimensions)
    lines += _pair(written_down, "stock_writedown", "cost_of_sales", dimensions)
    if not lines:
        return None
    return EntryDraft(on, _titled(_("Return"), document), document.type, document.id, lines, dimensions.currency)


@dataclass(frozen=True, slots=True)
class Freight:
    """What the carrier charges us for a refused parcel, both ways (往復運賃)."""

    net: Decimal
    tax: Decimal
    tax_code: str


def unsold_return(
    *,
    document: Document,
    outside_role: str,
    restocked: Decimal,
    written_down: Decimal,
    deposits: Sequence[MoneyPart],
    taken_over: Sequence[MoneyPart],
    relieved: Sequence[MoneyPart],
    freight: Freight | None,
    customer: Party,
    on: dt.date,
    dimensions: Dimensions,
) -> EntryDraft | None:
    """Goods came back before their sale was posted: 商品 (or 商品評価損) // 積送品 or 委託先在庫.

    What was paid for them in advance is owed back: 前受金 // 未払金(返金). Where a third party pays of the sales that stand what their customer had
    paid (``taken_over``), the customer owes it no more, or is owed it (``relieved``).
    """
    lines = _pair(restocked, GOODS, outside_role, dimensions)
    lines += _pair(written_down, "stock_writedown", outside_role, dimensions)
    lines += [_money_line(DEBIT, part, document, dimensions) for part in deposits]
    if refund := sum((part.amount for part in deposits), ZERO):
        owed = _new_item(customer, None, document)
        lines.append(_line(CREDIT, refund, "refunds_payable", dimensions, party=customer, opens=owed))
    lines += [_money_line(DEBIT, part, document, dimensions) for part in taken_over]
    lines += [_money_line(CREDIT, part, document, dimensions) for part in relieved]
    lines += _freight_lines(freight, dimensions)
    if not lines:
        return None
    return EntryDraft(on, _titled(_("Return"), document), document.type, document.id, lines, dimensions.currency)


def _freight_lines(freight: Freight | None, dimensions: Dimensions) -> list[Line]:
    if freight is None or not freight.net:
        return []
    lines = [_line(DEBIT, freight.net, "freight", dimensions, tax_code=freight.tax_code)]
    if freight.tax:
        lines.append(_line(DEBIT, freight.tax, "input_tax", dimensions, tax_code=freight.tax_code))
    return [*lines, _line(CREDIT, freight.net + freight.tax, "other_payables", dimensions)]


def refused_delivery(
    *,
    document: Document,
    parts: Sequence[SalePart],
    money: Sequence[MoneyPart],
    restocked: Decimal,
    written_down: Decimal,
    freight: Freight | None,
    on: dt.date,
    dimensions: Dimensions,
) -> EntryDraft:
    """受取拒否: the sale is taken back on its own accounts, the freight both ways is ours (往復運賃, 未払金)."""
    lines = _revenue_lines(DEBIT, parts, dimensions)
    lines += [_money_line(CREDIT, part, document, dimensions) for part in money if part.amount]
    lines += _pair(restocked, GOODS, "cost_of_sales", dimensions)
    lines += _pair(written_down, "stock_writedown", "cost_of_sales", dimensions)
    lines += _freight_lines(freight, dimensions)
    return EntryDraft(
        on, _titled(_("Refused delivery"), document), document.type, document.id, lines, dimensions.currency
    )


def deposit_to_refund(
    *,
    title: str,
    document: Document,
    deposits: Sequence[MoneyPart],
    customer: Party,
    on: dt.date,
    dimensions: Dimensions,
) -> EntryDraft:
    """A paid order was cancelled before shipment, or asks for less than was paid: 前受金 // 未払金(返金)."""
    total = sum((part.amount for part in deposits), ZERO)
    lines = [_money_line(DEBIT, part, document, dimensions) for part in deposits]
    lines.append(
        _line(CREDIT, total, "refunds_payable", dimensions, party=customer, opens=_new_item(customer, None, document))
    )
    return EntryDraft(on, _titled(title, document), document.type, document.id, lines, dimensions.currency)


def refund(
    *,
    document: Document,
    payables: Sequence[MoneyPart],
    sources: Sequence[MoneyPart],
    on: dt.date,
    dimensions: Dimensions,
) -> EntryDraft:
    """A refund was paid out: 未払金(返金) // 普通預金, or the provider's receivable that it lowers."""
    lines = [_money_line(DEBIT, part, document, dimensions) for part in payables]
    lines += [_money_line(CREDIT, part, document, dimensions) for part in sources]
    return EntryDraft(on, _titled(_("Refund"), document), document.type, document.id, lines, dimensions.currency)


@dataclass(frozen=True, slots=True)
class ChargeGroup:
    """Lines (number, signed net) of one kind with their tax; what we earn is positive, what it costs us negative."""

    kind: str
    lines: Sequence[tuple[int, Decimal]]
    tax: Decimal
    tax_code: str


# Kind → (account, account of its tax). What is earned and what is lost is money of the debtor, a fee leaves the bank.
CHARGES = {
    "SHIPPING": ("sales.shipping_fee", "output_tax"),
    "OTHER": ("sales.other_fee", "output_tax"),
    "FEE": ("fees", "input_tax"),
    "BAD_DEBT": ("bad_debt", "output_tax"),
}


def charges(
    *,
    document: Document,
    groups: Sequence[ChargeGroup],
    debtor: tuple[str, Party],
    description: str,
    on: dt.date,
    dimensions: Dimensions,
) -> EntryDraft | None:
    """Money without goods: 売掛金等 // 手数料収入, 支払手数料 // 普通預金, 貸倒損失 // 売掛金等, each with its tax (貸倒れに係る消費税額 too).

    ``debtor`` is the account of the receivable and who owes on it; a loss stands there as a credit until it is matched.
    """
    lines: list[Line] = []
    money: dict[str, Decimal] = {}
    role, party = debtor
    for group in groups:
        account, tax_account = CHARGES[group.kind]
        for number, net in group.lines:
            lines.append(_signed(net, account, dimensions, tax_code=group.tax_code, source_line=number))
        if group.tax:
            lines.append(_signed(group.tax, tax_account, dimensions, tax_code=group.tax_code))
        payer = "bank" if group.kind == "FEE" else role
        money[payer] = money.get(payer, ZERO) + sum((net for _number, net in group.lines), ZERO) + group.tax
    for payer, amount in money.items():
        if amount:
            item = None if payer == "bank" else _new_item(party, None, document)
            owed = party if item else None
            lines.append(_signed(-amount, payer, dimensions, party=owed, opens=item))
    if not lines:
        return None
    return EntryDraft(
        on,
        f"{document.number} {description}".strip()[:200],
        document.type,
        document.id,
        lines,
        dimensions.currency,
    )


def _signed(
    amount: Decimal,
    role: str,
    dimensions: Dimensions,
    *,
    party: Party | None = None,
    tax_code: str = "",
    source_line: int | None = None,
    opens: NewItem | None = None,
) -> Line:
    """A credit of what is positive, a debit of what is negative."""
    side = CREDIT if amount > 0 else DEBIT
    return _line(
        side, abs(amount), role, dimensions, party=party, tax_code=tax_code, source_line=source_line, opens=opens
    )


def _titled(title: str, document: Document) -> str:
    return f"{title} {document.number}"


def _revenue_lines(side: str, parts: Iterable[SalePart], dimensions: Dimensions) -> list[Line]:
    """One line per part for the net, one per rate for the tax, which is rounded per document and not per line."""
    lines, taxes = [], dict[str, Decimal]()
    for part in parts:
        if part.net:
            lines.append(
                _line(side, part.net, part.role, dimensions, tax_code=part.tax_code, source_line=part.source_line)
            )
        taxes[part.tax_code] = taxes.get(part.tax_code, ZERO) + part.tax
    lines += [_line(side, tax, "output_tax", dimensions, tax_code=tax_code) for tax_code, tax in taxes.items() if tax]
    return lines


def _pair(amount: Decimal, debit_role: str, credit_role: str, dimensions: Dimensions) -> list[Line]:
    if not amount:
        return []
    return [_line(DEBIT, amount, debit_role, dimensions), _line(CREDIT, amount, credit_role, dimensions)]


def _money_line(side: str, part: MoneyPart, document: Document, dimensions: Dimensions) -> Line:
    opens = None
    if part.settles is None and part.party is not None:
        opens = _new_item(part.party, part.due_date, document)
    return _line(side, part.amount, part.role, dimensions, party=part.party, opens=opens, settles=part.settles)


def _new_item(party: Party, due_date: dt.date | None, document: Document) -> NewItem:
    return NewItem(party, due_date, document.type, document.id, document.number)


def _line(
    side: str,
    amount: Decimal,
    role: str,
    dimensions: Dimensions,
    *,
    party: Party | None = None,
    tax_code: str = "",
    source_line: int | None = None,
    opens: NewItem | None = None,
    settles: int | None = None,
) -> Line:
    return Line(
        side=side,
        amount=amount,
        role=role,
        channel_id=dimensions.channel_id,
        department_id=dimensions.department_id,
        party=party,
        tax_code=tax_code,
        source_line=source_line,
        opens=opens,
        settles=settles,
    )
