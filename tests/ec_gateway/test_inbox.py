"""The inbox: every event once, in order per order, one bad one harms no other, older news never overwrite newer."""

import re

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from ec_gateway.inbox.replaying import replay
from ec_gateway.inbox.working import is_behind, waiting_sites, work_off
from ec_gateway.models import Activity, InboundEvent, OrderSeen, SiteActivity
from ec_gateway.order_document import read_order
from ec_gateway.platforms.taking_in import take_in
from erp.core.models import MessageLog, StaffTask
from erp.orders import services
from erp.orders.models import LateRevision, Order, OrderEvent, Return
from tests.ec_gateway.factories import NOON, ROBOT, after, shop
from tests.ec_gateway.fake_platform import document, news, order_news
from tests.inventory.factories import figures, sku, statements, stock
from tests.orders.factories import released, shipped

pytestmark = pytest.mark.django_db
WEBHOOK, POLL = InboundEvent.Source.WEBHOOK, InboundEvent.Source.POLL


def came(site, *items, source=WEBHOOK, at=NOON):
    return take_in(site_id=site.pk, news=items, source=source, at=at)


def work(site, at=NOON):
    return work_off(site_id=site.pk, holder="test", clock=lambda: at, jitter=lambda: 0.5)


def states(site):
    events = InboundEvent.objects.filter(site=site).order_by("pk")
    return [(event.event_id, event.state) for event in events]


def again(*event_ids):
    return [item.state for item in replay(event_ids=event_ids, clock=lambda: NOON, jitter=lambda: 0.5, by=ROBOT)]


def open_tasks():
    return list(StaffTask.objects.filter(closed_at__isnull=True).order_by("pk").values_list("kind", flat=True))


def test_an_order_comes_through_once_whichever_way_and_however_often_it_is_told():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)

    assert len(came(site, order_news("A-1", shirt))) == 1
    assert came(site, order_news("A-1", shirt), source=POLL) == []
    work(site)
    assert came(site, order_news("A-1", shirt), source=POLL) == []
    work(site)

    order = Order.objects.get()
    assert (order.external_id, order.state, order.revision) == ("A-1", "READY", 1)
    event = InboundEvent.objects.get()
    assert (event.state, event.result, event.source, event.processed_at) == ("DONE", order.number, "WEBHOOK", NOON)
    assert figures(shirt, place) == (5, 1)
    assert MessageLog.objects.filter(kind="order").count() == 1


def test_the_same_event_twice_in_one_message_is_one():
    site, _place = shop()

    came(site, news("HINT", "h-1"), news("HINT", "h-1"))

    assert states(site) == [("h-1", "RECEIVED")]


def test_events_are_numbered_in_the_order_in_which_they_came():
    site, _place = shop()

    came(site, news("HINT", "z"), news("HINT", "a"), news("HINT", "m"))

    assert [event_id for event_id, _state in states(site)] == ["z", "a", "m"]


def test_identical_content_is_no_amendment():
    """A bumped time or revision, our own fulfilment coming back."""
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, order_news("A-1", shirt))
    work(site)

    came(site, order_news("A-1", shirt, event_id="e-2", changed_at=after(60)))
    came(site, order_news("A-1", shirt, event_id="e-3", changed_at=after(90), revision=7))
    work(site)

    assert states(site) == [("e-A-1", "DONE"), ("e-2", "UNCHANGED"), ("e-3", "UNCHANGED")]
    assert Order.objects.get().revision == 1
    assert not OrderEvent.objects.filter(kind="AMENDED").exists()


def test_a_later_change_is_the_next_revision_and_an_older_one_comes_too_late():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt))
    came(site, order_news("A-1", shirt, event_id="newer", changed_at=after(60), quantity=3))
    came(site, order_news("A-1", shirt, event_id="older", changed_at=after(30), quantity=2))

    work(site)

    assert states(site) == [("e-A-1", "DONE"), ("newer", "DONE"), ("older", "STALE")]
    assert Order.objects.get().revision == 2
    assert figures(shirt, place) == (9, 3)


