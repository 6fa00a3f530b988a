"""The small company of the examples in the OpenAPI text: every example call is answered there as the text says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from catalog.models import Color, KitComponent, Price, PriceList, Product, Size, Sku, SkuCode, SkuCost
from catalog.services import announce_prices, announce_products
from customers.models import Account, BillTo, CreditGroup, CustomerRecord
from customers.services import CustomerData, OrdererNews, register_orderers
from ec_gateway.api import order_examples
from ec_gateway.order_document import read_order
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.insights.models import CustomerRfm, Segment
from erp.inventory.models import ChannelLocation, ChannelPolicy, Location
from erp.inventory.services import HoldDemand, place_hold
from erp.orders.services import ShipRequest, place_orders, release_orders, ship
from tests.ec_gateway.api.caller import ApiClient, client_for
from tests.inventory.factories import pool, stock

NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
BY = Actor.command("test")
WHEN = {"at": NOON, "by": BY}


@dataclass(frozen=True)
class World:
    channel: Channel
    other_channel: Channel
    warehouse: Location
    shirt: Sku
    kit: Sku

    def caller(self, scopes: list[str] | None = None) -> ApiClient:
        return client_for(self.channel, scopes)

    def other_site(self) -> ApiClient:
        return client_for(self.other_channel)


def build() -> World:
    channel, other = (Channel.objects.create(code=code, name=code, kind="EC_SITE") for code in ("EC1", "EC2"))
    warehouse = Location.objects.create(code="WH1", name="倉庫", kind="WAREHOUSE", cost_pool=pool())
    ChannelLocation.objects.create(channel=channel, location=warehouse, rank=1)
    shirt, kit = _products()
    stock(shirt, warehouse, 16 + 2, at=NOON)
    _orders(channel)
    ChannelPolicy.objects.create(channel=channel, sku=shirt, buffer=2)
    place_hold(
        channel_id=channel.pk,
        ref="cart-1",
        lines=[HoldDemand(shirt.pk, 4)],
        expires_at=NOON + dt.timedelta(minutes=15),
        **WHEN,
    )
    _customers(channel)
    return World(channel, other, warehouse, shirt, kit)


def _products() -> tuple[Sku, Sku]:
    style = Product.objects.create(code="TS-001", name="Tシャツ", material="綿100%", country_of_origin="日本")
    white = Color.objects.create(code="WH", name="ホワイト", sort_order=1)
    medium = Size.objects.create(code="M", name="M", sort_order=2)
    shirt = Sku.objects.create(code="TS-001-WH-M", product=style, color=white, size=medium, weight_g=180)
    SkuCode.objects.create(sku=shirt, kind=SkuCode.Kind.GTIN13, code="4901234567894")
    SkuCost.objects.create(sku=shirt, cost=1200, valid_from=dt.date(2026, 4, 1))
    retail = PriceList.objects.create(code="RETAIL", name="上代", tax_mode="INCLUDED", is_standard=True)
    Price.objects.create(price_list=retail, product=style, price=3300, valid_from=dt.date(2026, 4, 1))
    announce_products(product_ids=[style.pk], **WHEN)
    announce_prices(sku_ids=[shirt.pk], **WHEN)
    kit = Sku.objects.create(code="SET-001", product=Product.objects.create(code="SET", name="セット"), is_kit=True)
    KitComponent.objects.create(kit=kit, component=shirt, quantity=2)
    return shirt, kit


HANAKO = CustomerData(
    family_name="髙橋",
    given_name="花子",
    family_kana="タカハシ",
    given_kana="ハナコ",
    email="hanako@example.jp",
    phone="090-0000-0000",
    postal_code="150-0001",
    prefecture="東京都",
    city="渋谷区",
    street="神宮前1-2-3",
)


def _customers(channel: Channel) -> None:
    shop = CustomerData(kind="COMPANY", company="株式会社守屋")
    champion = CustomerData(family_name="佐藤", given_name="明")
    news = [OrdererNews("c-1", HANAKO, NOON), OrdererNews("b-1", shop, NOON), OrdererNews("c-9", champion, NOON)]
    _person, company, loyal = register_orderers(channel_id=channel.pk, news=news, **WHEN)
    group = CreditGroup.objects.create(code="CG1", name="守屋", credit_limit=500_000)
    bill_to = BillTo.objects.create(code="B1", name="株式会社守屋", credit_group=group)
    record = CustomerRecord.objects.get(pk=company)
    CustomerRfm.objects.create(
        golden=CustomerRecord.objects.get(pk=loyal).golden, as_of=dt.date(2026, 11, 22), last_order_date=dt.date(2026, 11, 20),
        order_count=12, amount=180_000, r=5, f=5, m=5, segment=Segment.objects.get(code="champions"),
    )  # fmt: skip
    Account.objects.create(code="A1", name="守屋", bill_to=bill_to, record=record, wholesale_percent=60)


def _orders(channel: Channel) -> None:
    """One that waits for a person, and one of two shirts that has left."""
    orders = [read_order(body) for body in (order_examples.WAITING, order_examples.SHIPPED)]
    _waiting, to_ship = place_orders(channel=channel.code, orders=orders, **WHEN)
    [parcel] = release_orders(order_ids=[to_ship.order_id or 0], **WHEN)[to_ship.order_id or 0]
    ship(requests=[ShipRequest(parcel)], **WHEN)
