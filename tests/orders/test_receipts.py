"""領収書: for what was really paid, once, frozen, and again only with a reason."""

import datetime as dt
import io
from decimal import Decimal

import pypdf
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from customers.services import CustomerData
from erp.core.errors import InvalidInput
from erp.core.models import CompanyProfile
from erp.correspondence import services as mails
from erp.correspondence.models import Mail
from erp.orders import selectors, services
from erp.orders.exceptions import NotReceiptable, ReceiptIssued
from erp.orders.models import Order, OrderPayment, Receipt, ShipmentLine
from erp.orders.services import AdjustmentInput, FeeInput, PaymentInput, ShipRequest, ship
from tests.correspondence.factories import mail_server, writes
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, card, line, order, placed, released, shipped, shop
from tests.racing import race

pytestmark = pytest.mark.django_db
BUYER = CustomerData(kind="PERSON", family_name="髙﨑", given_name="𠮷乃", email="yoshino@shop.example")


def sold(*, price=1100, quantity=2, payments=None, channel=None, **fields):
    CompanyProfile.objects.update_or_create(
        pk=1,
        defaults={
            "name": "守り商店株式会社",
            "registration_number": "T1234567890123",
            "address": "東京都中央区銀座1-2-3",
        },
    )
    if channel is None:
        channel, warehouse = shop()
    goods = sku()
    stock(goods, warehouse, 500)
    fields.setdefault("payments", (card(price * quantity, "CAPTURED"),) if payments is None else payments)
    return placed(channel, order(line(goods, quantity, price), orderer=BUYER, **fields))


def transfer(amount, status="PAID"):
    return PaymentInput("BANK_TRANSFER", Decimal(amount), status)


def issue(record, token="t1", **fields):
    asked = {"addressee": "株式会社 髙﨑 御中", "proviso": "衣料品代として", "medium": "ELECTRONIC", **fields}
    return services.issue_receipt(order_id=record.pk, token=token, at=NOON, by=DESK, **asked)


def sheet(record):
    return selectors.receipt_sheet(Order.objects.select_related("channel").get(pk=record.pk))


def why_not(record):
    return [problem.code for problem in sheet(record).problems]


def text_of(receipt):
    reader = pypdf.PdfReader(io.BytesIO(selectors.receipt_pdf(receipt).content))
    assert len(reader.pages) == 1
    return "".join(page.extract_text() for page in reader.pages)


def test_a_receipt_says_what_was_paid_and_its_tax():
    record = sold(receipt={"requested": True, "addressee": "𠮷乃商会", "proviso": "Tシャツ代として"})
    offered = sheet(record)
    assert (offered.addressee, offered.proviso, offered.amount) == ("𠮷乃商会", "Tシャツ代として", 2200)

    receipt = issue(record, addressee=offered.addressee, proviso=offered.proviso)

    assert (receipt.number[:3], receipt.issue, receipt.amount, receipt.issued_on) == (
        "RC-", 1, Decimal(2200), dt.date(2026, 11, 23),
    )  # fmt: skip
    assert receipt.content["rates"] == [{"label": "10%", "is_reduced": False, "gross": "2200", "tax": "200"}]
    assert receipt.content["issuer"]["registration_number"] == "T1234567890123"
    assert receipt.content["notes"] == ["クレジットカード利用", "電子データにより発行"]


