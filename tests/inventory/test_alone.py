"""What one of the staff may lose or find alone: the limit of a stocktake holds for typed counts and adjustments too."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from catalog.models import SkuCost
from erp.core.actors import Actor
from erp.inventory import services
from erp.inventory.exceptions import NeedsTwoPeople
from erp.inventory.models import CountRecord, Reason, ShopStaff, StockCount, StockDocument, StockMovement
from erp.inventory.services import AdjustmentLine, Count, CountEntry, CountScope
from tests.inventory.factories import CLERK, NOON, figures, location, sku, stock

pytestmark = pytest.mark.django_db
ANOTHER = Actor.staff("jiro", "test")
CHIEF = Actor.staff("kacho", "test")


def shelf(pieces=20, *, unit_value=1000, **limits):
    """Pieces worth 1,000 each; one person answers for 5,000."""
    limits = limits or {"count_value_limit": 5000}
    place, shirt = location(**limits), sku()
    stock(shirt, place, pieces, unit_value=unit_value, at=NOON - dt.timedelta(days=2))
    return place, shirt


def adjust(place, item, pieces, name="A-1", *, reason="LOSS", cost=None, when=NOON, at=NOON, by=CLERK):
    lines = [AdjustmentLine(1, item.pk, pieces, cost)]
    return services.adjust(
        external_id=name, location_id=place.pk, lines=lines, reason_code=reason, occurred_at=when, at=at, by=by
    )


def count(place, item, pieces, name="C-1", *, when=NOON, at=NOON, by=CLERK):
    return services.record_count(
        external_id=name, location_id=place.pk, counts=[Count(1, item.pk, pieces)], occurred_at=when, at=at, by=by
    )


def test_a_loss_above_the_limit_is_not_booked_by_one_person():
    place, shirt = shelf()

    with pytest.raises(NeedsTwoPeople) as refusal:
        adjust(place, shirt, -6)
    with pytest.raises(NeedsTwoPeople):
        count(place, shirt, 14)

    assert (refusal.value.sku_ids, refusal.value.pieces, refusal.value.value) == ((shirt.pk,), 6, 6000)
    assert "6000" not in str(refusal.value)
    assert figures(shirt, place) == (20, 0)
    assert not StockDocument.objects.filter(kind="ADJUSTMENT").exists()
    assert not CountRecord.objects.exists()


def test_up_to_the_limit_it_is_and_again_is_a_replay():
    place, shirt = shelf()

    adjust(place, shirt, -5)

    assert adjust(place, shirt, -5).is_replay
    assert figures(shirt, place) == (15, 0)


def test_what_is_found_counts_like_what_is_lost_and_a_typed_cost_makes_it_no_less():
    place, shirt = shelf()

    with pytest.raises(NeedsTwoPeople):
        count(place, shirt, 26)
    with pytest.raises(NeedsTwoPeople):
        adjust(place, shirt, 6, reason="FOUND", cost=Decimal(0))
    with pytest.raises(NeedsTwoPeople):
        adjust(place, shirt, 1, reason="FOUND", cost=Decimal(5001))


def test_several_small_slips_of_a_day_add_up():
    place, shirt = shelf()
    other, coat = shelf()
    adjust(place, shirt, -3, "A-1")
    count(place, shirt, 15, "C-1")

    with pytest.raises(NeedsTwoPeople) as refusal:
        adjust(place, shirt, 1, "A-2", reason="FOUND")
    adjust(other, coat, -5, "A-3")
    adjust(place, shirt, -1, "A-4", by=ANOTHER)
    tomorrow = NOON + dt.timedelta(days=1)
    with pytest.raises(NeedsTwoPeople):
        adjust(place, shirt, -6, "A-5", when=tomorrow, at=tomorrow)
    adjust(place, shirt, -5, "A-6", when=tomorrow, at=tomorrow)

    assert (refusal.value.pieces, refusal.value.value) == (6, 6000)
    assert figures(shirt, place) == (10, 0)


def test_a_limit_in_pieces_holds_too_and_without_limits_nobody_is_asked():
    place, shirt = shelf(count_value_limit=None, count_pieces_limit=2)
    free, coat = shelf(count_value_limit=None)

    with pytest.raises(NeedsTwoPeople):
        adjust(place, shirt, -3)
    adjust(place, shirt, -2)
    adjust(free, coat, -20, "A-2")


def test_pieces_of_which_none_are_there_are_worth_what_a_stocktake_takes_them_for():
    place, shirt = location(count_value_limit=5000), sku()
    SkuCost.objects.create(sku=shirt, valid_from=dt.date(2026, 1, 1), cost=Decimal(3000))

    with pytest.raises(NeedsTwoPeople):
        count(place, shirt, 2)
    count(place, shirt, 1)


def test_what_no_person_tells_is_never_refused():
    place, shirt = shelf()

    adjust(place, shirt, -6, "A-1", by=Actor.channel("POS"))
    count(place, shirt, 4, "C-1", by=Actor.command("counts"))
    services.record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=place.pk, lines=[services.PhysicalLine(1, shirt.pk, 4)], reason_code="DAMAGE",
        occurred_at=NOON + dt.timedelta(minutes=1), at=NOON + dt.timedelta(minutes=1), by=CLERK,
    )  # fmt: skip

    assert figures(shirt, place) == (0, 0)


def test_the_stocktake_is_approved_and_the_paper_with_its_reason_goes_on_alone():
    """What two people have lost already changes nothing when its slip follows."""
    place, shirt = shelf()
    with pytest.raises(NeedsTwoPeople):
        adjust(place, shirt, -10, reason="DAMAGE", when=NOON - dt.timedelta(hours=1))
    count_id = services.open_count(
        external_id="T-1", location_id=place.pk, scope=CountScope("SKUS", sku_ids=(shirt.pk,)), at=NOON, by=CLERK
    )
    services.start_count(count_id=count_id, at=NOON, by=CLERK)
    seen, later = CountEntry("k", shirt.pk, 10, NOON), NOON + dt.timedelta(minutes=5)
    services.enter_counts(count_id=count_id, sheet="A", entries=[seen], at=NOON, by=CLERK)
    services.close_count(count_id=count_id, uncounted="LEAVE", at=later, by=CLERK)
    assert services.request_posting(count_id=count_id, at=later, by=CLERK)
    services.approve_count(count_id=count_id, at=later, by=CHIEF)
    services.post_count_chunk(count_id=count_id, at=later, by=CHIEF)

    adjust(place, shirt, -10, reason="DAMAGE", when=NOON - dt.timedelta(hours=1), at=later)

    assert figures(shirt, place) == (10, 0)
    lost = StockMovement.objects.get(document__source_type="ADJUSTMENT")
    assert (lost.quantity, lost.reason.code) == (-10, "DAMAGE")


def stocktake(place, item, pieces, name, *, at=NOON, by=CLERK):
    """Up to asking for its posting. Returns its id, and whether somebody else has to approve it."""
    scope = CountScope("SKUS", sku_ids=(item.pk,))
    count_id = services.open_count(external_id=name, location_id=place.pk, scope=scope, at=at, by=by)
    services.start_count(count_id=count_id, at=at, by=by)
    services.enter_counts(count_id=count_id, sheet="A", entries=[CountEntry(name, item.pk, pieces, at)], at=at, by=by)
    services.close_count(count_id=count_id, uncounted="LEAVE", at=at, by=by)
    return count_id, services.request_posting(count_id=count_id, at=at, by=by)


def test_the_stocktake_that_is_offered_at_the_limit_is_approved_by_another():
    place, shirt = shelf()
    adjust(place, shirt, -3, "A-1")
    count(place, shirt, 15, "C-1")
    later = NOON + dt.timedelta(minutes=5)
    with pytest.raises(NeedsTwoPeople):
        adjust(place, shirt, -1, "A-2", when=later, at=later)

    count_id, is_approved = stocktake(place, shirt, 14, "T-1", at=later)

    assert is_approved
    assert StockCount.objects.get(pk=count_id).state == "APPROVAL"
    assert not stocktake(place, shirt, 14, "T-2", at=later, by=ANOTHER)[1]


def test_stocktakes_that_nobody_approved_add_up_among_themselves_and_with_slips():
    place, shirt = shelf()
    first, is_approved = stocktake(place, shirt, 17, "T-1")
    later, last, tomorrow = (NOON + dt.timedelta(minutes=minutes) for minutes in (5, 10, 24 * 60))
    with pytest.raises(NeedsTwoPeople):
        adjust(place, shirt, -3, "A-1", when=later, at=later)
    services.post_count_chunk(count_id=first, at=later, by=CLERK)

    with pytest.raises(NeedsTwoPeople) as refusal:
        adjust(place, shirt, -3, "A-2", when=later, at=later)
    second, is_second_approved = stocktake(place, shirt, 14, "T-2", at=later)
    services.approve_count(count_id=second, at=later, by=CHIEF)
    services.post_count_chunk(count_id=second, at=later, by=CLERK)
    adjust(place, shirt, -2, "A-3", when=last, at=last)
    adjust(place, shirt, -5, "A-4", when=tomorrow, at=tomorrow)

    assert (is_approved, is_second_approved) == (False, True)
    assert (refusal.value.pieces, refusal.value.value) == (6, 6000)
    assert figures(shirt, place) == (7, 0)


def test_a_stocktake_lists_the_skus_that_were_named_and_no_kit():
    place, shirt = shelf()
    coat, cap = sku(), sku()
    stock(coat, place, 3)

    count_id = services.open_count(
        external_id="T-1", location_id=place.pk, scope=CountScope("SKUS", sku_ids=(shirt.pk, cap.pk)), at=NOON, by=CLERK
    )
    services.start_count(count_id=count_id, at=NOON, by=CLERK)

    listed = StockCount.objects.get(pk=count_id).lines.order_by("sku").values_list("sku_id", "frozen_on_hand")
    assert list(listed) == [(shirt.pk, 20), (cap.pk, 0)]


# Pages


def signed_in(client, role):
    user = User.objects.create_user(f"person-{role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)


def typed(place, item, pieces):
    now = timezone.localtime()
    return {
        "external_id": "A-1", "location": place.pk, "reason": Reason.objects.get(code="LOSS").pk,
        "occurred_at_0": f"{now:%Y-%m-%d}", "occurred_at_1": f"{now:%H:%M}", "lines": f"{item.code}, {pieces}",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["adjust", "count", "handle"])
def test_the_page_says_so_without_costs_and_opens_the_stocktake_by_one_press(client, name):
    place, shirt = shelf()
    signed_in(client, "倉庫")
    page = reverse(f"admin:inventory_{name}")
    told = {
        "adjust": typed(place, shirt, -6),
        "count": typed(place, shirt, 14),
        "handle": {"location": place.pk, f"pieces_{shirt.pk}": "6", "reason": "LOSS", "act": "book", "number": "A-1"},
    }[name]

    answer = client.post(page, told)
    text = answer.content.decode()
    [offer] = answer.context["offers"]
    opened = client.post(
        reverse("admin:inventory_stocktake_open"),
        {"external_id": offer.number, "locations": offer.location_id, "scope": "SKUS", "skus": offer.skus, "starts": "on"},
    )  # fmt: skip

    assert "一人で記帳できる限度" in text
    assert "この商品の棚卸を開く" in text
    assert "破損した商品は、すぐに不良品置場へ移せます" in text
    assert "6,000" not in text
    assert "5,000" not in text
    made = StockCount.objects.get()
    assert opened.url == reverse("admin:inventory_stockcount_change", args=[made.pk])
    assert (made.state, made.scope, [line.sku_id for line in made.lines.all()]) == ("COUNTING", "SKUS", [shirt.pk])
    assert figures(shirt, place) == (20, 0)


def test_who_may_know_costs_is_told_the_figures(admin_client):
    place, shirt = shelf()

    answer = admin_client.post(reverse("admin:inventory_adjust"), typed(place, shirt, -6))

    assert "本日の合計(この伝票を含む): 6,000円" in answer.content.decode()


def test_a_shop_that_sends_nothing_to_where_defects_lie_is_not_told_to(client):
    place, shirt = location("SHOP", count_value_limit=5000), sku()
    stock(shirt, place, 20, unit_value=1000, at=NOON - dt.timedelta(days=2))
    signed_in(client, "店舗")
    ShopStaff.objects.create(user=User.objects.get(username="person-店舗"), location=place)

    answer = client.post(reverse("admin:inventory_adjust"), typed(place, shirt, -6))

    [offer] = answer.context["offers"]
    assert (offer.may_count, offer.may_set_aside) == (True, False)
    assert "不良品置場" not in answer.content.decode()
