"""The gateway with real processes: a message only wakes somebody up; whatever is lost, killed or doubled, the sites are told."""

from __future__ import annotations

import contextlib
import signal
import socket
import statistics
import threading
import time

import pytest
from django.utils import timezone

from ec_gateway import tasks
from ec_gateway.models import Activity, SiteActivity, SitePush
from erp.core.models import JobRun
from tests.ec_gateway.counterpart import running
from tests.ec_gateway.factories import listed, shop
from tests.inventory.factories import sku as new_sku
from tests.inventory.factories import stock
from tests.runtime.families import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("gateway processes")]


@contextlib.contextmanager
def telling(*, pieces=5):
    """A site that shows 0 of what it should show 5 of."""
    with running() as counterpart:
        site, place = shop(base_url=counterpart.url, is_polling=False)
        goods = new_sku()
        stock(goods, place, pieces)
        listed(site, goods)
        counterpart.show(**{goods.code.replace("-", "_"): 0})
        yield counterpart, site, place, goods


def test_a_change_reaches_the_site_by_its_wake_up(programs):
    with telling() as (counterpart, _site, place, goods):
        programs.worker()
        stock(goods, place, 1)

        wait_until(lambda: counterpart.figures[goods.code] == 6, timeout_s=30)
        for more in range(7, 10):
            stock(goods, place, 1)
            wait_until(lambda more=more: counterpart.figures[goods.code] == more, timeout_s=30)
        programs.end_all()


def test_a_broker_that_is_gone_for_a_while_loses_nothing_and_slows_nobody(programs, broker):
    with telling() as (counterpart, _site, place, goods):
        programs.worker()
        programs.beat()
        wait_until(lambda: counterpart.figures[goods.code] == 5, timeout_s=60)
        broker.kill_9()

        took = []
        for _time in range(10):
            began = time.monotonic()
            stock(goods, place, 1)
            took.append(time.monotonic() - began)
        # Whoever waited for the broker would wait for seconds, each time; one may be slow because the machine is busy.
        assert statistics.median(took) < 1.5
        broker.start()

        wait_until(lambda: counterpart.figures[goods.code] == 15, timeout_s=90)
        programs.end_all()


def test_a_worker_that_is_killed_in_the_middle_of_a_push_leaves_it_to_the_next(programs):
    with telling() as (counterpart, site, place, goods):
        arrived, go_on = threading.Event(), threading.Event()

        def hang(request):
            arrived.set()
            go_on.wait(60)

        counterpart.when_asked = hang
        killed, _log = programs.worker("killed")
        stock(goods, place, 1)
        assert arrived.wait(60)
        killed.send_signal(signal.SIGKILL)
        killed.wait(timeout=30)
        counterpart.when_asked = lambda request: None
        go_on.set()
        # The site does what it was asked, though nobody hears the answer.
        wait_until(lambda: counterpart.figures[goods.code] == 6)
        lease = SiteActivity.objects.get(site=site, activity=Activity.PUBLISH)
        assert (lease.lease_holder != "", lease.lease_until > timezone.now()) == (True, True)
        assert SitePush.objects.get(site=site).dirty_since is not None

        # The lease runs out, and the next wake-up finds it so.
        SiteActivity.objects.filter(pk=lease.pk).update(lease_until=timezone.now())
        programs.worker("next")
        stock(goods, place, 1)

        wait_until(lambda: counterpart.figures[goods.code] == 7, timeout_s=30)
        wait_until(lambda: SitePush.objects.get(site=site).dirty_since is None, timeout_s=30)
        assert [(quantity) for _code, quantity, _version, _at in counterpart.applied] == [6, 7]
        programs.end_all()


@pytest.mark.slow
def test_a_doubled_beat_runs_each_slot_once(programs):
    with telling() as (counterpart, _site, _place, goods):
        _worker, log = programs.worker()
        programs.beat("one")
        programs.beat("two")

        def received():
            return log.read_text().count("erp.jobs.run_job")

        wait_until(
            lambda: JobRun.objects.filter(job="publishing", finished_at__isnull=False).count() >= 3, timeout_s=90
        )
        wait_until(lambda: counterpart.figures[goods.code] == 5)
        programs.end_all()
        slots = list(JobRun.objects.filter(job="publishing").values_list("slot", flat=True))
        assert len(slots) == len(set(slots))
        assert received() > len(slots)


def test_a_site_that_hangs_holds_up_no_other(programs):
    with socket.create_server(("127.0.0.1", 0)) as silent, telling() as (counterpart, _site, place, goods):
        hanging, _place = shop(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}", is_polling=False)
        listed(hanging, goods)
        programs.worker(threads=2)
        for figure in range(6, 11):
            stock(goods, place, 1)
            wait_until(lambda figure=figure: counterpart.figures[goods.code] == figure, timeout_s=8)
        assert SitePush.objects.get(site=hanging).shown is None
        programs.end_all()


def test_tasks_may_run_twice_and_tolerate_what_is_not_there():
    with telling() as (counterpart, site, _place, goods):
        for _time in range(2):
            tasks.publish_site(site_id=site.pk, lingers=False, of_a_later_version=1)
            tasks.publish_site(site_id=site.pk + 999)

        assert counterpart.figures[goods.code] == 5
        assert len(counterpart.pushes) == 1