def test_a_numbered_older_revision_after_a_newer_one_changes_nothing():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt, event_id="third", revision=3, quantity=3))
    # The clock of the site is wrong; its numbers are not.
    came(site, order_news("A-1", shirt, event_id="second", revision=2, quantity=2, changed_at=after(600)))

    work(site)

    assert states(site) == [("third", "DONE"), ("second", "STALE")]
    assert figures(shirt, place) == (9, 3)


def test_content_that_came_back_is_news_after_the_order_was_changed_another_way():
    """A over the inbox, B over REST, A again: the last word counts, though the inbox saw the same content twice."""
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt, revision=1))
    work(site)
    other = read_order(document("A-1", shirt, quantity=4, revision=2))
    services.place_order(channel=site.channel.code, order=other, at=NOON, by=ROBOT)

    came(site, order_news("A-1", shirt, event_id="back", revision=3))
    work(site)

    assert states(site)[-1] == ("back", "DONE")
    assert figures(shirt, place) == (9, 1)


def test_a_change_that_waits_for_staff_is_told_once():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt))
    work(site)
    released(Order.objects.get())
    came(site, order_news("A-1", shirt, event_id="late", changed_at=after(60), quantity=2))
    work(site)
    assert open_tasks() == ["AMEND_AFTER_RELEASE"]
    StaffTask.objects.update(closed_at=NOON)

    came(site, order_news("A-1", shirt, event_id="echo", changed_at=after(90), quantity=2))
    work(site)

    assert states(site)[-1] == ("echo", "UNCHANGED")
    assert open_tasks() == []


def test_the_next_change_of_what_waits_for_staff_is_a_revision_of_its_own():
    """The site numbers none: a change is the next one after all that came, not after the recorded one."""
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt))
    work(site)
    released(Order.objects.get())
    for minutes, pieces in ((60, 2), (90, 3), (120, 1)):
        came(site, order_news("A-1", shirt, event_id=f"e-{pieces}", changed_at=after(minutes), quantity=pieces))
        work(site)

    assert [state for _event, state in states(site)] == ["DONE"] * 4
    late = LateRevision.objects.order_by("revision").values_list("revision", "content__lines__0__quantity")
    assert list(late) == [(2, 2), (3, 3), (4, 1)]
    assert open_tasks() == ["AMEND_AFTER_RELEASE"]


def test_a_cancel_before_its_order_waits_for_it():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    cancel = news("CANCEL", "c-1", "A-1", after(60), {"external_id": "A-1", "reason": "変更"})
    came(site, cancel)
    work(site)
    assert states(site) == [("c-1", "PARKED")]

    came(site, order_news("A-1", shirt))
    work(site)

    order = Order.objects.get()
    assert order.state == "CANCELLED"
    assert states(site) == [("c-1", "DONE"), ("e-A-1", "DONE")]
    assert figures(shirt, place) == (5, 0)
    assert again(*InboundEvent.objects.values_list("pk", flat=True)) == ["DONE", "UNCHANGED"]


def test_news_of_an_order_from_before_its_cancellation_comes_too_late():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, order_news("A-1", shirt))
    came(site, news("CANCEL", "c-1", "A-1", after(60), {"external_id": "A-1"}))
    came(site, order_news("A-1", shirt, event_id="older", changed_at=after(30), quantity=2))

    work(site)

    assert states(site) == [("e-A-1", "DONE"), ("c-1", "DONE"), ("older", "STALE")]
    assert Order.objects.get().state == "CANCELLED"


def test_a_payment_is_recorded_once_and_may_come_before_its_order():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    paid = {"external_id": "A-1", "event_id": "p-1", "kind": "captured", "occurred_at": "2026-11-23T10:00:00+09:00"}
    came(site, news("PAYMENT", "e-p", "A-1", NOON, paid))
    work(site)
    came(site, order_news("A-1", shirt))
    work(site)

    again(InboundEvent.objects.get(event_id="e-p").pk)

    assert states(site) == [("e-p", "DONE"), ("e-A-1", "DONE")]
    assert Order.objects.get().payments.get().received_amount == 1100


