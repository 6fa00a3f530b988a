"""Customers, accounts and credit groups for tests. A factory sets only what the tables demand."""

from datetime import UTC, date, datetime
from decimal import Decimal

from customers.models import Account, BillTo, CreditGroup
from customers.services import CustomerData, OrdererNews, register_orderers
from erp.core.actors import Actor
from erp.core.models import Channel

NOON = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
BY = Actor.command("test")


def channel(code="EC1", **fields) -> Channel:
    return Channel.objects.get_or_create(code=code, defaults={"name": code, "kind": Channel.Kind.EC_SITE, **fields})[0]


def credit_group(code="CG1", limit=5_000_000, **fields) -> CreditGroup:
    return CreditGroup.objects.create(code=code, name=code, credit_limit=Decimal(limit), **fields)


def bill_to(code="B1", **fields) -> BillTo:
    return BillTo.objects.create(code=code, name=code, **fields)


def account(code="A1", **fields) -> Account:
    fields.setdefault("bill_to", BillTo.objects.filter(code="B1").first() or bill_to())
    return Account.objects.create(**{"code": code, "name": code, **fields})


def news(external_id="c-1", as_of=NOON, **data) -> OrdererNews:
    return OrdererNews(external_id, CustomerData(**{"family_name": "髙橋", "given_name": "花子", **data}), as_of)


def register(*items: OrdererNews, at=NOON) -> list[int]:
    return register_orderers(channel_id=channel().pk, news=items, at=at, by=BY)
