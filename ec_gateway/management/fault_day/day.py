"""Runs a fault day: the processes of ``make run`` with three practice sites, everybody at work, everything killed, and the proof.

The thread that runs it starts, kills and restarts all processes (they live as long as it does); everybody else is a thread with a diary.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import httpx
from django.core.management import CommandError, call_command
from django.db import Error, connection
from django.utils import timezone

from ec_gateway.inbox.sweeping import wake_sites
from ec_gateway.management.fault_day import plan as plans
from ec_gateway.management.fault_day import proof
from ec_gateway.management.fault_day.crowd import Operator, SiteShopper
from ec_gateway.management.fault_day.desk import Desk
from ec_gateway.management.fault_day.diary import Diary
from ec_gateway.management.fault_day.plan import Act, Plan
from ec_gateway.management.fault_day.proof import Pair, Verdict
from ec_gateway.management.fault_day.remote import RemoteSite
from ec_gateway.models import EcSite
from ec_gateway.publishing import sweep
from erp.core.actors import Actor
from erp.runtime import practice, supervisor
from erp.runtime.installation import Installation
from erp.runtime.processes import Program

LOOK_EVERY_S = 0.05
# How long the end may take: the longest pause of a circuit breaker is a minute.
SETTLING_S = 240.0
NUDGE_EVERY_S = 3.0
LAST_WORDS_S = 90.0
# Sites answer within seconds here; a call that hangs must not hold a thread for long.
SITE_SETTINGS = {"timeout_s": 3.0}
# Who was killed comes back soon, however often it is killed.
FORGIVEN_AFTER_S = 5.0

STATES = ("stock_silent", "webhooks_off")

BY = Actor.command("fault_day")
PROGRAMS = {"web": "Web server", "worker": "Worker", "gateway": "Gateway worker", "beat": "Clock"}


class Somebody(Protocol):
    def do(self, act: Act) -> str: ...


class FaultDay:
    """One day. ``run`` returns whether everything was kept; ``report`` is what there is to read afterwards."""

    def __init__(self, plan: Plan, *, say: Callable[[str], None]) -> None:
        self.plan, self._say_line = plan, say
        self.diary = Diary()
        self.report: list[str] = []
        self._over = threading.Event()
        self._pairs: list[Pair] = []
        self._struck: dict[str, int] = {}

    def run(self, installation: Installation) -> bool:
        with contextlib.ExitStack() as until_done:
            until_done.callback(self._over.set)
            instance = supervisor.Instance(installation, until_done, practice_sites=plans.SITES)
            instance.environment |= {
                "SANDBOX_SEED": str(self.plan.seed),
                "MAMORI_WEB_WORKERS": "1",
                "LOG_LEVEL": "WARNING",
                # Who is killed with -9 clears up nothing behind itself.
                "TMPDIR": str(installation.folder(installation.var / "tmp")),
            }
            self._head()
            instance.start()
            for keeper in instance.keepers:
                keeper.good_run_s = FORGIVEN_AFTER_S
            self._pairs = self._join(instance, until_done)
            first = self._settle(instance, "the sites know their first figures")
            self._say("")
            self._live(instance)
            is_settled = first and self._end_of_faults(instance)
            return self._judge(is_settled)

    def _head(self) -> None:
        counts = self.plan.counts()
        self._say(
            f"Fault day: seed {self.plan.seed}, {self.plan.minutes:g} min, plan {self.plan.digest}, {sum(counts.values()):,} acts,"
            f" {plans.SITES} sites, begun {timezone.now():%Y-%m-%d %H:%M:%S} UTC"
        )

    def _join(self, instance: supervisor.Instance, until_done: contextlib.ExitStack) -> list[Pair]:
        token = practice.control_token(instance.installation)
        pairs = []
        for site in instance.practice_sites:
            row = EcSite.objects.select_related("channel").get(channel__code=site.channel_code)
            EcSite.objects.filter(pk=row.pk).update(settings=SITE_SETTINGS)
            remote = RemoteSite(site.base_url, control_token=token)
            until_done.callback(remote.close)
            pairs.append(Pair(row, remote))
        return pairs

    def _live(self, instance: supervisor.Instance) -> None:
        """The acts of everybody at their times; kills in this thread."""
        begun = time.monotonic()
        threads = [
            threading.Thread(target=self._work, args=(who, person, begun), name=who, daemon=True)
            for who, person in self._everybody()
        ]
        for thread in threads:
            thread.start()
        connection.close()
        kills = self.plan.of(plans.ROOM)
        while time.monotonic() - begun < self.plan.seconds:
            while kills and kills[0].at_s <= time.monotonic() - begun:
                self.diary.note(kills[0].kind, self._kill(instance, kills.pop(0)))
            instance.look()
            time.sleep(LOOK_EVERY_S)
        self._over.set()
        deadline = time.monotonic() + LAST_WORDS_S
        while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:
            instance.look()
            time.sleep(LOOK_EVERY_S)
        for thread in threads:
            if thread.is_alive():
                self.diary.surprise(thread.name, TimeoutError("still waits for an answer"))

    def _everybody(self) -> Iterator[tuple[str, Somebody]]:
        for number, pair in enumerate(self._pairs, 1):
            for who in plans.shoppers(number):
                yield who, SiteShopper(pair.remote.address)
        for who in plans.DESKS:
            yield who, Desk(who, [pair.code for pair in self._pairs], self.diary, self._over)
        yield plans.OPERATOR, Operator([pair.remote for pair in self._pairs])

    def _work(self, who: str, person: Somebody, begun: float) -> None:
        for act in self.plan.of(who):
            left = act.at_s - (time.monotonic() - begun)
            # Whoever is late at the end of the day goes home.
            if self._over.wait(max(left, 0)):
                break
            kind = f"fault {act.values['fault']}" if act.kind == "fault" else act.kind
            try:
                self.diary.note(kind, person.do(act))
            except Exception as fault:
                self.diary.surprise(f"{who} {act}", fault)
        close = getattr(person, "close", None)
        if close is not None:
            close()

    def _kill(self, instance: supervisor.Instance, act: Act) -> str:
        what = act.values["what"]
        if what in ("postgresql", "valkey"):
            server = instance.cluster if what == "postgresql" else instance.broker
            if server is None or not server.is_running():
                return "nothing"
            server.kill_9()
            return "done"
        name = instance.practice_sites[act.values["site"] - 1].name if what == "site" else PROGRAMS[what]
        program: Program = instance.programs[name]
        if not program.is_running():
            return "nothing"
        program.kill_9()
        return "done"

    def _end_of_faults(self, instance: supervisor.Instance) -> bool:
        """Faults off, everything that is on its way arrives, one reconciliation, and what that found arrives too."""
        self._say(f"The day is over after {self.plan.seconds:.0f} s; faults off.")
        self._struck = self._switch_all_off(instance)
        is_quiet = self._settle(instance, "inboxes and pushes are empty")
        is_compared = self._reconcile(instance)
        is_still = self._settle(instance, "again after one reconciliation, no figure differs", wants_no_drift=True)
        return is_quiet and is_compared and is_still

    def _reconcile(self, instance: supervisor.Instance) -> bool:
        """One that reads every site to its end; a site that is still paused is waited for."""
        deadline = time.monotonic() + SETTLING_S
        while True:
            said = io.StringIO()
            try:
                call_command("reconcile", stdout=said, stderr=said)
            except CommandError as broken_off:
                if time.monotonic() > deadline:
                    self._say(f"  {broken_off}")
                    return False
                instance.look()
                time.sleep(NUDGE_EVERY_S)
            else:
                for line in said.getvalue().splitlines():
                    self._say(f"  {line}")
                return True

    def _switch_all_off(self, instance: supervisor.Instance) -> dict[str, int]:
        """How often each fault struck, over all sites."""
        struck: dict[str, int] = {}
        deadline = time.monotonic() + LAST_WORDS_S
        for pair in self._pairs:
            while True:
                try:
                    for name, fault in pair.remote.state()["faults"].items():
                        struck[name] = struck.get(name, 0) + fault["hit"]
                    pair.remote.all_faults_off()
                    break
                except httpx.TransportError:
                    if time.monotonic() > deadline:
                        raise
                    instance.look()
                    time.sleep(LOOK_EVERY_S)
        return struck

    def _settle(self, instance: supervisor.Instance, what: str, *, wants_no_drift: bool = False) -> bool:
        """Look until nothing is on its way, for a bounded time. Wakes the sweepers now and then, as the clock does."""
        begun = nudged = time.monotonic()
        waiting: dict[str, int] = {"everything": 1}
        while time.monotonic() - begun < SETTLING_S:
            instance.look()
            try:
                waiting = proof.still_waiting(self._pairs)
                if not waiting and wants_no_drift and (drifted := proof.drift(self._pairs, at=timezone.now())):
                    waiting = {"figures that differ": len(drifted)}
                if not waiting:
                    self._say(f"  {what}: {time.monotonic() - begun:.1f} s")
                    return True
                if time.monotonic() - nudged > NUDGE_EVERY_S:
                    nudged = time.monotonic()
                    wake_sites(at=timezone.now(), by=BY)
                    sweep(at=timezone.now(), by=BY)
            except (Error, httpx.TransportError):
                # A server that was killed a moment ago is on its way back.
                connection.close()
            time.sleep(10 * LOOK_EVERY_S)
        left = ", ".join(f"{name} {count}" for name, count in waiting.items())
        self._say(f"  {what}: NOT within {SETTLING_S:.0f} s; still waiting: {left}")
        return False

    def _judge(self, is_settled: bool) -> bool:
        drifted = proof.drift(self._pairs, at=timezone.now())
        verdicts = [
            Verdict("everything arrived in time", [] if is_settled else ["see above"]),
            *proof.verdicts(self._pairs, drifted=drifted, surprises=self.diary.surprises),
        ]
        self._say("\nWhat was tried")
        for line in self.diary.table():
            self._say(line)
        self._say(f"  calls made again because the database was away: {self.diary.again:,}")
        self._say("\nHow often faults struck")
        for name, count in sorted(self._struck.items()):
            # These two are no strikes: they hold for as long as they are on.
            often = "while on" if name in STATES else f"{count:,}"
            self._say(f"  {name:<20} {often:>9}")
        self._say("\nMessages from the sites")
        for line in proof.inbox_table(self._pairs):
            self._say(line)
        self._say("\nWhat must be true")
        for verdict in verdicts:
            self._say(f"  {'✓' if verdict.is_kept else '✗'} {verdict.what}")
            for fault in verdict.faults[:20]:
                self._say("      " + fault.strip().replace("\n", "\n      "))
        is_kept = all(verdict.is_kept for verdict in verdicts)
        self._say("\nEverything above is true." if is_kept else "\nNot everything above is true.")
        return is_kept

    def _say(self, line: str) -> None:
        self.report.append(line)
        self._say_line(line)


def write_report(folder: Path, plan: Plan, lines: Sequence[str], *, at: dt.datetime) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{at:%Y-%m-%dT%H%M%SZ}-seed-{plan.seed}.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
