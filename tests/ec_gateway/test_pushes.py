"""Which SKUs a site must be told of, and whether a figure it reports is merely our own echo."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from catalog.models import KitComponent, Sku
from ec_gateway.models import Activity, Listing, SiteActivity, SitePush
from ec_gateway.publishing import claiming
from ec_gateway.selectors import orders_seen
from ec_gateway.services import echoes, pushes
from tests.ec_gateway.factories import NOON, after, listed, shop
from tests.inventory.factories import sku as new_sku
from tests.inventory.factories import statements, stock
from tests.orders.factories import line, order, placed
from tests.racing import race


def push_of(site, sku):
    return SitePush.objects.get(site=site, sku=sku)


def settled(site, sku, **fields):
    """The site was told and shows 5."""
    listed(site, sku)
    fields = {"shown": 5, "recent": [7, 5], "sent_at": NOON, **fields}
    return SitePush.objects.create(site=site, sku=sku, **fields)


@pytest.mark.django_db
def test_a_change_marks_what_the_site_lists_and_the_kits_it_is_in():
    site, _place = shop()
    other, _other_place = shop()
    piece, kit, unlisted, inactive = new_sku(), new_sku(), new_sku(), new_sku()
    KitComponent.objects.create(kit=kit, component=piece, quantity=2)
    listed(site, piece, kit)
    listed(other, piece)
    Listing.objects.create(site=site, sku=inactive, external_code="x", is_active=False)

    marked = pushes.mark_changed(site_id=site.pk, sku_ids=[piece.pk, unlisted.pk, inactive.pk], at=NOON)

    assert marked == 2
    found = SitePush.objects.values_list("site", "sku", "generation", "is_forced", "dirty_since", "due_at")
    assert set(found) == {
        (site.pk, piece.pk, 1, False, NOON, NOON),
        (site.pk, kit.pk, 1, False, NOON, NOON),
    }


@pytest.mark.django_db
def test_marking_again_raises_the_generation_and_keeps_the_time_of_a_retry():
    site, _place = shop()
    goods = new_sku()
    settled(site, goods, dirty_since=NOON, due_at=after(60), attempts=3)

    pushes.mark_changed(site_id=site.pk, sku_ids=[goods.pk], at=after(5))

    row = push_of(site, goods)
    assert (row.generation, row.dirty_since, row.due_at, row.is_forced) == (2, NOON, after(60), False)


@pytest.mark.django_db
def test_who_forces_does_not_wait():
    site, _place = shop()
    goods = new_sku()
    settled(site, goods, dirty_since=NOON, due_at=after(60), attempts=3)

    assert pushes.force(site_id=site.pk, sku_ids=[goods.pk, new_sku().pk], at=after(5)) == 1

    row = push_of(site, goods)
    assert (row.generation, row.due_at, row.is_forced) == (2, after(5), True)


@pytest.mark.django_db
def test_an_order_of_the_site_forces_its_skus_and_excuses_a_figure_that_moved_before():
    site, place = shop()
    goods, other = new_sku(), new_sku()
    for each in (goods, other):
        stock(each, place, 9)
    settled(site, goods, edited_quantity=4, edited_at=after(-60))
    settled(site, other)
    placed(site.channel, order(line(goods), external_id="A-7"))

    assert pushes.mark_ordered(site_id=site.pk, external_ids=["A-7", "A-8"], at=NOON) == 1

    row = push_of(site, goods)
    assert (row.is_forced, row.due_at, row.edited_at, row.edited_quantity) == (True, NOON, None, None)


@pytest.mark.django_db
def test_an_edit_of_long_ago_is_not_excused_by_an_order():
    site, place = shop()
    goods = new_sku()
    stock(goods, place, 9)
    settled(site, goods, edited_quantity=4, edited_at=after(-3600))
    placed(site.channel, order(line(goods), external_id="A-7"))

    pushes.mark_ordered(site_id=site.pk, external_ids=["A-7"], at=NOON)

    assert push_of(site, goods).edited_quantity == 4


@pytest.mark.django_db
def test_a_changed_style_marks_its_kits_only():
    site, _place = shop()
    plain, kit = new_sku(), new_sku()
    Sku.objects.filter(pk=kit.pk).update(is_kit=True)
    listed(site, plain, kit)

    assert pushes.mark_kits(site_id=site.pk, product_ids=[plain.product_id, kit.product_id], at=NOON) == 1
    assert SitePush.objects.get().sku == kit


@pytest.mark.django_db
def test_the_same_order_number_on_another_site_is_another_order():
    site, place = shop()
    other, _other_place = shop()
    goods = new_sku()
    stock(goods, place, 9)
    settled(other, goods)
    placed(site.channel, order(line(goods), external_id="A-7"))

    assert pushes.mark_ordered(site_id=other.pk, external_ids=["A-7"], at=NOON) == 0


@pytest.mark.django_db
def test_listings_that_nobody_pushed_are_found():
    site, _place = shop()
    known, new = new_sku(), new_sku()
    settled(site, known)
    listed(site, new)

    assert pushes.mark_never_pushed(site_id=site.pk, at=NOON) == 1
    assert push_of(site, new).is_forced
    assert pushes.mark_never_pushed(site_id=site.pk, at=NOON) == 0


@pytest.mark.django_db
def test_what_is_listed_no_longer_is_forgotten():
    site, _place = shop()
    goods, kept = new_sku(), new_sku()
    settled(site, goods, dirty_since=NOON, due_at=NOON)
    settled(site, kept, dirty_since=NOON, due_at=NOON)
    Listing.objects.filter(sku=goods).update(is_active=False)

    assert pushes.forget_unlisted(site_id=site.pk) == 1
    assert SitePush.objects.get().sku == kept


@pytest.mark.django_db
def test_any_number_of_skus_costs_one_statement():
    site, _place = shop()
    many = [new_sku() for _each in range(30)]
    listed(site, *many)

    keys = [sku.pk for sku in many]
    assert len(statements(lambda: pushes.force(site_id=site.pk, sku_ids=keys, at=NOON))) == 1
    assert len(statements(lambda: pushes.mark_changed(site_id=site.pk, sku_ids=keys, at=NOON))) == 1
    assert statements(lambda: pushes.force(site_id=site.pk, sku_ids=[], at=NOON)) == []


@pytest.mark.django_db(transaction=True)
def test_two_who_mark_the_same_skus_take_them_in_one_order_whatever_the_plan():
    """The site listed its SKUs last first: read as they lie, the list comes in another order than by its index."""
    site, _place = shop()
    skus = [new_sku() for _each in range(9)]
    listed(site, *reversed(skus))
    keys = [sku.pk for sku in skus]
    pushes.force(site_id=site.pk, sku_ids=keys, at=NOON)

    def marking(*without: str):
        def run() -> int:
            with connection.cursor() as cursor:
                for method in without:
                    cursor.execute(f"SET enable_{method} = off")
            return pushes.force(site_id=site.pk, sku_ids=keys, at=NOON)

        return run

    # Somebody has the one in the middle: each would hold its half by then, and want the other's.
    outcomes = race(
        marking("indexscan", "bitmapscan"),
        marking("seqscan", "bitmapscan"),
        hold=SitePush.objects.filter(sku=skus[4]),
    )

    assert outcomes == [9, 9]
    assert set(SitePush.objects.values_list("generation", flat=True)) == {3}


@pytest.mark.django_db(transaction=True)
def test_who_settles_and_who_marks_take_the_same_skus_in_one_order():
    """Rows that came into being last SKU first: by their own numbers they would be taken the other way round."""
    site, _place = shop()
    skus = [new_sku() for _each in range(9)]
    listed(site, *skus)
    for sku in reversed(skus):
        pushes.force(site_id=site.pk, sku_ids=[sku.pk], at=NOON)
    numbers = list(SitePush.objects.order_by("pk").values_list("pk", flat=True))

    @transaction.atomic
    def settling() -> str:
        claiming.lock(numbers)
        return "settled"

    # Somebody has the one in the middle: each would hold its half by then, and want the other's.
    outcomes = race(
        settling,
        lambda: pushes.force(site_id=site.pk, sku_ids=[sku.pk for sku in skus], at=NOON),
        hold=SitePush.objects.filter(sku=skus[4]),
    )

    assert outcomes == ["settled", 9]


# --- Echoes -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("quantity", "seconds", "is_ours"), [(5, 0, True), (5, 9999, True), (7, 599, True), (7, 601, False), (4, 0, False)]
)
def test_what_we_pushed_lately_is_our_echo(quantity, seconds, is_ours):
    site, _place = shop()
    goods = new_sku()
    settled(site, goods)

    asked = {"site_id": site.pk, "external_code": goods.code, "quantity": quantity, "at": after(seconds)}
    assert echoes.is_echo(**asked) is is_ours
    assert echoes.note_figure(**asked) is not is_ours

    row = push_of(site, goods)
    if is_ours:
        assert (row.edited_at, row.dirty_since) == (None, None)
    else:
        assert (row.edited_quantity, row.edited_at, row.shown) == (quantity, after(seconds), quantity)
        assert (row.is_forced, row.due_at, row.generation) == (True, after(seconds), 2)


@pytest.mark.django_db
def test_an_item_that_we_never_pushed_is_not_ours_to_defend():
    site, _place = shop()
    goods = new_sku()
    listed(site, goods)

    for code in (goods.code, "nobody's"):
        assert echoes.is_echo(site_id=site.pk, external_code=code, quantity=3, at=NOON)
        assert not echoes.note_figure(site_id=site.pk, external_code=code, quantity=3, at=NOON)


@pytest.mark.django_db
def test_orders_count_as_seen_when_they_were_applied():
    site, _place = shop()
    assert orders_seen(site_id=site.pk) == ""

    SiteActivity.objects.filter(site=site, activity=Activity.POLL).update(cursor="17")
    assert orders_seen(site_id=site.pk) == ""
    SiteActivity.objects.filter(site=site, activity=Activity.INBOX).update(cursor="12")
    assert orders_seen(site_id=site.pk) == "12"
