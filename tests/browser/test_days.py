"""The day of every desk, from signing in to what became of it, through the pages alone; the database says whether it is true."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json
import re
import struct
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from tests.browser.conftest import Company
from tests.runtime.families import wait_until

SCANNER = Path(__file__).resolve().parents[2] / "erp/core/static/core/scan.js"


def test_the_order_desk_settles_what_waits_and_releases(company: Company, desk: Any) -> None:
    juchu = desk("juchu")
    juchu.picture("juchu-today")
    hold, order, number = company.one(
        "SELECT h.id, o.id, o.number FROM orders_orderhold h JOIN orders_order o ON o.id = h.order_id"
        " WHERE h.reason = 'CUSTOMER_NOTE' AND h.resolved_at IS NULL LIMIT 1"
    )

    juchu.open("/admin/orders/orderhold/")
    juchu.picture("juchu-holds")
    juchu.mark(hold)
    juchu.act("確認待ちを解除する(対応内容を入力)", resolution="お客様に電話で確認済み")
    assert number in juchu.text
    assert company.one("SELECT resolved_at FROM orders_orderhold WHERE id = %s", hold) is None
    juchu.picture("juchu-holds-shown")
    juchu.press("チェックした受注で「解除する」を実行")

    assert "1件を実行しました" in juchu.text
    assert company.one("SELECT resolved_by, resolution FROM orders_orderhold WHERE id = %s", hold) == (
        "staff:juchu",
        "お客様に電話で確認済み",
    )
    juchu.open(f"/admin/orders/order/{order}/change/")
    assert number in juchu.text
    juchu.picture("juchu-order-sheet")
    juchu.page.fill("[name=reason]", "お客様から電話待ち")
    juchu.press("確認待ちにする")
    juchu.press("確認待ちにする", within=".slip-acts")
    juchu.page.locator(".slip-hold", has_text="お客様から電話待ち").locator("[name=resolution]").fill("電話あり")
    juchu.page.locator(".slip-hold", has_text="お客様から電話待ち").get_by_role("button", name="解除する").click()
    juchu.page.wait_for_load_state("load")
    juchu.look()
    juchu.picture("juchu-act-shown")
    assert "担当者による保留" in juchu.text
    juchu.press("解除する", within=".slip-acts")
    assert "「解除する」を実行しました" in juchu.text
    assert (
        company.one(
            "SELECT resolution FROM orders_orderhold WHERE order_id = %s AND reason = 'MANUAL' ORDER BY id DESC LIMIT 1",
            order,
        )
        == "電話あり"
    )

    ready = company.one("SELECT id FROM orders_order WHERE state = 'READY' ORDER BY id LIMIT 1")
    juchu.open("/admin/orders/order/?state__exact=READY")
    juchu.mark(ready)
    juchu.act("出荷指示")
    assert company.one("SELECT state FROM orders_order WHERE id = %s", ready) == "READY"
    juchu.press("チェックした受注に出荷指示する")

    assert company.one("SELECT state FROM orders_order WHERE id = %s", ready) == "PICKING"
    assert company.ask("SELECT 1 FROM orders_shipment WHERE order_id = %s AND state = 'INSTRUCTED'", ready)


def test_the_order_desk_sees_first_what_becomes_of_many_orders(company: Company, desk: Any) -> None:
    juchu = desk("juchu")
    going, staying = (
        order
        for (order,) in company.ask(
            "SELECT id FROM orders_order WHERE state IN ('AWAITING_STOCK', 'AWAITING_SHIP_DATE', 'AWAITING_RELEASE_DATE', 'ON_HOLD')"
            " ORDER BY id DESC LIMIT 2"
        )
    )
    gone = company.one("SELECT id FROM orders_order WHERE state = 'SHIPPED' ORDER BY id DESC LIMIT 1")
    state = "SELECT state FROM orders_order WHERE id = %s"
    before = company.one(state, staying)

    juchu.open(f"/admin/orders/order/?id__in={going},{staying},{gone}")
    juchu.mark(going, staying)
    juchu.act("引当する")
    juchu.press("一覧に戻る")
    juchu.mark(gone)
    juchu.act("確認待ちにする")
    assert "対象外です。受注は「出荷済み」です。" in juchu.text
    assert "変わる受注はありません。" in juchu.text
    juchu.press("一覧に戻る")
    juchu.mark(going, staying)
    juchu.act("キャンセルする(理由を入力)")
    assert "キャンセルには理由の入力が必要です。" in juchu.text
    juchu.act("キャンセルする(理由を入力)", reason="お客様のご都合")
    assert company.one(state, going) != "CANCELLED"
    juchu.picture("juchu-orders-shown")
    juchu.page.locator(f"[name=seen][value^='{staying}:']").uncheck()
    juchu.press("チェックした受注で「キャンセルする」を実行")

    assert "1件を実行しました" in juchu.text
    assert company.one("SELECT state, cancel_reason FROM orders_order WHERE id = %s", going) == (
        "CANCELLED",
        "お客様のご都合",
    )
    assert company.one(state, staying) == before


def test_the_warehouse_ships_and_sees_no_costs(company: Company, desk: Any) -> None:
    soko = desk("soko")
    soko.picture("soko-today")
    parcel, order = company.one(
        "SELECT id, order_id FROM orders_shipment WHERE state = 'INSTRUCTED' ORDER BY id LIMIT 1"
    )

    before = company.one("SELECT max(id) FROM inventory_stockmovement")

    soko.open("/admin/orders/shipment/?state__exact=INSTRUCTED")
    soko.picture("soko-parcels")
    soko.mark(parcel)
    soko.act("出荷確定", carrier="yamato", tracking_number="123456789013")

    assert company.one("SELECT state, tracking_number FROM orders_shipment WHERE id = %s", parcel)[1] == "123456789013"
    assert company.one("SELECT state FROM orders_shipment WHERE id = %s", parcel) == "SHIPPED"
    assert company.ask(
        "SELECT 1 FROM inventory_stockmovement m JOIN inventory_stockdocument d ON d.id = m.document_id"
        " WHERE m.id > %s AND m.quantity < 0 AND d.actor = 'staff:soko'",
        before,
    )
    # Whether it arrived is shown first too.
    soko.open(f"/admin/orders/shipment/?id__in={parcel}")
    soko.mark(parcel)
    soko.act("配達を記録")
    assert company.one("SELECT state FROM orders_shipment WHERE id = %s", parcel) == "SHIPPED"
    soko.press("チェックした受注で「配達を記録」を実行")
    assert "1件を実行しました" in soko.text
    assert company.one("SELECT state FROM orders_shipment WHERE id = %s", parcel) == "DELIVERED"
    number, part = company.one(
        "SELECT s.number, l.id FROM orders_shipment s JOIN orders_shipmentline l ON l.shipment_id = s.id WHERE s.id = %s ORDER BY l.id LIMIT 1",
        parcel,
    )
    soko.open(f"/admin/orders/shipmentline/?q={number}")
    soko.mark(part)
    soko.act("返品を受け付ける", quantity="1", reason="サイズ違い")
    assert "返品、入庫" in soko.text
    assert company.one("SELECT returned_quantity FROM orders_shipmentline WHERE id = %s", part) == 0
    soko.picture("soko-return-shown")
    soko.press("チェックした受注で「返品を受け付ける」を実行")
    assert company.one("SELECT returned_quantity FROM orders_shipmentline WHERE id = %s", part) == 1
    assert company.one("SELECT number FROM orders_return ORDER BY id DESC LIMIT 1") in soko.text
    soko.open("/admin/inventory/stockbalance/")
    soko.picture("soko-stock")
    soko.open("/admin/inventory/stockmovement/")
    assert "在庫金額" not in soko.page.inner_text("#result_list thead")
    assert order


def test_the_warehouse_writes_labels_takes_their_numbers_in_and_the_parcels_leave(
    company: Company, desk: Any, tmp_path: Path
) -> None:
    if ready := company.ask("SELECT id FROM orders_order WHERE state = 'READY' ORDER BY id LIMIT 1"):
        juchu = desk("juchu")
        juchu.open("/admin/orders/order/?state__exact=READY")
        juchu.mark(*(order for (order,) in ready))
        juchu.act("出荷指示")
        juchu.press("チェックした受注に出荷指示する")
    found = company.ask(
        "SELECT s.id, s.number FROM orders_shipment s JOIN orders_delivery d ON d.id = s.delivery_id"
        " WHERE s.state = 'INSTRUCTED' AND s.tracking_number = '' AND d.carrier IN ('', 'yamato') AND NOT EXISTS (SELECT 1 FROM core_stafftask t"
        " WHERE t.kind = 'CANCEL_WHILE_PICKING' AND t.closed_at IS NULL AND t.subject_id = s.order_id) ORDER BY s.id DESC LIMIT 3"
    )
    parcels = sorted(found)
    assert parcels
    soko = desk("soko")
    soko.page.set_viewport_size({"width": 1024, "height": 768})

    def picture(name: str) -> None:
        soko.page.set_viewport_size({"width": 1280, "height": 900})
        soko.picture(name)
        soko.page.set_viewport_size({"width": 1024, "height": 768})

    # Those that are in a file already are offered too when asked for; a press without a tick says so and forgets nothing.
    soko.open("/admin/orders/shipment/labels/")
    soko.page.locator("[name=written_too]").check()
    soko.press("表示")
    soko.page.locator("[data-ticks]").check()
    picture("soko-labels")
    soko.page.locator("[data-ticks]").uncheck()
    soko.press("チェックした荷物のファイルを出力する")
    assert "出荷を1件以上選んでください。" in soko.text
    for key, _number in parcels:
        soko.page.locator(f"[name=parcels][value='{key}']").check()
    with soko.page.expect_download() as written:
        soko.page.get_by_role("button", name="チェックした荷物のファイルを出力する").click()
    soko.page.wait_for_selector(f"text=（{len(parcels)}件）。送り状を発行したら")
    soko.look()
    rows = Path(written.value.path()).read_text(encoding="cp932").splitlines()
    assert [row.split(",")[0].strip('"') for row in rows[1:]] == [number for _key, number in parcels]

    # What the carrier's software writes, with a row that is none of ours and one whose check digit is wrong.
    bodies = [40_000_000_000 + key for key, _number in parcels]
    numbers = {number: f"{body}{body % 7}" for body, (_key, number) in zip(bodies, parcels, strict=True)}
    first = next(iter(numbers))
    wrong = [("SH-99999999", "400000000001"), (first, "400000000009")]
    file = tmp_path / "発行済.csv"
    lines = ["お客様管理番号,伝票番号", *(f"{number},{tracking}" for number, tracking in [*numbers.items(), *wrong])]
    file.write_bytes("\r\n".join(lines).encode("cp932"))

    def take_in() -> list[str]:
        soko.open("/admin/orders/shipment/tracking/")
        soko.page.set_input_files("[name=file]", file)
        soko.press("内容を確認する")
        return soko.page.locator(".sheet .mark").all_inner_texts()

    assert take_in() == ["取り込みません"] * 2 + ["取り込む"] * len(parcels)
    assert "この番号の出荷はありません: SH-99999999" in soko.text
    picture("soko-tracking")
    soko.page.locator("[name=ship]").check()
    soko.press("取り込む")
    assert f"{len(parcels)}行を取り込みました（取り込めない行 2行）。" in soko.text
    gone = (
        "SELECT number, tracking_number FROM orders_shipment WHERE id = ANY(%s) AND state <> 'INSTRUCTED' ORDER BY id"
    )
    assert company.ask(gone, [key for key, _number in parcels]) == list(numbers.items())
    assert take_in() == ["取り込みません"] * 2 + ["変更なし"] * len(parcels)

    # 出荷確定 once more does nothing, says of which parcel why, and keeps what was typed.
    key, number = parcels[0]
    soko.open("/admin/orders/shipment/?q=" + number)
    soko.mark(key)
    soko.act("出荷確定", tracking_number="400000000013")
    assert f"{number} はすでに出荷済みです" in soko.text
    assert soko.page.locator("#changelist-form [name=tracking_number]").first.input_value() == "400000000013"
    assert soko.page.locator(f"[name=_selected_action][value='{key}']").is_checked()
    assert soko.page.locator("#changelist-form select[name=action]").input_value() == "confirm"


def test_accounting_matches_money_and_reads_the_books(company: Company, desk: Any) -> None:
    keiri = desk("keiri")
    keiri.picture("keiri-today")
    item, amount = company.one(
        "SELECT id, remaining_amount FROM accounting_openitem"
        " WHERE party_kind = 'BILL_TO' AND side = 'DEBIT' AND remaining_amount > 0 ORDER BY id LIMIT 1"
    )
    reference = f"銀行-{item}"

    keiri.open("/admin/accounting/openitem/?party_kind__exact=BILL_TO&side__exact=DEBIT")
    keiri.picture("keiri-open-items")
    keiri.mark(item)
    keiri.act("選択した明細の入金を登録")
    keiri.page.fill("[name=reference]", reference)
    keiri.page.fill("[name=bank_amount]", str(int(amount)))
    keiri.picture("keiri-receipt")
    keiri.page.locator("form.service-form button.act").click()
    keiri.page.wait_for_load_state("load")
    keiri.look()

    assert company.one("SELECT remaining_amount FROM accounting_openitem WHERE id = %s", item) == 0
    assert company.one("SELECT kind, actor FROM accounting_settlement WHERE external_id = %s", reference) == (
        "RECEIPT",
        "staff:keiri",
    )
    keiri.open(in_the_menu(keiri, "試算表"))
    debit, credit = company.one(
        "SELECT sum(amount) FILTER (WHERE side = 'DEBIT'), sum(amount) FILTER (WHERE side = 'CREDIT') FROM accounting_posting"
    )
    assert debit == credit
    keiri.picture("keiri-trial-balance")


def in_the_menu(seat: Any, title: str) -> str:
    """The address of a page of the menu, whatever room is open."""
    return seat.page.locator("#nav-sidebar a", has_text=re.compile(f"^\\s*{title}\\s*$")).first.evaluate(
        "each => each.getAttribute('href')"
    )


def test_accounting_settles_a_part_and_takes_a_wrong_receipt_back(company: Company, desk: Any) -> None:
    keiri = desk("keiri")
    # An account's, if one is left open by the tests before.
    item, party_kind, amount = company.one(
        "SELECT id, party_kind, remaining_amount FROM accounting_openitem WHERE side = 'DEBIT' AND remaining_amount > 2000"
        " ORDER BY (party_kind = 'BILL_TO') DESC, id DESC LIMIT 1"
    )
    reference = f"振込-{item}-{company.one('SELECT count(*) FROM accounting_settlement')}"
    half = int(amount) // 2

    def remains() -> int:
        return int(company.one("SELECT remaining_amount FROM accounting_openitem WHERE id = %s", item))

    def book() -> None:
        keiri.page.locator("form.service-form button.act").click()
        keiri.page.wait_for_load_state("load")
        keiri.look()

    keiri.open(f"/admin/accounting/openitem/?state=open&party_kind__exact={party_kind}&side__exact=DEBIT")
    keiri.mark(item)
    keiri.act("選択した明細の入金を登録")
    keiri.page.fill("[name=reference]", reference)
    keiri.page.fill("[name=bank_amount]", "100")
    book()
    # What does not add up is refused with both sums, and nothing that was typed is lost.
    assert f"消込明細の合計は {int(amount):,} です" in keiri.text
    assert keiri.page.input_value("[name=reference]") == reference
    assert remains() == amount

    keiri.page.fill(f"[name=amount_{item}]", str(half))
    keiri.page.fill("[name=fee_kept]", "440")
    keiri.page.fill("[name=bank_amount]", str(half - 440))
    book()
    assert f"消込額 {half:,}" in keiri.text
    assert remains() == int(amount) - half

    keiri.press("消込を取り消す")
    keiri.page.fill("[name=reason]", "入金の相手を間違えたため")
    keiri.picture("keiri-take-back")
    book()
    assert "未消込に戻りました" in keiri.text
    assert remains() == amount
    assert company.one("SELECT count(*) FROM accounting_settlement WHERE external_id = %s", reference) == 1


def test_accounting_goes_from_what_waits_to_money_papers_and_the_value_of_stock(company: Company, desk: Any) -> None:
    keiri = desk("keiri")
    payment, order, amount = company.one(
        "SELECT p.id, o.id, p.amount FROM orders_orderpayment p JOIN orders_order o ON o.id = p.order_id WHERE p.status = 'PENDING'"
        " AND p.must_be_paid_first AND p.received_amount = 0 AND o.state = 'AWAITING_PAYMENT' ORDER BY p.id LIMIT 1"
    )
    sheet = f"/admin/orders/order/{order}/change/"

    # What waits leads to its list; money that is here is confirmed after what it changes was seen.
    keiri.open(keiri.links(".home a[href*='/accounting/openitem/'], a[href*='/accounting/openitem/?']")[0])
    assert keiri.page.locator("#result_list tbody tr").count() > 0
    keiri.open(f"/admin/orders/orderpayment/?id__in={payment}")
    keiri.mark(payment)
    keiri.act("入金を確認済みにする")
    assert f"前受金 {int(amount):,}" in keiri.text
    assert company.one("SELECT status FROM orders_orderpayment WHERE id = %s", payment) == "PENDING"
    keiri.press("チェックした受注で「入金を確認済みにする」を実行")
    assert "1件を実行しました" in keiri.text
    assert company.one("SELECT status, received_amount FROM orders_orderpayment WHERE id = %s", payment) == (
        "PAID",
        amount,
    )

    # A receipt for it, as a PDF.
    keiri.open(sheet)
    keiri.press("領収書を発行")
    keiri.press("発行する", within="form.service-form")
    receipt, told = company.one("SELECT id, amount FROM orders_receipt WHERE order_id = %s", order)
    assert told == amount
    paper = keiri.context.request.get(f"{company.address}/admin/orders/receipt/{receipt}/pdf/")
    assert paper.body().startswith(b"%PDF-")

    # From the order to what it posted, and back to it.
    keiri.open(sheet)
    number = company.one(
        "SELECT number FROM accounting_journalentry WHERE source_type = 'ORDER' AND source_id = %s ORDER BY id DESC LIMIT 1",
        order,
    )
    keiri.press(number)
    assert "前受金" in keiri.text
    keiri.page.locator(f"#main a[href='{sheet}']").first.click()
    keiri.page.wait_for_load_state("load")
    keiri.look()
    assert keiri.page.url == f"{company.address}{sheet}"

    # The order desk cancels it, and the money goes back.
    juchu = desk("juchu")
    juchu.open(sheet)
    juchu.page.locator("form:has(button[value=cancel]) [name=reason]").fill("お客様のご都合")
    juchu.press("キャンセルする")
    juchu.press("キャンセルする", within=".slip-acts")
    keiri.open(sheet)
    keiri.press("返金を支払済みにする")
    assert company.one("SELECT refunded_amount FROM orders_orderpayment WHERE id = %s", payment) == 0
    keiri.press("返金を支払済みにする", within=".slip-acts")
    assert "「返金を支払済みにする」を実行しました" in keiri.text
    assert company.one("SELECT refunded_amount FROM orders_orderpayment WHERE id = %s", payment) == amount

    # What stock is worth, in agreement with the books, as Excel.
    keiri.open(in_the_menu(keiri, "在庫評価表"))
    worth = company.one("SELECT sum(value)::bigint FROM inventory_costbalance")
    assert f"{worth:,}" in keiri.text
    with keiri.page.expect_download() as saved:
        keiri.page.get_by_role("link", name="Excel", exact=True).click()
    with zipfile.ZipFile(saved.value.path()) as book:
        assert f"<v>{worth}.00</v>" in book.read("xl/worksheets/sheet1.xml").decode()


def test_merchandise_corrects_a_name_and_sees_the_matrix(company: Company, desk: Any) -> None:
    md = desk("md")
    md.picture("md-today")
    style, name = company.one(
        "SELECT p.id, p.name FROM catalog_product p JOIN catalog_sku s ON s.product_id = p.id GROUP BY p.id"
        " ORDER BY count(*) DESC, p.id LIMIT 1"
    )

    md.open(f"/admin/catalog/product/{style}/change/")
    md.picture("md-product")
    # Against a company that is used again the last run's correction is taken back.
    plain = name.partition(" 改")[0]
    corrected = f"{plain} 改" if name == plain else plain
    md.page.fill("[name=name]", corrected)
    md.page.locator("button[name=_save], input[name=_save]").first.click()
    md.page.wait_for_load_state("load")
    md.look()

    assert company.one("SELECT name FROM catalog_product WHERE id = %s", style) == corrected
    assert company.one(
        "SELECT actor FROM core_auditrow WHERE table_name = 'catalog_product' AND row_id = %s ORDER BY id DESC LIMIT 1", str(style)
    ) == "staff:md"  # fmt: skip
    md.open(f"/admin/inventory/stockbalance/style/{style}/")
    assert corrected in md.text
    md.picture("md-matrix")


def test_merchandise_takes_a_file_in_sees_first_what_it_does_and_takes_it_back(
    company: Company, desk: Any, tmp_path: Path
) -> None:
    md = desk("md")
    code, name = company.ask("SELECT code, name FROM catalog_product ORDER BY id LIMIT 1")[0]
    fresh = f"00{company.one('SELECT coalesce(max(id), 0) + 1 FROM imports_importrun')}"
    rows = ["品番,品名,発売日", f"{code},{name} 春,令和8年12月1日", f"{fresh},髙﨑のシャツ,", f"{fresh}B,,2026/13/1"]
    file = tmp_path / "春物.csv"
    file.write_bytes("\r\n".join(rows).encode("cp932"))

    def became(state: str) -> None:
        # The page follows its worker and shows itself anew when that is done.
        md.page.wait_for_selector(f".slip-state.import-{state.lower()}")
        md.page.wait_for_load_state("load")
        md.look()
        assert company.one("SELECT state FROM imports_importrun WHERE id = %s", run) == state

    def names() -> list[str]:
        return [
            each
            for (each,) in company.ask(
                "SELECT name FROM catalog_product WHERE code IN (%s, %s) ORDER BY id", code, fresh
            )
        ]

    md.open("/admin/imports/importrun/add/?kind=products")
    md.page.set_input_files("[name=file]", file)
    md.press("ファイルを読み込む")
    assert "cp932（Shift_JIS）" in md.text
    run = int(md.page.url.rstrip("/").split("/")[-2])
    md.press("検査する")
    became("CHECKED")
    md.picture("md-import")
    assert [each.strip() for each in md.page.locator(".import-tiles strong").all_inner_texts()] == list("31101")
    assert "発売日: 日付ではありません: 2026/13/1" in md.text
    assert "名称: このフィールドは空ではいけません。" in md.text
    assert names() == [name]

    md.press("実行（2行を反映）")
    became("APPLIED")
    assert names() == [f"{name} 春", "髙﨑のシャツ"]
    md.page.go_back()
    assert md.page.locator("button", has_text="実行（").count() == 0

    # Asked first, and only who says yes takes it back.
    md.open(f"/admin/imports/importrun/{run}/change/")
    md.page.once("dialog", lambda asked: asked.dismiss())
    md.page.get_by_role("button", name="この取込を取り消す").click()
    assert company.one("SELECT state FROM imports_importrun WHERE id = %s", run) == "APPLIED"
    md.page.once("dialog", lambda asked: asked.accept())
    md.press("この取込を取り消す")
    became("UNDONE")
    assert names() == [name]


def test_a_shop_sees_its_own_stock_and_counts_it(company: Company, desk: Any) -> None:
    tenpo = desk("tenpo")
    tenpo.picture("tenpo-today")
    shop, code = company.one(
        "SELECT l.id, l.code FROM inventory_shopstaff s JOIN auth_user u ON u.id = s.user_id"
        " JOIN inventory_location l ON l.id = s.location_id WHERE u.username = 'tenpo'"
    )
    sku, sku_id, pieces = company.one(
        "SELECT s.code, s.id, b.on_hand FROM inventory_stockbalance b JOIN catalog_sku s ON s.id = b.sku_id"
        " WHERE b.location_id = %s AND b.on_hand > 0 ORDER BY b.id LIMIT 1",
        shop,
    )

    tenpo.open("/admin/inventory/stockbalance/")
    places = {text.strip() for text in tenpo.page.locator("#result_list .field-location").all_inner_texts()}
    assert places
    assert all(code in place or place for place in places)
    assert len(places) == 1
    tenpo.picture("tenpo-stock")

    now = dt.datetime.now(dt.UTC).astimezone(dt.timezone(dt.timedelta(hours=9)))
    tenpo.open("/admin/inventory/stockbalance/count/")
    tenpo.page.fill("[name=external_id]", f"COUNT-{sku}")
    tenpo.page.locator("[name=location]").select_option(str(shop))
    tenpo.page.fill("[name=occurred_at_0]", f"{now:%Y-%m-%d}")
    tenpo.page.fill("[name=occurred_at_1]", f"{now:%H:%M:%S}")
    tenpo.page.fill("[name=lines]", f"{sku},{pieces + 1}")
    tenpo.picture("tenpo-count")
    tenpo.page.locator("form.service-form button.act").click()
    tenpo.page.wait_for_load_state("load")
    tenpo.look()

    assert company.one(
        "SELECT on_hand FROM inventory_stockbalance WHERE sku_id = %s AND location_id = %s", sku_id, shop
    ) == pieces + 1  # fmt: skip


def test_a_scan_is_read_whole_wherever_the_focus_is(company: Company, desk: Any) -> None:
    soko = desk("soko")
    shipment, number = company.one(
        "SELECT id, number FROM orders_shipment WHERE shipped_at IS NOT NULL ORDER BY id LIMIT 1"
    )
    page_of_it = f"/admin/orders/shipment/{shipment}/change/"

    def scan(*, pause_ms: int, delay_ms: int) -> None:
        soko.page.keyboard.type(number[:4])
        soko.page.wait_for_timeout(pause_ms)
        soko.page.keyboard.type(number[4:], delay=delay_ms)
        soko.page.keyboard.press("Enter")
        soko.page.wait_for_load_state("load")

    # A reader that pauses after its first characters sends one number all the same.
    soko.open("/admin/")
    scan(pause_ms=150, delay_ms=5)
    soko.page.wait_for_url(f"**{page_of_it}")
    # On a box that could be ticked nobody types, and the form of the list is not sent.
    soko.open("/admin/orders/shipment/")
    soko.page.locator("#changelist-form input[name=_selected_action]").first.focus()
    scan(pause_ms=0, delay_ms=5)
    soko.page.wait_for_url(f"**{page_of_it}")
    # Fingers on the keyboard are no scanner.
    soko.open("/admin/")
    scan(pause_ms=0, delay_ms=250)
    assert soko.page.url == f"{company.address.rstrip('/')}/admin/"


def test_a_parcel_takes_what_an_input_method_made_full_width(desk: Any) -> None:
    page = desk("soko").page
    page.set_content(
        '<p data-scan-message></p><form data-scan="check" data-complete-told="揃いました"><input name="code"><input name="scans"></form>'
        '<table><tr data-codes="00036000291452 036000291452" data-needed="1" data-name="シャツ"><td data-count>0</td></tr></table>'
    )
    page.add_script_tag(path=SCANNER)

    page.fill("[name=code]", "０３６０００２９１４５２")
    page.press("[name=code]", "Enter")

    assert (page.inner_text("[data-scan-message]"), page.input_value("[name=scans]")) == ("揃いました", "036000291452")


def test_a_tablet_keeps_whatever_was_counted_until_it_is_taken_or_discarded(company: Company, desk: Any) -> None:
    place, sku = company.one(
        "SELECT b.location_id, s.code FROM inventory_stockbalance b JOIN inventory_location l ON l.id = b.location_id"
        " JOIN catalog_sku s ON s.id = b.sku_id WHERE l.kind = 'SHOP' AND b.on_hand > 0 ORDER BY b.id LIMIT 1"
    )
    soko = desk("soko")
    page = soko.page
    soko.open("/admin/inventory/stockcount/open/")
    page.locator(f"[name=locations][value='{place}']").check()
    page.locator("[name=scope]").select_option("WHOLE")
    page.locator("form.service-form button.act").click()
    page.wait_for_load_state("load")
    count = int(page.url.rstrip("/").split("/")[-2])
    kept = "[data-kept] tbody tr"

    def scan(code: str, pieces: str = "1") -> None:
        page.fill("[name=pieces]", pieces)
        page.fill("[name=code]", code)
        page.press("[name=code]", "Enter")

    def counted() -> int:
        return company.one(
            "SELECT coalesce(sum(quantity), 0) FROM inventory_stockcountentry WHERE count_id = %s", count
        )

    soko.open(f"/admin/inventory/stockcount/count/?count={count}&sheet=B-1")
    scan(sku, "-5")
    assert page.inner_text("[data-scan-message]") == "数量にマイナスは入れられません。"
    soko.context.set_offline(True)
    for _piece in range(3):
        scan(sku)
    scan("NOPE", "2")
    assert page.inner_text("[data-unsent]") == "未送信 4件"
    soko.context.set_offline(False)
    page.wait_for_selector(kept)
    assert counted() == 3
    assert "登録のないコードです: NOPE" in page.inner_text("[data-kept]")

    # Counting ends while the tablet has no network; what it kept is named, and outlives the page and the list.
    soko.context.set_offline(True)
    for _piece in range(2):
        scan(sku)
    other = desk("soko")
    other.open(f"/admin/inventory/stockcount/{count}/change/")
    other.page.locator("[name=uncounted][value=LEAVE]").check()
    other.press("計数を終えて差異を見る")
    soko.context.set_offline(False)
    wait_until(lambda: page.locator(kept).count() == 3 or None, timeout_s=30)
    other.press("計数に戻す")
    soko.faults[:] = [fault for fault in soko.faults if "ERR_INTERNET_DISCONNECTED" not in fault]
    soko.open("/admin/inventory/stockcount/count/")
    assert page.locator(kept).count() == 3
    soko.open(f"/admin/inventory/stockcount/count/?count={count}&sheet=B-1")
    soko.look()
    assert (page.locator(kept).count(), counted()) == (3, 3)

    # Each one by a deliberate act: corrected and sent again, sent as it was, discarded.
    row = page.locator(kept, has_text="計数は終わっています")
    row.first.locator("input").fill("-1")
    row.first.get_by_role("button", name="もう一度送る").click()
    assert page.locator(kept).count() == 3
    row.first.locator("input").fill("4")
    row.first.get_by_role("button", name="もう一度送る").click()
    row.first.get_by_role("button", name="もう一度送る").click()
    wait_until(lambda: counted() == 8 or None, timeout_s=30)
    page.once("dialog", lambda asked: asked.dismiss())
    page.locator(kept).get_by_role("button", name="取り除く").click()
    assert page.locator(kept).count() == 1
    page.once("dialog", lambda asked: asked.accept())
    page.locator(kept).get_by_role("button", name="取り除く").click()
    assert page.locator(kept).count() == 0


# What a page says of words that stand in columns of two characters, of what lies beyond the screen, and of what is cut without a way to move it.
SQUEEZED_OR_CUT = """() => {
  const told = [], wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide + 1) told.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const moves = (part) => ["auto", "scroll"].includes(getComputedStyle(part).overflowX);
  for (const cell of document.querySelectorAll("#main :is(td, th, p, h1, h2, label, button)")) {
    const words = cell.textContent.trim(), style = getComputedStyle(cell), box = cell.getBoundingClientRect();
    if (!words || !box.width || !box.height || style.visibility === "hidden") continue;
    const sign = parseFloat(style.fontSize), inner = box.width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    if (words.length > 4 && style.whiteSpace !== "nowrap" && inner < 3.2 * sign && box.height > 4.5 * sign)
      told.push(`squeezed: ${words.slice(0, 20)}`);
    let around = cell.parentElement;
    while (around && !moves(around)) around = around.parentElement;
    if (box.right > wide + 1 && !around) told.push(`cut: ${words.slice(0, 20)}`);
  }
  return told;
}"""


def test_a_tablet_squeezes_no_name_and_cuts_nothing(company: Company, desk: Any) -> None:
    juchu, soko = desk("juchu"), desk("soko")
    order = company.one(
        "SELECT order_id FROM orders_orderline GROUP BY order_id ORDER BY count(*) DESC, order_id LIMIT 1"
    )
    parcel = company.one("SELECT shipment_id FROM orders_shipmentline GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1")
    product = company.one("SELECT product_id FROM catalog_sku GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1")
    pages = [
        (juchu, "/admin/"), (juchu, "/admin/orders/order/"), (juchu, f"/admin/orders/order/{order}/change/"), (juchu, "/admin/orders/order/release/"),
        (soko, "/admin/"), (soko, "/admin/orders/shipment/"), (soko, f"/admin/orders/shipment/{parcel}/change/"),
        (soko, "/admin/orders/shipment/packing/"), (soko, "/admin/orders/shipment/take_back/"), (soko, "/admin/inventory/stockbalance/"),
        (soko, f"/admin/inventory/stockbalance/style/{product}/"), (soko, "/admin/inventory/transferorder/request/"),
    ]  # fmt: skip

    found = {}
    for width, height in ((768, 1024), (1024, 768), (1280, 800)):
        for who, path in pages:
            who.page.set_viewport_size({"width": width, "height": height})
            who.open(path)
            if told := who.page.evaluate(SQUEEZED_OR_CUT):
                found[width, path] = told
    for who in (juchu, soko):
        who.page.set_viewport_size({"width": 1280, "height": 900})

    assert found == {}
    juchu.page.set_viewport_size({"width": 768, "height": 1024})
    juchu.open(f"/admin/orders/order/{order}/change/")
    total = juchu.page.locator(".sheet.keeps-last tbody tr:first-child td:last-child").bounding_box()
    assert total is not None
    assert total["x"] + total["width"] <= 768
    juchu.page.set_viewport_size({"width": 1280, "height": 900})


def test_a_stocktake_goes_from_freezing_to_posting_with_a_second_person(company: Company, desk: Any) -> None:
    soko = desk("soko")
    place, style = company.one(
        "SELECT b.location_id, p.code FROM inventory_stockbalance b JOIN inventory_location l ON l.id = b.location_id"
        " JOIN catalog_sku s ON s.id = b.sku_id JOIN catalog_product p ON p.id = s.product_id"
        " WHERE l.kind = 'WAREHOUSE' GROUP BY b.location_id, p.code"
        " HAVING max(b.on_hand - b.allocated) > 1 ORDER BY count(*), p.code LIMIT 1"
    )
    soko.open("/admin/inventory/stockcount/open/")
    soko.page.locator(f"[name=locations][value='{place}']").check()
    soko.page.locator("[name=scope]").select_option("PRODUCTS")
    soko.page.fill("[name=styles]", style)
    soko.page.locator("form.service-form button.act").click()
    soko.page.wait_for_load_state("load")
    soko.look()
    count = int(soko.page.url.rstrip("/").split("/")[-2])
    listed = company.ask(
        "SELECT s.code, l.frozen_on_hand FROM inventory_stockcountline l JOIN catalog_sku s ON s.id = l.sku_id"
        " WHERE l.count_id = %s ORDER BY l.frozen_on_hand DESC",
        count,
    )

    # On a tablet, every piece counted as the books say but of one SKU, of which there are two hundred more.
    soko.page.set_viewport_size({"width": 820, "height": 1180})
    soko.open(f"/admin/inventory/stockcount/count/?count={count}&sheet=A-1")
    for number, (sku, pieces) in enumerate(listed):
        soko.page.fill("[name=pieces]", str(pieces + (200 if number == 0 else 0)))
        soko.page.fill("[name=code]", sku)
        soko.page.press("[name=code]", "Enter")
        soko.page.wait_for_selector(f"[data-entries] tr[data-code='{sku}'] [data-total]")
    wait_until(
        lambda: (
            company.one("SELECT count(*) FROM inventory_stockcountentry WHERE count_id = %s", count) == len(listed)
            or None
        ),
        timeout_s=30,
    )
    soko.page.set_viewport_size({"width": 1280, "height": 900})
    soko.picture("soko-stocktake-sheet")

    soko.open(f"/admin/inventory/stockcount/{count}/change/")
    soko.page.locator("[name=uncounted][value=LEAVE]").check()
    soko.press("計数を終えて差異を見る")
    assert soko.page.locator(".sheet tbody tr", has_text="+200").count() == 1
    soko.press("差異を記帳する")
    assert company.one("SELECT state FROM inventory_stockcount WHERE id = %s", count) == "APPROVAL"
    assert soko.page.locator("button[value=approve]").count() == 0

    keiri = desk("keiri")
    keiri.open("/admin/inventory/stockcount/?state__exact=APPROVAL")
    keiri.open(f"/admin/inventory/stockcount/{count}/change/")
    keiri.picture("keiri-stocktake-approval")
    keiri.press("承認して記帳する")

    assert company.one("SELECT state, approved_by FROM inventory_stockcount WHERE id = %s", count) == (
        "POSTED",
        "staff:keiri",
    )
    assert company.one(
        "SELECT posted_difference FROM inventory_stockcountline l JOIN catalog_sku s ON s.id = l.sku_id"
        " WHERE l.count_id = %s AND s.code = %s",
        count, listed[0][0],
    ) == 200  # fmt: skip


def test_the_ec_desk_finds_a_drift_and_sees_it_repaired(company: Company, desk: Any) -> None:
    ec = desk("ec")
    ec.picture("ec-today")
    site, listed = company.one(
        "SELECT s.id, l.external_code FROM ec_gateway_ecsite s JOIN core_channel c ON c.id = s.channel_id"
        " JOIN ec_gateway_listing l ON l.site_id = s.id WHERE c.code = 'PRACTICE-1' ORDER BY l.id LIMIT 1"
    )
    on_the_site(company, listed, 777)

    ec.open("/admin/ec_gateway/reconciliationrun/")
    ec.press("今すぐ照合する")
    ec.page.locator("[name=site]").select_option(str(site))
    ec.page.locator("form.service-form button.act").click()
    ec.page.wait_for_load_state("load")
    ec.look()

    def repaired() -> tuple[Any, ...] | None:
        rows = company.ask(
            "SELECT r.id, r.state FROM ec_gateway_reconciliationrun r WHERE r.site_id = %s AND r.finished_at IS NOT NULL"
            " ORDER BY r.id DESC LIMIT 1",
            site,
        )
        return rows[0] if rows else None

    run, _state = wait_until(repaired, timeout_s=90)
    ec.open(f"/admin/ec_gateway/reconciliationrow/?run__id__exact={run}")
    ec.picture("ec-differences")
    ec.open("/admin/ec_gateway/sitestate/")
    ec.picture("ec-sites")
    wait_until(lambda: shown_on_the_site(company, listed) != 777 or None, timeout_s=60)


def on_the_site(company: Company, sku: str, quantity: int) -> None:
    """As if somebody had typed another figure into the shop."""
    _of_site(company, f"/control/stock/{sku}", {"quantity": quantity})


def shown_on_the_site(company: Company, sku: str) -> int:
    state = _of_site(company, "/control/state", None)
    found = re.search(rf'"sku": "{re.escape(sku)}"[^}}]*?"quantity": (\d+)', json.dumps(state))
    return int(found[1]) if found else -1


def _of_site(company: Company, path: str, body: dict[str, Any] | None) -> Any:
    token = company.installation.secret("practice_control_token", length=32)
    request = urllib.request.Request(
        company.sites[0] + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="GET" if body is None else "PUT",
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"{}")


def test_management_reads_the_figures_and_can_change_nothing(company: Company, desk: Any) -> None:
    keiei = desk("keiei")
    before = company.one("SELECT count(*) FROM core_auditrow WHERE actor = 'staff:keiei'")

    assert keiei.page.locator(".figures li").count() >= 5
    keiei.picture("keiei-today")
    keiei.open("/admin/orders/order/")
    assert keiei.page.locator("select[name=action]").count() == 0
    order = company.one("SELECT id FROM orders_order WHERE state = 'SHIPPED' ORDER BY id LIMIT 1")
    keiei.open(f"/admin/orders/order/{order}/change/")
    assert keiei.page.locator(".slip-act button").count() == 0
    keiei.open("/admin/insights/customerrfm/")
    keiei.picture("keiei-rfm")

    assert company.one("SELECT count(*) FROM core_auditrow WHERE actor = 'staff:keiei'") == before


def save(seat: Any) -> None:
    seat.page.locator("button[name=_save], input[name=_save]").first.click()
    seat.page.wait_for_load_state("load")
    seat.look()


def test_the_system_desk_lets_a_new_colleague_in_and_reads_the_log(company: Company, desk: Any) -> None:
    system = desk("system")
    system.picture("system-today")
    name, password = "hanako", "initial-of-hanako-1"

    system.open("/admin/auth/user/add/")
    system.page.fill("[name=username]", name)
    system.page.fill("[name=password1]", password)
    system.page.fill("[name=password2]", password)
    system.page.fill("[name=last_name]", "山田")
    system.page.fill("[name=first_name]", "花子")
    system.page.locator("[name=groups]").select_option(label="受注担当")
    system.picture("system-new-user")
    save(system)
    user = company.one("SELECT id FROM auth_user WHERE username = %s AND is_staff", name)
    assert "山田" in system.page.input_value("[name=last_name]")
    system.open("/admin/auth/user/")
    system.picture("system-users")

    hanako = system.beside()
    hanako.open("/admin/login/")
    hanako.page.fill("[name=username]", name)
    hanako.page.fill("[name=password]", password)
    hanako.press("ログイン")
    assert hanako.page.url.endswith("/admin/password_change/")
    hanako.picture("all-first-password")
    for field, value in (
        ("old_password", password),
        ("new_password1", "my-own-words-22"),
        ("new_password2", "my-own-words-22"),
    ):
        hanako.page.fill(f"[name={field}]", value)
    hanako.page.locator("form button[type=submit]", has_text="パスワードの変更").click()
    hanako.page.wait_for_load_state("load")
    hanako.open("/admin/")
    assert "確認待ち" in hanako.text

    system.open("/admin/access/accesslog/")
    assert name in system.text
    assert (
        company.one("SELECT count(*) FROM access_accesslog WHERE username = %s AND kind = 'PASSWORD_CHANGED'", name)
        == 1
    )
    system.picture("system-access-log")
    system.open("/admin/access/staffsession/")
    system.open("/admin/my-access/")
    system.picture("all-my-access")
    assert user


def test_a_shop_colleague_gets_a_shop_and_signs_in_with_a_second_factor(company: Company, desk: Any) -> None:
    system = desk("system")
    name, first, own = "misaki", "initial-of-misaki-1", "my-own-words-33"
    shop = company.one("SELECT id FROM inventory_location WHERE kind = 'SHOP' AND is_active ORDER BY id LIMIT 1")

    system.open("/admin/auth/user/add/")
    system.page.fill("[name=username]", name)
    system.page.fill("[name=password1]", first)
    system.page.fill("[name=password2]", first)
    system.page.fill("[name=last_name]", "佐藤")
    system.page.fill("[name=first_name]", "美咲")
    system.page.locator("[name=groups]").select_option(label="店舗")
    save(system)
    # Who works in a shop sees nothing until it is said in which one; the page says so and leads there.
    system.press("担当店舗を登録する")
    system.page.locator("[name=location]").select_option(value=str(shop))
    system.picture("system-shop-staff")
    save(system)
    assert company.one(
        "SELECT s.location_id FROM inventory_shopstaff s JOIN auth_user u ON u.id = s.user_id WHERE u.username = %s", name
    ) == shop  # fmt: skip

    misaki = system.beside()
    enter(misaki, name, first)
    for field, value in (("old_password", first), ("new_password1", own), ("new_password2", own)):
        misaki.page.fill(f"[name={field}]", value)
    misaki.page.locator("form button[type=submit]", has_text="パスワードの変更").click()
    misaki.page.wait_for_load_state("load")
    misaki.open("/admin/my-access/second-factor/")
    key = base64.b32decode(misaki.page.inner_text(".enrol code").replace(" ", ""))
    misaki.picture("all-second-factor")
    misaki.page.fill("[name=code]", "000000")
    misaki.press("登録する", within="#content-main")
    assert "コードが正しくありません" in misaki.text
    misaki.page.fill("[name=code]", code_of(key))
    misaki.press("登録する", within="#content-main")
    codes = misaki.page.locator(".code-list code").all_inner_texts()
    assert len(codes) == 10

    at_home = system.beside()
    enter(at_home, name, own)
    at_home.picture("all-code")
    # Each code opens once, so this is the next one.
    at_home.page.fill("[name=code]", code_of(key, later=1))
    at_home.press("ログイン")
    assert at_home.page.url == f"{company.address}/admin/"
    without_telephone = system.beside()
    enter(without_telephone, name, own)
    without_telephone.page.fill("[name=code]", codes[0])
    without_telephone.press("ログイン")
    assert without_telephone.page.url == f"{company.address}/admin/"

    lost = company.one("SELECT id FROM auth_user WHERE username = %s", name)
    system.open("/admin/auth/user/")
    system.mark(lost)
    system.act("選択したユーザーの二段階認証を解除する")
    assert "本人からの依頼であることを必ず確かめてください" in system.text
    assert company.ask("SELECT 1 FROM access_secondfactor WHERE user_id = %s", lost)
    system.press("二段階認証を解除する")
    assert not company.ask("SELECT 1 FROM access_secondfactor WHERE user_id = %s", lost)


def test_a_colleague_who_mistyped_too_often_waits_and_the_system_desk_lets_them_in(company: Company, desk: Any) -> None:
    system = desk("system")
    keiei, right = system.beside(), company.password("keiei")

    for _time in range(5):
        enter(keiei, "keiei", "wrong-words-44")
        assert "ログインの試行が多すぎます" not in keiei.text
    enter(keiei, "keiei", right)
    assert (
        "ログインの試行が多すぎます。15分待ってからやり直すか、システム管理の担当者に連絡してください。" in keiei.text
    )
    keiei.picture("all-locked")

    locked = company.one(
        "SELECT id FROM access_signinlock WHERE username = 'keiei' AND locked_until > now() ORDER BY id LIMIT 1"
    )
    system.open("/admin/access/signinlock/")
    system.mark(locked)
    system.picture("system-locks")
    system.act("選択したロックを解除する")
    assert not company.ask("SELECT 1 FROM access_signinlock WHERE username = 'keiei' AND locked_until > now()")

    enter(keiei, "keiei", right)
    assert keiei.page.url == f"{company.address}/admin/"
    assert company.ask("SELECT 1 FROM access_accesslog WHERE subject = 'keiei' AND kind = 'UNLOCKED'")


def enter(seat: Any, name: str, password: str) -> None:
    seat.open("/admin/login/")
    seat.page.fill("[name=username]", name)
    seat.page.fill("[name=password]", password)
    seat.press("ログイン")


def code_of(key: bytes, *, later: int = 0) -> str:
    """What an authenticator app shows now, or so many half minutes later (RFC 6238)."""
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + later), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 1_000_000:06d}"


def test_the_system_desk_makes_a_key_that_is_shown_once_and_revokes_it(company: Company, desk: Any) -> None:
    system = desk("system")
    site = company.one("SELECT id FROM ec_gateway_ecsite ORDER BY id LIMIT 1")
    day = f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=5):%Y-%m-%d}"

    system.open("/admin/ec_gateway/apikey/add/")
    system.page.locator("[name=site]").select_option(str(site))
    system.page.fill("[name=name]", "棚卸アプリ")
    system.page.locator("[name=scopes][value='stock:read']").check()
    system.page.fill("[name=expiry_date_0]", day)
    save(system)
    secret = system.page.inner_text("#api-key")
    assert f"有効期限は {day.replace('-', '/')} 23:59 です" in system.text
    system.press("コピー")
    prefix = secret.partition(".")[0]
    key = company.one("SELECT id FROM ec_gateway_apikey WHERE prefix = %s", prefix)

    assert called(company, secret) == 200
    system.open("/admin/ec_gateway/apikey/")
    assert prefix in system.text
    assert secret.partition(".")[2] not in system.page.content()
    system.picture("system-keys")
    system.open("/admin/core/jobrun/health/")
    assert "残り" in system.text
    system.open(f"/admin/ec_gateway/apikey/?q={prefix}")
    system.mark(key)
    system.act("キーをただちに失効させる(取り消せません)")
    assert prefix in system.text
    system.picture("system-revoke")
    assert called(company, secret) == 200, "nothing happens before somebody says yes"
    system.press("失効させる")

    assert called(company, secret) == 401
    assert company.one("SELECT revoked FROM ec_gateway_apikey WHERE id = %s", key) is True


def called(company: Company, secret: str) -> int:
    """What the API answers to whoever sends this key."""
    sku = company.one("SELECT code FROM catalog_sku ORDER BY id LIMIT 1")
    address = f"{company.address}/api/v1/stock?sku={urllib.parse.quote(sku)}"
    request = urllib.request.Request(address, headers={"Authorization": f"Api-Key {secret}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
