"""A company to practise with: EC sites that are really practice sites, and an assortment whose names say that it is invented.

Everything but the rows of the masters goes through the services of the domain, so that books and stock of the practice goods are true too.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from catalog.models import Color, PriceList, Product, Size, Sku
from catalog.services import create_matrix, define_kit, set_cost, set_price
from ec_gateway.credentials import CredentialsUnreadable, seal, unseal
from ec_gateway.models import EcSite, Listing
from ec_gateway.services.sites import ensure_rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.models import Channel
from erp.core.use_case import use_case
from erp.inventory.services import ReceiptLine, open_location, receive, sell_from

PLATFORM = "generic"
WAREHOUSE, WAREHOUSE_NAME = "PRACTICE", "練習用倉庫"
# The definition that the practice sites themselves are started with: one list of goods for both sides.
ASSORTMENT = Path(__file__).resolve().parents[1] / "sandbox" / "assortment.json"


@dataclass(frozen=True, slots=True)
class PracticeSite:
    """A practice site as it will be reached, and the secrets both sides know."""

    channel_code: str
    name: str
    base_url: str
    token: str
    webhook_secret: str

    @property
    def credentials(self) -> dict[str, str]:
        return {"token": self.token, "webhook_secret": self.webhook_secret}


@dataclass(frozen=True, slots=True)
class Article:
    """One SKU of the assortment. ``pieces`` are what the warehouse begins with; a kit has components instead."""

    sku: str
    style: str
    style_name: str
    color_code: str
    color: str
    size: str
    price: Decimal
    cost: Decimal
    pieces: int
    components: tuple[tuple[str, int], ...]


def read_assortment(path: Path = ASSORTMENT) -> list[Article]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        Article(
            sku=row["sku"],
            style=row["style"],
            style_name=row["style_name"],
            color_code=row["color_code"],
            color=row["color"],
            size=row["size"],
            price=Decimal(row["price"]),
            cost=Decimal(row["cost"]),
            pieces=row["pieces"],
            components=tuple(row["components"].items()),
        )
        for row in rows
    ]


@use_case
def join_practice_sites(*, sites: Sequence[PracticeSite], at: dt.datetime, by: Actor) -> list[int]:
    """Make the channels and EC sites that are missing, and bring addresses and secrets of the others up to date. Repeatable."""
    joined = []
    for site in sites:
        channel, _is_new = Channel.objects.get_or_create(
            code=site.channel_code, defaults={"name": site.name, "kind": Channel.Kind.EC_SITE}
        )
        row = EcSite.objects.filter(channel=channel).first() or EcSite(channel=channel)
        if row.pk is None or (row.platform, row.base_url) != (PLATFORM, site.base_url) or not _knows(row, site):
            row.platform, row.base_url, row.sealed_credentials = PLATFORM, site.base_url, seal(site.credentials)
            row.save()
        joined.append(row.pk)
    ensure_rows(site_ids=joined)
    return joined


def _knows(row: EcSite, site: PracticeSite) -> bool:
    try:
        return unseal(row) == site.credentials
    except CredentialsUnreadable:
        return False


@use_case
def bring_practice_goods(*, articles: Sequence[Article], site_ids: Collection[int], at: dt.datetime, by: Actor) -> int:
    """Give a company without products an assortment, a warehouse with stock, prices and costs, listed on every one of the sites.

    Returns how many SKUs came; none where the company has products of its own.
    """
    if Product.objects.exists():
        return 0
    skus = _make_skus(articles, at=at, by=by)
    for article in articles:
        if article.components:
            define_kit(sku_code=article.sku, components=dict(article.components), at=at, by=by)
    _price(articles, skus, at=at, by=by)
    _stock(articles, skus, site_ids, at=at, by=by)
    Listing.objects.bulk_create(
        [
            Listing(site_id=site_id, sku_id=skus[article.sku], external_code=article.sku)
            for site_id in site_ids
            for article in articles
        ]
    )
    return len(skus)


def _make_skus(articles: Sequence[Article], *, at: dt.datetime, by: Actor) -> dict[str, int]:
    """The ids by SKU code. Every style has all its colours in all its sizes."""
    styles = {article.style: article.style_name for article in articles}
    for code, name in {article.color_code: article.color for article in reversed(articles)}.items():
        Color.objects.get_or_create(code=code, defaults={"name": name})
    for place, size in enumerate(dict.fromkeys(article.size for article in articles)):
        Size.objects.get_or_create(code=size, defaults={"name": size, "sort_order": place})
    for style, name in styles.items():
        Product.objects.create(code=style, name=name)
        mine = [article for article in articles if article.style == style]
        create_matrix(
            product_code=style,
            color_codes=[article.color_code for article in mine],
            size_codes=[article.size for article in mine],
            at=at,
            by=by,
        )
    return dict(Sku.objects.filter(code__in=[article.sku for article in articles]).values_list("code", "pk"))


def _price(articles: Sequence[Article], skus: dict[str, int], *, at: dt.datetime, by: Actor) -> None:
    standard, _is_new = PriceList.objects.get_or_create(
        is_standard=True, defaults={"code": "STANDARD", "name": "上代", "tax_mode": PriceList.TaxMode.INCLUDED}
    )
    today = business_date(at)
    for article in articles:
        sku_id = skus[article.sku]
        set_price(price_list_id=standard.pk, sku_id=sku_id, price=article.price, valid_from=today, at=at, by=by)
        if article.cost:
            set_cost(sku_id=sku_id, cost=article.cost, valid_from=today, at=at, by=by)


def _stock(
    articles: Sequence[Article], skus: dict[str, int], site_ids: Collection[int], *, at: dt.datetime, by: Actor
) -> None:
    place = open_location(code=WAREHOUSE, name=WAREHOUSE_NAME, at=at, by=by)
    for channel_id in EcSite.objects.filter(pk__in=site_ids).values_list("channel_id", flat=True):
        sell_from(channel_id=channel_id, location_id=place, at=at, by=by)
    lines = [
        ReceiptLine(number, skus[article.sku], article.pieces, article.cost)
        for number, article in enumerate(articles, 1)
        if article.pieces
    ]
    receive(external_id=WAREHOUSE, location_id=place, lines=lines, note=WAREHOUSE_NAME, occurred_at=at, at=at, by=by)
