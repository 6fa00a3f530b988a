"""What calls about orders and sales share: their message is kept whatever becomes of it, and in a list one bad item harms no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar, Protocol

import structlog
from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from ec_gateway.api import order_answers as told
from ec_gateway.api.frame import Answer, ApiView
from ec_gateway.services.intake import keep_messages
from erp.core.errors import DomainError, InvalidInput, NotFound, Problem
from erp.core.retries import is_conflict, is_passing, retried
from erp.orders.exceptions import OrderNotFound

MOST_ORDERS, CHUNK = 500, 100

# A message: the number that it names, what was sent, and why nothing came of it.
Lost = tuple[str, Any, Exception]

log = structlog.get_logger(__name__)


class Numbered(Protocol):
    """What a list is sorted by, and its messages are kept under."""

    @property
    def external_id(self) -> str: ...


class OrderCall(ApiView):
    """Nothing that was sent about an order is lost: what is refused, or fails for whatever reason, is kept in a transaction of its own."""

    kind: ClassVar = "order"

    def named(self, external_id: str) -> str:
        if len(external_id) > 100:
            raise OrderNotFound(_("There is no such order."))
        return external_id

    def json_body(self, request: Request) -> Any:
        try:
            return super().json_body(request)
        except (ParseError, InvalidInput) as error:
            refusal = (
                error if isinstance(error, DomainError) else InvalidInput([Problem("", "malformed_json", str(error))])
            )
            self.keep(request, [("", _raw(request), refusal)])
            raise

    def keep(self, request: Request, lost: Sequence[Lost]) -> None:
        keep_messages(channel_id=self.client.channel_id, kind=self.kind, lost=lost, at=self.at, by=self.actor(request))

    def kept(self, request: Request, external_id: str, body: Any, effect: Callable[[], Answer]) -> HttpResponse:
        """Run ``effect`` as ``write`` does, and keep the message when nothing comes of it."""
        try:
            return self.write(request, body, effect)
        except DomainError as refusal:
            is_kept_whole = _ONLY_RAW.isdisjoint(problem.code for problem in refusal.problems)
            self.keep(request, [(external_id, body if is_kept_whole else _raw(request), refusal)])
            raise
        except Exception as fault:
            self.keep_failed(request, [(external_id, body, fault)])
            raise

    def keep_failed(self, request: Request, lost: Sequence[Lost]) -> None:
        """Keep what failed, as far as anything can be kept now. The first reason is the one that counts: the sender hears it, and sends again."""
        try:
            self.keep(request, lost)
        except Exception:
            log.exception("message_not_kept", path=request.path, count=len(lost))


class ListCall(OrderCall):
    """Many orders or sales at once, worked off in steps that each commit."""

    def listed(self, request: Request, body: Any, name: str, effect: Callable[[Sequence[Any]], Answer]) -> HttpResponse:
        """Run ``effect`` on the list in ``body``, as ``write`` does. What ends the call before its first step is kept whole."""
        has_begun = False

        def begun() -> Answer:
            nonlocal has_begun
            has_begun = True
            return effect(items)

        try:
            items = items_of(body, name, MOST_ORDERS)
            return self.write(request, body, begun, commits_in_steps=True)
        except DomainError as refusal:
            if not has_begun:
                self.keep(request, [("", body, refusal)])
            raise
        except Exception as fault:
            if not has_begun:
                self.keep_failed(request, [("", body, fault)])
            raise

    def in_steps(
        self,
        request: Request,
        items: Sequence[Any],
        inputs: Mapping[int, Numbered],
        effect: Callable[[Sequence[int]], Sequence[dict[str, Any]]],
    ) -> dict[int, dict[str, Any]]:
        """The results of ``effect`` by place, sorted by number and at most a hundred at once. A step that fails as a whole is done again one by
        one, so that only the bad one stays behind.

        Raises what concerns the whole call, such as a channel that sells from nowhere, once the rest of the list is kept.
        """
        results: dict[int, dict[str, Any]] = {}
        in_order = sorted(inputs, key=lambda place: (inputs[place].external_id, place))
        steps = [in_order[first : first + CHUNK] for first in range(0, len(in_order), CHUNK)]
        while steps:
            step = steps.pop(0)
            try:
                results |= zip(step, retried(effect, step), strict=True)
            except Exception as fault:
                if _concerns_the_call(fault):
                    left = chain(step, *steps)
                    self.keep_failed(request, [(inputs[place].external_id, items[place], fault) for place in left])
                    raise
                if len(step) > 1:
                    log.warning("step_failed", path=request.path, count=len(step), why=str(fault))
                    steps[:0] = [[place] for place in step]
                else:
                    [place] = step
                    results[place] = told.failed_body(inputs[place].external_id, fault, path=request.path)
                    self.keep_failed(request, [(inputs[place].external_id, items[place], fault)])
        return results


def _concerns_the_call(fault: Exception) -> bool:
    """Whether every other step would end like this one: there is no such channel, or no database."""
    return isinstance(fault, NotFound) or (is_passing(fault) and not is_conflict(fault))


# What JSON of ours cannot say is kept as the text that came.
_ONLY_RAW = frozenset({"not_a_number", "number_too_large", "nul_character", "lone_surrogate"})


def _raw(request: Request) -> str:
    return request._request.body.decode("utf-8", "replace")


def id_in(body: Any) -> str:
    """The order's number as far as a message says one, for the message log."""
    found = body.get("external_id") if isinstance(body, dict) else None
    return found if isinstance(found, str) and "\x00" not in found and found.isprintable() else ""


def items_of(body: Any, name: str, most: int) -> list[Any]:
    """The list of a bulk call. Raises InvalidInput."""
    if not isinstance(body, dict):
        raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
    items = body.get(name)
    problems = [
        Problem(f"/{key[:100]}", "unknown_field", _("The contract has no such field.")) for key in body if key != name
    ]
    if not isinstance(items, list):
        problems.append(Problem(f"/{name}", "not_a_list", _("A JSON array is needed.")))
    elif not 1 <= len(items) <= most:
        detail = _("1 to %(most)s are possible at once.") % {"most": most}
        problems.append(Problem(f"/{name}", "bad_count", detail))
    if problems:
        raise InvalidInput(problems)
    return list(items or ())
