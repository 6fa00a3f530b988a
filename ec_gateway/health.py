"""Probes for machines: ``/healthz`` says the process lives, ``/readyz`` that what it needs answers, and how the work goes."""

import contextlib
import datetime as dt
from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.models import Min, Q
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ec_gateway.models import InboundEvent, SitePush
from ec_gateway.services import access
from erp.core import changes
from erp.core.health import State, judge, worst
from erp.core.work_queues import measure, named

log = structlog.get_logger(__name__)
TIMEOUT_S = 2.0
QUEUES = ("celery", "ec_gateway")


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Asks nobody, so that a slow database does not get a healthy process restarted."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """What the process needs, which alone decides; and how the work goes, which is as late for every other process and so sends nobody away."""
    answers = {name: outcome(name, ask) for name, ask in CHECKS.items()}
    is_ready = set(answers.values()) == {"ok"}
    at = timezone.now()
    can_be_asked = answers["database"] == "ok"
    told = {name: _figure(name, ask, at) if can_be_asked else None for name, ask in TOLD.items()}
    states = {name: _judged(name, figures) for name, figures in told.items()} if can_be_asked else {}
    status = "ok" if is_ready else "unavailable"
    return JsonResponse(
        {"status": status, "checks": answers, **told, "states": states}, status=200 if is_ready else 503
    )


def _judged(name: str, told: Any) -> State:
    """By the limits of the page on which people read the same. What could not be had is in trouble; a key that never ends is not."""
    if isinstance(told, dict):
        return worst(_judged(name if name == "messages" else part, value) for part, value in told.items())
    return State.OK if told is None and name == "ends_in_days" else judge(name, told)


def _figure(name: str, ask: Callable[[dt.datetime], Any], at: dt.datetime) -> Any:
    """None: it cannot be had now."""
    try:
        return ask(at)
    except Error as error:
        log.warning("figure_unknown", figure=name, error=str(error))
        return None


def _feed(at: dt.datetime) -> dict[str, float]:
    lag = changes.lag()
    return {"lag_s": round(lag.behind_s, 3), "oldest_transaction_s": round(lag.oldest_transaction_s, 3)}


def _queues(at: dt.datetime) -> dict[str, Any]:
    """Messages that wait for a worker, and for how long the oldest news in an inbox and the oldest stock to be pushed are due."""
    try:
        messages = queue_lengths()
    except redis.RedisError as error:
        log.warning("figure_unknown", figure="messages", error=str(error))
        messages = None
    return {"messages": messages, "inbox_waits_s": inbox_waits_s(at), "push_waits_s": push_waits_s(at)}


def inbox_waits_s(at: dt.datetime) -> float:
    """For how long the oldest news of a site that could be worked off has not been."""
    waiting = InboundEvent.objects.filter(state=InboundEvent.State.RECEIVED).filter(
        Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=at)
    )
    return _age(waiting.aggregate(oldest=Min("received_at"))["oldest"], at)


def push_waits_s(at: dt.datetime) -> float:
    due = SitePush.objects.filter(dirty_since__isnull=False, due_at__lte=at)
    return _age(due.aggregate(oldest=Min("due_at"))["oldest"], at)


def _age(oldest: dt.datetime | None, at: dt.datetime) -> float:
    return 0.0 if oldest is None else round(max((at - oldest).total_seconds(), 0.0), 3)


def _sites(at: dt.datetime) -> dict[str, int]:
    """How many sites are not talked to, and how much work for sites fails."""
    return {"not_talked_to": _waiting("ec_gateway.paused"), "failing_activities": _waiting("ec_gateway.activities")}


def _drift(at: dt.datetime) -> int:
    return _waiting("ec_gateway.drift")


def _waiting(queue: str) -> int:
    return measure(named(queue)).count


def _access(at: dt.datetime) -> dict[str, float | None]:
    """In how many days the first key or credentials end that nothing has replaced; negative: they have, null: none does. Whose is nobody's
    business here."""
    ends = access.next_end(at=at)
    return {"ends_in_days": None if ends is None else round((ends - at).total_seconds() / 86_400, 2)}


TOLD: dict[str, Callable[[dt.datetime], Any]] = {
    "feed": _feed,
    "queues": _queues,
    "sites": _sites,
    "drift": _drift,
    "access": _access,
}


def queue_lengths() -> dict[str, int]:
    """Raises RedisError."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    with contextlib.closing(client):
        return {name: client.llen(name) for name in QUEUES}


def outcome(name: str, ask: Callable[[], None]) -> str:
    try:
        ask()
    except (Error, redis.RedisError) as error:
        # The reason may name hosts and users, so it goes to the log and not to whoever asks.
        log.warning("not_ready", check=name, error=str(error))
        return "unavailable"
    return "ok"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_broker() -> None:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    with contextlib.closing(client):
        client.ping()


CHECKS: dict[str, Callable[[], None]] = {"database": _ask_database, "broker": _ask_broker}
