"""How many requests a key has per minute: a fixed window that all web processes count together in Redis, in one round trip.

A process that serves many requests of a key takes them by the hundredth of its limit, and asks again when they are used up; near the limit,
and for the first request of a window, it takes one. What it took and did not use is lost with the window: at most a hundredth per process.
A reading call does not wait for it: the count is asked for before its own work and read behind it. Whoever is over the limit is remembered
for the rest of the window, so that one such call per process does its work for nothing and no more. Without Redis the requests pass: a limit
protects Mamori from a site gone wild, and is no reason to stop selling.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import redis
import structlog
from django.conf import settings

WINDOW_S = 60
TIMEOUT_S = 0.25
# How long a process does not ask a Redis that did not answer.
REST_S = 5.0
# What a process takes at once, as a part of the limit, until that much of the limit is used.
BLOCK, NEAR = 100, 0.9

log = structlog.get_logger(__name__)


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


@dataclass(slots=True)
class _Block:
    """Requests of one window that this process took. ``free``: their numbers among all that nobody used yet, ``counted``: how many all
    processes took, ``is_asked``: a thread is taking more, so that no other does."""

    window: int
    free: range = range(0)
    counted: int = 0
    is_asked: bool = False


class RateCounter:
    """One per process and Redis. ``now`` is seconds since 1970."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._rests_until = 0.0
        self._exceeded: dict[str, int] = {}
        self._blocks: dict[str, _Block] = {}
        self._lock = threading.Lock()

    def ask(self, key: str, *, limit: int, now: float) -> Callable[[], Allowance]:
        """Count one request of ``key``; the result must be called, and tells what is left."""
        window, since = divmod(int(now), WINDOW_S)
        number, size = self._take(key, window, limit)
        count = None if number else self._ask_count(f"mamori:rate:{key}:{window}", size)

        def allowance() -> Allowance:
            used = number if count is None else self._keep(key, window, count(), size)
            if used > limit:
                self._exceeded[key] = window
            return Allowance(limit, max(limit - used, 0), WINDOW_S - since, used > limit)

        return allowance

    def _take(self, key: str, window: int, limit: int) -> tuple[int, int]:
        """The number of a request that was taken before, or 0 and how many to take now."""
        with self._lock:
            block = self._blocks.get(key)
            if block is None or block.window != window:
                self._blocks[key] = _Block(window)
                return 0, 1
            if block.free:
                number, block.free = block.free[0], block.free[1:]
                return number, 0
            size = limit // BLOCK
            if size <= 1 or block.is_asked or block.counted >= NEAR * limit:
                return 0, 1
            block.is_asked = True
            return 0, size

    def _keep(self, key: str, window: int, counted: int, size: int) -> int:
        """The number of the first of the requests taken now; the others wait in the block. 0 when nothing was counted."""
        first = counted - size + 1 if counted else 0
        with self._lock:
            block = self._blocks[key]
            if block.window == window:
                block.counted = max(block.counted, counted)
                if size > 1:
                    block.is_asked = False
                    block.free = range(first + 1, counted + 1) if counted else range(0)
        return first

    def is_known_to_exceed(self, key: str, *, now: float) -> bool:
        """This process has seen the key over its limit in this window."""
        return self._exceeded.get(key) == int(now) // WINDOW_S

    def _ask_count(self, name: str, size: int) -> Callable[[], int]:
        if time.monotonic() < self._rests_until:
            return lambda: 0
        try:
            answer = self._send(name, size)
        except redis.RedisError as error:
            return self._uncounted(error)

        def counted() -> int:
            try:
                return answer()
            except redis.RedisError as error:
                return self._uncounted(error)()

        return counted

    def _send(self, name: str, size: int) -> Callable[[], int]:
        """Raises RedisError, as its result does."""
        pool = self._redis.connection_pool
        connection = pool.get_connection()

        def answer() -> int:
            is_read = False
            try:
                count = int(connection.read_response())
                connection.read_response()
                is_read = True
            finally:
                if not is_read:
                    connection.disconnect()  # type: ignore[no-untyped-call]
                pool.release(connection)
            return count

        try:
            commands = [("INCRBY", name, size), ("EXPIRE", name, 2 * WINDOW_S, "NX")]
            connection.send_packed_command(connection.pack_commands(commands))  # type: ignore[no-untyped-call]
        except BaseException:
            connection.disconnect()  # type: ignore[no-untyped-call]
            pool.release(connection)
            raise
        return answer

    def _uncounted(self, error: redis.RedisError) -> Callable[[], int]:
        with self._lock:
            self._rests_until = time.monotonic() + REST_S
        log.warning("rate_limit_not_counted", error=str(error), rests_s=REST_S)
        return lambda: 0


@lru_cache(maxsize=4)
def _counter(url: str) -> RateCounter:
    return RateCounter(url)


def ask(key: str, *, limit: int) -> Callable[[], Allowance]:
    """See ``RateCounter.ask``."""
    return _counter(settings.REDIS_URL).ask(key, limit=limit, now=time.time())


def is_known_to_exceed(key: str) -> bool:
    return _counter(settings.REDIS_URL).is_known_to_exceed(key, now=time.time())
