"""How many requests a key has per minute: a fixed window that all web processes count together in Redis, in one round trip.

Without Redis the requests pass: a limit protects Mamori from a site gone wild, and is no reason to stop selling.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import lru_cache

import redis
import structlog
from django.conf import settings

WINDOW_S = 60
TIMEOUT_S = 0.25
# How long a process does not ask a Redis that did not answer.
REST_S = 5.0

log = structlog.get_logger(__name__)

_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key has left in this window, which ends in ``reset_s`` seconds."""

    limit: int
    remaining: int
    reset_s: int
    is_exceeded: bool

    def headers(self) -> dict[str, str]:
        named = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }
        return named | {"Retry-After": str(self.reset_s)} if self.is_exceeded else named


class RateCounter:
    """One per process and Redis. ``clock`` is given by tests."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._count = self._redis.register_script(_COUNT)
        self._rests_until = 0.0
        self._lock = threading.Lock()

    def take(self, key: str, *, limit: int, now: float) -> Allowance:
        """Count one request of ``key`` at ``now`` (seconds since 1970)."""
        window, since = divmod(int(now), WINDOW_S)
        count = self._counted(f"mamori:rate:{key}:{window}")
        return Allowance(limit, max(limit - count, 0), WINDOW_S - since, count > limit)

    def _counted(self, name: str) -> int:
        if time.monotonic() < self._rests_until:
            return 0
        try:
            return int(self._count(keys=[name], args=[2 * WINDOW_S]))
        except redis.RedisError as error:
            with self._lock:
                self._rests_until = time.monotonic() + REST_S
            log.warning("rate_limit_not_counted", error=str(error), rests_s=REST_S)
            return 0


@lru_cache(maxsize=4)
def _counter(url: str) -> RateCounter:
    return RateCounter(url)


def take(key: str, *, limit: int) -> Allowance:
    return _counter(settings.REDIS_URL).take(key, limit=limit, now=time.time())
