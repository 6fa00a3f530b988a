"""Runs the proof: a cluster of its own, the hands, what kills them, and who watches; afterwards everybody comes back once and finishes."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from erp.core.errors import DomainError
from erp.core.models import StaffTask
from erp.inventory.services import sweep_expired_holds
from erp.orders.models import CANCEL_WHILE_PICKING, Order, OrderState, Shipment
from erp.orders.services import (
    ShipRequest,
    allocate_waiting,
    cancel_by_staff,
    cancel_release,
    reconsider_lost_reservations,
    release_orders,
    ship,
)
from erp.proof import judging, stage
from erp.proof.diary import read
from erp.proof.hand_process import diary_of
from erp.proof.judging import Balance, Diaries, Verdict
from erp.proof.watching import Watcher
from erp.runtime import leash, postgres
from erp.runtime.installation import PROJECT, Installation

LOOK_EVERY_S = 0.05
# Between two kills of a hand, and of PostgreSQL, on average.
HAND_DIES_EVERY_S, DATABASE_DIES_EVERY_S = 3.0, 25.0
LAST_WORDS_S = 180.0
CHUNK = 50


@dataclass(slots=True)
class Proof:
    """What was done and what came of it."""

    seed: int
    seconds: float
    hands: int
    begun: dt.datetime
    kills: Counter[str] = field(default_factory=Counter)
    diaries: Diaries = field(default_factory=dict)
    balances: list[Balance] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    server: str = ""
    # After the last act: parcels that could be sent with what was promised, and why others could not.
    sent_at_the_end: int = 0
    unsendable: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        return bool(self.verdicts) and not any(verdict.faults for verdict in self.verdicts)


class Run:
    """One proof in the empty installation that the command line has made for it."""

    def __init__(self, proof: Proof, *, say: Callable[[str], None]) -> None:
        self.proof, self._say = proof, say
        self._random = random.Random(f"{proof.seed}:kills")  # noqa: S311 - drawn again from its seed
        self._hands: dict[int, subprocess.Popen[bytes]] = {}
        self._lives: Counter[int] = Counter()

    def run(self, installation: Installation) -> None:
        with contextlib.ExitStack() as until_done:
            cluster = until_done.enter_context(postgres.of_installation(installation))
            until_done.callback(connection.close)
            until_done.callback(self._send_home)
            with connection.cursor() as cursor:
                # The tables may take as long as they need on a busy machine; the hands have the limits of every customer.
                cursor.execute("SET transaction_timeout = 0")
                cursor.execute("SET idle_in_transaction_session_timeout = 0")
            call_command("migrate", verbosity=0)
            made = stage.build(at=self.proof.begun)
            self._folder = installation.folder(installation.var / "diaries")
            (self._folder / "begun.json").write_text(json.dumps(self.proof.begun.isoformat()))
            (self._folder / "stage.json").write_text(made.told())
            self._environment = {**os.environ, "DATABASE_URL": cluster.url, "DJANGO_SETTINGS_MODULE": "erp.settings"}
            watcher = Watcher(cluster.url)
            watcher.start()
            until_done.callback(watcher.stop)
            self._say(_("%(hands)s processes at work for %(seconds)s s …") % self._numbers())
            self._live(cluster)
            self._say(_("Everybody comes back once and finishes what was broken off …"))
            self._finish()
            self._empty_the_shelves()
            watcher.stop()
            self.proof.server = self._version()
            self.proof.diaries = {n: list(read(diary_of(self._folder, n))) for n in range(self.proof.hands)}
            self.proof.balances = judging.balances(made, self.proof.diaries)
            found = judging.verdicts(made, self.proof.diaries, watcher, self.proof.balances)
            self.proof.verdicts = [*found, Verdict(_("What was promised could be sent"), self.proof.unsendable)]

    def _numbers(self) -> dict[str, object]:
        return {"hands": self.proof.hands, "seconds": f"{self.proof.seconds:g}"}

    def _live(self, cluster: postgres.Cluster) -> None:
        connection.close()
        end = time.monotonic() + self.proof.seconds
        for number in range(self.proof.hands):
            self._start(number, end - time.monotonic())
        next_hand, next_server = self._after(HAND_DIES_EVERY_S), self._after(DATABASE_DIES_EVERY_S)
        while (now := time.monotonic()) < end:
            if now > next_hand:
                self._kill_a_hand()
                next_hand = self._after(HAND_DIES_EVERY_S)
            if now > next_server:
                cluster.kill_9()
                self.proof.kills["PostgreSQL"] += 1
                cluster.start()
                next_server = self._after(DATABASE_DIES_EVERY_S)
            for number, hand in self._hands.items():
                if hand.poll() is not None and end - now > 1:
                    self._start(number, end - now)
            time.sleep(LOOK_EVERY_S)
        self._wait()

    def _after(self, every_s: float) -> float:
        return time.monotonic() + self._random.uniform(0.5, 1.5) * every_s

    def _start(self, number: int, seconds: float) -> None:
        self._lives[number] += 1
        words = [self._folder, number, self._lives[number], self.proof.seed, f"{seconds:.3f}"]
        command = [sys.executable, "-m", "erp.proof.hand_process", *map(str, words)]
        with (self._folder / f"hand-{number}.log").open("ab") as output:
            self._hands[number] = leash.start(command, env=self._environment, cwd=PROJECT, output=output)

    def _kill_a_hand(self) -> None:
        number = self._random.randrange(self.proof.hands)
        hand = self._hands[number]
        if hand.poll() is None:
            hand.kill()
            hand.wait()
            self.proof.kills["hand"] += 1

    def _finish(self) -> None:
        """A life without time: what was under way when the last one ended is tried again, and nothing else."""
        for number in range(self.proof.hands):
            self._start(number, 0)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + LAST_WORDS_S
        for number, hand in self._hands.items():
            try:
                code = hand.wait(timeout=max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                hand.kill()
                code = hand.wait()
            # Killed in the last moment is a kill like others; anything else says why in the log of the hand.
            if code not in (0, -9):
                self.proof.unsendable.append((self._folder / f"hand-{number}.log").read_text(errors="replace")[-2000:])

    def _send_home(self) -> None:
        for hand in self._hands.values():
            hand.kill()
            hand.wait()

    def _empty_the_shelves(self) -> None:
        """Every order that is promised its pieces is sent. Were a piece promised twice, the last ones would find nothing."""
        at = timezone.now()
        sweep_expired_holds(limit=100_000, at=at, by=stage.BY)
        self._call_back_what_lost_its_pieces(at)
        self._call_back_what_was_cancelled(at)
        # As the job does from minute to minute: each time those come first that were not looked at.
        for _time in range(StaffTask.objects.filter(kind="RESERVATION_LOST", closed_at=None).count() // CHUNK + 1):
            reconsider_lost_reservations(at=at, by=stage.BY)
        while reconsider_lost_reservations(at=at, by=stage.BY):
            pass
        allocate_waiting(at=at, by=stage.BY)
        ready = Order.objects.filter(state=OrderState.READY, channel__code__in=stage.SITES).order_by("pk")
        while ids := list(ready.values_list("pk", flat=True)[:CHUNK]):
            try:
                release_orders(order_ids=ids, at=at, by=stage.BY)
            except DomainError as refusal:
                self.proof.unsendable.append(str(refusal))
                break
        picked = Shipment.objects.filter(state=Shipment.State.INSTRUCTED).order_by("pk").values_list("pk", flat=True)
        for key in list(picked):
            try:
                ship(requests=[ShipRequest(key)], at=at, by=stage.BY)
                self.proof.sent_at_the_end += 1
            except DomainError as refusal:
                self.proof.unsendable.append(f"{key}: {refusal}")

    def _call_back_what_lost_its_pieces(self, at: dt.datetime) -> None:
        """What staff do with the task: a loss took the pieces of a parcel that is being picked."""
        lost = StaffTask.objects.filter(kind="RESERVATION_LOST", subject_type="ORDER", closed_at=None)
        parcels = Shipment.objects.filter(state=Shipment.State.INSTRUCTED, order__in=lost.values("subject_id"))
        for key in list(parcels.order_by("pk").values_list("pk", flat=True)):
            cancel_release(shipment_id=key, reason="lost", at=at, by=stage.BY)

    def _call_back_what_was_cancelled(self, at: dt.datetime) -> None:
        """What staff do with the other task: a site cancelled while its order was being picked."""
        asked = StaffTask.objects.filter(kind=CANCEL_WHILE_PICKING, subject_type="ORDER", closed_at=None)
        for key in list(asked.order_by("subject_id").values_list("subject_id", flat=True)):
            cancel_by_staff(order_id=key, reason="asked by the site", at=at, by=stage.BY)

    def _version(self) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            return str(cursor.fetchone()[0])
