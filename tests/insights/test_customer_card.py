"""顧客カルテ: one customer on one page, as far as the user may know it, in as many questions for many orders as for few."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.models import Account, BillTo, ChannelIdentity, ExposureEntry, GoldenCustomer, MergeEvent, ShipTo
from customers.services import CustomerData, ExposureDelta, add_exposure, merge_records
from erp.back_office.roles import ROLES
from erp.core.actors import Actor
from erp.insights.selectors import card_of_account, card_of_customer
from erp.insights.services import refresh_rfm
from erp.inventory.models import ShopStaff
from erp.orders.models import ShipmentLine
from erp.orders.services import ReturnedLine, SoldUnits, cancel_order, record_return, report_sales
from tests.back_office import access
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import channel, location, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db
HOW = {"at": NOON, "by": DESK}
BY_NAME = {role.name: role for role in ROLES}


@pytest.fixture
def store():
    site, place = shop()
    goods = sku()
    stock(goods, place, 1_000, unit_value=400)
    return site, goods


def buys(store, who: str, external_id: str, quantity: int = 1, days_ago: int = 0):
    site, goods = store
    sent = order(
        line(goods, quantity),
        external_id=external_id,
        orderer_external_id=who,
        orderer=CustomerData(family_name=who, given_name="花子"),
        ordered_at=NOON - dt.timedelta(days=days_ago),
    )
    return placed(site, sent)


def golden_of(store, who: str) -> int:
    return ChannelIdentity.objects.get(channel=store[0], external_id=who).record.golden_id


def test_what_was_bought_is_what_the_scores_were_made_from(store):
    kept = buys(store, "sato", "A-1", 3, days_ago=3)
    shipped(kept)
    part = ShipmentLine.objects.get(shipment__order=kept)
    record_return(order_id=kept.pk, external_id="r-1", lines=[ReturnedLine(part.pk, 1)], **HOW)
    buys(store, "sato", "A-2", 1, days_ago=1)
    refresh_rfm(as_of=TODAY, at=NOON, by=Actor.job("rfm"))

    card = card_of_customer(golden_of(store, "sato"), on=TODAY)

    assert card.sum.orders == card.scored.row.order_count == 2
    assert card.sum.amount == card.scored.row.amount == 1100 * 3
    assert card.sum.last_order_date == card.scored.row.last_order_date
    assert card.scored.days == 1
    assert (card.sum.units, card.sum.returned) == (4, 1)
    # Two pieces at 1,000 without tax were posted as sold and stayed; each cost 400.
    assert (card.sum.net, card.sum.cost, card.sum.margin) == (2000, 800, 1200)
    assert [row.number for row in card.orders] == [order.number for order in (card.orders[0], kept)]
    assert [back.order_id for back in card.returns] == [kept.pk]
    assert [one.units for one in card.favourites] == [3]


def test_what_the_list_shows_and_the_figure_does_not_is_told(store, client):
    buys(store, "sato", "A-1")
    buys(store, "sato", "A-2")
    buys(store, "sato", "A-3")
    cancel_order(channel=store[0].code, external_id="A-3", **HOW)
    client.force_login(User.objects.create_superuser("mika"))

    page = client.get(f"/admin/insights/customerrfm/customer/{golden_of(store, 'sato')}/")
    [row] = page.context["card"].channels
    url = re.search(r'href="(/admin/orders/order/[^"]*channel[^"]*)"', page.content.decode())[1]
    listed = client.get(url.replace("&amp;", "&")).context["cl"].result_list

    assert (row.orders, row.uncounted, row.on_account) == (2, 1, 0)
    assert len(listed) == row.orders + row.uncounted
    assert "ほかに集計外 1 件" in page.content.decode()


def test_what_names_the_account_alone_is_told_apart(store, client):
    buys(store, "sato", "A-1")
    golden = golden_of(store, "sato")
    record = ChannelIdentity.objects.get(external_id="sato").record
    account("AC1", bill_to=bill_to("B1"), record=record)
    placed(store[0], order(line(store[1]), external_id="W-1", account_code="AC1", payments=()))

    [row] = card_of_customer(golden, on=TODAY).channels

    assert (row.orders, row.uncounted, row.on_account) == (2, 0, 1)


def test_channels_add_up_to_the_whole(store):
    other = shop()[0], store[1]
    stock(store[1], shop()[1], 1)
    buys(store, "sato", "A-1", 2)
    far = channel(location())
    stock(store[1], location(), 1)
    buys((far, store[1]), "sato", "B-1", 1)
    merge_records(
        record_ids=list(ChannelIdentity.objects.values_list("record", flat=True)),
        into_golden_id=golden_of(store, "sato"),
        reason="same phone",
        **HOW,
    )

    card = card_of_customer(golden_of(store, "sato"), on=TODAY)

    assert other
    assert len(card.channels) == 2
    assert card.sum.amount == sum(row.amount for row in card.channels) == 3300
    assert card.sum.orders == 2


def test_every_source_says_why_it_belongs_here_and_the_last_merge_is_undone_on_the_page(store, client):
    buys(store, "sato", "A-1")
    buys(store, "satou", "A-2")
    first, second = golden_of(store, "sato"), golden_of(store, "satou")
    [merge] = merge_records(
        record_ids=[ChannelIdentity.objects.get(external_id="satou").record_id],
        into_golden_id=first,
        reason="電話番号が同じ",
        **HOW,
    )
    client.force_login(access.make_user(BY_NAME["受注担当"]))

    page = client.get(f"/admin/insights/customerrfm/customer/{first}/")
    card = page.context["card"]

    assert [source.came_by for source in card.sources] == [None, merge]
    assert [(identity.external_id) for source in card.sources for identity in source.identities] == ["sato", "satou"]
    assert "電話番号が同じ" in page.content.decode()
    assert "統合を取り消す" in page.content.decode()

    done = client.post(f"/admin/insights/customerrfm/customer/{first}/undo/", {"merge": merge.pk}, follow=True)

    assert done.status_code == 200
    assert golden_of(store, "satou") == second
    back = card_of_customer(first, on=TODAY)
    assert [(one.is_undone, one.can_be_undone) for one in back.merges] == [(False, False), (True, False)]
    assert len(back.sources) == 1


def test_who_may_not_act_undoes_nothing(store, client):
    buys(store, "sato", "A-1")
    buys(store, "satou", "A-2")
    first = golden_of(store, "sato")
    [merge] = merge_records(
        record_ids=[ChannelIdentity.objects.get(external_id="satou").record_id], into_golden_id=first, reason="x", **HOW
    )
    client.force_login(access.make_user(BY_NAME["経営"]))

    page = client.get(f"/admin/insights/customerrfm/customer/{first}/")
    refused = client.post(f"/admin/insights/customerrfm/customer/{first}/undo/", {"merge": merge.pk})

    assert "統合を取り消す" not in page.content.decode()
    assert refused.status_code == 403
    assert MergeEvent.objects.count() == 1


# --- Business --------------------------------------------------------------------------------------------------------


@pytest.fixture
def partner():
    group = credit_group(limit=1_000)
    bill_to = BillTo.objects.create(code="B9", name="本社経理", credit_group=group, closing_day=20)
    account = Account.objects.create(code="A9", name="みどり商店", bill_to=bill_to)
    ShipTo.objects.create(account=account, code="S1", name="渋谷店")
    deltas = [("OPEN_ORDER", 700), ("UNBILLED", 300), ("RECEIVABLE", 250), ("DEPOSIT", -50)]
    add_exposure(deltas=[ExposureDelta(group.pk, kind, Decimal(amount), "ORDER", 1) for kind, amount in deltas], **HOW)
    return account


def test_the_terms_of_the_exposure_add_up_and_each_leads_to_its_rows(partner, client):
    client.force_login(access.make_user(BY_NAME["経理"]))

    page = client.get(f"/admin/insights/customerrfm/account/{partner.pk}/")
    card = page.context["card"]
    [(_account, terms)] = page.context["accounts"]
    [one] = card.accounts

    assert [amount for _kind, amount in one.exposure.terms] == [700, 300, 250, -50]
    assert one.exposure.total == one.exposure.standing.exposure == 1200
    assert one.exposure.standing.available == -200
    assert [ship_to.name for ship_to in one.ship_tos] == ["渋谷店"]
    for _label, amount, url in terms:
        rows = client.get(url).context["cl"].result_list
        assert sum(row.amount for row in rows) == amount
    for told in ("得意先", "請求先", "納品先", "渋谷店", "締め日", "受注残"):
        assert told in page.content.decode()
    assert ExposureEntry.objects.count() == 4


def on_account(store, code, number, units):
    sent = order(line(store[1], units), external_id=number, account_code=code, payments=())
    [parcel] = shipped(placed(store[0], sent))
    return parcel


def test_what_is_open_of_the_whole_bill_to_says_so_and_which_part_is_the_account_s_own(store, client):
    debtor = bill_to("B1")
    first, second = account("W01", bill_to=debtor), account("W02", bill_to=debtor)
    on_account(store, "W01", "W-1", 1)
    on_account(store, "W02", "W-2", 2)
    client.force_login(access.make_user(BY_NAME["経理"]))

    answer = client.get(f"/admin/insights/customerrfm/account/{first.pk}/")
    page = " ".join(answer.content.decode().split())
    [(debt, url)] = answer.context["debts"]
    listed = client.get(url).context["cl"].result_list

    assert (debt.codes, debt.is_shared, debt.owed, debt.own, debt.unnamed) == (["W01", "W02"], True, 3300, 1100, 0)
    assert answer.context["card"].sum.amount == 1100
    assert "請求先 B1 全体(W01・W02)" in page
    assert "得意先 W01 のみ" in page
    assert "うち得意先 W01 分" in page
    assert sum(item.remaining_amount for item in listed) == debt.owed
    assert {item.party_id for item in listed} == {debtor.pk}
    assert second.pk


def test_what_a_sales_report_owes_is_of_the_account_that_holds_the_goods(store):
    place = location()
    site = channel(place, kind="WHOLESALE", revenue_basis="SALES_REPORT")
    stock(store[1], place, 10, unit_value=400)
    debtor = bill_to("B1")
    first, second = account("W01", bill_to=debtor), account("W02", bill_to=debtor)
    [mine] = on_account((site, store[1]), "W01", "W-1", 5).lines.all()
    [other] = on_account((site, store[1]), "W02", "W-2", 5).lines.all()

    def told(*sold: SoldUnits) -> list[tuple[Decimal, Decimal, Decimal]]:
        report_sales(channel=site.code, external_id=f"R-{len(sold)}-{sold[0].shipment_line_id}", lines=sold, **HOW)
        debts = [card_of_account(one.pk, on=TODAY).debts for one in (first, second)]
        return [(debt.owed, debt.own, debt.unnamed) for [debt] in debts]

    assert told(SoldUnits(mine.pk, 1)) == [(1100, 1100, 0), (1100, 0, 0)]
    assert told(SoldUnits(other.pk, 2)) == [(3300, 1100, 0), (3300, 2200, 0)]
    # A report of what several accounts sold owes as a whole.
    assert told(SoldUnits(mine.pk, 1), SoldUnits(other.pk, 1)) == [(5500, 1100, 2200), (5500, 2200, 2200)]


def test_a_bill_to_of_one_account_tells_no_parts(store, client):
    only = account("W01", bill_to=bill_to("B1"))
    on_account(store, "W01", "W-1", 1)
    client.force_login(access.make_user(BY_NAME["経理"]))

    page = client.get(f"/admin/insights/customerrfm/account/{only.pk}/").content.decode()

    assert "請求先 B1 全体(W01)" in page
    assert "うち得意先" not in page


def test_an_account_of_a_known_customer_shows_that_customer(partner, store):
    buys(store, "sato", "A-1")
    record = ChannelIdentity.objects.get(external_id="sato").record
    Account.objects.filter(pk=partner.pk).update(record=record)

    card = card_of_account(partner.pk, on=TODAY)

    assert card.golden.pk == record.golden_id
    assert [one.account.code for one in card.accounts] == ["A9"]
    assert card.sum.orders == 1


# --- Who sees what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_each_role_sees_what_it_may(store, partner, client, role):
    shipped(buys(store, "sato", "A-1"))
    Account.objects.filter(pk=partner.pk).update(record=ChannelIdentity.objects.get(external_id="sato").record)
    user = access.make_user(role)
    client.force_login(user)

    page = client.get(f"/admin/insights/customerrfm/customer/{golden_of(store, 'sato')}/")

    if not user.has_perm("customers.view_goldencustomer"):
        assert page.status_code == 403
        return
    text = page.content.decode()
    assert ("粗利" in text) == user.has_perm("core.see_costs")
    assert ("与信限度額" in text) == user.has_perm("customers.view_creditgroup")
    assert ("期限超過" in text) == user.has_perm("accounting.view_openitem")


def test_the_staff_of_a_shop_see_their_own_customers_and_sales_only(store, client):
    own = location("SHOP")
    till = channel(own, kind="SHOP")
    stock(store[1], own, 10)
    buys((till, store[1]), "aoki", "T-1")
    buys(store, "sato", "A-1")
    buys(store, "aoki", "A-2", 5)
    here, elsewhere = golden_of((till, None), "aoki"), golden_of(store, "sato")
    merge_records(
        record_ids=[ChannelIdentity.objects.get(channel=store[0], external_id="aoki").record_id],
        into_golden_id=here,
        reason="x",
        **HOW,
    )
    user = User.objects.create_user("aoi", is_staff=True)
    user.groups.add(Group.objects.get(name="店舗"))
    user.user_permissions.add(
        *Permission.objects.filter(
            codename__in=["view_goldencustomer", "view_customerrecord", "view_account", "view_mergeevent"]
        )
    )
    ShopStaff.objects.create(user=user, location=own)
    client.force_login(user)

    page = client.get(f"/admin/insights/customerrfm/customer/{here}/")

    card = page.context["card"]
    assert [source.record.channel_id for source in card.sources] == [till.pk]
    assert [row.channel_id for row in card.orders] == [till.pk]
    assert card.sum.amount == 1100
    assert (card.merges, card.accounts, card.items, card.scored) == ([], [], [], None)
    assert client.get(f"/admin/insights/customerrfm/customer/{elsewhere}/").status_code == 404
    assert client.get("/admin/insights/customerrfm/account/1/").status_code == 403


def test_nobody_is_not_found(client):
    client.force_login(User.objects.create_superuser("mika"))

    assert client.get("/admin/insights/customerrfm/customer/999999/").status_code == 404
    assert client.get("/admin/insights/customerrfm/account/999999/").status_code == 404
    lonely = GoldenCustomer.objects.create(created_at=NOON, display_name="鈴木")
    assert client.get(f"/admin/insights/customerrfm/customer/{lonely.pk}/").status_code == 200


def test_as_many_questions_for_many_orders_records_and_accounts_as_for_few(store, partner):
    def asked(golden_id: int) -> int:
        with CaptureQueriesContext(connection) as questions:
            card_of_customer(golden_id, on=TODAY)
        return len(questions)

    shipped(buys(store, "sato", "A-1"))
    golden_id = golden_of(store, "sato")
    record = ChannelIdentity.objects.get(external_id="sato").record
    Account.objects.filter(pk=partner.pk).update(record=record)
    few = asked(golden_id)
    for number in range(4):
        shipped(buys(store, f"sato-{number}", f"B-{number}"))
        Account.objects.create(code=f"C{number}", name="x", bill_to=partner.bill_to, record=record)
    merge_records(
        record_ids=list(ChannelIdentity.objects.values_list("record", flat=True)),
        into_golden_id=golden_id,
        reason="x",
        **HOW,
    )

    assert asked(golden_id) == few <= 17


def test_the_orders_behind_the_card_are_listed(store, client):
    bought = buys(store, "sato", "A-1")
    buys(store, "tanaka", "A-2")
    client.force_login(User.objects.create_superuser("mika"))

    listed = client.get(f"/admin/orders/order/?customer_record__golden__id__exact={golden_of(store, 'sato')}")

    assert [row.pk for row in listed.context["cl"].result_list] == [bought.pk]


@pytest.mark.parametrize(("role", "has_card"), [("受注担当", True), ("EC運営", False)])
def test_the_list_of_scores_leads_to_the_card_of_those_only_who_may_open_it(client, store, role, has_card):
    shipped(buys(store, "sato", "A-1"))
    refresh_rfm(as_of=TODAY, **HOW)
    user = User.objects.create_user("one", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)

    page = client.get("/admin/insights/customerrfm/").content.decode()

    assert "sato" in page
    assert (f"/admin/insights/customerrfm/customer/{golden_of(store, 'sato')}/" in page) == has_card
