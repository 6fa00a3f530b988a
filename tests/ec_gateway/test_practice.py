"""The company to practise with: made once, true in stock and books, and never mixed into a company of one's own."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from catalog.models import KitComponent, Price, Product, Sku
from ec_gateway.credentials import unseal
from ec_gateway.models import EcSite, Listing, SiteActivity
from ec_gateway.services.practice import (
    PracticeSite,
    bring_practice_goods,
    join_practice_sites,
    read_assortment,
)
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.core.verify import verify
from erp.inventory.selectors import available_to_promise, stock_values

NOON = dt.datetime(2026, 11, 27, 3, 0, tzinfo=dt.UTC)
BY = Actor.command("practice")
FIRST = PracticeSite("PRACTICE-1", "練習ストア 一", "http://127.0.0.1:8101", "token-1", "whsec_MQ==")
SECOND = PracticeSite("PRACTICE-2", "練習ストア 二", "http://127.0.0.1:8102", "token-2", "whsec_Mg==")

pytestmark = pytest.mark.django_db


def join(*sites: PracticeSite) -> list[int]:
    return join_practice_sites(sites=sites, at=NOON, by=BY)


def test_sites_are_joined_once_and_kept_up_to_date():
    first, second = join(FIRST, SECOND)
    moved = replace(FIRST, base_url="http://127.0.0.1:9101", token="token-3")

    assert join(moved, SECOND) == [first, second]

    site = EcSite.objects.get(pk=first)
    assert (site.platform, site.base_url) == ("generic", "http://127.0.0.1:9101")
    assert unseal(site) == {"token": "token-3", "webhook_secret": "whsec_MQ=="}
    assert EcSite.objects.count() == Channel.objects.filter(code__startswith="PRACTICE").count() == 2
    assert SiteActivity.objects.filter(site_id=first).exists()


def test_a_site_that_is_as_it_should_be_is_not_written_again():
    (site_id,) = join(FIRST)
    sealed = bytes(EcSite.objects.get(pk=site_id).sealed_credentials)

    join(FIRST)

    assert bytes(EcSite.objects.get(pk=site_id).sealed_credentials) == sealed


def test_goods_come_with_stock_prices_and_listings_on_every_site():
    site_ids = join(FIRST, SECOND)
    articles = read_assortment()

    count = bring_practice_goods(articles=articles, site_ids=site_ids, at=NOON, by=BY)

    assert count == len(articles) == Sku.objects.count() == Price.objects.count()
    assert Listing.objects.count() == 2 * count
    assert all("練習" in product.name for product in Product.objects.all())
    assert KitComponent.objects.filter(kit__code="PR-SET-WH-F").count() == 2
    skus = dict(Sku.objects.values_list("code", "pk"))
    pieces = {
        code: available_to_promise(
            channel_id=EcSite.objects.get(pk=site_ids[1]).channel_id, sku_ids=[skus[code]], at=NOON
        )[skus[code]].available
        for code in ("PR-TEE-WH-M", "PR-TOTE-BK-F")
    }
    assert pieces == {"PR-TEE-WH-M": 24, "PR-TOTE-BK-F": 15}
    assert sum(pool.value for pool in stock_values()) == sum(Decimal(a.cost) * a.pieces for a in articles)
    assert [fault for result in verify() for fault in result.faults] == []


def test_a_company_with_products_gets_none():
    Product.objects.create(code="OURS", name="Ours")
    site_ids = join(FIRST)

    assert bring_practice_goods(articles=read_assortment(), site_ids=site_ids, at=NOON, by=BY) == 0
    assert not Sku.objects.exists()
    assert not Listing.objects.exists()


def command(monkeypatch, sites: str, **options) -> str:
    monkeypatch.setenv("MAMORI_PRACTICE_SITES", sites)
    said = StringIO()
    call_command("practice", stdout=said, **options)
    return said.getvalue()


def as_json(*sites: PracticeSite) -> str:
    return json.dumps([{name: getattr(site, name) for name in PracticeSite.__dataclass_fields__} for site in sites])


def test_a_company_that_began_without_practice_sites_never_sees_any(monkeypatch):
    assert command(monkeypatch, as_json(FIRST), known_only=True) == ""
    assert not EcSite.objects.exists()


def test_the_command_joins_new_sites_and_later_only_moves_them(monkeypatch):
    first = command(monkeypatch, as_json(FIRST, SECOND))
    moved = replace(FIRST, base_url="http://127.0.0.1:9101")
    later = command(monkeypatch, as_json(moved, SECOND), known_only=True)

    assert first.splitlines()[2] == "20 SKUs to practise with"
    assert later.splitlines() == ["PRACTICE-1 http://127.0.0.1:9101", "PRACTICE-2 http://127.0.0.1:8102"]
    assert EcSite.objects.get(channel__code="PRACTICE-1").base_url == "http://127.0.0.1:9101"


@pytest.mark.parametrize("sites", ["no json", '[{"name": "x"}]', '{"a": 1}'])
def test_nonsense_in_the_environment_is_named(monkeypatch, sites):
    with pytest.raises(CommandError, match="MAMORI_PRACTICE_SITES"):
        command(monkeypatch, sites)