def test_one_bad_order_among_a_hundred_is_refused_with_every_problem():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 200)
    good = [order_news(f"A-{number}", shirt) for number in range(99)]
    bad = news("ORDER", "bad", "A-bad", NOON, {"external_id": "A-bad", "lines": [{"sku": 7}], "surprise": 1})
    came(site, *good[:50], bad, *good[50:])

    work(site)

    assert Order.objects.count() == 99
    assert InboundEvent.objects.filter(state="DONE").count() == 99
    refused = InboundEvent.objects.get(event_id="bad")
    assert refused.state == "REFUSED"
    # Staff read the fields by their names, and neither pointers nor codes.
    for fault in ("注文日時: ", "明細 1件目 › SKU: ", "明細 1件目 › 数量: ", "surprise: "):
        assert fault in refused.error
    assert not re.search(r"(^|\s)/\w|\[\w+\]", refused.error)
    task = StaffTask.objects.get()
    assert (task.kind, task.subject_type, task.subject_id) == ("INBOX_REFUSED", "INBOUND_EVENT", refused.pk)


def test_ninety_orders_cost_as_many_statements_as_thirty():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 500)
    came(site, *[order_news(f"warm-{number}", shirt) for number in range(3)])
    work(site)

    came(site, *[order_news(f"few-{number}", shirt) for number in range(30)])
    few = len(statements(lambda: work(site)))
    came(site, *[order_news(f"many-{number}", shirt) for number in range(90)])
    many = len(statements(lambda: work(site)))

    assert InboundEvent.objects.exclude(state="DONE").count() == 0
    assert many <= few + 5  # tables that get a hundred rows are written by COPY, one by one


def test_an_order_that_breaks_the_code_stops_no_other_and_is_tried_again_later(monkeypatch):
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 50)
    whole = services.place_orders

    def breaks(**arguments):
        if any(order.external_id == "A-3" for order in arguments["orders"]):
            raise ZeroDivisionError("broken")
        return whole(**arguments)

    monkeypatch.setattr(services, "place_orders", breaks)
    came(site, *[order_news(f"A-{number}", shirt) for number in range(6)])
    work(site)

    event = InboundEvent.objects.get(external_id="A-3")
    assert (event.state, event.attempts, event.error) == ("RECEIVED", 1, "ZeroDivisionError: broken")
    assert event.next_attempt_at == after(5)
    assert Order.objects.count() == 5
    assert waiting_sites(at=after(4)) == []

    monkeypatch.setattr(services, "place_orders", whole)
    assert waiting_sites(at=after(5)) == [site.pk]
    work(site, at=after(5))

    assert Order.objects.count() == 6
    assert InboundEvent.objects.get(external_id="A-3").state == "DONE"


def test_what_waits_for_a_new_attempt_holds_back_only_later_news_of_the_same_order():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 50)
    came(site, order_news("A-1", shirt), order_news("A-2", shirt))
    InboundEvent.objects.filter(external_id="A-1").update(next_attempt_at=after(60))
    came(site, order_news("A-1", shirt, event_id="next", changed_at=after(10), quantity=2), order_news("A-3", shirt))

    work(site)
    assert states(site) == [("e-A-1", "RECEIVED"), ("e-A-2", "DONE"), ("next", "RECEIVED"), ("e-A-3", "DONE")]
    work(site, at=after(60))

    assert {state for _event, state in states(site)} == {"DONE"}
    assert Order.objects.get(external_id="A-1").revision == 2


