"""What every edge (admin, command, job, API) calls a service through: what PostgreSQL broke off is tried again.

Two callers can still meet in a deadlock, or a serialisation failure, although the house locks in one order. PostgreSQL then ends one of them;
nothing of it was written, so the same call again is right. Only the outermost call may do so: inside a transaction nothing can be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import structlog
from django.db import Error, InterfaceError, OperationalError, connection
from psycopg import Error as DriverError
from psycopg import OperationalError as DriverOperationalError

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3
DEADLOCK, SERIALIZATION = "40P01", "40001"

log = structlog.get_logger(__name__)


def retried(service: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call ``service`` and, when it lost a deadlock or a serialisation conflict, up to three times again.

    Its arguments must stand being read again: no iterators. Everything else that it raises goes through, refusals and the last conflict too.
    """
    for left in reversed(range(RETRIES + 1)):
        try:
            return service(*args, **kwargs)
        except (Error, DriverError) as fault:
            if not left or connection.in_atomic_block or not is_conflict(fault):
                raise
            log.warning("broken off by the database, tried again", service=_name(service), left=left, why=str(fault))
    raise AssertionError("the last try returns or raises")


def is_conflict(fault: BaseException) -> bool:
    """Whether PostgreSQL ended the caller because of another one. In a pipeline the reason may lie behind the error that surfaced."""
    return any(getattr(error, "sqlstate", None) in (DEADLOCK, SERIALIZATION) for error in chain(fault))


def is_passing(fault: BaseException) -> bool:
    """Whether the database is away, overloaded, or ended the caller because of another one: the same later may work, and says nothing of what
    was to be written."""
    if isinstance(fault, OperationalError | InterfaceError | DriverOperationalError):
        return True
    return isinstance(fault, Error | DriverError) and is_conflict(fault)


def chain(fault: BaseException | None) -> Iterator[BaseException]:
    """``fault`` and whatever lies behind it."""
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or fault.__context__


def _name(service: Callable[..., object]) -> str:
    return getattr(service, "__qualname__", "") or repr(service)
