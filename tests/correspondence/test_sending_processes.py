"""Exactly once, with real processes: several workers and a real server, all at the same mails, and one of them killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from django.db import connection

from erp.correspondence.models import Mail
from erp.orders.services import place_order
from tests.correspondence.factories import mail_server, writes
from tests.correspondence.test_delivery import buyer, ordered
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, line, order, shop
from tests.racing import race
from tests.runtime.families import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

WORK = """
import datetime as dt
import django
django.setup()
from erp.core.actors import Actor
from erp.correspondence.services import deliver_due
print(deliver_due(at=dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC), by=Actor.job("mails")))
"""


def worker(server):
    """A process of its own, as Celery would run it: the same database, the same mail server."""
    at = connection.settings_dict
    url = f"postgresql://{at['USER']}:{at['PASSWORD']}@/{at['NAME']}?host={at['HOST']}&port={at['PORT']}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "erp.settings",
        "DATABASE_URL": url,
        "DEBUG": "true",
        "EMAIL_URL": f"smtp://127.0.0.1:{server.port}",
        "LOG_LEVEL": "WARNING",
    }
    return subprocess.Popen([sys.executable, "-c", WORK], env=environment, stdout=subprocess.PIPE, text=True)


def recipients(server):
    return sorted(str(mail["To"]) for mail in server.received)


def test_several_processes_send_each_mail_once(settings):
    channel = ordered(0)
    for number in range(50):
        ordered(1, email=f"n{number:02}@shop.example", channel=channel)

    with mail_server(settings) as server:
        workers = [worker(server) for _number in range(4)]
        told = [process.communicate(timeout=60)[0].split() for process in workers]

        assert recipients(server) == [f"n{number:02}@shop.example" for number in range(50)]
    assert sum(int(count) for count, _word in told) == 50
    assert set(Mail.objects.values_list("state", "attempts")) == {("SENT", 1)}


def test_a_process_killed_while_the_server_listens_is_not_followed_by_a_second_mail(settings):
    channel = ordered(0)
    for number in range(5):
        ordered(1, email=f"n{number:02}@shop.example", channel=channel)
    heard, go_on = threading.Event(), threading.Event()

    with mail_server(settings) as server:

        def hold_the_second(command):
            if command == "BODY" and len(server.mails) == 1:
                heard.set()
                go_on.wait(30)
            return ""

        server.when_asked = hold_the_second
        killed = worker(server)
        assert heard.wait(30)
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=30)
        server.when_asked = lambda _command: ""
        # The server took what it had heard to the end, though nobody was there to hear its answer.
        go_on.set()
        wait_until(lambda: len(server.mails) == 2)
        # Whoever sat on them is gone for longer than the lease.
        Mail.objects.exclude(claimed_at=None).exclude(state="SENT").update(claimed_at=NOON.replace(year=2025))
        assert worker(server).communicate(timeout=60)[0] == "3 sent\n"

        assert recipients(server) == [f"n{number:02}@shop.example" for number in range(5)]
    states = list(Mail.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["SENT", "UNKNOWN", "SENT", "SENT", "SENT"]


def test_the_same_order_from_two_callers_owes_one_mail():
    channel, warehouse = shop()
    writes(channel)
    goods = sku()
    stock(goods, warehouse, 5)
    sent = order(line(goods), orderer=buyer())

    def place():
        return place_order(channel=channel.code, order=sent, at=NOON, by=DESK)

    outcomes = race(place, place, names=[f"order:{channel.code}:A-1"])

    assert sorted(outcome.is_replay for outcome in outcomes) == [False, True]
    assert list(Mail.objects.values_list("kind", "occasion")) == [("ORDER_RECEIVED", "placed")]