def test_the_paper_shows_rare_letters_and_totals_that_agree():
    fees = (FeeInput("SHIPPING", Decimal(550)),)
    coupon = AdjustmentInput("COUPON", "MALL", Decimal(300))
    record = sold(
        payments=(card(2450, "CAPTURED"),), fees=fees, adjustments=(coupon,), total=2750, amount_due=Decimal(2450)
    )

    receipt = issue(record, addressee="𠮷田 髙﨑 様")
    paper = text_of(receipt)

    flat = "".join(paper.split())
    for part in (
        "領収書",
        "𠮷田髙﨑様",
        "¥2,450-",
        "但し衣料品代として",
        "登録番号T1234567890123",
        receipt.number,
        "2026年11月23日",
    ):
        assert part in flat, flat
    assert "再発行" not in flat
    assert "収入印紙" not in flat
    assert "〓" not in flat
    content = receipt.content
    assert Decimal(content["sale"]) == sum(Decimal(rate["gross"]) for rate in content["rates"]) == 2750
    assert Decimal(content["sale"]) - sum(Decimal(each) for _label, each in content["deductions"]) == receipt.amount
    assert sum(Decimal(each) for _label, each in content["payments"]) == receipt.amount == 2450
    assert selectors.receipt_pdf(receipt).content == selectors.receipt_pdf(Receipt.objects.get()).content


@pytest.mark.parametrize(
    ("payments", "codes"),
    [
        ((transfer(2200, "PENDING"),), ["not_paid"]),
        ((card(2200, "AUTHORIZED"),), ["not_paid"]),
        ((PaymentInput("COD", Decimal(2200), "PENDING"),), ["receipt_elsewhere"]),
        ((PaymentInput("DEFERRED", Decimal(2200), "PAID"),), ["receipt_elsewhere"]),
        ((transfer(2200),), []),
    ],
)
def test_none_without_the_money_or_where_somebody_else_gave_one(payments, codes):
    record = sold(payments=payments)

    assert why_not(record) == codes
    if codes:
        with pytest.raises(NotReceiptable) as refusal:
            issue(record)
        assert [problem.code for problem in refusal.value.problems] == codes
        assert not Receipt.objects.exists()


def test_a_card_is_charged_with_the_sale():
    record = sold(payments=(card(2200),))
    shipped(record)

    assert (why_not(record), sheet(record).amount) == ([], 2200)


def test_money_that_the_books_do_not_keep_has_no_receipt():
    record = sold()
    Order.objects.filter(pk=record.pk).update(currency="USD")

    assert why_not(record) == ["other_currency"]


def test_one_issuer_per_channel():
    record = sold()
    record.channel.invoice_issuer = "EC"
    record.channel.save()

    assert why_not(record) == ["other_issuer"]


def test_half_of_it_paid_is_not_paid():
    record = sold(payments=(transfer(1000), transfer(1200, "PENDING")))

    [problem] = sheet(record).problems
    assert problem.detail == "2,200円のうち1,000円が入金済みです。全額の入金後に発行できます。"


def test_what_came_back_is_on_no_receipt():
    record = sold(payments=(transfer(2200),))
    [parcel] = shipped(record)
    back = [services.ReturnedLine(parcel.lines.get().pk, 1, "SELLABLE")]
    services.record_return(order_id=record.pk, external_id="r1", lines=back, reason="", at=NOON, by=DESK)
    assert (why_not(record), sheet(record).amount) == ([], 1100)

    back = [services.ReturnedLine(parcel.lines.get().pk, 1, "SELLABLE")]
    services.record_return(order_id=record.pk, external_id="r2", lines=back, reason="", at=NOON, by=DESK)
    assert why_not(record) == ["nothing_left"]


def test_nothing_is_left_of_a_cancelled_order():
    record = sold(payments=(transfer(2200),))
    services.cancel_by_staff(order_id=record.pk, reason="電話", at=NOON, by=DESK)

    assert why_not(record) == ["nothing_left"]


def test_it_is_issued_once_and_again_only_with_a_reason():
    record = sold()
    first = issue(record)
    assert issue(record) == first
    with pytest.raises(ReceiptIssued):
        issue(record, token="t2")

    again = issue(record, token="t3", addressee="佐藤", again_because="宛名の誤り")
    third = issue(record, token="t4", addressee="佐藤花子", again_because="紛失")

    assert [item.issue for item in (first, again, third)] == [1, 2, 3]
    assert "再発行(2回目)" in "".join(text_of(third).split())
    assert len({item.number for item in (first, again, third)}) == 3


