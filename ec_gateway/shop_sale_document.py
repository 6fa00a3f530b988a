"""What a till says: a sale, goods that came back, or both on one receipt. Pure translation into what the order room takes, every fault named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ec_gateway.json_reader import JsonReader
from ec_gateway.order_document import read_order, upper_case
from erp.core.errors import InvalidInput, Problem
from erp.orders.models import PaymentStatus
from erp.orders.services import Exchange, OrderInput, TillReturn, find_sale_problems, in_words_of_a_sale

FIELDS = frozenset(
    {
        "external_id", "sold_at", "currency", "prices_include_tax", "account_code", "orderer", "lines", "adjustments", "tax_summary",
        "total", "payments", "shop_note", "attributes",
    }
)  # fmt: skip
# How goods look that came back; what is sold has no condition.
CONDITIONS = upper_case("sellable", "defective")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One of the three: what was sold, what came back, or an exchange of the two."""

    sale: OrderInput | None = None
    back: TillReturn | None = None
    exchange: Exchange | None = None

    @property
    def external_id(self) -> str:
        sale = self.exchange.sale if self.exchange else self.sale
        back = self.back.receipt if self.back else None
        return next(part.external_id for part in (sale, back) if part is not None)


def read_receipt(body: Any, *, at: dt.datetime) -> Receipt:
    """Lines with a negative quantity came back; a negative amount was given out.

    Raises InvalidInput naming every fault, as it stands at ``at``: what is yet to come was not sold.
    """
    if not isinstance(body, dict) or not isinstance(body.get("lines"), list):
        return Receipt(sale=_read(body, {}, at))
    came_back = [index for index, line in enumerate(body["lines"]) if _is_negative(line)]
    if not came_back:
        return Receipt(sale=_read({**body, "lines": _without_conditions(body["lines"])}, {}, at))
    if len(came_back) == len(body["lines"]):
        return Receipt(back=_read_return(_turned(body), {}, at))
    return Receipt(exchange=_read_exchange(body, came_back, at))


def _is_negative(line: Any) -> bool:
    return isinstance(line, dict) and type(line.get("quantity")) is int and line["quantity"] < 0


# Where the lines and payments of a part stand on the whole receipt, by the name of the list; a list that is whole is not named.
Places = Mapping[str, Sequence[int]]


def _read(body: Any, places: Places, at: dt.datetime, *, is_judged: bool = False) -> OrderInput:
    """A part of a receipt as an order without a delivery, paid when it was made. The order room names its own faults; ``is_judged``: at once."""
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
        raise InvalidInput([*problems, *_in_place(in_words_of_a_sale(refusal.problems), places)]) from refusal
    if problems or is_judged:
        problems += _in_place(find_sale_problems(sale, at=at), places)
    if problems:
        raise InvalidInput(problems)
    # A till says nothing of a payment but how it was made.
    paid = (
        replace(payment, status=PaymentStatus.PAID) if payment.status == PaymentStatus.PENDING else payment
        for payment in sale.payments
    )
    return replace(sale, payments=tuple(paid))


def _read_return(body: dict[str, Any], places: Places, at: dt.datetime) -> TillReturn:
    """``body`` has positive quantities and amounts."""
    conditions: dict[str, str] = {}
    problems: list[Problem] = []
    for index, line in enumerate(body["lines"]):
        reader = JsonReader(line, f"/lines/{_place(places, 'lines', index)}", problems)
        conditions[str(line["line_id"])] = reader.choice("condition", CONDITIONS, default="SELLABLE")
    try:
        receipt = _read({**body, "lines": _without_conditions(body["lines"])}, places, at, is_judged=True)
    except InvalidInput as refusal:
        raise InvalidInput([*problems, *refusal.problems]) from refusal
    if problems:
        raise InvalidInput(problems)
    return TillReturn(receipt, {line_id: each for line_id, each in conditions.items() if each != "SELLABLE"})


