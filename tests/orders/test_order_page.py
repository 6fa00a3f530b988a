"""受注伝票: one page tells the whole chain of an order, to each as far as it may be known, and offers what is possible now."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounting.models import JournalEntry, OpenItem
from erp.core.staff_tasks import Finding, open_tasks
from erp.inventory.models import StockBalance
from erp.orders import selectors, services
from erp.orders.models import Order, OrderEvent, OrderHold, OrderPayment, OrderState, Shipment
from tests.inventory.factories import sku, stock
from tests.orders.desk import changes, of_role, press
from tests.orders.factories import DESK, NOON, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db


def address(record: Order) -> str:
    return reverse("admin:orders_order_change", args=[record.pk])


def read(client: Any, record: Order) -> str:
    answer = client.get(address(record))
    assert answer.status_code == 200
    return answer.content.decode()


def act(client: Any, record: Order, page: str, action: str, key: int, **fields: Any) -> Any:
    """The same, and what was shown is confirmed; where nothing was shown, what was answered."""
    answer = press(client, record, page, action, key, **fields)
    found = (answer.context or {}).get("found")
    return press(client, record, page, action, key, **fields, seen=found.fingerprint) if found else answer


def offered(client: Any, record: Order) -> list[str]:
    acts = client.get(address(record)).context["acts"]
    return [name for name, _title in acts["plain"] + acts["with_reason"]]


def sold() -> tuple[Order, Shipment, Any]:
    """Two of three shirts gone by card, one of them back, a task about it."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 2, price=1_234_567)))
    [parcel] = shipped(record)
    services.record_return(
        order_id=record.pk,
        external_id="R-1",
        lines=[services.ReturnedLine(parcel.lines.get().pk, 1, "SELLABLE")],
        reason="サイズ違い",
        at=NOON,
        by=DESK,
    )
    open_tasks([Finding("SALE_TO_CHECK", "SHIPMENT", parcel.pk, parcel.number, "見てください")], at=NOON, by=DESK)
    return record, parcel, place


def test_the_page_shows_the_whole_chain_with_its_links(desk):
    record, parcel, place = sold()
    back = record.returns.get()

    told = read(desk, record)

    assert place.name in told
    for row, name in ((parcel, "shipment"), (back, "return")):
        assert f'<a href="{reverse(f"admin:orders_{name}_change", args=[row.pk])}">{row.number}</a>' in told
    entries = JournalEntry.objects.filter(source_type__in=["SHIPMENT", "RETURN"])
    assert entries.count() >= 2
    for entry in entries:
        assert (
            f'<a href="{reverse("admin:accounting_journalentry_change", args=[entry.pk])}">{entry.number}</a>' in told
        )
    for item in OpenItem.objects.all():
        assert reverse("admin:accounting_openitem_change", args=[item.pk]) in told
    assert ("サイズ違い" in told, "見てください" in told, "2,469,134" in told) == (True, True, True)


def test_the_chain_is_found_through_its_documents():
    record, _parcel, place = sold()

    sheet = selectors.order_sheet(record)

    [shirts] = sheet.lines
    assert [(part.place, part.quantity) for part in shirts.taken_from] == [(place.name, 2)]
    assert (shirts.reserved, shirts.lacking, shirts.open) == ((), 0, 0)
    [item, *_others] = selectors.items_of(sheet)
    assert item.item.amount - sum(part.amount for part in item.reductions) == item.item.remaining
    for entry in selectors.entries_of(sheet):
        assert sum(part.debit for part in entry.sums) == sum(part.credit for part in entry.sums) > 0
    assert [task.kind for task in selectors.tasks_of(sheet)] == ["SALE_TO_CHECK"]
    assert (sheet.adds_up, sheet.lines_sum.gross, sheet.tax_sum.tax) == (True, record.total, record.tax_amount)


def test_pieces_are_shown_where_they_are_reserved_and_what_lacks_stands_beside():
    channel, place = shop()
    shirt, trousers = sku(), sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 2), line(trousers, 5)))

    kept, lacking = selectors.order_sheet(record).lines

    assert ([(part.place, part.quantity) for part in kept.reserved], kept.lacking) == ([(place.name, 2)], 0)
    assert (lacking.reserved, lacking.lacking) == ((), 5)


