"""What a channel is told of one SKU carries a version that never falls, and every change of its rules is announced at once."""

from __future__ import annotations

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.services import define_kit
from erp.core.models import ChangeRow
from erp.inventory import selectors, services
from erp.inventory.models import ChannelLocation, ChannelPolicy, ChannelRules, Location
from tests.inventory.factories import CLERK, NOON, channel, location, sku, statements, stock

pytestmark = pytest.mark.django_db


def ask(site, *goods):
    found = selectors.available_to_promise(channel_id=site.pk, sku_ids=[item.pk for item in goods], at=NOON)
    return [(found[item.pk].available, found[item.pk].version) for item in goods]


class Company:
    """Two places, a shirt in both, a kit of it, and one site; each act changes what the site may sell, or may not."""

    def __init__(self):
        self.places, self.site = [location(), location()], channel()
        self.shirt, self.socks, self.pair = sku(), sku(), sku()
        for place in self.places:
            self.sell(place)
            stock(self.shirt, place, 9)
            stock(self.socks, place, 9)
        self.parts = 1
        self.redefine()

    def sell(self, place):
        services.sell_from(channel_id=self.site.pk, location_id=place.pk, at=NOON, by=CLERK)

    def arrive(self, place):
        stock(self.shirt, place, 1)

    def stop(self, place):
        ChannelLocation.objects.filter(channel=self.site, location=place).delete()

    def switch(self, place):
        Location.objects.filter(pk=place.pk).update(is_active=not Location.objects.get(pk=place.pk).is_active)

    def inspect(self, place):
        kind = Location.objects.get(pk=place.pk).kind
        other = {"WAREHOUSE": "INSPECTION", "INSPECTION": "WAREHOUSE"}
        Location.objects.filter(pk=place.pk).update(kind=other[kind])

    def keep_back(self, place):
        row, is_new = ChannelPolicy.objects.get_or_create(channel=self.site, sku=self.shirt, defaults={"buffer": 1})
        if not is_new:
            ChannelPolicy.objects.filter(pk=row.pk).update(buffer=row.buffer + 1)

    def keep_nothing_back(self, place):
        ChannelPolicy.objects.filter(channel=self.site).delete()

    def redefine(self, place=None):
        self.parts = 3 - self.parts
        components = {self.shirt.code: self.parts} | ({self.socks.code: 1} if self.parts == 1 else {})
        define_kit(sku_code=self.pair.code, components=components, at=NOON, by=CLERK)


ACTS = ["arrive", "sell", "stop", "switch", "inspect", "keep_back", "keep_nothing_back", "redefine"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from([0, 1])), min_size=1, max_size=12))
def test_versions_never_fall_and_another_figure_has_a_higher_one(django_db_blocker, acts):
    company = Company()
    before = ask(company.site, company.shirt, company.pair)

    for name, which in acts:
        getattr(company, name)(company.places[which])
        after = ask(company.site, company.shirt, company.pair)
        for (old, old_version), (new, new_version) in zip(before, after, strict=True):
            assert new_version >= old_version, (name, acts)
            assert new == old or new_version > old_version, (name, acts)
        before = after


def test_a_channel_that_loses_a_place_is_told_a_higher_version():
    """The balances of the place it lost carried most of the version: their sum falls."""
    busy, quiet, shirt = location(), location(), sku()
    site = channel(busy, quiet)
    for _time in range(20):
        stock(shirt, busy, 1)
    stock(shirt, quiet, 1)
    [(before, version)] = ask(site, shirt)

    ChannelLocation.objects.get(channel=site, location=busy).delete()

    [(after, later)] = ask(site, shirt)
    assert (before, after) == (21, 1)
    assert later > version


def test_rules_are_counted_per_channel_and_statement():
    here, there = location(), location()
    one, other, neither = channel(here), channel(here, there), channel()

    def counted():
        known = dict(ChannelRules.objects.values_list("channel_id", "version"))
        return [known.get(site.pk, 0) for site in (one, other, neither)]

    assert counted() == [1, 2, 0]
    Location.objects.filter(pk=there.pk).update(is_active=False)
    assert counted() == [1, 3, 0]
    Location.objects.update(name="elsewhere")
    assert counted() == [1, 3, 0]
    ChannelPolicy.objects.bulk_create([ChannelPolicy(channel=one, sku=sku(), buffer=1) for _each in range(5)])
    assert counted() == [2, 3, 0]
    ChannelLocation.objects.filter(location=here).delete()
    assert counted() == [3, 4, 0]


@pytest.fixture
def told():
    """What each channel was told of stock since the last time it was asked."""
    cursors: dict[int, int] = {}

    def since(*sites):
        found = []
        for site in sites:
            rows, cursors[site.pk] = _own_rows(site, cursors.get(site.pk, 0))
            found.append(rows)
        return found

    def _own_rows(site, after):
        rows = ChangeRow.objects.filter(topic="stock", audience=site.code)[after:]
        keys = [int(row.key) for row in rows]
        return sorted(keys), after + len(keys)

    return since


def save(client, place, **fields):
    place.refresh_from_db()
    form = {
        "code": place.code, "name": place.name, "kind": place.kind, "is_active": "on" if place.is_active else "",
        "holder_channel": place.holder_channel_id or "", "holder_account_id": "",
    }  # fmt: skip
    url = reverse("admin:inventory_location_change", args=[place.pk])
    answer = client.post(url, {name: value for name, value in (form | fields).items() if value != ""})
    assert answer.status_code == 302, answer.context["adminform"].errors


@pytest.mark.parametrize(
    ("change", "back"),
    [({"is_active": ""}, {"is_active": "on"}), ({"kind": "INSPECTION"}, {"kind": "WAREHOUSE"})],
)
def test_a_place_that_counts_no_more_is_told_to_every_channel_that_sells_from_it(admin_client, told, change, back):
    here, there = location(), location()
    one, other, elsewhere = channel(here), channel(here, there), channel(there)
    shirt, socks, gone, far = sku(), sku(), sku(), sku()
    for goods, place in ((shirt, here), (socks, here), (far, there)):
        stock(goods, place, 1)
    stock(gone, here, 1)
    stock(gone, here, -1)
    told(one, other, elsewhere)

    save(admin_client, here, name="Other name")
    assert told(one, other, elsewhere) == [[], [], []]
    save(admin_client, here, **change)
    assert told(one, other, elsewhere) == [[shirt.pk, socks.pk], [shirt.pk, socks.pk], []]
    save(admin_client, here, **back)
    assert told(one, other, elsewhere) == [[shirt.pk, socks.pk], [shirt.pk, socks.pk], []]


def test_a_place_that_a_channel_sells_from_no_more_is_told_to_it(admin_client, told):
    here = location()
    one, other = channel(here), channel(here)
    shirt = sku()
    stock(shirt, here, 1)
    told(one, other)
    row = ChannelLocation.objects.get(channel=one)

    admin_client.post(reverse("admin:inventory_channellocation_delete", args=[row.pk]), {"post": "yes"})

    assert not ChannelLocation.objects.filter(channel=one).exists()
    assert told(one, other) == [[shirt.pk], []]


def test_announcing_a_place_is_one_statement_however_much_lies_there():
    here = location()
    channel(here)
    for _each in range(3):
        stock(sku(), here, 1)

    def announce():
        services.announce_place(location_id=here.pk, at=NOON, by=CLERK)

    few = statements(announce)
    for _each in range(40):
        stock(sku(), here, 1)
    assert len(statements(announce)) == len(few)
    assert services.announce_place(location_id=here.pk, at=NOON, by=CLERK) == 43
