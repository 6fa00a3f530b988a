"""Webhook and poll at the same moment, two workers on one inbox, a worker that dies: on real connections."""

import pytest
from django.db import connection, transaction

from ec_gateway.inbox import orders
from ec_gateway.inbox.polling import poll
from ec_gateway.inbox.receiving import receive_webhook
from ec_gateway.inbox.working import work_off
from ec_gateway.models import Activity, InboundEvent, OrderSeen, SiteActivity
from ec_gateway.order_document import read_order
from ec_gateway.platforms.taking_in import take_in
from ec_gateway.services import leases
from erp.core.models import StaffTask
from erp.orders import services
from erp.orders.models import Order
from tests.ec_gateway.factories import NOON, ROBOT, after, shop
from tests.ec_gateway.fake_platform import FakePlatform, document, line_to, never_wait, news, order_news
from tests.inventory.factories import figures, sku, stock
from tests.racing import once_another_waits, race

pytestmark = pytest.mark.django_db(transaction=True)
WEBHOOK = InboundEvent.Source.WEBHOOK


def came(site, *items):
    with transaction.atomic():
        return take_in(site_id=site.pk, news=items, source=WEBHOOK, at=NOON)


def work(site, at=NOON, holder="test"):
    return work_off(site_id=site.pk, holder=holder, clock=lambda: at, jitter=lambda: 0.5)


def test_a_webhook_and_a_poll_that_bring_the_same_events_at_once_keep_each_once():
    site, _place = shop()
    platform = FakePlatform(changes=[news("HINT", "b"), news("HINT", "a")])

    def webhook():
        return receive_webhook(
            site=site, platform=platform, headers={}, body=b'{"kind": "HINT", "event_id": "a"}', at=NOON
        )

    def polling():
        return poll(line=line_to(site, platform), holder="poller", wait=never_wait)

    outcomes = race(
        webhook, polling, undone=lambda: take_in(site_id=site.pk, news=platform.changes, source=WEBHOOK, at=NOON)
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    assert sorted(InboundEvent.objects.values_list("event_id", flat=True)) == ["a", "b"]
    assert SiteActivity.objects.get(site=site, activity=Activity.POLL).cursor == "2"


def test_two_who_bring_the_same_events_in_opposite_order_do_not_deadlock():
    site, _place = shop()
    there = [news("HINT", f"h-{number:02}") for number in range(50)]

    # Somebody has the one in the middle and takes it back: each would hold its half by then, and want the other's.
    outcomes = race(
        lambda: came(site, *there),
        lambda: came(site, *reversed(there)),
        undone=lambda: take_in(site_id=site.pk, news=[there[25]], source=WEBHOOK, at=NOON),
    )

    assert sorted(len(outcome) for outcome in outcomes) == [0, 50]


def test_a_poller_that_is_just_writing_is_not_overtaken():
    """Its lease has ended while it waited. Whoever comes next begins behind what it wrote, or it writes nothing: never in between."""
    site, _place = shop()
    platform = FakePlatform(changes=[news("HINT", "a"), news("HINT", "b")])

    _polled, taken = race(
        lambda: poll(line=line_to(site, platform), holder="poller", wait=never_wait),
        once_another_waits(
            lambda: leases.take(site_id=site.pk, activity=Activity.POLL, holder="next", at=after(leases.LEASE_S + 1))
        ),
        undone=lambda: take_in(site_id=site.pk, news=platform.changes, source=WEBHOOK, at=NOON),
    )

    assert InboundEvent.objects.count() == 2
    assert taken.cursor == SiteActivity.objects.get(site=site, activity=Activity.POLL).cursor == "2"


def test_two_workers_on_the_same_events_apply_them_once():
    """The lease of the first ended while it slept; both have chosen the same orders."""
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 50)
    ids = came(site, *[order_news(f"A-{number}", shirt) for number in range(5)])

    def applying():
        return orders.apply_orders(site=site, event_ids=ids, states=["RECEIVED"], at=NOON, by=ROBOT)

    outcomes = race(applying, applying, hold=InboundEvent.objects.all())

    assert sorted(len(outcome) for outcome in outcomes) == [0, 5]
    assert Order.objects.count() == 5
    assert figures(shirt, place) == (50, 5)


def test_the_same_order_over_rest_and_the_inbox_at_once_is_one_order():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    [event_id] = came(site, order_news("A-1", shirt, revision=1))
    sent = read_order(document("A-1", shirt, revision=1))

    outcomes = race(
        lambda: services.place_order(channel=site.channel.code, order=sent, at=NOON, by=ROBOT),
        lambda: orders.apply_orders(site=site, event_ids=[event_id], states=["RECEIVED"], at=NOON, by=ROBOT),
        names=[f"order:{site.channel.code}:A-1"],
    )

    assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    assert Order.objects.get().revision == 1
    assert InboundEvent.objects.get().state in ("DONE", "UNCHANGED")
    assert figures(shirt, place) == (5, 1)


def test_an_order_without_a_number_that_meets_its_own_change_over_rest_is_judged_after_it():
    """What is known is read under the order's name: read before, the change would come under a revision that is taken."""
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt))
    work(site)
    [event_id] = came(site, order_news("A-1", shirt, event_id="later", changed_at=after(60), quantity=3))
    sent = read_order(document("A-1", shirt, quantity=2, revision=2))

    outcomes = race(
        lambda: services.place_order(channel=site.channel.code, order=sent, at=NOON, by=ROBOT),
        lambda: orders.apply_orders(site=site, event_ids=[event_id], states=["RECEIVED"], at=NOON, by=ROBOT),
        names=[f"order:{site.channel.code}:A-1"],
    )

    refusals = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert InboundEvent.objects.get(pk=event_id).state == "DONE"
    # Whoever came first, the other was judged by what was known then: REST is a conflict, or was amended in its turn.
    assert [type(refusal).__name__ for refusal in refusals] in ([], ["OrderConflict"])
    assert figures(shirt, place) == (9, 3)


def test_a_worker_that_dies_in_the_middle_leaves_nothing_half_done(monkeypatch):
    """The effect and what became of the event are one transaction, so the next worker finds either both or neither."""
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, order_news("A-1", shirt))

    def dies(*arguments, **named):
        assert Order.objects.filter(external_id="A-1").exists()  # the order is written by now
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(orders, "settle", dies)
        with pytest.raises(SystemExit):
            work(site, holder="first")

    assert not Order.objects.exists()
    assert not OrderSeen.objects.exists()
    assert InboundEvent.objects.get().state == "RECEIVED"
    assert figures(shirt, place) == (5, 0)
    work(site, at=after(60), holder="second")
    assert Order.objects.get().external_id == "A-1"
    assert InboundEvent.objects.get().state == "DONE"


def test_a_lost_deadlock_is_tried_again_and_is_no_failed_attempt():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    [event_id] = came(site, order_news("A-1", shirt))
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE tries")
        cursor.execute(
            "CREATE FUNCTION deadlock_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('tries') = 1 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = 'deadlock_detected'; END IF;"
            " RETURN NULL; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER deadlock_once AFTER INSERT ON ec_gateway_orderseen"
            " FOR EACH STATEMENT EXECUTE FUNCTION deadlock_once()"
        )
    try:
        work(site)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER deadlock_once ON ec_gateway_orderseen")
            cursor.execute("DROP FUNCTION deadlock_once; DROP SEQUENCE tries")

    event = InboundEvent.objects.get(pk=event_id)
    assert (event.state, event.attempts) == ("DONE", 0)
    assert not StaffTask.objects.exists()
