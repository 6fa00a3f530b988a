"""A sale of a till as the order room takes it: an order without a delivery, paid when it was made. Pure translation, every fault named."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import partial
from typing import Any

from ec_gateway.json_reader import JsonReader
from ec_gateway.order_document import read_order
from erp.core.errors import InvalidInput, Problem
from erp.orders.models import PaymentStatus
from erp.orders.services import OrderInput, find_sale_problems, in_words_of_a_sale

FIELDS = frozenset(
    {
        "external_id", "sold_at", "currency", "prices_include_tax", "account_code", "orderer", "lines", "adjustments", "tax_summary",
        "total", "payments", "shop_note", "attributes",
    }
)  # fmt: skip


def read_sale(body: Any, *, at: dt.datetime) -> OrderInput:
    """Raises InvalidInput naming every fault, as it stands at ``at``: what is yet to come was not sold."""
    if not isinstance(body, dict):
        return read_order(body)
    problems: list[Problem] = []
    reader = JsonReader({name: value for name, value in body.items() if name not in FIELDS}, "", problems)
    reader.refuse_unknown()
    known = {name: value for name, value in body.items() if name in FIELDS}
    sent = {"ordered_at" if name == "sold_at" else name: value for name, value in known.items()}
    try:
        sale = read_order(sent, judge=partial(find_sale_problems, at=at))
    except InvalidInput as refusal:
        raise InvalidInput([*problems, *in_words_of_a_sale(refusal.problems)]) from refusal
    if problems:
        raise InvalidInput([*problems, *find_sale_problems(sale, at=at)])
    # A till says nothing of a payment but how it was made.
    paid = (
        replace(payment, status=PaymentStatus.PAID) if payment.status == PaymentStatus.PENDING else payment
        for payment in sale.payments
    )
    return replace(sale, payments=tuple(paid))
