"""What lies about in a company that lives: shelves, carriers' files, receipts, memos, merged customers, an export, a key that ends soon.

Written on the last evening; like the other parts of it in one transaction with its mark (``days``), so that a load which is cut off finds all of
it or none.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import Count, QuerySet

from accounting.services import export_yayoi
from catalog.models import Sku
from customers.models import CustomerRecord
from customers.services import merge_records
from ec_gateway.management.demo.company import EC_MEN, EC_WOMEN, WHOLESALE
from ec_gateway.management.demo.plan import moment
from ec_gateway.management.demo.stage import DESK, FLOOR, OFFICE, Stage
from ec_gateway.models import ApiKey, EcSite
from ec_gateway.services.access import create_key
from erp.core.actors import Actor
from erp.inventory.services import set_shelves
from erp.orders import selectors
from erp.orders.models import CarrierAccount, Order, OrderHold, OrderState, Receipt, Shipment
from erp.orders.services import find_label_problems, issue_receipt, write_label_file, write_memo

SYSTEM = Actor.staff("system")
SHELVES_IN_A_ROW, BOARDS = 12, 5
CARRIERS = {
    "yamato": {"customer_code": "900000000000", "freight_number": "01"},
    "sagawa": {"customer_code": "990000000000"},
    "japanpost": {"prepaid_form": "1", "cod_form": "2"},
}
RECEIPTS, MERGES = 8, 3
MEMOS_ON_HOLDS = {
    "CUSTOMER_NOTE": "お客様へ電話、不在。夕方17時以降にかけ直す。",
    "SUSPICIOUS_ADDRESS": "番地を確認するメールを送信済み。返信待ち。",
    "CREDIT_EXCEEDED": "経理に枠の見直しを相談中。先方には納期未定と伝えた。",
}
MEMO_ON_SHIPPED = "納品書は本社経理宛に別送とのご要望。次回も同じ。"


def furnish(stage: Stage) -> None:
    _put_on_shelves(stage)
    _write_labels(stage)
    _issue_receipts(stage)
    _leave_memos(stage)
    _merge_customers(stage)
    _export_a_month(stage)
    _hand_out_a_key(stage)


def _put_on_shelves(stage: Stage) -> None:
    """棚番 along the styles: a rack per row of twelve, five boards each."""
    keys = list(Sku.objects.order_by("code").values_list("pk", flat=True))
    shelves = {}
    for place, key in enumerate(keys):
        rack, board = divmod(place // 2, BOARDS)
        row, bay = divmod(rack, SHELVES_IN_A_ROW)
        shelves[key] = f"{chr(ord('A') + row % 26)}-{bay + 1:02}-{board + 1}"
    set_shelves(location_id=stage.places.warehouse, shelves=shelves, at=moment(stage.plan.first, 9), by=FLOOR)


def _write_labels(stage: Stage) -> None:
    """送り状データ of the last days, for each carrier what it takes."""
    for carrier, contract in CARRIERS.items():
        CarrierAccount.objects.create(carrier=carrier, **contract)
    day = stage.plan.last
    for carrier in CARRIERS:
        _write_label_file(carrier, Shipment.objects.filter(state=Shipment.State.INSTRUCTED), day, hour=17)
        sent = Shipment.objects.filter(ship_date__gte=day - dt.timedelta(days=3)).values_list("ship_date", flat=True)
        for ship_date in sorted({found for found in sent if found is not None}):
            _write_label_file(carrier, Shipment.objects.filter(ship_date=ship_date), ship_date, hour=14)


def _write_label_file(carrier: str, found: QuerySet[Shipment], day: dt.date, *, hour: int) -> None:
    asked = found.filter(delivery__carrier=carrier).order_by("pk").values_list("pk", flat=True)
    problems = find_label_problems(shipment_ids=list(asked), carrier=carrier, ship_date=day)
    if good := [key for key, faults in problems.items() if not faults]:
        write_label_file(shipment_ids=good, carrier=carrier, ship_date=day, at=moment(day, hour, 40), by=FLOOR)


def _issue_receipts(stage: Stage) -> None:
    day, issued = stage.plan.last, 0
    asked = Order.objects.filter(channel__code__in=(EC_WOMEN, EC_MEN), state=OrderState.SHIPPED)
    for order in asked.select_related("channel").order_by("-ordered_at", "external_id")[: RECEIPTS * 5]:
        sheet = selectors.receipt_sheet(order)
        if sheet.problems or not sheet.addressee or issued == RECEIPTS:
            continue
        issued += 1
        issue_receipt(
            order_id=order.pk, addressee=f"{sheet.addressee} 様", proviso="衣料品代として", medium=Receipt.Medium.ELECTRONIC,
            token=f"demo-{order.external_id}", at=moment(day, 15, issued), by=DESK,
        )  # fmt: skip


def _leave_memos(stage: Stage) -> None:
    at = moment(stage.plan.last, 16, 20)
    open_holds = OrderHold.objects.filter(resolved_at__isnull=True, reason__in=MEMOS_ON_HOLDS, opened_at__lt=at)
    for order_id, reason in open_holds.order_by("reason", "order__external_id").values_list("order", "reason"):
        write_memo(order_id=order_id, text=MEMOS_ON_HOLDS[reason], at=at, by=DESK)
    gone = Order.objects.filter(channel__code=WHOLESALE, state=OrderState.SHIPPED).order_by("-external_id")
    for order_id in gone.values_list("pk", flat=True)[:3]:
        write_memo(order_id=order_id, text=MEMO_ON_SHIPPED, at=at, by=OFFICE)


def _merge_customers(stage: Stage) -> None:
    """名寄せ of some who bought on both sites by the same phone."""
    known = CustomerRecord.objects.exclude(phone="").values("phone").annotate(count=Count("golden", distinct=True))
    twice = known.filter(count=2).order_by("phone").values_list("phone", flat=True)
    for minute, phone in enumerate(twice[:MERGES]):
        first, *others = CustomerRecord.objects.filter(phone=phone).order_by("channel__code", "pk")
        merge_records(
            record_ids=[record.pk for record in others], into_golden_id=first.golden_id, reason="電話番号と氏名が同じ",
            at=moment(stage.plan.last, 16, 40 + minute), by=DESK,
        )  # fmt: skip


def _export_a_month(stage: Stage) -> None:
    """弥生 gets the last month that was closed."""
    last = (stage.plan.today - dt.timedelta(days=45)).replace(day=1) - dt.timedelta(days=1)
    if last > stage.plan.first:
        export_yayoi(first=last.replace(day=1), last=last, at=moment(stage.plan.last, 18, 15), by=OFFICE)


def _hand_out_a_key(stage: Stage) -> None:
    """What is asked of us with it nobody knows: its secret is not kept. It ends within the two weeks in which staff are told."""
    site = EcSite.objects.get(channel__code=EC_WOMEN)
    scopes = [scope for scope in ApiKey.Scope.values if scope.endswith(":read") and not scope.startswith("cost")]
    create_key(
        site_id=site.pk, name="在庫表示(制作会社)", scopes=scopes, expiry_date=moment(stage.plan.today + dt.timedelta(days=9), 12),
        at=moment(stage.plan.first, 10), by=SYSTEM,
    )  # fmt: skip
