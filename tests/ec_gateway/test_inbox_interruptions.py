"""A message that ends the process which applies it: counted before the work, set aside after some deaths, tried again by a worker only."""

import signal

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from ec_gateway.inbox.replaying import replay
from ec_gateway.inbox.working import work_off
from ec_gateway.models import Activity, InboundEvent, SiteActivity
from ec_gateway.platforms.taking_in import take_in
from ec_gateway.services import wakes
from erp.core.models import StaffTask
from erp.orders import services
from erp.orders.models import Order
from tests.ec_gateway.factories import NOON, ROBOT, after, shop
from tests.ec_gateway.fake_platform import news, order_news
from tests.inventory.factories import sku, stock
from tests.runtime.families import wait_until

SAID = "処理の途中でプロセスが2回終了しました。"


@pytest.fixture(autouse=True)
def two_deaths(settings):
    settings.INBOX_INTERRUPTED_ATTEMPTS = 2


@pytest.fixture
def woken(monkeypatch):
    asked: list[wakes.WakeUp] = []
    monkeypatch.setattr(wakes, "_sender", wakes.Sender(asked.append))
    return asked


def came(site, *items, at=NOON):
    with transaction.atomic():
        return take_in(site_id=site.pk, news=items, source="WEBHOOK", at=at)


def work(site, at=NOON):
    return work_off(site_id=site.pk, holder="test", clock=lambda: at, jitter=lambda: 0.5)


def dies(*, of_quantity):
    whole = services.place_orders

    def place_orders(**arguments):
        if any(line.quantity == of_quantity for order in arguments["orders"] for line in order.lines):
            raise SystemExit("killed")
        return whole(**arguments)

    return place_orders


def counted():
    events = InboundEvent.objects.order_by("pk")
    return [(event.external_id, event.state, event.open_attempts) for event in events]


@pytest.mark.django_db
def test_only_the_message_that_ends_processes_is_counted_out(monkeypatch):
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt), order_news("A-2", shirt, quantity=7), order_news("A-3", shirt))
    came(site, order_news("A-2", shirt, event_id="later", changed_at=after(60), quantity=2))

    with monkeypatch.context() as patch:
        patch.setattr(services, "place_orders", dies(of_quantity=7))
        with pytest.raises(SystemExit):
            work(site)
        # They went together, so nobody knows which one it was.
        assert counted() == [
            ("A-1", "RECEIVED", 1), ("A-2", "RECEIVED", 1), ("A-3", "RECEIVED", 1), ("A-2", "RECEIVED", 0),
        ]  # fmt: skip
        work(site, at=after(4))
        assert not Order.objects.exists()
        with pytest.raises(SystemExit):
            work(site, at=after(5))
        work(site, at=after(6))
        assert counted()[2] == ("A-3", "DONE", 0)
        work(site, at=after(100))

    assert counted()[:3] == [("A-1", "DONE", 0), ("A-2", "FAILED", 2), ("A-3", "DONE", 0)]
    aside = InboundEvent.objects.get(event_id="e-A-2")
    assert (aside.error, aside.attempts, aside.next_attempt_at) == (SAID, 0, None)
    task = StaffTask.objects.get()
    assert (task.kind, task.subject_id, task.detail) == ("INBOX_FAILED", aside.pk, SAID)
    # What came after it of the same order waits no longer.
    assert InboundEvent.objects.get(event_id="later").state == "DONE"
    assert Order.objects.get(external_id="A-2").lines.get().quantity == 2


@pytest.mark.django_db
def test_a_message_that_fails_by_itself_counts_as_no_death(monkeypatch, settings):
    settings.INBOX_ATTEMPTS = 3
    site, _place = shop()
    came(site, news("CANCEL", "c-1", "A-1", NOON, {"external_id": "A-1"}))

    def breaks(**arguments):
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(services, "cancel_order", breaks)
    for attempt in range(3):
        assert counted() == [("A-1", "RECEIVED", 0)]
        work(site, at=after(attempt * 10_000))

    assert counted() == [("A-1", "FAILED", 0)]


@pytest.mark.django_db
def test_what_ended_processes_is_left_to_a_worker_when_staff_apply_it_again(client, woken):
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    came(site, order_news("A-1", shirt))
    InboundEvent.objects.update(state="FAILED", open_attempts=2, attempts=3, error=SAID, processed_at=NOON)
    client.force_login(User.objects.create_superuser("mika"))

    chosen = {"action": "apply_again", "_selected_action": [InboundEvent.objects.get().pk]}
    answer = client.post(reverse("admin:ec_gateway_inboundevent_changelist"), chosen)

    told = [str(message) for message in get_messages(answer.wsgi_request)]
    assert told == ["受注 A-1: 処理待ち ワーカーが再度処理します。前回は処理の途中でプロセスが終了しました。"]
    assert not Order.objects.exists()
    assert counted() == [("A-1", "RECEIVED", 1)]
    wait_until(lambda: woken == [wakes.WakeUp("ec_gateway.work_inbox", site.pk)])
    work(site)
    assert counted() == [("A-1", "DONE", 0)]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("gateway processes")
def test_workers_that_die_of_a_message_are_followed_by_one_that_sets_it_aside(programs, settings):
    """Real workers, killed with signal 9 in the middle of the transaction."""
    programs.environment["INBOX_INTERRUPTED_ATTEMPTS"] = "2"
    site, place = shop(is_polling=False, is_publishing=False)
    shirt = sku()
    stock(shirt, place, 9)
    came(site, order_news("A-1", shirt), order_news("A-deadly", shirt), order_news("A-3", shirt), at=timezone.now())

    def dead_holders_are_forgotten():
        SiteActivity.objects.filter(site=site).update(lease_until=timezone.now())

    def wake():
        # Time passes: the lease of the dead one ends, and so does the pause.
        dead_holders_are_forgotten()
        InboundEvent.objects.update(next_attempt_at=None)
        wakes.wake(site_id=site.pk, activity=Activity.INBOX)

    for number, expected in enumerate([[1, 1, 1], [0, 2, 1]]):
        worker, _log = programs.worker(f"deadly-{number}", app="tests.ec_gateway.deadly")
        wake()
        wait_until(lambda worker=worker: worker.poll() is not None, timeout_s=60)
        assert worker.returncode == -signal.SIGKILL
        assert [begun for _id, _state, begun in counted()] == expected
        assert not Order.objects.filter(external_id="A-deadly").exists()
    worker, _log = programs.worker("third", app="tests.ec_gateway.deadly")
    wake()

    wait_until(lambda: not InboundEvent.objects.filter(state="RECEIVED").exists(), timeout_s=60)
    assert counted() == [("A-1", "DONE", 0), ("A-deadly", "FAILED", 2), ("A-3", "DONE", 0)]
    assert worker.poll() is None
    assert StaffTask.objects.get(closed_at__isnull=True).kind == "INBOX_FAILED"
    programs.end_all()

    # The code is repaired, and staff ask for it again.
    dead_holders_are_forgotten()
    programs.worker("repaired")
    deadly = InboundEvent.objects.get(external_id="A-deadly")
    replay(event_ids=[deadly.pk], clock=timezone.now, jitter=lambda: 0.5, by=ROBOT)
    wait_until(lambda: InboundEvent.objects.get(pk=deadly.pk).state == "DONE", timeout_s=60)
    assert Order.objects.count() == 3
    assert not StaffTask.objects.filter(closed_at__isnull=True).exists()
    programs.end_all()