def test_who_it_is_for_is_said(settings):
    record = sold()
    with pytest.raises(InvalidInput) as refusal:
        issue(record, addressee="上様", proviso=" ", medium="FAX")
    assert [problem.pointer for problem in refusal.value.problems] == ["/proviso", "/addressee", "/medium"]

    settings.RECEIPTS_TO_NOBODY = True
    assert issue(record, addressee="上様").addressee == "上様"


@pytest.mark.parametrize(
    ("price", "method", "medium", "stamp"),
    [
        (54_998, "BANK_TRANSFER", "PAPER", 0),  # 49,999 without its tax
        (54_999, "BANK_TRANSFER", "PAPER", 200),
        (55_000, "BANK_TRANSFER", "ELECTRONIC", 0),
        (55_000, "CARD", "PAPER", 0),
        (1_100_001, "BANK_TRANSFER", "PAPER", 400),
    ],
)
def test_a_stamp_only_where_the_law_asks_for_one(price, method, medium, stamp):
    paid = PaymentInput(method, Decimal(price), "PAID" if method == "BANK_TRANSFER" else "CAPTURED")
    receipt = issue(sold(price=price, quantity=1, payments=(paid,)), medium=medium)

    assert receipt.content["stamp"] == stamp
    assert ("収入印紙" in text_of(receipt)) == bool(stamp)


def test_only_the_part_that_is_money_needs_a_stamp():
    paid = (card(40_000, "CAPTURED"), transfer(40_000))
    receipt = issue(sold(price=80_000, quantity=1, payments=paid), medium="PAPER")

    assert (receipt.content["stamp"], receipt.content["notes"]) == (0, ["一部クレジットカード利用"])


def test_a_receipt_is_final():
    issue(sold())
    for statement in ("UPDATE orders_receipt SET amount = 1", "DELETE FROM orders_receipt"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_what_changes_later_does_not_change_it():
    record = sold()
    receipt = issue(record)
    before = selectors.receipt_pdf(receipt).content
    CompanyProfile.objects.update(name="別の会社", registration_number="T9999999999999")
    OrderPayment.objects.update(status="FAILED")

    assert selectors.receipt_pdf(Receipt.objects.get()).content == before


def test_it_goes_out_by_mail_as_a_file(settings):
    channel, warehouse = shop()
    writes(channel, "EC")
    goods = sku()
    stock(goods, warehouse, 5)
    record = placed(channel, order(line(goods), orderer=BUYER, payments=(card(1100, "CAPTURED"),)))
    receipt = issue(record)
    about = mails.Subject(channel.pk, "ORDER", record.pk, record.number, "RECEIPT", receipt.pk)
    words = mails.Words("yoshino@shop.example", "領収書", "お送りします。")
    mails.write_mail(subject=about, kind="RECEIPT", words=words, token="m1", at=NOON, by=DESK)

    with mail_server(settings) as server:
        mails.deliver_due(at=NOON, by=DESK)
        [mail] = server.received

    [attached] = list(mail.iter_attachments())
    assert attached.get_filename() == f"{receipt.number}.pdf"
    assert attached.get_content() == selectors.receipt_pdf(receipt).content
    assert Mail.objects.get().state == "SENT"


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_issue_one_first():
    record = sold()

    outcomes = race(
        lambda: issue(record, token="a"), lambda: issue(record, token="b"), hold=Order.objects.filter(pk=record.pk)
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Receipt", "ReceiptIssued"]
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize(
    ("addressee", "honorific"),
    [
        ("山田 花子", " 様"),
        ("山田花子 様", ""),
        ("株式会社𠮷髙﨑商店", " 御中"),
        ("株式会社 青山", " 御中"),
        ("青山商店㈱", " 御中"),
        ("（有）青山", " 御中"),
        ("医療法人 青山会", " 御中"),
        ("株式会社青山 総務部 山田", " 様"),
        ("株式会社青山 御中", ""),
        ("株丹 太郎", " 様"),
    ],
)
def test_a_company_is_addressed_as_one_and_a_person_as_a_person(addressee, honorific):
    assert selectors.honorific_of(addressee) == honorific


def test_the_form_names_every_problem_at_once(client):
    client.force_login(User.objects.create_superuser("hanako"))
    record = sold()
    issue(record)

    page = client.post(
        reverse("admin:orders_order_receipt", args=[record.pk]),
        {"addressee": "上様", "proviso": "お品代として", "medium": "PAPER", "again_because": "", "token": "t"},
    )

    errors = page.context["form"].errors
    assert errors["addressee"] == ["「上様」では発行できません。お名前を伺って、宛名に入れてください。"]
    assert "again_because" in errors


def left_in_part(channel_and_place, *, pieces: int = 1, payment, **fields) -> Order:
    """Two of 1,100 yen, paid; ``pieces`` of them have left."""
    channel, place = channel_and_place
    goods = sku()
    stock(goods, place, 5)
    record = placed(channel, order(line(goods, 2, 1100), payments=(payment,), orderer=BUYER, **fields))
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk, {parcel.lines.get().order_line_id: pieces})], at=NOON, by=DESK)
    return record


