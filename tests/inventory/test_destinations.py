"""Goods on the road of a plain transfer arrive where they were sent, and elsewhere only once somebody who may send has decided so."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from erp.core.errors import Conflict, InvalidInput, NotAllowedNow, NotFound
from erp.inventory import services
from erp.inventory.models import Location, ShopStaff, StockDocument
from erp.inventory.selectors.transfers import current_destinations
from erp.inventory.services import ReceiptLine, TransferLine, TransferRequest
from tests.inventory.factories import CLERK, NOON, channel, figures, location, sku, stock

pytestmark = pytest.mark.django_db
HOW = {"at": NOON, "by": CLERK}


@pytest.fixture
def town():
    """Ten shirts in a warehouse, and two shops that each have somebody."""
    warehouse, ginza, shibuya, shirt = location(), location("SHOP"), location("SHOP"), sku()
    stock(shirt, warehouse, 10)
    return warehouse, ginza, shibuya, shirt


def road():
    return Location.objects.get(code="TRANSIT")


def send(origin, item, to, name="T-1", **other):
    where = {"from_location_id": origin.pk, "to_location_id": road().pk, "destination_id": to and to.pk, **other}
    lines = [TransferLine(1, item.pk, 4)]
    return services.transfer(external_id=name, **where, lines=lines, occurred_at=NOON, **HOW).document_id


def arrive(document, place, item, pieces, name):
    return services.arrive(
        external_id=name, transfer_id=document, to_location_id=place.pk, lines=[TransferLine(1, item.pk, pieces)],
        occurred_at=NOON, **HOW,
    )  # fmt: skip


def redirect(document, place, reason="destination was wrong"):
    return services.redirect_transfer(transfer_id=document, destination_id=place.pk, reason=reason, **HOW)


def test_goods_arrive_where_they_were_sent_and_nowhere_else(town):
    warehouse, ginza, shibuya, shirt = town
    document = send(warehouse, shirt, ginza)

    with pytest.raises(NotAllowedNow) as refusal:
        arrive(document, shibuya, shirt, 4, "A-1")
    arrive(document, ginza, shirt, 3, "A-2")

    assert ginza.name in refusal.value.detail
    assert (figures(shirt, ginza), figures(shirt, road())) == ((3, 0), (1, 0))


def test_what_takes_to_the_road_says_where_it_goes(town):
    warehouse, ginza, shibuya, shirt = town
    closed = location("SHOP", is_active=False)

    for to in (None, warehouse, road(), closed):
        with pytest.raises(InvalidInput) as refusal:
            send(warehouse, shirt, to)
        assert [problem.pointer for problem in refusal.value.problems] == ["/destination"]
    with pytest.raises(InvalidInput):
        send(warehouse, shirt, ginza, to_location_id=shibuya.pk)
    document = send(warehouse, shirt, ginza)
    with pytest.raises(Conflict):
        send(warehouse, shirt, shibuya)

    assert send(warehouse, shirt, ginza) == document
    assert figures(shirt, warehouse) == (6, 0)


def test_another_destination_is_decided_with_a_reason_and_holds_for_what_is_still_on_the_road(town):
    warehouse, ginza, shibuya, shirt = town
    document = send(warehouse, shirt, ginza)
    first = arrive(document, ginza, shirt, 1, "A-1")

    with pytest.raises(InvalidInput):
        redirect(document, shibuya, " ")
    changed = redirect(document, shibuya)

    assert redirect(document, shibuya) == changed
    said = StockDocument.objects.get(pk=changed)
    assert (said.source_type, said.source_id, said.note, said.actor) == (
        "TRANSFER_REDIRECT", document, "destination was wrong", "staff:hanako",
    )  # fmt: skip
    assert not first.is_replay
    assert arrive(document, ginza, shirt, 1, "A-1").is_replay
    with pytest.raises(NotAllowedNow):
        arrive(document, ginza, shirt, 1, "A-2")
    arrive(document, shibuya, shirt, 3, "A-3")
    with pytest.raises(NotAllowedNow):
        redirect(document, ginza)
    assert (figures(shirt, ginza), figures(shirt, shibuya)) == ((1, 0), (3, 0))
    assert current_destinations([document])[document].location_id == shibuya.pk


def test_what_a_transfer_order_asked_for_or_never_was_on_a_road_goes_nowhere_else(town):
    warehouse, ginza, shibuya, shirt = town
    [asked_for] = services.request_transfers(
        requests=[TransferRequest("M-1", warehouse.pk, ginza.pk, {shirt.pk: 3})], **HOW
    )
    shipped = services.ship_transfer(order_id=asked_for, occurred_at=NOON, **HOW)
    direct = send(warehouse, shirt, None, to_location_id=ginza.pk)
    receipt = services.receive(
        external_id="R", location_id=road().pk, lines=[ReceiptLine(1, shirt.pk, 4, Decimal(100))], occurred_at=NOON, **HOW
    )  # fmt: skip

    with pytest.raises(NotAllowedNow):
        redirect(shipped, shibuya)
    for document in (direct, receipt.document_id):
        with pytest.raises(NotFound):
            redirect(document, shibuya)
        with pytest.raises(NotFound):
            arrive(document, shibuya, shirt, 1, f"A-{document}")
    assert StockDocument.objects.get(pk=shipped).destination_id == ginza.pk


# Pages


def works_at(client, login, *places):
    user = User.objects.create_user(login, is_staff=True)
    user.groups.add(Group.objects.get(name="店舗"))
    for place in places:
        ShopStaff.objects.create(user=user, location=place)
    client.force_login(user)


def typed(item, **fields):
    return {
        "external_id": "P-1", "occurred_at_0": "2026-11-23", "occurred_at_1": "12:00", "lines": f"{item.code},4", **fields,
    }  # fmt: skip


def test_a_shop_notes_the_arrival_only_of_what_goes_there(client, town):
    warehouse, ginza, shibuya, shirt = town
    document = send(warehouse, shirt, ginza)
    page = reverse("admin:inventory_arrive")

    works_at(client, "shibuya", shibuya)
    theirs = client.post(page, typed(shirt, transfer=document, to_location=shibuya.pk))
    assert theirs.context["form"].errors.keys() == {"transfer"}
    works_at(client, "ginza", ginza)
    shown = client.get(reverse("admin:inventory_stockdocument_change", args=[document]))
    own = client.post(page, typed(shirt, transfer=document, to_location=ginza.pk))

    assert shown.status_code == 200
    assert own.status_code == 302
    assert (figures(shirt, ginza), figures(shirt, road())) == ((4, 0), (0, 0))


def test_a_page_over_the_road_asks_where_the_goods_go(client, town):
    _warehouse, ginza, shibuya, shirt = town
    stock(shirt, ginza, 5)
    mall = location("MALL_HELD", holder_channel=channel())
    works_at(client, "ginza", ginza)
    page = reverse("admin:inventory_transfer")
    leaving = typed(shirt, from_location=ginza.pk, to_location=road().pk)

    nowhere = client.post(page, leaving)
    foreign = client.post(page, {**leaving, "destination": mall.pk})
    sent = client.post(page, {**leaving, "destination": shibuya.pk})

    assert nowhere.context["form"].errors.keys() == {"destination"}
    assert foreign.context["form"].errors.keys() == {"destination"}
    assert sent.status_code == 302
    assert StockDocument.objects.get(source_type="TRANSFER").destination_id == shibuya.pk


def test_only_whoever_may_send_from_there_changes_where_it_goes(client, town):
    warehouse, ginza, shibuya, shirt = town
    document = send(warehouse, shirt, ginza)
    page = reverse("admin:inventory_redirect")
    wanted = {"transfer": document, "destination": shibuya.pk, "reason": "渋谷で欠品のため"}

    works_at(client, "shibuya", shibuya)
    stolen = client.post(page, wanted)
    floor = User.objects.create_user("soko9", is_staff=True)
    floor.groups.add(Group.objects.get(name="倉庫"))
    client.force_login(floor)
    done = client.post(page, wanted, follow=True)

    assert stolen.context["form"].errors.keys() == {"transfer"}
    assert "到着地を変更しました" in done.content.decode()
    assert current_destinations([document])[document].location_id == shibuya.pk


def test_the_document_is_shown_to_the_shop_that_gets_the_goods_by_now_with_what_comes(client, town):
    warehouse, ginza, shibuya, shirt = town
    document = send(warehouse, shirt, ginza)
    changed = redirect(document, shibuya)
    pages = [reverse("admin:inventory_stockdocument_change", args=[key]) for key in (document, changed)]
    listed = reverse("admin:inventory_stockdocument_changelist")

    works_at(client, "ginza", ginza)
    no_longer = [client.get(page).status_code for page in pages]
    of_ginza = {row.pk for row in client.get(listed).context["cl"].result_list}
    works_at(client, "shibuya", shibuya)
    shown = [client.get(page) for page in pages]
    of_shibuya = {row.pk for row in client.get(listed).context["cl"].result_list}

    assert no_longer == [302, 302]
    assert [answer.status_code for answer in shown] == [200, 200]
    assert (of_ginza, of_shibuya) == (set(), {document, changed})
    [lines] = shown[0].context["inline_admin_formsets"]
    [line] = [form.instance for form in lines.formset.forms]
    assert (line.sku, line.location, line.quantity) == (shirt, road(), 4)


def test_what_a_transfer_order_sends_is_shown_to_the_shop_that_waits_for_it(client, town):
    warehouse, ginza, shibuya, shirt = town
    [asked_for] = services.request_transfers(
        requests=[TransferRequest("M-1", warehouse.pk, ginza.pk, {shirt.pk: 3})], **HOW
    )
    page = reverse(
        "admin:inventory_stockdocument_change",
        args=[services.ship_transfer(order_id=asked_for, occurred_at=NOON, **HOW)],
    )

    works_at(client, "shibuya", shibuya)
    theirs = client.get(page)
    works_at(client, "ginza", ginza)
    own = client.get(page)

    assert (theirs.status_code, own.status_code) == (302, 200)
    [lines] = own.context["inline_admin_formsets"]
    assert [(form.instance.location, form.instance.quantity) for form in lines.formset.forms] == [(road(), 3)]
