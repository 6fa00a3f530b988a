"""A purchase that is typed again without some of its lines: what becomes of them is asked, with whom they were promised to, and done."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from erp.inventory import selectors, services
from erp.inventory.models import ExpectedReceipt, Promise
from erp.inventory.selectors.expectations import left_out
from erp.inventory.services import ExpectedLine, HoldDemand
from tests.inventory.factories import CLERK, NOON, channel, location, sku

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 12, 1)


@pytest.fixture
def purchase():
    """Ten shirts and five hats are expected; a customer was promised three of the hats."""
    place, shirt, hat = location(), sku(), sku()
    ids = expect(place, (shirt, 10), (hat, 5))
    services.place_hold(
        channel_id=channel(place).pk, ref="K-1", lines=[HoldDemand(hat.pk, 3)], kind="CUSTOMER_ORDER", owner_label="佐藤様",
        owner_phone="090-0000-0000", at=NOON, by=CLERK,
    )  # fmt: skip
    services.promise(sku_ids=[hat.pk], demands=[], at=NOON, by=CLERK)
    return place, shirt, hat, ids


def expect(place, *lines, ends=()):
    named = [ExpectedLine(number, item.pk, pieces, DAY) for number, (item, pieces) in enumerate(lines, 1)]
    return services.expect_receipt(
        external_id="PO-1", location_id=place.pk, lines=named, ends=ends, at=NOON, by=CLERK
    )  # fmt: skip


def coming(*items):
    return sorted((part.sku_id, part.quantity) for part in selectors.incoming([item.pk for item in items]))


def test_what_is_left_out_is_known_with_whom_it_was_promised_to(purchase):
    _place, shirt, hat, (_of_shirt, of_hat) = purchase

    [missing] = left_out("PO-1", [(1, shirt.pk)])

    assert (missing.expected_receipt_id, missing.sku_code, missing.quantity) == (of_hat, hat.code, 5)
    assert [(kind, pieces) for kind, _key, pieces in missing.promised] == [("HOLD", 3)]
    assert left_out("PO-1", [(1, hat.pk), (2, shirt.pk)]) == []
    assert left_out("PO-2", [(1, shirt.pk)]) == []


def test_what_is_said_to_end_ends_with_its_promises_and_nothing_else(purchase):
    place, shirt, hat, (of_shirt, of_hat) = purchase
    elsewhere = services.expect_receipt(
        external_id="PO-2", location_id=place.pk, lines=[ExpectedLine(1, hat.pk, 2, DAY)], at=NOON, by=CLERK
    )

    expect(place, (shirt, 12), ends=[of_shirt, of_hat, *elsewhere])

    assert coming(shirt, hat) == [(shirt.pk, 12), (hat.pk, 2)]
    assert not Promise.objects.filter(expected_receipt=of_hat, quantity__gt=0).exists()
    services.promise(sku_ids=[hat.pk], demands=[], at=NOON, by=CLERK)
    assert [row.quantity for row in Promise.objects.filter(expected_receipt__in=elsewhere)] == [2]
    assert ExpectedReceipt.objects.get(pk=of_hat).cancelled_at == NOON


def test_without_a_word_it_stays_expected(purchase):
    place, shirt, hat, _ids = purchase

    expect(place, (shirt, 12))

    assert coming(shirt, hat) == [(shirt.pk, 12), (hat.pk, 5)]


@pytest.fixture
def merchandiser(client):
    user = User.objects.create_user("md9", is_staff=True)
    user.groups.add(Group.objects.get(name="商品管理"))
    client.force_login(user)
    return client


def test_the_page_asks_first_and_does_what_was_decided(merchandiser, purchase):
    place, shirt, hat, (_of_shirt, of_hat) = purchase
    page = reverse("admin:inventory_expectedreceipt_add")
    typed = {"external_id": "PO-1", "location": place.pk, "expected_date": "2026-12-01", "lines": f"{shirt.code},12"}

    asked = merchandiser.post(page, typed)
    text = asked.content.decode()
    undecided = merchandiser.post(page, {**typed, "left_out": [of_hat]})
    other = merchandiser.post(page, {**typed, "rest": "end", "left_out": [0]})

    assert (asked.status_code, undecided.status_code, other.status_code) == (200, 200, 200)
    assert [sign for sign in (hat.code, "K-1", "× 3", "もう入らない(打ち切る)") if sign not in text] == []
    assert coming(shirt, hat) == [(shirt.pk, 10), (hat.pk, 5)]

    assert merchandiser.post(page, {**typed, "rest": "keep", "left_out": [of_hat]}).status_code == 302
    assert coming(shirt, hat) == [(shirt.pk, 12), (hat.pk, 5)]
    assert merchandiser.post(page, {**typed, "rest": "end", "left_out": [of_hat]}).status_code == 302
    assert coming(shirt, hat) == [(shirt.pk, 12)]
    assert merchandiser.post(page, typed).status_code == 302
