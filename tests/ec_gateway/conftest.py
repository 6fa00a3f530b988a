"""Programs of the gateway as they run in production, for the tests that kill them."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from celery import Celery
from django.conf import settings
from django.db import connection

from ec_gateway.services import wakes
from erp import settings as our_settings
from erp.runtime import leash, valkey
from erp.runtime.installation import PROJECT
from tests.runtime.families import wait_until


@pytest.fixture
def broker():
    with valkey.throw_away_broker() as server:
        yield server


@pytest.fixture
def programs(broker, tmp_path, monkeypatch):
    """Starts programs of the gateway on the test's own database and broker; all of them have ended when the test ends."""
    address = our_settings.broker_from_url(broker.url)
    monkeypatch.setattr(
        "erp.celery.app", Celery(broker=address, broker_transport_options={"socket_connect_timeout": 1})
    )
    monkeypatch.setattr(wakes, "_sender", wakes.Sender(wakes._to_broker, silence_s=0.2))
    starter = Programs(broker.url, tmp_path)
    yield starter
    starter.end_all()


class Programs:
    def __init__(self, broker_url, folder):
        named = connection.settings_dict
        url = f"postgresql://{named['USER']}@/{named['NAME']}?host={named['HOST']}&port={named['PORT'] or 5432}"
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "REDIS_URL": broker_url,
            "SECRET_KEY": settings.SECRET_KEY,
            "DEBUG": "true",
            "MAMORI_ENV_FILE": "",
            "DJANGO_SETTINGS_MODULE": "erp.settings",
        }
        self.folder = folder
        self.started = []

    def start(self, *arguments, name, app="erp.celery"):
        log = self.folder / f"{name}.log"
        mark = self.folder / f"{name}_is_ready"
        with log.open("wb") as output:
            process = leash.start(
                [sys.executable, "-m", "celery", "-A", app, *arguments],
                cwd=PROJECT,
                env=self.environment | {"MAMORI_READY_FILE": str(mark)},
                output=output,
            )
        self.started.append(process)
        return process, log, mark

    def worker(self, name="worker", threads=4, app="erp.celery"):
        options = [
            "--queues",
            "ec_gateway",
            "--pool",
            "threads",
            "--concurrency",
            str(threads),
            "--hostname",
            f"{name}@%h",
        ]
        process, log, mark = self.start("worker", *options, "--without-gossip", "--without-mingle", name=name, app=app)
        wait_until(mark.exists, timeout_s=90)
        return process, log

    def beat(self, name="beat"):
        schedule = str(self.folder / f"{name}.schedule")
        return self.start("beat", "--pidfile=", "--schedule", schedule, name=name)[:2]

    def end_all(self):
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
