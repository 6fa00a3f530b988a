"""Probes for machines: ``/healthz`` says the process lives, ``/readyz`` that what it needs answers."""

import contextlib
from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from erp.core import changes

log = structlog.get_logger(__name__)
TIMEOUT_S = 2.0


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Asks nobody, so that a slow database does not get a healthy process restarted."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """What the process needs, and how far the change feed is behind. A late feed is told, but sends nobody away: it is late for every process."""
    answers = {name: outcome(name, ask) for name, ask in CHECKS.items()}
    is_ready = set(answers.values()) == {"ok"}
    status = "ok" if is_ready else "unavailable"
    return JsonResponse({"status": status, "checks": answers, "feed": _feed()}, status=200 if is_ready else 503)


def _feed() -> dict[str, float] | None:
    try:
        lag = changes.lag()
    except DatabaseError as error:
        log.warning("feed_unknown", error=str(error))
        return None
    return {"lag_s": round(lag.behind_s, 3), "oldest_transaction_s": round(lag.oldest_transaction_s, 3)}


def outcome(name: str, ask: Callable[[], None]) -> str:
    try:
        ask()
    except (DatabaseError, redis.RedisError) as error:
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
