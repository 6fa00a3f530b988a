"""What PostgreSQL broke off is tried again at the edge: real deadlocks and serialisation failures, and nothing else."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from erp.core import locks, rows
from erp.core.admin import ServiceAdmin
from erp.core.errors import DomainError
from erp.core.models import Department
from erp.core.retries import RETRIES, retried
from tests.racing import GIVE_UP_AFTER_S, race

ROOT = Path(__file__).resolve().parents[2]


class Crossing:
    """Two callers that take two locks in opposite order and meet in the middle, once: the first time they cannot but deadlock."""

    def __init__(self, *, in_pipeline: bool = False) -> None:
        self.calls: list[str] = []
        self._met = threading.Barrier(2, timeout=GIVE_UP_AFTER_S)
        self._in_pipeline = in_pipeline

    def caller(self, first: str, second: str) -> Callable[..., str]:
        tries = 0

        def take(**_who: Any) -> str:
            nonlocal tries
            tries += 1
            self.calls.append(first)
            with transaction.atomic():
                Department.objects.create(code=f"{first}{tries}", name="written before the deadlock")
                locks.hold(first)
                if tries == 1:
                    self._met.wait()
                if self._in_pipeline:
                    with rows.pipeline():
                        locks.hold(second)
                        rows.ask("SELECT 1")
                else:
                    locks.hold(second)
            return first

        return take


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_the_one_that_lost_a_deadlock_is_called_again(in_pipeline):
    crossing = Crossing(in_pipeline=in_pipeline)
    there, back = crossing.caller("a", "b"), crossing.caller("b", "a")

    outcomes = race(lambda: retried(there), lambda: retried(back))

    assert outcomes == ["a", "b"]
    assert len(crossing.calls) == 3
    assert Department.objects.count() == 2, "what the loser wrote the first time is gone"


@pytest.mark.django_db(transaction=True)
def test_without_it_one_of_them_fails():
    crossing = Crossing()

    outcomes = race(crossing.caller("a", "b"), crossing.caller("b", "a"))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["OperationalError", "str"]


@pytest.mark.django_db(transaction=True)
def test_a_page_of_the_back_office_calls_again(rf):
    page = cast(ServiceAdmin, admin.site._registry[Department])
    request = rf.post("/")
    request.user = User(username="mika")
    crossing = Crossing()
    there, back = crossing.caller("a", "b"), crossing.caller("b", "a")

    outcomes = race(lambda: page.serve(request, there), lambda: page.serve(request, back))

    assert outcomes == ["a", "b"]
    assert len(crossing.calls) == 3


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_cannot_be_serialised_is_begun_anew():
    Department.objects.create(code="N", name="0")
    seen = []

    def someone_else() -> None:
        Department.objects.filter(code="N").update(name="7")
        connection.close()

    def add_one() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            seen.append(Department.objects.get(code="N").name)
            if len(seen) == 1:
                meanwhile = threading.Thread(target=someone_else)
                meanwhile.start()
                meanwhile.join(GIVE_UP_AFTER_S)
            Department.objects.filter(code="N").update(name=str(int(seen[-1]) + 1))

    retried(add_one)

    assert seen == ["0", "7"]
    assert Department.objects.get(code="N").name == "8"


def losing(calls: list[int]) -> Callable[[], None]:
    def service() -> None:
        calls.append(1)
        raise OperationalError("deadlock detected") from DeadlockDetected("deadlock detected")

    return service


@pytest.mark.django_db(transaction=True)
def test_who_loses_again_and_again_is_told_so_in_the_end():
    calls: list[int] = []

    with pytest.raises(OperationalError):
        retried(losing(calls))

    assert len(calls) == 1 + RETRIES == 4


@pytest.mark.django_db(transaction=True)
def test_a_page_of_the_back_office_says_that_nothing_was_changed(client):
    calls: list[int] = []
    client.force_login(User.objects.create_superuser("mika"))
    page = cast(ServiceAdmin, admin.site._registry[Department])
    told: list[str] = []
    request = client.get("/admin/").wsgi_request
    page_message = page.message_user
    try:
        page.message_user = lambda _request, text, *_level: told.append(str(text))  # type: ignore[method-assign]
        with page.refusals_as_messages(request, "D1"):
            page.serve(request, lambda **_who: losing(calls)())
    finally:
        page.message_user = page_message  # type: ignore[method-assign]

    assert [text.partition(":")[0] for text in told] == ["D1"]
    assert len(calls) == 4


@pytest.mark.django_db
def test_within_a_transaction_nothing_can_be_saved_so_nothing_is_tried_again():
    calls: list[int] = []

    with pytest.raises(OperationalError):
        retried(losing(calls))

    assert len(calls) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "fault", [DomainError("no"), OperationalError("server closed the connection"), ValueError("bug")]
)
def test_everything_else_goes_through_at_once(fault):
    calls: list[int] = []

    def service() -> None:
        calls.append(1)
        raise fault

    with pytest.raises(type(fault)):
        retried(service)

    assert len(calls) == 1


def edges() -> Iterator[Path]:
    for app in ("erp", "accounting", "catalog", "customers"):
        for place in (ROOT / app).rglob("*.py"):
            if {"admin", "management"} & set(place.parts) or place.name == "admin.py":
                yield place


def test_every_edge_calls_services_through_it():
    """A service is what takes ``by``. Whoever names one and calls it directly would not be saved from a deadlock."""
    direct = []
    for place in edges():
        for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and any(word.arg == "by" for word in node.keywords):
                name = ast.unparse(node.func)
                if name not in THROUGH and not name.endswith("._each"):
                    direct.append(f"{place.relative_to(ROOT)}: {name}")

    assert direct == []


THROUGH = {
    "retried",
    # The act of a preview, which is retried with the looking that follows it.
    "service",
    # A run of the command, which calls services itself; what runs within one of its transactions.
    "Replay",
    "record_returns",
    "record_unlinked_returns",
    "open_location",
    "sell_from",
    # Long runs that begin nothing again by themselves; the rows in which they note how they ended are nobody else's.
    "make_backup",
    "drilling.drill",
    "resume_after_restore",
    "leftovers.clear_up",
    "noting.begin",
    "noting.restore_statement",
    "backup_runs.settle",
    "backup_runs.break_off",
    # What is read by SKU, by place or by month: that ``by`` acts on nothing.
    "selectors.stock_totals_as_of",
    "ages.turnover",
    "ages.sell_through",
    "reports.flows_between",
    "reports.values_on",
    "asked",
    # One chunk of the command; each service in it is retried.
    "self._work",
}
