"""情報の持ち主: every fact of the registry, what a write by the other side meets, and how it last went with each site."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User

from ec_gateway.models import ApiKey, ReconciliationRow, ReconciliationRun, SiteActivity
from erp.back_office.roles import ROLES
from erp.core import ownership
from erp.core.admin import owners
from erp.core.ownership import DIRECTIONS, Delivery, Owner
from tests.back_office import access
from tests.ec_gateway.api.caller import api_key, site
from tests.inventory.factories import sku

pytestmark = pytest.mark.django_db
URL = "/admin/core/channel/owners/"
NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


def shown(page) -> dict[tuple[str, str], tuple[Owner, str]]:
    return {
        (asset.code, field.code): (row.owner, str(row.way))
        for asset in page.context["assets"]
        for row in asset.rows
        for field in row.fields
    }


def test_every_fact_of_the_registry_stands_there_with_its_owner_and_its_way(staff):
    page = staff.get(URL)

    facts = ownership.registered()
    expected = {(fact.asset, fact.field): (fact.owner, str(owners.WAYS[fact.delivery])) for fact in facts}
    assert shown(page) == expected
    text = page.content.decode()
    for fact in facts:
        assert f"<code>{fact.field}</code>" in text


def test_a_fact_registered_today_stands_there_without_a_word_of_ours(staff, monkeypatch):
    fact = ownership.Fact("stock", "colour_of_the_shelf", Owner.EC, Delivery.NEVER)
    monkeypatch.setitem(ownership._facts, ("stock", "colour_of_the_shelf"), fact)

    assert shown(staff.get(URL))["stock", "colour_of_the_shelf"][0] is Owner.EC


def test_every_possible_way_says_what_a_write_by_the_other_side_meets():
    for owner, ways in DIRECTIONS.items():
        for way in ways:
            assert str(owners.REFUSED[(owner, way)]).endswith("。")
            assert str(owners.WAYS[way])


def test_one_asset_alone(staff):
    page = staff.get(URL, {"asset": "credit"})

    assert {asset for asset, _field in shown(page)} == {"credit"}
    assert {asset for asset, _field in shown(staff.get(URL, {"asset": "nonsense"}))} == {
        fact.asset for fact in ownership.registered()
    }


def traces(page) -> dict[tuple[str, str, str], owners.SiteTrace]:
    return {
        (asset.code, str(row.way), trace.site): trace
        for asset in page.context["assets"]
        for row in asset.rows
        for trace in row.traces
    }


def test_the_last_traffic_and_the_open_drift_of_each_site_lead_to_the_rows(staff):
    shop = site(platform="generic")
    name = shop.channel.name
    SiteActivity.objects.create(site=shop, activity="PUBLISH", finished_at=NOON)
    SiteActivity.objects.create(site=shop, activity="POLL", finished_at=NOON + dt.timedelta(minutes=1))
    key, _secret = api_key(shop, scopes=["products:read"])
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=NOON + dt.timedelta(minutes=2))
    run = ReconciliationRun.objects.create(
        site=shop, started_at=NOON, finished_at=NOON, orders_since=NOON, state="DONE", actor="test"
    )
    ReconciliationRow.objects.create(run=run, kind="STOCK", cause="SHOP_SIDE_EDIT", sku=sku(), ours=3, theirs=5)
    ReconciliationRow.objects.create(run=run, kind="ORDER", cause="HERE_NOT_THERE", external_id="A-1")

    found = traces(staff.get(URL))

    stock = found["stock", str(owners.WAYS[Delivery.PUSH]), name]
    orders = found["orders", str(owners.WAYS[Delivery.INTAKE]), name]
    product = found["product", str(owners.WAYS[Delivery.READ_API]), name]
    assert (stock.at, stock.drift) == (NOON, 1)
    assert (orders.at, orders.drift) == (NOON + dt.timedelta(minutes=1), 1)
    assert (product.at, product.drift) == (NOON + dt.timedelta(minutes=2), None)
    for trace in (stock, orders):
        assert len(staff.get(trace.url).context["cl"].result_list) == 1


@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_who_looks_at_channels_looks_at_the_map_and_follows_what_may_be_followed(client, role):
    user = access.make_user(role)
    client.force_login(user)
    shop = site(platform="generic")
    run = ReconciliationRun.objects.create(
        site=shop, started_at=NOON, finished_at=NOON, orders_since=NOON, state="DONE", actor="test"
    )
    ReconciliationRow.objects.create(run=run, kind="STOCK", cause="SHOP_SIDE_EDIT", sku=sku(), ours=3, theirs=5)

    page = client.get(URL)

    assert page.status_code == (200 if user.has_perm("core.view_channel") else 403)
    if page.status_code == 200:
        linked = [trace.url for trace in traces(page).values() if trace.url]
        assert bool(linked) == user.has_perm("ec_gateway.view_reconciliationrow")


def test_more_sites_ask_nothing_more(staff, django_assert_max_num_queries):
    for _number in range(3):
        api_key(site(platform="generic"), scopes=["products:read"])
    staff.get(URL)

    with django_assert_max_num_queries(30):
        staff.get(URL)
