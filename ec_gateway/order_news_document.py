"""What a channel tells about an order it sent: cancellation, return, payment event. Pure translation, every fault named at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from django.utils.translation import gettext as _

from ec_gateway.json_reader import JsonReader, text_problems, with_others
from ec_gateway.order_document import upper_case
from erp.core.errors import InvalidInput, Problem
from erp.orders.services import (
    ChannelReturn,
    PaymentNews,
    ReturnedUnits,
    find_payment_problems,
    find_return_problems,
)

PAYMENT_KINDS = upper_case("authorized", "failed", "paid", "captured", "refunded")
CONDITIONS = upper_case("sellable", "defective", "not_returned")
MOST_PAYMENTS = 10_000
_NO_TIME = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def open_document(body: Any, problems: list[Problem]) -> JsonReader:
    """Raises InvalidInput for what is no object, or too deep to be looked at."""
    if not isinstance(body, dict):
        raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
    unsafe = text_problems(body)
    if any(problem.code == "too_deep" for problem in unsafe):
        raise InvalidInput(unsafe)
    problems += unsafe
    return JsonReader(body, "", problems)


def close_document(
    reader: JsonReader, problems: list[Problem], others: Callable[[], Iterable[Problem]] = tuple
) -> None:
    """``others`` is what the order room would say of the rest; a document that is right in form is judged there."""
    reader.refuse_unknown()
    if problems:
        raise InvalidInput(with_others(problems, others()))


def read_cancellation(body: Any) -> tuple[str, str]:
    """Reason and message id; an empty one where the sender gave none. Raises InvalidInput."""
    problems: list[Problem] = []
    reader = open_document(body, problems)
    reason, message_id = reader.text("reason"), reader.text("message_id")
    is_given = isinstance(body.get("message_id"), str)
    if len(message_id) > 100 or (is_given and not message_id):
        problems.append(Problem("/message_id", "bad_length", _("1 to 100 characters are needed.")))
    close_document(reader, problems)
    return reason, message_id


def read_return(body: Any, *, at: dt.datetime) -> ChannelReturn:
    """Raises InvalidInput."""
    problems: list[Problem] = []
    reader = open_document(body, problems)
    request = ChannelReturn(
        external_id=reader.text("external_id", required=True),
        lines=tuple(_read_units(item) for item in reader.children("lines", required=True)),
        refund_fees=reader.boolean("refund_fees"),
        reason=reader.text("reason"),
        returned_on=reader.date("returned_on"),
    )
    close_document(reader, problems, lambda: find_return_problems(request, at=at))
    return request


def _read_units(item: JsonReader) -> ReturnedUnits:
    units = ReturnedUnits(
        line_id=item.text("line_id", required=True),
        quantity=item.integer("quantity", default=1, required=True),
        condition=item.choice("condition", CONDITIONS, default="SELLABLE", stand_in=""),
    )
    item.refuse_unknown()
    return units


def read_payment_event(body: Any, *, currency: str) -> PaymentNews:
    """``currency`` is the channel's. Raises InvalidInput."""
    problems: list[Problem] = []
    reader = open_document(body, problems)
    number = reader.integer("payment", default=1)
    if not 1 <= number <= MOST_PAYMENTS:
        problems.append(Problem("/payment", "out_of_range", _("1 is the first payment of the order.")))
    news = PaymentNews(
        event_id=reader.text("event_id", required=True),
        kind=reader.choice("kind", PAYMENT_KINDS, default="PAID", required=True),
        occurred_at=reader.moment("occurred_at", required=True) or _NO_TIME,
        amount=reader.decimal("amount"),
        line_no=number,
        reference=reader.text("reference"),
    )
    close_document(reader, problems, lambda: find_payment_problems(news, currency))
    return news
