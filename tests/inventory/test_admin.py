"""The back office's pages open, are read-only where they must be, and act through services."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.urls import reverse

from catalog.models import KitComponent, Sku
from erp.core.models import AuditRow
from erp.inventory import services
from erp.inventory.models import ChannelPolicy, ExpectedReceipt, Hold, Location, StockDocument
from erp.inventory.services import Demand, ExpectedLine, HoldDemand, PhysicalLine
from tests.inventory.factories import CLERK, NOON, channel, entries, figures, location, sku, statements, stock, worth

pytestmark = pytest.mark.django_db
PAGES = [
    "stockbalance", "costbalance", "stockdocument", "stockmovement", "reservation", "hold", "expectedreceipt",
    "provisionalreceipt", "location", "costpool", "channellocation", "channelpolicy", "reason",
]  # fmt: skip
EDITED = {"location", "costpool", "channellocation", "channelpolicy", "reason"}
TYPED = EDITED | {"hold", "expectedreceipt"}


@pytest.fixture
def shelf():
    """A row of everything."""
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 5)
    site = channel(warehouse)
    services.reserve(
        channel_id=site.pk, document_type="ORDER", demands=[Demand(1, 1, shirt.pk, 1, 50)], at=NOON, by=CLERK
    )
    services.place_hold(
        channel_id=site.pk,
        ref="cart",
        lines=[HoldDemand(shirt.pk, 2)],
        expires_at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC),
        at=NOON,
        by=CLERK,
    )
    ChannelPolicy.objects.create(channel=site, buffer=1)
    services.expect_receipt(
        external_id="PO-1",
        location_id=warehouse.pk,
        lines=[ExpectedLine(1, shirt.pk, 3, NOON.date())],
        at=NOON,
        by=CLERK,
    )
    services.record_physical_fact(
        source_type="SHOP_SALE",
        source_id=1,
        location_id=location("SHOP").pk,
        lines=[PhysicalLine(1, shirt.pk, 1)],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )
    return site, warehouse, shirt


@pytest.mark.parametrize("page", PAGES)
def test_every_list_opens_and_finds_and_only_what_is_typed_has_a_form(admin_client, shelf, page):
    _site, _warehouse, shirt = shelf

    found = admin_client.get(reverse(f"admin:inventory_{page}_changelist"), {"q": shirt.code})
    everything = admin_client.get(reverse(f"admin:inventory_{page}_changelist"))
    added = admin_client.get(reverse(f"admin:inventory_{page}_add"))

    assert (found.status_code, everything.status_code) == (200, 200)
    assert everything.context["cl"].result_list
    assert added.status_code == (200 if page in TYPED else 403)


@pytest.mark.parametrize(("page", "state"), [("expectedreceipt", "late"), ("provisionalreceipt", "open")])
def test_a_work_queue_opens_its_list(admin_client, shelf, page, state):
    answer = admin_client.get(reverse(f"admin:inventory_{page}_changelist"), {"state": state})

    assert answer.status_code == 200


def test_the_list_of_expectations_opens_with_what_is_still_to_come(admin_client, shelf):
    _site, warehouse, shirt = shelf
    for purchase, day in (("PO-LATER", 20), ("PO-SOON", 2), ("PO-GONE", 1)):
        services.expect_receipt(
            external_id=purchase,
            location_id=warehouse.pk,
            lines=[ExpectedLine(1, shirt.pk, 3, NOON.date() + dt.timedelta(days=day))],
            at=NOON,
            by=CLERK,
        )
    services.cancel_expected(external_id="PO-GONE", at=NOON, by=CLERK)

    def listed(**asked):
        answer = admin_client.get(reverse("admin:inventory_expectedreceipt_changelist"), asked)
        return [row.external_id for row in answer.context["cl"].result_list]

    assert listed() == ["PO-1", "PO-SOON", "PO-LATER"]
    assert listed(state="all") == ["PO-GONE", "PO-SOON", "PO-LATER", "PO-1"]
    assert listed(q="PO-GONE") == ["PO-GONE"]


@pytest.mark.parametrize("url_name", ["inventory_stocktake_open", "inventory_reorder"])
def test_numbers_that_pages_suggest_are_nobody_elses(admin_client, url_name):
    """Two people who open a page within the same minute."""

    def suggested():
        context = admin_client.get(reverse(f"admin:{url_name}")).context
        form = context.get("purchase") or context["form"]
        return form["external_id" if "external_id" in form.fields else "name"].value()

    assert suggested() != suggested()


def test_a_list_takes_the_same_number_of_statements_however_long(admin_client, shelf):
    _site, warehouse, _shirt = shelf
    url = reverse("admin:inventory_stockmovement_changelist")
    few = statements(lambda: admin_client.get(url))
    for _ in range(20):
        stock(sku(), warehouse, 1)

    assert len(statements(lambda: admin_client.get(url))) == len(few)


def test_a_hold_is_released_from_its_list(admin_client, shelf):
    _site, warehouse, shirt = shelf

    admin_client.post(
        reverse("admin:inventory_hold_changelist"),
        {"action": "release", "_selected_action": [Hold.objects.get().pk]},
    )

    assert Hold.objects.get().closed_at is not None
    assert figures(shirt, warehouse) == (5, 1)


def test_the_availability_page_shows_the_terms(admin_client, shelf):
    site, _warehouse, shirt = shelf

    answer = admin_client.get(reverse("admin:inventory_availability"), {"channel": site.pk, "skus": shirt.code})

    (item,) = answer.context["answers"]
    assert item["answer"].available == 1
    assert [pieces for _label, _place, pieces, _url, _parts in item["terms"]] == [5, -3, -1]
    assert f"{shirt.code}: 1" in answer.content.decode()


def post(client, name, **fields):
    typed = {"external_id": "S-1", "occurred_at_0": "2026-11-23", "occurred_at_1": "12:00"}
    return client.post(reverse(f"admin:inventory_{name}"), typed | fields)


def test_stock_is_received_and_adjusted_from_forms(admin_client, shelf):
    _site, warehouse, shirt = shelf

    received = post(admin_client, "receive", location=warehouse.pk, lines=f"{shirt.code}, 3, 150")
    adjusted = post(admin_client, "adjust", location=warehouse.pk, reason=reason("DAMAGE"), lines=f"{shirt.code}\t-1")

    assert (received.status_code, adjusted.status_code) == (302, 302)
    assert figures(shirt, warehouse) == (7, 3)
    assert StockDocument.objects.get(source_type="RECEIPT").actor == "staff:admin"


def test_what_cannot_be_read_or_is_refused_is_said_on_the_page(admin_client, shelf):
    _site, warehouse, shirt = shelf

    unread = post(admin_client, "receive", location=warehouse.pk, lines="nothing, 3")
    refused = post(admin_client, "adjust", location=warehouse.pk, reason=reason("DAMAGE"), lines=f"{shirt.code},-9")

    assert unread.context["form"].errors["lines"]
    assert [message.level_tag for message in refused.context["messages"]] == ["error"]
    assert figures(shirt, warehouse) == (5, 3)


def levels(answer) -> list[str]:
    return [message.level_tag for message in answer.context["messages"]]


def test_stock_changes_its_place_from_a_form_in_one_step_and_over_the_road(admin_client, shelf):
    _site, warehouse, shirt = shelf
    shop, road = location("SHOP"), Location.objects.get(code="TRANSIT")
    moved = {"from_location": warehouse.pk, "lines": f"{shirt.code}, 1"}

    assert post(admin_client, "transfer", to_location=shop.pk, **moved).status_code == 302
    over_the_road = {"external_id": "S-2", "to_location": road.pk, "destination": shop.pk}
    assert post(admin_client, "transfer", **over_the_road, **moved).status_code == 302
    sent = StockDocument.objects.get(source_type="TRANSFER", external_id="S-2")
    arrival = {"transfer": sent.pk, "to_location": shop.pk}
    late = post(admin_client, "arrive", external_id="S-3", lines=f"{shirt.code}, 2", **arrival)
    assert levels(late)[-1] == "error"
    assert post(admin_client, "arrive", external_id="S-4", lines=f"{shirt.code}, 1", **arrival).status_code == 302

    assert (figures(shirt, warehouse), figures(shirt, shop), figures(shirt, road)) == ((3, 3), (2, 0), (0, 0))
    assert StockDocument.objects.get(source_type="TRANSFER_ARRIVAL").actor == "staff:admin"


def test_claimed_pieces_are_not_transferred_and_the_page_says_which(admin_client, shelf):
    _site, warehouse, shirt = shelf

    refused = post(
        admin_client, "transfer", from_location=warehouse.pk, to_location=location("SHOP").pk, lines=f"{shirt.code}, 3"
    )

    assert levels(refused) == ["error"]
    assert shirt.code in str(next(iter(refused.context["messages"])))
    assert figures(shirt, warehouse) == (5, 3)


def test_a_count_is_recorded_once_from_its_form(admin_client, shelf):
    _site, warehouse, shirt = shelf

    for _again in range(2):
        answer = post(admin_client, "count", location=warehouse.pk, lines=f"{shirt.code}, 4")
        assert answer.status_code == 302

    assert figures(shirt, warehouse) == (4, 3)
    assert StockDocument.objects.filter(source_type="COUNT").count() == 1


def keep(client, site, shirt, pieces, ref="K-1"):
    return client.post(
        reverse("admin:inventory_hold_add"),
        {
            "channel": site.pk, "ref": ref, "kind": "KEEP", "owner_label": "山田様", "expires_at_0": "2998-12-31",
            "expires_at_1": "12:00", "lines": f"{shirt.code}, {pieces}",
        },
    )  # fmt: skip


def test_pieces_are_kept_extended_and_given_back(admin_client, shelf):
    site, warehouse, shirt = shelf
    listing = reverse("admin:inventory_hold_changelist")

    assert keep(admin_client, site, shirt, 1).status_code == 302
    held = Hold.objects.get(ref="K-1")
    assert (held.kind, held.owner_label, held.actor) == ("KEEP", "山田様", "staff:admin")
    assert figures(shirt, warehouse) == (5, 4)

    chosen = {"_selected_action": [held.pk]}
    admin_client.post(listing, {"action": "extend", "until": "2999-01-31T12:00", **chosen})
    held.refresh_from_db()
    assert held.expires_at == dt.datetime(2999, 1, 31, 3, tzinfo=dt.UTC)
    unread = admin_client.post(listing, {"action": "extend", "until": "tomorrow", **chosen}, follow=True)
    passed = admin_client.post(listing, {"action": "extend", "until": "2020-01-01T00:00", **chosen}, follow=True)
    assert (levels(unread), levels(passed)) == (["success", "success", "error"], ["error", "warning"])

    admin_client.post(listing, {"action": "release", **chosen})
    assert figures(shirt, warehouse) == (5, 3)


def test_scanned_codes_alone_are_pieces_to_keep(admin_client, shelf):
    site, warehouse, shirt = shelf
    ChannelPolicy.objects.all().delete()
    keep(admin_client, site, shirt, f"1\n{shirt.code}", "K-9")

    assert (Hold.objects.get(ref="K-9").wanted, figures(shirt, warehouse)) == ([[shirt.pk, 2]], (5, 5))


def test_the_form_that_keeps_pieces_proposes_a_number_and_the_only_channel(admin_client, shelf):
    site, _warehouse, _shirt = shelf

    def proposed():
        form = admin_client.get(reverse("admin:inventory_hold_add")).context["form"]
        return form["ref"].value(), form["channel"].value()

    (one, there), (other, _same) = proposed(), proposed()
    assert (one.startswith("K"), one != other, there) == (True, True, site.pk)
    channel(location())
    assert proposed()[1] is None


def test_a_kit_tells_which_component_how_many_can_be_made_of(admin_client, shelf):
    site, warehouse, shirt = shelf
    pair, socks = sku(), sku()
    Sku.objects.filter(pk=pair.pk).update(is_kit=True)
    KitComponent.objects.create(kit=pair, component=shirt, quantity=2)
    KitComponent.objects.create(kit=pair, component=socks, quantity=1)
    ChannelPolicy.objects.all().delete()
    asked = {"channel": site.pk, "skus": pair.code}

    def told(url, **given):
        page = admin_client.get(url, given).content.decode()
        return re.findall(r'skus=([^"]+)">[^<]+</a> ([^<]+)<', page)

    for _time, pieces in enumerate((0, 9)):
        if pieces:
            stock(socks, warehouse, pieces)
        # Two shirts are free; the scarcest component is named first, also where it is not there at all.
        shirts, others = (
            (shirt.code, "販売可能数 2、1セットに2点: 1セット分"),
            (socks.code, f"販売可能数 {pieces}、1セットに1点: {pieces}セット分"),
        )
        expected = [shirts, others] if pieces else [others, shirts]
        assert told(reverse("admin:inventory_availability"), **asked) == expected
        assert told(reverse("admin:inventory_product_stock", args=[pair.product_id])) == expected


def test_a_kit_is_kept_by_its_pieces_and_remembered_as_a_kit(admin_client, shelf):
    site, warehouse, shirt = shelf
    pair = sku()
    Sku.objects.filter(pk=pair.pk).update(is_kit=True)
    KitComponent.objects.create(kit=pair, component=shirt, quantity=2)
    ChannelPolicy.objects.all().delete()

    assert keep(admin_client, site, pair, 1).status_code == 302
    held = Hold.objects.get(ref="K-1")
    assert (held.wanted, held.kits, figures(shirt, warehouse)) == ([[shirt.pk, 2]], [[pair.pk, 1]], (5, 5))
    told = admin_client.get(reverse("admin:inventory_hold_change", args=[held.pk])).content.decode()
    assert f"<div>{pair.code} × 1</div>" in told
    assert levels(keep(admin_client, site, pair, 1, "K-2")) == ["error"]


def test_a_kit_without_components_is_not_kept_beside_something_else(admin_client, shelf):
    site, _warehouse, shirt = shelf
    empty = sku()
    Sku.objects.filter(pk=empty.pk).update(is_kit=True)
    asked = {"channel": site.pk, "ref": "K-1", "kind": "KEEP", "owner_label": "佐藤", "priority": "50"}

    answer = admin_client.post(
        reverse("admin:inventory_hold_add"), {**asked, "lines": f"{shirt.code},1\n{empty.code},1"}
    )

    assert f"構成品のないセットは取り置けません: {empty.code}。" in answer.content.decode()
    assert not Hold.objects.filter(ref="K-1").exists()


def test_more_than_may_be_sold_is_not_kept(admin_client, shelf):
    site, warehouse, shirt = shelf

    refused = keep(admin_client, site, shirt, 3)

    assert levels(refused) == ["error"]
    assert not Hold.objects.filter(ref="K-1").exists()
    assert figures(shirt, warehouse) == (5, 3)


def expect(client, warehouse, lines):
    typed = {"external_id": "PO-2", "location": warehouse.pk, "expected_date": "2026-12-01", "lines": lines}
    return client.post(reverse("admin:inventory_expectedreceipt_add"), typed)


def test_what_is_expected_is_noted_received_and_ended(admin_client, shelf):
    _site, warehouse, shirt = shelf

    assert expect(admin_client, warehouse, f"{shirt.code}, 10, 150").status_code == 302
    noted = ExpectedReceipt.objects.get(external_id="PO-2")
    assert (noted.quantity, noted.unit_cost, noted.expected_date) == (10, 150, dt.date(2026, 12, 1))

    nothing = post(admin_client, "receive", location=warehouse.pk, expected="PO-9", lines=f"{shirt.code}, 4, 150")
    assert nothing.context["form"].errors["expected"]
    post(admin_client, "receive", location=warehouse.pk, expected="PO-2", lines=f"{shirt.code}, 4, 150")
    noted.refresh_from_db()
    assert (noted.received_quantity, figures(shirt, warehouse)) == (4, (9, 3))

    admin_client.post(
        reverse("admin:inventory_expectedreceipt_changelist"), {"action": "cancel", "_selected_action": [noted.pk]}
    )
    noted.refresh_from_db()
    assert noted.cancelled_at is not None


def test_an_expectation_of_no_pieces_is_refused(admin_client, shelf):
    _site, warehouse, shirt = shelf

    assert levels(expect(admin_client, warehouse, f"{shirt.code}, 0")) == ["error"]

    assert not ExpectedReceipt.objects.filter(external_id="PO-2").exists()


def reason(code):
    from erp.inventory.models import Reason

    return Reason.objects.get(code=code).pk


def test_an_edited_master_is_signed(admin_client, shelf):
    _site, warehouse, _shirt = shelf

    admin_client.post(
        reverse("admin:inventory_location_change", args=[warehouse.pk]),
        {
            "code": warehouse.code,
            "name": "elsewhere",
            "kind": "WAREHOUSE",
            "is_active": "on",
            "count_value_limit": "",
        },
    )

    row = AuditRow.objects.filter(table_name="inventory_location", action="UPDATE").get()
    assert (row.actor, row.after) == ("staff:admin", {"name": "elsewhere"})


@pytest.mark.parametrize(
    "page",
    [
        "availability",
        "receive",
        "adjust",
        "transfer",
        "arrive",
        "count",
        "hold_add",
        "expectedreceipt_add",
        "write_down",
        "late_cost",
        "stock_then",
        "valuation",
    ],
)
def test_strangers_are_sent_to_the_log_in(client, page):
    assert client.get(reverse(f"admin:inventory_{page}")).status_code == 302


def test_stock_is_written_down_from_its_form(admin_client, shelf):
    _site, warehouse, shirt = shelf
    typed = {"location": warehouse.pk, "note": "汚れ"}

    unread = post(admin_client, "write_down", lines="NOTHING, 50", **typed)
    assert "NOTHING" in str(unread.context["form"].errors["lines"])
    too_much = post(admin_client, "write_down", lines=f"{shirt.code}, 9000", **typed)
    assert levels(too_much) == ["error"]
    assert worth(shirt) == (5, 500)

    assert post(admin_client, "write_down", lines=f"{shirt.code}, 50", **typed).status_code == 302
    booked = StockDocument.objects.get(source_type="WRITE_DOWN")
    assert entries("WRITE_DOWN", booked.pk) == {("5160", "DEBIT"): 50, ("1210", "CREDIT"): 50}
    assert worth(shirt) == (5, 450)


def test_a_late_cost_goes_to_the_lines_of_its_receipt(admin_client, shelf):
    _site, warehouse, _shirt = shelf
    coat = sku()
    post(admin_client, "receive", location=warehouse.pk, lines=f"{coat.code}, 10, 150")
    typed = {"receipt": StockDocument.objects.get(source_type="RECEIPT").pk, "contra_role": "freight"}

    unread = post(admin_client, "late_cost", lines=f"{coat.code}, 100", **typed)
    assert unread.context["form"].errors["lines"]
    unknown = post(admin_client, "late_cost", lines="2, 100", **typed)
    assert levels(unknown)[-1] == "error"

    assert post(admin_client, "late_cost", lines="1, 100", **typed).status_code == 302
    booked = StockDocument.objects.get(source_type="LATE_COST")
    assert entries("LATE_COST", booked.pk) == {("1210", "DEBIT"): 100, ("6220", "CREDIT"): 100}
    assert worth(coat) == (10, 1600)


def test_stock_of_a_past_moment_is_shown_in_a_constant_number_of_statements(admin_client, shelf):
    _site, warehouse, shirt = shelf
    url = reverse("admin:inventory_stock_then")
    asked = {"at": "2998-01-01T00:00", "location": warehouse.pk}

    def lines(**differently):
        return [line[:4] for line in admin_client.get(url, asked | differently).context["found"]["lines"]]

    few = statements(lambda: admin_client.get(url, asked))
    assert lines() == [(shirt, warehouse, 5, 500)]
    for _ in range(10):
        stock(sku(), warehouse, 2)
    assert len(statements(lambda: admin_client.get(url, asked))) == len(few)

    now = admin_client.get(url, asked).context["found"]
    assert (len(now["lines"]), now["on_hand"], now["value"]) == (11, 25, 2500)
    assert lines(by="location") == [(warehouse, "", 25, 2500)]
    assert lines(by="cost_pool", location="") == [(warehouse.cost_pool, "", 25, 2500)]
    assert lines(at="2020-01-01T00:00", skus=shirt.product.code) == []
    assert lines(known_at="2020-01-01T00:00") == []
    everything = admin_client.get(url, {"at": "2998-01-01T00:00"})
    assert (everything.context["found"], everything.context["form"].is_valid()) == (None, False)


def test_a_past_stock_leads_to_the_movements_that_it_is_made_of(admin_client, shelf):
    shirt = shelf[2]
    asked = {"at": "2998-01-01T00:00", "skus": shirt.code}

    [line] = admin_client.get(reverse("admin:inventory_stock_then"), asked).context["found"]["lines"]
    page = admin_client.get(line[4])

    told = page.context["found"]["told"]
    assert (told.on_hand, told.value, [row.on_hand for row in told.movements]) == (5, 500, [5])
    assert "受払明細" in page.content.decode()


def test_stock_is_valued_by_the_other_methods_in_a_constant_number_of_statements(admin_client, shelf):
    _site, warehouse, _shirt = shelf
    coat, never = sku(), sku()
    for number, cost in enumerate([1000, 1300]):
        lines = f"{coat.code}, 10, {cost}"
        post(admin_client, "receive", external_id=f"R-{number}", location=warehouse.pk, lines=lines)
    post(admin_client, "adjust", location=warehouse.pk, reason=reason("DAMAGE"), lines=f"{coat.code},-5")
    url = reverse("admin:inventory_valuation")
    asked = {
        "first": "2026-11-01", "last": "2026-11-30", "cost_pool": warehouse.cost_pool_id,
        "skus": f"{coat.code} {never.code}", "sales": 10_000, "closing_retail": 30_000,
    }  # fmt: skip

    few = statements(lambda: admin_client.get(url, {**asked, "skus": coat.code}))
    answer = admin_client.get(url, asked)
    assert len(statements(lambda: admin_client.get(url, asked))) == len(few)

    ((item, flow, values),) = answer.context["found"]["lines"]
    assert (item, flow.received, flow.issued, flow.closing_quantity) == (coat, 20, 5, 15)
    # At moving average as carried, then by the other methods.
    assert values == [17_250, 17_250, 18_000, 19_500]
    assert answer.context["found"]["totals"] == values
    assert answer.context["found"]["retail"].value.closing_value == 17_250
    assert "17,250" in answer.content.decode()


PIECES = ["99999999999,1", f"{10**21},1", "1_000,1"]
COSTS = ["1,NaN", "1,sNaN", "1,Infinity", "1,1e20", "1,-5", "1,1_0"]
SENSELESS = [
    *((name, typed) for name in ("receive", "expect", "adjust") for typed in PIECES + COSTS),
    *((name, typed) for name in ("count", "transfer") for typed in PIECES),
]


@pytest.mark.parametrize(("name", "typed"), SENSELESS)
def test_figures_that_no_column_holds_are_one_message_and_nothing_is_booked(admin_client, shelf, name, typed):
    _site, warehouse, shirt = shelf
    booked, lines = StockDocument.objects.count(), f"{shirt.code},{typed}"
    if name == "expect":
        answer = expect(admin_client, warehouse, lines)
    elif name == "transfer":
        answer = post(
            admin_client,
            name,
            from_location=warehouse.pk,
            to_location=location("SHOP").pk,
            lines=lines,
        )
    else:
        answer = post(admin_client, name, location=warehouse.pk, reason=reason("FOUND"), lines=lines)

    messages = [*answer.context["form"].errors.get("lines", []), *map(str, answer.context["messages"])]
    assert len(messages) == 1
    assert "行" in messages[0]
    assert StockDocument.objects.count() == booked
    assert not ExpectedReceipt.objects.filter(external_id="PO-2").exists()


def test_a_receipt_asks_for_the_cost_and_takes_a_typed_zero(admin_client, shelf):
    _site, warehouse, shirt = shelf

    asked = post(admin_client, "receive", location=warehouse.pk, lines=f"{shirt.code}, 3")
    assert "原価" in asked.context["form"].errors["lines"][0]
    assert post(admin_client, "receive", location=warehouse.pk, lines=f"{shirt.code}, 3, 0").status_code == 302

    assert figures(shirt, warehouse) == (8, 3)


def test_a_cell_beyond_every_length_is_a_message(admin_client, shelf):
    _site, warehouse, _shirt = shelf

    answer = post(admin_client, "count", location=warehouse.pk, lines="x" * 140_000)

    assert answer.context["form"].errors["lines"]
