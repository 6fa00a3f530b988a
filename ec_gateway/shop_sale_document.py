"""A sale of a till as the order room takes it: an order without a delivery, paid when it was made. Pure translation, every fault named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ec_gateway.json_reader import JsonReader
from ec_gateway.order_document import read_order
from erp.core.errors import InvalidInput, Problem
from erp.orders.models import PaymentStatus
from erp.orders.services import OrderInput

FIELDS = frozenset(
    {
        "external_id", "sold_at", "currency", "prices_include_tax", "account_code", "orderer", "lines", "adjustments", "tax_summary",
        "total", "payments", "shop_note", "attributes",
    }
)  # fmt: skip


def read_sale(body: Any) -> OrderInput:
    """Raises InvalidInput."""
    if not isinstance(body, dict):
        return read_order(body)
    problems: list[Problem] = []
    reader = JsonReader({name: value for name, value in body.items() if name not in FIELDS}, "", problems)
    reader.refuse_unknown()
    known = {name: value for name, value in body.items() if name in FIELDS}
    sent = {"ordered_at" if name == "sold_at" else name: value for name, value in known.items()}
    try:
        sale = read_order(sent)
    except InvalidInput as refusal:
        raise InvalidInput([*problems, *map(_renamed, refusal.problems)]) from refusal
    if problems:
        raise InvalidInput(problems)
    # A till says nothing of a payment but how it was made.
    paid = (
        replace(payment, status=PaymentStatus.PAID) if payment.status == PaymentStatus.PENDING else payment
        for payment in sale.payments
    )
    return replace(sale, payments=tuple(paid))


def _renamed(problem: Problem) -> Problem:
    return replace(problem, pointer="/sold_at") if problem.pointer == "/ordered_at" else problem
