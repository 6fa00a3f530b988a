"""入荷配分(受注) as pages: proposed by each rule, changed, looked at beforehand, confirmed, pressed twice, undone; and who may."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from erp.inventory.services import ExpectedLine, ReceiptLine, expect_receipt, receive
from erp.orders.models import AllocationRule, OrderDistribution
from tests.customers.factories import account, bill_to
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, shop

pytestmark = pytest.mark.django_db
BEGIN = "admin:orders_distribute"


def staff(client, login, role):
    user = User.objects.create_user(login, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)


@pytest.fixture
def trade():
    """Two accounts that want seven and three of the eight shirts there."""
    channel, place = shop(kind="WHOLESALE")
    AllocationRule.objects.create(channel=channel, mode="BY_HAND")
    first, second = (account(f"AC{n}", bill_to=bill_to(f"B{n}")) for n in (1, 2))
    shirt = sku()
    stock(shirt, place, 8)
    for number, code, pieces in (("A-1", "AC1", 7), ("A-2", "AC2", 3)):
        placed(channel, order(line(shirt, pieces), external_id=number, account_code=code, payments=()))
    return place, shirt, first, second


def begun(client, place, shirt, **typed):
    asked = {"external_id": "H-1", "source": place.pk, "styles": shirt.product.code, **typed}
    return client.post(reverse(BEGIN), asked)


def cells(client, page):
    context = client.get(page).context
    return [cell["pieces"] for row in context["table"] for cell in row["cells"]], context["row"].version


def test_a_matrix_is_proposed_by_each_rule_looked_at_confirmed_twice_and_undone(client, trade):
    place, shirt, first, second = trade
    staff(client, "md1", "商品管理")
    page = begun(client, place, shirt, kept="2")["Location"]

    def propose(rule, **more):
        client.post(page, {"act": "propose", "version": cells(client, page)[1], "rule": rule, **kept, **more})
        return cells(client, page)[0]

    kept = {f"kept_{shirt.pk}": "2"}
    by_rule = {rule: propose(rule) for rule in ("PRIORITY", "ARRIVAL", "WANTED", "EQUAL")}
    assert by_rule == {"PRIORITY": [6, 0], "ARRIVAL": [6, 0], "WANTED": [4, 2], "EQUAL": [3, 3]}
    assert propose("WANTED", keep="50", keep_as="percent") == [3, 1]
    assert OrderDistribution.objects.get().kept_back == {str(shirt.pk): 4}

    typed = {f"pieces_{shirt.pk}_{first.pk}": "5", f"pieces_{shirt.pk}_{second.pk}": "3", f"kept_{shirt.pk}": "0"}
    version = cells(client, page)[1]
    seen = client.post(page, {"act": "preview", "version": version, **typed})
    foreseen = [(each.account_id, lines, each.lacks_after) for each, _account, lines in seen.context["foreseen"]]
    assert foreseen == [(first.pk, [(shirt.code, 5, 2)], 2), (second.pk, [(shirt.code, 3, 0)], 0)]
    assert figures(shirt, place) == (8, 0)
    told = [client.post(page, {"act": "confirm", "version": version, **typed}, follow=True) for _again in range(2)]

    assert figures(shirt, place) == (8, 8)
    assert "8点のうち8点を2件の受注に引き当てました" in told[0].content.decode()
    assert "登録済みの伝票です。変更はありません。" in told[1].content.decode()
    assert [row.reserved for row in told[1].context["results"]] == [5, 3]
    before = client.get(page).context["table"][0]["available"]
    client.post(page, {"act": "undo"})
    assert client.get(page).context["table"][0]["available"] == before
    assert (figures(shirt, place), OrderDistribution.objects.get().state) == ((8, 0), "UNDONE")


def test_the_second_person_is_told_and_sees_what_was_typed_where_too_much_was_given(client, trade):
    place, shirt, first, second = trade
    staff(client, "md1", "商品管理")
    page = begun(client, place, shirt)["Location"]
    typed = {f"pieces_{shirt.pk}_{first.pk}": "8", f"pieces_{shirt.pk}_{second.pk}": "3"}

    refused = client.post(page, {"act": "confirm", "version": 1, **typed})
    assert [cell["pieces"] for row in refused.context["table"] for cell in row["cells"]] == [8, 3]
    assert len(refused.context["over"]) == 1
    typed[f"pieces_{shirt.pk}_{first.pk}"] = "5"
    client.post(page, {"act": "confirm", "version": 1, **typed})
    staff(client, "juchu1", "受注担当")
    second_one = client.post(page, {"act": "confirm", "version": 1, **typed}, follow=True)

    told = [str(each) for each in second_one.context["messages"]]
    assert "md1" in told[-1]
    assert "確定済み" in told[-1]
    assert figures(shirt, place) == (8, 8)


def test_both_ways_of_sharing_out_lead_to_each_other(client, trade):
    place, shirt, _first, _second = trade
    staff(client, "md1", "商品管理")
    page = begun(client, place, shirt)["Location"]

    to_places = client.get(page).context["to_places"]
    assert (
        to_places == f"{reverse('admin:inventory_distribute')}?source={place.pk}&purchase=&styles={shirt.product.code}"
    )
    form = client.get(to_places).context["form"]
    assert (form["source"].value(), form["styles"].value()) == (str(place.pk), shirt.product.code)
    listed = client.get(reverse("admin:inventory_distribution_changelist")).content.decode()
    assert reverse(BEGIN) in listed


def test_only_what_came_of_a_delivery_and_is_free_is_offered(client, trade):
    place, shirt, _first, _second = trade
    [expected] = expect_receipt(
        external_id="PO-1", location_id=place.pk, lines=[ExpectedLine(1, shirt.pk, 5, TODAY)], at=NOON, by=DESK
    )
    staff(client, "md1", "商品管理")
    page = begun(client, place, shirt, purchase="PO-1")["Location"]
    assert client.get(page).context["table"][0]["available"] == 0
    part = ReceiptLine(1, shirt.pk, 3, Decimal(100), expected)
    receive(external_id="R-1", location_id=place.pk, lines=[part], occurred_at=NOON, at=NOON, by=DESK)

    assert client.get(page).context["table"][0]["available"] == 3


def test_unknown_accounts_are_named_and_who_may_not_is_refused(client, trade):
    place, shirt, _first, second = trade
    staff(client, "md1", "商品管理")

    refused = begun(client, place, shirt, accounts="AC2 AC9")
    assert "AC9" in str(refused.context["form"].errors["accounts"])
    page = begun(client, place, shirt, accounts="AC2")["Location"]
    assert OrderDistribution.objects.get().asked["accounts"] == [second.pk]
    staff(client, "soko1", "倉庫")
    assert client.get(reverse(BEGIN)).status_code == 403
    staff(client, "keiei1", "経営")
    assert client.get(page).status_code == 200
    assert client.post(page, {"act": "undo"}).status_code == 403
