"""Signs what staff write outside of services: master data edited in plain admin forms. Services sign their own transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponseBase

from erp.core.actors import Actor
from erp.core.use_case import sign

READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET", "SHOW", "EXPLAIN")


def actor_of(request: HttpRequest) -> Actor:
    """The member of staff behind a request, and from where: address and page."""
    return Actor.staff(request.user.get_username(), f"{request.META.get('REMOTE_ADDR', '')} {request.path}")


class ActorMiddleware:
    """Signs each writing statement of a logged-in user, in the transaction of that statement.

    The signature is local to the transaction, and a statement outside of one gets one: nothing is left on a connection that another request
    takes from the pool. A rolled-back savepoint takes a signature with it, hence every statement and not only the first.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        def signed(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
            is_read = isinstance(sql, str) and sql.lstrip().upper().startswith(READS)
            if is_read or getattr(connection, "mamori_use_case", False) or not request.user.is_authenticated:
                return execute(sql, params, many, context)
            with transaction.atomic(savepoint=False):
                sign(actor_of(request))
                return execute(sql, params, many, context)

        with connection.execute_wrapper(signed):
            return self.get_response(request)