def test_what_fails_again_and_again_is_left_to_staff_and_can_be_replayed(monkeypatch):
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, news("CANCEL", "c-1", "A-1", NOON, {"external_id": "A-1"}))
    whole = services.cancel_order

    def breaks(**arguments):
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(services, "cancel_order", breaks)
    for attempt in range(settings.INBOX_ATTEMPTS):
        work(site, at=after(attempt * 10_000))
    [event] = InboundEvent.objects.all()
    assert (event.state, event.attempts) == ("FAILED", settings.INBOX_ATTEMPTS)
    assert open_tasks() == ["INBOX_FAILED"]

    monkeypatch.setattr(services, "cancel_order", whole)
    assert again(event.pk) == ["PARKED"]
    assert again(event.pk) == ["PARKED"]

    assert open_tasks() == []


def test_what_the_domain_refuses_is_kept_with_its_reason_and_told_to_staff():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, order_news("A-1", shirt))
    paid = {"external_id": "A-1", "kind": "captured", "line_no": 9, "occurred_at": "2026-11-23T10:00:00+09:00"}
    came(site, news("PAYMENT", "e-p", "A-1", NOON, paid))

    work(site)

    assert states(site) == [("e-A-1", "DONE"), ("e-p", "REFUSED")]
    assert "9" in InboundEvent.objects.get(event_id="e-p").error
    assert open_tasks() == ["INBOX_REFUSED"]


def test_a_refused_order_that_comes_right_closes_its_task():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, news("ORDER", "bad", "A-1", NOON, {"external_id": "A-1"}))
    work(site)
    assert open_tasks() == ["INBOX_REFUSED"]

    came(site, order_news("A-1", shirt, changed_at=after(60)))
    work(site)

    assert states(site) == [("bad", "REFUSED"), ("e-A-1", "DONE")]
    assert open_tasks() == []


def test_replaying_everything_changes_nothing():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt), order_news("A-2", shirt))
    came(site, order_news("A-1", shirt, event_id="newer", changed_at=after(60), quantity=3))
    came(site, news("CANCEL", "c-2", "A-2", after(60), {"external_id": "A-2"}))
    work(site)
    before = list(Order.objects.order_by("pk").values("state", "revision", "version", "total"))

    ids = list(InboundEvent.objects.order_by("pk").values_list("pk", flat=True))
    assert again(*ids) == ["STALE", "UNCHANGED", "UNCHANGED", "DONE"]
    assert {state for _event, state in states(site)} == {"DONE"}

    assert list(Order.objects.order_by("pk").values("state", "revision", "version", "total")) == before
    assert figures(shirt, place) == (9, 3)


def test_a_hint_wakes_whoever_polls():
    site, _place = shop()
    came(site, news("HINT", "h-1"))

    run = work(site)

    assert run.wants_poll
    assert SiteActivity.objects.get(site=site, activity=Activity.POLL).wakes == 1


def test_a_second_worker_leaves_its_wake_up_and_goes():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, order_news("A-1", shirt))
    SiteActivity.objects.filter(site=site, activity=Activity.INBOX).update(lease_holder="other", lease_until=after(30))

    run = work(site)

    assert run.counts == {}
    assert SiteActivity.objects.get(site=site, activity=Activity.INBOX).wakes == 1
    assert not Order.objects.exists()
    work(site, at=after(31))
    assert Order.objects.exists()


def test_no_such_site_is_no_work():
    assert work_off(site_id=404, holder="test", clock=lambda: NOON, jitter=lambda: 0.5).counts == {}


