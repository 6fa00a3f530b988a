"""Pages for a tablet: transfers, distribution, adjustment and inspection by scanner, and whose goods they are."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from catalog.models import SkuCode
from erp.inventory import services
from erp.inventory.models import DistributionPattern, Location, PatternShare, ShopStaff, StockDocument, TransferOrder
from tests.customers.factories import account
from tests.inventory.factories import CLERK, figures, location, pool, sku, stock

pytestmark = pytest.mark.django_db
JAN = "4901234567894"


def staff(client, login, role, *places):
    user = User.objects.create_user(login, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    for place in places:
        ShopStaff.objects.create(user=user, location=place)
    client.force_login(user)


def goods(place, pieces):
    shirt = sku()
    SkuCode.objects.create(sku=shirt, code=JAN, kind="GTIN13", valid_from=timezone.localdate())
    stock(shirt, place, pieces, at=timezone.now())
    return shirt


def act(client, order, name, **typed):
    client.post(reverse("admin:inventory_transferorder_change", args=[order.pk]), {"act": name, **typed})
    order.refresh_from_db()
    return order.state


def test_a_shop_sends_another_receives_and_neither_does_the_part_of_the_other(client):
    shop, other, third = location("SHOP"), location("SHOP"), location("SHOP")
    shirt = goods(shop, 5)
    page = reverse("admin:inventory_transfer_request")
    staff(client, "sender", "店舗", shop)

    scanned = client.post(page, {"code": JAN, "from": shop.pk, "to": other.pk, f"pieces_{shirt.pk}": "1"})
    unknown = client.post(page, {"code": "999", "from": shop.pk})
    assert [(row.sku_id, row.typed["pieces"], row.unclaimed) for row in scanned.context["basket"].rows] == [
        (shirt.pk, "2", 5)
    ]
    assert (scanned.context["told_kind"], unknown.context["told_kind"]) == ("good", "bad")
    sent = {"from": shop.pk, "to": other.pk, "number": "M-1", f"pieces_{shirt.pk}": "2", "act": "ship"}
    assert client.post(page, sent).status_code == 302
    order = TransferOrder.objects.get()
    line = order.lines.get()
    assert act(client, order, "receive", **{f"pieces_{line.pk}": "2", "receipt": "x"}) == "SHIPPED"

    staff(client, "stranger", "店舗", third)
    assert client.get(reverse("admin:inventory_transferorder_change", args=[order.pk])).status_code == 404
    assert client.post(page, {**sent, "number": "M-2", "from": shop.pk, "to": other.pk}).status_code == 403

    staff(client, "receiver", "店舗", other)
    assert act(client, order, "receive", **{f"pieces_{line.pk}": "1", "receipt": "IN-1"}) == "SHIPPED"
    act(client, order, "report")
    assert act(client, order, "write_off") == "SHIPPED"
    staff(client, "keiri1", "経理")
    assert act(client, order, "write_off") == "DONE"
    assert (figures(shirt, shop), figures(shirt, other)) == ((3, 0), (1, 0))


def test_a_distribution_is_proposed_changed_confirmed_and_undone(client):
    warehouse, shops = location(), [location("SHOP") for _ in range(2)]
    shirt = goods(warehouse, 9)
    pattern = DistributionPattern.objects.create(name="大型店2倍")
    for place, weight in zip(shops, (2, 1), strict=True):
        PatternShare.objects.create(pattern=pattern, location=place, weight=weight)
    staff(client, "md1", "商品管理")
    typed = {
        "external_id": "H-1",
        "source": warehouse.pk,
        "styles": shirt.product.code,
        "to": [place.pk for place in shops],
    }
    page = client.post(reverse("admin:inventory_distribute"), typed)["Location"]

    def cells():
        return [cell["pieces"] for row in client.get(page).context["table"] for cell in row["cells"]]

    client.post(page, {"act": "propose", "rule": "PATTERN", "pattern": pattern.pk})
    by_pattern = cells()
    client.post(page, {"act": "propose", "rule": "TARGET", "figure": "3"})
    assert (by_pattern, cells()) == ([6, 3], [3, 3])
    too_many = {f"pieces_{shirt.pk}_{place.pk}": "5" for place in shops}
    client.post(page, {"act": "confirm", **too_many})
    assert (figures(shirt, warehouse), TransferOrder.objects.count()) == ((9, 0), 0)
    client.post(page, {"act": "confirm", **too_many, f"pieces_{shirt.pk}_{shops[1].pk}": "4"})
    assert figures(shirt, warehouse) == (9, 9)
    client.post(page, {"act": "undo"})
    assert (figures(shirt, warehouse), list(TransferOrder.objects.values_list("state", flat=True))) == (
        (9, 0), ["CANCELLED"] * 2,
    )  # fmt: skip
    staff(client, "tencho", "店舗", shops[0])
    assert client.get(reverse("admin:inventory_distribute")).status_code == 403


def test_an_adjustment_shows_now_and_afterwards_and_is_booked_once(client):
    shop, _other = location("SHOP"), location("SHOP")
    shirt = goods(shop, 5)
    page = reverse("admin:inventory_handle")
    staff(client, "tencho", "店舗", shop)

    seen = client.post(page, {"code": JAN, "reason": "DAMAGE"})
    foreseen = seen.context["foreseen"][0]
    assert (seen.context["places"], foreseen.row.on_hand, foreseen.afterwards) == ([shop], 5, 4)
    booking = {"number": "A-1", "reason": "DAMAGE", "act": "book", f"pieces_{shirt.pk}": "2"}
    assert client.post(page, {**booking, "reason": ""}).context["told_kind"] == "bad"
    assert client.post(page, {**booking, f"pieces_{shirt.pk}": "6"}).status_code == 200
    for _again in range(2):
        client.post(page, booking)

    assert figures(shirt, shop) == (3, 0)
    assert StockDocument.objects.filter(source_type="ADJUSTMENT").count() == 1


def test_a_press_again_in_another_minute_is_the_same_act_and_a_new_page_another(client):
    warehouse, shop, waiting = location(), location("SHOP"), location("INSPECTION")
    pool("DEFECT")
    shirt = goods(warehouse, 9)
    stock(shirt, waiting, 2, at=timezone.now())
    staff(client, "soko1", "倉庫")
    start = timezone.now().replace(second=59, microsecond=900_000)

    def pressed(page, typed):
        """What is told to whoever presses at the end of a minute, and again in the next one."""
        told = []
        for moment in (start, start + dt.timedelta(minutes=1)):
            with time_machine.travel(moment, tick=False):
                told.append([str(each) for each in client.post(page, typed, follow=True).context["messages"]])
        return told

    handle, sort, request = (reverse(f"admin:inventory_{name}") for name in ("handle", "sort", "transfer_request"))
    numbers = [client.get(page).context["number"] for page in (handle, handle)]
    taken = {"location": warehouse.pk, "reason": "DAMAGE", "act": "book", f"pieces_{shirt.pk}": "2"}
    assert pressed(handle, {**taken, "number": numbers[0]}) == [
        ["登録しました。"],
        ["登録済みの伝票です。変更はありません。"],
    ]
    assert figures(shirt, warehouse) == (7, 0)
    assert pressed(handle, {**taken, "number": numbers[1]})[1] == ["登録済みの伝票です。変更はありません。"]
    assert figures(shirt, warehouse) == (5, 0)

    verdict = {"location": waiting.pk, "target": shop.pk, "number": "K-1", "act": "book", f"sellable_{shirt.pk}": "2"}
    assert pressed(sort, verdict)[1] == ["登録済みの伝票です。変更はありません。"]
    assert (figures(shirt, waiting), figures(shirt, shop)) == ((0, 0), (2, 0))

    sent = {"from": warehouse.pk, "to": shop.pk, "number": "M-1", "act": "ship", f"pieces_{shirt.pk}": "3"}
    pressed(request, sent)
    order = TransferOrder.objects.get()
    page = reverse("admin:inventory_transferorder_change", args=[order.pk])
    receipt = {"act": "receive", "receipt": "IN-1", f"pieces_{order.lines.get().pk}": "2"}
    pressed(page, receipt)
    assert (figures(shirt, warehouse), figures(shirt, shop), order.lines.get().received) == ((2, 0), (4, 0), 2)


def test_inspection_scans_into_the_chosen_verdict(admin_client):
    waiting, shop = location("INSPECTION"), location("SHOP")
    pool("DEFECT")
    shirt = goods(waiting, 3)
    page = reverse("admin:inventory_sort")

    first = admin_client.get(page)
    scanned = admin_client.post(page, {"code": JAN, "into": "scrapped", "location": waiting.pk, "target": shop.pk})
    assert first.context["waiting"] == [(shirt.code, f"{shirt.product.name}", 3)]
    assert scanned.context["rows"][0].typed == {"sellable": "", "defective": "", "scrapped": "1"}
    verdict = {f"sellable_{shirt.pk}": "1", f"defective_{shirt.pk}": "1", f"scrapped_{shirt.pk}": "1"}
    admin_client.post(page, {"act": "book", "number": "K-1", "location": waiting.pk, "target": shop.pk, **verdict})

    defects = Location.objects.get(code="DEFECT")
    assert [figures(shirt, place)[0] for place in (waiting, shop, defects)] == [0, 1, 1]


def test_absurd_figures_are_refused_in_words(admin_client):
    warehouse, shop = location(), location("SHOP")
    shirt = goods(warehouse, 5)
    digits = "9" * 5000
    typed = {
        "act": "ship",
        "number": "N",
        "from": warehouse.pk,
        "to": shop.pk,
        "location": warehouse.pk,
        f"pieces_{shirt.pk}": digits,
    }

    for name in ("transfer_request", "handle"):
        answer = admin_client.post(reverse(f"admin:inventory_{name}"), typed)
        assert (answer.status_code, answer.context["told_kind"]) == (200, "bad")
    assert admin_client.get(reverse("admin:inventory_stockcount_change", args=[digits])).status_code == 404
    assert not TransferOrder.objects.exists()


def test_a_place_that_is_not_ones_own_is_no_reason_to_book_at_ones_own(client):
    shop, other = location("SHOP"), location("SHOP")
    shirt = goods(shop, 5)
    staff(client, "tencho", "店舗", shop)

    typed = {"act": "book", "number": "A-1", "location": other.pk, "reason": "LOSS", f"pieces_{shirt.pk}": "1"}
    answer = client.post(reverse("admin:inventory_handle"), typed)

    assert (answer.status_code, answer.context["told_kind"]) == (200, "bad")
    assert figures(shirt, shop) == (5, 0)


def test_who_sets_up_places_reads_the_names_of_no_accounts(client):
    record = account(name="秘密商店")
    held = location("CONSIGNED", holder_account_id=record.pk)
    page = reverse("admin:inventory_location_change", args=[held.pk])

    told = {}
    for login, role in (("system", "システム管理"), ("soko", "倉庫"), ("keiri", "経理")):
        staff(client, login, role)
        content = client.get(page).content.decode()
        told[role] = (record.code in content, "秘密商店" in content)

    assert told == {"システム管理": (True, False), "倉庫": (True, False), "経理": (True, True)}


def test_a_shop_asks_the_warehouse_and_reaches_no_other_stock_by_its_number(client):
    warehouse, shop, other = location("WAREHOUSE"), location("SHOP"), location("SHOP")
    held = location("CONSIGNED", holder_account_id=1)
    shirt = goods(other, 3)
    for place in (warehouse, held):
        stock(shirt, place, 9, at=timezone.now())
    page = reverse("admin:inventory_transfer_request")
    staff(client, "tenpo1", "店舗", shop)
    typed = {"to": shop.pk, "number": "M-1", f"pieces_{shirt.pk}": "3", "act": "request"}

    form = client.get(page).context
    scanned = {place: client.post(page, {"code": JAN, "from": place.pk}) for place in (warehouse, other, held)}
    foreign = [client.post(page, {**typed, "from": place.pk}).status_code for place in (other, held)]
    sent = client.post(page, {**typed, "from": shop.pk, "to": held.pk}).status_code
    between = client.post(page, {**typed, "from": warehouse.pk, "to": other.pk})
    shipped = client.post(page, {**typed, "from": warehouse.pk, "act": "ship"})

    assert {place.pk for place in form["starts"]} == {warehouse.pk, shop.pk}
    assert {place.pk for place in form["ends"]} == {warehouse.pk, shop.pk, other.pk}
    assert [scanned[place].status_code for place in (warehouse, other, held)] == [200, 403, 403]
    assert '<td class="figure">–</td>' in scanned[warehouse].content.decode()
    assert [row.unclaimed for row in scanned[warehouse].context["basket"].rows] == [0]
    assert (foreign, sent) == ([403, 403], 403)
    assert (between.context["told_kind"], shipped.context["told_kind"]) == ("bad", "bad")
    assert not TransferOrder.objects.exists()
    assert [figures(shirt, place) for place in (other, held, warehouse)] == [(3, 0), (9, 0), (9, 0)]

    assert client.post(page, {**typed, "from": warehouse.pk}).status_code == 302
    assert figures(shirt, warehouse) == (9, 3)


def test_the_acts_of_a_transfer_belong_to_its_ends_whatever_is_posted(client):
    warehouse, shop, other = location("WAREHOUSE"), location("SHOP"), location("SHOP")
    shirt = goods(warehouse, 9)
    staff(client, "tenpo1", "店舗", shop)
    asked = {"from": warehouse.pk, "to": shop.pk, "number": "M-1", f"pieces_{shirt.pk}": "3", "act": "request"}
    client.post(reverse("admin:inventory_transfer_request"), asked)
    order = TransferOrder.objects.get()
    pieces = {f"pieces_{order.lines.get().pk}": "3"}

    assert act(client, order, "ship", **pieces) == "REQUESTED"
    assert act(client, order, "receive", receipt="x", **pieces) == "REQUESTED"
    staff(client, "tenpo2", "店舗", other)
    url = reverse("admin:inventory_transferorder_change", args=[order.pk])
    for name in ("ship", "receive", "cancel", "ask_again", "report", "write_off"):
        assert client.post(url, {"act": name, "receipt": "x", **pieces}).status_code == 404
    order.refresh_from_db()
    assert (order.state, figures(shirt, warehouse)) == ("REQUESTED", (9, 3))

    staff(client, "soko1", "倉庫")
    assert act(client, order, "ship", **pieces) == "SHIPPED"
    client.force_login(User.objects.get(username="tenpo1"))
    assert act(client, order, "cancel") == "SHIPPED"
    assert act(client, order, "receive", receipt="x", **pieces) == "DONE"
    assert figures(shirt, shop) == (3, 0)


def test_who_waits_for_another_shop_claims_nothing_there(client):
    shop, other = location("SHOP"), location("SHOP")
    shirt = goods(other, 3)
    staff(client, "tenpo2", "店舗", other)
    asked = {"from": other.pk, "to": shop.pk, "number": "M-1", f"pieces_{shirt.pk}": "3", "act": "request"}
    assert client.post(reverse("admin:inventory_transfer_request"), asked).status_code == 302
    sell(other, shirt, 1)
    stock(shirt, other, 5, at=timezone.now())
    order = TransferOrder.objects.get()

    staff(client, "tenpo1", "店舗", shop)
    act(client, order, "ask_again")
    assert figures(shirt, other) == (7, 2)
    client.force_login(User.objects.get(username="tenpo2"))
    act(client, order, "ask_again")
    assert figures(shirt, other) == (7, 3)


def sell(place, shirt, pieces):
    services.record_physical_fact(
        source_type="SHOP_SALE", source_id=1, location_id=place.pk, lines=[services.PhysicalLine(1, shirt.pk, pieces)],
        occurred_at=timezone.now(), at=timezone.now(), by=CLERK,
    )  # fmt: skip