def _read_exchange(body: dict[str, Any], came_back: Sequence[int], at: dt.datetime) -> Exchange:
    """The two parts share the head of the receipt. Printed taxes are those of both together, so neither part states them."""
    lines = _named(body["lines"])
    sold = [index for index in range(len(lines)) if index not in set(came_back)]
    payments = body.get("payments")
    listed = payments if isinstance(payments, list) else []
    out = [index for index, payment in enumerate(listed) if _is_paid_out(payment)]
    kept = [index for index in range(len(listed)) if index not in set(out)]
    taken_in = [listed[index] for index in kept] if payments is listed else payments
    head = {
        name: value for name, value in body.items() if name not in ("lines", "payments", "adjustments", "tax_summary")
    }
    problems: list[Problem] = []
    total = JsonReader(body, "", problems).decimal("total", required=True)
    sale_body = {
        **body,
        "total": "0",
        "payments": taken_in,
        "lines": _without_conditions([lines[index] for index in sold]),
    }
    back_body = _turned(
        {
            **head,
            "total": "0",
            "payments": [listed[index] for index in out],
            "lines": [lines[index] for index in came_back],
        }
    )
    of_sale: Places = {"lines": sold, "payments": kept}
    sale, back = None, None
    try:
        sale = _read(sale_body, of_sale, at, is_judged=True)
    except InvalidInput as refusal:
        problems += refusal.problems
    try:
        back = _read_return(back_body, {"lines": came_back, "payments": out}, at)
    except InvalidInput as refusal:
        problems += (problem for problem in refusal.problems if problem not in problems)
    if problems or sale is None or back is None or total is None:
        raise InvalidInput(problems)
    return Exchange(replace(sale, stated_taxes=()), back, total)


def _turned(body: dict[str, Any]) -> dict[str, Any]:
    """What came back and was given out, as if it had been sold and taken in: quantities and amounts lose their sign."""
    turned = {**body, "lines": [{**line, "quantity": abs(line["quantity"])} for line in _named(body["lines"])]}
    if "total" in body:
        turned["total"] = _unsigned(body["total"])
    for name in ("payments", "adjustments"):
        if isinstance(body.get(name), list):
            turned[name] = [_unsigned_in(item, "amount") for item in body[name]]
    summary = body.get("tax_summary")
    if isinstance(summary, dict) and isinstance(summary.get("rates"), list):
        rates = [_unsigned_in(_unsigned_in(rate, "amount"), "tax") for rate in summary["rates"]]
        turned["tax_summary"] = {**summary, "rates": rates}
    return turned


def _unsigned(amount: Any) -> Any:
    return amount[1:] if isinstance(amount, str) and amount.startswith("-") else amount


def _unsigned_in(item: Any, name: str) -> Any:
    return {**item, name: _unsigned(item[name])} if isinstance(item, dict) and name in item else item


def _is_paid_out(payment: Any) -> bool:
    return isinstance(payment, dict) and isinstance(payment.get("amount"), str) and payment["amount"].startswith("-")


def _named(lines: Sequence[Any]) -> list[Any]:
    """Each line under an id of its own, that of its place on the receipt where the till gave none."""
    return [
        {**line, "line_id": line.get("line_id") or str(number)} if isinstance(line, dict) else line
        for number, line in enumerate(lines, start=1)
    ]


def _without_conditions(lines: Sequence[Any]) -> list[Any]:
    """A condition says nothing of what was sold, and the order room knows none."""
    return [
        {name: value for name, value in line.items() if name != "condition"} if isinstance(line, dict) else line
        for line in lines
    ]


def _place(places: Places, name: str, index: int) -> int:
    return places[name][index] if name in places else index


def _in_place(problems: Iterable[Problem], places: Places) -> list[Problem]:
    """The pointers as the till knows them: a line or payment where it stands on the receipt."""
    found = []
    for problem in problems:
        steps = problem.pointer.split("/")
        if len(steps) > 2 and steps[1] in places and steps[2].isdecimal():
            steps[2] = str(_place(places, steps[1], int(steps[2])))
        found.append(replace(problem, pointer="/".join(steps)))
    return found