def test_what_came_stays_as_it_came():
    site, _place = shop()
    came(site, news("HINT", "h-1", document={"a": 1}))

    for change in ("raw = 'x'", "document = '{}'", "event_id = 'y'", "kind = 'ORDER'", "received_at = now()"):
        with (
            pytest.raises(IntegrityError, match="kept as it came"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE ec_gateway_inboundevent SET {change}")
    with pytest.raises(IntegrityError, match="DELETE"), transaction.atomic():
        InboundEvent.objects.all().delete()


def test_what_postgresql_cannot_keep_is_kept_as_far_as_it_can_be():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)

    came(site, order_news("A-1", shirt, customer_note="a\x00b \ud800"))
    work(site)

    assert Order.objects.get().customer_note == "a\ufffdb ?"


def test_what_is_known_of_an_order_is_one_row():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    for step in range(3):
        came(site, order_news("A-1", shirt, event_id=f"e-{step}", changed_at=after(step), quantity=step + 1))
        work(site)

    seen = OrderSeen.objects.get()
    assert (seen.external_id, seen.revision, seen.changed_at) == ("A-1", 3, after(2))


def inbox_cursor(site):
    return SiteActivity.objects.get(site=site, activity=Activity.INBOX).cursor


def polled_up_to(site, cursor):
    SiteActivity.objects.filter(site=site, activity=Activity.POLL).update(cursor=cursor)


def test_what_webhooks_brought_before_polling_did_is_claimed_by_the_next_sweep():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, order_news("A-1", shirt))
    work(site)
    assert (is_behind(site_id=site.pk), waiting_sites(at=NOON)) == (False, [])

    # Polling finds the order too, and nothing new: no event wakes the inbox.
    polled_up_to(site, "1")

    assert (is_behind(site_id=site.pk), waiting_sites(at=NOON)) == (True, [site.pk])
    work(site)
    assert inbox_cursor(site) == "1"
    assert (is_behind(site_id=site.pk), waiting_sites(at=NOON)) == (False, [])


def test_how_far_orders_are_applied_follows_how_far_they_are_polled():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt), order_news("A-2", shirt), source=POLL)
    polled_up_to(site, "2")
    InboundEvent.objects.filter(external_id="A-2").update(next_attempt_at=after(60))

    work(site)
    assert inbox_cursor(site) == ""  # A-2 is fetched, and not applied yet

    came(site, order_news("A-3", shirt), source=POLL)
    polled_up_to(site, "3")
    work(site, at=after(60))
    assert inbox_cursor(site) == "3"


@pytest.mark.parametrize(("kind", "cursor"), [("PAYMENT", "7"), ("RETURN", "7"), ("CANCEL", ""), ("ORDER", "")])
def test_what_waits_for_a_new_attempt_holds_back_figures_only_when_it_moves_them(kind, cursor):
    site, _place = shop()
    came(site, news(kind, "e-1", "A-1", NOON, {"external_id": "A-1"}), source=POLL)
    InboundEvent.objects.update(next_attempt_at=after(60))
    polled_up_to(site, "7")

    work(site)

    assert inbox_cursor(site) == cursor


def test_an_order_that_was_refused_does_not_stop_the_figures_of_all_others():
    site, _place = shop()
    came(site, news("ORDER", "bad", "A-bad", NOON, {"external_id": "A-bad"}), source=POLL)
    polled_up_to(site, "7")

    work(site)

    assert inbox_cursor(site) == "7"


def test_a_return_is_taken_back_once_and_may_come_before_its_order():
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    back = {"external_id": "R-1", "lines": [{"line_id": "1", "quantity": 1}], "reason": "サイズ違い"}
    came(site, order_news("A-1", shirt, quantity=2))
    work(site)
    shipped(Order.objects.get())
    came(site, news("RETURN", "r-1", "A-1", after(60), back))
    work(site)
    again(InboundEvent.objects.get(event_id="r-1").pk)

    document = Return.objects.get()
    assert (document.external_id, document.order.external_id) == ("R-1", "A-1")
    assert InboundEvent.objects.get(event_id="r-1").result == document.number
    assert states(site) == [("e-A-1", "DONE"), ("r-1", "DONE")]
    assert figures(shirt, place) == (4, 0)

    came(site, news("RETURN", "r-2", "A-2", NOON, {**back, "external_id": "R-2"}))
    work(site)
    assert states(site)[-1] == ("r-2", "PARKED")
    came(site, news("RETURN", "r-3", "A-1", NOON, {"external_id": "R-3", "lines": [{"line_id": "1", "quantity": 9}]}))
    work(site)
    assert states(site)[-1] == ("r-3", "REFUSED")
