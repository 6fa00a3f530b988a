"""The frame of every write use-case: one transaction, signed with its actor so that the audit trigger knows who."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation

from erp.core import rows
from erp.core.actors import Actor
from erp.core.clock import refuse_unbookable

P = ParamSpec("P")
R = TypeVar("R")


# Statements of a use-case are look-ups by key: planning them anew for each parameter costs more than it can win.
_SIGN = """
SELECT set_config('mamori.actor', %s, true), set_config('mamori.source', %s, true),
       set_config('plan_cache_mode', 'force_generic_plan', true)
"""


def sign(by: Actor) -> None:
    """Tell the database who acts in this transaction. Audited rows that nobody signed carry the database user instead."""
    with connection.cursor() as cursor:
        cursor.execute(_SIGN, [str(by), by.source])


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Run a service in a transaction and sign it with its keyword ``by``. A date that cannot be booked is refused before (``clock``).

    A use-case called inside another joins its transaction and stands or falls with it: never catch a refusal of an inner one, ask before.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if isinstance(at := kwargs.get("at"), dt.datetime):
            refuse_unbookable(kwargs, at=at)
        if getattr(connection, "mamori_use_case", False):
            return function(*args, **kwargs)
        by = _actor(function, kwargs)
        with transaction.atomic(), _as_use_case(by):
            with rows.pipeline():  # BEGIN and the signature travel together
                sign(by)
            return function(*args, **kwargs)

    return run


def pipelined(function: Callable[P, R]) -> Callable[P, R]:
    """A use-case of a hot path: a statement is waited for only where its answer is read, and COMMIT travels with the last writes.

    Hence nothing in it may count the rows it changed, or COPY, without ``rows.leave_pipeline()`` first.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if getattr(connection, "mamori_use_case", False):
            return function(*args, **kwargs)
        is_outermost = not connection.in_atomic_block
        by = _actor(function, kwargs)
        with transaction.atomic(), _as_use_case(by), rows.long_pipeline() as commit:
            sign(by)
            result = function(*args, **kwargs)
            if is_outermost:
                commit()
            return result

    return run


def in_one_statement(statement: str, parameters: Sequence[Any], *, by: Actor) -> rows.Answer:
    """A use-case that is one statement. Where it is all there is, it is a transaction of its own and carries its signature with it: neither
    BEGIN nor COMMIT travels. Inside a use-case it is asked as any statement.

    ``statement`` names who acts as ``{actor}``, behind all ``parameters``.
    """
    if getattr(connection, "mamori_use_case", False):
        return rows.ask(_unsigned(statement), [*parameters, str(by)])
    signed = _signed(statement), [str(by), by.source, *parameters]
    if not connection.in_atomic_block:
        return rows.ask(*signed)
    with transaction.atomic():
        return rows.ask(*signed)


@lru_cache(maxsize=16)
def _unsigned(statement: str) -> str:
    return statement.format(actor="%s::text")


@lru_cache(maxsize=16)
def _signed(statement: str) -> str:
    """Read from the signature, so that it is there before anything acts."""
    act = statement.format(actor="signed.actor")
    return f"SELECT act.* FROM ({_SIGN}) AS signed (actor, source, plans), LATERAL ({act}) AS act"  # noqa: S608


@contextmanager
def _as_use_case(by: Actor) -> Iterator[None]:
    connection.mamori_use_case = by  # type: ignore[attr-defined]
    try:
        # What is stored speaks the house's language, whichever one the page of whoever acts is in.
        with translation.override(settings.LANGUAGE_CODE):
            yield
    finally:
        connection.mamori_use_case = None  # type: ignore[attr-defined]


def acting() -> Actor:
    """Who acts in the use-case under way, for what follows from it by a rule of the house rather than by an argument of its caller."""
    by = getattr(connection, "mamori_use_case", None)
    if not isinstance(by, Actor):
        raise AssertionError("nobody acts here: this belongs into a use-case")
    return by


def _actor(function: Callable[..., Any], kwargs: Mapping[str, Any]) -> Actor:
    by = kwargs.get("by")
    if not isinstance(by, Actor):
        raise AssertionError(f"{function.__qualname__} needs an actor: pass by=Actor(...)")
    return by
