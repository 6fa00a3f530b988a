"""From an invoice of the file to the documents that our services take (pure): an order, a charge, a write-off, a return."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from customers.services import CustomerData
from erp.core.money import ZERO, Rounding
from erp.core.tax import Rate, TaxedAmount, document_tax, rate_on
from erp.orders.management.online_retail.countries import CODES
from erp.orders.management.online_retail.meaning import CHARGED, OF_THE_BOOKS, ORDERED, TAKEN_BACK, Kind, meaning_of
from erp.orders.management.online_retail.reading import Invoice, Row
from erp.orders.services import Charge, ChargeLine, FeeInput, LineInput, OrderInput, PaymentInput

CHARGE_KINDS = {
    Kind.SHIPPING: "SHIPPING",
    Kind.OTHER_FEE: "OTHER",
    Kind.PLATFORM_FEE: "FEE",
    Kind.BAD_DEBT: "BAD_DEBT",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """An invoice by what becomes of its rows. Charges go on the order when there is one, else they are billed by themselves."""

    invoice: Invoice
    ordered: tuple[Row, ...]
    fees: tuple[Row, ...]
    charges: tuple[Row, ...]
    written_off: tuple[Row, ...]
    taken_back: tuple[Row, ...]

    @property
    def order_rows(self) -> tuple[Row, ...]:
        return (*self.ordered, *self.fees)


def take_apart(invoice: Invoice) -> Parts:
    kinds = [meaning_of(row)[0] for row in invoice.rows]

    def of(wanted: Iterable[Kind]) -> tuple[Row, ...]:
        return tuple(row for row, kind in zip(invoice.rows, kinds, strict=True) if kind in wanted)

    ordered, charged, booked = of(ORDERED), of(CHARGED), of(OF_THE_BOOKS)
    return Parts(
        invoice=invoice,
        ordered=ordered,
        fees=charged if ordered else (),
        charges=booked if ordered else (*charged, *booked),
        written_off=of({Kind.WRITE_OFF}),
        taken_back=of(TAKEN_BACK),
    )


def order_of(parts: Parts, *, rates: Sequence[Rate], rounding: Rounding) -> OrderInput:
    """One order, tax-exclusive, paid by an authorised card. Nothing is known of a customer but a number and a country."""
    invoice = parts.invoice
    country = invoice.rows[0].country
    rate = rate_on(rates, tax_class="STANDARD", on=invoice.on)
    net = sum((row.yen for row in parts.order_rows), ZERO)
    total = document_tax([TaxedAmount(rate, net, False)], rounding=rounding)[rate.code].gross
    customer = invoice.customer
    return OrderInput(
        external_id=invoice.number,
        ordered_at=invoice.at,
        lines=tuple(
            LineInput(str(number), row.code, row.quantity, row.unit_yen, tax_included=False, name=row.name)
            for number, row in enumerate(parts.ordered, 1)
        ),
        total=total,
        prices_include_tax=False,
        orderer_external_id=customer,
        orderer=CustomerData(family_name=customer, country=CODES.get(country, "")) if customer else None,
        orderer_as_sent={"CustomerID": customer, "Country": country},
        fees=tuple(
            FeeInput("SHIPPING" if meaning_of(row)[0] is Kind.SHIPPING else "OTHER", row.yen, tax_included=False)
            for row in parts.fees
        ),
        payments=(PaymentInput("CARD", total, "AUTHORIZED"),) if total else (),
        attributes={"country": country, "source": "UCI Online Retail"},
    )


def charge_of(parts: Parts) -> Charge:
    lines = tuple(
        ChargeLine(CHARGE_KINDS[meaning_of(row)[0]], row.yen, f"{row.code} {row.name}".strip())
        for row in parts.charges
        if row.yen
    )
    return Charge(parts.invoice.number, lines, parts.invoice.on)
