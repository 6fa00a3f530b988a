"""Moments of every field of the OpenAPI text, at whatever offset and in whatever year: kept as the instant they name, or refused by name."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ec_gateway.api import throttling
from erp.core.clock import FIRST_BOOKABLE, FIRST_MOMENT, LARGEST_OFFSET, LAST_MOMENT, business_date
from erp.core.models import MessageLog
from erp.orders.models import Order, OrderPayment, PaymentEvent, Shipment
from tests.ec_gateway.api import calls
from tests.ec_gateway.api.test_contract import contract, operations
from tests.ec_gateway.api.world import NOON

pytestmark = pytest.mark.django_db

PAID = [{"method": "card", "amount": "3300", "status": "captured"}]
# A body that is taken, for each call that takes a moment, and what answers it.
BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "place_order": ("POST", "/orders", calls.ORDER),
    "amend_order": ("PUT", "/orders/A-2", calls.ORDER),
    "place_orders": ("POST", "/orders/bulk", {"orders": [calls.ORDER]}),
    "record_shop_sales": ("POST", "/shop-sales", {"sales": [{**calls.SALE, "payments": PAID}]}),
    "tell_payment": ("POST", "/orders/A-1000/payment-events", calls.PAID),
    "customer_put": ("PUT", "/customers/A-2", {"family_name": "佐藤"}),
}
OF_EACH = {"place_orders": "/orders/0", "record_shop_sales": "/sales/0"}


def fields() -> Iterator[tuple[str, str]]:
    """(call, pointer) of every moment that a body of the contract can carry."""
    for _path, _method, operation in operations():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            for pointer in moments(media["schema"], ""):
                yield operation["operationId"], pointer


def moments(schema: dict[str, Any], pointer: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = contract()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("format") == "date-time":
        yield pointer
    for name, inner in schema.get("properties", {}).items():
        yield from moments(inner, f"{pointer}/{name}")
    if "items" in schema:
        yield from moments(schema["items"], f"{pointer}/0")
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from moments(part, pointer)


FIELDS = sorted(set(fields()))


def test_every_call_with_a_moment_is_asked():
    assert {call for call, _pointer in FIELDS} == set(BODIES)
    assert {pointer.rpartition("/")[2] for _call, pointer in FIELDS} == {
        "ordered_at", "sold_at", "due_at", "authorization_expires_at", "occurred_at", "as_of",
    }  # fmt: skip


def told(moment: dt.datetime, offset_m: int) -> str:
    """The wall clock ``moment`` at an offset, without asking the calendar whether there is such a moment in UTC."""
    hours, minutes = divmod(abs(offset_m), 60)
    return f"{moment.isoformat()}{'-' if offset_m < 0 else '+'}{hours:02}:{minutes:02}"


def put(body: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(body)
    *steps, last = pointer.strip("/").split("/")
    place: Any = body
    for step in steps:
        place = place[int(step) if isinstance(place, list) else step]
    place[last] = value
    return body


@pytest.mark.parametrize(("call", "pointer"), FIELDS)
def test_any_moment_is_kept_or_refused_by_name(world, monkeypatch, call, pointer):
    monkeypatch.setattr(throttling, "ask", lambda key, limit: lambda: throttling.Allowance(limit, limit, 60, False))
    caller = world.caller()
    method, path, body = BODIES[call]
    names = iter(range(1, 10_000))

    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(
        wall=st.datetimes() | st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2026, 11, 23, 2)),
        offset_m=st.integers(-1439, 1439) | st.sampled_from([-959, 959, 0, 540]),
    )
    @example(wall=dt.datetime(9999, 12, 31, 23, 59, 59), offset_m=-720)
    @example(wall=dt.datetime(1, 1, 1), offset_m=720)
    @example(wall=dt.datetime(1995, 1, 1), offset_m=540)
    @example(wall=dt.datetime(2150, 1, 1), offset_m=540)
    @example(wall=dt.datetime(2026, 11, 23, 10), offset_m=1439)
    @example(wall=dt.datetime(2026, 11, 22, 10), offset_m=960)
    @example(wall=dt.datetime(2026, 11, 22, 10), offset_m=-960)
    @example(wall=dt.datetime(2026, 11, 22, 10), offset_m=959)
    def check(wall, offset_m):
        name = f"M-{next(names)}"
        sent = put(named(body, name), pointer, told(wall, offset_m))

        answer = caller.call(method, path.replace("A-2", name), sent)

        assert answer.status_code < 500, answer.content.decode()
        result = answer.json()
        if call in OF_EACH:
            [result] = result["results"]
        offset = dt.timedelta(minutes=offset_m)
        instant = wall.replace(tzinfo=dt.UTC) - offset if 2 < wall.year < 9998 else None
        if instant is None or abs(offset) > LARGEST_OFFSET or not FIRST_MOMENT <= instant < LAST_MOMENT:
            assert result["code"] == "invalid_input"
            assert {item["pointer"] for item in result["errors"]} == {pointer.removeprefix(OF_EACH.get(call, ""))}
            assert MessageLog.objects.latest("pk").outcome == "REFUSED" or call == "customer_put"
        elif result.get("code"):
            assert (result["code"], {item["pointer"] for item in result["errors"]}) == (
                "invalid_input",
                {pointer.removeprefix(OF_EACH.get(call, ""))},
            )
            assert not is_bookable(instant)
        else:
            told_back = result.get("as_of")
            assert (dt.datetime.fromisoformat(told_back) if told_back else kept(pointer, name)) == instant

    check()


def named(body: dict[str, Any], name: str) -> dict[str, Any]:
    text = json.dumps(body).replace('"A-2"', f'"{name}"').replace('"T-1"', f'"{name}"').replace('"e-1"', f'"{name}"')
    return json.loads(text)


def is_bookable(instant: dt.datetime) -> bool:
    return business_date(instant) >= FIRST_BOOKABLE and instant <= NOON


def kept(pointer: str, name: str) -> dt.datetime | None:
    """The moment as the database has it."""
    field = pointer.rpartition("/")[2]
    if field in ("due_at", "authorization_expires_at"):
        return getattr(OrderPayment.objects.get(order__external_id=name), field)
    if field == "occurred_at":
        return PaymentEvent.objects.get(event_id=name).occurred_at
    order = Order.objects.get(external_id=name)
    assert field == "ordered_at" or Shipment.objects.get(order=order).shipped_at == order.ordered_at
    return order.ordered_at
