"""Wake-ups are sent by a thread of their own: a broker that is gone slows nobody down, and one that comes back is used again."""

from __future__ import annotations

import queue
import threading

import pytest
from kombu.exceptions import OperationalError

from ec_gateway.models import Activity, SiteActivity
from ec_gateway.services import wakes
from ec_gateway.services.wakes import Sender, WakeUp
from erp.core import changes
from tests.ec_gateway.factories import shop


def test_a_wake_up_is_sent_by_another_thread():
    sent: queue.Queue[tuple[object, int]] = queue.Queue()
    sender = Sender(lambda wake_up: sent.put((wake_up, threading.get_ident())))

    sender.send(WakeUp("publish", 1))

    wake_up, thread = sent.get(timeout=10)
    assert wake_up == WakeUp("publish", 1)
    assert thread != threading.get_ident()


def test_what_waits_to_be_sent_is_sent_once():
    arrived, go_on = threading.Event(), threading.Event()
    sent: queue.Queue[object] = queue.Queue()

    def slow(wake_up):
        arrived.set()
        go_on.wait(10)
        sent.put(wake_up)

    sender = Sender(slow)
    sender.send(WakeUp("first", None))
    assert arrived.wait(10)
    for _time in range(5):
        sender.send(WakeUp("publish", 1))
    sender.send(WakeUp("poll", 1))
    go_on.set()

    assert [sent.get(timeout=10) for _each in range(3)] == [
        WakeUp("first", None),
        WakeUp("publish", 1),
        WakeUp("poll", 1),
    ]
    assert sent.empty()


def test_a_broker_that_comes_back_is_used_again():
    tried: queue.Queue[WakeUp] = queue.Queue()
    is_gone = True

    def send(wake_up):
        tried.put(wake_up)
        if is_gone:
            raise OperationalError("gone")

    sender = Sender(send, silence_s=0.0)
    sender.send(WakeUp("publish", 1))
    tried.get(timeout=10)
    is_gone = False
    # What comes while the thread is still silent is dropped; so send until one gets through.
    for number in range(1000):
        sender.send(WakeUp("publish", number))
        try:
            assert tried.get(timeout=0.1).task == "publish"
            return
        except queue.Empty:
            continue
    pytest.fail("nothing was sent any more")


def test_that_nobody_listens_is_said_once_until_somebody_does(monkeypatch):
    answers = iter(["gone", "gone", "here", "gone", "gone"])
    told: queue.Queue[str] = queue.Queue()

    class Log:
        def warning(self, event, **more):
            told.put(event)

    def send(wake_up):
        answer = next(answers, "here")
        told.put(answer)
        if answer == "gone":
            raise OperationalError(answer)

    monkeypatch.setattr(wakes, "log", Log())
    sender = Sender(send, silence_s=0.0)
    heard: list[str] = []
    for number in range(1000):
        sender.send(WakeUp("publish", number))
        try:
            heard.append(told.get(timeout=0.1))
        except queue.Empty:
            continue
        while not told.empty():
            heard.append(told.get())
        if heard.count("here") >= 2:
            break

    assert heard[:8] == ["gone", "wake_up_not_sent", "gone", "here", "gone", "wake_up_not_sent", "gone", "here"]


@pytest.mark.django_db
def test_a_wake_up_of_a_site_is_also_counted(monkeypatch):
    sent: list[object] = []
    monkeypatch.setattr(wakes, "_sender", type("Recorder", (), {"send": staticmethod(sent.append)}))
    site, _place = shop()

    wakes.wake(site_id=site.pk, activity=Activity.POLL)

    assert sent == [WakeUp("ec_gateway.poll_site", site.pk)]
    assert SiteActivity.objects.get(site=site, activity=Activity.POLL).wakes == 1


def test_the_feed_wakes_the_publishers():
    assert wakes.wake_publishers in changes._listeners


def test_a_broker_that_is_not_there_is_an_error_that_the_thread_expects(settings):
    """Against the address of the settings, where no broker runs in a test."""
    with pytest.raises((OperationalError, OSError)):
        wakes._to_broker(WakeUp("ec_gateway.publish_all", None))
