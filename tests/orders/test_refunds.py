"""A refund is paid only while something is owed back."""

import pytest

from erp.core.errors import NotAllowedNow
from erp.core.models import StaffTask
from erp.orders.models import OrderPayment
from erp.orders.services import PaymentNews, cancel_by_staff, confirm_refund, record_payment_event
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, card, figure, line, order, placed, shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    return channel, placed(channel, order(line(shirt), payments=(card(1100, "CAPTURED"),)))


def test_the_desk_confirms_what_a_cancellation_owes(paid):
    _channel, record = paid
    cancel_by_staff(order_id=record.pk, reason="changed mind", at=NOON, by=DESK)
    payment = OrderPayment.objects.get(order=record)

    assert confirm_refund(payment_id=payment.pk, at=NOON, by=DESK) == 1100

    assert (figure("refunds_payable"), figure("deposits"), figure("receivable.card")) == (0, 0, 0)
    with pytest.raises(NotAllowedNow):
        confirm_refund(payment_id=payment.pk, at=NOON, by=DESK)


def test_a_reported_refund_that_nothing_explains_becomes_a_task(paid):
    channel, record = paid
    news = PaymentNews(event_id="r-1", kind="REFUNDED", occurred_at=NOON)

    record_payment_event(channel=channel.code, external_id=record.external_id, event=news, at=NOON, by=DESK)

    assert StaffTask.objects.get(kind="REFUND_NOT_OWED").subject_id == record.pk
    assert OrderPayment.objects.get(order=record).status == "CAPTURED"
    assert figure("deposits") == 1100