def test_what_came_back_before_it_was_sold_is_on_no_receipt():
    fees = (FeeInput("SHIPPING", Decimal(330)),)
    record = left_in_part(
        shop(revenue_basis="DELIVERY"), pieces=2, payment=card(2530, "CAPTURED"), fees=fees, total=2530
    )
    [parcel_line] = ShipmentLine.objects.filter(shipment__order=record)

    back = [services.ReturnedLine(parcel_line.pk, 1)]
    services.record_return(order_id=record.pk, external_id="R-1", lines=back, at=NOON, by=DESK)
    assert (sheet(record).amount, sheet(record).tax, why_not(record)) == (1430, 130, [])
    services.confirm_refund(payment_id=record.payments.get().pk, at=NOON, by=DESK)
    assert (sheet(record).amount, why_not(record)) == (1430, [])

    services.record_refusal(shipment_id=parcel_line.shipment_id, external_id="F-1", at=NOON, by=DESK)
    assert (sheet(record).amount, sheet(record).tax) == (0, 0)


def test_of_an_order_whose_rest_was_cancelled_others_pay_only_what_the_money_did_not_reach_for():
    """Three shirts, 1,000 yen of them paid by a maker: of the 2,300 that the shopper paid, 1,100 are for the shirt that left, the rest goes back."""
    coupon = AdjustmentInput("COUPON", "MAKER", Decimal(1000))
    record = sold(
        quantity=3, payments=(card(2300, "CAPTURED"),), adjustments=(coupon,), amount_due=Decimal(2300), total=3300
    )
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk, {record.lines.get().pk: 1})], at=NOON, by=DESK)
    assert [amount for _label, amount in sheet(record).deductions] == [1000]

    services.cancel_by_staff(order_id=record.pk, reason="残りは不要", at=NOON, by=DESK)

    found = sheet(record)
    assert (found.sale, found.deductions, found.amount) == (1100, (), 1100)
    assert found.problems == ()


def test_a_difference_that_went_back_leaves_what_was_to_be_paid():
    record = sold(quantity=2, payments=(transfer(2200, "PENDING"),))
    news = services.PaymentNews("p-1", "PAID", NOON, Decimal(3000))
    services.record_payment_event(channel=record.channel.code, external_id="A-1", event=news, at=NOON, by=DESK)
    services.confirm_refund(payment_id=OrderPayment.objects.get().pk, at=NOON, by=DESK)

    assert (sheet(record).amount, why_not(record)) == (2200, [])