def test_sums_that_do_not_make_the_total_are_said(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    record = placed(channel, order(line(shirt, 1)))
    assert "合計金額と一致しません" not in read(desk, record)

    # What no service does: the page still tells.
    record.lines.update(gross_amount=Decimal(1), net_amount=Decimal(1), tax_amount=Decimal(0))

    assert "合計金額と一致しません" in read(desk, record)


def test_fifty_lines_ask_no_more_than_one(desk):
    few, many = (of_lines(count) for count in (1, 50))
    read(desk, few)  # what is read once per process is read

    counts = []
    for record in (few, many):
        with CaptureQueriesContext(connection) as queries:
            read(desk, record)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def of_lines(count: int) -> Order:
    channel, place = shop()
    goods = [sku() for _number in range(count)]
    for each in goods:
        stock(each, place, 3)
    record = placed(channel, order(*[line(each, 2) for each in goods]))
    [parcel] = shipped(record)
    services.record_return(
        order_id=record.pk,
        external_id="R-1",
        lines=[services.ReturnedLine(part.pk, 1, "SELLABLE") for part in parcel.lines.all()],
        reason="",
        at=NOON,
        by=DESK,
    )
    return record


def test_only_what_is_possible_now_is_offered(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    ready = placed(channel, order(line(shirt, 2)))
    short = placed(channel, order(line(shirt, 2), external_id="A-2"))
    provisional = placed(channel, order(line(sku(), 1), external_id="A-3", is_provisional=True))

    assert offered(desk, ready) == ["release", "hold", "cancel"]
    assert offered(desk, short) == ["allocate", "release_in_part", "hold", "cancel"]
    assert offered(desk, provisional) == ["allocate", "make_final", "hold", "cancel"]
    services.cancel_by_staff(order_id=short.pk, reason="no", at=NOON, by=DESK)
    assert offered(desk, short) == []
    shipped(ready)
    assert offered(desk, ready) == []


def test_an_order_goes_from_hold_to_shipped_on_its_page(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 2)))

    act(desk, record, "order", "hold", record.pk, reason="電話待ち")
    hold = OrderHold.objects.get()
    told = read(desk, record)
    assert ("確認待ちの理由" in told, "保留にした理由が済んだら解除します" in told) == (True, True)
    act(desk, record, "orderhold", "resolve", hold.pk, resolution="電話で確認")
    act(desk, record, "order", "release", record.pk)
    parcel = Shipment.objects.get()
    answer = act(desk, record, "shipment", "confirm", parcel.pk, carrier="yamato", tracking_number="1234-5678-9013")

    record.refresh_from_db()
    parcel.refresh_from_db()
    assert (record.state, parcel.carrier, parcel.tracking_number) == ("SHIPPED", "yamato", "123456789013")
    assert answer.redirect_chain[0][0] == address(record)
    assert record.events.get(kind="HELD").actor == "staff:hanako"


