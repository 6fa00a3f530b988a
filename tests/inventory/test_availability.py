"""What a channel may sell, and that its terms add up to it, whatever the stock."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import KitComponent, Sku
from catalog.services import define_kit
from erp.inventory import selectors, services
from erp.inventory.models import ChannelLocation, ChannelPolicy, StockBalance
from erp.inventory.selectors import Term, TermKind
from erp.inventory.services import Demand, HoldDemand
from tests.inventory.factories import CLERK, NOON, channel, location, sku, statements, stock

pytestmark = pytest.mark.django_db
LATER = NOON + dt.timedelta(minutes=15)


NOBODY_KNOWS = range(-60, 0)


def ask(site, *goods, at=NOON):
    """Looked up one by one; read among many others they are the same."""
    keys = [item.pk for item in goods]
    found, among_many = (
        selectors.available_to_promise(channel_id=site.pk, sku_ids=asked, at=at)
        for asked in (keys, [*keys, *NOBODY_KNOWS])
    )
    assert {key: among_many[key] for key in keys} == {key: found[key] for key in keys}
    return found


def asked_by(site, *goods):
    """The statements of one call."""
    keys = [item.pk for item in goods]
    return statements(lambda: selectors.available_to_promise(channel_id=site.pk, sku_ids=keys, at=NOON))


def test_every_term_is_named_and_they_add_up():
    near, far, corner = location(), location("SHOP"), location("DEFECT")
    shirt = sku()
    for place, pieces in ((near, 10), (far, 4), (corner, 3)):
        stock(shirt, place, pieces)
    site = channel(near, far, corner)
    services.reserve(
        channel_id=site.pk, document_type="ORDER", demands=[Demand(1, 1, shirt.pk, 2, 50)], at=NOON, by=CLERK
    )
    services.place_hold(
        channel_id=site.pk, ref="cart", lines=[HoldDemand(shirt.pk, 3)], expires_at=LATER, at=NOON, by=CLERK
    )
    ChannelPolicy.objects.create(channel=site, buffer=9)
    ChannelPolicy.objects.create(channel=site, sku=shirt, buffer=1)

    now, then = ask(site, shirt)[shirt.pk], ask(site, shirt, at=LATER)[shirt.pk]

    assert (now.available, now.next_change_at) == (8, LATER)
    assert (then.available, then.next_change_at) == (11, None)
    assert then.terms == (
        Term(TermKind.ON_HAND, 10, near.pk, near.code, "WAREHOUSE"),
        Term(TermKind.ALLOCATED, -5, near.pk, near.code, "WAREHOUSE"),
        Term(TermKind.EXPIRED_HOLDS, 3, near.pk, near.code, "WAREHOUSE"),
        Term(TermKind.ON_HAND, 4, far.pk, far.code, "SHOP"),
        Term(TermKind.ON_HAND, 3, corner.pk, corner.code, "DEFECT"),
        Term(TermKind.NOT_COUNTED, -3, corner.pk, corner.code, "DEFECT"),
        Term(TermKind.BUFFER, -1),
    )


def test_never_below_zero_and_a_term_says_so():
    shirt = sku()
    site = channel(location())
    ChannelPolicy.objects.create(channel=site, buffer=2)

    answer = ask(site, shirt)[shirt.pk]

    assert answer.available == 0
    assert answer.terms == (Term(TermKind.BUFFER, -2), Term(TermKind.FLOOR, 2))


def test_the_version_rises_with_every_change_behind_the_number():
    warehouse, shirt = location(), sku()
    site = channel(warehouse)
    stock(shirt, warehouse, 1)
    before = ask(site, shirt)[shirt.pk].version

    stock(shirt, warehouse, 1)

    assert ask(site, shirt)[shirt.pk].version > before


def test_many_skus_are_answered_by_the_same_statements():
    warehouse = location()
    goods = [sku() for _ in range(50)]
    for item in goods:
        stock(item, warehouse, 1)
    site = channel(warehouse)

    assert (len(asked_by(site, goods[0])), len(asked_by(site, *goods))) == (2, 1)


PLACES = st.lists(
    st.tuples(
        st.sampled_from(["WAREHOUSE", "SHOP", "MALL_HELD", "IN_TRANSIT", "INSPECTION", "DEFECT", "CONSIGNED"]),
        st.integers(0, 20),
        st.integers(0, 20),
        st.booleans(),
    ),
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=PLACES, buffer=st.integers(0, 10), held=st.integers(0, 5), expired=st.booleans())
def test_the_terms_always_add_up_to_the_number(django_db_blocker, places, buffer, held, expired):
    shirt, other = sku(), channel()
    shelves = [
        location(kind, holder_account_id=1, holder_channel=other, is_active=active) for kind, _p, _r, active in places
    ]
    site = channel()
    for rank, (shelf, (_kind, pieces, allocated, _active)) in enumerate(zip(shelves, places, strict=True)):
        ChannelLocation.objects.create(channel=site, location=shelf, rank=rank)
        if pieces:
            stock(shirt, shelf, pieces)
            StockBalance.objects.filter(sku=shirt, location=shelf).update(allocated=min(allocated, pieces))
    if buffer:
        ChannelPolicy.objects.create(channel=site, buffer=buffer)
    if held and ask(site, shirt)[shirt.pk].available >= held:
        services.place_hold(
            channel_id=site.pk, ref="h", lines=[HoldDemand(shirt.pk, held)], expires_at=LATER, at=NOON, by=CLERK
        )

    answer = ask(site, shirt, at=LATER if expired else NOON)[shirt.pk]

    assert answer.available == sum(term.quantity for term in answer.terms) >= 0
    told = selectors.by_kind_of_place(answer)
    assert sum(quantity for _kind, quantity, _place in told) == answer.available
    assert {place for _kind, _quantity, place in told} <= {*selectors.SOLD_FROM, ""}
    free = sum(
        pieces - min(allocated, pieces)
        for kind, pieces, allocated, active in places
        if active and kind in ("WAREHOUSE", "SHOP")
    )
    kept = 0
    if held and max(free - buffer, 0) >= held and not expired:
        kept = held
    assert answer.available == max(free - kept - buffer, 0)


def kit_of(parts):
    made = sku()
    Sku.objects.filter(pk=made.pk).update(is_kit=True)
    KitComponent.objects.bulk_create(
        [KitComponent(kit=made, component=part, quantity=quantity) for part, quantity in parts.items()]
    )
    return made


def test_a_kit_is_as_many_as_its_scarcest_component_makes():
    place = location()
    shirt, socks, nothing = sku(), sku(), sku()
    stock(shirt, place, 7)
    stock(socks, place, 9)
    site = channel(place)
    pair, impossible, empty = kit_of({shirt: 1, socks: 2}), kit_of({shirt: 1, nothing: 1}), kit_of({})

    found = ask(site, pair, impossible, empty, shirt)

    assert [found[item.pk].available for item in (pair, impossible, empty, shirt)] == [4, 0, 0, 7]
    assert found[pair.pk].terms == (Term(TermKind.COMPONENTS, 4),)
    assert [(part.sku_id, part.quantity, part.makes) for part in found[pair.pk].components] == [
        (shirt.pk, 1, 7),
        (socks.pk, 2, 4),
    ]
    assert [part.availability.available for part in found[pair.pk].components] == [7, 9]
    assert all(sum(term.quantity for term in answer.terms) == answer.available for answer in found.values())


def test_safety_stock_is_kept_back_of_the_components_of_a_kit_and_not_twice():
    place = location()
    shirt = sku()
    stock(shirt, place, 10)
    site = channel(place)
    pair = kit_of({shirt: 2})
    ChannelPolicy.objects.create(channel=site, buffer=3)

    assert ask(site, pair)[pair.pk].available == 3


def test_a_kit_changes_by_the_clock_when_a_component_does():
    place = location()
    shirt = sku()
    stock(shirt, place, 4)
    site = channel(place)
    pair = kit_of({shirt: 2})
    services.place_hold(
        channel_id=site.pk, ref="cart", lines=[HoldDemand(shirt.pk, 3)], expires_at=LATER, at=NOON, by=CLERK
    )

    now, then = ask(site, pair)[pair.pk], ask(site, pair, at=LATER)[pair.pk]

    assert (now.available, now.next_change_at, then.available) == (0, LATER, 2)


def test_the_version_of_a_kit_rises_with_its_components_and_with_its_definition():
    place = location()
    shirt, socks = sku(), sku()
    stock(shirt, place, 4)
    for _again in range(5):
        stock(socks, place, 4)
    site = channel(place)
    pair = kit_of({})
    versions = []
    for components in ({shirt.code: 1, socks.code: 1}, {shirt.code: 1}):
        define_kit(sku_code=pair.code, components=components, at=NOON, by=CLERK)
        versions.append(ask(site, pair)[pair.pk].version)
        stock(shirt, place, 1)
        versions.append(ask(site, pair)[pair.pk].version)

    assert versions == sorted(set(versions))


def test_kits_cost_two_more_statements_however_many_there_are():
    place = location()
    shirt, socks = sku(), sku()
    site = channel(place)
    kits = [kit_of({shirt: 1, socks: number}) for number in range(1, 20)]

    few, many = asked_by(site, kits[0]), asked_by(site, *kits)

    assert len(few) == len(many) == 5


def test_one_sku_by_its_code_is_answered_the_same_in_one_statement():
    place = location()
    shirt = sku()
    stock(shirt, place, 7)
    site = channel(place)
    ChannelPolicy.objects.create(channel=site, buffer=2)
    pair = kit_of({shirt: 2})

    def by_code(code):
        question, parameters = selectors.question_of_code(code=code, at=NOON, channel="channel.id")
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT beside.* FROM core_channel channel LEFT JOIN LATERAL ({question}) beside ON true WHERE channel.id = %(id)s",
                {"id": site.pk, **parameters},
            )
            rows = cursor.fetchall()
        return selectors.answer_of_code(rows, channel_id=site.pk, at=NOON)

    assert by_code(shirt.code) == ask(site, shirt)[shirt.pk]
    assert by_code(pair.code) == ask(site, pair)[pair.pk]
    assert by_code("nothing") is None
    assert len(statements(lambda: by_code(shirt.code))) == 1


def test_many_skus_are_told_the_same_as_each_by_itself():
    near, far = location(), location("SHOP")
    site, other = channel(near, far), channel(near)
    goods = [sku() for _number in range(60)]
    for number, item in enumerate(goods[:3]):
        stock(item, far, 5 + number)
        stock(item, near, 9)
    services.set_aside(channel_id=other.pk, pieces={goods[1].pk: 4}, at=NOON, by=CLERK)
    ChannelPolicy.objects.create(channel=site, buffer_percent=10, ends_at=LATER)
    ChannelPolicy.objects.create(channel=site, product=goods[2].product, cap=3)
    lines = [HoldDemand(goods[0].pk, 2)]
    services.place_hold(channel_id=site.pk, ref="c", lines=lines, expires_at=LATER, at=NOON, by=CLERK)
    pair = kit_of({goods[0]: 2})

    for at in (NOON, LATER):
        together = ask(site, *goods, pair, at=at)
        assert together == {item.pk: ask(site, item, at=at)[item.pk] for item in (*goods, pair)}
