"""A paid order is amended until 出荷指示: what was received stays with it to the yen, what differs is visible and can be settled."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting.models import JournalEntry, PaymentRoute
from customers.models import CreditGroup
from erp.core.errors import NotFound
from erp.core.models import StaffTask
from erp.core.verify import verify
from erp.inventory.services import ReceiptLine, receive
from erp.orders.exceptions import OrderConflict
from erp.orders.models import Delivery, Order, OrderHold, OrderPayment, OrderState, OrderTaxTotal
from erp.orders.services import (
    AdjustmentInput,
    DeliveryInput,
    OrderOutcome,
    PaymentInput,
    PaymentNews,
    ShipRequest,
    cancel_order,
    confirm_refund,
    place_order,
    place_orders,
    record_payment_event,
    release_orders,
    resolve_hold,
    ship,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import figures, sku
from tests.orders.factories import DESK, NOON, card, figure, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def stocked():
    yield stock_a_shop()
    assert [str(fault) for result in verify() for fault in result.faults] == []


def stock_a_shop(**fields):
    channel, place = shop(**fields)
    shirt = sku()
    receive(
        external_id="IN-1",
        location_id=place.pk,
        lines=[ReceiptLine(1, shirt.pk, 10, Decimal(400))],
        occurred_at=NOON,
        **HOW,
    )
    return channel, place, shirt


def amended(channel, *lines, revision: int = 2, **fields) -> OrderOutcome:
    outcome = place_order(channel=channel.code, order=order(*lines, revision=revision, **fields), **HOW)
    assert outcome.is_amendment
    return outcome


def told(channel, kind: str, amount: int | None = None, *, event_id: str = "", line_no: int = 1, when=NOON + HOUR):
    event = PaymentNews(event_id or kind, kind, when, None if amount is None else Decimal(amount), line_no)
    return record_payment_event(channel=channel.code, external_id="A-1", event=event, **HOW)


def konbini(amount: int, status: str = "PENDING", reference: str = "") -> PaymentInput:
    return PaymentInput("CONVENIENCE_STORE", Decimal(amount), status, reference=reference)


def holds() -> list[str]:
    return list(OrderHold.objects.filter(resolved_at=None).order_by("reason").values_list("reason", flat=True))


def tasks() -> list[str]:
    return list(StaffTask.objects.filter(closed_at=None).order_by("kind").values_list("kind", flat=True))


def payments() -> list[tuple[int, int, str, int, int]]:
    """Number, amount, status, received, refunded."""
    found = OrderPayment.objects.order_by("line_no")
    return list(found.values_list("line_no", "amount", "status", "received_amount", "refunded_amount"))


def test_another_note_amends_and_the_money_stays(stocked):
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    entries, payment = JournalEntry.objects.count(), record.payments.get()

    outcome = amended(channel, line(shirt, 2), payments=(card(2200, "CAPTURED"),), customer_note="玄関先へ")

    record.refresh_from_db()
    assert (record.revision, record.customer_note, outcome.holds) == (2, "玄関先へ", ("CUSTOMER_NOTE",))
    assert (record.payments.get().pk, payments()) == (payment.pk, [(1, 2200, "CAPTURED", 2200, 0)])
    assert (JournalEntry.objects.count(), figure("deposits"), tasks()) == (entries, 2200, [])
    assert figures(shirt, place) == (10, 2)


def test_goods_go_to_the_new_address_and_are_paid_with_the_deposit(stocked):
    channel, _place, shirt = stocked
    there, here = (DeliveryInput(prefecture="東京都", city="渋谷区", street=street) for street in ("神宮前1", "神南2"))
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),), deliveries=(there,)))

    assert amended(channel, line(shirt, 2), payments=(card(2200, "CAPTURED"),), deliveries=(here,)).state == "READY"

    assert Delivery.objects.get().street == "神南2"
    [parcel] = shipped(record)
    assert parcel.delivery.street == "神南2"
    assert (figure("deposits"), figure("receivable.card"), figure("sales.ec")) == (0, 2200, 2000)


@pytest.mark.parametrize("method", ["CONVENIENCE_STORE", "BANK_TRANSFER"])
def test_what_was_heard_of_a_payment_outlives_a_document_that_says_pending(stocked, method):
    """A site that tells of money by news writes the same order again, still "pending"."""
    channel, _place, shirt = stocked
    pending = PaymentInput(method, Decimal(2200), "PENDING")
    record = placed(channel, order(line(shirt, 2), payments=(pending,)))
    assert told(channel, "PAID", 2200) == OrderState.READY

    outcome = amended(channel, line(shirt, 2), payments=(pending,), shop_note="x", attributes={"gift": "yes"})

    assert (outcome.state, payments()) == ("READY", [(1, 2200, "PAID", 2200, 0)])
    assert told(channel, "PAID", 2200) == OrderState.READY
    assert figure("deposits") == 2200
    shipped(record)
    assert (figure("deposits"), figure("sales.ec")) == (0, 2000)


@pytest.mark.parametrize(
    ("sent", "heard", "again", "state"),
    [
        ("PENDING", "AUTHORIZED", "PENDING", "READY"),
        ("AUTHORIZED", "FAILED", "AUTHORIZED", "ON_HOLD"),
        ("FAILED", "AUTHORIZED", "FAILED", "READY"),
        ("PENDING", "FAILED", "AUTHORIZED", "READY"),
        ("PENDING", "AUTHORIZED", "FAILED", "ON_HOLD"),
    ],
)
def test_a_credit_that_was_heard_of_stands_until_the_order_says_something_new(stocked, sent, heard, again, state):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 1), payments=(card(1100, sent),)))
    told(channel, heard)

    assert amended(channel, line(shirt, 1), payments=(card(1100, again),)).state == state

    assert holds() == (["PAYMENT_FAILED"] if state == "ON_HOLD" else [])


def test_fewer_lines_leave_a_surplus_that_stays_a_deposit_until_it_goes_back(stocked):
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 3), payments=(card(3300, "CAPTURED"),)))

    outcome = amended(channel, line(shirt, 1), payments=(card(1100, "CAPTURED"),))

    assert (outcome.state, figures(shirt, place), tasks()) == ("READY", (10, 1), ["REFUND_OF_DIFFERENCE"])
    assert "2,200" in StaffTask.objects.get().detail
    assert (figure("deposits"), figure("refunds_payable")) == (3300, 0)
    assert OrderTaxTotal.objects.get().tax_amount == 100
    shipped(record)
    assert (figure("deposits"), figure("sales.ec"), tasks()) == (2200, 1000, ["REFUND_OF_DIFFERENCE"])

    told(channel, "REFUNDED", 200, event_id="r-1")
    assert (figure("deposits"), figure("receivable.card"), tasks()) == (2000, 3100, ["REFUND_OF_DIFFERENCE"])
    told(channel, "REFUNDED", 2000, event_id="r-2")

    assert (figure("deposits"), figure("refunds_payable"), figure("receivable.card")) == (0, 0, 1100)
    assert (tasks(), payments()) == ([], [(1, 1100, "CAPTURED", 3300, 2200)])
    told(channel, "REFUNDED", 100, event_id="r-3")
    assert (tasks(), figure("receivable.card")) == (["REFUND_NOT_OWED"], 1100)


def test_the_desk_pays_the_difference_back(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(konbini(2200),)))
    told(channel, "PAID", 2200)
    amended(channel, line(shirt, 1), payments=(konbini(1100),))

    assert confirm_refund(payment_id=OrderPayment.objects.get().pk, **HOW) == 1100

    assert (figure("deposits"), figure("refunds_payable"), figure("receivable.agent")) == (1100, 0, 1100)
    assert (tasks(), payments()) == ([], [(1, 1100, "PAID", 2200, 1100)])
    assert Order.objects.get().state == "READY"


def test_a_cancellation_owes_the_surplus_with_the_rest(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    amended(channel, line(shirt, 1), payments=(card(1100, "CAPTURED"),))

    cancel_order(channel=channel.code, external_id="A-1", **HOW)

    assert (figure("deposits"), figure("refunds_payable"), tasks()) == (0, 2200, [])
    told(channel, "REFUNDED", 2200)
    assert (figure("refunds_payable"), figure("receivable.card")) == (0, 0)
    assert payments() == [(1, 1100, "REFUNDED", 2200, 2200)]


def test_more_lines_than_were_paid_wait_until_the_rest_is_here(stocked):
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))

    outcome = amended(channel, line(shirt, 3), payments=(card(3300, "AUTHORIZED"),))

    assert (outcome.state, outcome.holds) == ("ON_HOLD", ("PAYMENT_DIFFERENCE",))
    assert "1,100" in OrderHold.objects.get().detail
    assert (figures(shirt, place), figure("deposits")) == ((10, 3), 2200)
    assert told(channel, "CAPTURED", 500, event_id="c-1") == OrderState.ON_HOLD
    assert told(channel, "CAPTURED", 600, event_id="c-2") == OrderState.READY
    assert (figure("deposits"), figure("receivable.card"), holds(), tasks()) == (3300, 3300, [], [])
    assert payments() == [(1, 3300, "CAPTURED", 3300, 0)]
    shipped(record)
    assert (figure("deposits"), figure("sales.ec")) == (0, 3000)


def test_the_channel_says_that_it_captured_the_rest_too(stocked):
    """The same as if this revision had come first."""
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))

    assert amended(channel, line(shirt, 3), payments=(card(3300, "CAPTURED"),)).state == "READY"

    assert (figure("deposits"), figure("receivable.card")) == (3300, 3300)
    assert told(channel, "CAPTURED", 1100) == OrderState.READY
    assert figure("deposits") == 3300


@pytest.mark.parametrize("amount", [None, 3300])
def test_news_of_the_whole_amount_settles_the_difference(stocked, amount):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(konbini(2200),)))
    told(channel, "PAID", 2200, event_id="p-1")
    assert amended(channel, line(shirt, 3), payments=(konbini(3300),)).state == "ON_HOLD"

    assert told(channel, "PAID", amount, event_id="p-2") == OrderState.READY

    assert (figure("deposits"), holds(), payments()) == (3300, [], [(1, 3300, "PAID", 3300, 0)])


def test_the_rest_may_be_a_payment_of_its_own(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))

    outcome = amended(channel, line(shirt, 3), payments=(konbini(1100), card(2200, "CAPTURED")))

    assert (outcome.state, outcome.holds) == ("AWAITING_PAYMENT", ())
    assert told(channel, "PAID", 1100, line_no=1) == OrderState.READY
    assert payments() == [(1, 1100, "PAID", 1100, 0), (2, 2200, "CAPTURED", 2200, 0)]
    assert figure("deposits") == 3300


def test_staff_let_go_what_the_provider_will_still_pay(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    amended(channel, line(shirt, 3), payments=(card(3300, "AUTHORIZED"),))

    moved = resolve_hold(order_id=record.pk, reason="PAYMENT_DIFFERENCE", resolution="追加与信済み", **HOW)

    assert moved == OrderState.READY
    shipped(record)
    assert (figure("deposits"), figure("receivable.card"), figure("sales.ec")) == (0, 3300, 3000)


def test_what_must_be_paid_first_is_awaited_after_staff_have_looked(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), payments=(konbini(2200),)))
    told(channel, "PAID", 2200, event_id="p-1")
    amended(channel, line(shirt, 3), payments=(konbini(3300),))

    moved = resolve_hold(order_id=record.pk, reason="PAYMENT_DIFFERENCE", resolution="連絡済み", **HOW)

    assert moved == OrderState.AWAITING_PAYMENT
    assert told(channel, "PAID", 1100, event_id="p-2") == OrderState.READY
    assert figure("deposits") == 3300


@pytest.mark.parametrize(
    ("pieces", "amount", "when"),
    [
        (3, 2200, NOON + HOUR),  # the final notice of a shop, days after the first one, names the money that is here
        (4, 2200, NOON),  # captured when the order was placed, and told late
    ],
)
def test_late_news_of_the_money_that_is_here_is_not_the_rest(stocked, pieces, amount, when):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    amended(channel, line(shirt, pieces), payments=(card(1100 * pieces, "AUTHORIZED"),))

    assert told(channel, "CAPTURED", amount, event_id="late", when=when) == OrderState.ON_HOLD

    assert (figure("deposits"), holds(), tasks()) == (2200, ["PAYMENT_DIFFERENCE"], ["PAYMENT_SHORT"])


@pytest.mark.parametrize("waited", [0 * HOUR, 48 * HOUR])
def test_twice_the_order_is_paid_by_as_much_again(stocked, waited):
    """Also when all of it reaches us days after it happened."""
    channel, _place, shirt = stocked
    times = {"ordered_at": NOON - waited}
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),), **times))
    amended(channel, line(shirt, 4), payments=(card(4400, "AUTHORIZED"),), **times)

    assert told(channel, "CAPTURED", 2200, when=NOON - waited + HOUR) == OrderState.READY

    assert figure("deposits") == 4400


def test_the_same_money_told_twice_does_not_pay_for_what_is_added_later(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(konbini(2200),)))
    told(channel, "PAID", 2200)
    told(channel, "CAPTURED", 2200)

    assert amended(channel, line(shirt, 3), payments=(konbini(3300),)).state == "ON_HOLD"

    assert figure("deposits") == 2200


def test_fewer_and_then_more_again_uses_the_surplus(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 3), payments=(card(3300, "CAPTURED"),)))
    amended(channel, line(shirt, 1), payments=(card(1100, "AUTHORIZED"),))
    entries = JournalEntry.objects.count()

    outcome = amended(channel, line(shirt, 2), payments=(card(2200, "AUTHORIZED"),), revision=3)

    assert (outcome.state, tasks(), payments()) == ("READY", ["REFUND_OF_DIFFERENCE"], [(1, 2200, "CAPTURED", 3300, 0)])
    outcome = amended(channel, line(shirt, 3), payments=(card(3300, "AUTHORIZED"),), revision=4)
    assert (outcome.state, tasks(), figure("deposits")) == ("READY", [], 3300)
    assert JournalEntry.objects.count() == entries


def test_more_again_after_the_difference_went_back(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 3), payments=(card(3300, "CAPTURED"),)))
    amended(channel, line(shirt, 1), payments=(card(1100, "CAPTURED"),))
    told(channel, "REFUNDED", 2200)
    assert figure("deposits") == 1100

    assert amended(channel, line(shirt, 2), payments=(card(2200, "AUTHORIZED"),), revision=3).state == "ON_HOLD"
    assert told(channel, "CAPTURED", 1100, event_id="c-2", when=NOON + HOUR) == OrderState.READY

    assert (figure("deposits"), figure("receivable.card")) == (2200, 2200)
    shipped(record)
    assert (figure("deposits"), figure("receivable.card"), tasks()) == (0, 2200, [])


def test_a_refund_that_was_reported_before_its_revision_is_posted_with_it(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    told(channel, "REFUNDED", 1100)
    assert (tasks(), figure("deposits")) == (["REFUND_NOT_OWED"], 2200)

    amended(channel, line(shirt, 1), payments=(card(1100, "CAPTURED"),))

    assert (tasks(), figure("deposits"), figure("receivable.card")) == ([], 1100, 1100)
    assert payments() == [(1, 1100, "CAPTURED", 2200, 1100)]


def test_another_way_of_payment_leaves_the_old_money_to_go_back(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), payments=(konbini(2200),)))
    told(channel, "PAID", 2200)

    outcome = amended(channel, line(shirt, 2), payments=(PaymentInput("COD", Decimal(2200)),))

    assert (outcome.state, tasks()) == ("READY", ["REFUND_OF_DIFFERENCE"])
    assert payments() == [(1, 2200, "PENDING", 0, 0), (1001, 0, "PAID", 2200, 0)]
    shipped(record)
    assert (figure("deposits"), figure("receivable.cod"), figure("sales.ec")) == (2200, 2200, 2000)
    told(channel, "REFUNDED", 2200)
    assert (figure("deposits"), figure("receivable.agent"), figure("receivable.cod"), tasks()) == (0, 0, 2200, [])
    assert payments() == [(1, 2200, "PENDING", 0, 0), (1001, 0, "REFUNDED", 2200, 2200)]


def test_a_payment_under_another_reference_is_another_payment(stocked):
    channel, _place, shirt = stocked
    first, second = (PaymentInput("CARD", Decimal(1100 * n), "CAPTURED", reference=f"tx-{n}") for n in (2, 3))
    placed(channel, order(line(shirt, 2), payments=(first,)))

    amended(channel, line(shirt, 3), payments=(second,))

    assert (figure("deposits"), tasks()) == (5500, ["REFUND_OF_DIFFERENCE"])
    assert payments() == [(1, 3300, "CAPTURED", 3300, 0), (1001, 0, "CAPTURED", 2200, 0)]
    # And back: the money that was set aside is found again.
    amended(channel, line(shirt, 2), payments=(first,), revision=3)
    assert payments() == [(1, 2200, "CAPTURED", 2200, 0), (1001, 0, "CAPTURED", 3300, 0)]
    assert figure("deposits") == 5500


def test_news_said_again_after_payments_were_numbered_anew_is_no_news(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(1100), konbini(1100))))
    told(channel, "PAID", 1100, event_id="p-1", line_no=2)

    amended(channel, line(shirt, 2), payments=(konbini(1100), card(1100)))

    assert payments() == [(1, 1100, "PAID", 1100, 0), (2, 1100, "AUTHORIZED", 0, 0)]
    assert told(channel, "PAID", 1100, event_id="p-1", line_no=2) == OrderState.READY
    with pytest.raises(OrderConflict):
        told(channel, "PAID", 1100, event_id="p-1", line_no=1)
    with pytest.raises(NotFound):
        told(channel, "PAID", 1100, event_id="p-2", line_no=3)
    assert figure("deposits") == 1100


def test_a_revision_that_says_nothing_of_payment_changes_nothing_about_it(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(1100, "CAPTURED"), konbini(1100))))
    told(channel, "PAID", 1100, line_no=2)

    outcome = amended(channel, line(shirt, 2), payments=(), customer_note="")
    assert (outcome.state, outcome.holds, tasks()) == ("READY", (), [])
    assert payments() == [(1, 1100, "CAPTURED", 1100, 0), (2, 1100, "PAID", 1100, 0)]

    outcome = amended(channel, line(shirt, 3), payments=(), revision=3)
    assert (outcome.holds, payments()[1]) == (("PAYMENT_DIFFERENCE",), (2, 2200, "PENDING", 1100, 0))

    outcome = amended(channel, line(shirt, 1), payments=(), revision=4)
    assert (outcome.state, tasks()) == ("READY", ["REFUND_OF_DIFFERENCE"])
    assert payments() == [(1, 1100, "CAPTURED", 1100, 0), (2, 0, "PAID", 1100, 0)]
    assert figure("deposits") == 2200


def test_amounts_that_are_not_known_yet_ask_for_no_refund(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))

    outcome = amended(channel, line(shirt, 1, None), total=0, payments=())

    assert (outcome.holds, tasks(), figure("deposits")) == (("AMOUNT_UNKNOWN",), [], 2200)
    amended(channel, line(shirt, 1), payments=(card(1100, "CAPTURED"),), revision=3)
    assert (holds(), tasks(), figure("deposits")) == ([], ["REFUND_OF_DIFFERENCE"], 2200)


def points(amount: int, funder: str = "MALL") -> AdjustmentInput:
    return AdjustmentInput("POINTS", funder, Decimal(amount))


def test_points_that_the_mall_pays_may_change_after_the_money_came(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), adjustments=(points(200),), payments=(card(2000, "CAPTURED"),)))

    more = amended(channel, line(shirt, 2), adjustments=(points(500),), payments=(card(1700, "CAPTURED"),))
    assert (more.state, tasks(), figure("deposits")) == ("READY", ["REFUND_OF_DIFFERENCE"], 2000)

    none = amended(channel, line(shirt, 2), payments=(card(2200, "AUTHORIZED"),), revision=3)
    assert (none.holds, tasks()) == (("PAYMENT_DIFFERENCE",), [])
    assert told(channel, "CAPTURED", 200) == OrderState.READY
    shipped(record)
    assert (figure("receivable.card"), figure("receivable.mall"), figure("deposits")) == (2200, 0, 0)


def test_a_coupon_of_our_own_that_comes_later_makes_a_surplus(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))

    coupon = AdjustmentInput("COUPON", "SHOP", Decimal(550), "SORRY")
    amended(channel, line(shirt, 2), total=1650, adjustments=(coupon,), payments=(card(1650, "CAPTURED"),))

    assert OrderTaxTotal.objects.values_list("net_amount", "tax_amount").get() == (1500, 150)
    shipped(record)
    assert (figure("sales.ec"), figure("deposits"), tasks()) == (1500, 550, ["REFUND_OF_DIFFERENCE"])


def test_a_provisional_order_that_is_paid_becomes_final(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 1), is_provisional=True, payments=(card(1100, "CAPTURED"),)))

    assert amended(channel, line(shirt, 1), payments=(card(1100, "CAPTURED"),)).state == "READY"

    assert figure("deposits") == 1100


def test_what_is_on_account_claims_the_credit_of_the_new_revision():
    channel, place, shirt = stock_a_shop(kind="WHOLESALE")
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=10_000)))
    on_account = PaymentInput("ON_ACCOUNT", Decimal(1100))
    paid = {"account_code": "AC1", "payments": (on_account, card(1100, "CAPTURED"))}
    record = placed(channel, order(line(shirt, 2), **paid))
    assert CreditGroup.objects.get().exposure == 1100

    more = (PaymentInput("ON_ACCOUNT", Decimal(3300)), card(1100, "CAPTURED"))
    outcome = amended(channel, line(shirt, 4), account_code="AC1", payments=more)

    assert (outcome.state, CreditGroup.objects.get().exposure, figure("deposits")) == ("READY", 3300, 1100)
    shipped(record)
    assert (figure("receivable.account"), figure("deposits"), figures(shirt, place)) == (3300, 0, (6, 0))
    assert [str(fault) for result in verify() for fault in result.faults] == []


def test_the_same_revision_again_changes_nothing(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    sent = order(line(shirt, 3), payments=(card(3300, "CAPTURED"),), revision=2)
    first = place_order(channel=channel.code, order=sent, **HOW)
    entries = JournalEntry.objects.count()

    again = place_order(channel=channel.code, order=sent, **HOW)

    assert (first.is_amendment, again.is_replay, again.lines) == (True, True, first.lines)
    assert (JournalEntry.objects.count(), figure("deposits")) == (entries, 3300)


def test_several_revisions_in_one_call_leave_what_the_last_one_says(stocked):
    channel, place, shirt = stocked
    sent = [
        order(line(shirt, pieces), payments=(card(1100 * pieces, "CAPTURED"),), revision=number)
        for number, pieces in enumerate((2, 3, 1), 1)
    ]

    outcomes = place_orders(channel=channel.code, orders=sent, **HOW)

    assert [outcome.is_amendment for outcome in outcomes] == [False, True, True]
    assert (Order.objects.get().revision, figures(shirt, place)) == (3, (10, 1))
    assert (figure("deposits"), tasks()) == (3300, ["REFUND_OF_DIFFERENCE"])


def test_money_that_waits_for_its_route_waits_on(stocked):
    channel, _place, shirt = stocked
    old = PaymentRoute.objects.get(method="WALLET")
    route = {"method": "WALLET", "provider": "", "role": old.role, "counterparty_id": old.counterparty_id}
    old.delete()
    wallet = PaymentInput("WALLET", Decimal(2200), "CAPTURED")
    record = placed(channel, order(line(shirt, 2), payments=(wallet,)))

    amended(channel, line(shirt, 2), payments=(PaymentInput("COD", Decimal(2200)),))
    assert (holds(), figure("deposits")) == (["NO_PAYMENT_ROUTE"], 0)
    PaymentRoute.objects.create(must_be_paid_first=False, **route)
    resolve_hold(order_id=record.pk, reason="NO_PAYMENT_ROUTE", resolution="設定した", **HOW)
    assert figure("deposits") == 2200

    amended(channel, line(shirt, 2), payments=(wallet,), revision=3)
    assert (figure("deposits"), payments()[0]) == (2200, (1, 2200, "CAPTURED", 2200, 0))


def test_money_that_waited_for_its_route_is_posted_with_the_revision_that_finds_one(stocked):
    channel, _place, shirt = stocked
    old = PaymentRoute.objects.get(method="WALLET")
    route = {"method": "WALLET", "provider": "", "role": old.role, "counterparty_id": old.counterparty_id}
    old.delete()
    wallet = PaymentInput("WALLET", Decimal(2200), "CAPTURED")
    placed(channel, order(line(shirt, 2), payments=(wallet,)))
    PaymentRoute.objects.create(must_be_paid_first=False, **route)

    assert amended(channel, line(shirt, 2), payments=(wallet,)).state == "READY"

    assert (figure("deposits"), payments()) == (2200, [(1, 2200, "CAPTURED", 2200, 0)])


def test_a_channel_that_says_the_money_went_back_is_believed_by_a_person(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))

    outcome = amended(channel, line(shirt, 2), payments=(card(2200, "REFUNDED"),))

    assert (outcome.holds, figure("deposits")) == (("PAYMENT_DIFFERENCE",), 2200)


def test_another_currency_after_money_came_is_left_to_staff(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    dollars = order(line(shirt, 2, 10), currency="USD", payments=(card(20, "CAPTURED"),), revision=2)

    assert place_order(channel=channel.code, order=dollars, **HOW).is_task

    assert (Order.objects.get().currency, figure("deposits"), tasks()) == ("JPY", 2200, ["AMEND_AFTER_RELEASE"])


def test_what_is_under_release_or_has_left_in_part_is_left_to_staff(stocked):
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    [parcel] = released(record)
    sent = order(line(shirt, 3), payments=(card(3300, "CAPTURED"),), revision=2)
    assert place_order(channel=channel.code, order=sent, **HOW).is_task

    ship(requests=[ShipRequest(parcel.pk, {record.lines.get().pk: 1})], **HOW)
    assert place_order(channel=channel.code, order=order(line(shirt, 1), revision=3), **HOW).is_task

    assert (figures(shirt, place), figure("deposits"), Order.objects.get().revision) == ((9, 1), 1100, 1)
    release_orders(order_ids=[record.pk], **HOW)