def test_a_line_without_sku_gets_one_before_the_reason_is_resolved(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    record = placed(channel, order(line("TYPO-1", 1)))
    hold = OrderHold.objects.get(reason="UNKNOWN_SKU")
    assert not selectors.order_sheet(record).can_be_resolved(hold)

    act(desk, record, "orderline", "assign_sku", record.lines.get().pk, sku_code=shirt.code)
    assert selectors.order_sheet(record).can_be_resolved(hold)
    act(desk, record, "orderhold", "resolve", hold.pk, resolution="確認済み")

    record.refresh_from_db()
    assert record.state == "READY"


def test_amounts_that_are_not_known_wait_for_the_channel(desk):
    channel, _place = shop()
    record = placed(channel, order(line(sku(), 1, price=None), total=None, payments=()))
    hold = OrderHold.objects.get(reason="AMOUNT_UNKNOWN")

    page = desk.get(address(record))

    assert [(row.pk, can) for row, _how, can in page.context["holds"] if row.pk == hold.pk] == [(hold.pk, False)]


def test_an_act_of_another_order_or_of_no_page_is_refused(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    mine, other = (placed(channel, order(line(shirt, 1), external_id=key)) for key in ("A-1", "A-2"))

    act(desk, mine, "order", "release", other.pk)
    assert act(desk, mine, "stocktask", "release", mine.pk).status_code == 403
    assert act(desk, mine, "order", "no_such_act", mine.pk).status_code == 403
    assert act(desk, mine, "order", "release", "x").status_code == 403
    assert desk.post(address(mine), {}).status_code == 403

    assert not Shipment.objects.exists()


def test_the_warehouse_sees_no_money_and_decides_nothing_about_orders(client):
    record, parcel, _place = sold()
    payment = OrderPayment.objects.get()
    warehouse = of_role(client, "倉庫")

    page = warehouse.get(address(record))
    told = page.content.decode()

    assert (page.context["items"], page.context["entries"], page.context["messages_raw"]) == (None, None, None)
    assert "税率別" not in told
    assert "/admin/accounting/" not in told.partition('class="slip"')[2]
    assert "/admin/customers/" not in told.partition('class="slip"')[2]
    assert reverse("admin:orders_shipment_change", args=[parcel.pk]) in told
    assert act(warehouse, record, "order", "cancel", record.pk, reason="x").status_code == 403
    assert act(warehouse, record, "orderpayment", "confirm_payment", payment.pk).status_code == 403


def test_accounting_sees_the_books_and_takes_no_orders(client):
    record, _parcel, _place = sold()
    page = of_role(client, "経理").get(address(record))

    assert page.context["entries"]
    assert page.context["items"]
    assert page.context["acts"] == {"plain": [], "with_reason": []}


def test_the_order_desk_releases_but_does_not_ship(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    record = placed(channel, order(line(shirt, 1)))
    staff = of_role(client, "受注担当")
    assert offered(staff, record) == ["release", "hold", "cancel"]

    [parcel] = released(record)

    assert act(staff, record, "shipment", "confirm", parcel.pk).status_code == 403


def test_the_order_desk_reads_what_the_channel_sent_and_not_the_log(client):
    record, _parcel, _place = sold()
    desk = of_role(client, "受注担当")

    page = desk.get(address(record))

    assert [message.direction for message, _body in page.context["messages_raw"]] == ["IN"]
    assert record.external_id in page.context["messages_raw"][0][1]
    assert re.search(r"<summary>[^<]* 受信 受注 · [^<]*</summary>", page.content.decode())
    assert desk.get(reverse("admin:core_messagelog_changelist")).status_code == 403


def note(client: Any, record: Order, text: str) -> Any:
    return client.post(reverse("admin:orders_order_memo", args=[record.pk]), {"text": text}, follow=True)


def test_a_memo_stands_on_the_page_with_who_wrote_it_and_the_channel_hears_nothing(client):
    record, _parcel, _place = sold()
    before = Order.objects.get(pk=record.pk).version
    of_role(client, "倉庫")

    answer = note(client, record, "  角がつぶれた箱で発送。\n<b>お客様了承済み</b>  ")
    note(client, record, "角がつぶれた箱で発送。\n<b>お客様了承済み</b>")

    assert "角がつぶれた箱で発送。<br>&lt;b&gt;お客様了承済み&lt;/b&gt;" in answer.content.decode()
    assert "staff:" not in answer.content.decode()
    [memo] = OrderEvent.objects.filter(order=record, kind="MEMO")
    assert (memo.actor, memo.detail) == ("staff:of-倉庫", "角がつぶれた箱で発送。\n<b>お客様了承済み</b>")
    assert Order.objects.get(pk=record.pk).version == before
    assert "角がつぶれた箱で発送。" in read(of_role(client, "受注担当"), record)


@pytest.mark.parametrize("text", ["", "  \n ", "長" * 1001])
def test_an_empty_or_endless_memo_is_refused_with_a_reason(desk, text):
    record, _parcel, _place = sold()

    answer = note(desk, record, text)

    [told] = [str(message) for message in answer.context["messages"]]
    assert told
    assert not OrderEvent.objects.filter(kind="MEMO").exists()


def test_who_only_looks_leaves_no_memo(client):
    record, _parcel, _place = sold()
    of_role(client, "経営")

    assert note(client, record, "memo").status_code == 403
    assert "slip-memos" not in read(client, record)


def foreseen(client: Any, record: Order, action: str, **fields: Any) -> Any:
    return press(client, record, "order", action, record.pk, **fields)


def test_a_cancellation_is_shown_before_it_is_done_and_nothing_is_changed(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 2)))
    before = (record.state, OrderEvent.objects.count(), StockBalance.objects.get(sku=shirt).allocated)

    answer = foreseen(desk, record, "cancel", reason="お客様都合")

    found = changes(answer)
    assert found["状態"] == (str(OrderState.READY.label), str(OrderState.CANCELLED.label))
    assert any("2" in now for now, _then in found.values())
    record.refresh_from_db()
    assert (record.state, OrderEvent.objects.count(), StockBalance.objects.get(sku=shirt).allocated) == before
    act(desk, record, "order", "cancel", record.pk, reason="お客様都合")
    record.refresh_from_db()
    assert record.cancelled_at is not None


def test_a_release_is_shown_with_its_parcel_before_it_is_done(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 2)))

    answer = foreseen(desk, record, "release")

    assert any(shirt.code in label and now == "–" for label, (now, _then) in changes(answer).items())
    assert not Shipment.objects.exists()


def test_what_is_refused_is_told_instead_of_foreseen(desk):
    record, _parcel, _place = sold()

    answer = foreseen(desk, record, "cancel", reason="遅すぎる")

    assert answer.redirect_chain
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]


def test_who_may_not_act_foresees_nothing(client):
    record, _parcel, _place = sold()

    assert foreseen(of_role(client, "経営"), record, "cancel", reason="見るだけ").status_code == 403


def test_a_shipment_leads_to_its_entries_for_those_who_read_the_books(client):
    _record, parcel, _place = sold()
    entry = JournalEntry.objects.filter(source_type="SHIPMENT", source_id=parcel.pk).first()
    link = f'href="{reverse("admin:accounting_journalentry_change", args=[entry.pk])}"'
    page = reverse("admin:orders_shipment_change", args=[parcel.pk])

    assert link in of_role(client, "経理").get(page).content.decode()
    assert link not in of_role(client, "倉庫").get(page).content.decode()
