"""Finds the sale that a cancellation takes back: same customer, same stock code, same price, the latest first. What is not found says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from erp.orders import selectors
from erp.orders.management.online_retail.documents import Parts
from erp.orders.management.online_retail.meaning import Kind, meaning_of
from erp.orders.management.online_retail.reading import Row
from erp.orders.selectors import Returnable, SoldBefore
from erp.orders.services import ReturnedLine, ReturnRequest, UnlinkedLine, UnlinkedReturn

# The external id of a linked return is made of two: the cancellation's number, then the order it takes from.
RETURN_PART = ">"
UNKNOWN_SALE = "The original sale is not in these books."


def returns_of(
    batch: Sequence[Parts], *, channel_id: int, skus: Mapping[str, int], records: Mapping[str, int], share: Decimal
) -> tuple[list[ReturnRequest], list[UnlinkedReturn]]:
    """The documents of these invoices: per invoice one return for each original order, and one for the rest."""
    asked = [(parts, row) for parts in batch for row in parts.taken_back if _may_link(row)]
    wanted = [SoldBefore(parts.invoice.customer, row.code, row.unit_yen, parts.invoice.at) for parts, row in asked]
    answers: dict[int, list[Returnable]] = {}
    for answer in selectors.returnable(channel_id=channel_id, wanted=wanted):
        answers.setdefault(answer.index, []).append(answer)
    numbers = {id(row): index for index, (_parts, row) in enumerate(asked)}
    taken: dict[int, int] = {}
    linked: list[ReturnRequest] = []
    unlinked: list[UnlinkedReturn] = []
    for parts in batch:
        found: dict[tuple[int, str], dict[int, int]] = {}
        rest: list[tuple[Row, int]] = []
        for row in parts.taken_back:
            missing = _take(answers.get(numbers.get(id(row), -1), ()), -row.quantity, taken, found)
            if missing:
                rest.append((row, missing))
        number = parts.invoice.number
        linked += [
            ReturnRequest(
                order_id,
                f"{number}{RETURN_PART}{external_id}",
                tuple(ReturnedLine(key, units) for key, units in lines.items()),
            )
            for (order_id, external_id), lines in found.items()
        ]
        if rest:
            lines = tuple(_unlinked_line(row, units, skus, share) for row, units in rest)
            unlinked.append(_unlinked(parts, lines, records))
    return linked, unlinked


def _may_link(row: Row) -> bool:
    """A price with fractions of a yen was rounded per line: its units have no price of their own to give back."""
    return meaning_of(row)[0] is Kind.RETURN and bool(row.customer) and row.unit_yen == row.unit_yen.to_integral_value()


def _take(
    answers: Sequence[Returnable], units: int, taken: dict[int, int], found: dict[tuple[int, str], dict[int, int]]
) -> int:
    """Take ``units`` from the sales that match; returns how many no sale is left for."""
    for answer in answers:
        key = answer.shipment_line_id
        part = min(units, answer.units - taken.get(key, 0))
        if part > 0:
            taken[key] = taken.get(key, 0) + part
            lines = found.setdefault((answer.order_id, answer.order_external_id), {})
            lines[key] = lines.get(key, 0) + part
            units -= part
    return units


def _unlinked_line(row: Row, units: int, skus: Mapping[str, int], share: Decimal) -> UnlinkedLine:
    kind = meaning_of(row)[0]
    net = -row.yen if units == -row.quantity else units * row.unit_yen
    if kind is Kind.RETURN:
        return UnlinkedLine(
            row.name or row.code, units, net, skus[row.code], row.code, cost=(net * share).to_integral_value()
        )
    role = "sales.discounts" if kind is Kind.DISCOUNT else "sales.returns"
    return UnlinkedLine(f"{row.code} {row.name}".strip(), units, net, condition="NOT_RETURNED", role=role)


def _unlinked(parts: Parts, lines: tuple[UnlinkedLine, ...], records: Mapping[str, int]) -> UnlinkedReturn:
    invoice = parts.invoice
    has_goods = any(line.sku_id for line in lines)
    return UnlinkedReturn(
        external_id=invoice.number,
        lines=lines,
        return_date=invoice.on,
        customer_record_id=records.get(invoice.customer),
        customer_label=invoice.customer,
        reason=UNKNOWN_SALE if has_goods else "",
    )
